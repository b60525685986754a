//! What workers are sent.

use super::tcp::Stray;
use crate::api::{AdvertisedAddress, Command};
use crate::wire::Path;

/// What is sent to a worker.
#[derive(Debug)]
pub(super) enum Message {
    /// From outside.
    Command(Command),
    /// Our addresses are these from now on.
    Addresses(Vec<AdvertisedAddress>),
    /// From another worker: a path is its, or is no more.
    Route { path: Path, owner: u8, added: bool },
    /// From another worker: a connection that is ours.
    Stray(Stray),
}
