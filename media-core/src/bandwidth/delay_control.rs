//! The rate that delay allows: additive or multiplicative increase while queues stay short, a cut to a part of what arrives when one
//! grows, and less while it drains (draft-ietf-rmcat-gcc-02 section 5.5).

use super::capacity::Capacity;
use super::limits::{BandwidthLimits, PathState};
use super::rival::{DRAIN_RATE, DrainTest, Parting, RivalControl, Verdict};

/// Of the acknowledged rate, what is sent after a queue grew (section 5.5).
pub(super) const CUT: f64 = 0.85;
/// Less than this part of what arrived of late arrived before: the rate just rose.
const RISEN: f64 = 0.8;
/// What the allocator sends is kept while it is less than this part of what arrives: the layers have steps, and one that fits is not
/// given up for a cut's sake.
const KEEP: f64 = 0.97;
/// And for so long, in which a key frame's queue drains, microseconds.
const KEEP_US: u64 = 1_000_000;
/// Multiplicative increase a second, while the capacity is not known (section 5.5).
const GROWTH: f64 = 0.08;
/// A queue shorter than this never means overuse, however its delay grows, microseconds: a frame's burst makes as much.
const MIN_QUEUE_US: u64 = 10_000;
/// A queue that was shorter than this within the last 100 ms empties between frames: below the other length it is a frame's own, and
/// its growth means that frames got larger, microseconds.
const EMPTIED_US: u64 = 5_000;
const FRAME_QUEUE_US: u64 = 40_000;
/// A queue longer than this means overuse by itself, microseconds.
const MAX_QUEUE_US: u64 = 80_000;
/// While a probe makes a queue on purpose, only a queue longer than this means overuse, microseconds.
const PROBED_QUEUE_US: u64 = 150_000;
/// A queue longer than this that grows by this much a second, s, means overuse at once: the capacity fell to two thirds or less,
/// and the slope's window would see it too late.
const STEEP_QUEUE_US: u64 = 25_000;
const STEEP_GROWTH: f64 = 0.4;
/// And less arrives than this part of what arrived before.
const STEEP_LESS: f64 = 0.9;
/// At less than this too few packets arrive in a short look to tell, bits/s.
const STEEP_LEAST_BPS: f64 = 1_000_000.0;
/// Who gets less than this part of what he wants is modest: he holds what he gets at the first sign of a queue, for those who have more to
/// yield to it. Flows with steps as far apart as simulcast's would else take turns in giving up everything.
const MODEST: f64 = 0.5;
/// Unless the queue is this long, or the last cut this short ago, microseconds: then nobody else yields.
const MODEST_QUEUE_US: u64 = 150_000;
const MODEST_AGAIN_US: u64 = 1_500_000;
/// The rate does not rise while the queue is longer than this, microseconds.
const QUIET_US: u64 = 30_000;
/// For so long after a cut, packets that left before it tell of the link, microseconds. Later a full queue has lost so many of them that
/// what arrives is less than the link carries.
const REFINE_US: u64 = 200_000;
/// A queue that drains and has become this much longer than its shortest since, microseconds, grows again: the link fell further.
const REGROWN_US: u64 = 50_000;
/// A queue as long as this stops all that a drain may stop, microseconds.
const FULL_DRAIN_US: f64 = 400_000.0;
/// Losses of so long ago tell of others who fill the queue, microseconds.
const LOSSES_US: u64 = 5_000_000;
/// A queue that was longer than the first for the whole of a time, in spite of cuts, and longer than the second once, is another's,
/// microseconds. One that is ours alone drains in a second, and who came into a full queue gets next to nothing until then.
const PRESSED_QUEUE_US: u64 = 40_000;
const PRESSED_LONG_US: u64 = 120_000;
const PRESSED_FOR_US: u64 = 1_500_000;
/// One who is gone for less than this is the same when he is back, microseconds.
const RETURN_US: u64 = 30_000_000;
/// After one who never was there, none is believed in for so long, microseconds: whoever yields beside one gets next to nothing.
const MISTAKEN_US: u64 = 10_000_000;
/// How fast the most that arrived is forgotten, a second.
const PEAK_DECAY: f64 = 0.08;
/// And above this, packets leave slower than the rate, microseconds.
const FLOOD_US: u64 = 250_000;
/// The additive increase a second at least, bits/s (libwebrtc's).
const MIN_ADDITIVE: f64 = 4_000.0;
/// A packet, bits; the additive increase is one a response time.
const PACKET_BITS: f64 = 1_200.0 * 8.0;
/// What a response time has beside the round trip, s: the interval of feedback.
const RESPONSE_S: f64 = 0.1;

