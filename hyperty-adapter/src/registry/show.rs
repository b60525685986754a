//! Entries as clients see them, written without reading them anew: the members are stored as JSON, what changes with time is added.

use super::rules::{shown_url, status_at};
use colloquy_storage::registry::Entry;
use std::fmt::Write;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One entry, as a JSON object.
pub(super) fn entry(out: &mut String, entry: &Entry, now_ms: i64) {
    let members = entry.members.trim_end().strip_suffix('}').unwrap_or("{");
    out.push_str(members);
    if members.len() > 1 {
        out.push(',');
    }
    let Entry { expires_s, started_ms, modified_ms, .. } = entry;
    let (started, modified) = (date(*started_ms), date(*modified_ms));
    let status = text(status_at(entry, now_ms));
    // Writing to a string does not fail.
    let _ = write!(
        out,
        r#""expires":{expires_s},"status":{status},"startingTime":"{started}","lastModified":"{modified}"}}"#
    );
}

/// Several, as a JSON object by their addresses.
pub(super) fn entries<'a>(all: impl IntoIterator<Item = &'a Entry>, now_ms: i64) -> String {
    let mut out = String::from("{");
    for one in all {
        if out.len() > 1 {
            out.push(',');
        }
        // A runtime is found under both of its schemes, and shown under its own.
        let own = one.url.starts_with("runtime://").then(|| shown_url(one));
        out.push_str(&text(own.as_deref().unwrap_or(&one.url)));
        out.push(':');
        entry(&mut out, one, now_ms);
    }
    out.push('}');
    out
}

fn text(text: &str) -> String {
    // A text can be written.
    serde_json::to_string(text).unwrap_or_default()
}

/// `2026-11-21T01:19:47Z`: to the second, as the original writes it.
fn date(ms: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    date.format(&Rfc3339).unwrap_or_default()
}
