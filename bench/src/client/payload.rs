//! Synthetic frames with the shape of real ones: what a forwarder reads of a payload is true, the rest carries a stamp
//! that tells a receiver whose packet it is, which one, and when it left.

use super::coder::Lineage;
use colloquy_media_core::api::Codec;
use std::time::Duration;

/// The last bytes of every payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Who sent it: a number of the test's choice.
    pub source: u64,
    /// Which of his tracks: its mid, as a number.
    pub track: u8,
    /// Which packet of that source's track, from 0.
    pub counter: u32,
    /// Which frame, from 0.
    pub frame: u32,
    /// Part of a key frame (always of audio).
    pub key: bool,
    /// First packet of its frame.
    pub first: bool,
    /// Which layer its frame is of, and what it needs.
    pub lineage: Lineage,
    /// When it left, since the epoch that the clients share.
    pub sent: Duration,
}

const MAGIC: [u8; 4] = *b"clqy";

impl Stamp {
    /// Length on the wire, in bytes.
    pub const LEN: usize = 4 + 8 + 1 + 4 + 4 + 1 + 3 + 4 + 8;

    pub(super) fn write(&self, payload: &mut Vec<u8>) {
        payload.extend_from_slice(&MAGIC);
        payload.extend_from_slice(&self.source.to_be_bytes());
        payload.push(self.track);
        payload.extend_from_slice(&self.counter.to_be_bytes());
        payload.extend_from_slice(&self.frame.to_be_bytes());
        let Lineage { encoding, spatial, temporal, needs } = self.lineage;
        payload.push(u8::from(self.key) | u8::from(self.first) << 1 | u8::from(needs.is_some()) << 2);
        payload.extend_from_slice(&[encoding, spatial, temporal]);
        payload.extend_from_slice(&needs.unwrap_or(0).to_be_bytes());
        payload.extend_from_slice(&u64::try_from(self.sent.as_nanos()).unwrap_or(u64::MAX).to_be_bytes());
    }

    /// The stamp at the end of a payload.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let at = payload.len().checked_sub(Self::LEN)?;
        let (magic, rest) = payload.get(at..)?.split_first_chunk::<4>()?;
        if *magic != MAGIC {
            return None;
        }
        let (source, rest) = rest.split_first_chunk::<8>()?;
        let (track, rest) = rest.split_first()?;
        let (counter, rest) = rest.split_first_chunk::<4>()?;
        let (frame, rest) = rest.split_first_chunk::<4>()?;
        let ([flags, encoding, spatial, temporal], rest) = rest.split_first_chunk::<4>()?;
        let (needs, rest) = rest.split_first_chunk::<4>()?;
        let needs = (flags & 4 != 0).then(|| u32::from_be_bytes(*needs));
        let (sent, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            source: u64::from_be_bytes(*source),
            track: *track,
            counter: u32::from_be_bytes(*counter),
            frame: u32::from_be_bytes(*frame),
            key: flags & 1 != 0,
            first: flags & 2 != 0,
            lineage: Lineage { encoding: *encoding, spatial: *spatial, temporal: *temporal, needs },
            sent: Duration::from_nanos(u64::from_be_bytes(*sent)),
        })
    }
}

/// Where in its frame a packet stands.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// It is the last one.
    pub last: bool,
    /// Numbers frames, modulo 2^15, in the payload descriptors that have a place for it.
    pub picture_id: u16,
}

/// Appends a payload of `len` bytes (more, when the headers and the stamp alone are longer).
pub fn write(payload: &mut Vec<u8>, codec: Codec, len: usize, stamp: &Stamp, position: Position) {
    let start = payload.len();
    match codec {
        // RFC 6716 section 3.1: hybrid, full band, 20 ms, mono, one frame.
        Codec::Opus => payload.push(0x78),
        Codec::Vp8 => vp8(payload, stamp, position),
        Codec::Vp9 => vp9(payload, stamp, position),
        Codec::H264 => h264(payload, len, stamp, position),
        Codec::Av1 => av1(payload, stamp),
    }
    fill(payload, start + len, stamp);
}

/// Bytes by which a recorded packet of sound is longer when it is sent: a count of frames, the padding's length, the stamp.
pub const RECORDED_MORE_BYTES: usize = 2 + Stamp::LEN;

/// Appends a recorded packet of sound whole, with the stamp behind it as the padding of Opus (RFC 6716 section 3.2.5): decoders
/// leave it out. What is no Opus stays as it is, before the stamp.
pub(super) fn write_opus(payload: &mut Vec<u8>, recorded: &[u8], stamp: &Stamp) {
    const { assert!(Stamp::LEN < 255, "one byte tells the padding's length") };
    let Some((head, frames)) = opus_frames(recorded) else {
        payload.extend_from_slice(recorded);
        return stamp.write(payload);
    };
    // Code 3, and of its flags the one of padding.
    payload.extend_from_slice(&[head.0 | 3, head.1 | 0x40, Stamp::LEN as u8]);
    payload.extend_from_slice(frames);
    stamp.write(payload);
}

/// The first two bytes that a packet has as one of code 3 without padding, and what follows them.
fn opus_frames(packet: &[u8]) -> Option<((u8, u8), &[u8])> {
    let (&toc, rest) = packet.split_first()?;
    match toc & 3 {
        0 => Some(((toc, 1), rest)),
        // Two frames, alike in size.
        1 => Some(((toc, 2), rest)),
        // Two frames, the first one's size before them.
        2 => Some(((toc, 0x80 | 2), rest)),
        _ => {
            let (&count, mut rest) = rest.split_first()?;
            if count & 0x40 != 0 {
                let mut padding = 0;
                loop {
                    let (&more, after) = rest.split_first()?;
                    rest = after;
                    padding += usize::from(more.min(254));
                    if more < 255 {
                        break;
                    }
                }
                rest = rest.get(..rest.len().checked_sub(padding)?)?;
            }
            Some(((toc, count & !0x40), rest))
        }
    }
}

