//! When to find out whether the path carries more, and how far to look.
//!
//! A source that sends less than it could (a viewer on a low layer) never fills the link, so the estimate cannot grow by itself.
//! A short cluster of packets, with filler where media does not suffice, is sent at the rate of what could be used next.

use super::delay_control::CUT;
use super::probe_result::{Beyond, Cluster, Found};
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
/// And longer by this many times the noise of the delays, up to so much, microseconds: jitter as long as the cluster would hide it.
const NOISE_TIMES: u64 = 4;
const MAX_CLUSTER_US: u64 = 100_000;
/// The queue that a longer cluster may make where there is no room, microseconds.
const MAX_QUEUE_US: f64 = 40_000.0;
/// Packets of a cluster: fewer are measured too badly.
const CLUSTER_PACKETS: usize = 5;
/// Further than needed, so that what is found holds what is needed.
const MARGIN: f64 = 1.2;
/// A cluster is at most this many times the estimate: bounds the queue that it makes where there is no room.
const MAX_STEP: f64 = 3.0;
/// And this many times after one that found no room.
const CAREFUL_STEP: f64 = 2.0;
/// Before the demand is known, the first clusters go this far above the start, step by step.
const START_REACH: f64 = 6.0;
/// A cluster that showed room is followed by the next one after this.
const AFTER_SUCCESS_US: u64 = 50_000;
/// One that showed room, though not as much as it looked for, after this: the new rate settles first.
const AFTER_FULL_US: u64 = 400_000;
/// One that did not, after this; longer each time, up to the last: a path that has room again is found in 2 s.
const AFTER_FAILURE_US: u64 = 1_000_000;
const MAX_PAUSE_US: u64 = 2_000_000;
/// After a cut the queue must drain, and the others need their time.
const AFTER_CUT_US: u64 = 1_000_000;
/// A cut so soon after a cluster raised the rate casts doubt on clusters: they get longer and rarer.
const DOUBT_US: u64 = 3_000_000;
const MAX_DOUBT: u64 = 4;
/// And as much longer after some that were held up.
const MAX_STRETCH: u64 = 4;
/// Doubt is forgotten after this.
const FORGIVE_US: u64 = 30_000_000;
/// What a cluster found must be this much above the estimate to count as room.
const RAISED: f64 = 1.02;
/// The queue that a cluster made is gone after this, microseconds.
const WAKE_US: u64 = 200_000;
/// A rate that was found and did not hold, though nearly (the cut left this part of it), is not taken again for so long, longer each
/// time; unless what is found is this much higher, which is another link.
const NEARLY: f64 = 0.6;
const REFUTED_US: u64 = 20_000_000;
const MAX_REFUTED_US: u64 = 60_000_000;
const CLEARLY_HIGHER: f64 = 1.25;
const CLEARLY_LOWER: f64 = 0.8;
/// A cluster is sent at this many times what it must find at least: a few packets are measured that badly.
const TELLING: f64 = 1.2;
/// One that was held up is followed by a longer one after this.
const AFTER_HELD_UP_US: u64 = 300_000;
/// What is so many times what the link was found to carry is taken when the next cluster finds it as well, at least this part of it, this much
/// later and no more: a hold-up on the way can make a narrow link look wide, once. While clusters are in doubt, the ones after it must too.
const SURPRISING: f64 = 1.25;
const CONFIRMED: f64 = 0.8;
const CONFIRM_AFTER_US: u64 = 150_000;
const CONFIRM_WITHIN_US: u64 = 1_500_000;
/// A cluster whose feedback does not come in this time and a few round trips has failed.
const PATIENCE_US: u64 = 400_000;

#[derive(Debug, Clone, Copy)]
struct Demand {
    needed_bps: f64,
    /// All that could be used.
    wanted_bps: f64,
}

/// A rate that did not hold.
#[derive(Debug, Clone, Copy)]
struct Refuted {
    bps: f64,
    lasts_us: u64,
    until_us: u64,
}

