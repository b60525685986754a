//! Cameras of one colour each, a compositor, and viewers who decode what they get.

use super::super::*;
use colloquy_codecs::seq::ExtSeq;
use colloquy_codecs::video::{Decoder, Encoder, EncoderSettings, Picture, Region, VideoCodec, decoder, encoder};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub(super) const RED: [u8; 3] = [82, 90, 240];
pub(super) const GREEN: [u8; 3] = [145, 54, 34];
pub(super) const BLUE: [u8; 3] = [41, 240, 110];
pub(super) const YELLOW: [u8; 3] = [210, 16, 146];
/// Between two steps of the world: a little longer than between two ticks, so that one is due in each.
pub(super) const STEP: Duration = Duration::from_millis(34);

/// Payloads of a coded picture, in the codecs that the product itself does not send, too.
pub(super) fn payloads(codec: VideoCodec, picture: &[u8], is_key: bool, packetizer: &mut Packetizer) -> Vec<Vec<u8>> {
    match codec {
        VideoCodec::Vp8 | VideoCodec::H264 => {
            let mut payloads = Vec::new();
            packetizer.split(picture, |payload, _| payloads.push(payload.to_vec()));
            payloads
        }
        VideoCodec::Vp9 => {
            let pieces = picture.chunks(1_000);
            let last = pieces.len() - 1;
            let flags =
                |index| u8::from(index == 0) << 3 | u8::from(index == last) << 2 | if is_key { 0 } else { 0x40 };
            pieces.enumerate().map(|(index, piece)| [&[flags(index)], piece].concat()).collect()
        }
        VideoCodec::Av1 => vec![[&[if is_key { 0x18 } else { 0x10 }], &picture[2..]].concat()],
    }
}

pub(super) struct Camera {
    pub(super) codec: VideoCodec,
    pub(super) colour: [u8; 3],
    /// Sends nothing while it is off.
    pub(super) is_on: bool,
    pub(super) wants_key: bool,
    /// Wishes for key frames that came.
    pub(super) asked: Vec<Instant>,
    /// Every so many packets one is lost.
    pub(super) loses_every: Option<u64>,
    encoder: Box<dyn Encoder>,
    packetizer: Packetizer,
    sides: (u32, u32),
    seq: u64,
    sent: u64,
}

impl Camera {
    pub(super) fn new(codec: VideoCodec, (width, height): (u32, u32), colour: [u8; 3]) -> Camera {
        let settings = EncoderSettings { width, height, bps: 400_000, fps: 30 };
        let by = if codec == VideoCodec::H264 { ViewCodec::H264 } else { ViewCodec::Vp8 };
        Camera {
            codec,
            colour,
            is_on: true,
            wants_key: false,
            asked: Vec::new(),
            loses_every: None,
            encoder: encoder(codec, settings).unwrap(),
            packetizer: Packetizer::new(by, 0x7FF0),
            sides: (width, height),
            seq: 65_500,
            sent: 0,
        }
    }

    /// The packets of the next picture: number, marker, payload.
    pub(super) fn picture(&mut self) -> Vec<(u64, bool, Vec<u8>)> {
        let mut picture = Picture::new(self.sides.0, self.sides.1, self.colour);
        // Something moves: real cameras never stand still, and some decoders show nothing of what has not changed.
        let at = (self.sent * 8 % u64::from(self.sides.0)) as usize;
        picture.planes_mut()[0].samples[at] = 235;
        let mut coded = Vec::new();
        let wants_key = std::mem::take(&mut self.wants_key);
        let made = self.encoder.encode(&picture, self.sent * 33, wants_key, &mut coded).unwrap();
        self.sent += 1;
        let Some(made) = made else { return Vec::new() };
        let payloads = payloads(self.codec, &coded, made.is_key, &mut self.packetizer);
        let last = payloads.len() - 1;
        let first_seq = self.seq;
        self.seq += payloads.len() as u64;
        (first_seq..).zip(payloads).enumerate().map(|(at, (seq, payload))| (seq, at == last, payload)).collect()
    }
}

/// One who watches.
pub(super) struct Viewer {
    assembler: Assembler,
    decoder: Box<dyn Decoder>,
    pub(super) shown: Picture,
    pub(super) pictures: u64,
    pub(super) keys: u64,
    pub(super) timestamps: Vec<u32>,
    seq: u64,
}

impl Viewer {
    fn new(codec: VideoCodec) -> Viewer {
        Viewer {
            assembler: Assembler::new(codec),
            decoder: decoder(codec).unwrap(),
            shown: Picture::default(),
            pictures: 0,
            keys: 0,
            timestamps: Vec::new(),
            seq: 1_000,
        }
    }

