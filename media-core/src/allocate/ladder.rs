//! From the rates of a source's layers to the ladder of what can be had of it.

use super::measure::RateMeter;
use super::progress::Progress;
use super::rung::{Prefer, Rung};
use crate::api::Layer;
use std::time::{Duration, Instant};

/// Simulcast encodings that are told apart: browsers send three. More count as the last.
pub(crate) const ENCODINGS_MAX: usize = 4;
/// Spatial layers that are told apart in one encoding: browsers send three. More count as the last.
pub(crate) const SPATIAL_MAX: usize = 4;
/// Temporal layers that are told apart in one spatial layer: browsers send three. More count as the last.
pub(crate) const TEMPORAL_MAX: usize = 4;
/// A picture of which nothing came for this long is muted or paused at the publisher.
const SILENT_MOTION: Duration = Duration::from_millis(1_500);
/// The same of a screen: one that rests is sent once a second or less.
const SILENT_SHARP: Duration = Duration::from_secs(5);
/// What a screen of many bits cost when it moved is forgotten in this time, in ms: it rests most of the time, and who could have it only
/// while it does would be sent a key frame, which is the dearest, at each change.
const REMEMBERED_MS: u64 = 64_000;
/// A temporal layer of a picture that is sent is gone after this long: at one frame a second its turn comes every 4 s.
const SILENT_TEMPORAL: Duration = Duration::from_secs(10);

/// What a spatial layer above another needs of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stacking {
    /// All of its frames (L3T3): layers are paid for together.
    #[default]
    Every,
    /// Its key frames only (L3T3_KEY), or nothing (S3T3): each layer is paid for alone.
    KeyFrames,
}

/// One picture: a spatial layer of an encoding.
#[derive(Debug, Clone)]
struct Picture {
    meters: [RateMeter; TEMPORAL_MAX],
    width: u16,
    height: u16,
    /// What each temporal layer of a screen cost at most, slowly forgotten, and when that was looked at last.
    most_bps: [u64; TEMPORAL_MAX],
    looked_at: Option<Instant>,
    /// What each temporal layer cost when we had the publisher stop it.
    paused_bps: Option<[u64; TEMPORAL_MAX]>,
    /// When we let it start again: it is given time to.
    resumed: Option<Instant>,
}

impl Picture {
    const NEW: Self = Self {
        meters: [const { RateMeter::new() }; TEMPORAL_MAX],
        width: 0,
        height: 0,
        most_bps: [0; TEMPORAL_MAX],
        looked_at: None,
        paused_bps: None,
        resumed: None,
    };

    fn last(&self) -> Option<Instant> {
        self.meters.iter().filter_map(RateMeter::last).max()
    }

    /// What temporal layers cost, and cost when the screen moved.
    fn most(&mut self, now: Instant, costs: [u64; TEMPORAL_MAX]) -> [u64; TEMPORAL_MAX] {
        let passed = self.looked_at.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).min(REMEMBERED_MS);
        for (most, cost) in self.most_bps.iter_mut().zip(costs) {
            *most = (*most - most.saturating_mul(passed_ms) / REMEMBERED_MS).max(cost);
        }
        self.most_bps
    }

    /// Temporal layers with what each adds, bits/s; none when it is not to be had: nothing came for so long, or it is known to be gone.
    fn costs(&mut self, now: Instant, silent: Duration, is_gone: bool) -> ([u64; TEMPORAL_MAX], usize) {
        let within = |at: Option<Instant>, time| at.is_some_and(|at| now.saturating_duration_since(at) <= time);
        let last = self.last();
        if let Some(costs) = self.paused_bps {
            let stopped = self.resumed.is_none();
            let starting = within(self.resumed, silent) && last < self.resumed;
            if stopped || starting {
                return (costs, costs.iter().rposition(|bps| *bps > 0).map_or(0, |at| at + 1));
            }
            self.paused_bps = None;
        }
        if is_gone || !within(last, silent) {
            return ([0; TEMPORAL_MAX], 0);
        }
        let mut costs = [0; TEMPORAL_MAX];
        let mut count = 0;
        for (temporal, meter) in self.meters.iter_mut().enumerate() {
            if within(meter.last(), SILENT_TEMPORAL) {
                costs[temporal] = meter.cost_bps(now);
                count = temporal + 1;
            }
        }
        (costs, count)
    }
}

/// The rates of all layers of one source.
#[derive(Debug)]
pub(crate) struct LayerMeters {
    /// By encoding, then spatial layer; grows to [`ENCODINGS_MAX`] times [`SPATIAL_MAX`] at most.
    encodings: Vec<Pictures>,
}

