//! Whose the queue is, and what to do when it is not ours.
//!
//! A flow that follows losses (TCP Reno, CUBIC) keeps a drop-tail queue full; one that yields to delay would starve beside it.
//! Whether there is one shows when we yield: a queue that is ours alone drains as fast as we send less. When it does not, the rate
//! follows losses as the other's does (the idea of Copa's mode switching, Arun and Balakrishnan, NSDI 2018), and looks
//! again every few seconds.

use super::delay_control::Signals;
use super::limits::BandwidthLimits;

/// A queue shorter than this starves nobody, microseconds.
const MIN_QUEUE_US: f64 = 40_000.0;
/// One longer than this is nobody's who yields to delay, microseconds.
const LONG_QUEUE_US: f64 = 120_000.0;
/// A queue is empty below this, microseconds.
const EMPTY_US: f64 = 15_000.0;
/// The other is gone when the queue is empty for this long. (One that was there before us hides a part of the queue: right after
/// its cuts there seems to be none.)
const EMPTY_FOR_US: u64 = 1_000_000;
/// And for this long beside a source that has steps: where the next one is dear it sends far less than its window, and the other's
/// window may have to grow for longer before there is a queue again.
const EMPTY_WITH_STEPS_US: u64 = 2_000_000;
/// Judged when this part of the queue would have drained, were it ours alone.
const JUDGED_AT: f64 = 0.8;
/// A queue that became so many times as long meanwhile began to drain only then, if at all.
const GREW: f64 = 1.15;
/// It is another's when more than this part of it is still there.
const THEIRS_ABOVE: f64 = 0.65;
/// Part of the capacity that is sent while a queue drains.
pub(super) const DRAIN_RATE: f64 = 0.5;
/// A test that says nothing in this time ends.
const TEST_US: u64 = 4_000_000;
/// How long the rate follows losses before the queue is tested again.
const TEST_INTERVAL_US: u64 = 15_000_000;
/// The soonest that a queue which was seen empty is tested again.
const RETEST_US: u64 = 4_000_000;
/// The multiplicative decrease, and the increase in packets a round trip that makes it as fast as Reno (RFC 9438 section 4.3). CUBIC's
/// decrease is 0.7; frames come in bursts, which meet a full queue more often than a window that its acknowledgements clock, and
/// the drain tests cost as well: 0.75 makes up for that (measured).
const DECREASE: f64 = 0.75;
const INCREASE_PACKETS: f64 = 0.53;
/// A packet of the others, bits.
const PACKET_BITS: f64 = 1_500.0 * 8.0;
/// CUBIC's scaling, packets/s^3 (section 5).
const CUBIC: f64 = 0.4;
/// The least window, packets.
const MIN_WINDOW: f64 = 2.0;
/// Without losses for this long, the other is not believed in: perhaps the path got longer.
const PRESSED_US: u64 = 30_000_000;
/// How far beyond what the next step needs the rate may rise before it is used: it must hold for a while.
const NEXT: f64 = 1.1;
/// The mean is taken over this: a window's ups and downs last some seconds, microseconds. What rises is used sooner, where the next step
/// is small: a second for so many bits/s.
const MEAN_RISE_US: f64 = 1.5e6;
const MEAN_FALL_US: f64 = 6e6;
const STEP_BPS: f64 = 250_000.0;
/// What a source with steps sends is kept while it is less than so many times the mean: between two steps there is none that is the fair
/// part, and half as much again is as fair as a third less.
const HELD: f64 = 1.8;
/// The next step is nearer to the mean than what is used when it has come so far of the way. Half would be the middle; but who sends less
/// than his window loses fewer packets, and finds it larger than it will be (measured: at half, pictures stand longer).
const NEARER: f64 = 0.65;
/// What is used wobbles by so much.
const WOBBLE: f64 = 1.1;
/// A queue is full at this part of the longest one, which is forgotten by so much a second.
const FULL: f64 = 0.8;
/// A step that costs more than this, bits/s, brings a key frame of many packets.
const DEAR_BPS: f64 = 500_000.0;
const FORGOTTEN: f64 = 0.01;
/// Who loses this part of his packets over such a time, microseconds, is beside nobody: a flow that follows losses would have left him the
/// path long before. (Beside one it is seen in half a second, in a second hardly ever.) Of fewer packets than the last nothing is concluded.
const FLOODED: f64 = 0.3;
const FLOODED_US: u64 = 2_000_000;
const FLOODED_PACKETS: u32 = 20;
/// Round trips shorter than this are taken for this, s: bounds the increase.
const MIN_RTT_S: f64 = 0.02;

