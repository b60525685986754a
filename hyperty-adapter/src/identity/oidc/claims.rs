//! What tokens say.

use crate::identity::jose::Audience;
use crate::identity::secret::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The kind of token that an access token is (RFC 9068).
pub const ACCESS_TYPE: &str = "at+jwt";

/// An access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer.
    pub iss: String,
    /// The issuer again: what is asked with it is here.
    pub aud: Audience,
    /// The account.
    pub sub: String,
    /// The client.
    pub client_id: String,
    /// What it may do.
    pub scope: String,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// When it ends.
    pub exp: u64,
    /// Its name.
    pub jti: String,
    /// The grant that it is of, with which it ends.
    pub grant: String,
}

impl AccessClaims {
    /// Whether a scope was granted.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|one| one == scope)
    }
}

/// An ID token (OpenID Connect core, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the specification says what each means")]
pub struct IdClaims {
    pub iss: String,
    pub sub: String,
    pub aud: Audience,
    pub exp: u64,
    pub iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
}

/// What is known of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: String,
    /// The short name.
    pub handle: String,
    /// The name.
    pub name: String,
    /// The verified address.
    pub email: Option<String>,
}

/// What `userinfo` answers (OpenID Connect core, section 5.4), as far as the scope goes. `userURL` is what reTHINK runtimes look for.
#[must_use]
pub fn userinfo(person: &Person, scope: &str, host: &str) -> Value {
    let may = |one: &str| scope.split(' ').any(|granted| granted == one);
    let mut claims = json!({"sub": person.account});
    if may("profile") {
        claims["name"] = json!(person.name);
        claims["preferred_username"] = json!(person.handle);
        claims["userURL"] = json!(format!("user://{host}/{}", person.handle));
    }
    if let Some(email) = person.email.as_ref().filter(|_| may("email")) {
        claims["email"] = json!(email);
        claims["email_verified"] = json!(true);
    }
    claims
}

/// `at_hash` (OpenID Connect core, section 3.1.3.6): the left half of SHA-256.
#[must_use]
pub fn half_hash(token: &str) -> String {
    let hash = sha256(token.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.split_at(16).0)
}