/// Fills a payload up to where it ends, stamp included.
pub(super) fn fill(payload: &mut Vec<u8>, end: usize, stamp: &Stamp) {
    let filled = end.saturating_sub(Stamp::LEN);
    // Not zeros: three of them in a row are a start code to an H.264 parser.
    if payload.len() < filled {
        payload.resize(filled, 0xa5);
    }
    stamp.write(payload);
}

/// RFC 7741 section 4.2 (15-bit picture id), then on the first packet the frame tag (RFC 6386 section 9.1).
fn vp8(payload: &mut Vec<u8>, stamp: &Stamp, position: Position) {
    let [high, low] = position.picture_id.to_be_bytes();
    payload.extend_from_slice(&[0x80 | u8::from(stamp.first) << 4, 0x80, 0x80 | high, low]);
    if stamp.first && stamp.key {
        // P = 0, version 0, shown; start code; 640 x 360.
        payload.extend_from_slice(&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
    } else if stamp.first {
        payload.extend_from_slice(&[0x11, 0x02, 0x00]);
    }
}

/// RFC 9628 section 4.2: flexible mode off, 15-bit picture id, one spatial layer.
fn vp9(payload: &mut Vec<u8>, stamp: &Stamp, position: Position) {
    let [high, low] = position.picture_id.to_be_bytes();
    let inter = u8::from(!stamp.key) << 6;
    payload.extend_from_slice(&[
        0x80 | inter | u8::from(stamp.first) << 3 | u8::from(position.last) << 2,
        0x80 | high,
        low,
    ]);
}

/// RFC 6184: parameter sets and the first slice as a STAP-A on a key frame, FU-A for what follows it.
fn h264(payload: &mut Vec<u8>, len: usize, stamp: &Stamp, position: Position) {
    const SPS: [u8; 9] = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5];
    const PPS: [u8; 4] = [0x68, 0xce, 0x06, 0xe2];
    let slice = if stamp.key { 5 } else { 1 };
    if stamp.first && stamp.key {
        payload.push(0x78);
        for unit in [SPS.as_slice(), PPS.as_slice()] {
            payload.extend_from_slice(&[0, unit.len() as u8]);
            payload.extend_from_slice(unit);
        }
        // An IDR slice that takes the rest of the packet.
        let headers = 1 + 2 + SPS.len() + 2 + PPS.len() + 2;
        let slice_len = len.saturating_sub(headers).max(1 + Stamp::LEN) as u16;
        payload.extend_from_slice(&slice_len.to_be_bytes());
        payload.push(0x65);
    } else {
        let first = stamp.first && !stamp.key;
        payload.extend_from_slice(&[0x7c, u8::from(first) << 7 | u8::from(position.last) << 6 | slice]);
    }
}

/// RTP payload format for AV1, section 4.4: one OBU element of the rest's length; N on the first packet of a key frame.
fn av1(payload: &mut Vec<u8>, stamp: &Stamp) {
    let new_sequence = stamp.first && stamp.key;
    if new_sequence {
        // Two elements: a sequence header of its own, then the frame.
        payload.extend_from_slice(&[0x20 | 0x08, 4, 0x08, 0x00, 0x00, 0x00, 0x30]);
    } else {
        payload.extend_from_slice(&[0x10 | u8::from(!stamp.first) << 7, 0x30]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        let lineage = Lineage { encoding: 2, spatial: 1, temporal: 2, needs: Some(1) };
        let (sent, key) = (Duration::from_micros(5), true);
        Stamp { source: 7, track: 1, counter: 9, frame: 2, key, first: true, lineage, sent }
    }

    #[test]
    fn recorded_sound_keeps_its_frames_and_has_the_stamp_as_padding() {
        let padded: &[u8] = &[0x7b, 0x42, 2, 5, 6, 0, 0];
        for (recorded, head, frames) in [
            (&[0x78, 5, 6][..], [0x7b, 0x41], &[5, 6][..]),
            (&[0x79, 5, 6], [0x7b, 0x42], &[5, 6]),
            (&[0x7a, 1, 5, 6], [0x7b, 0xc2], &[1, 5, 6]),
            (padded, [0x7b, 0x42], &[5, 6]),
        ] {
            let mut payload = Vec::new();
            write_opus(&mut payload, recorded, &stamp());
            assert_eq!(payload.get(..3), Some(&[head[0], head[1], Stamp::LEN as u8][..]));
            assert_eq!(payload.get(3..3 + frames.len()), Some(frames));
            assert_eq!(payload.len(), 3 + frames.len() + Stamp::LEN);
            assert_eq!(Stamp::read(&payload), Some(stamp()));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_sent_and_stamped(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut payload = Vec::new();
            write_opus(&mut payload, &bytes, &stamp());
            proptest::prop_assert_eq!(Stamp::read(&payload), Some(stamp()));
        }
    }

    #[test]
    fn a_stamp_comes_back_from_every_codec() {
        let stamp = stamp();
        for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
            let mut payload = Vec::new();
            write(&mut payload, codec, 200, &stamp, Position { last: false, picture_id: 3 });
            assert_eq!(Stamp::read(&payload), Some(stamp), "{codec:?}");
        }
        assert_eq!(Stamp::read(&[0; 64]), None);
    }
}