/// Whose a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not known yet.
    Pending,
    /// It drains as we send less, or is gone.
    Ours,
    /// It stays.
    Theirs,
    /// Not enough less was sent to tell.
    Unclear,
}

/// Watches a queue while we send less than its link carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct DrainTest {
    began_us: u64,
    capacity_bps: f64,
    peak_us: f64,
    bytes_after: u64,
}

impl DrainTest {
    /// From now on less than `capacity_bps` is sent.
    pub(super) fn new(now_us: u64, capacity_bps: f64, queue_us: u64) -> Self {
        Self { began_us: now_us, capacity_bps, peak_us: queue_us as f64, bytes_after: 0 }
    }

    /// Packets that were sent before it began still tell of the link.
    pub(super) fn refine(&mut self, capacity_bps: f64) {
        self.capacity_bps = self.capacity_bps.min(capacity_bps);
    }

    pub(super) fn on_arrived(&mut self, sent_us: u64, wire_bytes: u32) {
        if sent_us > self.began_us {
            self.bytes_after += u64::from(wire_bytes);
        }
    }

    /// Whether the queue was so long that nobody who yields to delay made it.
    pub(super) fn was_long(&self) -> bool {
        self.peak_us > LONG_QUEUE_US
    }

    /// What the packets since tell.
    pub(super) fn verdict(&mut self, newest_sent_us: u64, standing_us: u64) -> Verdict {
        let standing = standing_us as f64;
        let Some(elapsed_us) = newest_sent_us.checked_sub(self.began_us).filter(|elapsed| *elapsed > 0) else {
            self.peak_us = self.peak_us.max(standing);
            return Verdict::Pending;
        };
        if standing < EMPTY_US.max(0.3 * self.peak_us) {
            return Verdict::Ours;
        }
        if standing > GREW * self.peak_us {
            // Less is not sent yet: what waited here, or a key frame of the smaller layer, still goes out.
            (self.began_us, self.peak_us, self.bytes_after) = (newest_sent_us, standing, 0);
            return Verdict::Pending;
        }
        let sent_bps = self.bytes_after as f64 * 8e6 / elapsed_us as f64;
        let drained_us = elapsed_us as f64 * (1.0 - sent_bps / self.capacity_bps);
        if drained_us > JUDGED_AT * self.peak_us {
            let is_theirs = self.peak_us > MIN_QUEUE_US && standing > THEIRS_ABOVE * self.peak_us;
            return if is_theirs { Verdict::Theirs } else { Verdict::Ours };
        }
        match elapsed_us > TEST_US {
            // Squeezed to so little that there is nothing to send less of.
            true if standing > THEIRS_ABOVE * self.peak_us && self.peak_us > MIN_QUEUE_US => Verdict::Theirs,
            true => Verdict::Unclear,
            false => Verdict::Pending,
        }
    }
}

/// The rate beside a flow that follows losses: a window as CUBIC keeps it (RFC 9438 section 4), sent at a pace.
///
/// It is CUBIC's and not Reno's, because that is what most hosts speak, and because a queue of 250 ms makes round trips so long that
/// Reno's increase is left behind.
#[derive(Debug)]
pub(super) struct RivalControl {
    window_packets: f64,
    /// The window at the last cut, where growth slows down.
    former_packets: f64,
    /// The window right after the last cut.
    floor_packets: f64,
    /// What Reno's window would be.
    reno_packets: f64,
    grows_since_us: u64,
    cut_us: u64,
    has_loss: bool,
    rtt_s: f64,
    /// When the queue was last seen not empty.
    filled_us: u64,
    test: Option<DrainTest>,
    tested_us: u64,
    next_test_us: u64,
    updated_us: u64,
    /// The rate over some of its ups and downs.
    mean_bps: f64,
    /// The longest queue of late, slowly forgotten, microseconds; and whether it is nearly as long now.
    longest_us: f64,
    is_full: bool,
    /// At which rate more would be sent, bits/s.
    needed_bps: f64,
    fate: Fate,
}