/// What a feedback packet tells, all in one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signals {
    pub(super) now_us: u64,
    /// When the newest packet that arrived was sent.
    pub(super) newest_sent_us: u64,
    /// Arrived over the last 500 ms, bits/s.
    pub(super) acked_bps: Option<f64>,
    /// Arrived over the last 120 ms, bits/s: what the link carries now, roughly.
    pub(super) acked_short_bps: Option<f64>,
    pub(super) standing_us: u64,
    pub(super) recent_us: u64,
    pub(super) noise_us: u64,
    pub(super) trend: PathState,
    /// Packets that just arrived left with or right behind a probe: the queue they met is its.
    pub(super) is_probed: bool,
    pub(super) is_app_limited: bool,
    /// At which rate more would be sent, bits/s; 0 when there is nothing more.
    pub(super) needed_bps: f64,
    /// Round trip with its queue.
    pub(super) rtt_us: u64,
}

impl Signals {
    /// What the link carries at least where this much seems to arrive, bits/s: right after it fell, the long look still has in it what it
    /// carried before, and who sends a little less than that yields to nobody.
    fn carried_at_least(&self, arriving_bps: f64) -> f64 {
        [self.acked_bps, self.acked_short_bps].into_iter().flatten().fold(arriving_bps, f64::min)
    }

    /// What the link carries while a queue stands, bits/s. A short look is noisy, and the lowest of several is too low; but only it
    /// tells of a link that just fell (`is_steep`) or of a rate that just rose.
    fn arriving_bps(&self, is_steep: bool) -> Option<f64> {
        let (Some(long), Some(short)) = (self.acked_bps, self.acked_short_bps) else {
            return self.acked_bps.or(self.acked_short_bps);
        };
        Some(if is_steep || long < RISEN * short { short } else { long })
    }
}

/// The last cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at_us: u64,
    test: DrainTest,
    verdict: Verdict,
    is_steep: bool,
    /// What the allocator sends was kept for now.
    holds: bool,
    /// The rate before.
    before_bps: f64,
    /// What the link was found to carry.
    arriving_bps: f64,
    /// The shortest queue since.
    shortest_us: u64,
}

/// The delay-based rate of one path.
#[derive(Debug)]
pub(super) struct DelayControl {
    rate_bps: f64,
    capacity: Capacity,
    cut: Option<Cut>,
    last_cut_us: Option<u64>,
    rival: Option<RivalControl>,
    /// When the last one ended, and the rate beside him.
    former_rival: Option<(u64, f64)>,
    /// When one was last believed in who was not there.
    mistaken_us: Option<u64>,
    /// Since the first cut that did not empty the queue.
    pressed_since_us: Option<u64>,
    /// The longest queue since.
    pressed_us: u64,
    /// The most that arrived of late: slowly forgotten.
    peak_bps: f64,
    /// What the allocator sends, bits/s.
    allocated_bps: f64,
    /// What it would send if it could, bits/s.
    wanted_bps: f64,
    /// When the last packet that got lost was sent.
    missed_us: Option<u64>,
    standing_us: u64,
    recent_us: u64,
    is_steep: bool,
    state: PathState,
    updated_us: u64,
}

impl DelayControl {
    pub(super) fn new(start_bps: u64) -> Self {
        Self {
            rate_bps: start_bps as f64,
            capacity: Capacity::default(),
            cut: None,
            last_cut_us: None,
            rival: None,
            former_rival: None,
            mistaken_us: None,
            pressed_since_us: None,
            pressed_us: 0,
            peak_bps: 0.0,
            allocated_bps: 0.0,
            wanted_bps: 0.0,
            missed_us: None,
            standing_us: 0,
            recent_us: 0,
            is_steep: false,
            state: PathState::Normal,
            updated_us: 0,
        }
    }

    /// What may be sent, bits/s: less than the rate while a queue drains.
    pub(super) fn bps(&self) -> f64 {
        match &self.rival {
            // Layers go down a step for a test, and up again much later: the queue's own length must tell.
            Some(rival) if self.allocated_bps > 0.0 => rival.steady_bps(self.allocated_bps),
            Some(rival) => rival.bps(),
            None if self.standing_us > QUIET_US && self.cut.is_some() => {
                let drain = 1.0 - self.standing_us as f64 / FULL_DRAIN_US;
                let kept_bps = if self.is_kept() { self.allocated_bps } else { 0.0 };
                (self.rate_bps * drain.max(DRAIN_RATE / CUT)).max(kept_bps)
            }
            None => self.rate_bps,
        }
    }

