//! What becomes of an entry: pure functions of what there is, what is asked and what time it is.

use super::record::{Record, email, key};
use colloquy_storage::registry::{Entry, Kind};

/// The status of whatever gives no sign of life any more.
pub const DISCONNECTED: &str = "disconnected";
/// The status of whatever gives one.
pub const LIVE: &str = "live";

/// What an entry says of itself at a time: past its deadline it is disconnected, whatever is written down.
#[must_use]
pub fn status_at(entry: &Entry, now_ms: i64) -> &str {
    if entry.live && now_ms <= entry.deadline_ms { &entry.status } else { DISCONNECTED }
}

/// An entry as somebody registers it.
#[derive(Debug, Clone)]
pub struct Registration {
    /// What it is of.
    pub kind: Kind,
    /// Its address, as its owner writes it.
    pub url: String,
    /// The user of a hyperty; the reporter of a data object.
    pub owner: String,
    /// A whole record.
    pub record: Record,
}

impl Registration {
    /// The entry that it makes of what was there before under that address: all is new but when it began.
    #[must_use]
    pub fn entry(self, before: Option<&Entry>, max_expires_s: u32, now_ms: i64) -> Entry {
        let Self { kind, url, owner, record } = self;
        let label = match kind {
            Kind::Hyperty => email(&owner).to_owned(),
            Kind::DataObject => record.name.clone().unwrap_or_default(),
        };
        let mut entry = Entry {
            kind,
            url: key(&url),
            owner,
            label,
            guid: None,
            status: String::new(),
            live: true,
            expires_s: 0,
            started_ms: before.map_or(now_ms, |before| before.started_ms),
            modified_ms: now_ms,
            deadline_ms: now_ms,
            members: String::new(),
        };
        write(&mut entry, &record, &url, max_expires_s, now_ms);
        entry
    }
}

/// A sign of life.
pub fn keep_alive(entry: &mut Entry, now_ms: i64) {
    set_status(entry, LIVE);
    touch(entry, now_ms);
}

/// A change of some members, which is a sign of life too: what was disconnected is live again unless the change says otherwise.
pub fn update(entry: &mut Entry, change: Record, max_expires_s: u32, now_ms: i64) {
    let status = change.status.clone().unwrap_or_else(|| match status_at(entry, now_ms) {
        DISCONNECTED => LIVE.to_owned(),
        other => other.to_owned(),
    });
    let mut whole = members(entry);
    let url = shown_url(entry);
    whole.expires = Some(entry.expires_s);
    whole.merge(change);
    whole.status = Some(status);
    if entry.kind == Kind::DataObject {
        entry.owner = whole.reporter.clone().unwrap_or_default();
        entry.label = whole.name.clone().unwrap_or_default();
    }
    write(entry, &whole, &url, max_expires_s, now_ms);
}

/// It is gone, and stays to be read.
pub fn disconnect(entry: &mut Entry) {
    set_status(entry, DISCONNECTED);
}

/// The members that were written down.
#[must_use]
pub fn members(entry: &Entry) -> Record {
    // They are ours; were they damaged, the entry would be one without members.
    serde_json::from_str(&entry.members).unwrap_or_default()
}

/// Whether an entry is about all these, each of which it must name.
#[must_use]
pub fn is_about(entry: &Entry, resources: &[String], data_schemes: &[String]) -> bool {
    if resources.is_empty() && data_schemes.is_empty() {
        return true;
    }
    // Most that are not have no such word at all; looking for it costs a hundredth of reading them.
    let is_escaped = |wanted: &str| wanted.contains(|one: char| matches!(one, '"' | '\\') || one.is_control());
    let is_said = |wanted: &String| is_escaped(wanted) || entry.members.contains(wanted.as_str());
    if !resources.iter().chain(data_schemes).all(is_said) {
        return false;
    }
    let members = members(entry);
    let has = |list: &Option<Vec<String>>, wanted: &String| list.as_ref().is_some_and(|list| list.contains(wanted));
    resources.iter().all(|one| has(&members.resources, one))
        && data_schemes.iter().all(|one| has(&members.data_schemes, one))
}

/// Whether something in one runtime may change what is registered: all may that cannot be told apart.
#[must_use]
pub fn is_of_runtime(entry: &Entry, runtime: &str) -> bool {
    let members = members(entry);
    let registered = members.runtime.as_deref().map(key);
    let parsed = registered.as_deref().and_then(|text| crate::address::Address::parse(text).ok());
    parsed.as_ref().and_then(|address| address.runtime()).is_none_or(|own| own == runtime)
}

/// Its address as its owner wrote it.
pub(super) fn shown_url(entry: &Entry) -> String {
    #[derive(serde::Deserialize)]
    struct Shown {
        #[serde(alias = "hypertyID")]
        url: String,
    }
    serde_json::from_str(&entry.members).map_or_else(|_| entry.url.clone(), |Shown { url }| url)
}

fn write(entry: &mut Entry, record: &Record, url: &str, max_expires_s: u32, now_ms: i64) {
    /// The members as they are shown, all but those that change with time.
    #[derive(serde::Serialize)]
    struct Members<'a> {
        #[serde(flatten)]
        record: &'a Record,
        #[serde(rename = "hypertyID", skip_serializing_if = "Option::is_none")]
        hyperty_id: Option<&'a str>,
        #[serde(rename = "userID", skip_serializing_if = "Option::is_none")]
        user_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<&'a str>,
    }
    entry.guid.clone_from(&record.guid);
    entry.expires_s = record.expires.unwrap_or(max_expires_s).min(max_expires_s);
    set_status(entry, record.status.as_deref().unwrap_or(LIVE));
    touch(entry, now_ms);
    let members = match entry.kind {
        Kind::Hyperty => Members { record, hyperty_id: Some(url), user_id: Some(&entry.owner), url: None },
        Kind::DataObject => Members { record, hyperty_id: None, user_id: None, url: Some(url) },
    };
    // What is ours to write can be written.
    entry.members = serde_json::to_string(&members).unwrap_or_default();
}

fn set_status(entry: &mut Entry, status: &str) {
    status.clone_into(&mut entry.status);
    entry.live = status != DISCONNECTED;
}

fn touch(entry: &mut Entry, now_ms: i64) {
    entry.modified_ms = now_ms;
    entry.deadline_ms = now_ms.saturating_add(i64::from(entry.expires_s) * 1_000);
}