    fn take(&mut self, timestamp: u32, payload: &[u8], marker: bool, now: Instant) {
        assert!(payload.len() <= MAX_PAYLOAD);
        self.assembler.push(VideoPacket { seq: ExtSeq(self.seq), timestamp, marker, payload }, now);
        self.seq += 1;
        while let Some(assembled) = self.assembler.poll(now) {
            let Assembled::Picture { is_key, timestamp, .. } = assembled else { panic!("{assembled:?}") };
            assert!(self.decoder.decode(self.assembler.picture(), &mut self.shown).unwrap());
            self.pictures += 1;
            self.keys += u64::from(is_key);
            self.timestamps.push(timestamp);
        }
    }

    /// The colour in the middle of a place.
    pub(super) fn colour_at(&self, place: Region) -> [u8; 3] {
        colour_at(&self.shown, place)
    }
}

pub(super) fn colour_at(picture: &Picture, place: Region) -> [u8; 3] {
    let (x, y) = (place.x + place.width / 2, place.y + place.height / 2);
    let [luma, u, v] = picture.planes();
    [luma.at(x, y), u.at(x / 2, y / 2), v.at(x / 2, y / 2)].map(|sample| sample.unwrap_or(0))
}

pub(super) fn is_near(seen: [u8; 3], meant: [u8; 3]) -> bool {
    seen.into_iter().zip(meant).all(|(a, b)| a.abs_diff(b) <= 12)
}

pub(super) struct World {
    pub(super) compositor: Compositor,
    pub(super) now: Instant,
    pub(super) cameras: BTreeMap<SourceId, Camera>,
    pub(super) viewers: BTreeMap<ViewId, Viewer>,
    pub(super) wants: BTreeMap<SourceId, (u32, u32)>,
}

impl World {
    pub(super) fn new() -> World {
        let now = Instant::now();
        let settings = Settings { first_timestamp: 7, first_picture_id: 0x7FFE, ..Settings::default() };
        World {
            compositor: Compositor::new(settings, now),
            now,
            cameras: BTreeMap::new(),
            viewers: BTreeMap::new(),
            wants: BTreeMap::new(),
        }
    }

    /// Cameras 1, 2, 3 of 160x90 in these colours.
    pub(super) fn with(colours: &[[u8; 3]]) -> World {
        let mut world = World::new();
        for (id, colour) in (1..).zip(colours) {
            world.add(id, Camera::new(VideoCodec::Vp8, (160, 90), *colour));
        }
        world
    }

    pub(super) fn add(&mut self, id: u64, camera: Camera) {
        let name = format!("Person {id}");
        self.compositor.add_source(SourceId(id), camera.codec, &name).unwrap();
        self.cameras.insert(SourceId(id), camera);
    }

    pub(super) fn show(&mut self, id: u64, view: View) {
        let codec = view.codec;
        self.compositor.show(ViewId(id), view, self.now).unwrap();
        self.viewers.entry(ViewId(id)).or_insert_with(|| Viewer::new(codec.into()));
    }

    pub(super) fn camera(&mut self, id: u64) -> &mut Camera {
        self.cameras.get_mut(&SourceId(id)).unwrap()
    }

    pub(super) fn viewer(&self, id: u64) -> &Viewer {
        &self.viewers[&ViewId(id)]
    }

    pub(super) fn run(&mut self, steps: u32) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// A picture of each camera that is on, a tick if one is due, and all that comes of it.
    pub(super) fn step(&mut self) {
        self.now += STEP;
        for (id, camera) in self.cameras.iter_mut().filter(|(_, camera)| camera.is_on) {
            let timestamp = (camera.sent * 2_970) as u32;
            for (seq, marker, payload) in camera.picture() {
                if camera.loses_every.is_some_and(|every| seq % every == 0) {
                    continue;
                }
                let packet = VideoPacket { seq: ExtSeq(seq), timestamp, marker, payload: &payload };
                self.compositor.push(*id, packet, self.now);
            }
        }
        if self.compositor.next_tick().is_some_and(|due| due <= self.now) {
            self.compositor.tick(self.now);
        }
        while let Some(output) = self.compositor.poll() {
            match output {
                Output::Packet { view, timestamp, payload, marker, .. } => {
                    let viewer = self.viewers.get_mut(&view).unwrap();
                    viewer.take(timestamp, &payload, marker, self.now);
                }
                Output::NeedKeyFrame(source) => {
                    if let Some(camera) = self.cameras.get_mut(&source) {
                        camera.wants_key = true;
                        camera.asked.push(self.now);
                    }
                }
                Output::Wants { source, width, height } => {
                    self.wants.insert(source, (width, height));
                }
            }
        }
    }
}

/// A grid of these tiles on 320x180 in VP8.
pub(super) fn grid(tiles: &[(u64, TileState)]) -> View {
    View {
        layout: Layout::Grid,
        tiles: tiles.iter().map(|(id, state)| Tile::new(SourceId(*id), *state)).collect(),
        codec: ViewCodec::Vp8,
        width: 320,
        height: 180,
        fps: 30,
        bps: 600_000,
    }
}

/// Where the tiles of a view are.
pub(super) fn places(view: &View) -> Vec<Region> {
    place(&view.layout, view.tiles.len(), view.width, view.height)
}
