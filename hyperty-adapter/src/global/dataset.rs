//! What a record of the global registry says: the schemas 1 and 2 of the original, which differ in how a member is written.

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::num::NonZeroU32;
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Most accounts or other addresses of a record.
pub const MAX_LIST: usize = 256;
/// Longest text of a record, in bytes.
pub const MAX_TEXT: usize = 1_024;
/// Rounds of the hash that makes a GUID: those of the original.
const ROUNDS: NonZeroU32 = NonZeroU32::new(10_000).expect("it is not 0");
/// Bytes of a GUID before it is text.
const GUID: usize = 32;

/// Why a dataset is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadDataset {
    /// It is no JSON object, or a member is missing or of another kind.
    #[error("the dataset is not as its schema has it: {0}")]
    Schema(String),
    /// It is of a schema that nobody knows.
    #[error("schemaVersion is 1 or 2, not {0}")]
    Version(u64),
    /// A text or a list is too long, or a flag is not 0 or 1.
    #[error("{0}")]
    Bounds(&'static str),
    /// A date is none.
    #[error("{0} is no date as in 2026-11-21T01:19:47+00:00")]
    Date(&'static str),
}

/// A dataset. Members that are not here are left to those who read them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dataset {
    /// Whose: see [`guid`].
    pub guid: String,
    /// 1 or 2; 1 where it is not said.
    #[serde(default)]
    pub schema_version: Option<u64>,
    /// The accounts under which he is known.
    #[serde(rename = "userIDs")]
    pub user_ids: Vec<UserId>,
    /// When he changed it.
    pub last_update: String,
    /// Until when it is valid.
    pub timeout: String,
    /// The key that it is signed with.
    pub public_key: String,
    /// What makes his GUID another one than that of the key alone.
    pub salt: String,
    /// 1, or 0: he does not use it now.
    pub active: u8,
    /// 0, or 1: he has taken it back.
    pub revoked: u8,
    /// Which account is for what.
    pub defaults: Defaults,
    /// Other addresses of his.
    #[serde(rename = "legacyIDs", default)]
    pub legacy_ids: Option<Vec<LegacyId>>,
}

/// An account.
#[derive(Debug, Clone, Deserialize)]
pub struct UserId {
    /// The user at his provider; schema 1 writes it `uID`.
    #[serde(alias = "uID")]
    pub uid: String,
    /// The domain.
    pub domain: String,
}

/// Which account is for what; empty where none is.
#[derive(Debug, Clone, Deserialize)]
pub struct Defaults {
    /// Calls.
    pub voice: String,
    /// Chat.
    pub chat: String,
    /// Calls with pictures.
    pub video: String,
}

/// An address outside of this world.
#[derive(Debug, Clone, Deserialize)]
pub struct LegacyId {
    /// `email`, `phone`…
    #[serde(rename = "type")]
    pub kind: String,
    /// `work`, `private`…
    pub category: String,
    /// In his words.
    #[serde(default)]
    pub description: String,
    /// The address.
    pub id: String,
}

/// When a dataset was changed and until when it is valid, in ms since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// `lastUpdate`.
    pub updated_ms: i64,
    /// `timeout`.
    pub timeout_ms: i64,
}

impl Dataset {
    /// Reads one and checks everything that needs no key.
    ///
    /// # Errors
    /// [`BadDataset`].
    pub fn parse(json: &[u8]) -> Result<(Self, Times), BadDataset> {
        // A list would be read as the members in their order.
        if !json.trim_ascii_start().starts_with(b"{") {
            return Err(BadDataset::Schema("it is no object".to_owned()));
        }
        let dataset: Self = serde_json::from_slice(json).map_err(|error| BadDataset::Schema(error.to_string()))?;
        dataset.check_bounds()?;
        let times = Times {
            updated_ms: date(&dataset.last_update).ok_or(BadDataset::Date("lastUpdate"))?,
            timeout_ms: date(&dataset.timeout).ok_or(BadDataset::Date("timeout"))?,
        };
        Ok((dataset, times))
    }

    fn check_bounds(&self) -> Result<(), BadDataset> {
        if let Some(version) = self.schema_version.filter(|version| !(1..=2).contains(version)) {
            return Err(BadDataset::Version(version));
        }
        if self.active > 1 || self.revoked > 1 {
            return Err(BadDataset::Bounds("active and revoked are 0 or 1"));
        }
        let legacy = self.legacy_ids.as_deref().unwrap_or_default();
        if self.user_ids.len() > MAX_LIST || legacy.len() > MAX_LIST {
            return Err(BadDataset::Bounds("userIDs and legacyIDs have at most 256 items"));
        }
        let Defaults { voice, chat, video } = &self.defaults;
        let own = [&self.guid, &self.last_update, &self.timeout, &self.public_key, &self.salt, voice, chat, video];
        let accounts = self.user_ids.iter().flat_map(|UserId { uid, domain }| [uid, domain]);
        let others =
            legacy.iter().flat_map(|LegacyId { kind, category, description, id }| [kind, category, description, id]);
        if own.into_iter().chain(accounts).chain(others).any(|text| text.len() > MAX_TEXT) {
            return Err(BadDataset::Bounds("a text of the dataset is longer than 1,024 bytes"));
        }
        if self.salt.is_empty() || self.guid.is_empty() {
            return Err(BadDataset::Bounds("guid and salt are not empty"));
        }
        Ok(())
    }
}

/// The GUID that goes with a key and a salt. It takes some milliseconds of a processor, on purpose: not on a thread that others wait for.
#[must_use]
pub fn guid(public_key: &str, salt: &str) -> String {
    let key: String = public_key.chars().filter(|one| !matches!(one, '\r' | '\n')).collect();
    let mut hash = [0; GUID];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt.as_bytes(), key.trim().as_bytes(), &mut hash);
    URL_SAFE_NO_PAD.encode(hash)
}

/// A date of XML schemas, which is one of RFC 3339, in ms since 1970.
fn date(text: &str) -> Option<i64> {
    let date = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(date.unix_timestamp_nanos() / 1_000_000).ok()
}
