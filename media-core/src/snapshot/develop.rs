//! From a key frame's packets to a JPEG.

use crate::api::{Codec, SnapshotError, SnapshotSize, Still, StillPacket};
use crate::mix::video::{Assembled, Assembler, VideoPacket, print};
use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::{Picture, Scaler, VideoCodec, decoder};
use std::time::Instant;

/// Of JPEG, from 1 to 100: faces look well, and a thumbnail has some 3 kB.
const QUALITY: u8 = 78;

/// A picture that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jpeg {
    /// JFIF.
    pub bytes: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// What makes pictures of key frames.
pub trait Develop {
    /// Makes one.
    ///
    /// # Errors
    /// [`SnapshotError::Unreadable`].
    fn develop(&mut self, still: &Still, size: SnapshotSize) -> Result<Jpeg, SnapshotError>;
}

/// A key frame with its packets in order.
#[derive(Debug, Clone)]
pub struct KeyFrame<P> {
    /// How it is coded.
    pub codec: Codec,
    /// When its first packet came.
    pub came: Instant,
    /// Its packets.
    pub packets: P,
}

/// Makes pictures here and now.
#[derive(Default)]
pub struct Plain(Option<Scaler>);

impl Plain {
    /// Makes a picture of a key frame.
    ///
    /// # Errors
    /// [`SnapshotError::Unreadable`].
    pub fn make<'a>(
        &mut self,
        key: KeyFrame<impl Iterator<Item = StillPacket<'a>>>,
        size: SnapshotSize,
    ) -> Result<Jpeg, SnapshotError> {
        let picture = decode(key).ok_or(SnapshotError::Unreadable)?;
        // One in the middle of which it panicked or failed is not used again.
        let mut scaler = self.0.take().unwrap_or_default();
        let printed = print(&picture, size, QUALITY, &mut scaler);
        let (bytes, width, height) = printed.map_err(|_| SnapshotError::Unreadable)?;
        self.0 = Some(scaler);
        Ok(Jpeg { bytes, width, height })
    }
}

impl Develop for Plain {
    fn develop(&mut self, still: &Still, size: SnapshotSize) -> Result<Jpeg, SnapshotError> {
        let (codec, came) = (still.codec().ok_or(SnapshotError::Unreadable)?, still.came());
        self.make(KeyFrame { codec, came, packets: still.packets() }, size)
    }
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plain")
    }
}

fn decode<'a>(key: KeyFrame<impl Iterator<Item = StillPacket<'a>>>) -> Option<Picture> {
    let KeyFrame { codec, came, packets } = key;
    let codec = match codec {
        Codec::Vp8 => VideoCodec::Vp8,
        Codec::Vp9 => VideoCodec::Vp9,
        Codec::H264 => VideoCodec::H264,
        Codec::Av1 => VideoCodec::Av1,
        Codec::Opus => return None,
    };
    let mut assembler = Assembler::new(codec);
    for packet in packets {
        let (timestamp, marker, payload) = (packet.timestamp, packet.marker, packet.payload);
        assembler.push(VideoPacket { seq: ExtSeq(packet.index), timestamp, marker, payload }, came);
    }
    let Some(Assembled::Picture { .. }) = assembler.poll(came) else { return None };
    let mut picture = Picture::default();
    let is_shown = decoder(codec).ok()?.decode(assembler.picture(), &mut picture).ok()?;
    (is_shown && !picture.is_empty()).then_some(picture)
}
