//! `[rethink]`: the message node, and what is behind it: registries and catalogue.

use super::Config;
use anyhow::{Context, Result, bail};
use colloquy_hyperty_adapter::catalogue::{self, Places};
use colloquy_hyperty_adapter::node::{self, Settings};
use colloquy_hyperty_adapter::policy::{self, Zone};
use colloquy_hyperty_adapter::registry::rest::Writers;
use colloquy_hyperty_adapter::wire::WireSettings;
use colloquy_storage::Place;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// `[rethink]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/colloquy.toml says what each key means, and nothing else may")]
pub struct Rethink {
    pub enabled: Runs,
    pub domain: String,
    pub takeover: Takeover,
    pub slow_reader: SlowReader,
    pub database: Option<PathBuf>,
    pub registry_http: RegistryHttp,
    pub catalogue: Catalogue,
    pub policies: Policies,
    pub backbone: Backbone,
    pub limits: Limits,
}

/// Who may ask the domain registry over HTTP, which asks nobody who he is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryHttp {
    /// Nobody: it is reached by message.
    Off,
    /// Whoever reaches the server may read.
    Read,
    /// Whoever reaches the server may read and write, as with the original.
    Write,
}

/// `[rethink.catalogue]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    pub enabled: bool,
    pub folder: Option<PathBuf>,
    pub host: Option<String>,
    pub node_url: Option<String>,
    pub identity_url: Option<String>,
}

/// `[rethink.policies]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    pub folder: Option<PathBuf>,
    pub otherwise: Otherwise,
    pub zone: String,
}

/// What becomes of a message that no policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// It passes.
    Allow,
    /// It does not.
    Deny,
}

/// `[rethink.backbone]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backbone {
    pub nats: Option<String>,
    pub registry: RegistryAt,
}

/// Which node has the registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryAt {
    /// This one.
    Here,
    /// Another.
    Elsewhere,
}

/// Whether the node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runs {
    /// Where only this machine can reach it, or a domain is set.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

/// Who may go on with a session that has a living connection, without its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takeover {
    /// Whoever comes from the same network address.
    SameAddress,
    /// Anybody.
    Always,
    /// Nobody.
    Never,
}

/// What becomes of a client that does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlowReader {
    /// Its connection is closed.
    Close,
    /// What does not fit is dropped.
    Drop,
}

/// `[rethink.limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub sessions: usize,
    pub unopened: usize,
    pub open_within_s: u64,
    pub connections_per_session: usize,
    pub keep_s: u64,
    pub waiting_messages: usize,
    pub waiting_bytes: usize,
    pub waiting_bytes_total: usize,
    pub message_bytes: usize,
    pub messages_per_s: u32,
    pub burst_s: u32,
    pub addresses_per_session: usize,
    pub subscriptions_per_session: usize,
    pub subscribers_per_address: usize,
    pub addresses: usize,
    pub addresses_per_message: usize,
    pub allocation_keys_per_session: usize,
    pub outbox_bytes: usize,
    pub outbox_bytes_total: usize,
    pub ping_s: u64,
    pub silent_s: u64,
}

/// The domain that nobody else can have.
const LOCAL: &str = "localhost";

impl Rethink {
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if self.domain.is_empty() || self.domain.len() > 253 || !self.domain.bytes().all(is_letter) {
            bail!("rethink.domain = {:?} is no name of a domain, as \"example.com\"", self.domain);
        }
        let limits = &self.limits;
        for (name, value) in [
            ("sessions", limits.sessions),
            ("unopened", limits.unopened),
            ("connections_per_session", limits.connections_per_session),
            ("messages_per_s", limits.messages_per_s as usize),
            ("burst_s", limits.burst_s as usize),
            ("addresses_per_message", limits.addresses_per_message),
        ] {
            if value == 0 {
                bail!(
                    "rethink.limits.{name} = 0 would let nobody do anything; enabled = \"never\" takes the node away"
                );
            }
        }
        if limits.message_bytes < MESSAGE_BYTES {
            bail!(
                "rethink.limits.message_bytes must be {MESSAGE_BYTES} at least: identities have some kilobytes in each message"
            );
        }
        if limits.ping_s == 0 || limits.silent_s < 2 * limits.ping_s {
            bail!("rethink.limits.silent_s must be twice ping_s at least, and ping_s 1 at least");
        }
        if limits.open_within_s == 0 {
            bail!("rethink.limits.open_within_s must be 1 at least");
        }
        if self.backbone.registry == RegistryAt::Elsewhere {
            if self.backbone.nats.is_none() {
                bail!("rethink.backbone.registry = \"elsewhere\" needs rethink.backbone.nats: there is no other node");
            }
            if self.registry_http != RegistryHttp::Off {
                bail!(
                    "rethink.registry_http is for the node that has the registries: rethink.backbone.registry = \"here\""
                );
            }
        }
        Zone::named(&self.policies.zone).context("rethink.policies.zone")?;
        Ok(())
    }
}

