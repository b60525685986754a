//! From a key frame's packets to a JPEG.

use crate::api::{Codec, SnapshotError, SnapshotSize, Still};
use crate::mix::video::{Assembled, Assembler, VideoPacket, print};
use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::{Picture, Scaler, VideoCodec, decoder};
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

/// Of JPEG, from 1 to 100: faces look well, and a thumbnail has some 3 kB.
const QUALITY: u8 = 78;

/// A picture that was made.
#[derive(Debug, Clone)]
pub(super) struct Print {
    pub(super) jpeg: Arc<[u8]>,
    pub(super) tag: u64,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Makes a picture of a key frame.
pub(super) fn develop(still: &Still, size: SnapshotSize, scaler: &mut Scaler) -> Result<Print, SnapshotError> {
    let picture = decode(still).ok_or(SnapshotError::Unreadable)?;
    let printed = print(&picture, size, QUALITY, scaler);
    let (jpeg, width, height) = printed.map_err(|_| SnapshotError::Unreadable)?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&jpeg);
    Ok(Print { tag: hasher.finish(), jpeg: jpeg.into(), width, height })
}

fn decode(still: &Still) -> Option<Picture> {
    let codec = match still.codec()? {
        Codec::Vp8 => VideoCodec::Vp8,
        Codec::Vp9 => VideoCodec::Vp9,
        Codec::H264 => VideoCodec::H264,
        Codec::Av1 => VideoCodec::Av1,
        Codec::Opus => return None,
    };
    let (mut assembler, came) = (Assembler::new(codec), still.came());
    for packet in still.packets() {
        let (timestamp, marker, payload) = (packet.timestamp, packet.marker, packet.payload);
        assembler.push(VideoPacket { seq: ExtSeq(packet.index), timestamp, marker, payload }, came);
    }
    let Some(Assembled::Picture { .. }) = assembler.poll(came) else { return None };
    let mut picture = Picture::default();
    let is_shown = decoder(codec).ok()?.decode(assembler.picture(), &mut picture).ok()?;
    (is_shown && !picture.is_empty()).then_some(picture)
}
