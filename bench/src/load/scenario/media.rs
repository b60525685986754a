//! What publishers send.

use crate::client::{Client, Pace, Video};
use colloquy_media_core::api::Codec;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What every publisher sends.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Sound, if any.
    pub audio: Option<Audio>,
    /// Pictures, if any.
    pub video: Option<VideoSource>,
}

/// Opus, 50 packets a second.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audio {
    /// Bytes of a packet's payload; 80 are about 32 kb/s.
    pub payload_bytes: usize,
    /// How many publishers of a room speak; the others are there and send nothing. Absent: all.
    pub speakers: Option<u32>,
}

impl Default for Audio {
    fn default() -> Self {
        Self { payload_bytes: Pace::OPUS.payload_bytes, speakers: None }
    }
}

/// Pictures: as a camera's encoder makes them, or packets as even as can be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoSource {
    /// Frames of honest sizes, key frames when asked for, layers.
    Camera(Camera),
    /// The same packets all the time.
    Constant(Constant),
}

/// An encoder's output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Camera {
    /// `vp8`, `vp9` or `av1`.
    pub codec: String,
    /// Of one encoding, without headers, in kb/s. With `simulcast` and `svc` it is 2,500 for the largest, as Chromium has it of 720p.
    pub kbps: u64,
    /// Pictures a second.
    pub frames_per_s: u32,
    /// What of it there is.
    pub layers: Layers,
}

impl Default for Camera {
    fn default() -> Self {
        Self { codec: "vp8".to_owned(), kbps: 1_200, frames_per_s: 30, layers: Layers::One }
    }
}

/// Layers of a camera's video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layers {
    /// One encoding.
    One,
    /// Three encodings of VP8 with three temporal layers each (180p, 360p, 720p).
    Simulcast,
    /// Three spatial and three temporal layers of one encoding (VP9, AV1).
    Svc,
}

/// Packets as even as can be, of VP8.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Packets a second.
    pub packets_per_s: u32,
    /// Bytes of a packet: RTP header and payload, without what SRTP adds.
    pub packet_bytes: usize,
    /// Packets that leave together, as those of a picture do.
    #[serde(default = "one")]
    pub burst: usize,
}

fn one() -> usize {
    1
}

/// RTP header, one-byte extension block with a transport sequence number and a MID of one character, padded.
const HEADER_BYTES: usize = 12 + 4 + 8;
/// The smallest packet: header, payload descriptor and the stamp that receivers tell it by.
pub(super) const MIN_PACKET_BYTES: usize = HEADER_BYTES + 64;

impl Constant {
    /// As a client publishes it.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace {
            interval: Duration::from_secs_f64(self.burst as f64 / f64::from(self.packets_per_s.max(1))),
            packets: self.burst,
            payload_bytes: self.packet_bytes.saturating_sub(HEADER_BYTES),
            large_key_frames: false,
        }
    }
}

impl Camera {
    /// Its codec, if there is one of that name.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        let known = [Codec::Vp8, Codec::Vp9, Codec::Av1];
        known.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(&self.codec))
    }

    /// As a client publishes it.
    #[must_use]
    pub fn video(&self) -> Video {
        let codec = self.codec().unwrap_or(Codec::Vp8);
        let mut video = match self.layers {
            Layers::Simulcast => Video::simulcast(),
            Layers::Svc => Video::svc(codec),
            Layers::One => {
                let mut video = Video::simulcast();
                video.encodings.truncate(1);
                for encoding in &mut video.encodings {
                    (encoding.width, encoding.height) = (1280, 720);
                    encoding.bitrate_bps = self.kbps * 1_000;
                    encoding.temporal_layers = 1;
                }
                video
            }
        };
        video.codec = codec;
        video.frames_per_s = self.frames_per_s;
        video
    }
}

impl Media {
    /// The number of a publisher's video track, if there is one: sound is offered first.
    #[must_use]
    pub fn video_track(&self) -> Option<u8> {
        self.video.as_ref().map(|_| u8::from(self.audio.is_some()))
    }
}

impl Audio {
    /// As a client publishes it.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace { payload_bytes: self.payload_bytes, ..Pace::OPUS }
    }
}

impl VideoSource {
    /// Adds it to what a client publishes.
    pub(in crate::load) fn publish(&self, client: &mut Client) {
        match self {
            Self::Camera(camera) => client.publish_video(&camera.video()),
            Self::Constant(constant) => client.publish(Codec::Vp8, constant.pace()),
        };
    }

    /// A server may leave parts of it out on purpose.
    #[must_use]
    pub fn is_layered(&self) -> bool {
        matches!(self, Self::Camera(camera) if camera.layers != Layers::One)
    }
}
