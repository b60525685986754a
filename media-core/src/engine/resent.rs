//! What was sent again of late, and which key frames were asked for, so that nothing is sent twice for one loss.
//!
//! Receivers ask again sooner than an answer can be there: browsers that only receive do not know the round trip, and take
//! 100 ms for it. Behind a queue of 300 ms each lost packet would go out four times, which makes the queue longer, and one key
//! frame would be followed by another before it was seen.

use crate::keys::ProducerKey;
use std::time::{Duration, Instant};

/// Packets that are remembered: more than are lost in the longest round trip of a full queue. Older ones are forgotten, and sent again.
const SLOTS: usize = 512;
/// A round trip above this is not waited for: a picture would stand for longer than a second request takes.
pub(super) const LONGEST_ROUND_TRIP: Duration = Duration::from_millis(600);

/// A key frame is there this much later than a packet that is kept here: its publisher must make it.
const MAKING: Duration = Duration::from_millis(150);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Packet(u16),
    /// Of one encoding of a track.
    KeyFrame(ProducerKey, u8),
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    ssrc: u32,
    what: What,
    at: Instant,
}

/// What was sent again to one participant.
#[derive(Debug, Default)]
pub(super) struct Resent {
    /// Empty until something is asked for.
    slots: Vec<Option<Slot>>,
}

impl Resent {
    /// Whether a packet that is asked for is to be sent: not if its last copy left less than half a round trip ago. A whole one would
    /// be enough to know that the copy was lost; but where a full queue loses every fourth packet, a second copy ends most freezes sooner.
    /// For `waits`, a copy waits in our own queue first: were each asking answered meanwhile, nothing new would get through.
    pub(super) fn may_send(
        &self,
        now: Instant,
        (ssrc, sequence): (u32, u16),
        round_trip: Option<Duration>,
        waits: Duration,
    ) -> bool {
        let wait = round_trip.unwrap_or(Duration::ZERO).min(LONGEST_ROUND_TRIP) / 2 + waits;
        self.is_due(now, (ssrc, What::Packet(sequence)), wait)
    }

    /// A packet was sent again.
    pub(super) fn sent(&mut self, now: Instant, (ssrc, sequence): (u32, u16)) {
        self.note(now, (ssrc, What::Packet(sequence)));
    }

    /// Whether a key frame of an encoding that is asked for is to be asked of the publisher: not if one may still be under way. That of
    /// another encoding, which was shown before, is none for this one.
    pub(super) fn may_ask(
        &mut self,
        now: Instant,
        (ssrc, producer, encoding): (u32, ProducerKey, u8),
        round_trip: Option<Duration>,
    ) -> bool {
        let what = What::KeyFrame(producer, encoding);
        let wait = round_trip.map_or(Duration::ZERO, |rtt| rtt.min(LONGEST_ROUND_TRIP) + MAKING);
        let is_due = self.is_due(now, (ssrc, what), wait);
        if is_due {
            self.note(now, (ssrc, what));
        }
        is_due
    }

    fn is_due(&self, now: Instant, (ssrc, what): (u32, What), wait: Duration) -> bool {
        let is_under_way =
            |last: &Slot| (last.ssrc, last.what) == (ssrc, what) && now.saturating_duration_since(last.at) < wait;
        !self.slots.get(slot_of(ssrc, what)).and_then(Option::as_ref).is_some_and(is_under_way)
    }

    fn note(&mut self, now: Instant, (ssrc, what): (u32, What)) {
        self.slots.resize(SLOTS, None);
        if let Some(slot) = self.slots.get_mut(slot_of(ssrc, what)) {
            *slot = Some(Slot { ssrc, what, at: now });
        }
    }
}

fn slot_of(ssrc: u32, what: What) -> usize {
    let number = match what {
        What::Packet(sequence) => usize::from(sequence),
        What::KeyFrame(_, encoding) => SLOTS / 2 + usize::from(encoding),
    };
    (ssrc as usize ^ number) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sends(
        resent: &mut Resent,
        now: Instant,
        what: (u32, u16),
        (round_trip, waits): (Option<Duration>, Duration),
    ) -> bool {
        let may = resent.may_send(now, what, round_trip, waits);
        if may {
            resent.sent(now, what);
        }
        may
    }

    #[test]
    fn a_packet_is_sent_once_in_half_a_round_trip() {
        let (mut resent, start) = (Resent::default(), Instant::now());
        let rtt = Some(Duration::from_millis(300));
        let mut asks =
            |ms, sequence| sends(&mut resent, start + Duration::from_millis(ms), (7, sequence), (rtt, Duration::ZERO));
        assert!(asks(0, 1));
        assert!(asks(0, 2), "another one");
        assert!(!asks(60, 1) && !asks(120, 1));
        assert!(asks(180, 1), "the copy may be lost too");
        assert!(!asks(300, 1));
        assert!(asks(5_000, 1));
    }

    #[test]
    fn a_key_frame_is_asked_for_once_in_the_time_that_it_takes() {
        let (mut resent, start) = (Resent::default(), Instant::now());
        let mut keys = slotmap::SlotMap::<ProducerKey, ()>::with_key();
        let (track, other) = (keys.insert(()), keys.insert(()));
        let mut asks = |ms, track, encoding| {
            let rtt = Some(Duration::from_millis(300));
            resent.may_ask(start + Duration::from_millis(ms), (7, track, encoding), rtt)
        };
        assert!(asks(0, track, 0) && !asks(300, track, 0));
        assert!(asks(310, track, 2), "he was switched to another encoding");
        assert!(!asks(320, track, 2));
        assert!(asks(330, other, 2), "his place shows another track");
        assert!(asks(450, track, 0) && asks(760, track, 2));
    }

    #[test]
    fn where_the_round_trip_is_not_known_every_request_is_answered() {
        let (mut resent, now) = (Resent::default(), Instant::now());
        let mut asks = |waits| sends(&mut resent, now, (7, 1), (None, waits));
        assert!(asks(Duration::ZERO) && asks(Duration::ZERO));
        assert!(!asks(Duration::from_millis(1)), "it did not even leave");
    }
}
