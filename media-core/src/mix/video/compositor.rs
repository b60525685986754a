//! The door: sources and views in, payloads and wishes out.

use super::groups::{by_content, regroup};
use super::overload::{Load, Overload};
use super::scene::{Scene, Tools};
use super::snapshot::{self, Jpeg, SnapshotError, SnapshotSize};
use super::source::Source;
use super::view::{ShowError, SourceId, TileState, VideoPacket, View, ViewId};
use bytes::Bytes;
use colloquy_codecs::video::VideoCodec;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Sources that one compositor takes.
const MAX_SOURCES: usize = 256;
/// Views that one compositor takes; they cost nothing if they show the same.
const MAX_VIEWS: usize = 1_024;
/// Different canvases: each is drawn and encoded by itself, and a core takes about four of 720p.
const MAX_CANVASES: usize = 16;
/// Outputs that wait for [`Compositor::poll`]. While there are more nothing is encoded: whoever does not fetch them gets no more.
const MAX_OUTPUTS: usize = 16_384;
/// Longest name in bytes; the rest is left out.
const MAX_NAME: usize = 256;
/// RTP's clock of video, a millisecond of it.
const TICKS_PER_MS: u64 = 90;

/// How a compositor works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Least time between two key frames of an encoding, and between two wishes for one of a source.
    pub key_interval: Duration,
    /// RTP timestamp of the moment in which the compositor was made; best a random number.
    pub first_timestamp: u32,
    /// Number of the first VP8 picture, of 15 bits; best a random number.
    pub first_picture_id: u16,
}

impl Default for Settings {
    /// Key frames at least 500 ms apart, numbers from 0.
    fn default() -> Settings {
        Settings { key_interval: Duration::from_millis(500), first_timestamp: 0, first_picture_id: 0 }
    }
}

/// What a compositor has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A payload for RTP.
    Packet {
        /// Who gets it. The same payload is given for each view that shares the encoding; copies of it share memory.
        view: ViewId,
        /// At 90 kHz, of one clock for all views.
        timestamp: u32,
        /// What RTP carries.
        payload: Bytes,
        /// The picture's last.
        marker: bool,
        /// Of a picture that needs no other.
        key: bool,
    },
    /// A source is asked for a key frame.
    NeedKeyFrame(SourceId),
    /// The sides in which a source is shown at most: the encoding nearest to them is enough. Told when it changes; 0 when nobody sees it.
    Wants {
        /// Whose.
        source: SourceId,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
}

/// What a compositor did and does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompositorStats {
    /// Pictures decoded.
    pub decoded: u64,
    /// Pictures that a decoder refused.
    pub refused: u64,
    /// Times when something was missing for good.
    pub gaps: u64,
    /// Pictures left out before decoding, as there was no time.
    pub skipped: u64,
    /// Pictures encoded.
    pub encoded: u64,
    /// Sources that are decoded now.
    pub decoding: usize,
    /// Canvases.
    pub canvases: usize,
    /// Encodings of them.
    pub encodings: usize,
    /// 0 while the machine is fast enough; at 1 every other picture is left out, at 2 two of three.
    pub overload: u8,
}

/// Draws what several people show onto canvases. See the [module](super).
pub struct Compositor {
    settings: Settings,
    begun: Instant,
    sources: BTreeMap<SourceId, Source>,
    views: BTreeMap<ViewId, View>,
    scenes: Vec<Scene>,
    /// What was told of each source's sides.
    wants: BTreeMap<SourceId, (u32, u32)>,
    /// Views or sources changed since the canvases were made.
    is_dirty: bool,
    overload: Overload,
    outputs: VecDeque<Output>,
    tools: Tools,
    encoded: u64,
}

impl Compositor {
    /// One without sources and views.
    pub fn new(settings: Settings, now: Instant) -> Compositor {
        Compositor {
            settings,
            begun: now,
            sources: BTreeMap::new(),
            views: BTreeMap::new(),
            scenes: Vec::new(),
            wants: BTreeMap::new(),
            is_dirty: false,
            overload: Overload::default(),
            outputs: VecDeque::new(),
            tools: Tools::default(),
            encoded: 0,
        }
    }

    /// Adds a source, or gives it another name. With another codec it begins anew.
    pub fn add_source(&mut self, id: SourceId, codec: VideoCodec, name: &str) -> Result<(), ShowError> {
        let name: String = name
            .chars()
            .scan(0, |len, c| {
                *len += c.len_utf8();
                (*len <= MAX_NAME).then_some(c)
            })
            .collect();
        if let Some(source) = self.sources.get_mut(&id).filter(|source| source.codec() == codec) {
            source.name = name;
            self.scenes.iter_mut().for_each(|scene| scene.rename(id));
            return Ok(());
        }
        if !self.sources.contains_key(&id) && self.sources.len() >= MAX_SOURCES {
            return Err(ShowError::Full);
        }
        self.sources.insert(id, Source::new(codec, name, self.settings.key_interval));
        self.scenes.iter_mut().for_each(|scene| scene.forget(id));
        self.is_dirty |= !self.scenes.is_empty();
        Ok(())
    }

