//! Words as bytes: each a length of four bytes and, in so many, what postcard makes of it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, BufReader, Read};

/// A frame at most: a key frame of 4,096x2,304 and its JPEG take 2 MiB, all 8,192 ears of a room that hear a few groups each less than one.
pub(super) const MAX_FRAME_BYTES: usize = 8 << 20;
/// What is read at once: a picture's packets.
const READ_BYTES: usize = 64 << 10;
/// Bytes of a length.
const HEAD: usize = 4;

/// Appends a word.
///
/// # Errors
/// When it is longer than a frame may be; then nothing is appended.
pub(super) fn write<T: Serialize>(out: &mut Vec<u8>, word: &T) -> io::Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    let written = postcard::to_io(word, &mut *out).map(|_| ()).map_err(io::Error::other);
    let len = out.len() - start - HEAD;
    if let Err(error) = written.and_then(|()| check(len)) {
        out.truncate(start);
        return Err(error);
    }
    out[start..start + HEAD].copy_from_slice(&(len as u32).to_le_bytes());
    Ok(())
}

/// Words as they come.
pub(super) struct Frames<R> {
    from: BufReader<R>,
    frame: Vec<u8>,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from: BufReader::with_capacity(READ_BYTES, from), frame: Vec::new() }
    }

    /// Waits for the next word.
    ///
    /// # Errors
    /// When whoever said them is gone, or says what cannot be understood.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let mut head = [0; HEAD];
        self.from.read_exact(&mut head)?;
        let len = u32::from_le_bytes(head) as usize;
        check(len)?;
        self.frame.resize(len, 0);
        self.from.read_exact(&mut self.frame)?;
        postcard::from_bytes(&self.frame).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Whether there is more already.
    pub(super) fn has_more(&self) -> bool {
        !self.from.buffer().is_empty()
    }
}

fn check(len: usize) -> io::Result<()> {
    if len <= MAX_FRAME_BYTES {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a word is longer than words are"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_as_they_were_said_and_too_long_ones_do_not_leave() {
        let mut out = Vec::new();
        write(&mut out, &(7_u64, "seven")).unwrap();
        assert!(write(&mut out, &vec![1_u8; MAX_FRAME_BYTES + 1]).is_err());
        write(&mut out, &(8_u64, "eight")).unwrap();
        let mut frames = Frames::new(out.as_slice());
        let next = |frames: &mut Frames<&[u8]>| frames.next::<(u64, String)>().unwrap();
        assert_eq!(next(&mut frames), (7, "seven".to_owned()));
        assert!(frames.has_more());
        assert_eq!(next(&mut frames), (8, "eight".to_owned()));
        assert!(!frames.has_more());
        assert_eq!(frames.next::<u8>().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    proptest::proptest! {
        /// Whatever a process that was taken over says, it is read or refused, and of no more bytes than a frame has.
        #[test]
        fn nothing_that_is_said_does_harm(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let mut frames = Frames::new(bytes.as_slice());
            while frames.next::<crate::composer::ComposeAnswer>().is_ok() {}
            let mut frames = Frames::new(bytes.as_slice());
            while frames.next::<super::super::words::MixerAnswer>().is_ok() {}
            let framed = [&(bytes.len() as u32).to_le_bytes()[..], &bytes].concat();
            let mut frames = Frames::new(framed.as_slice());
            let _ = frames.next::<super::super::words::MixerAnswer>();
            proptest::prop_assert!(frames.frame.len() <= MAX_FRAME_BYTES);
        }
    }
}
