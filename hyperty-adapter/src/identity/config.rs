//! What the identity provider is told. Everything has a default but the issuer.

use super::jose::{Algorithm, RotationPolicy};
use serde::Deserialize;
use std::fmt;

/// The identity provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Its address as others see it: `https://meet.example.org`, without a path and without a slash at the end. Plain `http` is for loopback only.
    pub issuer: String,
    /// Who may make an account.
    pub registration: Registration,
    /// Domains whose addresses may register; empty is all.
    pub email_domains: Vec<String>,
    /// Whether people without an account may have a name for a while.
    pub guests: bool,
    /// Addresses whose accounts are administrators.
    pub administrators: Vec<String>,
    /// Programs and sites that may sign people in here.
    pub clients: Vec<ClientConfig>,
    /// Other OpenID Connect providers by which people may sign in here.
    pub providers: Vec<ExternalConfig>,
    /// Other Colloquy providers whose assertions are believed here.
    pub trusted: Vec<TrustedConfig>,
    /// Providers whose ID tokens count as assertions in reTHINK messages.
    pub message_idps: Vec<MessageIdpConfig>,
    /// Sites that may have the identity of whoever is signed in asserted without asking him: `https://app.example.org`. Others have him asked once.
    pub assertion_origins: Vec<String>,
    /// How mails are sent.
    pub mail: MailConfig,
    /// Times.
    pub lifetimes: Lifetimes,
    /// Passwords that are hashed at once: each takes 19 MiB and some 30 ms of a core.
    pub concurrent_hashes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            registration: Registration::Open,
            email_domains: Vec::new(),
            guests: true,
            administrators: Vec::new(),
            clients: Vec::new(),
            providers: Vec::new(),
            trusted: Vec::new(),
            message_idps: Vec::new(),
            assertion_origins: Vec::new(),
            mail: MailConfig::default(),
            lifetimes: Lifetimes::default(),
            concurrent_hashes: 2,
        }
    }
}

impl Config {
    /// Whether the account of this verified address looks after the others.
    #[must_use]
    pub fn is_administrator(&self, email: &str) -> bool {
        self.administrators.iter().any(|one| one.eq_ignore_ascii_case(email))
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Whoever can read a mail that is sent to his address.
    Open,
    /// Nobody: accounts come from other providers only.
    Closed,
}

/// A program or site that may sign people in here.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// `client_id`.
    pub id: String,
    /// What people are shown when they are asked to agree.
    pub name: String,
    /// Where codes may be sent: compared as they stand, character by character.
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after they have signed out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// A secret of 32 characters or more, for programs that can keep one. Without it the client is public: a page, or an app.
    #[serde(default)]
    pub secret: Option<String>,
    /// Ours: people are not asked whether they agree.
    #[serde(default)]
    pub first_party: bool,
    /// What it may ask for, beside `openid`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// How its ID tokens are signed. RS256 is what every client knows.
    #[serde(default = "default_algorithm")]
    pub id_token_algorithm: Algorithm,
}

fn default_scopes() -> Vec<String> {
    ["profile", "email", "offline_access", "webrtc"].map(str::to_owned).to_vec()
}

fn default_algorithm() -> Algorithm {
    Algorithm::Rs256
}

/// Another OpenID Connect provider.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalConfig {
    /// A short name, for addresses: `a-z`, `0-9` and `-`.
    pub id: String,
    /// What its button says.
    pub name: String,
    /// Its issuer, as its tokens say.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// The secret there, if it has given one.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Whether it may be at an address of a private network. Never on for a provider out there: its documents name addresses that this server asks.
    #[serde(default)]
    pub private_network: bool,
    /// Whether an e-mail address that it says to have verified signs in to the account that has it here. Only for the company's own provider: whoever
    /// runs it can then be anybody.
    #[serde(default)]
    pub trust_email: bool,
}

/// Another Colloquy whose word is taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedConfig {
    /// Its issuer; its domain is the host of it.
    pub issuer: String,
    /// Whether it may be at an address of a private network.
    #[serde(default)]
    pub private_network: bool,
}

/// A provider whose ID tokens are taken as assertions in reTHINK messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageIdpConfig {
    /// As messages name it: `google.com`.
    pub domain: String,
    /// Its issuer: `https://accounts.google.com`.
    pub issuer: String,
    /// The clients whose tokens count.
    pub client_ids: Vec<String>,
    /// Whether it may be at an address of a private network.
    #[serde(default)]
    pub private_network: bool,
}

/// How mails are sent.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// The server, as `smtps://user:password@host:465` or `smtp://host:587?tls=required`. Empty: mails are written to the log, links and all, which is
    /// for development only.
    pub smtp: String,
    /// Who sends them: `Colloquy <no-reply@example.org>`.
    pub from: String,
}

/// How long things last, in seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// A session that is not used.
    pub session_s: u64,
    /// A guest's session.
    pub guest_s: u64,
    /// A link in a mail.
    pub mail_s: u64,
    /// An authorisation code; RFC 6749 section 4.1.2 asks for 600 at most.
    pub code_s: u64,
    /// An access token.
    pub access_s: u64,
    /// An ID token.
    pub id_token_s: u64,
    /// A refresh token that is not used.
    pub refresh_s: u64,
    /// All refresh tokens of one grant.
    pub grant_s: u64,
    /// An assertion.
    pub assertion_s: u64,
    /// A signing key signs for so long.
    pub key_s: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            session_s: 7 * 86_400,
            guest_s: 12 * 3_600,
            mail_s: 3_600,
            code_s: 60,
            access_s: 600,
            id_token_s: 600,
            refresh_s: 14 * 86_400,
            grant_s: 90 * 86_400,
            assertion_s: 3_600,
            key_s: 30 * 86_400,
        }
    }
}

impl Lifetimes {
    /// How keys take turns.
    #[must_use]
    pub fn rotation(&self) -> RotationPolicy {
        let longest = self.access_s.max(self.id_token_s).max(self.assertion_s);
        let usual = RotationPolicy::default();
        RotationPolicy { sign_for_s: self.key_s, keep_after_s: longest.max(usual.keep_after_s), ..usual }
    }
}

// Secrets have no business in a log.
impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for ExternalConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalConfig").field("id", &self.id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailConfig").field("from", &self.from).finish_non_exhaustive()
    }
}
