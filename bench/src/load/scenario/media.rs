//! What publishers send.

use crate::client::{Client, Encoding, Pace, Script, Video};
use crate::load::recording::{self, Pictures};
use anyhow::{Context as _, Result, bail, ensure};
use colloquy_media_core::api::Codec;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
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
    /// Packets and their times are those of a recording, and `payload_bytes` says nothing.
    pub recording: Option<String>,
}

impl Default for Audio {
    fn default() -> Self {
        Self { payload_bytes: Pace::OPUS.payload_bytes, speakers: None, recording: None }
    }
}

/// Pictures: as a camera's encoder makes them, packets as even as can be, or as they were recorded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoSource {
    /// Frames of honest sizes, key frames when asked for, layers.
    Camera(Camera),
    /// The same packets all the time.
    Constant(Constant),
    /// Frames of a recording.
    Recorded(Recorded),
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

/// Frames of recordings, again and again: their sizes, times and key frames.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Ready recordings by name, or files (WebM, Matroska); several are the encodings of one camera, the smallest first.
    pub files: Vec<String>,
    /// 1 or 3: the recorded frames are said to be of so many temporal layers.
    #[serde(default = "one_layer")]
    pub temporal_layers: u8,
}

fn one_layer() -> u8 {
    1
}

/// Encodings of a camera at most, as browsers have it.
const MAX_ENCODINGS: usize = 3;

/// The recordings of a scenario, read.
#[derive(Debug, Clone, Default)]
pub(in crate::load) struct Loaded {
    pub(in crate::load) sound: Option<Arc<Script>>,
    pub(in crate::load) pictures: Vec<Pictures>,
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

impl Recorded {
    pub(super) fn check(&self) -> Result<()> {
        let count = self.files.len();
        ensure!((1..=MAX_ENCODINGS).contains(&count), "media.video.recorded.files: 1 to {MAX_ENCODINGS} names");
        ensure!([1, 3].contains(&self.temporal_layers), "media.video.recorded.temporal_layers: 1 or 3");
        Ok(())
    }

    fn load(&self) -> Result<Vec<Pictures>> {
        let all: Vec<Pictures> = self
            .files
            .iter()
            .enumerate()
            .map(|(index, name)| {
                recording::pictures(name).with_context(|| format!("media.video.recorded.files[{index}]"))
            })
            .collect::<Result<_>>()?;
        if all.windows(2).any(|pair| pair[0].codec != pair[1].codec) {
            bail!("media.video.recorded.files: encodings of one camera have one codec; convert them to the same");
        }
        Ok(all)
    }

    /// Has a client publish it, beginning so far into it, 0 to 1.
    fn publish(&self, client: &mut Client, pictures: &[Pictures], from: f64) {
        let Some(first) = pictures.first() else { return };
        let rids = ["q", "h", "f"];
        let encoding = |(of, rid): (&Pictures, &str)| Encoding {
            rid: rid.to_owned(),
            width: of.width,
            height: of.height,
            bitrate_bps: of.script.bits_per_s() as u64,
            spatial_layers: 1,
            temporal_layers: self.temporal_layers,
            max_frames_per_s: None,
            key_weight: Encoding::KEY_WEIGHT,
        };
        let encodings = pictures.iter().zip(rids).map(encoding).collect();
        let frames_per_s = first.script.frames_per_s().round() as u32;
        let mid = client.publish_video(&Video { codec: first.codec, frames_per_s, encodings });
        let scripts: Vec<Arc<Script>> = pictures.iter().map(|of| of.script.clone()).collect();
        client.replay(&mid, &scripts, from);
    }
}

impl Media {
    /// Reads the recordings, if there are any.
    ///
    /// # Errors
    /// When one cannot be replayed: with its place, the cause and what helps.
    pub(in crate::load) fn load(&self) -> Result<Loaded> {
        let sound = self.audio.as_ref().and_then(|audio| audio.recording.as_deref());
        let sound = sound.map(|name| recording::sound(name).context("media.audio.recording")).transpose()?;
        let pictures = match &self.video {
            Some(VideoSource::Recorded(recorded)) => recorded.load()?,
            _ => Vec::new(),
        };
        Ok(Loaded { sound, pictures })
    }

    /// Files that stand beside the scenario's are found there.
    pub(in crate::load) fn look_beside(&mut self, folder: &Path) {
        let sound = self.audio.as_mut().and_then(|audio| audio.recording.as_mut());
        let pictures = match &mut self.video {
            Some(VideoSource::Recorded(recorded)) => recorded.files.as_mut_slice(),
            _ => &mut [],
        };
        for name in pictures.iter_mut().chain(sound) {
            let beside = folder.join(&*name);
            if let Some(path) = beside.to_str().filter(|_| beside.is_file()) {
                path.clone_into(name);
            }
        }
    }

    /// The number of a publisher's video track, if there is one: sound is offered first.
    #[must_use]
    pub fn video_track(&self) -> Option<u8> {
        self.video.as_ref().map(|_| u8::from(self.audio.is_some()))
    }
}

impl Audio {
    /// Adds it to what a client publishes; a recording begins so far into it, 0 to 1. Gives its mid.
    pub(in crate::load) fn publish(&self, client: &mut Client, loaded: &Loaded, from: f64) -> String {
        let mid = client.publish(Codec::Opus, Pace { payload_bytes: self.payload_bytes, ..Pace::OPUS });
        client.replay(&mid, loaded.sound.as_slice(), from);
        mid
    }
}

impl VideoSource {
    /// Adds it to what a client publishes; a recording begins so far into it, 0 to 1.
    pub(in crate::load) fn publish(&self, client: &mut Client, loaded: &Loaded, from: f64) {
        match self {
            Self::Camera(camera) => drop(client.publish_video(&camera.video())),
            Self::Constant(constant) => drop(client.publish(Codec::Vp8, constant.pace())),
            Self::Recorded(recorded) => recorded.publish(client, &loaded.pictures, from),
        }
    }

    /// A server may leave parts of it out on purpose.
    #[must_use]
    pub fn is_layered(&self) -> bool {
        match self {
            Self::Camera(camera) => camera.layers != Layers::One,
            Self::Constant(_) => false,
            Self::Recorded(recorded) => recorded.files.len() > 1 || recorded.temporal_layers > 1,
        }
    }
}
