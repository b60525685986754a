//! Recordings that scenarios replay: WebM or Matroska files, as browsers' `MediaRecorder` writes them. Of pictures their sizes, times and
//! key frames are taken; of sound the packets themselves.

use crate::client::{Script, Shot};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::Bytes;
use colloquy_media_core::api::Codec;
use matroska_demuxer::{DemuxError, Frame, MatroskaFile, TrackEntry, TrackType};
use std::error::Error as _;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The largest file: it is read whole, and ten minutes of 720p are 100 MB.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Frames of a track at most: an hour of 120 pictures a second.
const MAX_FRAMES: usize = 432_000;
/// A shorter one would be its first key frame again and again.
const MIN_LENGTH: Duration = Duration::from_secs(1);
/// What helps where a file is none, or has other codecs.
const REMEDY: &str =
    "record one with a browser's MediaRecorder, or convert it: ffmpeg -i FILE -c:v libvpx -c:a libopus NEW.webm";

/// Recordings that are built in, by name.
const READY: &[(&str, &[u8])] = &[("talk", include_bytes!("../../media/talk.webm"))];

/// The pictures of a recording.
#[derive(Debug, Clone)]
pub(in crate::load) struct Pictures {
    pub(in crate::load) codec: Codec,
    pub(in crate::load) width: u16,
    pub(in crate::load) height: u16,
    pub(in crate::load) script: Arc<Script>,
}

/// A file, read.
struct Recording {
    name: String,
    bytes: Vec<u8>,
}

/// The sound of a recording.
pub(in crate::load) fn sound(name: &str) -> Result<Arc<Script>> {
    let recording = Recording::open(name)?;
    let (track, script) = recording.script(TrackType::Audio)?;
    let codec = codec_id(&track);
    ensure!(codec == "A_OPUS", "{name}: its sound is {codec}, only Opus can be sent; {REMEDY}");
    Ok(Arc::new(script))
}

/// The pictures of a recording.
pub(in crate::load) fn pictures(name: &str) -> Result<Pictures> {
    let recording = Recording::open(name)?;
    let (track, script) = recording.script(TrackType::Video)?;
    let codec = codec(&track).with_context(|| {
        format!("{name}: its pictures are {}, only VP8, VP9 and AV1 can be sent; {REMEDY}", codec_id(&track))
    })?;
    ensure!(script.shots().first().is_some_and(|shot| shot.key), "{name} has no key frame; {REMEDY}");
    let video = track.video().with_context(|| format!("{name} does not say how large its pictures are; {REMEDY}"))?;
    let side = |pixels: u64| u16::try_from(pixels).unwrap_or(u16::MAX);
    let (width, height) = (side(video.pixel_width().get()), side(video.pixel_height().get()));
    Ok(Pictures { codec, width, height, script: Arc::new(script) })
}

/// Some writers end it with a zero.
fn codec_id(track: &TrackEntry) -> &str {
    track.codec_id().trim_end_matches('\0')
}

fn codec(track: &TrackEntry) -> Option<Codec> {
    match codec_id(track) {
        "V_VP8" => Some(Codec::Vp8),
        "V_VP9" => Some(Codec::Vp9),
        "V_AV1" => Some(Codec::Av1),
        _ => None,
    }
}

/// Whether a receiver may begin with a frame, where the container does not say it.
fn is_key(codec: Option<Codec>, bytes: &[u8]) -> bool {
    let first = bytes.first().copied().unwrap_or(0xff);
    match codec {
        // RFC 6386 section 9.1: P is 0.
        Some(Codec::Vp8) => first & 1 == 0,
        // VP9 bitstream section 6.2, profile 0: marker, no existing frame, frame_type is 0.
        Some(Codec::Vp9) => first & 0b1111_1100 == 0b1000_0000,
        // A temporal delimiter and a sequence header behind it (AV1 section 5.3.2).
        Some(Codec::Av1) => matches!(bytes, [0x12, 0, header, ..] | [header, ..] if header >> 3 & 0xf == 1),
        _ => true,
    }
}

impl Recording {
    fn open(name: &str) -> Result<Self> {
        if let Some((_, bytes)) = READY.iter().find(|(ready, _)| *ready == name) {
            return Ok(Self { name: name.to_owned(), bytes: bytes.to_vec() });
        }
        let path = Path::new(name);
        let ready: Vec<&str> = READY.iter().map(|(name, _)| *name).collect();
        let length = std::fs::metadata(path)
            .with_context(|| format!("{name:?} is neither a file nor a ready recording ({})", ready.join(", ")))?
            .len();
        ensure!(length <= MAX_FILE_BYTES, "{name} is larger than {} MB: cut it", MAX_FILE_BYTES >> 20);
        let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
        Ok(Self { name: name.to_owned(), bytes })
    }

