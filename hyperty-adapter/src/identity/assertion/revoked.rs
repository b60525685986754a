//! Assertions that are no longer good although they have not ended.

use std::collections::HashMap;

/// Entries at most. When it is full, all assertions made until then are taken for revoked: it fails closed, and clients fetch new ones.
pub const MAX_REVOCATIONS: usize = 100_000;

/// What was revoked: single assertions, and all that an account had until some moment.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    /// Name of the assertion, and when it would have ended.
    single: HashMap<String, u64>,
    /// Issuer and subject; what was made until then is not good, and when that may be forgotten.
    subjects: HashMap<(String, String), (u64, u64)>,
    everything_until_s: Option<u64>,
}

impl Revocations {
    /// Revokes one assertion, which would have ended at `expires_s`.
    pub fn revoke(&mut self, jti: &str, expires_s: u64, now_s: u64) {
        if self.has_room(now_s) {
            self.single.insert(jti.to_owned(), expires_s);
        }
    }

    /// Revokes all that `subject` has had until now, of which none lives longer than `lifetime_s`.
    pub fn revoke_subject(&mut self, issuer: &str, subject: &str, lifetime_s: u64, now_s: u64) {
        if self.has_room(now_s) {
            let until = (now_s, now_s.saturating_add(lifetime_s));
            self.subjects.insert((issuer.to_owned(), subject.to_owned()), until);
        }
    }

    /// Whether an assertion is revoked.
    #[must_use]
    pub fn is_revoked(&self, issuer: &str, subject: &str, jti: &str, issued_s: u64) -> bool {
        self.everything_until_s.is_some_and(|until| issued_s <= until)
            || self.single.contains_key(jti)
            || self.subjects.get(&(issuer.to_owned(), subject.to_owned())).is_some_and(|(until, _)| issued_s <= *until)
    }

    fn has_room(&mut self, now_s: u64) -> bool {
        if self.single.len() + self.subjects.len() < MAX_REVOCATIONS {
            return true;
        }
        self.single.retain(|_, expires_s| *expires_s > now_s);
        self.subjects.retain(|_, (_, forget_s)| *forget_s > now_s);
        if self.single.len() + self.subjects.len() < MAX_REVOCATIONS {
            return true;
        }
        self.single.clear();
        self.subjects.clear();
        self.everything_until_s = Some(now_s);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_list_fails_closed_and_an_old_one_forgets() {
        let mut list = Revocations::default();
        for n in 0..MAX_REVOCATIONS {
            list.revoke(&format!("j{n}"), 100, 1);
        }
        list.revoke_subject("i", "s", 10, 200);
        assert!(list.is_revoked("i", "s", "x", 200) && !list.is_revoked("i", "s", "x", 201));
        assert!(!list.is_revoked("i", "t", "j5", 50), "those that had ended made room");
        for n in 0..=MAX_REVOCATIONS {
            list.revoke(&format!("k{n}"), 1_000, 300);
        }
        assert!(list.is_revoked("other", "anybody", "y", 300), "full: everything until then");
        assert!(!list.is_revoked("other", "anybody", "y", 301));
    }
}
