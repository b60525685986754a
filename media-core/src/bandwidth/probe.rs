//! When to find out whether the path carries more, and how far to look.
//!
//! A source that sends less than it could (a viewer on a low layer) never fills the link, so the estimate cannot grow by itself.
//! A short cluster of packets, with filler where media does not suffice, is sent at the rate of what could be used next.

use super::probe_result::Cluster;
use std::num::NonZeroU16;

/// Names a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProbeId(NonZeroU16);

/// A cluster to send now: at least so many packets and bytes, at this rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Which one.
    pub(crate) id: ProbeId,
    /// The pace, bits/s, headers included.
    pub(crate) rate_bps: u64,
    /// At least so many bytes, headers included.
    pub(crate) bytes: usize,
    /// At least so many packets.
    pub(crate) packets: usize,
}

/// How long a cluster lasts; libwebrtc's 15 ms, and a little for receivers whose clock ticks.
const CLUSTER_US: u64 = 20_000;
/// Packets of a cluster: fewer are measured too badly.
const CLUSTER_PACKETS: usize = 5;
/// Further than needed, so that what is found holds what is needed.
const MARGIN: f64 = 1.2;
/// A cluster is at most this many times the estimate: bounds the queue that it makes where there is no room.
const MAX_STEP: f64 = 3.0;
/// Before the demand is known, the first clusters go this far above the start, step by step.
const START_REACH: f64 = 6.0;
/// A cluster that showed room is followed by the next one after this.
const AFTER_SUCCESS_US: u64 = 50_000;
/// One that did not, after this; longer each time, up to the last: a path that has room again is found in 3 s.
const AFTER_FAILURE_US: u64 = 1_000_000;
const MAX_PAUSE_US: u64 = 3_000_000;
/// After a cut the queue must drain, and the others need their time.
const AFTER_CUT_US: u64 = 1_000_000;
/// A cut so soon after a cluster raised the rate casts doubt on clusters: they get longer and rarer.
const DOUBT_US: u64 = 3_000_000;
const MAX_DOUBT: u64 = 4;
/// Doubt is forgotten after this.
const FORGIVE_US: u64 = 30_000_000;
/// What a cluster found must be this much above the estimate to count as room.
const RAISED: f64 = 1.02;
/// A cluster whose feedback does not come in this time and a few round trips has failed.
const PATIENCE_US: u64 = 400_000;

#[derive(Debug, Clone, Copy)]
struct Demand {
    allocated_bps: f64,
    needed_bps: f64,
}

#[derive(Debug)]
struct Running {
    cluster: Cluster,
    deadline_us: u64,
}

/// Decides on probes.
#[derive(Debug)]
pub(super) struct ProbeControl {
    last_id: u16,
    start_bps: f64,
    demand: Option<Demand>,
    /// Every cluster so far found room.
    is_starting: bool,
    running: Option<Running>,
    next_us: u64,
    pause_us: u64,
    doubt: u64,
    raised_us: Option<u64>,
    doubted_us: u64,
    pub(super) started: u64,
    pub(super) raised: u64,
}

impl ProbeControl {
    pub(super) fn new(start_bps: u64) -> Self {
        Self {
            last_id: 0,
            start_bps: start_bps as f64,
            demand: None,
            is_starting: true,
            running: None,
            next_us: 0,
            pause_us: AFTER_FAILURE_US,
            doubt: 1,
            raised_us: None,
            doubted_us: 0,
            started: 0,
            raised: 0,
        }
    }

    pub(super) fn set_demand(&mut self, allocated_bps: u64, needed_bps: u64) {
        self.demand = Some(Demand { allocated_bps: allocated_bps as f64, needed_bps: needed_bps as f64 });
    }

    /// The rate that is worth finding out about; `None` when the estimate suffices.
    fn wanted(&self, target_bps: f64) -> Option<f64> {
        let Some(demand) = self.demand else {
            return (self.is_starting && target_bps < START_REACH * self.start_bps * 0.9)
                .then_some(START_REACH * self.start_bps);
        };
        let is_enough = demand.needed_bps <= target_bps.max(demand.allocated_bps.min(target_bps));
        (!is_enough).then_some(demand.needed_bps * MARGIN)
    }

