//! What workers are sent.

use super::plain::PlainSocket;
use super::tcp::Stray;
use crate::api::{AdvertisedAddress, Command, RoomId};
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
    /// Somebody joins a room that is on other workers as well.
    JoinShared { room: RoomId, with: Vec<u8>, epoch: u64, join: Command },
    /// Somebody is connected by plain RTP at these ports.
    Plain { sockets: Vec<PlainSocket>, command: Command },
    /// From another worker: a connection that is ours.
    Stray(Stray),
}

impl Message {
    /// Whether it must arrive even where the queue is full.
    pub(super) fn must_arrive(&self) -> bool {
        matches!(self, Self::Command(command) if command.must_arrive())
    }
}