/// What a message must be able to have.
const MESSAGE_BYTES: usize = 16 * 1024;

impl Config {
    /// What the message node and its wires are told, if it runs.
    pub(crate) fn rethink(&self) -> Option<(Settings, WireSettings)> {
        let rethink = &self.rethink;
        let runs = match rethink.enabled {
            Runs::Auto => self.is_local() || rethink.domain != LOCAL,
            Runs::Always => true,
            Runs::Never => false,
        };
        runs.then(|| (rethink.node(), rethink.wires()))
    }
}

impl Rethink {
    /// Where what the registries know is kept.
    pub(crate) fn place(&self) -> Place {
        self.database.clone().map_or(Place::Memory, Place::File)
    }

    /// Who may write to the domain registry over HTTP, where it is reached so.
    pub(crate) fn registry_writers(&self) -> Option<Writers> {
        match self.registry_http {
            RegistryHttp::Off => None,
            RegistryHttp::Read => Some(Writers::Nobody),
            RegistryHttp::Write => Some(Writers::Anyone),
        }
    }

    /// How policies are set up, if there are any.
    pub(crate) fn policies(&self) -> Option<policy::Settings> {
        let Policies { folder, otherwise, zone } = &self.policies;
        let otherwise = match otherwise {
            Otherwise::Allow => policy::Otherwise::Allow,
            Otherwise::Deny => policy::Otherwise::Deny,
        };
        // The zone was checked with the rest of the configuration.
        let zone = Zone::named(zone).unwrap_or_default();
        folder.clone().map(|folder| policy::Settings { folder, otherwise, zone })
    }

    /// Where other nodes of the domain are met.
    pub(crate) fn nats(&self) -> Option<&str> {
        self.backbone.nats.as_deref()
    }

    /// Whether this node has the registries of its domain.
    pub(crate) fn has_registries(&self) -> bool {
        self.backbone.registry == RegistryAt::Here
    }

    /// How the catalogue is set up, if there is one.
    /// `issuer` is the identity provider of this server.
    pub(crate) fn catalogue(&self, issuer: Option<String>) -> Option<catalogue::Settings> {
        let Catalogue { enabled, folder, host, node_url, identity_url } = &self.catalogue;
        let usual = Places::of(&self.domain);
        // A machine of its own has no names for its parts: the node is where the provider is, by the same port.
        let here =
            issuer.as_deref().filter(|_| self.domain == "localhost").and_then(|issuer| issuer.strip_prefix("http"));
        let node = here.map_or(usual.node, |here| format!("ws{here}/ws"));
        let places = Places {
            catalogue: host.clone().unwrap_or(usual.catalogue),
            node: node_url.clone().unwrap_or(node),
            identity: identity_url.clone().or(issuer).unwrap_or(usual.identity),
            ..usual
        };
        enabled.then(|| catalogue::Settings { folder: folder.clone(), places, ..catalogue::Settings::of(&self.domain) })
    }

    pub(super) fn node(&self) -> Settings {
        let limits = &self.limits;
        Settings {
            domain: self.domain.clone(),
            takeover: match self.takeover {
                Takeover::SameAddress => node::Takeover::SameAddress,
                Takeover::Always => node::Takeover::Always,
                Takeover::Never => node::Takeover::Never,
            },
            limits: node::Limits {
                sessions: limits.sessions,
                unopened: limits.unopened,
                open_within: Duration::from_secs(limits.open_within_s),
                connections_per_session: limits.connections_per_session,
                keep: Duration::from_secs(limits.keep_s),
                waiting_messages: limits.waiting_messages,
                waiting_bytes: limits.waiting_bytes,
                waiting_bytes_total: limits.waiting_bytes_total,
                message_bytes: limits.message_bytes,
                messages_per_s: limits.messages_per_s,
                burst_s: limits.burst_s,
                addresses_per_session: limits.addresses_per_session,
                subscriptions_per_session: limits.subscriptions_per_session,
                subscribers_per_address: limits.subscribers_per_address,
                addresses: limits.addresses,
                addresses_per_message: limits.addresses_per_message,
                allocation_keys_per_session: limits.allocation_keys_per_session,
            },
        }
    }

    pub(super) fn wires(&self) -> WireSettings {
        let limits = &self.limits;
        WireSettings {
            outbox_bytes: limits.outbox_bytes,
            outbox_bytes_total: limits.outbox_bytes_total,
            slow_reader: match self.slow_reader {
                SlowReader::Close => node::SlowReader::Close,
                SlowReader::Drop => node::SlowReader::Drop,
            },
            message_bytes: limits.message_bytes,
            ping_every: Duration::from_secs(limits.ping_s),
            silent_for: Duration::from_secs(limits.silent_s),
            ..WireSettings::default()
        }
    }
}
