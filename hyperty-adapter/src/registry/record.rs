//! What clients say of what they register. Members that the original does not know are left out, as it leaves them out.

use colloquy_storage::registry::Kind;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest address of a hyperty, a runtime, a data object or a user, in bytes: that of addresses of messages.
pub const MAX_ADDRESS: usize = crate::address::MAX_ADDRESS;
/// Longest text of a record, in bytes. Descriptors are addresses in catalogues.
pub const MAX_TEXT: usize = 2_048;
/// Most resources or data schemes of a record: originals have one to four.
pub const MAX_LIST: usize = 64;
/// Longest resource or data scheme, in bytes.
pub const MAX_ITEM: usize = 256;
/// Longest record as it is sent, in bytes.
pub const MAX_RECORD: usize = 32 * 1_024;

/// Why a record was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRecord {
    /// It is no JSON object, or a member is of another kind.
    #[error("a record is not as the registry has it: {0}")]
    Malformed(String),
    /// A member that must be there is not.
    #[error("a record has no {0}")]
    Lacks(&'static str),
    /// A text, a list or the whole is too long, or an address is empty.
    #[error("{0}")]
    Bounds(&'static str),
}

/// A record, or a part of one: what is there, is to be so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Address of its descriptor in a catalogue; of hyperties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<String>,
    /// What it is about, as people call it; of data objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Address of its schema in a catalogue; of data objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The hyperty that reports it; of data objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reporter: Option<String>,
    /// What it deals with: `audio`, `video`, `chat`…
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<String>>,
    /// Schemes of the data objects that it understands, or of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_schemes: Option<Vec<String>>,
    /// Address of the runtime that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Address of a stub in that runtime that takes connections without a node; of hyperties.
    #[serde(skip_serializing_if = "Option::is_none", rename = "p2pHandler")]
    pub p2p_handler: Option<String>,
    /// Address, in a catalogue, of the stub that makes such connections.
    #[serde(skip_serializing_if = "Option::is_none", rename = "p2pRequester")]
    pub p2p_requester: Option<String>,
    /// Its user's identifier in the global registry; of hyperties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// Seconds without a sign of life after which it counts as disconnected.
    #[serde(skip_serializing, default, deserialize_with = "seconds")]
    pub expires: Option<u32>,
    /// What it says of itself: `created`, `live`, `disconnected`.
    #[serde(skip_serializing)]
    pub status: Option<String>,
}

impl Record {
    /// Reads a record of a kind, or a part of one. Members of the other kind are left out.
    ///
    /// # Errors
    /// [`BadRecord::Malformed`] and [`BadRecord::Bounds`].
    pub fn parse(kind: Kind, text: &str) -> Result<Self, BadRecord> {
        if text.len() > MAX_RECORD {
            return Err(BadRecord::Bounds("a record is longer than 32 KiB"));
        }
        // A list would be read as a struct's members in their order.
        if !text.trim_start().starts_with('{') {
            return Err(BadRecord::Malformed("it is no object".to_owned()));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| BadRecord::Malformed(error.to_string()));
        let mut record: Self = read?;
        json.end().map_err(|error| BadRecord::Malformed(error.to_string()))?;
        match kind {
            Kind::Hyperty => (record.name, record.schema, record.reporter) = (None, None, None),
            Kind::DataObject => (record.descriptor, record.p2p_handler, record.guid) = (None, None, None),
        }
        record.check_bounds()?;
        Ok(record)
    }