/// The pictures of an encoding, by spatial layer, and how it goes on.
#[derive(Debug)]
struct Pictures {
    layers: Vec<Picture>,
    progress: Progress,
}

impl Pictures {
    const NONE: Self = Self { layers: Vec::new(), progress: Progress::NEW };

    fn last(&self) -> Option<Instant> {
        self.layers.iter().filter_map(Picture::last).max()
    }

    /// How large it is, in pixels; 0 while that is not known.
    fn area(&self) -> u32 {
        self.layers.iter().map(|picture| u32::from(picture.width) * u32::from(picture.height)).max().unwrap_or(0)
    }
}

impl LayerMeters {
    /// Of a source that has sent nothing.
    pub(crate) const fn new() -> Self {
        Self { encodings: Vec::new() }
    }

    /// Counts a packet of a layer. Allocates for the first packet of a picture only.
    #[inline]
    pub(crate) fn add(&mut self, now: Instant, layer: Layer, bytes: usize) {
        let temporal = usize::from(layer.temporal).min(TEMPORAL_MAX - 1);
        self.picture(layer.encoding, layer.spatial).meters[temporal].add(now, bytes);
    }

    /// Counts a packet of a screen, whose pictures may be seconds apart, and some of them seconds of its rate.
    pub(crate) fn add_over_time(&mut self, now: Instant, layer: Layer, bytes: usize) {
        let temporal = usize::from(layer.temporal).min(TEMPORAL_MAX - 1);
        self.picture(layer.encoding, layer.spatial).meters[temporal].add_over_time(now, bytes);
    }

    /// Notes the size of a picture, from a key frame or from what the publisher says.
    pub(crate) fn set_size(&mut self, encoding: u8, spatial: u8, width: u16, height: u16) {
        let picture = self.picture(encoding, spatial);
        (picture.width, picture.height) = (width, height);
    }

    /// The publisher is told to stop an encoding that nobody watches: it can still be had, at what it cost.
    pub(crate) fn pause(&mut self, now: Instant, encoding: u8) {
        for picture in self.encoding(encoding) {
            let (costs, count) = picture.costs(now, SILENT_SHARP, false);
            if count > 0 {
                let most = |(cost, most): (u64, u64)| cost.max(most);
                let mut at_most = costs.into_iter().zip(picture.most_bps).map(most);
                picture.paused_bps = Some(costs.map(|cost| at_most.next().unwrap_or(cost)));
            }
            picture.resumed = None;
        }
        self.encodings.get_mut(usize::from(encoding)).into_iter().for_each(|pictures| pictures.progress.pause());
    }

    /// The publisher is told to start an encoding again.
    pub(crate) fn resume(&mut self, now: Instant, encoding: u8) {
        for picture in self.encoding(encoding).iter_mut().filter(|p| p.paused_bps.is_some()) {
            picture.resumed.get_or_insert(now);
        }
    }

    /// Takes note of which encodings the publisher says he sends; `true` when one is stopped that was not. One who sends none of them rests.
    pub(crate) fn told_active(&mut self, now: Instant, is_active: [bool; ENCODINGS_MAX]) -> bool {
        let mut stops = false;
        if is_active.contains(&true) {
            for (pictures, is_active) in self.encodings.iter_mut().zip(is_active) {
                stops |= pictures.progress.told(now, is_active);
            }
        }
        stops
    }

    /// Looks which encodings go on, and which do not though a smaller one does. The smallest is the last that an uplink is too narrow for: where
    /// it pauses beside a larger one, its encoder left out frames.
    fn look(&mut self, now: Instant) {
        let has_sizes = self.encodings.iter().all(|pictures| pictures.area() > 0);
        let size = |(number, pictures): (usize, &Pictures)| if has_sizes { pictures.area() } else { number as u32 };
        let comes = |(_, pictures): &(usize, &Pictures)| pictures.last() > pictures.progress.last();
        let smallest = self.encodings.iter().enumerate().filter(comes).map(size).min();
        for (number, pictures) in self.encodings.iter_mut().enumerate() {
            let goes_on = smallest.is_some_and(|smallest| smallest < size((number, pictures)));
            pictures.progress.look(now, pictures.last(), goes_on);
        }
    }

    fn encoding(&mut self, encoding: u8) -> &mut [Picture] {
        let pictures = self.encodings.get_mut(usize::from(encoding).min(ENCODINGS_MAX - 1));
        pictures.map_or(&mut [], |pictures| &mut pictures.layers)
    }

