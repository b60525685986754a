//! Sound that is mixed: packets leave for the mixer of their room while somebody listens to the mix, and what comes back goes to the
//! places that want it. Where nobody does, nothing is tapped and nothing is kept.

mod cast;
mod insert;
mod modes;
mod play;
mod room;
mod tap;

use crate::keys::{PeerKey, RoomKey};
use crate::mixer::ToMixer;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

pub(super) use modes::PeerAudio;
pub(crate) use room::MixedRoom;

/// Payloads of sound are copied into chunks of so many bytes, which are used again when every packet in them has been mixed: some 800
/// packets of Opus.
const CHUNK_BYTES: usize = 64 * 1024;

/// What goes to mixers, and what they need.
#[derive(Debug, Default)]
pub(super) struct Mixing {
    outgoing: VecDeque<ToMixer>,
    /// Packets among them.
    packets: usize,
    chunk: BytesMut,
    /// Mixers that were opened.
    lives: u64,
    /// Rooms of which something changed that a mixer must know.
    changed: Vec<RoomKey>,
    /// Who lost the place where he had the mix.
    placeless: Vec<PeerKey>,
    /// Whose way of hearing changes with the packet that is sent now.
    crossing: Vec<(PeerKey, modes::Crossing)>,
}

impl Mixing {
    /// A copy of a payload. Nothing is allocated but a chunk now and then.
    fn copy(&mut self, payload: &[u8]) -> Bytes {
        if self.chunk.capacity() < payload.len() {
            self.chunk.reserve(CHUNK_BYTES);
        }
        self.chunk.extend_from_slice(payload);
        self.chunk.split().freeze()
    }
}
