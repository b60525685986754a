//! What workers are sent.

use super::tcp::Stray;
use crate::api::Command;
use crate::wire::Path;

/// What is sent to a worker.
#[derive(Debug)]
pub(super) enum Message {
    /// From outside.
    Command(Command),
    /// From another worker: a path is its, or is no more.
    Route { path: Path, owner: u8, added: bool },
    /// From another worker: a connection that is ours.
    Stray(Stray),
}
