//! The news: whose status changed, for those who are told by message and for those who come and ask.

use colloquy_storage::registry::Kind;
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};

/// News that wait to be taken at most. What is older is dropped, and counted: subscribers are told of changes as a courtesy, and who wants to be sure
/// reads the entry.
pub(super) const MAX_WAITING: usize = 16_384;

/// Somebody's status is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// What it is of.
    pub kind: Kind,
    /// Its address.
    pub url: String,
    /// The new status.
    pub status: String,
}

impl StatusChange {
    /// Where it is published: `<url>/registration`.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("{}/registration", self.url)
    }

    /// The message that tells it, from `domain://registry.<domain>` to its [`topic`](Self::topic).
    #[must_use]
    pub fn message(&self, domain: &str, id: u64) -> String {
        let body = json!({"value": self.status, "attribute": "status"});
        json!({"id": id, "type": "update", "from": format!("domain://registry.{domain}"), "to": self.topic(), "body": body}).to_string()
    }
}

/// What happened and was not yet taken.
#[derive(Debug, Default)]
pub(super) struct Changes {
    told: VecDeque<StatusChange>,
    /// Those that are disconnected since somebody last asked, for `GET /registry/updated`.
    gone: BTreeSet<(Kind, String)>,
    /// How many of either were dropped.
    pub(super) dropped: u64,
}

impl Changes {
    pub(super) fn add(&mut self, change: StatusChange) {
        let of = (change.kind, change.url.clone());
        if change.status == super::rules::DISCONNECTED {
            self.gone.insert(of);
            if self.gone.len() > MAX_WAITING && self.gone.pop_first().is_some() {
                self.dropped += 1;
            }
        } else {
            self.gone.remove(&of);
        }
        self.told.push_back(change);
        if self.told.len() > MAX_WAITING && self.told.pop_front().is_some() {
            self.dropped += 1;
        }
    }

    pub(super) fn take(&mut self, most: usize) -> Vec<StatusChange> {
        let most = most.min(self.told.len());
        self.told.drain(..most).collect()
    }

    pub(super) fn take_gone(&mut self, most: usize) -> Vec<(Kind, String)> {
        std::iter::from_fn(|| self.gone.pop_first()).take(most).collect()
    }
}
