//! What viewers are given, through the folder's front door.

mod last_n;
mod measure;
mod order;
mod properties;
mod steady;

use super::*;
use crate::api::Layer;
use std::time::{Duration, Instant};

/// A tile that any picture of the tests is too small for.
const STAGE: Option<(u16, u16)> = Some((1920, 1080));
const TILE: Option<(u16, u16)> = Some((320, 180));

/// The rungs of a camera as Chromium sends it: 180p, 360p and 720p at 150, 500 and 2,500 kb/s, three frame rates each.
fn camera() -> Vec<Rung> {
    ladder(Prefer::Motion, &[(320, 180, 150_000), (640, 360, 500_000), (1280, 720, 2_500_000)])
}

/// The rungs of a screen in two sizes, three frame rates each.
fn screen() -> Vec<Rung> {
    ladder(Prefer::Sharpness, &[(960, 540, 200_000), (1920, 1080, 1_500_000)])
}

/// The rungs of a screen that comes twice in its full size: with few bits and frames, and with all of them.
fn screen_twice() -> Vec<Rung> {
    let encodings = [(0, [120_000, 180_000, 300_000]), (1, [1_000_000, 1_500_000, 2_500_000])];
    let rung = |encoding, temporal: usize, bps| Rung {
        layer: Layer { encoding, spatial: 0, temporal: temporal as u8 },
        bps,
        width: 1920,
        height: 1080,
        halvings: 2 - temporal as u8,
    };
    let rungs = encodings.map(|(encoding, costs)| (0..3).map(move |t| rung(encoding, t, costs[t])));
    rungs.into_iter().flatten().collect()
}

/// A ladder of simulcast encodings given by size and full rate; 40, 60 and 100 % of it for each frame rate.
fn ladder(prefer: Prefer, encodings: &[(u16, u16, u64)]) -> Vec<Rung> {
    let mut rungs = Vec::new();
    for (encoding, &(width, height, bps)) in (0u8..).zip(encodings) {
        let largest = usize::from(encoding) + 1 == encodings.len();
        for (temporal, percent) in [(0u8, 40), (1, 60), (2, 100)] {
            let taken = match prefer {
                Prefer::Motion => encoding == 0 || temporal > 0,
                Prefer::Sharpness => largest || temporal == 0,
            };
            if taken {
                let layer = Layer { encoding, spatial: 0, temporal };
                rungs.push(Rung { layer, bps: bps * percent / 100, width, height, halvings: 2 - temporal });
            }
        }
    }
    rungs
}

/// A wish with nothing said about it.
fn wish(key: u32, class: Class, ladder: &[Rung]) -> Wish<'_, u32> {
    let prefer = if class == Class::Screen { Prefer::Sharpness } else { Prefer::Motion };
    Wish { key, class, weight: 1, prefer, shown: STAGE, ladder, current: None }
}

/// A viewer who is told the time.
struct Viewer {
    allocator: Allocator<u32>,
    now: Instant,
    current: Vec<(u32, Option<Layer>)>,
    /// Places that were told something else than before.
    switches: usize,
}

impl Viewer {
    fn new() -> Self {
        Self { allocator: Allocator::new(), now: Instant::now(), current: Vec::new(), switches: 0 }
    }

    /// Plans after 100 ms, with what the places were told last.
    fn plan(&mut self, target_bps: u64, wishes: &[Wish<'_, u32>]) -> Plan<u32> {
        self.now += Duration::from_millis(100);
        let told = |key| self.current.iter().find(|(k, _)| *k == key).and_then(|(_, layer)| *layer);
        let wishes: Vec<_> = wishes.iter().map(|w| Wish { current: told(w.key), ..*w }).collect();
        let plan = self.allocator.plan(self.now, target_bps, 0, &wishes).clone();
        self.switches += plan.allocations.iter().filter(|a| a.layer != told(a.key)).count();
        self.current = plan.allocations.iter().map(|a| (a.key, a.layer)).collect();
        plan
    }

    /// Plans for so long; gives the last plan.
    fn run(&mut self, ms: u64, target_bps: u64, wishes: &[Wish<'_, u32>]) -> Plan<u32> {
        (0..ms / 100).map(|_| self.plan(target_bps, wishes)).last().expect("at least 100 ms")
    }
}

/// What a viewer who gets nothing yet is given, as (encoding, temporal).
fn first(target_bps: u64, wishes: &[Wish<'_, u32>]) -> Vec<Option<(u8, u8)>> {
    layers(&Viewer::new().plan(target_bps, wishes))
}

fn layers(plan: &Plan<u32>) -> Vec<Option<(u8, u8)>> {
    let layer = |a: &super::allocator::Allocation<u32>| a.layer.map(|l| (l.encoding, l.temporal));
    plan.allocations.iter().map(layer).collect()
}

/// Even noise between -1 and 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}
