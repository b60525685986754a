//! Parts a stream into messages (RFC 8656 section 3.1): a STUN message says how long it is, and so does ChannelData, which is padded to
//! four bytes on a stream.

use super::message::{COOKIE, HEADER_BYTES};
use super::write::CHANNEL_HEADER_BYTES;

/// Longest message taken, in bytes, on a stream or in a datagram. Media and data channels stay below 1,500; a longer message closes its
/// stream, and its datagram is dropped.
pub const MAX_MESSAGE_BYTES: usize = 4_096;

/// What came is neither STUN nor ChannelData, or is too long; what follows cannot be made out either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTurn;

/// Bytes of a stream that wait until their message is whole. Holds one message and what came behind it with the same read.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    start: usize,
}

impl Frames {
    /// Takes in what was read. The caller takes all whole messages before he reads again, so that less than one message stays.
    pub fn push(&mut self, read: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(read);
    }

    /// The next whole message, without the padding of ChannelData; `None` when it is not all there.
    ///
    /// # Errors
    /// When it is no message.
    pub fn take(&mut self) -> Result<Option<&[u8]>, NotTurn> {
        let waiting = &self.bytes[self.start..];
        let Some((len, padded)) = lengths(waiting)? else { return Ok(None) };
        if waiting.len() < padded {
            return Ok(None);
        }
        let begin = self.start;
        self.start += padded;
        Ok(self.bytes.get(begin..begin + len))
    }
}

/// How long the message is that begins here, without and with its padding, as soon as that can be told.
fn lengths(bytes: &[u8]) -> Result<Option<(usize, usize)>, NotTurn> {
    let Some([first, _, high, low]) = bytes.first_chunk::<CHANNEL_HEADER_BYTES>() else {
        // The first byte tells already; nobody who sends rubbish byte by byte is waited for.
        return if bytes.first().is_some_and(|first| *first >= 0x50) { Err(NotTurn) } else { Ok(None) };
    };
    let said = usize::from(u16::from_be_bytes([*high, *low]));
    let (len, padded) = match first {
        0x00..=0x3F => {
            let cookie = bytes.get(4..8.min(bytes.len())).unwrap_or_default();
            if said % 4 != 0 || !COOKIE.starts_with(cookie) {
                return Err(NotTurn);
            }
            (HEADER_BYTES + said, HEADER_BYTES + said)
        }
        0x40..=0x4F => (CHANNEL_HEADER_BYTES + said, CHANNEL_HEADER_BYTES + said.next_multiple_of(4)),
        0x50.. => return Err(NotTurn),
    };
    if padded > MAX_MESSAGE_BYTES { Err(NotTurn) } else { Ok(Some((len, padded))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stun(len: u16) -> Vec<u8> {
        let mut bytes = vec![0, 1];
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&COOKIE);
        bytes.resize(HEADER_BYTES + usize::from(len), 7);
        bytes
    }

    #[test]
    fn messages_are_the_same_however_the_stream_is_cut() {
        let channel: &[u8] = &[0x40, 0, 0, 5, 1, 2, 3, 4, 5];
        let stream = [stun(0), channel.to_vec(), vec![0; 3], stun(8), vec![0x40, 1, 0, 0]].concat();
        for cut in 1..=stream.len() {
            let (mut frames, mut got) = (Frames::default(), Vec::new());
            for piece in stream.chunks(cut) {
                frames.push(piece);
                while let Some(message) = frames.take().unwrap() {
                    got.push(message.to_vec());
                }
            }
            assert_eq!(got, [stun(0), channel.to_vec(), stun(8), vec![0x40, 1, 0, 0]], "cut every {cut} bytes");
        }
    }

    #[test]
    fn what_is_no_turn_is_refused_by_its_first_bytes() {
        let refused: [&[u8]; 5] =
            [b"GET / HTTP/1.1", &[0x16, 3, 1, 2, 0, 1], &[0x80], &[0, 1, 0, 0, 0x21, 0x13], &[0x40, 0, 0xFF, 0xFF]];
        for bytes in refused {
            let mut frames = Frames::default();
            frames.push(bytes);
            assert_eq!(frames.take(), Err(NotTurn), "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_held_beyond_a_message(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..40)) {
            let mut frames = Frames::default();
            for piece in pieces {
                frames.push(&piece);
                loop {
                    match frames.take() {
                        Ok(Some(message)) => prop_assert!(message.len() <= MAX_MESSAGE_BYTES),
                        Ok(None) => break,
                        Err(NotTurn) => return Ok(()),
                    }
                }
                prop_assert!(frames.bytes.len() - frames.start < MAX_MESSAGE_BYTES);
            }
        }
    }
}
