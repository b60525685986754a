//! What shares of a room tell each other.

use crate::api::{MediaKind, Mute, PeerId, RoomId, TrackId, TrackInfo};
use crate::audience::Stance;
use crate::forward::{Arrived, Carried, SenderClock};
use crate::keys::ChannelKey;
use crate::negotiate::CodecEntry;
use crate::transport::dcep::Open;
use crate::transport::sctp::Kind;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// A word from one worker's engine to another's. Words of one engine to another must arrive in order, and none may be lost
/// but packets.
#[derive(Debug, Clone)]
pub struct LinkMessage(pub(super) Word);

impl LinkMessage {
    /// Whether it is a packet of media: the one thing that may be dropped where a queue is full.
    #[must_use]
    pub fn is_packet(&self) -> bool {
        matches!(self.0, Word::Packet(_))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Word {
    /// The sender begins to share a room with us, and wants to know what there is.
    Hello { room: RoomId, epoch: u64 },
    /// All that there was when it said so has been told.
    Synced { room: RoomId, epoch: u64 },
    /// The sender has nobody in the room any more.
    Parted { room: RoomId, epoch: u64 },
    /// There is a track, or its codecs changed.
    Track(Box<Track>),
    /// A track ended.
    Unpublished { track: TrackId },
    /// A track was silenced, or is heard again.
    Muted { track: TrackId, mute: Mute },
    /// The numbers of an encoding's packets mean others from now on.
    Restarted { track: TrackId, encoding: u8 },
    /// What time it is at a publisher.
    Clock { track: TrackId, encoding: u8, clock: SenderClock, shift: Option<u64> },
    /// A packet.
    Packet(Arc<Relayed>),
    /// Of which encodings the sender has a use, a bit for each; of a track that nobody receives there, none.
    Use { track: TrackId, encodings: u8 },
    /// Somebody there waits for a key frame.
    KeyFrame { track: TrackId, encoding: u8 },
    /// Who of the sender's people is heard, and how loud, in -dBov.
    Levels { room: RoomId, levels: Vec<(PeerId, u8)> },
    /// One of the sender's people stands so since an epoch.
    Stands { room: RoomId, peer: PeerId, epoch: u64, stance: Stance },
    /// A participant is gone, and all that was his.
    Left { room: RoomId, peer: PeerId },
    /// A participant opened a data channel, which is `at_home` to the sender.
    ChannelOpened { room: RoomId, owner: PeerId, stream: u16, at_home: ChannelKey, open: Open },
    /// He closed it.
    ChannelClosed { owner: PeerId, stream: u16 },
    /// He said something on it.
    Said { owner: PeerId, stream: u16, kind: Kind, bytes: Bytes },
    /// A receiver at the sender's is too slow for a channel of ours, or has caught up. By its key: its stream may be another channel's
    /// by the time that we hear of it.
    Held { channel: ChannelKey, held: bool },
}

/// A track, as another share needs to know it.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(super) room: RoomId,
    pub(super) info: TrackInfo,
    pub(super) rids: Vec<String>,
    pub(super) codecs: Vec<CodecEntry>,
}

/// A packet of a track, opened, on its way to another share. Its buffer is used again.
#[derive(Debug)]
pub(crate) struct Relayed {
    pub(super) track: TrackId,
    pub(super) encoding: u8,
    index: u64,
    timestamp: u32,
    marker: bool,
    payload_type: u8,
    len_bytes: usize,
    repaired: bool,
    /// The elements that are carried, then the payload.
    bytes: Vec<u8>,
    carried_len: usize,
}

impl Relayed {
    /// A buffer for a packet.
    pub(super) fn empty() -> Self {
        Self {
            track: TrackId(0),
            encoding: 0,
            index: 0,
            timestamp: 0,
            marker: false,
            payload_type: 0,
            len_bytes: 0,
            repaired: false,
            bytes: Vec::new(),
            carried_len: 0,
        }
    }

    pub(super) fn set(&mut self, track: TrackId, encoding: u8, packet: &Arrived<'_>) {
        let Arrived { now: _, index, timestamp, marker, payload_type, carried, payload, len_bytes, repaired } = *packet;
        self.bytes.clear();
        carried.write(&mut self.bytes);
        self.carried_len = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        let bytes = std::mem::take(&mut self.bytes);
        let carried_len = self.carried_len;
        *self =
            Self { track, encoding, index, timestamp, marker, payload_type, len_bytes, repaired, bytes, carried_len };
    }

    /// As it is where it arrives.
    pub(super) fn arrived(&self, now: Instant) -> Arrived<'_> {
        let (carried, payload) = self.bytes.split_at_checked(self.carried_len).unwrap_or_default();
        Arrived {
            now,
            index: self.index,
            timestamp: self.timestamp,
            marker: self.marker,
            payload_type: self.payload_type,
            carried: Carried::read(carried),
            payload,
            len_bytes: self.len_bytes,
            repaired: self.repaired,
        }
    }
}

impl Track {
    /// Its codecs as a share uses them that is handed what was repaired already.
    pub(super) fn codecs(&self) -> Vec<CodecEntry> {
        let mut codecs = self.codecs.clone();
        for codec in &mut codecs {
            codec.feedback.nack = false;
        }
        codecs
    }

    pub(super) fn kind(&self) -> MediaKind {
        self.info.kind
    }
}
