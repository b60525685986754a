//! One participant in the engine: his transport, what he publishes, where he receives.

use super::data::PeerData;
use super::mixing::PeerAudio;
use super::outflow::Outflow;
use super::rest::Traffic;
use crate::api::{DataLimits, Downlink, PeerId, Permissions, Source, TransportState};
use crate::forward::{Arrivals, Redundancy};
use crate::keys::{ConsumerKey, ProducerKey, RoomKey};
use crate::negotiate::{ExtensionIds, ExtensionTable};
use crate::transport::Connection;
use crate::wire::Path;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What an SSRC of a publisher carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Of a track's encoding of this number.
    Media(ProducerKey, u8),
    /// Retransmissions of it.
    Rtx(ProducerKey, u8),
    /// Repair packets of it (FlexFEC).
    Fec(ProducerKey, u8),
}

impl Stream {
    pub(super) fn encoding(self) -> u8 {
        match self {
            Self::Media(_, encoding) | Self::Rtx(_, encoding) | Self::Fec(_, encoding) => encoding,
        }
    }

    pub(super) fn producer(self) -> ProducerKey {
        match self {
            Self::Media(key, _) | Self::Rtx(key, _) | Self::Fec(key, _) => key,
        }
    }
}

/// A media section of his description.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    pub(super) mid: String,
    pub(super) producer: Option<ProducerKey>,
    pub(super) consumer: Option<ConsumerKey>,
}

/// One participant.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(super) id: PeerId,
    pub(super) room: RoomKey,
    /// What he is called on canvases.
    pub(super) name: Arc<str>,
    /// Who comes first on his canvases, whoever speaks.
    pub(super) pin: Option<PeerId>,
    /// The worker that he is a guest from; `None` of our own participants.
    pub(super) lives_on: Option<u8>,
    pub(super) permissions: Permissions,
    /// What he wants to receive in all.
    pub(super) downlink: Downlink,
    pub(super) outflow: Outflow,
    /// How he hears others.
    pub(super) audio: PeerAudio,
    /// How often he is told what he hears.
    pub(super) redundancy: Redundancy,
    pub(super) transport: Option<Connection>,
    pub(super) sections: Vec<Section>,
    pub(super) streams: FxHashMap<u32, Stream>,
    pub(super) places: FxHashMap<u32, ConsumerKey>,
    pub(super) extensions: ExtensionIds,
    pub(super) extension_table: ExtensionTable,
    pub(super) reduced_size_rtcp: bool,
    pub(super) arrivals: Arrivals,
    /// His media packets.
    pub(super) came: Traffic,
    /// Addresses that ICE validated for him, oldest first.
    pub(super) paths: Vec<Path>,
    /// From his NTP clock to ours, in units of 2^-32 s: the smallest difference seen, so the least delayed.
    pub(super) ntp_shift: Option<u64>,
    pub(super) rtt: Option<Duration>,
    /// Sources that a moderator had silenced when their tracks ended: they come back silenced.
    pub(super) moderated: Vec<Source>,
    pub(super) session_id: u64,
    pub(super) session_version: u64,
    /// The score that was told last.
    pub(super) quality: Option<u8>,
    /// What he may still be sent again before the next refill.
    pub(super) retransmissions_left: u32,
    /// His first offer, or when his transport was last up: what time-outs count from.
    pub(super) waiting_since: Instant,
    pub(super) was_connected: bool,
    pub(super) data: PeerData,
    pub(super) timers: Timers,
}

/// When he needs attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timers {
    /// Sender and receiver reports.
    pub(super) report_at: Instant,
    /// That is further away than for others, as he does next to nothing.
    pub(super) rests: bool,
    /// NACKs, transport feedback, key-frame requests; `None` when none can be due.
    pub(super) fast_at: Option<Instant>,
    /// ICE and DTLS.
    pub(super) transport_at: Option<Instant>,
    /// What he gets is decided anew; `None` while he receives no video.
    pub(super) allocate_at: Option<Instant>,
    /// That is further away than for others, as he has all that there is and room above it.
    pub(super) is_calm: bool,
    /// Packets that wait, and probes of his path.
    pub(super) pace_at: Option<Instant>,
    /// What the engine's queue holds for him.
    pub(super) armed: Option<Instant>,
}

impl Timers {
    pub(super) fn next(&self) -> Instant {
        [self.fast_at, self.transport_at, self.allocate_at, self.pace_at]
            .into_iter()
            .flatten()
            .fold(self.report_at, Instant::min)
    }

    /// Wants the fast tick by `at`.
    pub(super) fn hasten(&mut self, at: Instant) {
        self.fast_at = Some(self.fast_at.map_or(at, |fast| fast.min(at)));
    }
}

/// Retransmissions that a participant may ask for each second: several times what loss that can be repaired needs, and a bound
/// on what a forged flood of NACKs costs.
pub(super) const RETRANSMISSIONS_PER_S: u32 = 1_000;

/// Validated addresses kept for a participant: both families, UDP and TCP, before and after a change of network.
pub(super) const MAX_PATHS: usize = 16;

impl Peer {
    pub(super) fn new(
        id: PeerId,
        room: RoomKey,
        permissions: Permissions,
        session_id: u64,
        outflow: Outflow,
        now: Instant,
    ) -> Self {
        Self {
            id,
            room,
            name: Arc::from(""),
            pin: None,
            lives_on: None,
            permissions,
            downlink: Downlink::default(),
            outflow,
            audio: PeerAudio::default(),
            redundancy: Redundancy::of_audio(),
            transport: None,
            sections: Vec::new(),
            streams: FxHashMap::default(),
            places: FxHashMap::default(),
            extensions: ExtensionIds::default(),
            extension_table: ExtensionIds::default().by_id(),
            reduced_size_rtcp: false,
            arrivals: Arrivals::new(now),
            came: Traffic::new(),
            paths: Vec::new(),
            ntp_shift: None,
            rtt: None,
            moderated: Vec::new(),
            session_id,
            session_version: 0,
            quality: None,
            retransmissions_left: RETRANSMISSIONS_PER_S,
            waiting_since: now,
            was_connected: false,
            timers: Timers {
                report_at: now,
                rests: false,
                fast_at: None,
                transport_at: None,
                allocate_at: None,
                is_calm: false,
                pace_at: None,
                armed: None,
            },
            data: PeerData::default(),
        }
    }

    /// Whether he is to be looked after less often: he is connected, and did next to nothing since his last regular turn.
    pub(super) fn may_rest(&self, data: &DataLimits) -> bool {
        self.came.is_quiet()
            && self.outflow.went.is_quiet()
            && self.retransmissions_left == RETRANSMISSIONS_PER_S
            && self.data.is_quiet(data)
            && self.transport.as_ref().is_some_and(|t| t.state() == TransportState::Connected)
    }

    pub(super) fn set_extensions(&mut self, ids: ExtensionIds) {
        self.extensions = ids;
        self.extension_table = ids.by_id();
    }

    pub(super) fn producers(&self) -> impl Iterator<Item = ProducerKey> + '_ {
        self.sections.iter().filter_map(|s| s.producer)
    }

    pub(super) fn consumers(&self) -> impl Iterator<Item = ConsumerKey> + '_ {
        self.sections.iter().filter_map(|s| s.consumer)
    }

    pub(super) fn section(&self, mid: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.mid == mid)
    }
}
