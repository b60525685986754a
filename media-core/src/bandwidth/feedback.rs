//! The receiver's clock: when packets arrived, on a time line that does not wrap
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

use colloquy_codecs::rtcp::TransportFeedback;

/// The reference time counts 64 ms.
const REFERENCE_US: i64 = 64_000;
/// Deltas count 250 us.
const TICK_US: i64 = 250;
/// The reference time has 24 bits.
const REFERENCE_BITS: u32 = 24;
/// The receiver's clock may run ahead of ours or behind by this much between two feedback packets before it is taken for a
/// new clock: more than any queue, less than would matter to the sums.
const MAX_JUMP_US: i64 = 10_000_000;
/// Arrivals start here on our time line, so that packets which arrived before the first feedback's reference have a place.
const ORIGIN_US: i64 = 20_000_000;

/// Packets that two feedback packets leave out between them at most; more is a mistake, or a new start.
const MAX_UNTOLD: u16 = 1_000;

/// What a feedback packet does to the time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continuity {
    /// It goes on.
    Same,
    /// It starts anew: arrivals before cannot be compared with those that follow.
    New,
}

/// Where a feedback packet's deltas start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) start_us: i64,
    pub(super) continuity: Continuity,
}

/// The receiver's clock as feedback packets tell it.
#[derive(Debug, Default)]
pub(super) struct ReceiverClock {
    last: Option<Last>,
    /// The first number that no feedback has told of, and whether the one before this came.
    next_low: u16,
    follows: bool,
    /// Feedback packets that never came.
    pub(super) lost_feedback: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    reference: i32,
    reference_us: i64,
    came_us: u64,
    count: u8,
}

impl ReceiverClock {
    /// Takes in a feedback packet's reference time and count.
    pub(super) fn advance(&mut self, now_us: u64, feedback: &TransportFeedback<'_>) -> Reference {
        let anew = Last {
            reference: feedback.reference_time,
            reference_us: ORIGIN_US.saturating_add_unsigned(now_us),
            came_us: now_us,
            count: feedback.feedback_count,
        };
        let Some(last) = self.last else {
            self.last = Some(anew);
            self.follows = false;
            return Reference { start_us: anew.reference_us, continuity: Continuity::New };
        };
        let shift = i32::BITS - REFERENCE_BITS;
        let ticks = feedback.reference_time.wrapping_sub(last.reference) << shift >> shift;
        let moved_us = i64::from(ticks) * REFERENCE_US;
        let passed_us = i64::try_from(now_us.saturating_sub(last.came_us)).unwrap_or(i64::MAX);
        if moved_us.saturating_sub(passed_us).abs() > MAX_JUMP_US {
            self.last = Some(anew);
            self.follows = false;
            return Reference { start_us: anew.reference_us, continuity: Continuity::New };
        }
        let start_us = last.reference_us.saturating_add(moved_us);
        let missing = feedback.feedback_count.wrapping_sub(last.count).wrapping_sub(1);
        self.follows = missing == 0;
        // One that goes back was overtaken by the one before it.
        if moved_us >= 0 {
            self.lost_feedback += u64::from(missing);
            self.last = Some(Last { reference_us: start_us, ..anew });
        }
        Reference { start_us, continuity: Continuity::Same }
    }
}

impl ReceiverClock {
    /// Whether the last feedback packet was the next one after the one before it.
    pub(super) fn follows(&self) -> bool {
        self.follows
    }

    /// The numbers between this feedback packet and the one before it. Receivers that begin with the first packet that
    /// arrived leave out those that were lost in front of it. Call once for each, after [`advance`](Self::advance).
    pub(super) fn untold(&mut self, feedback: &TransportFeedback<'_>) -> impl Iterator<Item = u16> + use<> {
        let first = self.next_low;
        let gap = feedback.base_sequence.wrapping_sub(first);
        let is_gap = self.follows && gap <= MAX_UNTOLD;
        let end = feedback.base_sequence.wrapping_add(feedback.packet_status_count);
        // One that goes back for a late packet does not move the end back.
        if !self.follows || end.wrapping_sub(first) < 1 << 15 {
            self.next_low = end;
        }
        (0..if is_gap { gap } else { 0 }).map(move |index| first.wrapping_add(index))
    }
}

/// Walks the arrivals of a feedback packet: its deltas added up.
#[derive(Debug)]
pub(super) struct Arrivals {
    at_us: i64,
}

impl Arrivals {
    pub(super) fn from(reference: Reference) -> Self {
        Self { at_us: reference.start_us }
    }

    /// When the packet with this delta arrived, in microseconds; `None` where that is before all time.
    pub(super) fn next(&mut self, delta_ticks: i32) -> Option<u64> {
        self.at_us = self.at_us.saturating_add(i64::from(delta_ticks) * TICK_US);
        u64::try_from(self.at_us).ok()
    }
}
