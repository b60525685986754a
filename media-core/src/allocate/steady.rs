//! When a plan may change: down when the path would queue, up when there was room for long enough.

use super::fill::Better;
use std::time::{Duration, Instant};

/// Room above the cost of a plan that is asked before it is taken, in percent: measured rates of encoders wobble by 20 %
/// and estimates by 10 %, and much of both evens out over the places and within [`DEBT`].
const HEADROOM_PCT: u64 = 115;
/// A plan is given up when the path would have queued this much of it: it bounds how long an overshoot lasts by how large it
/// is (10 % may last 1 s, 20 % half of that), and a key frame or a dip of the estimate alone is none.
const DEBT: Duration = Duration::from_millis(100);
/// An overshoot by this much, in percent of the budget, is no noise: the plan is given up at once.
const PLUNGE_PCT: u64 = 125;
/// How long there must be room before a rise, as long as none was ever undone: a ramp waits for nothing else.
const HOLD_FRESH: Duration = Duration::from_millis(200);
/// The same within this after something had to be taken away, and once a rise was undone.
const HOLD: Duration = Duration::from_secs(1);
/// The same for a plan that takes from some what it gives to others.
const HOLD_AT_COST: Duration = Duration::from_secs(2);
/// The same while rise upon rise is undone: twice this, then twice as long each time, and no longer than the last. (A path that fell right after a
/// rise looks like an undone one, and is to be found again 5 s after it is free, of which the search takes up to 3.)
const BACK_OFF: Duration = Duration::from_millis(750);
const HOLD_MAX: Duration = Duration::from_secs(30);
/// A rise was undone when something is taken away within this, or within twice the hold that preceded it: what a path does not carry
/// queues a second after its key frame came.
const UNDONE_WITHIN: Duration = Duration::from_millis(2_500);
/// The same when the budget is about what it was at the rise: then the rise was marginal, and noise undid it.
const MARGINAL_WITHIN: Duration = Duration::from_secs(120);
/// About the same budget, in percent. One that fell further is a path that changed, and no fault of the rise.
const MARGINAL_PCT: u64 = 70;
/// An undone rise is forgotten after this long without another loss.
const FORGIVEN_AFTER: Duration = Duration::from_secs(120);
/// Undone rises that are counted: 2^6 times [`BACK_OFF`] is over [`HOLD_MAX`].
const UNDONE_MAX: u32 = 6;
/// A budget this much larger, in percent, than the one of the last undone rise is another path: its hold is not waited for, and with a rise
/// there what was undone before is forgotten.
const ANOTHER_PATH_PCT: u64 = 150;
/// The longest time between two plans that counts: what happened between is not known.
const STEP_MAX: Duration = Duration::from_millis(250);

/// What is remembered from plan to plan.
#[derive(Debug, Default)]
pub(super) struct Steady {
    planned: Option<Instant>,
    debt_bits: u64,
    room_for: Duration,
    undone: u32,
    undone_budget_bps: u64,
    ever_undone: bool,
    /// When the last rise was, and in what budget.
    raised: Option<(Instant, u64)>,
    lost: Option<Instant>,
    forgiven: Option<Instant>,
}

fn scale(bps: u64, by: u64, of: u64) -> u64 {
    u64::try_from(u128::from(bps) * u128::from(by) / u128::from(of)).unwrap_or(u64::MAX)
}

impl Steady {
    /// Starts a plan; gives the time since the last one, as far as it counts.
    pub(super) fn step(&mut self, now: Instant) -> Duration {
        let since = self.planned.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.planned = Some(now);
        if self.undone > 0 && self.forgiven.is_none_or(|at| now.saturating_duration_since(at) >= FORGIVEN_AFTER) {
            self.undone -= 1;
            self.forgiven = Some(now);
        }
        since.min(STEP_MAX)
    }

    /// The part of a budget that a new plan may cost.
    pub(super) fn with_headroom(budget_bps: u64) -> u64 {
        scale(budget_bps, 100, HEADROOM_PCT)
    }

