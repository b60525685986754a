//! What policies know of senders: whom the identity provider vouches for, and that nobody shows an assertion that another showed before.

use super::Provider;
use super::message::MessageIdentity;
use super::secret::Digest;
use crate::policy::{Claim, Identities, User};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Assertions of which is known who showed them first, at most. When there is no room, those that have ended are forgotten, or else all.
const MAX_SHOWN: usize = 100_000;

/// Verifies senders by an identity provider, as soon as there is one.
///
/// An assertion goes along with messages, so that whoever got one could show it as his own. It is of whichever runtime shows it to this node first: that
/// is its owner's, as nobody else has it before he sent it.
#[derive(Default)]
pub struct Vouched {
    provider: OnceLock<Arc<Provider>>,
    /// By assertion: the runtime, and when the assertion ends, in s since 1970.
    shown: Mutex<HashMap<Digest, (Arc<str>, u64)>>,
}

impl Vouched {
    /// Asks this provider from now on. A second one is not asked.
    pub fn ask(&self, provider: Arc<Provider>) {
        let _ = self.provider.set(provider);
    }

    fn is_first(&self, assertion: &str, runtime: &str, ends_s: u64, now_s: u64) -> bool {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let name = Digest::of(assertion.as_bytes());
        if let Some((first, _)) = shown.get(&name) {
            return &**first == runtime;
        }
        if shown.len() >= MAX_SHOWN {
            shown.retain(|_, (_, ends_s)| *ends_s > now_s);
        }
        if shown.len() >= MAX_SHOWN {
            shown.clear();
        }
        shown.insert(name, (runtime.into(), ends_s));
        true
    }
}

impl Identities for Arc<Vouched> {
    fn verified(&self, claim: &Claim<'_>) -> Option<Arc<User>> {
        let provider = self.provider.get()?;
        let now_s = u64::try_from(claim.now_ms / 1_000).ok()?;
        let identity: MessageIdentity = serde_json::from_str(claim.identity.get()).ok()?;
        // Nobody has checked who a guest is.
        let sender = provider.sender(&identity, now_s).ok().filter(|sender| !sender.guest)?;
        if !self.is_first(identity.assertion.as_deref()?, claim.runtime, sender.expires_s, now_s) {
            return None;
        }
        let until_ms = i64::try_from(sender.expires_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Some(Arc::new(User { issuer: sender.domain, url: sender.user_url, email: sender.email, guid: None, until_ms }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_of_whoever_showed_it_first() {
        let vouched = Vouched::default();
        assert!(vouched.is_first("a", "runtime://d/1", 100, 0) && vouched.is_first("a", "runtime://d/1", 100, 1));
        assert!(!vouched.is_first("a", "runtime://d/2", 100, 2), "who received it");
        assert!(vouched.is_first("b", "runtime://d/2", 100, 2));
    }

    #[test]
    fn what_has_ended_makes_room() {
        let vouched = Vouched::default();
        for n in 0..MAX_SHOWN {
            assert!(vouched.is_first(&n.to_string(), "runtime://d/1", if n == 0 { 100 } else { 10 }, 0));
        }
        assert!(vouched.is_first("more", "runtime://d/2", 100, 50));
        assert!(!vouched.is_first("0", "runtime://d/2", 100, 50), "it has not ended");
        assert_eq!(vouched.shown.lock().unwrap().len(), 2);
    }
}