    /// Removes a source with all its pictures, and its tiles from all views.
    pub fn remove_source(&mut self, id: SourceId) {
        self.sources.remove(&id);
        self.wants.remove(&id);
        self.views.values_mut().for_each(|view| view.tiles.retain(|tile| tile.source != id));
        self.scenes.iter_mut().for_each(|scene| scene.forget(id));
        self.is_dirty |= !self.scenes.is_empty();
    }

    /// Takes a packet. Of a source that nobody sees at most key frames are kept, and nothing is decoded.
    pub fn push(&mut self, id: SourceId, packet: VideoPacket<'_>, now: Instant) {
        if let Some(source) = self.sources.get_mut(&id) {
            source.push(packet, now);
        }
    }

    /// Says what a view shows from the next tick on: these tiles and nothing else.
    ///
    /// A tile that was live and is frozen now keeps the picture of this moment, for later views too.
    pub fn show(&mut self, id: ViewId, view: View, now: Instant) -> Result<(), ShowError> {
        view.check()?;
        if !self.views.contains_key(&id) && self.views.len() >= MAX_VIEWS {
            return Err(ShowError::Full);
        }
        if view.tiles.iter().any(|tile| !self.sources.contains_key(&tile.source)) {
            return Err(ShowError::NoSuchSource);
        }
        let is_known = self.views.values().any(|other| other.shows_the_same(&view));
        let before = self.views.insert(id, view);
        if !is_known && by_content(&self.views).len() > MAX_CANVASES {
            match before {
                Some(before) => self.views.insert(id, before),
                None => self.views.remove(&id),
            };
            return Err(ShowError::Full);
        }
        self.note_changes(id, before, now);
        self.is_dirty = true;
        Ok(())
    }

    /// Holds pictures that freeze, and lets nobody see what came before he may see it.
    fn note_changes(&mut self, id: ViewId, before: Option<View>, now: Instant) {
        let Some((before, after)) = before.zip(self.views.get(&id)) else { return };
        for tile in &after.tiles {
            let Some(source) = self.sources.get_mut(&tile.source) else { continue };
            let Some(old) = before.tiles.iter().find(|old| old.source == tile.source) else { continue };
            match (old.state, tile.state) {
                (TileState::Live, TileState::Frozen) => source.freeze_for_view(),
                (TileState::Frozen | TileState::Avatar, TileState::Live | TileState::Thumbnail) => {
                    source.let_be_seen_from(now);
                }
                _ => {}
            }
        }
    }

    /// Ends a view.
    pub fn drop_view(&mut self, id: ViewId) {
        self.is_dirty |= self.views.remove(&id).is_some();
    }

    /// Holds a source's picture of this moment for everybody who is to see it frozen, until [`thaw`](Self::thaw); whether anybody sees
    /// it now or not. To be called in the moment in which a source becomes private.
    pub fn freeze(&mut self, id: SourceId) {
        if let Some(source) = self.sources.get_mut(&id) {
            source.freeze();
        }
    }

    /// Takes [`freeze`](Self::freeze) back. Who sees the source live from now on sees only what comes from now on.
    pub fn thaw(&mut self, id: SourceId, now: Instant) {
        if let Some(source) = self.sources.get_mut(&id) {
            source.thaw(now);
            self.is_dirty = true;
        }
    }

    /// A view needs a key frame; it comes with the next picture, unless the last one was too short a time ago.
    pub fn key_frame(&mut self, id: ViewId) {
        let streams = self.scenes.iter_mut().flat_map(|scene| &mut scene.streams);
        streams.filter(|stream| stream.views.contains(&id)).for_each(super::stream::Stream::want_key);
    }

    /// When [`tick`](Self::tick) is due; `None` while nobody sees anything.
    pub fn next_tick(&self) -> Option<Instant> {
        // What was changed is to be seen at once, at the earliest.
        let changed = self.is_dirty.then_some(self.begun);
        changed.into_iter().chain(self.scenes.iter().map(|scene| scene.due)).min()
    }

