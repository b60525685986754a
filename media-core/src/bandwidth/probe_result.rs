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
/// not of the link (libwebrtc's bound). So it may have been where only its beginning waited.
const HELD_UP: f64 = 2.0;
/// Full is only what arrives over a longer time than it left, by this part at least, in percent.
const SPREAD_PCT: u64 = 110;
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
    /// How much more is not known: it was held up on the way and let go at once, or is too short to tell.
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
    /// Of the first packet that arrived, how long it waited on its way, beyond what all of them do, microseconds.
    waited_us: u64,
}

impl Run {
    fn bps(&self) -> f64 {
        self.bps_after(0)
    }

    /// The same if the first packet had not waited: what waited before it is taken for its own, so that it is no more than the link carries.
    fn bps_at_least(&self) -> f64 {
        self.bps_after(self.waited_us)
    }

    fn interval_us(&self) -> u64 {
        self.last_us.saturating_sub(self.first_us)
    }

    fn bps_after(&self, sooner_us: u64) -> f64 {
        let interval_us = self.interval_us().saturating_add(sooner_us).max(MIN_INTERVAL_US);
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
        let fresh = Run { first_us: sent_us, last_us: sent_us, bytes: 0, edge_bytes: 0, packets: 0, waited_us: 0 };
        let run = self.sent.get_or_insert(fresh);
        run.last_us = run.last_us.max(sent_us);
        run.bytes += u64::from(wire_bytes);
        run.edge_bytes = wire_bytes;
        run.packets += 1;
    }

    /// `waited_us`: how much longer it was on its way than the fastest of the last 300 ms.
    pub(super) fn on_arrived(&mut self, arrived_us: u64, waited_us: u64, wire_bytes: u32) {
        let fresh =
            Run { first_us: arrived_us, last_us: arrived_us, bytes: 0, edge_bytes: wire_bytes, packets: 0, waited_us };
        let run = self.arrived.get_or_insert(fresh);
        if arrived_us < run.first_us {
            (run.first_us, run.edge_bytes, run.waited_us) = (arrived_us, wire_bytes, waited_us);
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
        // What waited at its beginning alone comes closer together than the link would have it.
        let is_pressed = arrived.bps_at_least() < FULL_BELOW * left_bps;
        let beyond = match arrived_bps / left_bps {
            // As far apart as they left, they met no queue: the first and the last are unlike, and most of so short a cluster.
            part if part < FULL_BELOW && arrived.interval_us() < sent.interval_us() * SPREAD_PCT / 100 => {
                Beyond::HeldUp
            }
            part if part < FULL_BELOW => Beyond::Full,
            _ if is_pressed => Beyond::HeldUp,
            part if part < OPEN_ABOVE => Beyond::Doubtful,
            part if part < HELD_UP => Beyond::Open,
            _ => Beyond::HeldUp,
        };
        let own = |carried_bps: f64| {
            let link_bps = carried_bps * (1.0 + beside_bps / left_bps);
            USED * (link_bps - beside_bps).clamp(0.0, carried_bps)
        };
        let bps = match beyond {
            Beyond::Open => sent.bps().min(arrived_bps / share),
            Beyond::Doubtful | Beyond::Full => own(arrived_bps),
            Beyond::HeldUp => own(arrived.bps_at_least().min(left_bps)),
        };
        Some(Found { bps, beyond })
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::ProbeControl;
    use super::*;

    /// What is found of six packets of 500 bytes that leave 5 ms apart and are `waits_us` longer on their way than the shortest.
    fn found(waits_us: [u64; 6]) -> Found {
        let mut probes = ProbeControl::new(300_000);
        let probe = probes.poll(0, 300_000.0, 10e6, 0).expect("nothing is known at first");
        let mut cluster = Cluster::new(probe);
        for (packet, waited_us) in waits_us.into_iter().enumerate() {
            let sent_us = 5_000 * packet as u64;
            cluster.on_sent(sent_us, 500);
            cluster.on_arrived(1_000_000 + sent_us + waited_us, waited_us, 500);
        }
        cluster.found(0.0).expect("all of them arrived")
    }

    #[test]
    fn a_link_with_room_is_open_and_one_without_is_full() {
        assert_eq!(found([0; 6]), Found { bps: 800_000.0, beyond: Beyond::Open });
        // 400 kb/s: each takes 10 ms.
        let full = found([0, 5_000, 10_000, 15_000, 20_000, 25_000]);
        assert_eq!(full, Found { bps: USED * 400_000.0, beyond: Beyond::Full });
    }

    #[test]
    fn a_full_link_that_is_held_up_does_not_look_open() {
        // As before, with a hold-up that ends as the fourth would have come; then so that it comes faster than it left.
        let held = found([30_000, 25_000, 20_000, 15_000, 20_000, 25_000]);
        assert_eq!(held.beyond, Beyond::HeldUp);
        assert!(held.bps < 400_000.0, "{held:?}");
        let faster = found([50_000, 45_000, 40_000, 35_000, 30_000, 25_000]);
        assert_eq!(faster.beyond, Beyond::HeldUp);
        assert!(faster.bps < 400_000.0, "{faster:?}");
    }

    #[test]
    fn a_large_first_packet_does_not_make_a_link_full() {
        let mut probes = ProbeControl::new(300_000);
        let mut cluster = Cluster::new(probes.poll(0, 300_000.0, 10e6, 0).expect("nothing is known at first"));
        for (packet, bytes) in [1_100, 250, 250, 250, 250].into_iter().enumerate() {
            let sent_us = 8_000 * packet as u64;
            cluster.on_sent(sent_us, bytes);
            cluster.on_arrived(1_000_000 + sent_us, 0, bytes);
        }
        assert_eq!(cluster.found(0.0).map(|found| found.beyond), Some(Beyond::HeldUp));
    }

    #[test]
    fn behind_a_short_queue_a_link_with_room_is_open() {
        assert_eq!(found([5_000; 6]).beyond, Beyond::Open);
    }
}
