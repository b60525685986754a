//! Who may use the relay: users of the configuration, and time-limited credentials that the server issues itself.
//!
//! The time-limited form is the widespread one of draft-uberti-behave-turn-rest: the username is `<unix time of expiry>:<name>`, the
//! password is base64(HMAC-SHA1(secret, username)). Other TURN servers (coturn's `static-auth-secret`) take the same.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use rustc_hash::FxHashMap;
use std::fmt;

/// Longest username looked up, in bytes. RFC 8489 allows 508; ours are shorter, and each allocation keeps one.
const MAX_USERNAME_BYTES: usize = 200;

/// Longest name within a time-limited username; what is longer is cut.
const MAX_NAME_BYTES: usize = 128;

/// A password, or what time-limited credentials are made with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret that an operator chose, perhaps shared with other TURN servers.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A secret of random bytes, for one run of the server.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(STANDARD.encode(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a client is given to use the relay with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// `<unix time of expiry>:<name>`.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What is wrong with configured credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCredentials {
    /// The realm is empty, or longer than STUN allows.
    #[error("the realm must have 1 to 128 bytes")]
    Realm,
    /// A username is empty or too long, or a password is empty.
    #[error("user {0:?}: a name has 1 to {MAX_USERNAME_BYTES} bytes, and a password at least one")]
    User(String),
    /// A secret that can be guessed.
    #[error("the secret must have 16 bytes at least")]
    Secret,
}

/// Whose allocations are counted together. A person with several time-limited credentials is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum User {
    Configured(Box<str>),
    Issued(Box<str>),
}

/// Issues credentials and knows them again.
#[derive(Clone)]
pub struct TurnCredentials {
    realm: String,
    users: FxHashMap<String, hmac::Key>,
    secret: hmac::Key,
}

impl TurnCredentials {
    /// Credentials of `users` (name and password) and those that `secret` makes, all within `realm`.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(
        realm: impl Into<String>,
        users: impl IntoIterator<Item = (String, Secret)>,
        secret: &Secret,
    ) -> Result<Self, BadCredentials> {
        let realm = realm.into();
        if !(1..=128).contains(&realm.len()) {
            return Err(BadCredentials::Realm);
        }
        if secret.0.len() < 16 {
            return Err(BadCredentials::Secret);
        }
        let mut keys = FxHashMap::default();
        for (name, password) in users {
            if password.0.is_empty() || !(1..=MAX_USERNAME_BYTES).contains(&name.len()) {
                return Err(BadCredentials::User(name));
            }
            let key = long_term_key(&name, &realm, &password.0);
            keys.insert(name, key);
        }
        let secret = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.0.as_bytes());
        Ok(Self { realm, users: keys, secret })
    }

    /// The realm that clients are told.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Credentials that open allocations for `ttl_s` seconds. An allocation that was opened in time may be refreshed for as long as
    /// it is wanted, since browsers cannot be given new ones in a call.
    #[must_use]
    pub fn issue(&self, now_unix_s: u64, user: &str, ttl_s: u64) -> Credential {
        let name = user.get(..user.floor_char_boundary(MAX_NAME_BYTES)).unwrap_or_default();
        let username = format!("{}:{name}", now_unix_s.saturating_add(ttl_s));
        let password = self.password(&username);
        Credential { username, password }
    }

    /// Whose credentials these are, and the key of his messages. `None` for unknown and expired ones.
    pub(super) fn look_up(&self, username: &str, now_unix_s: u64) -> Option<(User, hmac::Key)> {
        if username.len() > MAX_USERNAME_BYTES {
            return None;
        }
        if let Some(key) = self.users.get(username) {
            return Some((User::Configured(username.into()), key.clone()));
        }
        let (expiry, name) = username.split_once(':').unwrap_or((username, ""));
        // `parse` would take a sign.
        let expiry: u64 = expiry.bytes().all(|byte| byte.is_ascii_digit()).then(|| expiry.parse().ok())??;
        if expiry < now_unix_s {
            return None;
        }
        let key = long_term_key(username, &self.realm, &self.password(username));
        Some((User::Issued(name.into()), key))
    }

    fn password(&self, username: &str) -> String {
        STANDARD.encode(hmac::sign(&self.secret, username.as_bytes()))
    }
}

impl fmt::Debug for TurnCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnCredentials").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// The key of the long-term mechanism (RFC 8489 section 9.2.2). Browsers know no other than MD5 and HMAC-SHA1.
fn long_term_key(username: &str, realm: &str, password: &str) -> hmac::Key {
    let mut digest = Md5::new();
    for part in [username, ":", realm, ":", password] {
        digest.update(part.as_bytes());
    }
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> TurnCredentials {
        let users = [("anne".to_owned(), Secret::new("secret of hers"))];
        TurnCredentials::new("example.org", users, &Secret::new("0123456789abcdef")).unwrap()
    }

    #[test]
    fn issued_credentials_hold_until_they_expire_and_name_their_user() {
        let credentials = credentials();
        let issued = credentials.issue(1_000, "p1", 60);
        assert_eq!(issued.username, "1060:p1");
        let (user, _) = credentials.look_up(&issued.username, 1_060).unwrap();
        assert_eq!(user, User::Issued("p1".into()));
        assert!(credentials.look_up(&issued.username, 1_061).is_none());
    }

    /// As `printf %s 1060:p1 | openssl dgst -sha1 -hmac 0123456789abcdef -binary | base64` says.
    #[test]
    fn the_password_is_the_one_that_other_servers_compute() {
        assert_eq!(credentials().issue(1_000, "p1", 60).password, PASSWORD_OF_1060_P1);
    }

    const PASSWORD_OF_1060_P1: &str = "bmAfxAbk+xrCo/bpoNyG7d7Lkok=";

    #[test]
    fn configured_users_are_known_and_strangers_are_not() {
        let credentials = credentials();
        assert_eq!(credentials.look_up("anne", 0).unwrap().0, User::Configured("anne".into()));
        for stranger in ["bob", "", ":", ":x", "+99999999999:x", "-1:x", "99999999999999999999999:x", &"9".repeat(300)]
        {
            assert!(credentials.look_up(stranger, 1).is_none(), "{stranger}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters_and_still_hold() {
        let credentials = credentials();
        let issued = credentials.issue(1_000, &"ä".repeat(500), 60);
        assert!(issued.username.len() <= MAX_USERNAME_BYTES);
        assert!(credentials.look_up(&issued.username, 1_000).is_some());
    }

    #[test]
    fn nothing_prints_a_password() {
        let issued = credentials().issue(1_000, "p1", 60);
        assert!(!format!("{issued:?}{:?}", credentials()).contains(&issued.password));
    }
}
