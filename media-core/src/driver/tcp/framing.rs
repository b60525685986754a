//! RFC 4571: each packet on a stream follows its length in two bytes.

/// Longest frame taken, in bytes: an Ethernet frame's datagram and to spare. A longer one closes its connection, since
/// what follows cannot be trusted to be a frame.
pub(in crate::driver) const MAX_FRAME: usize = 2_048;

/// Bytes of the length.
pub(in crate::driver) const LENGTH_BYTES: usize = 2;

/// Bytes read ahead at most, a few full frames: 1,024 connections take 8 MiB.
const READ_AHEAD: usize = 8 * 1024;

/// A frame is longer than [`MAX_FRAME`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) struct TooLong;

/// Parts a stream into frames. Allocated once.
#[derive(Debug)]
pub(in crate::driver) struct Frames {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Frames {
    pub(in crate::driver) fn new() -> Self {
        Self { bytes: vec![0; READ_AHEAD].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Where to read on to. Never empty once every whole frame has been taken.
    pub(in crate::driver) fn space(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        &mut self.bytes[self.end..]
    }

    /// So many bytes of the [`space`](Self::space) were written.
    pub(in crate::driver) fn wrote(&mut self, len_bytes: usize) {
        self.end = (self.end + len_bytes).min(self.bytes.len());
    }

    /// What was read and not yet taken.
    pub(in crate::driver) fn pending(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The next whole frame, left where it is; `None` when it is not all there. Empty ones (a keep-alive) are passed over.
    pub(in crate::driver) fn peek(&mut self) -> Result<Option<&[u8]>, TooLong> {
        Ok(self.locate()?.map(|range| &self.bytes[range]))
    }

    /// Takes the next whole frame.
    pub(in crate::driver) fn take(&mut self) -> Result<Option<&mut [u8]>, TooLong> {
        let Some(range) = self.locate()? else { return Ok(None) };
        self.start = range.end;
        Ok(Some(&mut self.bytes[range]))
    }

    fn locate(&mut self) -> Result<Option<std::ops::Range<usize>>, TooLong> {
        while let [high, low, rest @ ..] = self.pending() {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            if len > MAX_FRAME {
                return Err(TooLong);
            }
            if len > rest.len() {
                break;
            }
            let begin = self.start + LENGTH_BYTES;
            if len > 0 {
                return Ok(Some(begin..begin + len));
            }
            self.start = begin;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(frames: &[&[u8]]) -> Vec<u8> {
        frames.iter().flat_map(|frame| [&(frame.len() as u16).to_be_bytes(), *frame].concat()).collect()
    }

    fn feed(frames: &mut Frames, bytes: &[u8]) {
        frames.space()[..bytes.len()].copy_from_slice(bytes);
        frames.wrote(bytes.len());
    }

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut() {
        let sent: [&[u8]; 4] = [b"one", b"", &[7; MAX_FRAME], b"four"];
        let stream = framed(&sent);
        for cut in [1, 2, 3, 5, 100, 1_024, stream.len()] {
            let (mut frames, mut got) = (Frames::new(), Vec::new());
            for piece in stream.chunks(cut) {
                feed(&mut frames, piece);
                while let Some(frame) = frames.take().unwrap() {
                    got.push(frame.to_vec());
                }
            }
            assert_eq!(got, [sent[0], sent[2], sent[3]], "cut every {cut} bytes");
            assert_eq!(frames.pending(), b"");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_length_alone() {
        let mut frames = Frames::new();
        feed(&mut frames, &(MAX_FRAME as u16 + 1).to_be_bytes());
        assert_eq!(frames.take(), Err(TooLong));
    }

    #[test]
    fn there_is_always_space_behind_an_unfinished_frame() {
        let mut frames = Frames::new();
        let unfinished = &framed(&[&[1; MAX_FRAME]])[..MAX_FRAME + 1];
        feed(&mut frames, &framed(&[&[2; 2_000]]));
        feed(&mut frames, unfinished);
        while frames.take().unwrap().is_some() {}
        assert_eq!(frames.space().len(), READ_AHEAD - unfinished.len());
    }
}
