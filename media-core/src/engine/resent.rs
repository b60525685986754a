//! What was sent again of late, so that nothing is sent twice for one loss.
//!
//! Receivers ask again sooner than an answer can be there: browsers that only receive do not know the round trip, and take
//! 100 ms for it. Behind a queue of 300 ms each lost packet would go out four times, which makes the queue longer.

use std::time::{Duration, Instant};

/// Packets that are remembered: more than are lost in the longest round trip of a full queue. Older ones are forgotten, and sent again.
const SLOTS: usize = 512;
/// A round trip above this is not waited for: a picture would stand for longer than a second request takes.
const LONGEST: Duration = Duration::from_millis(600);

#[derive(Debug, Clone, Copy)]
struct Slot {
    ssrc: u32,
    sequence: u16,
    at: Instant,
}

/// What was sent again to one participant.
#[derive(Debug, Default)]
pub(super) struct Resent {
    /// Empty until something is asked for.
    slots: Vec<Option<Slot>>,
}

impl Resent {
    /// Whether a packet that is asked for is to be sent: not if its last copy may still be under way.
    pub(super) fn may_send(&mut self, now: Instant, ssrc: u32, sequence: u16, round_trip: Option<Duration>) -> bool {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let Some(slot) = self.slots.get_mut((ssrc as usize ^ usize::from(sequence)) % SLOTS) else { return true };
        let wait = round_trip.unwrap_or(Duration::ZERO).min(LONGEST);
        let is_under_way = |last: &Slot| {
            (last.ssrc, last.sequence) == (ssrc, sequence) && now.saturating_duration_since(last.at) < wait
        };
        if slot.as_ref().is_some_and(is_under_way) {
            return false;
        }
        *slot = Some(Slot { ssrc, sequence, at: now });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_sent_once_in_a_round_trip() {
        let (mut resent, start) = (Resent::default(), Instant::now());
        let rtt = Some(Duration::from_millis(300));
        let mut asks = |ms, sequence| resent.may_send(start + Duration::from_millis(ms), 7, sequence, rtt);
        assert!(asks(0, 1));
        assert!(asks(0, 2), "another one");
        assert!(!asks(100, 1) && !asks(200, 1));
        assert!(asks(300, 1), "the copy was lost too");
        assert!(!asks(500, 1));
        assert!(asks(5_000, 1));
    }

    #[test]
    fn where_the_round_trip_is_not_known_every_request_is_answered() {
        let (mut resent, now) = (Resent::default(), Instant::now());
        assert!(resent.may_send(now, 7, 1, None) && resent.may_send(now, 7, 1, None));
    }
}
