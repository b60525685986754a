//! A synthetic encoder: pictures with the sizes, layers and references of a real one, and nothing in them.

use colloquy_codecs::rtp::dependency::{DependencyDescriptor, TemplateStructure};
use colloquy_media_core::api::Codec;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// One encoding of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// Its restriction identifier (RFC 8851); unused when it is the only one.
    pub rid: String,
    /// Of its largest spatial layer, in pixels.
    pub width: u16,
    /// Of its largest spatial layer, in pixels.
    pub height: u16,
    /// What it takes of its publisher's link on average, headers left out.
    pub bitrate_bps: u64,
    /// 1 or 3; three only of VP9 and AV1, each needing the one below (L3T3).
    pub spatial_layers: u8,
    /// 1 or 3.
    pub temporal_layers: u8,
    /// Its frames a second, where they are fewer than the video's.
    pub max_frames_per_s: Option<u32>,
    /// How many average frames a key frame is worth.
    pub key_weight: u8,
}

impl Encoding {
    /// A key frame of a face against the average frame.
    pub const KEY_WEIGHT: u8 = 5;

    /// Frames a second of it in a video of so many.
    pub(super) fn frames_per_s(&self, video: &Video) -> u32 {
        self.max_frames_per_s.unwrap_or(u32::MAX).min(video.frames_per_s).max(1)
    }
}

/// A video to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    /// Of all encodings.
    pub codec: Codec,
    /// Of all encodings, but for those that have fewer.
    pub frames_per_s: u32,
    /// From the smallest to the largest.
    pub encodings: Vec<Encoding>,
}

impl Video {
    /// Three encodings of VP8 with three temporal layers, as Chromium makes them of a camera of 1280 x 720.
    #[must_use]
    pub fn simulcast() -> Self {
        let encoding = |rid: &str, width, height, bitrate_bps| Encoding {
            rid: rid.to_owned(),
            width,
            height,
            bitrate_bps,
            spatial_layers: 1,
            temporal_layers: 3,
            max_frames_per_s: None,
            key_weight: Encoding::KEY_WEIGHT,
        };
        let encodings = vec![
            encoding("q", 320, 180, 150_000),
            encoding("h", 640, 360, 500_000),
            encoding("f", 1280, 720, 2_500_000),
        ];
        Self { codec: Codec::Vp8, frames_per_s: 30, encodings }
    }

    /// A screen of full HD as the SDK has a browser encode it: twice in its full size, in few pictures and in all of them. A key frame
    /// of a page of text is 60 kB with the few bits, and 100 kB with the many.
    #[must_use]
    pub fn screen() -> Self {
        let encoding = |rid: &str, bitrate_bps, max_frames_per_s, key_weight| Encoding {
            rid: rid.to_owned(),
            width: 1920,
            height: 1080,
            bitrate_bps,
            spatial_layers: 1,
            temporal_layers: 3,
            max_frames_per_s,
            key_weight,
        };
        let encodings = vec![encoding("h", 300_000, Some(5), 8), encoding("f", 2_500_000, None, 5)];
        Self { codec: Codec::Vp8, frames_per_s: 15, encodings }
    }

    /// The same as browsers' encoders really do it with a page of text: whatever they are told, a picture is 40 kB and more, so that of the
    /// encoding of few bits one comes a second.
    #[must_use]
    pub fn page() -> Self {
        let mut video = Self::screen();
        (video.encodings[0].max_frames_per_s, video.encodings[0].key_weight) = (Some(1), 2);
        video
    }

    /// One encoding with three spatial and three temporal layers (L3T3), of VP9 or AV1.
    #[must_use]
    pub fn svc(codec: Codec) -> Self {
        let whole = Encoding {
            rid: "f".to_owned(),
            width: 1280,
            height: 720,
            bitrate_bps: 2_500_000,
            spatial_layers: 3,
            temporal_layers: 3,
            max_frames_per_s: None,
            key_weight: Encoding::KEY_WEIGHT,
        };
        Self { codec, frames_per_s: 30, encodings: vec![whole] }
    }
}

/// Which layer a frame is of, and what it needs: what a receiver of the stamp checks a forwarder by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lineage {
    /// Which encoding, 0 is the smallest.
    pub encoding: u8,
    /// Which spatial layer.
    pub spatial: u8,
    /// Which temporal layer.
    pub temporal: u8,
    /// The picture whose frame of the same spatial layer this one needs; `None` for a key frame. The layer below of its own
    /// picture it always needs.
    pub needs: Option<u32>,
}