    /// What may be sent once a queue has drained, bits/s.
    pub(super) fn drained_bps(&self) -> f64 {
        self.bps().max(self.rate_bps)
    }

    pub(super) fn state(&self) -> PathState {
        if self.rival.is_some() { PathState::Rival } else { self.state }
    }

    /// Whether another keeps the queue full, so that the shortest delays of the past are all that is known of the path.
    pub(super) fn is_pressed(&self, now_us: u64) -> bool {
        self.rival.as_ref().is_some_and(|rival| rival.is_pressed(now_us))
    }

    /// Whether the queue of a cut is so long that packets had better wait here than there.
    pub(super) fn is_flooded(&self) -> bool {
        self.cut.is_some() && self.standing_us > FLOOD_US
    }

    /// Whether a queue of a cut still drains.
    pub(super) fn is_draining(&self) -> bool {
        self.cut.is_some()
    }

    /// What the link was found to carry when it was full, bits/s.
    pub(super) fn capacity_bps(&self) -> Option<f64> {
        self.capacity.bps()
    }

    pub(super) fn last_cut_us(&self) -> Option<u64> {
        self.last_cut_us
    }

    pub(super) fn on_arrived(&mut self, sent_us: u64, wire_bytes: u32) {
        if let Some(rival) = &mut self.rival {
            rival.on_arrived(sent_us, wire_bytes);
        } else if let Some(cut) = &mut self.cut {
            cut.test.on_arrived(sent_us, wire_bytes);
        }
    }

    pub(super) fn on_missed(&mut self, sent_us: u64) {
        if let Some(rival) = &mut self.rival {
            rival.on_missed(sent_us);
        }
        self.missed_us = self.missed_us.max(Some(sent_us));
    }

    /// What the allocator sends now, and what it would send if it could.
    pub(super) fn set_allocated(&mut self, allocated_bps: u64, wanted_bps: u64) {
        (self.allocated_bps, self.wanted_bps) = (allocated_bps as f64, wanted_bps as f64);
    }

    /// Whether what is sent stays as it is while a queue drains by itself: the link carries more, and it does not take long.
    fn is_kept(&self) -> bool {
        let since_us = self.cut.map_or(0, |cut| self.updated_us.saturating_sub(cut.at_us));
        self.allocated_bps <= self.rate_bps && self.standing_us < PROBED_QUEUE_US && since_us < KEEP_US
    }

    /// Whether others are to yield first.
    fn is_modest(&self, signals: &Signals) -> bool {
        let is_again = self.last_cut_us.is_some_and(|at| signals.now_us.saturating_sub(at) < MODEST_AGAIN_US);
        self.allocated_bps < MODEST * self.wanted_bps && !is_again && signals.recent_us < MODEST_QUEUE_US
    }

    /// What to send where this much arrives: a part, but not less than what is sent if the link carries that.
    fn cut_to(&self, holds: bool, before_bps: f64, arriving_bps: f64, carried_bps: f64) -> f64 {
        let is_carried = self.allocated_bps < KEEP * carried_bps;
        let kept_bps = if is_carried || holds { self.allocated_bps } else { 0.0 };
        before_bps.min((CUT * arriving_bps).max(kept_bps))
    }

    /// Takes the rate that a probe found.
    pub(super) fn on_found(&mut self, rate_bps: f64) {
        if self.rival.is_none() && self.cut.is_none() {
            self.rate_bps = rate_bps;
        }
    }

    /// Nothing is heard of the path: the rate falls, and whose the queue was is forgotten.
    pub(super) fn on_silence(&mut self, part: f64) {
        self.rate_bps = self.bps() * part;
        self.rival = None;
        (self.cut, self.pressed_since_us) = (None, None);
    }

    pub(super) fn clamp(&mut self, limits: &BandwidthLimits) {
        self.rate_bps = limits.clamp(self.rate_bps);
        if let Some(rival) = &mut self.rival {
            rival.clamp(limits);
        }
    }

    /// Forgets how long packets took: the receiver has a new clock.
    pub(super) fn forget_delays(&mut self) {
        (self.cut, self.pressed_since_us) = (None, None);
        self.rival = None;
        self.standing_us = 0;
    }