    /// The budget that a plan asks for before it is taken.
    pub(super) fn asked_for(cost_bps: u64) -> u64 {
        scale(cost_bps, HEADROOM_PCT, 100).saturating_add(1)
    }

    /// Whether what is sent at `cost_bps` has to come down to `budget_bps` now.
    pub(super) fn overshoots(&mut self, step: Duration, cost_bps: u64, budget_bps: u64) -> bool {
        let step_us = step.as_micros() as u64;
        let over = cost_bps.saturating_sub(budget_bps);
        let under = budget_bps.saturating_sub(cost_bps);
        let bits = |bps: u64| scale(bps, step_us, 1_000_000);
        self.debt_bits = self.debt_bits.saturating_add(bits(over)).saturating_sub(bits(under));
        over > 0
            && (cost_bps > scale(budget_bps, PLUNGE_PCT, 100)
                || self.debt_bits > scale(budget_bps, DEBT.as_micros() as u64, 1_000_000))
    }

    /// Whether there has been room for a better plan for long enough. One that `lights` what was dark does not wait because earlier
    /// rises were undone: nothing to see is worse than a change.
    pub(super) fn may_rise(
        &mut self,
        now: Instant,
        step: Duration,
        better: Better,
        (budget_bps, lights): (u64, bool),
    ) -> bool {
        let has_room = better != Better::No;
        // Noise breaks no hold, but what has room in less than two of three looks has none.
        self.room_for =
            if has_room { self.room_for.saturating_add(step) } else { self.room_for.saturating_sub(step * 2) };
        let least = if better == Better::AtCost { HOLD_AT_COST } else { Duration::ZERO };
        let hold = self.hold(now, budget_bps).max(least);
        let hold = if lights { hold.min(HOLD) } else { hold };
        self.room_for = self.room_for.min(hold.max(HOLD_AT_COST));
        has_room && self.room_for >= hold
    }

    /// Whether rises are put off because earlier ones were undone.
    pub(super) fn backs_off(&self, now: Instant, budget_bps: u64) -> bool {
        let hold = self.hold(now, budget_bps);
        hold > HOLD && self.room_for < hold
    }

    /// A plan was taken that costs more than the one before.
    pub(super) fn rose(&mut self, now: Instant, budget_bps: u64) {
        if self.is_another_path(budget_bps) {
            self.undone = 0;
        }
        self.raised = Some((now, budget_bps));
        self.room_for = Duration::ZERO;
    }

    /// Something was taken away for want of bandwidth.
    pub(super) fn fell(&mut self, now: Instant, budget_bps: u64) {
        let undone = self.raised.take().filter(|(at, had_bps)| {
            let marginal = budget_bps >= scale(*had_bps, MARGINAL_PCT, 100);
            let window = if marginal { MARGINAL_WITHIN } else { UNDONE_WITHIN };
            now.saturating_duration_since(*at) <= window.max(self.back_off() * 2)
        });
        if let Some((_, budget_bps)) = undone {
            self.undone = (self.undone + 1).min(UNDONE_MAX);
            self.undone_budget_bps = budget_bps;
            self.ever_undone = true;
        }
        self.lost = Some(now);
        self.forgiven = Some(now);
        self.room_for = Duration::ZERO;
        self.debt_bits = 0;
    }

    fn is_another_path(&self, budget_bps: u64) -> bool {
        budget_bps >= scale(self.undone_budget_bps, ANOTHER_PATH_PCT, 100)
    }

    fn back_off(&self) -> Duration {
        if self.undone == 0 { Duration::ZERO } else { (BACK_OFF * (1 << self.undone)).min(HOLD_MAX) }
    }

    fn hold(&self, now: Instant, budget_bps: u64) -> Duration {
        let lost = self.lost.is_some_and(|at| now.saturating_duration_since(at) < HOLD);
        let least = if lost || self.ever_undone { HOLD } else { HOLD_FRESH };
        if self.is_another_path(budget_bps) { least } else { least.max(self.back_off()) }
    }
}
