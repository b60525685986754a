//! Passwords: what may be one (NIST SP 800-63B section 5.1.1.2: length, not kinds of characters), and their hashes (argon2id, RFC 9106).

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::Semaphore;

/// Shortest password, in characters.
pub const MIN_PASSWORD_CHARS: usize = 10;
/// Longest password, in bytes: enough for a sentence.
pub const MAX_PASSWORD_BYTES: usize = 1_024;
/// Those who wait for their turn at most. What is more is told to come again.
const WAITING: usize = 64;

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WeakPassword {
    /// Too short.
    #[error("a password has {MIN_PASSWORD_CHARS} characters at least: take a few words")]
    Short,
    /// Too long.
    #[error("a password has {MAX_PASSWORD_BYTES} bytes at most")]
    Long,
    /// Of few different characters, or one that everybody tries first.
    #[error("this password is one of those that are tried first: take a few words that do not belong together")]
    Common,
    /// The name or address is in it.
    #[error("a password does not have one's own address or name in it")]
    Own,
}

/// What is tried first, of ten characters and more.
const COMMON: [&str; 12] = [
    "1234567890",
    "12345678910",
    "123456789a",
    "password123",
    "password1234",
    "passwort123",
    "qwertyuiop",
    "qwerty12345",
    "iloveyou123",
    "letmein123",
    "administrator",
    "motdepasse1",
];

/// Holds a password to the rules. `own` are the owner's address and name.
///
/// # Errors
/// [`WeakPassword`].
pub fn accept_password(password: &str, own: &[&str]) -> Result<(), WeakPassword> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(WeakPassword::Long);
    }
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(WeakPassword::Short);
    }
    let small = password.to_lowercase();
    let mut different: Vec<char> = small.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < 5 || COMMON.contains(&small.as_str()) {
        return Err(WeakPassword::Common);
    }
    let is_own = |text: &&str| {
        let text = text.split('@').next().unwrap_or_default().to_lowercase();
        text.chars().count() >= 4 && small.contains(&text)
    };
    if own.iter().any(is_own) { Err(WeakPassword::Own) } else { Ok(()) }
}

/// Too many passwords are being hashed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many people are signing in at this moment: try again in a few seconds")]
pub struct Busy;

/// Hashes passwords, a few at a time, away from the threads that serve others: a crowd that signs in at once queues here and takes no more memory.
#[derive(Debug, Clone)]
pub struct Hasher {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// What is verified where there is no account, so that an answer takes as long as where there is one.
    nobody: Arc<str>,
}

fn argon2() -> Argon2<'static> {
    // 19 MiB, two passes, one lane: the second choice of RFC 9106 is too large for a small server; these are OWASP's.
    let params = Params::new(19 * 1_024, 2, 1, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> String {
    let salt = crate::identity::secret::random_bytes::<16>();
    let hashed = argon2().hash_password_with_salt(password.as_bytes(), &salt);
    hashed.expect("the salt and the password have lengths that argon2 takes").to_string()
}

impl Hasher {
    /// One that hashes so many at once.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(at_once.max(1))),
            waiting: Arc::new(Semaphore::new(WAITING)),
            nobody: hash("no account has this").into(),
        }
    }

    /// The hash of a password, as a PHC string.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn hash(&self, password: String) -> Result<String, Busy> {
        self.run(move || hash(&password)).await
    }

    /// Whether this is the password of a hash. `None` is of nobody: it takes as long and is never right.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn verify(&self, password: String, phc: Option<String>) -> Result<bool, Busy> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        let nobody = self.nobody.clone();
        let is_somebody = phc.is_some();
        let right = move || {
            let Ok(hash) = PasswordHash::new(phc.as_deref().unwrap_or(&nobody)) else { return false };
            argon2().verify_password(password.as_bytes(), &hash).is_ok()
        };
        Ok(self.run(right).await? && is_somebody)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _waiting = self.waiting.clone().try_acquire_owned().map_err(|_| Busy)?;
        let turn = self.at_once.clone().acquire_owned().await.map_err(|_| Busy)?;
        // The turn ends with the work, also where nobody waits for it any more.
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        worked.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_rather_than_strange() {
        let accept = |password: &str| accept_password(password, &["anne@example.org", "Anne Smith"]);
        assert_eq!(accept("correct horse battery"), Ok(()));
        assert_eq!(accept("short"), Err(WeakPassword::Short));
        assert_eq!(accept(&"ab c".repeat(300)), Err(WeakPassword::Long));
        assert_eq!(accept("aaaaaaaaaaaa"), Err(WeakPassword::Common));
        assert_eq!(accept("Password123"), Err(WeakPassword::Common));
        assert_eq!(accept("my name is ANNE"), Err(WeakPassword::Own));
    }

    #[tokio::test]
    async fn a_crowd_queues_and_what_is_more_is_told_so() {
        let hasher = Hasher::new(2);
        let phc = hasher.hash("correct horse".into()).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(hasher.verify("correct horse".into(), Some(phc.clone())).await.unwrap());
        assert!(!hasher.verify("correct horsf".into(), Some(phc)).await.unwrap());
        assert!(!hasher.verify("no account has this".into(), None).await.unwrap());
        let _all = hasher.waiting.clone().acquire_many_owned(WAITING as u32).await.unwrap();
        assert_eq!(hasher.hash("x".into()).await, Err(Busy));
    }
}
