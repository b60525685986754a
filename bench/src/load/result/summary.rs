//! Repeats together: what a `RESULT` line and the first table of a report say.

use super::{Latencies, Repeat, Spread};
use serde::{Deserialize, Serialize};

/// The figures of all repeats of one system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// CPU time by packet.
    pub cpu_ns_per_packet: Option<Spread>,
    /// CPU time in us by participants and seconds.
    #[serde(default)]
    pub cpu_us_per_participant_s: Option<Spread>,
    /// CPU time by packet of the floor.
    pub floor_ns_per_packet: Option<Spread>,
    /// Server by floor, repeat by repeat.
    pub ratio: Option<Spread>,
    /// Packets a second that were forwarded.
    pub packets_per_s: Option<Spread>,
    /// All repeats' latencies in one.
    pub latency: Latencies,
    /// Half are at most this, repeat by repeat.
    pub added_p50_us: Option<Spread>,
    /// 99 in 100 are at most this.
    pub added_p99_us: Option<Spread>,
    /// Packets that never came.
    pub loss_pct: Option<Spread>,
    /// From the request to the end of DTLS: 99 in 100.
    pub join_p99_ms: Option<Spread>,
    /// From the request to the first picture: 95 in 100.
    pub first_media_p95_ms: Option<Spread>,
    /// From a subscription to its answer: 99 in 100, where participants join by Colloquy's WebSocket.
    #[serde(default)]
    pub subscribe_p99_ms: Option<Spread>,
    /// From a join or a leave to the moment that another one is told: 99 in 100.
    #[serde(default)]
    pub notice_p99_ms: Option<Spread>,
    /// From a change of who hears and sees whom to its answer: half are at most this.
    #[serde(default)]
    pub verb_p50_ms: Option<Spread>,
    /// 95 in 100.
    #[serde(default)]
    pub verb_p95_ms: Option<Spread>,
    /// 99 in 100.
    #[serde(default)]
    pub verb_p99_ms: Option<Spread>,
    /// To its effect on sound, and on what must come no more: 99 in 100.
    #[serde(default)]
    pub effect_p99_ms: Option<Spread>,
    /// Packets that came to somebody who was not to get them, in all repeats, where that was looked at.
    #[serde(default)]
    pub leaked_packets: Option<u64>,
    /// Joins that failed, in all repeats.
    pub joins_failed: u64,
    /// Memory by viewer.
    pub mem_kb_per_viewer: Option<Spread>,
    /// Memory by publisher.
    pub mem_kb_per_publisher: Option<Spread>,
    /// Cores that the clients had busy.
    pub generator_cores: Option<Spread>,
    /// Every repeat is valid.
    pub valid: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

/// A distribution that has something in it.
fn measured(latencies: &Latencies) -> Option<&Latencies> {
    Some(latencies).filter(|latencies| latencies.count > 0)
}

impl Summary {
    /// Sums repeats up. `None` when there are none.
    #[must_use]
    pub fn of(repeats: &[Repeat]) -> Option<Self> {
        if repeats.is_empty() {
            return None;
        }
        let each = |of: &dyn Fn(&Repeat) -> Option<f64>| Spread::of(repeats.iter().filter_map(of));
        let server = |r: &Repeat| Some(r.hold.server?.cpu_ns_per_packet);
        let floor = |r: &Repeat| Some(r.floor?.cpu_ns_per_packet);
        let mut latency = Latencies::recorder();
        for repeat in repeats {
            // Both have the same bounds.
            let _ = latency.add(repeat.hold.latency.histogram());
        }
        let mut reasons: Vec<String> = repeats.iter().flat_map(|r| r.validity.reasons.iter().cloned()).collect();
        reasons.sort();
        reasons.dedup();
        let ms = |ns: u64| ns as f64 / 1e6;
        Some(Self {
            cpu_ns_per_packet: each(&server),
            cpu_us_per_participant_s: each(&|r| Some(r.hold.server?.cpu_us_per_participant_s).filter(|us| *us > 0.0)),
            floor_ns_per_packet: each(&floor),
            ratio: each(&|r| Some(server(r)? / floor(r).filter(|floor| *floor > 0.0)?)),
            packets_per_s: each(&|r| Some(r.hold.delivery.packets_per_s).filter(|rate| *rate > 0.0)),
            latency: Latencies::of(&latency),
            added_p50_us: each(&|r| measured(&r.hold.latency).map(|l| l.p50_ns as f64 / 1e3)),
            added_p99_us: each(&|r| measured(&r.hold.latency).map(|l| l.p99_ns as f64 / 1e3)),
            loss_pct: each(&|r| r.hold.mixed.is_none().then_some(r.hold.delivery.loss_pct)),
            join_p99_ms: each(&|r| measured(&r.joins.connected).map(|l| ms(l.p99_ns))),
            first_media_p95_ms: each(&|r| measured(&r.joins.first_media).map(|l| ms(l.p95_ns))),
            subscribe_p99_ms: each(&|r| measured(&r.signalling.as_ref()?.subscriptions).map(|l| ms(l.p99_ns))),
            notice_p99_ms: each(&|r| measured(&r.signalling.as_ref()?.notices).map(|l| ms(l.p99_ns))),
            verb_p50_ms: each(&|r| measured(&r.audience.as_ref()?.answers).map(|l| ms(l.p50_ns))),
            verb_p95_ms: each(&|r| measured(&r.audience.as_ref()?.answers).map(|l| ms(l.p95_ns))),
            verb_p99_ms: each(&|r| measured(&r.audience.as_ref()?.answers).map(|l| ms(l.p99_ns))),
            effect_p99_ms: each(&|r| r.audience.as_ref().filter(|of| of.changes > 0).map(|of| ms(of.effect_p99_ns()))),
            leaked_packets: repeats
                .iter()
                .filter_map(|r| Some(r.audience.as_ref()?.leaked_packets))
                .reduce(u64::saturating_add),
            joins_failed: repeats.iter().map(|r| r.joins.failed).sum(),
            mem_kb_per_viewer: each(&|r| Some(r.memory?.kb_per_viewer)),
            mem_kb_per_publisher: each(&|r| Some(r.memory?.kb_per_publisher)),
            generator_cores: each(&|r| Some(r.generator.cores)),
            valid: repeats.iter().all(|r| r.validity.valid),
            reasons,
        })
    }
}
