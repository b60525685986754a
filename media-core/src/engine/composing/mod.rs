//! Pictures that are drawn together: packets of cameras leave for the composer of their room while somebody has a canvas, and what comes
//! back goes to the places that want it, like a track of somebody's. Where nobody does, nothing is tapped and nothing is kept.
//!
//! Whoever sees the same has the same canvas. What each may see is decided anew whenever anything changes, before the next packet is
//! taken; a place gets a canvas only as what it was decided to see.

mod arrange;
mod bill;
mod insert;
mod places;
mod plan;
mod room;
mod tap;

use crate::composer::ToComposer;
use crate::keys::RoomKey;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

pub(crate) use room::ComposedRoom;

/// Payloads of pictures are copied into chunks of so many bytes, which are used again when every packet in them has been drawn.
const CHUNK_BYTES: usize = 256 * 1024;

/// What goes to composers, and what they need.
#[derive(Debug, Default)]
pub(super) struct Composing {
    outgoing: VecDeque<ToComposer>,
    /// Packets among them.
    packets: usize,
    chunk: BytesMut,
    /// Composers that were opened.
    lives: u64,
    /// Canvases that were made, and those that there are.
    made: u64,
    canvases: usize,
    /// Rooms of which something changed that a composer must know.
    changed: Vec<RoomKey>,
    /// Rooms in which more canvases are wanted than there may be.
    short: Vec<RoomKey>,
}

impl Composing {
    /// So many canvases are no more: rooms that wait for one look again.
    fn give_back(&mut self, canvases: usize) {
        self.canvases -= canvases;
        if canvases > 0 {
            let Self { changed, short, .. } = self;
            let news = short.drain(..).filter(|room| !changed.contains(room)).collect::<Vec<_>>();
            changed.extend(news);
        }
    }

    /// A copy of a payload. Nothing is allocated but a chunk now and then.
    fn copy(&mut self, payload: &[u8]) -> Bytes {
        if self.chunk.capacity() < payload.len() {
            self.chunk.reserve(CHUNK_BYTES);
        }
        self.chunk.extend_from_slice(payload);
        self.chunk.split().freeze()
    }
}