    /// Decodes what came, and draws and encodes the canvases that are due.
    pub fn tick(&mut self, now: Instant) {
        if std::mem::take(&mut self.is_dirty) {
            self.change_canvases(now);
        }
        let load_before = self.overload.load();
        if let Some(scene) = self.scenes.iter().min_by_key(|scene| scene.due).filter(|scene| scene.due <= now) {
            self.overload.note(scene.due, now, scene.period() * load_before.stride());
        }
        let load = self.overload.load();
        if load != load_before {
            self.tell_wants();
        }
        let is_thrifty = load == Load::TooHigh;
        for (id, source) in &mut self.sources {
            source.decode(now, is_thrifty, &mut self.tools.counts);
            if source.take_request(now) {
                self.outputs.push_back(Output::NeedKeyFrame(*id));
            }
        }
        for index in 0..self.scenes.len() {
            self.draw(index, now, load.stride());
        }
    }

    fn draw(&mut self, index: usize, now: Instant, stride: u32) {
        let Some(scene) = self.scenes.get_mut(index).filter(|scene| scene.due <= now) else { return };
        scene.draw(now, stride, &mut self.sources, &mut self.tools);
        let passed = now.saturating_duration_since(self.begun);
        let at_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let clock = at_ms.wrapping_mul(TICKS_PER_MS) as u32; // RTP's wraps too
        let timestamp = self.settings.first_timestamp.wrapping_add(clock);
        let outputs = &mut self.outputs;
        let (canvas, changed, streams) = scene.encodings();
        for stream in streams {
            if outputs.len() >= MAX_OUTPUTS {
                stream.want_key();
                continue;
            }
            let hand_on = |views: &[ViewId], payload: Bytes, marker, key| {
                outputs.extend(views.iter().map(|view| {
                    let (view, payload) = (*view, payload.clone());
                    Output::Packet { view, timestamp, payload, marker, key }
                }));
            };
            let key_interval = self.settings.key_interval;
            self.encoded += u64::from(stream.encode(canvas, changed, (now, at_ms), key_interval, hand_on));
        }
    }

    fn change_canvases(&mut self, now: Instant) {
        regroup(&mut self.scenes, &self.views, now, self.settings.first_picture_id);
        let tiles = self.views.values().flat_map(|view| &view.tiles);
        let frozen: BTreeSet<SourceId> =
            tiles.filter(|tile| tile.state == TileState::Frozen).map(|tile| tile.source).collect();
        let wanted: BTreeSet<SourceId> = self.scenes.iter().flat_map(Scene::wants).map(|(id, _)| id).collect();
        for (id, source) in &mut self.sources {
            source.set_wanted(wanted.contains(id));
            if !frozen.contains(id) {
                source.nobody_sees_it_frozen(now);
            }
        }
        self.tell_wants();
    }

    /// Tells the sides in which sources are shown, where they changed.
    fn tell_wants(&mut self) {
        let mut sides: BTreeMap<SourceId, (u32, u32)> = BTreeMap::new();
        for (id, (width, height)) in self.scenes.iter().flat_map(Scene::wants) {
            let most = sides.entry(id).or_default();
            *most = (most.0.max(width), most.1.max(height));
        }
        let share = if self.overload.load() == Load::TooHigh { 2 } else { 1 };
        for id in self.sources.keys() {
            let (width, height) = sides.get(id).copied().unwrap_or_default();
            let now = (width / share, height / share);
            if self.wants.insert(*id, now).unwrap_or_default() != now {
                self.outputs.push_back(Output::Wants { source: *id, width: now.0, height: now.1 });
            }
        }
    }

    /// The next thing to do; to be called until it gives `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A still picture of a source, of a quality of 1 to 100. While a source is held ([`freeze`](Self::freeze), or a view shows it
    /// frozen) it is the held picture. Whether somebody may have it, and how often, is the caller's to know.
    pub fn snapshot(
        &mut self,
        id: SourceId,
        size: SnapshotSize,
        quality: u8,
        now: Instant,
    ) -> Result<Jpeg, SnapshotError> {
        let source = self.sources.get(&id).ok_or(SnapshotError::NoSuchSource)?;
        let shown = source.still().ok_or(SnapshotError::NoPicture)?;
        snapshot::take(&shown, size, quality, now, &mut self.tools.scaler)
    }

    /// What it did and does.
    pub fn stats(&self) -> CompositorStats {
        let counts = self.tools.counts;
        CompositorStats {
            decoded: counts.decoded,
            refused: counts.refused,
            gaps: counts.gaps,
            skipped: counts.skipped,
            encoded: self.encoded,
            decoding: self.sources.values().filter(|source| source.is_wanted()).count(),
            canvases: self.scenes.len(),
            encodings: self.scenes.iter().map(|scene| scene.streams.len()).sum(),
            overload: self.overload.load().level(),
        }
    }

    /// What a view shows now; for tests that look.
    #[cfg(test)]
    pub(super) fn canvas_of(&self, id: ViewId) -> Option<&colloquy_codecs::video::Picture> {
        let has = |scene: &&Scene| scene.streams.iter().any(|stream| stream.views.contains(&id));
        self.scenes.iter().find(has).map(Scene::canvas)
    }
}