/// What became of the packets of a time.
#[derive(Debug, Clone, Copy)]
struct Fate {
    since_us: u64,
    arrived: u32,
    missed: u32,
}

impl Fate {
    fn new(since_us: u64) -> Self {
        Self { since_us, arrived: 0, missed: 0 }
    }
}

/// Why a rate follows losses no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// Nobody else fills the queue any more.
    Gone,
    /// Nobody ever did: what is sent is far more than the link carries.
    NeverThere,
}

impl RivalControl {
    /// Begins at `rate_bps`, and goes for `former_bps`, what was sent before the other came.
    pub(super) fn new(signals: &Signals, rate_bps: f64, former_bps: f64) -> Self {
        let now_us = signals.now_us;
        let rtt_s = (signals.rtt_us as f64 / 1e6).max(MIN_RTT_S);
        let window_packets = (rate_bps * rtt_s / PACKET_BITS).max(MIN_WINDOW);
        Self {
            window_packets,
            former_packets: (former_bps * rtt_s / PACKET_BITS).max(window_packets),
            floor_packets: window_packets,
            reno_packets: window_packets,
            grows_since_us: now_us,
            cut_us: now_us,
            has_loss: false,
            rtt_s,
            filled_us: now_us,
            test: None,
            tested_us: now_us,
            next_test_us: now_us + TEST_INTERVAL_US,
            updated_us: now_us,
            mean_bps: rate_bps,
            longest_us: signals.standing_us as f64,
            is_full: true,
            needed_bps: signals.needed_bps,
            fate: Fate::new(now_us),
        }
    }

    pub(super) fn on_arrived(&mut self, sent_us: u64, wire_bytes: u32) {
        self.fate.arrived += 1;
        if let Some(test) = &mut self.test {
            test.on_arrived(sent_us, wire_bytes);
        }
    }

    pub(super) fn on_missed(&mut self, sent_us: u64) {
        self.fate.missed += 1;
        // Losses of one window count once.
        self.has_loss |= sent_us > self.cut_us;
    }

    /// The rate in the long run, bits/s.
    pub(super) fn mean_bps(&self) -> f64 {
        self.mean_bps
    }

    /// The rate but for tests, bits/s.
    pub(super) fn rate_bps(&self) -> f64 {
        self.window_packets * PACKET_BITS / self.rtt_s
    }

    /// The rate for a source that has steps and sends `used_bps`, bits/s: what the window allows in the long run, and no less than what is
    /// used while that is near a fair part. The next step is given once the mean is nearer to it: whoever rounds down, and asks for
    /// head-room besides, gets a third of what the other gets.
    ///
    /// More is used from the moment on at which the other has made room: before it the queue is full, and the key frame of another
    /// layer would lose some of its packets.
    pub(super) fn steady_bps(&self, used_bps: f64) -> f64 {
        let kept_bps = WOBBLE * used_bps;
        // Of two steps about the fair part, the upper one is nearer.
        let is_nearer = self.mean_bps > used_bps + NEARER * (self.needed_bps - used_bps);
        match used_bps < HELD * self.mean_bps {
            true if self.is_full => kept_bps,
            true if is_nearer => self.mean_bps.max(self.needed_bps).max(kept_bps),
            true => self.mean_bps.max(kept_bps),
            false => self.mean_bps,
        }
    }

    /// The rate, bits/s.
    pub(super) fn bps(&self) -> f64 {
        self.rate_bps() * if self.test.is_some() { DRAIN_RATE } else { 1.0 }
    }

    pub(super) fn clamp(&mut self, limits: &BandwidthLimits) {
        let rate_bps = self.rate_bps();
        self.window_packets *= limits.clamp(rate_bps) / rate_bps;
    }

