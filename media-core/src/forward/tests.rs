//! Packets for tests of single algorithms.

use super::carried::Carried;
use super::frame::Frame;
use super::producer::MediaPacket;
use crate::api::MediaKind;
use crate::negotiate::CodecEntry;
use std::time::Instant;

/// A packet of VP8 that starts a key frame.
pub(super) fn packet() -> MediaPacket<'static> {
    let entry = CodecEntry::read(96, MediaKind::Video, "VP8/90000", "").expect("VP8");
    MediaPacket {
        now: Instant::now(),
        encoding: 0,
        index: 1,
        timestamp: 0,
        marker: false,
        format: entry.format,
        frame: Frame::WHOLE,
        starts_picture: true,
        is_layered: false,
        clock: None,
        carried: Carried::NONE,
        payload: &[0x10, 0, 0, 0],
    }
}
