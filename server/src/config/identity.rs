//! `[identity]`: accounts, OpenID Connect, and who is believed to be whom in calls.

use super::{Config, none_if_empty};
use anyhow::{Result, anyhow, bail};
use colloquy_hyperty_adapter::identity::config::{
    ClientConfig, ExternalConfig, Lifetimes, MailConfig, MessageIdpConfig, Registration, TrustedConfig,
};
use colloquy_hyperty_adapter::identity::{self, mail};
use colloquy_signalling::IdentityDemand;
use colloquy_storage::Place;
use serde::Deserialize;
use std::path::PathBuf;

/// `[identity]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Identity {
    pub enabled: Serves,
    pub issuer: String,
    #[serde(deserialize_with = "none_if_empty")]
    pub database: Option<PathBuf>,
    pub calls: IdentityDemand,
    pub registration: Registration,
    pub email_domains: Vec<String>,
    pub guests: bool,
    pub administrators: Vec<String>,
    pub assertion_origins: Vec<String>,
    pub clients: Vec<ClientConfig>,
    pub providers: Vec<ExternalConfig>,
    pub trusted: Vec<TrustedConfig>,
    pub message_idps: Vec<MessageIdpConfig>,
    pub concurrent_hashes: usize,
    pub mail: MailConfig,
    pub lifetimes: Lifetimes,
}

/// Whether there is an identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serves {
    /// Where only this machine can reach it, or an issuer is set.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

impl Identity {
    /// Refuses what cannot be.
    pub(super) fn check(&self, is_local: bool) -> Result<()> {
        if self.enabled == Serves::Always && self.issuer.is_empty() && !is_local {
            bail!(
                "identity.enabled = \"always\" needs identity.issuer: the address by which people reach this server, as \
                 \"https://meet.example.com\""
            );
        }
        if self.calls == IdentityDemand::Required && !self.serves(is_local) {
            bail!(
                "identity.calls = \"required\" would let nobody in: there is no identity provider here. Set identity.issuer"
            );
        }
        if self.concurrent_hashes == 0 {
            bail!("identity.concurrent_hashes = 0 would let nobody sign in: it must be 1 at least");
        }
        if self.mail.smtp.is_empty() {
            return Ok(());
        }
        mail::mailer(&self.mail).map(drop).map_err(|fault| anyhow!("identity.{fault}"))
    }

    fn serves(&self, is_local: bool) -> bool {
        match self.enabled {
            Serves::Auto => is_local || !self.issuer.is_empty(),
            Serves::Always => true,
            Serves::Never => false,
        }
    }

    /// Where accounts are kept.
    pub(crate) fn place(&self) -> Place {
        self.database.clone().map_or(Place::Memory, Place::File)
    }
}

impl Config {
    /// What the identity provider is told, if there is one.
    pub(crate) fn identity(&self) -> Option<identity::Config> {
        let Identity { issuer, .. } = &self.identity;
        let own = || self.url("localhost");
        let issuer = if issuer.is_empty() { own() } else { issuer.clone() };
        self.identity.serves(self.is_local()).then(|| self.identity.of(issuer))
    }
}

impl Identity {
    pub(super) fn of(&self, issuer: String) -> identity::Config {
        identity::Config {
            issuer,
            registration: self.registration,
            email_domains: self.email_domains.clone(),
            guests: self.guests,
            administrators: self.administrators.clone(),
            clients: self.clients.clone(),
            providers: self.providers.clone(),
            trusted: self.trusted.clone(),
            message_idps: self.message_idps.clone(),
            assertion_origins: self.assertion_origins.clone(),
            mail: self.mail.clone(),
            lifetimes: self.lifetimes,
            concurrent_hashes: self.concurrent_hashes,
        }
    }
}