/// One picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    pub(super) number: u32,
    pub(super) key: bool,
    /// Where in the group of four, from 0; 0 is the lowest temporal layer.
    pub(super) phase: u8,
    pub(super) temporal: u8,
    pub(super) tl0_pic_idx: u8,
    pub(super) picture_id: u16,
    pub(super) needs: Option<u32>,
    /// A receiver may go up to its temporal layer here.
    pub(super) switches_up: bool,
}

/// Frames of three temporal layers repeat after four.
const GROUP: u8 = 4;
const TEMPORAL: [u8; GROUP as usize] = [0, 2, 1, 2];
/// How many pictures back the one is that each of the group needs.
const BACK: [u32; GROUP as usize] = [4, 1, 2, 1];
/// Sizes against the average: the lowest layer has 40 % of the bits in a quarter of the pictures, as libwebrtc allots them.
const WEIGHT: [f64; GROUP as usize] = [1.6, 0.8, 0.8, 0.8];
/// Of three spatial layers: shares of the bits.
const SPATIAL_SHARE: [f64; 3] = [0.12, 0.28, 0.6];
/// What a rate control takes off each picture until a key frame is paid for.
const REPAYMENT: f64 = 0.15;

/// Makes the pictures of one encoding.
#[derive(Debug)]
pub(super) struct Coder {
    pub(super) index: u8,
    pub(super) encoding: Encoding,
    pub(super) active: bool,
    codec: Codec,
    frames_per_s: u32,
    rng: StdRng,
    number: u32,
    phase: u8,
    tl0_pic_idx: u8,
    /// Bytes above the average that were sent.
    debt: f64,
    structure: Option<TemplateStructure>,
    frame_number: u16,
}

impl Coder {
    pub(super) fn new(video: &Video, index: usize, seed: u64) -> Option<Self> {
        let encoding = video.encodings.get(index)?.clone();
        let (width, height) = (u32::from(encoding.width), u32::from(encoding.height));
        let sizes = [(width / 4, height / 4), (width / 2, height / 2), (width, height)];
        let structure = (video.codec == Codec::Av1).then(|| {
            let structure =
                if encoding.spatial_layers == 3 { TemplateStructure::l3t3() } else { TemplateStructure::l1t3() };
            structure.with_sizes(sizes.get(3 - usize::from(encoding.spatial_layers)..).unwrap_or_default())
        });
        Some(Self {
            index: u8::try_from(index).ok()?,
            frames_per_s: encoding.frames_per_s(video),
            encoding,
            active: true,
            codec: video.codec,
            rng: StdRng::seed_from_u64(seed),
            number: 0,
            phase: 0,
            tl0_pic_idx: (seed & 0xff) as u8,
            debt: 0.0,
            structure: structure.flatten(),
            frame_number: (seed >> 8 & 0xfff) as u16,
        })
    }

    /// The next picture.
    pub(super) fn next(&mut self, key: bool) -> Picture {
        let layered = self.encoding.temporal_layers == 3;
        let phase = if key || !layered { 0 } else { self.phase };
        self.phase = (phase + 1) % GROUP;
        let temporal = TEMPORAL[usize::from(phase)];
        if temporal == 0 {
            self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(1);
        }
        let back = if layered { BACK[usize::from(phase)] } else { 1 };
        let number = self.number;
        self.number = self.number.wrapping_add(1);
        Picture {
            number,
            key,
            phase,
            temporal,
            tl0_pic_idx: self.tl0_pic_idx,
            picture_id: (number & 0x7fff) as u16,
            needs: (!key).then(|| number.wrapping_sub(back)),
            // The pattern's upper layers begin anew from the lowest in every group; its second T2 needs T1.
            switches_up: phase == 2 || phase == 1,
        }
    }