    /// Whether another was heard of so lately that the shortest delays of the past are not to be forgotten.
    pub(super) fn is_pressed(&self, now_us: u64) -> bool {
        now_us.saturating_sub(self.cut_us) < PRESSED_US
    }

    /// Goes on, or says why not. A source that has steps sends no less for a test, so nothing but an empty
    /// queue tells: the other's own ups and downs look like a test that went well.
    pub(super) fn update(&mut self, signals: &Signals, used_bps: f64) -> Option<Parting> {
        if self.is_flooded(signals.now_us) {
            return Some(Parting::NeverThere);
        }
        let has_steps = used_bps > 0.0;
        let elapsed_us = signals.now_us.saturating_sub(self.updated_us).min(1_000_000);
        self.updated_us = signals.now_us;
        self.rtt_s = (signals.rtt_us as f64 / 1e6).max(MIN_RTT_S);
        self.needed_bps = signals.needed_bps;
        if (signals.standing_us as f64) > EMPTY_US {
            self.filled_us = signals.now_us;
        } else if signals.now_us.saturating_sub(self.filled_us) > EMPTY_FOR_US / 2 {
            self.next_test_us = self.next_test_us.min(self.tested_us + RETEST_US);
        }
        let gone_us = if has_steps { EMPTY_WITH_STEPS_US } else { EMPTY_FOR_US };
        if signals.now_us.saturating_sub(self.filled_us) > gone_us || (!has_steps && self.is_alone(signals)) {
            return Some(Parting::Gone);
        }
        if self.has_loss {
            self.cut(signals.now_us);
        } else if self.test.is_some()
            || (signals.standing_us as f64) < EMPTY_US
            || (signals.is_app_limited && self.rate_bps() > NEXT * signals.needed_bps)
        {
            // What is not used does not grow, and the time does not count; but to the next step it must. Nor does it while nobody fills the queue:
            // then there may be no other at all.
            self.grows_since_us += elapsed_us;
        } else {
            self.grow(signals, elapsed_us as f64 / 1e6);
        }
        let standing_us = signals.standing_us as f64;
        let forgotten = FORGOTTEN * elapsed_us as f64 / 1e6;
        self.longest_us = (self.longest_us * (1.0 - forgotten)).max(standing_us);
        let is_dear = signals.needed_bps - used_bps > DEAR_BPS;
        self.is_full = is_dear && standing_us > FULL * self.longest_us;
        let step_us = (signals.needed_bps - used_bps).max(0.0) / STEP_BPS * 1e6;
        let over_us = match self.rate_bps() > self.mean_bps {
            true => step_us.clamp(MEAN_RISE_US, MEAN_FALL_US),
            false => MEAN_FALL_US,
        };
        self.mean_bps += (elapsed_us as f64 / over_us).min(1.0) * (self.rate_bps() - self.mean_bps);
        None
    }

    fn is_flooded(&mut self, now_us: u64) -> bool {
        let Fate { since_us, arrived, missed } = self.fate;
        let packets = arrived.saturating_add(missed);
        if packets < FLOODED_PACKETS || now_us.saturating_sub(since_us) < FLOODED_US {
            return false;
        }
        self.fate = Fate::new(now_us);
        f64::from(missed) > FLOODED * f64::from(packets)
    }

    fn cut(&mut self, now_us: u64) {
        self.has_loss = false;
        self.cut_us = now_us;
        self.grows_since_us = now_us;
        // Fast convergence (section 4.7): who had more before gives way to who comes.
        let is_squeezed = self.window_packets < self.former_packets;
        self.former_packets = self.window_packets * if is_squeezed { (1.0 + DECREASE) / 2.0 } else { 1.0 };
        self.window_packets = (self.window_packets * DECREASE).max(MIN_WINDOW);
        self.floor_packets = self.window_packets;
        self.reno_packets = self.window_packets;
    }

