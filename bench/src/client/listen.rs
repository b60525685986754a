//! A listener's ears: which 20 ms of audio were there when they were due (a jitter buffer in the manner of NetEQ).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What was heard of a track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListenStats {
    /// Frames that were due.
    pub due: u64,
    /// Those of them that were made up, because nothing of them was there in time.
    pub concealed: u64,
    /// Frames that came as redundancy only (RFC 2198).
    pub redundant: u64,
    /// How long a frame waits now.
    pub buffer: Duration,
}

/// One frame.
const FRAME: Duration = Duration::from_millis(20);
/// One frame, at 48 kHz.
const FRAME_TICKS: u64 = 960;
/// How long the first frame waits: enough for a redundant copy two frames later, and some jitter.
const BUFFER: Duration = Duration::from_millis(80);
/// How long one waits at most.
const MAX_BUFFER: Duration = Duration::from_millis(500);
/// Frames known at most ahead of the one that is due: more is another stream.
const MAX_AHEAD: usize = 500;
/// The buffer shrinks by a frame when everything was there this much too early for [`CALM`].
const SLACK: Duration = Duration::from_millis(40);
/// See [`SLACK`].
const CALM: Duration = Duration::from_secs(3);

/// Listens to one place.
#[derive(Debug, Default)]
pub(super) struct Listen {
    /// The timestamp of the next frame due, with cycles, and when it is due.
    next: Option<(u64, Instant)>,
    have: BTreeSet<u64>,
    highest: Option<u64>,
    calm_since: Option<Instant>,
    buffer: Duration,
    stats: ListenStats,
}

impl Listen {
    /// A frame came; `offset` is how much older it is than the packet, in ticks.
    pub(super) fn take(&mut self, now: Instant, timestamp: u32, offset: u16) {
        self.play(now);
        let packet = self.unwrap(timestamp);
        let Some(frame) = packet.checked_sub(u64::from(offset)) else { return };
        let Some((next, due)) = self.next else {
            self.buffer = BUFFER;
            self.next = Some((frame, now + BUFFER));
            self.have.insert(frame);
            return;
        };
        if frame < next {
            if offset == 0 && frame + 50 * FRAME_TICKS > next {
                self.grow(now, next - frame, due);
            }
            return;
        }
        let ahead = frame - next;
        if ahead > MAX_AHEAD as u64 * FRAME_TICKS {
            // Another stream, or one that was silent for long.
            self.have.clear();
            self.next = Some((frame, now + self.buffer));
        }
        self.stats.redundant += u64::from(self.have.insert(frame) && offset > 0);
        self.note_slack(now, ahead, due);
    }

    fn unwrap(&mut self, timestamp: u32) -> u64 {
        // From the middle, so that what is older than the first has a number.
        let highest = *self.highest.get_or_insert((1 << 32) + u64::from(timestamp));
        let unwrapped = highest.wrapping_add_signed(i64::from(timestamp.wrapping_sub(highest as u32).cast_signed()));
        self.highest = Some(highest.max(unwrapped));
        unwrapped
    }

    /// It came too late: from now on all waits longer, as a stretch of what is being played.
    fn grow(&mut self, now: Instant, late_ticks: u64, due: Instant) {
        let late = Duration::from_micros(late_ticks * 1_000 / 48) + now.saturating_duration_since(due);
        let room = MAX_BUFFER.saturating_sub(self.buffer);
        let more = late.min(room);
        self.buffer += more;
        self.calm_since = None;
        if let Some((_, due)) = &mut self.next {
            *due += more;
        }
    }

    fn note_slack(&mut self, now: Instant, ahead_ticks: u64, due: Instant) {
        let wait = Duration::from_micros(ahead_ticks * 1_000 / 48) + due.saturating_duration_since(now);
        if wait < BUFFER.max(SLACK + FRAME) {
            self.calm_since = None;
        } else if now.saturating_duration_since(*self.calm_since.get_or_insert(now)) > CALM && self.buffer > BUFFER {
            self.calm_since = None;
            let less = FRAME.min(self.buffer - BUFFER);
            self.buffer -= less;
            if let Some((_, due)) = &mut self.next {
                *due = due.checked_sub(less).unwrap_or(*due);
            }
        }
    }

    /// Plays what is due.
    fn play(&mut self, now: Instant) {
        while let Some((next, due)) = self.next.filter(|(_, due)| *due <= now) {
            self.stats.due += 1;
            self.stats.concealed += u64::from(!self.have.remove(&next));
            self.next = Some((next + FRAME_TICKS, due + FRAME));
        }
    }

    /// What was heard until now.
    pub(super) fn stats(&mut self, now: Instant) -> ListenStats {
        self.play(now);
        ListenStats { buffer: self.buffer, ..self.stats }
    }

    /// Begins a new count.
    pub(super) fn forget(&mut self, now: Instant) {
        self.play(now);
        self.stats = ListenStats::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, frame: u32) -> Instant {
        start + FRAME * frame
    }

    #[test]
    fn lost_frames_are_concealed_unless_told_again() {
        let start = Instant::now();
        for (redundant, concealed) in [(false, 100), (true, 0)] {
            let mut listen = Listen::default();
            for i in (0..1_000_u32).filter(|i| i % 10 != 5) {
                let timestamp = (u32::MAX - 50_000).wrapping_add(i * 960);
                listen.take(at(start, i), timestamp, 0);
                if redundant {
                    listen.take(at(start, i), timestamp, 960);
                }
            }
            let stats = listen.stats(at(start, 1_000) + BUFFER);
            // The last frames due were never sent.
            assert_eq!((stats.due, stats.concealed - (stats.due - 1_000)), (stats.due, concealed));
            assert!(stats.due <= 1_002);
        }
    }

    #[test]
    fn the_buffer_grows_with_a_queue_and_shrinks_after_it() {
        let start = Instant::now();
        let mut listen = Listen::default();
        let late = |i: u32| if (200..400).contains(&i) { Duration::from_millis(150) } else { Duration::ZERO };
        for i in 0..400_u32 {
            listen.take(at(start, i) + late(i), i * 960, 0);
        }
        let grown = listen.stats(at(start, 399) + late(399));
        assert!(grown.buffer >= Duration::from_millis(150), "{grown:?}");
        assert!((1..30).contains(&grown.concealed), "{grown:?}");
        listen.forget(at(start, 408));
        for i in 408..2_500_u32 {
            listen.take(at(start, i), i * 960, 0);
        }
        let calm = listen.stats(at(start, 2_500));
        assert!(calm.buffer < grown.buffer, "{calm:?}");
    }
}