    /// Takes in what a feedback packet tells; the caller clamps the rate.
    pub(super) fn update(&mut self, signals: &Signals) {
        let elapsed_s = (signals.now_us.saturating_sub(self.updated_us) as f64 / 1e6).min(0.5);
        self.updated_us = signals.now_us;
        self.standing_us = signals.standing_us;
        self.peak_bps = (self.peak_bps * (1.0 - PEAK_DECAY * elapsed_s)).max(signals.acked_bps.unwrap_or(0.0));
        if let Some(rival) = &mut self.rival {
            match rival.update(signals, self.allocated_bps) {
                None => {}
                Some(Parting::Gone) => {
                    self.former_rival = Some((signals.now_us, rival.mean_bps()));
                    self.rate_bps = CUT * rival.bps();
                    self.rival = None;
                }
                Some(Parting::NeverThere) => {
                    self.mistaken_us = Some(signals.now_us);
                    self.former_rival = None;
                    self.rate_bps = CUT * signals.acked_bps.unwrap_or(0.0);
                    self.rival = None;
                }
            }
            return;
        }
        self.is_steep = self.is_steep(signals, elapsed_s);
        self.recent_us = signals.recent_us;
        self.state = match self.is_steep {
            _ if signals.is_probed && signals.recent_us < PROBED_QUEUE_US => PathState::Normal,
            true => PathState::Overuse,
            false => state(signals),
        };
        self.follow_drain(signals);
        self.watch_press(signals);
        match self.state {
            PathState::Overuse => self.on_overuse(signals),
            PathState::Normal if self.cut.is_none() && signals.recent_us < QUIET_US + signals.noise_us => {
                self.grow(signals, elapsed_s);
            }
            PathState::Normal | PathState::Underuse | PathState::Rival => {}
        }
    }

    fn is_steep(&self, signals: &Signals, elapsed_s: f64) -> bool {
        let growth_us = signals.recent_us.saturating_sub(self.recent_us) as f64;
        let (long, short) = (signals.acked_bps.unwrap_or(0.0), signals.acked_short_bps.unwrap_or(f64::MAX));
        // A key frame's burst makes a queue as well, but then more arrives than before.
        long > STEEP_LEAST_BPS
            && short < STEEP_LESS * long
            && signals.recent_us > STEEP_QUEUE_US + 3 * signals.noise_us
            && growth_us > STEEP_GROWTH * elapsed_s * 1e6
    }

    fn follow_drain(&mut self, signals: &Signals) {
        let has_losses = self.has_losses(signals.now_us);
        let Some(cut) = &mut self.cut else { return };
        cut.verdict = cut.test.verdict(signals.newest_sent_us, signals.standing_us);
        cut.shortest_us = cut.shortest_us.min(signals.standing_us);
        match cut.verdict {
            Verdict::Ours if signals.standing_us < QUIET_US => self.cut = None,
            // Who follows losses fills the queue until packets are lost. A short one may be of others like us, who will yield.
            Verdict::Theirs if !cut.test.was_long() && !has_losses => self.cut = None,
            Verdict::Theirs => self.meet_rival(signals),
            Verdict::Unclear => self.cut = None,
            Verdict::Ours | Verdict::Pending => {}
        }
    }

    /// Whether this is one who was here a moment ago, and cut his window so far that the queue was empty.
    fn is_back(&self, signals: &Signals) -> bool {
        let is_late = self.former_rival.is_some_and(|(at, _)| signals.now_us.saturating_sub(at) < RETURN_US);
        is_late && self.allocated_bps > 0.0 && signals.standing_us > PRESSED_QUEUE_US
    }

    /// Half of what was sent before is the fair part beside one other; of one who is back it is known.
    fn meet_rival(&mut self, signals: &Signals) {
        if self.mistaken_us.is_some_and(|at| signals.now_us.saturating_sub(at) < MISTAKEN_US) {
            return (self.cut, self.pressed_since_us) = (None, None);
        }
        let former_bps = self.former_rival.filter(|(at, _)| signals.now_us.saturating_sub(*at) < RETURN_US);
        let rate_bps = former_bps.map_or((self.rate_bps / CUT).max(0.5 * self.peak_bps), |(_, bps)| bps);
        self.rival = Some(RivalControl::new(signals, rate_bps, self.peak_bps));
        (self.cut, self.pressed_since_us) = (None, None);
    }

    /// Whether packets were lost of late, as they are beside who follows losses.
    fn has_losses(&self, now_us: u64) -> bool {
        self.missed_us.is_some_and(|at| now_us.saturating_sub(at) < LOSSES_US)
    }

