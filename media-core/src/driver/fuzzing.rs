//! The driver's parsers of what comes from outside, for `tests/fuzz` only.

use super::isolation;
use super::stun;
use super::tcp::framing::Frames;

/// Reads a stream of RFC 4571 frames that comes in pieces of `cut` bytes, until it is refused. Gives the frames.
///
/// # Panics
/// When there is no space behind an unfinished frame, or a frame is longer than is taken: both would be defects.
#[must_use]
pub fn frames(mut stream: &[u8], cut: usize) -> Vec<Vec<u8>> {
    let mut frames = Frames::new();
    let mut whole = Vec::new();
    while !stream.is_empty() {
        let space = frames.space();
        let len = cut.max(1).min(stream.len()).min(space.len());
        assert!(len > 0, "no space behind an unfinished frame");
        let (piece, rest) = stream.split_at(len);
        space[..len].copy_from_slice(piece);
        frames.wrote(len);
        stream = rest;
        loop {
            let peeked = frames.peek().map(|frame| frame.map(<[u8]>::to_vec));
            let taken = frames.take().map(|frame| frame.map(|frame| frame.to_vec()));
            assert_eq!(peeked, taken, "what was looked at is what is taken");
            match taken {
                Ok(Some(frame)) => whole.push(frame),
                Ok(None) => break,
                Err(_) => return whole,
            }
        }
    }
    whole
}

/// The worker that a datagram on a shared port is for.
#[must_use]
pub fn worker_of(datagram: &[u8]) -> Option<u8> {
    stun::worker_of(datagram)
}

/// Reads what is said between the server and a process that mixes, as each of the words that there are.
pub fn mixer_words(bytes: &[u8]) {
    isolation::read_all(bytes);
}