    fn grow(&mut self, signals: &Signals, elapsed_s: f64) {
        let before_packets = self.window_packets;
        let round_trips = elapsed_s / self.rtt_s;
        self.reno_packets += INCREASE_PACKETS * round_trips;
        let plateau_s = ((self.former_packets - self.floor_packets).max(0.0) / CUBIC).cbrt();
        let since_s = signals.now_us.saturating_sub(self.grows_since_us) as f64 / 1e6 + self.rtt_s - plateau_s;
        let cubic_packets = (CUBIC * since_s.powi(3) + self.former_packets).min(1.5 * self.window_packets);
        if cubic_packets > self.window_packets {
            self.window_packets += (cubic_packets - self.window_packets) * round_trips.min(1.0);
        }
        self.window_packets = self.window_packets.max(self.reno_packets);
        // Nowhere far above what is known to arrive.
        let reach_bps = (1.5 * signals.acked_bps.unwrap_or(0.0) + 10_000.0).max(NEXT * signals.needed_bps);
        let reach_packets = reach_bps * self.rtt_s / PACKET_BITS;
        self.window_packets = self.window_packets.min(reach_packets.max(before_packets));
    }

    fn is_alone(&mut self, signals: &Signals) -> bool {
        let Some(test) = &mut self.test else {
            if signals.now_us >= self.next_test_us {
                let capacity_bps = signals.acked_bps.unwrap_or(self.rate_bps());
                self.test = Some(DrainTest::new(signals.now_us, capacity_bps, signals.standing_us));
            }
            return false;
        };
        let verdict = test.verdict(signals.newest_sent_us, signals.standing_us);
        if verdict != Verdict::Pending {
            self.test = None;
            self.tested_us = signals.now_us;
            self.next_test_us = signals.now_us + TEST_INTERVAL_US;
        }
        verdict == Verdict::Ours
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::PathState;
    use super::*;

    /// What is told, 50 ms apart, while 40 kb/s arrive of a link that was found to carry 400, and the queue is as long as given.
    fn verdicts(queue_us: &[u64]) -> Vec<Verdict> {
        let mut test = DrainTest::new(0, 400_000.0, 100_000);
        let look = |(number, standing_us): (usize, &u64)| {
            let newest_us = 50_000 * (number as u64 + 1);
            test.on_arrived(newest_us, 250);
            test.verdict(newest_us, *standing_us)
        };
        queue_us.iter().enumerate().map(look).collect()
    }

    /// What becomes of a rival, while of every so many packets one is lost.
    fn parting(one_in: u32) -> Option<Parting> {
        let signals = |now_us| Signals {
            now_us,
            newest_sent_us: now_us,
            acked_bps: Some(300_000.0),
            acked_short_bps: Some(300_000.0),
            standing_us: 150_000,
            recent_us: 150_000,
            noise_us: 0,
            trend: PathState::Normal,
            is_probed: false,
            is_app_limited: false,
            needed_bps: 700_000.0,
            rtt_us: 200_000,
        };
        let mut rival = RivalControl::new(&signals(0), 500_000.0, 900_000.0);
        (1..300).find_map(|packet| {
            let now_us = 10_000 * u64::from(packet);
            match packet % one_in {
                0 => rival.on_missed(now_us),
                _ => rival.on_arrived(now_us, 1_000),
            }
            rival.update(&signals(now_us), 600_000.0)
        })
    }

    #[test]
    fn nobody_is_beside_who_loses_half_of_what_he_sends() {
        assert_eq!((parting(2), parting(5)), (Some(Parting::NeverThere), None));
    }

    #[test]
    fn a_queue_that_stays_while_little_is_sent_is_anothers_and_one_that_drains_is_ours() {
        assert_eq!(verdicts(&[100_000; 3]), [Verdict::Pending, Verdict::Theirs, Verdict::Theirs]);
        assert_eq!(verdicts(&[60_000, 25_000]), [Verdict::Pending, Verdict::Ours]);
    }

    #[test]
    fn a_queue_that_grows_after_the_cut_is_judged_by_how_it_drains_from_then_on() {
        // A key frame of the smaller layer, say, leaves after the cut; then it drains.
        assert_eq!(verdicts(&[160_000, 140_000, 110_000, 60_000, 40_000]).last(), Some(&Verdict::Ours));
        assert!(!verdicts(&[160_000, 140_000, 110_000, 60_000, 40_000]).contains(&Verdict::Theirs));
        assert_eq!(verdicts(&[160_000; 5]).last(), Some(&Verdict::Theirs));
    }
}