    /// A queue that nothing empties is another's, however it goes up and down with his window. But for losses it may be ours: of a
    /// source that sends more than it was found to.
    fn watch_press(&mut self, signals: &Signals) {
        if self.rival.is_some() || signals.standing_us < PRESSED_QUEUE_US {
            self.pressed_since_us = None;
            return;
        }
        if self.cut.is_some() && self.pressed_since_us.is_none() {
            (self.pressed_since_us, self.pressed_us) = (Some(signals.now_us), 0);
        }
        self.pressed_us = self.pressed_us.max(signals.standing_us);
        if signals.standing_us < self.pressed_us / 2 {
            // It empties, if slowly: ours, behind a link that carries next to nothing.
            self.pressed_since_us = None;
        }
        let is_his = self.pressed_us > PRESSED_LONG_US && self.has_losses(signals.now_us);
        if is_his && self.pressed_since_us.is_some_and(|at| signals.now_us.saturating_sub(at) > PRESSED_FOR_US) {
            self.meet_rival(signals);
        }
    }

    fn on_overuse(&mut self, signals: &Signals) {
        if self.is_back(signals) {
            self.meet_rival(signals);
        }
        if self.rival.is_some() {
            return;
        }
        let is_steep = self.is_steep || self.cut.is_some_and(|cut| cut.is_steep);
        let arriving_bps = signals.arriving_bps(is_steep).unwrap_or(self.rate_bps);
        // While a queue stands, whatever arrived in some time is no more than the link carries; unless that fell just now.
        let seen_bps = signals.acked_bps.unwrap_or(0.0).max(signals.acked_short_bps.unwrap_or(0.0));
        let carried_bps = if is_steep { arriving_bps } else { arriving_bps.max(seen_bps) };
        let now_us = signals.now_us;
        match &mut self.cut {
            // What arrives left before the cut: it tells of the link, not of the cut.
            Some(cut) if signals.newest_sent_us <= cut.at_us => {
                if now_us.saturating_sub(cut.at_us) > REFINE_US {
                    return;
                }
                cut.is_steep = is_steep;
                // One short look may have seen what a neighbour's burst left; then the next ones see more.
                let more_bps = if is_steep { (cut.arriving_bps + arriving_bps) / 2.0 } else { cut.arriving_bps };
                cut.arriving_bps = if arriving_bps < cut.arriving_bps { arriving_bps } else { more_bps };
                cut.test.refine(signals.carried_at_least(cut.arriving_bps));
                self.capacity.learn(cut.arriving_bps);
                let (before_bps, arriving_bps, holds) = (cut.before_bps, cut.arriving_bps, cut.holds);
                self.rate_bps = self.cut_to(holds, before_bps, arriving_bps, carried_bps.max(arriving_bps));
                return;
            }
            // It drains as it should.
            Some(cut) if cut.verdict == Verdict::Pending => return,
            Some(cut) if signals.recent_us < cut.shortest_us + REGROWN_US => return,
            _ => {}
        }
        self.capacity.learn(arriving_bps);
        let before_bps = self.rate_bps;
        let holds = !is_steep && self.is_modest(signals);
        self.rate_bps = self.cut_to(holds, before_bps, arriving_bps, carried_bps);
        let queue_us = signals.recent_us.max(signals.standing_us);
        let test = DrainTest::new(now_us, signals.carried_at_least(arriving_bps), queue_us);
        self.cut = Some(Cut {
            at_us: now_us,
            test,
            verdict: Verdict::Pending,
            is_steep,
            holds,
            before_bps,
            arriving_bps,
            shortest_us: queue_us,
        });
        self.last_cut_us = Some(now_us);
    }

    fn grow(&mut self, signals: &Signals, elapsed_s: f64) {
        let Some(acked_bps) = signals.acked_bps.filter(|_| !signals.is_app_limited) else { return };
        self.capacity.forget_below(acked_bps);
        let response_s = signals.rtt_us as f64 / 1e6 + RESPONSE_S;
        let grown = if self.capacity.is_near(self.rate_bps, CUT) {
            self.rate_bps + (PACKET_BITS / response_s).max(MIN_ADDITIVE) * elapsed_s
        } else {
            self.rate_bps * (1.0 + GROWTH * elapsed_s) + MIN_ADDITIVE * elapsed_s
        };
        // No further than what is known to arrive reaches: else a source that sends less would let it grow without end.
        self.rate_bps = grown.min((1.5 * acked_bps + 10_000.0).max(self.rate_bps));
    }
}

/// The trend, believed only where there is a queue.
fn state(signals: &Signals) -> PathState {
    let least_us = MIN_QUEUE_US.max(3 * signals.noise_us);
    if signals.recent_us > MAX_QUEUE_US + 3 * signals.noise_us && signals.standing_us > QUIET_US {
        return PathState::Overuse;
    }
    let is_frame = signals.standing_us < EMPTIED_US && signals.recent_us < FRAME_QUEUE_US;
    match signals.trend {
        PathState::Overuse if signals.recent_us < least_us || is_frame => PathState::Normal,
        trend => trend,
    }
}
