//! One canvas: what is on it, what of it has to be drawn again, and its encodings.

use super::canvas::{self, BACKGROUND, Fit};
use super::layout::{Layout, is_shown, place};
use super::motion::Motion;
use super::source::{DecodeCounts, Shown, Source};
use super::stream::{Format, Stream};
use super::text::Writer;
use super::tile::{Label, draw_avatar};
use super::view::{SourceId, Tile, TileState, View};
use colloquy_codecs::video::{Picture, Region, Scaler};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a compositor draws with.
#[derive(Default)]
pub(super) struct Tools {
    pub(super) scaler: Scaler,
    pub(super) writer: Writer,
    pub(super) counts: DecodeCounts,
}

/// A tile as it was drawn last.
#[derive(Default)]
struct Drawn {
    place: Region,
    /// The picture's version, 0 for an avatar; `None` if it has to be drawn whatever it is.
    version: Option<u64>,
    shown: Option<Shown>,
    label: Label,
    label_place: Region,
}

struct Placed {
    tile: Tile,
    goes_to: Region,
    drawn: Drawn,
}

pub(super) struct Scene {
    /// What it shows; the codec and rate in it mean nothing.
    pub(super) view: View,
    pub(super) streams: Vec<Stream>,
    /// When it is drawn next.
    pub(super) due: Instant,
    tiles: Vec<Placed>,
    motion: Motion,
    canvas: Picture,
    /// When something of it changed last.
    changed: Instant,
    needs_all: bool,
}

impl Scene {
    pub(super) fn new(view: &View, now: Instant) -> Scene {
        let mut scene = Scene {
            view: View { tiles: Vec::new(), layout: Layout::Grid, ..view.clone() },
            streams: Vec::new(),
            due: now,
            tiles: Vec::new(),
            motion: Motion::default(),
            canvas: Picture::new(view.width, view.height, BACKGROUND),
            changed: now,
            needs_all: true,
        };
        scene.change(view, now);
        scene
    }

    pub(super) fn format(&self) -> Format {
        Format { width: self.view.width, height: self.view.height, fps: self.view.fps }
    }

    /// Whether this canvas can become that of `view` without a new encoder.
    pub(super) fn can_become(&self, view: &View) -> bool {
        (self.view.width, self.view.height, self.view.fps) == (view.width, view.height, view.fps)
    }

    /// Shows something else from now on; what is in both glides to its new place.
    pub(super) fn change(&mut self, view: &View, now: Instant) {
        let from: Vec<(SourceId, Region)> = self
            .tiles
            .iter()
            .filter(|placed| is_shown(&placed.drawn.place))
            .map(|placed| (placed.tile.source, placed.drawn.place))
            .collect();
        let places = place(&view.layout, view.tiles.len(), view.width, view.height);
        let mut before: Vec<Placed> = std::mem::take(&mut self.tiles);
        self.tiles = view
            .tiles
            .iter()
            .zip(places)
            .map(|(tile, goes_to)| {
                let old = before.iter().position(|placed| placed.tile.source == tile.source);
                let mut drawn = old.map(|at| before.swap_remove(at).drawn).unwrap_or_default();
                drawn.label_place = Region::default();
                Placed { tile: *tile, goes_to, drawn }
            })
            .collect();
        let has_moved = self
            .tiles
            .iter()
            .any(|placed| from.iter().any(|(source, place)| *source == placed.tile.source && *place != placed.goes_to));
        if has_moved {
            self.motion.begin(now, from);
        }
        self.view = view.clone();
        self.needs_all = true;
    }

    /// A source's name is another now.
    pub(super) fn rename(&mut self, source: SourceId) {
        for placed in self.tiles.iter_mut().filter(|placed| placed.tile.source == source) {
            placed.drawn.label_place = Region::default();
            placed.drawn.version = None;
        }
    }

    /// A source is gone, or another with its number: nothing of it is shown any more.
    pub(super) fn forget(&mut self, source: SourceId) {
        for placed in self.tiles.iter_mut().filter(|placed| placed.tile.source == source) {
            placed.drawn = Drawn::default();
            self.needs_all = true;
        }
    }