    /// Bytes of a picture's frames, one for each spatial layer.
    pub(super) fn sizes(&mut self, picture: &Picture) -> Vec<usize> {
        let average = self.encoding.bitrate_bps as f64 / 8.0 / f64::from(self.frames_per_s);
        let weight = if self.encoding.temporal_layers == 3 { WEIGHT[usize::from(picture.phase)] } else { 1.0 };
        let noise = self.rng.random_range(0.85..1.15);
        let bytes = if picture.key {
            let weight = f64::from(self.encoding.key_weight);
            self.debt += average * (weight - 1.0);
            average * weight * noise
        } else {
            let repaid = (average * REPAYMENT).min(self.debt);
            self.debt -= repaid;
            (average * weight - repaid).max(average * 0.2) * noise
        };
        match self.encoding.spatial_layers {
            3 => SPATIAL_SHARE.iter().map(|share| (bytes * share) as usize).collect(),
            _ => vec![bytes as usize],
        }
    }

    /// The dependency descriptor of a packet, where the codec has one. Call with `first` once a frame.
    pub(super) fn dependency(&mut self, picture: &Picture, spatial: u8, first: bool, last: bool) -> Option<Vec<u8>> {
        /// Templates of L3T3 by place in the group: key frame, then as [`TEMPORAL`] goes on.
        const L3T3: [[u8; 3]; 5] = [[1, 6, 11], [3, 8, 13], [2, 7, 12], [4, 9, 14], [0, 5, 10]];
        const L1T3: [[u8; 3]; 5] = [[0, 0, 0], [3, 0, 0], [2, 0, 0], [4, 0, 0], [1, 0, 0]];
        let structure = self.structure.as_ref()?;
        if first {
            self.frame_number = self.frame_number.wrapping_add(1);
        }
        let row = if picture.phase == 0 && !picture.key { 4 } else { usize::from(picture.phase) };
        let table = if self.encoding.spatial_layers == 3 { &L3T3 } else { &L1T3 };
        let template = *table.get(row)?.get(usize::from(spatial))?;
        let mut descriptor = DependencyDescriptor::from_template(structure, template, self.frame_number)?;
        (descriptor.starts_frame, descriptor.ends_frame) = (first, last);
        if picture.key && first && spatial == 0 {
            descriptor.structure = Some(Box::new(structure.clone()));
        }
        let mut element = Vec::new();
        descriptor.write(Some(structure), &mut element).ok()?;
        Some(element)
    }

    /// Appends what goes before a packet's own bytes.
    pub(super) fn write_descriptor(
        &self,
        payload: &mut Vec<u8>,
        picture: &Picture,
        spatial: u8,
        first: bool,
        last: bool,
    ) {
        match self.codec {
            Codec::Vp8 => self.vp8(payload, picture, first),
            Codec::Vp9 => self.vp9(payload, picture, spatial, first, last),
            Codec::Av1 if first && picture.key && spatial == 0 => {
                // Two elements: a sequence header, then the frame (AV1 RTP section 4.4).
                payload.extend_from_slice(&[0x20 | 0x08, 4, 0x08, 0x00, 0x00, 0x00, 0x30]);
            }
            Codec::Av1 => payload.extend_from_slice(&[0x10 | u8::from(!first) << 7, 0x30]),
            Codec::H264 | Codec::Opus => {}
        }
    }

