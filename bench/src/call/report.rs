//! What came of a call, for people and as one line for machines.

use super::CallArgs;
use super::generator::Counted;
use super::join::Join;
use crate::floor::FloorRound;
use hdrhistogram::Histogram;
use std::time::Duration;

/// One round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) cpu_ns: u64,
    pub(super) counted: Counted,
    pub(super) floor: FloorRound,
    /// Share of its core that the load took.
    pub(super) load_busy: f64,
    /// Share of its core that the server took.
    pub(super) server_busy: f64,
}

/// Everything that was measured.
pub(super) struct Report {
    pub(super) joins: Vec<Join>,
    pub(super) rounds: Vec<Round>,
    /// In nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// Datagrams that the kernel dropped at the clients' sockets.
    pub(super) kernel_drops: u64,
    pub(super) profile: &'static str,
}

impl Default for Report {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order");
        Self { joins: Vec::new(), rounds: Vec::new(), latency, kernel_drops: 0, profile: "" }
    }
}

/// Frames left out by a load that was late, of all frames: more and the figures are not of the server.
const MAX_SKIPPED: f64 = 0.01;
/// Busier than this, and the load is the bottleneck.
const MAX_LOAD_BUSY: f64 = 0.9;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

fn percentile(mut values: Vec<Duration>, share: f64) -> Duration {
    values.sort();
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn per_packet(cpu_ns: u64, packets: u64) -> f64 {
    cpu_ns as f64 / packets.max(1) as f64
}

impl Report {
    fn sum(&self, of: impl Fn(&Counted) -> u64) -> u64 {
        self.rounds.iter().map(|round| of(&round.counted)).sum()
    }

    /// Why the figures are not to be trusted, if they are not.
    fn objection(&self, args: &CallArgs) -> Option<String> {
        let (frames, skipped) = (self.sum(|c| c.frames), self.sum(|c| c.skipped));
        let busiest = self.rounds.iter().map(|round| round.load_busy).fold(0.0, f64::max);
        let expected = self.sum(|c| c.sent) * args.viewers as u64;
        if skipped as f64 > MAX_SKIPPED * (frames + skipped) as f64 {
            Some(format!("load_late_{skipped}_of_{}_frames", frames + skipped))
        } else if busiest > MAX_LOAD_BUSY {
            Some(format!("load_busy_{:.0}_percent", busiest * 100.0))
        } else if self.kernel_drops * 1000 > expected {
            Some(format!("load_dropped_{}_datagrams", self.kernel_drops))
        } else {
            None
        }
    }

    pub(super) fn print(&self, args: &CallArgs) {
        println!(
            "\n{:>6} {:>10} {:>16} {:>15} {:>6} {:>8} {:>6}",
            "round", "packets", "server ns/packet", "floor ns/packet", "ratio", "server", "load"
        );
        for (i, round) in self.rounds.iter().enumerate() {
            let server = per_packet(round.cpu_ns, round.counted.received);
            let floor = per_packet(round.floor.cpu_ns, round.floor.packets);
            println!(
                "{:>6} {:>10} {server:>16.0} {floor:>15.0} {:>6.2} {:>6.0} % {:>4.0} %",
                i + 1,
                round.counted.received,
                server / floor,
                round.server_busy * 100.0,
                round.load_busy * 100.0
            );
        }
        let server = median(self.rounds.iter().map(|r| per_packet(r.cpu_ns, r.counted.received)).collect());
        let floor = median(self.rounds.iter().map(|r| per_packet(r.floor.cpu_ns, r.floor.packets)).collect());
        let expected = self.sum(|c| c.sent) * args.viewers as u64;
        let lost = expected.saturating_sub(self.sum(|c| c.received));
        let loss_pct = lost as f64 * 100.0 / expected.max(1) as f64;
        let us = |share: f64| self.latency.value_at_quantile(share) as f64 / 1000.0;
        let join = |of: fn(&Join) -> Duration, share: f64| {
            percentile(self.joins.iter().map(of).collect(), share).as_secs_f64() * 1000.0
        };
        println!(
            "\nServer: CPU time of all its threads (schedstat) in a round, by the packets that viewers received in it."
        );
        println!(
            "Floor: one open, {} copies and seals ({}) and batched sends{}; same sizes, sockets and core, nothing else.",
            args.viewers,
            self.profile,
            if args.burst > 1 { " with segmentation offload" } else { "" }
        );
        println!(
            "Added: from before the publisher's seal to after the viewer's receive call, so both of the load's system calls, its seal and its waiting for its core are in it. max {:.0} us.",
            us(1.0)
        );
        println!(
            "Join: from the request to the end of DTLS, when the server can send; answer p95 {:.1} ms, to the first picture p95 {:.1} ms (waits for a key frame, asked for twice a second at most).",
            join(|j| j.answer, 0.95),
            join(|j| j.media.unwrap_or_default(), 0.95)
        );
        println!(
            "Lost: {lost} of {expected}; {} came again; {} were dropped at the clients' sockets.",
            self.sum(|c| c.repaired),
            self.kernel_drops
        );
        let valid = self.objection(args).map(|why| format!(" valid=no reason={why}")).unwrap_or_default();
        println!(
            "RESULT cpu_ns_per_packet={server:.0} floor_ns_per_packet={floor:.0} ratio={:.2} added_p50_us={:.0} added_p99_us={:.0} loss_pct={loss_pct:.3} join_p95_ms={:.1}{valid}",
            server / floor.max(1.0),
            us(0.5),
            us(0.99),
            join(|j| j.connected, 0.95)
        );
    }
}