    /// The sources that are to be decoded for this canvas, and the sides in which it shows them.
    pub(super) fn wants(&self) -> impl Iterator<Item = (SourceId, (u32, u32))> + '_ {
        self.tiles.iter().filter(|placed| is_shown(&placed.goes_to)).filter_map(|placed| match placed.tile.state {
            TileState::Live => Some((placed.tile.source, (placed.goes_to.width, placed.goes_to.height))),
            TileState::Thumbnail => Some((placed.tile.source, super::source::THUMBNAIL)),
            TileState::Frozen | TileState::Avatar => None,
        })
    }

    /// Draws what changed. `stride` pictures of the canvas's own rate are one now.
    pub(super) fn draw(
        &mut self,
        now: Instant,
        stride: u32,
        sources: &mut BTreeMap<SourceId, Source>,
        tools: &mut Tools,
    ) {
        let period = self.period() * stride;
        // Who was late for long does not catch up.
        self.due = (self.due + period).max(now + period / 4);
        let needs_all = self.motion.goes_on(now) || std::mem::take(&mut self.needs_all);
        let mut redrawn: Vec<Region> = Vec::new();
        if needs_all {
            let whole = Region::of(&self.canvas);
            canvas::fill(&mut self.canvas, whole, BACKGROUND);
        }
        for index in 0..self.tiles.len() {
            let Some(placed) = self.tiles.get_mut(index) else { continue };
            if !is_shown(&placed.goes_to) {
                continue;
            }
            let Some(source) = sources.get_mut(&placed.tile.source) else { continue };
            let at = self.motion.place(now, placed.tile.source, placed.goes_to);
            let shown = face(&placed.tile, &placed.drawn, source, now, tools);
            let version = Some(shown.as_ref().map_or(0, |shown| shown.version));
            let is_covered = redrawn.iter().any(|region| overlap(region, &at));
            if !needs_all && !is_covered && placed.drawn.version == version && placed.drawn.place == at {
                continue;
            }
            let is_whole = placed.tile.is_whole || self.view.layout.keeps_whole(index);
            let fit = if is_whole { Fit::Contain } else { Fit::Cover };
            // The name is written on the picture, and not on a bar below it.
            let named = match &shown {
                Some(shown) => canvas::put(&mut self.canvas, &mut tools.scaler, &shown.picture, at, fit),
                None => {
                    draw_avatar(&mut self.canvas, &tools.writer, &source.name, at);
                    at
                }
            };
            if placed.drawn.label_place != placed.goes_to {
                placed.drawn.label_place = placed.goes_to;
                placed.drawn.label = Label::new(&tools.writer, &source.name, placed.tile.marks, placed.goes_to);
            }
            placed.drawn.label.draw(&mut self.canvas, named);
            (placed.drawn.place, placed.drawn.version, placed.drawn.shown) = (at, version, shown);
            redrawn.push(at);
        }
        if needs_all || !redrawn.is_empty() {
            self.changed = now;
        }
    }

    pub(super) fn period(&self) -> Duration {
        Duration::from_secs(1) / self.view.fps.max(1)
    }

    /// The canvas, when it changed last, and its encodings.
    pub(super) fn encodings(&mut self) -> (&Picture, Instant, &mut [Stream]) {
        (&self.canvas, self.changed, &mut self.streams)
    }

    #[cfg(test)]
    pub(super) fn canvas(&self) -> &Picture {
        &self.canvas
    }
}

/// The picture that a tile shows now; `None` for an avatar.
fn face(tile: &Tile, drawn: &Drawn, source: &mut Source, now: Instant, tools: &mut Tools) -> Option<Shown> {
    match tile.state {
        // Until there is a picture that may be seen, what was seen before stays.
        TileState::Live => source.live().or(drawn.shown.as_ref()).or(source.held()).cloned(),
        TileState::Frozen => source.held().cloned(),
        TileState::Thumbnail => source.thumbnail(now, &mut tools.scaler, &mut tools.counts).cloned(),
        TileState::Avatar => None,
    }
}

fn overlap(a: &Region, b: &Region) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}