    /// The cluster to start now. `is_blocked`: the path is in no state for it.
    pub(super) fn poll(&mut self, now_us: u64, target_bps: f64, max_bps: f64, is_blocked: bool) -> Option<Probe> {
        if self.running.is_some() || is_blocked || now_us < self.next_us {
            return None;
        }
        let rate_bps = self.wanted(target_bps)?.min(MAX_STEP * target_bps).min(max_bps);
        if rate_bps < target_bps * RAISED {
            return None;
        }
        self.last_id = self.last_id.wrapping_add(1).max(1);
        let id = ProbeId(NonZeroU16::new(self.last_id)?);
        let lasts_us = CLUSTER_US * self.doubt;
        let probe = Probe {
            id,
            rate_bps: rate_bps as u64,
            bytes: (rate_bps * lasts_us as f64 / 8e6) as usize,
            packets: CLUSTER_PACKETS,
        };
        self.started += 1;
        self.running = Some(Running {
            cluster: Cluster::new(probe),
            deadline_us: now_us.saturating_add(4 * lasts_us + PATIENCE_US),
        });
        Some(probe)
    }

    pub(super) fn on_sent(&mut self, id: ProbeId, sent_us: u64, wire_bytes: u32) {
        if let Some(running) = self.running.as_mut().filter(|running| running.cluster.id() == id) {
            running.cluster.on_sent(sent_us, wire_bytes);
        }
    }

    pub(super) fn on_arrived(&mut self, id: ProbeId, sent_us: u64, arrived_us: u64, wire_bytes: u32) {
        if let Some(running) = self.running.as_mut().filter(|running| running.cluster.id() == id) {
            running.cluster.on_arrived(sent_us, arrived_us, wire_bytes);
        }
    }

    pub(super) fn on_missed(&mut self, id: ProbeId) {
        if let Some(running) = self.running.as_mut().filter(|running| running.cluster.id() == id) {
            running.cluster.on_missed();
        }
    }

    /// What the running cluster found, once it is complete or its time is over; the rate to take, if that is higher.
    pub(super) fn conclude(&mut self, now_us: u64, rtt_us: u64, target_bps: f64) -> Option<f64> {
        let running = self.running.as_ref()?;
        let is_late = now_us >= running.deadline_us.saturating_add(3 * rtt_us);
        if !running.cluster.is_complete() && !is_late {
            return None;
        }
        let found_bps = running.cluster.result_bps().filter(|found| *found > target_bps * RAISED);
        self.running = None;
        if now_us.saturating_sub(self.doubted_us) > FORGIVE_US {
            self.doubt = 1;
        }
        if found_bps.is_some() {
            self.raised += 1;
            self.raised_us = Some(now_us);
            self.pause_us = AFTER_FAILURE_US;
            self.next_us = now_us + AFTER_SUCCESS_US;
        } else {
            self.is_starting = false;
            self.next_us = now_us + self.pause_us * self.doubt;
            self.pause_us = (self.pause_us * 3 / 2).min(MAX_PAUSE_US);
        }
        found_bps
    }

    /// The rate was cut: a cluster that still runs measures the queue.
    pub(super) fn on_cut(&mut self, now_us: u64) {
        self.running = None;
        self.is_starting = false;
        self.next_us = self.next_us.max(now_us + AFTER_CUT_US * self.doubt);
        if self.raised_us.take_if(|at| now_us.saturating_sub(*at) < DOUBT_US).is_some() {
            self.doubt = (self.doubt * 2).min(MAX_DOUBT);
            self.doubted_us = now_us;
        }
    }

    /// When something happens by itself.
    pub(super) fn deadline_us(&self, rtt_us: u64, target_bps: f64) -> Option<u64> {
        match &self.running {
            Some(running) => Some(running.deadline_us.saturating_add(3 * rtt_us)),
            None => self.wanted(target_bps).map(|_| self.next_us),
        }
    }
}