    #[inline]
    fn picture(&mut self, encoding: u8, spatial: u8) -> &mut Picture {
        let encoding = usize::from(encoding).min(ENCODINGS_MAX - 1);
        let spatial = usize::from(spatial).min(SPATIAL_MAX - 1);
        if self.encodings.len() <= encoding {
            self.encodings.resize_with(encoding + 1, || Pictures::NONE);
        }
        let pictures = &mut self.encodings[encoding].layers;
        if pictures.len() <= spatial {
            pictures.resize(spatial + 1, Picture::NEW);
        }
        &mut pictures[spatial]
    }
}

/// What can be had of one source, from the worst to the best. The same for all of its viewers.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    rungs: Vec<Rung>,
    steps: Vec<Step>,
}

/// A picture on its way into the ladder.
#[derive(Debug, Clone, Copy)]
struct Step {
    encoding: u8,
    spatial: u8,
    width: u16,
    height: u16,
    costs: [u64; TEMPORAL_MAX],
    count: usize,
}

impl Step {
    fn size(&self) -> (u16, u16) {
        (self.width, self.height)
    }
}

impl Ladder {
    /// With no rung.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Its rungs.
    pub(crate) fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// Builds it anew from what was measured.
    ///
    /// Pictures go by size where all sizes are known, else by number, encodings before spatial layers. For motion the smallest
    /// comes with every frame rate and the larger ones with at least half of the frames: nobody trades a fluid face for a larger
    /// slide show. For sharpness those smaller than the largest come with the lowest frame rate alone: frames are given up before
    /// pixels. A screen may come twice in its full size, first one of few bits and frames: that is where its ladder's upper part begins.
    /// Costs never fall on the way up, so that a rung does not come and go with the noise of its neighbour.
    pub(crate) fn build(&mut self, now: Instant, meters: &mut LayerMeters, prefer: Prefer, stacking: Stacking) {
        self.collect(now, meters, prefer, stacking);
        self.rungs.clear();
        let last = self.steps.len().saturating_sub(1);
        let largest = self.steps.last().map_or((0, 0), Step::size);
        let mut floor_bps = 0;
        for (number, step) in self.steps.iter().enumerate() {
            let is_largest = number == last || (largest != (0, 0) && step.size() == largest);
            let mut sum_bps = 0_u64;
            for temporal in 0..step.count {
                sum_bps = sum_bps.saturating_add(step.costs[temporal]);
                let halvings = (step.count - 1 - temporal) as u8;
                let taken = match prefer {
                    Prefer::Motion => number == 0 || halvings <= 1,
                    Prefer::Sharpness => is_largest || temporal == 0,
                };
                if !taken {
                    continue;
                }
                floor_bps = sum_bps.max(floor_bps);
                self.rungs.push(Rung {
                    layer: Layer { encoding: step.encoding, spatial: step.spatial, temporal: temporal as u8 },
                    bps: floor_bps,
                    width: step.width,
                    height: step.height,
                    halvings,
                });
            }
        }
    }

    /// The pictures that can be had, in order.
    fn collect(&mut self, now: Instant, meters: &mut LayerMeters, prefer: Prefer, stacking: Stacking) {
        let silent = match prefer {
            Prefer::Motion => SILENT_MOTION,
            Prefer::Sharpness => SILENT_SHARP,
        };
        self.steps.clear();
        meters.look(now);
        for (encoding, pictures) in meters.encodings.iter_mut().enumerate() {
            let is_gone = prefer == Prefer::Motion && !pictures.progress.is_offered(now);
            let mut below = [0_u64; TEMPORAL_MAX];
            for (spatial, picture) in pictures.layers.iter_mut().enumerate() {
                let (mut costs, count) = picture.costs(now, silent, is_gone);
                if count == 0 {
                    continue;
                }
                if prefer == Prefer::Sharpness && encoding > 0 {
                    costs = picture.most(now, costs);
                }
                if stacking == Stacking::Every {
                    for (cost, below) in costs.iter_mut().zip(&mut below) {
                        *cost = cost.saturating_add(*below);
                        *below = *cost;
                    }
                }
                let (encoding, spatial) = (encoding as u8, spatial as u8);
                self.steps.push(Step { encoding, spatial, width: picture.width, height: picture.height, costs, count });
            }
        }
        if self.steps.iter().all(|s| s.width > 0 && s.height > 0) {
            self.steps.sort_by_key(|s| u32::from(s.width) * u32::from(s.height));
        }
    }
}
