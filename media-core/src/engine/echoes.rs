//! Datagrams that leave again a little later, byte for byte: audio for a receiver who loses some of it, and who can be told twice in no
//! other way, and retransmissions to one who loses much.
//!
//! What is sealed is sealed once: a copy of the sealed datagram uses no nonce again. A receiver who has the first drops the second before
//! anything else sees it (RFC 3711 section 3.3.2), so that his reports, his jitter and his feedback know of one packet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// From one sending to the next: what takes one packet on a path that loses them in bursts has mostly passed, and a jitter buffer that
/// learnt of it waits no longer than for RFC 2198's repetition in the next packet.
const SPACING: Duration = Duration::from_millis(20);
/// Datagrams that wait at most: three copies of 20 voices at 50 packets a second, or every third packet of a large key frame. Beyond that
/// one is sent once only.
const MAX_WAITING: usize = 64;

/// A datagram as it is sent.
#[derive(Debug)]
pub(super) struct Echo {
    due: Instant,
    /// Times that it is still sent.
    left: usize,
    pub(super) bytes: Vec<u8>,
    /// Its number for transport-wide feedback.
    pub(super) sequence: Option<u64>,
    pub(super) wire_bytes: usize,
}

/// What one receiver is to be sent again.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    waiting: VecDeque<Echo>,
    spare: Vec<Vec<u8>>,
}

impl Echoes {
    /// Keeps a sealed datagram that was just sent, to send it `times` more.
    pub(super) fn keep(&mut self, now: Instant, times: usize, sealed: &[u8], sequence: Option<u64>, wire_bytes: usize) {
        if times == 0 || self.waiting.len() >= MAX_WAITING {
            return;
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(sealed);
        self.waiting.push_back(Echo { due: now + SPACING, left: times, bytes, sequence, wire_bytes });
    }

    /// A datagram whose turn has come; ask until there is none, and give each [`back`](Self::put_back).
    pub(super) fn poll(&mut self, now: Instant) -> Option<Echo> {
        self.waiting.pop_front_if(|echo| echo.due <= now)
    }

    /// Takes back what was sent, to send it again if it is to be.
    pub(super) fn put_back(&mut self, now: Instant, mut echo: Echo) {
        echo.left -= 1;
        if echo.left > 0 {
            echo.due = now + SPACING;
            self.waiting.push_back(echo);
        } else {
            self.spare.push(echo.bytes);
        }
    }

    /// When to [`poll`](Self::poll).
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|echo| echo.due)
    }

    /// Sends none of them: there is no way to the receiver, or he has other keys.
    pub(super) fn clear(&mut self) {
        self.spare.extend(self.waiting.drain(..).map(|echo| echo.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leaves_so_many_times_more_in_its_turn() {
        let start = Instant::now();
        let mut echoes = Echoes::default();
        let mut sent = Vec::new();
        for ms in 0..100 {
            let now = start + Duration::from_millis(ms);
            if ms < 40 && ms % 20 == 0 {
                echoes.keep(now, 2, &[ms as u8], Some(ms), 100);
            }
            while let Some(echo) = echoes.poll(now) {
                sent.push((ms, echo.bytes[0]));
                echoes.put_back(now, echo);
            }
        }
        assert_eq!(sent, [(20, 0), (40, 20), (40, 0), (60, 20)]);
        assert_eq!((echoes.next_deadline(), echoes.spare.len()), (None, 2));
    }

    #[test]
    fn no_more_wait_than_there_is_room_for() {
        let start = Instant::now();
        let mut echoes = Echoes::default();
        (0..1_000).for_each(|_| echoes.keep(start, 3, &[0; 100], None, 100));
        assert_eq!(echoes.waiting.len(), MAX_WAITING);
        echoes.clear();
        assert_eq!((echoes.next_deadline(), echoes.spare.len()), (None, MAX_WAITING));
        (0..1_000).for_each(|_| echoes.keep(start, 3, &[0; 100], None, 100));
        assert!(echoes.spare.is_empty());
    }
}
