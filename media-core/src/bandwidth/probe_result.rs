//! What a cluster of packets found: how fast it left and how fast it arrived.

use super::probe::{Probe, ProbeId};

/// Packets that must arrive for a result.
const MIN_PACKETS: u32 = 4;
/// Of the bytes sent, what must arrive.
const MIN_ARRIVED: f64 = 0.5;
/// Arriving slower than this part of the pace means that the link was full, and faster than this that it was not. Between the
/// two, the sizes of the first and the last packet make as much.
const FULL_BELOW: f64 = 0.8;
const OPEN_ABOVE: f64 = 0.9;
/// Arriving so many times faster than it left, it was held up and let go at once, by a radio or a busy host: that tells of the hold-up and
/// not of the link (libwebrtc's bound).
const HELD_UP: f64 = 2.0;
/// What is used of a link that was full, so that the queue drains.
const USED: f64 = 0.95;
/// Times are known no better, microseconds.
const MIN_INTERVAL_US: u64 = 1_000;

/// What a cluster found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// What the link carries at least, bits/s.
    pub(super) bps: f64,
    /// Whether it carries more.
    pub(super) beyond: Beyond,
}

/// Whether there is more than was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// As fast as it left, it arrived.
    Open,
    /// A little slower: a few packets tell no more.
    Doubtful,
    /// Much slower: the link was full.
    Full,
    /// It was held up on the way: nothing is known.
    HeldUp,
}

/// First and last packet of a run, and its bytes.
#[derive(Debug, Clone, Copy)]
struct Run {
    first_us: u64,
    last_us: u64,
    bytes: u64,
    /// Of the first packet for arrivals (it arrived before its time is counted), of the last one for departures.
    edge_bytes: u32,
    packets: u32,
}

impl Run {
    fn bps(&self) -> f64 {
        let interval_us = self.last_us.saturating_sub(self.first_us).max(MIN_INTERVAL_US);
        self.bytes.saturating_sub(self.edge_bytes.into()) as f64 * 8e6 / interval_us as f64
    }
}

/// A cluster on its way.
#[derive(Debug)]
pub(super) struct Cluster {
    probe: Probe,
    sent: Option<Run>,
    arrived: Option<Run>,
    missed: u32,
}

impl Cluster {
    pub(super) fn new(probe: Probe) -> Self {
        Self { probe, sent: None, arrived: None, missed: 0 }
    }

    pub(super) fn id(&self) -> ProbeId {
        self.probe.id
    }

    pub(super) fn on_sent(&mut self, sent_us: u64, wire_bytes: u32) {
        let fresh = Run { first_us: sent_us, last_us: sent_us, bytes: 0, edge_bytes: 0, packets: 0 };
        let run = self.sent.get_or_insert(fresh);
        run.last_us = run.last_us.max(sent_us);
        run.bytes += u64::from(wire_bytes);
        run.edge_bytes = wire_bytes;
        run.packets += 1;
    }

    pub(super) fn on_arrived(&mut self, _sent_us: u64, arrived_us: u64, wire_bytes: u32) {
        let fresh = Run { first_us: arrived_us, last_us: arrived_us, bytes: 0, edge_bytes: wire_bytes, packets: 0 };
        let run = self.arrived.get_or_insert(fresh);
        if arrived_us < run.first_us {
            (run.first_us, run.edge_bytes) = (arrived_us, wire_bytes);
        }
        run.last_us = run.last_us.max(arrived_us);
        run.bytes += u64::from(wire_bytes);
        run.packets += 1;
    }

    pub(super) fn on_missed(&mut self) {
        self.missed += 1;
    }

    /// All of it was sent, and feedback told of all.
    pub(super) fn is_complete(&self) -> bool {
        let (Some(sent), Some(arrived)) = (&self.sent, &self.arrived) else { return false };
        let is_sent = sent.packets as usize >= self.probe.packets && sent.bytes >= self.probe.bytes as u64;
        is_sent && arrived.packets + self.missed >= sent.packets
    }

    /// What the link carried, beside others who are known to get `beside_bps` of it.
    ///
    /// A full link is shared by a cluster and what others send as both come to it: a fast cluster takes of theirs. So what is left to us is
    /// less than what arrived of it.
    pub(super) fn found(&self, beside_bps: f64) -> Option<Found> {
        let (sent, arrived) = (self.sent?, self.arrived?);
        let share = arrived.bytes as f64 / sent.bytes.max(1) as f64;
        if arrived.packets < MIN_PACKETS || share < MIN_ARRIVED {
            return None;
        }
        // Packets that a radio loses take their time on the link as well: losses alone do not make it full.
        let left_bps = sent.bps() * share;
        let arrived_bps = arrived.bps();
        let beyond = match arrived_bps / left_bps {
            part if part < FULL_BELOW => Beyond::Full,
            part if part < OPEN_ABOVE => Beyond::Doubtful,
            part if part < HELD_UP => Beyond::Open,
            _ => Beyond::HeldUp,
        };
        let bps = match beyond {
            Beyond::HeldUp => 0.0,
            Beyond::Open => sent.bps().min(arrived_bps / share),
            Beyond::Doubtful | Beyond::Full => {
                let link_bps = arrived_bps * (1.0 + beside_bps / left_bps);
                USED * (link_bps - beside_bps).clamp(0.0, arrived_bps)
            }
        };
        Some(Found { bps, beyond })
    }
}
