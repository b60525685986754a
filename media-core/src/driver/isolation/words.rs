//! What goes over to a process and back. Moments go as nanoseconds of the monotonic clock, which all processes of a machine share.

use crate::api::{Codec, RoomId, SnapshotError, SnapshotSize, Still, StillPacket, TrackId};
use crate::composer::{Bill, CanvasFormat, CanvasId, ComposeOrder, Scene, Seen, Shot, Tier};
use crate::driver::sys;
use crate::mix::audio::{MixSettings, Packet, SourceId};
use crate::mixer::{Cast, FromMixer, MixAnswer, MixOrder, ToMixer};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::ffi::CStr;
use std::time::{Duration, Instant};

/// Nanoseconds of the monotonic clock.
type Nanos = u64;

/// Moments of this process in the words of all, and back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    here: Instant,
    everywhere: Duration,
}

impl Clock {
    pub(super) fn new() -> Self {
        let (here, everywhere) = sys::both_clocks();
        Self { here, everywhere }
    }

    fn write(&self, at: Instant) -> Nanos {
        let at = match at.checked_duration_since(self.here) {
            Some(later) => self.everywhere + later,
            None => self.everywhere.saturating_sub(self.here.saturating_duration_since(at)),
        };
        Nanos::try_from(at.as_nanos()).unwrap_or(Nanos::MAX)
    }

    fn read(&self, at: Nanos) -> Instant {
        let at = Duration::from_nanos(at);
        let moment = match at.checked_sub(self.everywhere) {
            Some(later) => self.here.checked_add(later),
            None => self.here.checked_sub(self.everywhere.saturating_sub(at)),
        };
        moment.unwrap_or(self.here)
    }
}

/// The first word to a process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// What it is to be.
    pub(super) role: Role,
    /// Bytes of memory that it may have.
    pub(super) memory_bytes: u64,
}

/// What a process is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Role {
    /// One that says that it runs, and ends.
    Trial,
    /// Draws the canvases of one room. Told [`CanvasOrder`], answers in `ComposeAnswer`.
    Composer(CanvasFormat),
    /// Mixes the sound of many. Told [`MixerOrder`], answers in [`MixerAnswer`].
    Mixers(MixSettings),
    /// Makes key frames into pictures. Told [`KeyPicture`], answers each with a [`Developed`].
    Darkroom,
}

impl Role {
    /// What the process is called.
    pub(super) fn name(self) -> &'static CStr {
        match self {
            Self::Trial => c"colloquy-trial",
            Self::Composer(_) => c"colloquy-canvas",
            Self::Mixers(_) => c"colloquy-sound",
            Self::Darkroom => c"colloquy-stills",
        }
    }
}

/// A word to a composer: `ComposeOrder`, but for what the server does itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum CanvasOrder {
    Bill(CanvasBill),
    Packet { track: TrackId, index: u64, timestamp: u32, marker: bool, payload: Bytes, arrived: Nanos },
    KeyFrame(CanvasId, Tier),
    Ping,
}

/// [`Bill`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CanvasBill {
    at: Nanos,
    ended: Vec<TrackId>,
    sources: Vec<Seen>,
    dropped: Vec<(CanvasId, Tier)>,
    shown: Vec<(CanvasId, Tier, Scene)>,
}

impl CanvasOrder {
    /// An order as it goes over; `None` for those that begin and end a process.
    pub(super) fn of(order: ComposeOrder, clock: &Clock) -> Option<Self> {
        Some(match order {
            ComposeOrder::Open(_) | ComposeOrder::Close => return None,
            ComposeOrder::Bill(bill) => {
                let Bill { at, ended, sources, dropped, shown } = *bill;
                Self::Bill(CanvasBill { at: clock.write(at), ended, sources, dropped, shown })
            }
            ComposeOrder::Packet(track, Shot { index, timestamp, marker, payload, arrived }) => {
                let arrived = clock.write(arrived);
                Self::Packet { track, index, timestamp, marker, payload, arrived }
            }
            ComposeOrder::KeyFrame(canvas, tier) => Self::KeyFrame(canvas, tier),
            ComposeOrder::Ping => Self::Ping,
        })
    }

    /// As it was.
    pub(super) fn read(self, clock: &Clock) -> ComposeOrder {
        match self {
            Self::Bill(CanvasBill { at, ended, sources, dropped, shown }) => {
                ComposeOrder::Bill(Box::new(Bill { at: clock.read(at), ended, sources, dropped, shown }))
            }
            Self::Packet { track, index, timestamp, marker, payload, arrived } => {
                let arrived = clock.read(arrived);
                ComposeOrder::Packet(track, Shot { index, timestamp, marker, payload, arrived })
            }
            Self::KeyFrame(canvas, tier) => ComposeOrder::KeyFrame(canvas, tier),
            Self::Ping => ComposeOrder::Ping,
        }
    }
}