    /// RFC 7741 section 4.2: X; I, L and T; then the frame tag (RFC 6386 section 9.1).
    fn vp8(&self, payload: &mut Vec<u8>, picture: &Picture, first: bool) {
        let [high, low] = picture.picture_id.to_be_bytes();
        let non_reference = u8::from(picture.temporal == 2) << 5;
        let layer = picture.temporal << 6 | u8::from(picture.switches_up) << 5;
        payload.extend_from_slice(&[0x80 | non_reference | u8::from(first) << 4, 0xe0, 0x80 | high, low]);
        payload.extend_from_slice(&[picture.tl0_pic_idx, layer]);
        if first && picture.key {
            let ([w0, w1], [h0, h1]) = (self.encoding.width.to_le_bytes(), self.encoding.height.to_le_bytes());
            payload.extend_from_slice(&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]);
        } else if first {
            payload.extend_from_slice(&[0x11, 0x02, 0x00]);
        }
    }

    /// RFC 9628 section 4.2, non-flexible: I, P, L, B, E, V; the scalability structure on a key frame's first packet.
    fn vp9(&self, payload: &mut Vec<u8>, picture: &Picture, spatial: u8, first: bool, last: bool) {
        let [high, low] = picture.picture_id.to_be_bytes();
        let structure = picture.key && first && spatial == 0;
        let top = spatial + 1 == self.encoding.spatial_layers;
        payload.push(
            0x80 | u8::from(!picture.key) << 6
                | 0x20
                | u8::from(first) << 3
                | u8::from(last) << 2
                | u8::from(structure) << 1
                | u8::from(top),
        );
        payload.extend_from_slice(&[0x80 | high, low]);
        let layer = picture.temporal << 5 | u8::from(picture.switches_up) << 4 | spatial << 1 | u8::from(spatial > 0);
        payload.extend_from_slice(&[layer, picture.tl0_pic_idx]);
        if structure {
            let layers = self.encoding.spatial_layers;
            payload.push((layers - 1) << 5 | 0x18);
            for below in (0..layers).rev() {
                payload.extend_from_slice(&(self.encoding.width >> below).to_be_bytes());
                payload.extend_from_slice(&(self.encoding.height >> below).to_be_bytes());
            }
            payload.push(GROUP);
            for (temporal, back) in TEMPORAL.iter().zip(BACK) {
                payload.extend_from_slice(&[temporal << 5 | u8::from(*temporal > 0) << 4 | 1 << 2, back as u8]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colloquy_codecs::payload::{PayloadFormat, layer_info};

    fn rate_of(coder: &mut Coder, temporal: u8) -> f64 {
        let bytes: usize = (0..3_000)
            .map(|i| {
                let picture = coder.next(i == 0);
                let sizes = coder.sizes(&picture);
                if picture.temporal <= temporal { sizes.iter().sum() } else { 0 }
            })
            .sum();
        bytes as f64 * 8.0 / 100.0
    }

    #[test]
    fn an_encoding_takes_the_rate_that_it_says_and_layers_their_share() {
        for (temporal, share) in [(2, 1.0), (1, 0.6), (0, 0.4)] {
            let mut coder = Coder::new(&Video::simulcast(), 1, 5).expect("there is one");
            let rate = rate_of(&mut coder, temporal);
            assert!((rate / (500_000.0 * share) - 1.0).abs() < 0.05, "T{temporal}: {rate}");
        }
    }

    #[test]
    fn descriptors_say_what_the_pictures_are() {
        let videos = [(Video::simulcast(), PayloadFormat::Vp8), (Video::svc(Codec::Vp9), PayloadFormat::Vp9)];
        for (video, format) in videos {
            let mut coder = Coder::new(&video, 0, 9).expect("there is one");
            let mut tl0 = None;
            for i in 0..12 {
                let picture = coder.next(i % 8 == 0);
                for spatial in 0..coder.encoding.spatial_layers {
                    let mut payload = Vec::new();
                    coder.write_descriptor(&mut payload, &picture, spatial, true, true);
                    payload.resize(payload.len() + 50, 0xa5);
                    let info = layer_info(format, &payload).expect("it parses");
                    assert_eq!((info.temporal, info.spatial), (TEMPORAL[i % 4], spatial));
                    assert_eq!(info.is_keyframe, i % 8 == 0 && spatial == 0, "picture {i}");
                    assert_eq!(info.picture_id.map(|id| id.value), Some(i as u16));
                    let base = info.tl0_pic_idx.expect("it has one").value;
                    let expected =
                        tl0.map_or(base, |before: u8| before.wrapping_add(u8::from(i % 4 == 0 && spatial == 0)));
                    assert_eq!(base, expected);
                    tl0 = Some(base);
                }
            }
        }
    }

    #[test]
    fn av1_frames_are_numbered_and_refer_back_by_their_descriptors() {
        let mut coder = Coder::new(&Video::svc(Codec::Av1), 0, 9).expect("there is one");
        let mut structure: Option<TemplateStructure> = None;
        for i in 0..12_u32 {
            let picture = coder.next(i == 0);
            for spatial in 0..3 {
                let element = coder.dependency(&picture, spatial, true, true).expect("AV1 has one");
                let read = DependencyDescriptor::parse(&element, structure.as_ref()).expect("it parses");
                assert_eq!((read.temporal_id, read.spatial_id), (picture.temporal, spatial));
                assert_eq!(read.is_keyframe(), i == 0 && spatial == 0);
                if let Some(needs) = picture.needs {
                    let diff = u16::try_from((i - needs) * 3).expect("it is small");
                    assert!(read.frame_diffs().contains(&diff), "picture {i}: {:?}", read.frame_diffs());
                }
                structure = read.structure.map(|new| *new).or(structure);
            }
        }
    }
}