    /// Whether it says anything at all; what says nothing is a sign of life.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether everything is there that a registration of this kind must have.
    ///
    /// # Errors
    /// [`BadRecord::Lacks`] the first that is not.
    pub fn check_whole(&self, kind: Kind) -> Result<(), BadRecord> {
        let common = [
            ("expires", self.expires.is_some()),
            ("dataSchemes", self.data_schemes.is_some()),
            ("resources", self.resources.is_some()),
            ("runtime", self.runtime.is_some()),
            ("status", self.status.is_some()),
        ];
        let own: &[(&'static str, bool)] = match kind {
            Kind::Hyperty => &[("descriptor", self.descriptor.is_some())],
            Kind::DataObject => &[
                ("schema", self.schema.is_some()),
                ("name", self.name.is_some()),
                ("reporter", self.reporter.is_some()),
            ],
        };
        match common.iter().chain(own).find(|(_, is_there)| !is_there) {
            Some((name, _)) => Err(BadRecord::Lacks(name)),
            None => Ok(()),
        }
    }

    /// What is there in the other, is so from now on.
    pub fn merge(&mut self, other: Self) {
        fn take<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        take(&mut self.descriptor, other.descriptor);
        take(&mut self.name, other.name);
        take(&mut self.schema, other.schema);
        take(&mut self.reporter, other.reporter);
        take(&mut self.resources, other.resources);
        take(&mut self.data_schemes, other.data_schemes);
        take(&mut self.runtime, other.runtime);
        take(&mut self.p2p_handler, other.p2p_handler);
        take(&mut self.p2p_requester, other.p2p_requester);
        take(&mut self.guid, other.guid);
        take(&mut self.expires, other.expires);
        take(&mut self.status, other.status);
    }

    fn check_bounds(&self) -> Result<(), BadRecord> {
        let texts = [
            &self.descriptor,
            &self.name,
            &self.schema,
            &self.reporter,
            &self.runtime,
            &self.p2p_handler,
            &self.p2p_requester,
            &self.guid,
        ];
        if texts.into_iter().flatten().any(|text| text.len() > MAX_TEXT) {
            return Err(BadRecord::Bounds("a text of a record is longer than 2,048 bytes"));
        }
        let lists = [&self.resources, &self.data_schemes];
        for list in lists.into_iter().flatten() {
            if list.len() > MAX_LIST || list.iter().any(|item| item.len() > MAX_ITEM) {
                return Err(BadRecord::Bounds("resources and dataSchemes have at most 64 items of 256 bytes each"));
            }
        }
        match &self.status {
            Some(status) if status.is_empty() || status.len() > MAX_ITEM => {
                Err(BadRecord::Bounds("status has between 1 and 256 bytes"))
            }
            _ => Ok(()),
        }
    }
}

/// An address that something is registered under, or a user. Originals also take bare words.
///
/// # Errors
/// [`BadRecord::Bounds`].
pub fn check_address(text: &str) -> Result<(), BadRecord> {
    if text.is_empty() || text.len() > MAX_ADDRESS || text.chars().any(char::is_control) {
        return Err(BadRecord::Bounds("an address has between 1 and 1,024 bytes and no control characters"));
    }
    Ok(())
}

/// The form in which addresses are compared: runtimes have two schemes.
#[must_use]
pub fn key(url: &str) -> String {
    match url.strip_prefix("hyperty-runtime://") {
        Some(rest) => format!("runtime://{rest}"),
        None => url.to_owned(),
    }
}

/// The e-mail of a user: what stands after the last slash of the address. Newer runtimes register users as e-mails anyway.
#[must_use]
pub fn email(user: &str) -> &str {
    user.rsplit('/').next().unwrap_or(user)
}

/// Originals read whole numbers also from texts and from `3600.0`.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(u64),
        Broken(f64),
        Text(String),
    }
    // What is longer than a century is clamped anyway.
    let clamp = |whole: u64| u32::try_from(whole).unwrap_or(u32::MAX);
    let wrong = || de::Error::custom("expires is a whole number of seconds, 0 or more");
    match Option::<Number>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Number::Whole(whole)) => Ok(Some(clamp(whole))),
        // The cast saturates.
        Some(Number::Broken(broken)) if broken >= 0.0 && broken.fract() == 0.0 => Ok(Some(broken as u32)),
        Some(Number::Text(text)) => text.trim().parse().map(|whole| Some(clamp(whole))).map_err(|_| wrong()),
        Some(Number::Broken(_)) => Err(wrong()),
    }
}