/// A worker's word to the mixer of a room.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MixerOrder {
    worker: u8,
    room: RoomId,
    life: u64,
    order: SoundOrder,
}

/// [`MixOrder`].
#[derive(Debug, Serialize, Deserialize)]
enum SoundOrder {
    Open,
    Cast(Cast),
    Packet(SourceId, Heard),
    Ping,
    Close,
}

/// [`Packet`].
#[derive(Debug, Serialize, Deserialize)]
struct Heard {
    sequence: u64,
    timestamp: u32,
    payload: Bytes,
    red: bool,
    level: Option<u8>,
    voice: Option<bool>,
    arrived: Nanos,
}

impl MixerOrder {
    /// `None` of what is to be played: that stays here, and its packets go over.
    pub(super) fn of(worker: u8, word: ToMixer, clock: &Clock) -> Option<Self> {
        let ToMixer { room, life, order } = word;
        let order = match order {
            MixOrder::Open => SoundOrder::Open,
            MixOrder::Cast(cast) => SoundOrder::Cast(*cast),
            MixOrder::Packet(source, packet) => {
                let Packet { sequence, timestamp, payload, red, level, voice, arrived } = packet;
                let arrived = clock.write(arrived);
                SoundOrder::Packet(source, Heard { sequence, timestamp, payload, red, level, voice, arrived })
            }
            MixOrder::Play(..) => return None,
            MixOrder::Ping => SoundOrder::Ping,
            MixOrder::Close => SoundOrder::Close,
        };
        Some(Self { worker, room, life, order })
    }

    /// As it was.
    pub(super) fn read(self, clock: &Clock) -> (u8, ToMixer) {
        let Self { worker, room, life, order } = self;
        let order = match order {
            SoundOrder::Open => MixOrder::Open,
            SoundOrder::Cast(cast) => MixOrder::Cast(Box::new(cast)),
            SoundOrder::Packet(source, Heard { sequence, timestamp, payload, red, level, voice, arrived }) => {
                let arrived = clock.read(arrived);
                MixOrder::Packet(source, Packet { sequence, timestamp, payload, red, level, voice, arrived })
            }
            SoundOrder::Ping => MixOrder::Ping,
            SoundOrder::Close => MixOrder::Close,
        };
        (worker, ToMixer { room, life, order })
    }
}

/// A word of the mixer of a room to a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MixerAnswer {
    pub(super) worker: u8,
    room: RoomId,
    life: u64,
    answer: MixAnswer,
}

impl MixerAnswer {
    pub(super) fn of(worker: u8, word: FromMixer) -> Self {
        let FromMixer { room, life, answer } = word;
        Self { worker, room, life, answer }
    }

    /// As it was.
    pub(super) fn read(self) -> FromMixer {
        let Self { room, life, answer, .. } = self;
        FromMixer { room, life, answer }
    }
}

/// A key frame of which a picture is to be made.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyPicture {
    pub(super) size: SnapshotSize,
    pub(super) codec: Codec,
    pub(super) packets: Vec<KeyPacket>,
}

/// A packet of one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyPacket {
    pub(super) index: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Bytes,
}

impl KeyPacket {
    /// As it was.
    pub(super) fn read(&self) -> StillPacket<'_> {
        let Self { index, timestamp, marker, payload } = self;
        StillPacket { index: *index, timestamp: *timestamp, marker: *marker, payload }
    }
}

impl KeyPicture {
    /// `None` if it is of nothing.
    pub(super) fn of(still: &Still, size: SnapshotSize) -> Option<Self> {
        let packet = |packet: StillPacket<'_>| KeyPacket {
            index: packet.index,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: Bytes::copy_from_slice(packet.payload),
        };
        Some(Self { size, codec: still.codec()?, packets: still.packets().map(packet).collect() })
    }
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Developed {
    Jpeg { bytes: Bytes, width: u32, height: u32 },
    Unreadable,
}

impl From<SnapshotError> for Developed {
    fn from(_: SnapshotError) -> Self {
        Self::Unreadable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_as_they_were() {
        let (here, there) = (Clock::new(), Clock::new());
        let now = Instant::now();
        for at in [now, now + Duration::from_secs(5), now - Duration::from_millis(3)] {
            assert_eq!(here.read(here.write(at)), at);
            let elsewhere = there.read(here.write(at));
            let apart = elsewhere.max(at) - elsewhere.min(at);
            assert!(apart < Duration::from_millis(1), "{apart:?}");
        }
        // What cannot have been is now.
        assert_eq!(here.read(Nanos::MAX).max(now), here.read(Nanos::MAX));
    }
}