    /// The first track of a kind. Of pictures, what comes before the first key frame is left out.
    fn script(&self, kind: TrackType) -> Result<(TrackEntry, Script)> {
        let name = &self.name;
        let bad = |error: DemuxError| {
            let early = error.source().is_some_and(|source| source.downcast_ref::<std::io::Error>().is_some());
            let why = if early { "it ends too early".to_owned() } else { error.to_string() };
            anyhow!("{name} is no WebM or Matroska file that can be read ({why}); {REMEDY}")
        };
        let mut file = MatroskaFile::open(Cursor::new(&self.bytes)).map_err(bad)?;
        let scale_ns = file.info().timestamp_scale().get();
        let what = if kind == TrackType::Audio { "sound" } else { "pictures" };
        let track = file.tracks().iter().find(|track| track.track_type() == kind).cloned();
        let track = track.with_context(|| format!("{name} has no {what}; name another, or leave {what} out"))?;
        let (number, codec, audio) = (track.track_number().get(), codec(&track), kind == TrackType::Audio);
        let (mut shots, mut frame) = (Vec::new(), Frame::default());
        loop {
            match file.next_frame(&mut frame) {
                Ok(true) => {}
                // The end is not there: what is before it is a recording, too.
                Ok(false) | Err(DemuxError::ElementSizeExceedsStream { .. }) => break,
                Err(error) => return Err(bad(error)),
            }
            if frame.track != number {
                continue;
            }
            let key = audio || frame.is_keyframe.unwrap_or_else(|| is_key(codec, &frame.data));
            if shots.is_empty() && !key {
                continue;
            }
            ensure!(shots.len() < MAX_FRAMES, "{name} has more than {MAX_FRAMES} frames of {what}: cut it");
            let at = Duration::from_nanos(frame.timestamp.saturating_mul(scale_ns));
            let packet = if audio { Bytes::copy_from_slice(&frame.data) } else { Bytes::new() };
            shots.push(Shot { at, bytes: frame.data.len(), key, packet });
        }
        let script =
            Script::new(shots).with_context(|| format!("{name} has fewer than two frames of {what}; {REMEDY}"))?;
        if script.length() < MIN_LENGTH {
            bail!("{name}: its {what} are shorter than a second, too short to be replayed; record more");
        }
        Ok((track, script))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ready_ones_have_sound_and_pictures() {
        for (name, bytes) in READY {
            assert!(bytes.len() < 300_000, "{name} is {} bytes", bytes.len());
            let (sound, pictures) = (sound(name).unwrap(), pictures(name).unwrap());
            assert!(sound.shots().iter().all(|shot| !shot.packet.is_empty()));
            assert!((40.0..60.0).contains(&sound.frames_per_s()), "{}", sound.frames_per_s());
            assert!((14.0..31.0).contains(&pictures.script.frames_per_s()), "{}", pictures.script.frames_per_s());
            let keys = pictures.script.shots().iter().filter(|shot| shot.key).count();
            assert!((2..20).contains(&keys), "{keys} key frames");
            assert!(pictures.script.shots().iter().all(|shot| shot.packet.is_empty()), "sizes are enough");
        }
    }

    #[test]
    fn what_cannot_be_replayed_is_told_with_a_remedy() {
        let folder = std::env::temp_dir().join(format!("colloquy-recording-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("x.webm");
        let told = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            format!("{:#}", pictures(path.to_str().unwrap()).unwrap_err())
        };
        assert!(told(b"RIFF....AVI ").contains("MediaRecorder"));
        assert!(told(b"").contains("ends too early"));
        // Cut within the head: the tracks are not there.
        assert!(told(&READY[0].1[..60]).contains("ffmpeg"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(format!("{:#}", pictures("no-such").unwrap_err()).contains("ready recording (talk)"));
    }

    #[test]
    fn key_frames_are_known_where_the_container_does_not_tell_them() {
        assert!(is_key(Some(Codec::Vp8), &[0x10]) && !is_key(Some(Codec::Vp8), &[0x11]));
        assert!(is_key(Some(Codec::Vp9), &[0x82]) && !is_key(Some(Codec::Vp9), &[0x86]));
        assert!(is_key(Some(Codec::Av1), &[0x12, 0, 0x0a]) && !is_key(Some(Codec::Av1), &[0x12, 0, 0x32]));
    }

    proptest! {
        #[test]
        fn a_broken_file_is_read_or_refused(at in 0_usize..4_000, with: u8, cut in 0_usize..300_000) {
            let mut bytes = READY[0].1.to_vec();
            bytes[at] = with;
            bytes.truncate(cut.max(at));
            for kind in [TrackType::Audio, TrackType::Video] {
                let _ = Recording { name: "x".to_owned(), bytes: bytes.clone() }.script(kind);
            }
        }
    }
}