/// A rate that surprises.
#[derive(Debug, Clone, Copy)]
struct Claim {
    at_us: u64,
    bps: f64,
    clusters: u32,
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
    /// The last cluster found no end: the next one looks for it, up to all that could be used.
    is_open: bool,
    running: Option<Running>,
    next_us: u64,
    pause_us: u64,
    /// Of the estimate, how far to look.
    step: f64,
    doubt: u64,
    /// How many times longer the next cluster is, after one that was held up.
    stretch: u64,
    /// When a cluster raised the rate last, and to what.
    last_raise: Option<(u64, f64)>,
    refuted: Option<Refuted>,
    /// What the link carried when it was full last, bits/s.
    narrow_bps: Option<f64>,
    /// What clusters found that is to be found again.
    claimed: Option<Claim>,
    /// When the first and the last packet of the newest cluster left.
    left_us: Option<(u64, u64)>,
    /// The packets of that cluster have not been asked after.
    is_untold: bool,
    doubted_us: u64,
    /// What the last cluster found where it filled the link, bits/s.
    pub(super) full_bps: Option<f64>,
    /// What others are known to get of the bottleneck, bits/s.
    pub(super) beside_bps: f64,
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
            is_open: false,
            running: None,
            next_us: 0,
            pause_us: AFTER_FAILURE_US,
            step: MAX_STEP,
            doubt: 1,
            stretch: 1,
            last_raise: None,
            refuted: None,
            narrow_bps: None,
            claimed: None,
            left_us: None,
            is_untold: false,
            doubted_us: 0,
            full_bps: None,
            beside_bps: 0.0,
            started: 0,
            raised: 0,
        }
    }

    pub(super) fn set_demand(&mut self, needed_bps: u64, wanted_bps: u64) {
        self.demand = Some(Demand { needed_bps: needed_bps as f64, wanted_bps: wanted_bps as f64 });
    }

    /// The rate at which more would be sent, bits/s; 0 when there is nothing more.
    pub(super) fn needed_bps(&self) -> f64 {
        self.demand.map_or(0.0, |demand| demand.needed_bps)
    }

    /// The rate that is worth finding out about; `None` when the estimate suffices.
    fn wanted(&self, target_bps: f64) -> Option<f64> {
        let Some(demand) = self.demand else {
            return (self.is_starting && target_bps < START_REACH * self.start_bps * 0.9)
                .then_some(START_REACH * self.start_bps);
        };
        if demand.needed_bps <= 0.0 {
            return None;
        }
        let goal_bps = if self.is_open { demand.wanted_bps.max(demand.needed_bps) } else { demand.needed_bps };
        (goal_bps > target_bps).then_some(goal_bps * MARGIN)
    }

    /// The cluster to start now, on a path that is in a state for it, below `max_bps`.
    pub(super) fn poll(&mut self, now_us: u64, target_bps: f64, max_bps: f64, noise_us: u64) -> Option<Probe> {
        if self.running.is_some() || now_us < self.next_us {
            return None;
        }
        // One that could not raise the rate, whatever it found, is not worth sending.
        let telling_bps = TELLING * self.least_bps(now_us, target_bps);
        let rate_bps = self.wanted(target_bps)?.max(telling_bps).min(self.step * target_bps).min(max_bps);
        if rate_bps < target_bps * RAISED {
            return None;
        }
        self.last_id = self.last_id.wrapping_add(1).max(1);
        let id = ProbeId(NonZeroU16::new(self.last_id)?);
        let wanted_us = (CLUSTER_US + NOISE_TIMES * noise_us) * self.doubt.max(self.stretch);
        let queue_us = MAX_QUEUE_US * target_bps / (rate_bps - target_bps);
        let lasts_us = wanted_us.min(queue_us as u64).clamp(CLUSTER_US, MAX_CLUSTER_US);
        let probe = Probe {
            id,
            rate_bps: rate_bps as u64,
            bytes: (rate_bps * lasts_us as f64 / 8e6) as usize,
            packets: CLUSTER_PACKETS,
        };
        self.started += 1;
        (self.left_us, self.is_untold) = (None, true);
        self.running = Some(Running {
            cluster: Cluster::new(probe),
            deadline_us: now_us.saturating_add(4 * lasts_us + PATIENCE_US),
        });
        Some(probe)
    }

    pub(super) fn on_sent(&mut self, id: ProbeId, sent_us: u64, wire_bytes: u32) {
        if let Some(running) = self.running.as_mut().filter(|running| running.cluster.id() == id) {
            running.cluster.on_sent(sent_us, wire_bytes);
            let (first_us, _) = self.left_us.unwrap_or((sent_us, sent_us));
            self.left_us = Some((first_us, sent_us));
        }
    }

    pub(super) fn on_arrived(&mut self, id: ProbeId, arrived_us: u64, waited_us: u64, wire_bytes: u32) {
        if let Some(running) = self.running.as_mut().filter(|running| running.cluster.id() == id) {
            running.cluster.on_arrived(arrived_us, waited_us, wire_bytes);
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
        let found = running.cluster.found(self.beside_bps);
        let least_bps = self.least_bps(now_us, target_bps);
        if found.is_some_and(|found| found.beyond == Beyond::HeldUp && found.bps <= least_bps) {
            self.running = None;
            self.stretch = (self.stretch * 2).min(MAX_STRETCH);
            self.next_us = now_us + AFTER_HELD_UP_US;
            return None;
        }
        self.stretch = 1;
        self.full_bps = found.filter(|found| found.beyond == Beyond::Full).map(|found| found.bps);
        let found = found.map(|found| Found { bps: self.taken_bps(now_us, found.bps), ..found });
        let found = found.filter(|found| found.bps > self.least_bps(now_us, target_bps));
        self.running = None;
        self.claimed = found.and_then(|found| self.surprise(now_us, found.bps));
        if self.claimed.is_some() {
            self.next_us = now_us + CONFIRM_AFTER_US;
            return None;
        }
        // Forgotten once clearly more was found, and found again.
        let holds = |narrow_bps: &f64| found.is_none_or(|found| found.bps <= SURPRISING * narrow_bps);
        self.narrow_bps = self.full_bps.or(self.narrow_bps.filter(holds));
        if now_us.saturating_sub(self.doubted_us) > FORGIVE_US {
            self.doubt = 1;
        }
        if let Some(found) = found {
            self.raised += 1;
            self.last_raise = Some((now_us, found.bps));
            self.pause_us = AFTER_FAILURE_US;
        }
        self.is_open = found.is_some_and(|found| found.beyond == Beyond::Open);
        match found.map(|found| found.beyond) {
            Some(Beyond::Open) => {
                self.step = MAX_STEP;
                self.next_us = now_us + AFTER_SUCCESS_US;
            }
            Some(Beyond::HeldUp | Beyond::Doubtful | Beyond::Full) => {
                self.step = CAREFUL_STEP;
                self.next_us = now_us + AFTER_FULL_US;
            }
            None => {
                self.is_starting = false;
                self.step = CAREFUL_STEP;
                self.next_us = now_us + (self.pause_us * self.doubt).min(MAX_PAUSE_US);
                self.pause_us = (self.pause_us * 3 / 2).min(MAX_PAUSE_US);
            }
        }
        found.map(|found| found.bps)
    }

    /// What is to be found again, if this is much more than the link carried when it was full, and too few clusters found it before.
    fn surprise(&self, now_us: u64, found_bps: f64) -> Option<Claim> {
        self.narrow_bps.filter(|narrow_bps| found_bps > SURPRISING * narrow_bps)?;
        let before = self.claimed.filter(|claim| {
            now_us.saturating_sub(claim.at_us) < CONFIRM_WITHIN_US && found_bps > CONFIRMED * claim.bps
        });
        let clusters = before.map_or(1, |claim| claim.clusters + 1);
        (clusters <= self.doubt.ilog2() + 1).then_some(Claim { at_us: now_us, bps: found_bps, clusters })
    }

    /// When the first and the last packet of the newest cluster left, if all did before `until_us`; once for each.
    pub(super) fn take_left(&mut self, until_us: u64) -> Option<(u64, u64)> {
        let left =
            self.left_us.filter(|(_, last_us)| self.is_untold && self.running.is_none() && *last_us < until_us)?;
        self.is_untold = false;
        Some(left)
    }

    /// Whether a packet sent at this time met the queue that a cluster makes.
    pub(super) fn fills_queue(&self, sent_us: u64) -> bool {
        self.left_us.is_some_and(|(first_us, last_us)| (first_us..last_us.saturating_add(WAKE_US)).contains(&sent_us))
    }

    /// What a cluster must find to raise the rate.
    fn least_bps(&self, now_us: u64, target_bps: f64) -> f64 {
        let raised_bps = RAISED * target_bps;
        let refuted = self.refuted(now_us).filter(|refuted| raised_bps >= self.allowed_bps(refuted));
        refuted.map_or(raised_bps, |refuted| raised_bps.max(CLEARLY_HIGHER * refuted.bps))
    }

    /// What did not hold, and so lately that it still counts.
    fn refuted(&self, now_us: u64) -> Option<&Refuted> {
        self.refuted.as_ref().filter(|refuted| now_us < refuted.until_us)
    }

    /// What may hold though a rate did not: what is so far below it, and of that no more than is needed.
    fn allowed_bps(&self, refuted: &Refuted) -> f64 {
        (CLEARLY_LOWER * refuted.bps).min(MARGIN * self.needed_bps())
    }

    /// What may be taken of what a cluster found.
    fn taken_bps(&self, now_us: u64, found_bps: f64) -> f64 {
        match self.refuted(now_us) {
            Some(refuted) if found_bps < CLEARLY_HIGHER * refuted.bps => found_bps.min(self.allowed_bps(refuted)),
            _ => found_bps,
        }
    }

    /// The rate was cut to this: a cluster that still runs measures the queue.
    pub(super) fn on_cut(&mut self, now_us: u64, cut_to_bps: f64) {
        self.running = None;
        (self.is_starting, self.is_open, self.full_bps) = (false, false, None);
        self.narrow_bps = Some(cut_to_bps);
        self.next_us = self.next_us.max(now_us + (AFTER_CUT_US * self.doubt).min(MAX_PAUSE_US));
        // Where the cut leaves as much of what the cluster found, that was there, and more was sent.
        let is_false = |&(at, bps): &(u64, f64)| now_us.saturating_sub(at) < DOUBT_US && cut_to_bps < CUT * bps;
        let Some((_, bps)) = self.last_raise.take().filter(is_false) else { return };
        self.doubt = (self.doubt * 2).min(MAX_DOUBT);
        self.doubted_us = now_us;
        if cut_to_bps > NEARLY * bps {
            let before = self.refuted.filter(|refuted| now_us < refuted.until_us + MAX_REFUTED_US);
            let lasts_us = before.map_or(REFUTED_US, |refuted| (2 * refuted.lasts_us).min(MAX_REFUTED_US));
            self.refuted = Some(Refuted { bps, lasts_us, until_us: now_us + lasts_us });
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
