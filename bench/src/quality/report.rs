//! A scenario's figures, as a line.

use super::play::{Played, SETTLED, Sample, ViewerPlayed};
use super::scenario::Scenario;
use crate::client::{Seen, Video};
use serde::Serialize;
use std::fmt::Write as _;
use std::ops::Range;

/// What is told of a scenario; `None` where it does not apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Which, and where.
    pub scenario: String,
    /// From connecting to the best layer's being seen.
    pub ramp_s: Option<f64>,
    /// From the end of a drop to the best layer's being seen again.
    pub recover_s: Option<f64>,
    /// Changes of the layer sent, after the first 5 s.
    pub switches_per_min: Option<f64>,
    /// How long datagrams wait before the bottleneck.
    pub queue_ms_p95: Option<f64>,
    /// From a drop to the queue's staying under 200 ms.
    pub queue_under_200_s: Option<f64>,
    /// Audio that was made up, after the first 5 s.
    pub concealed_pct: Option<f64>,
    /// The longest freeze, after the first 5 s; 0 when there was none.
    pub freeze_ms_max: Option<f64>,
    /// Pictures that a decoder would have broken on, and holes in the numbers that it would have waited at.
    pub broken: Option<f64>,
    /// Share of the time after the first 3 s at the full size.
    pub sharp_pct: Option<f64>,
    /// Pictures a second that are seen of a screen, after the first 5 s.
    pub updates_per_s: Option<f64>,
    /// The longest time between two of them.
    pub still_ms_max: Option<f64>,
    /// Jain's index of the rates after the first 5 s: 1 is equal, 1/n is all for one.
    pub jain: Option<f64>,
}

/// The figures of what was played.
pub(super) fn figures(played: &Played) -> Figures {
    let scenario = played.scenario;
    // Where one is bad on purpose, the others are what matters.
    let counted = if scenario == Scenario::OneSlow { played.viewers.len() - 1 } else { played.viewers.len() };
    let viewers = &played.viewers[..counted];
    let most = |of: &dyn Fn(&ViewerPlayed) -> f64| viewers.iter().map(of).fold(0.0, f64::max);
    let first = viewers.first();
    let screen = first.filter(|_| scenario.is_screen());
    let ramp = scenario == Scenario::Ramp || scenario == Scenario::DropRecover;
    let drops = scenario == Scenario::DropRecover;
    let drop = played.stage.drop();
    let drop = drop.start.as_secs_f64()..drop.end.as_secs_f64();
    Figures {
        scenario: scenario.name_on(played.stage),
        ramp_s: first.filter(|_| ramp).and_then(|viewer| seen_best(viewer, 0.0)),
        recover_s: first.filter(|_| drops).and_then(|viewer| seen_best(viewer, drop.end)),
        switches_per_min: Some(most(&switches_per_min)).filter(|_| !drops),
        queue_ms_p95: Some(most(&queue_p95)),
        queue_under_200_s: first.filter(|_| drops).map(|viewer| queue_under_200(viewer, &drop)),
        concealed_pct: Some(most(&|viewer| 100.0 * viewer.heard.concealed as f64 / viewer.heard.due.max(1) as f64)),
        freeze_ms_max: Some(most(&|viewer| viewer.watched.freeze_max.as_secs_f64() * 1_000.0)),
        broken: Some(most(&|viewer| (viewer.watched.broken + viewer.watched.holes) as f64)),
        sharp_pct: screen.map(|viewer| sharp_pct(viewer, &scenario.video().0)),
        updates_per_s: screen.map(updates_per_s),
        still_ms_max: screen.map(|viewer| viewer.watched.gap_max.as_secs_f64() * 1_000.0),
        jain: jain(played),
    }
}

/// The best that there is, as an encoding or a spatial layer.
const BEST: u8 = 2;

fn seen_best(viewer: &ViewerPlayed, after_s: f64) -> Option<f64> {
    let best = |encoding: u8, spatial: u8| encoding + spatial >= BEST;
    let before = viewer.seen.iter().take_while(|(at_s, _)| *at_s <= after_s).last();
    if before.is_some_and(|(_, seen)| best(seen.encoding, seen.spatial)) {
        return Some(0.0);
    }
    let then = viewer.seen.iter().find(|(at_s, seen)| *at_s > after_s && best(seen.encoding, seen.spatial));
    then.map(|(at_s, _)| at_s - after_s)
}

fn settled(viewer: &ViewerPlayed) -> impl Iterator<Item = &Sample> + Clone {
    viewer.samples.iter().filter(|sample| sample.at_s >= SETTLED.as_secs_f64())
}

fn switches_per_min(viewer: &ViewerPlayed) -> f64 {
    let samples = settled(viewer);
    let (Some(first), Some(last)) = (samples.clone().next(), samples.last()) else { return 0.0 };
    (last.switches - first.switches) as f64 * 60.0 / (last.at_s - first.at_s).max(1.0)
}

fn queue_p95(viewer: &ViewerPlayed) -> f64 {
    let mut queues: Vec<f64> = viewer.samples.iter().map(|sample| sample.queue_ms).collect();
    queues.sort_by(f64::total_cmp);
    queues.get(queues.len() * 95 / 100).copied().unwrap_or(0.0)
}

fn queue_under_200(viewer: &ViewerPlayed, range: &Range<f64>) -> f64 {
    let mut above = viewer.samples.iter().filter(|sample| range.contains(&sample.at_s) && sample.queue_ms > 200.0);
    above.next_back().map_or(0.0, |sample| sample.at_s - range.start)
}

/// When a screen has to be sharp.
const SHARP_FROM_S: f64 = 3.0;

fn sharp_pct(viewer: &ViewerPlayed, video: &Video) -> f64 {
    let full = video.encodings.iter().map(|encoding| encoding.width).max().unwrap_or(0);
    let width = |seen: &Seen| {
        let encoding = video.encodings.get(usize::from(seen.encoding))?;
        Some(encoding.width >> encoding.spatial_layers.saturating_sub(1 + seen.spatial))
    };
    // What is sent, as nothing may be; and what is seen, as that may be another picture yet.
    let seen_at = |at_s: f64| viewer.seen.iter().take_while(|(since_s, _)| *since_s <= at_s).last();
    let is_sharp = |at_s| seen_at(at_s).and_then(|(_, seen)| width(seen)) == Some(full);
    let counted = || viewer.samples.iter().filter(|sample| sample.at_s >= SHARP_FROM_S);
    let sharp = counted().filter(|sample| sample.layer.is_some() && is_sharp(sample.at_s));
    100.0 * sharp.count() as f64 / counted().count().max(1) as f64
}

fn updates_per_s(viewer: &ViewerPlayed) -> f64 {
    let seconds = viewer.samples.last().map_or(0.0, |last| last.at_s - SETTLED.as_secs_f64());
    viewer.watched.shown as f64 / seconds.max(1.0)
}

fn jain(played: &Played) -> Option<f64> {
    let rate = |viewer: &ViewerPlayed| {
        let (first, last) = (settled(viewer).next()?, settled(viewer).last()?);
        Some((last.received_bytes - first.received_bytes) as f64 * 8.0 / (last.at_s - first.at_s).max(0.1))
    };
    played.scenario.shared_bps()?;
    let rates: Vec<f64> = played.viewers.iter().filter_map(rate).chain(played.tcp_bps).collect();
    let (sum, squares) = (rates.iter().sum::<f64>(), rates.iter().map(|rate| rate * rate).sum::<f64>());
    (squares > 0.0).then(|| sum * sum / (rates.len() as f64 * squares))
}

impl Figures {
    /// As the last line says it.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("RESULT scenario={}", self.scenario);
        let mut add = |name: &str, value: Option<f64>, digits: usize| {
            // Writing to a String cannot fail.
            let _ = match value {
                Some(value) => write!(line, " {name}={value:.digits$}"),
                None => write!(line, " {name}=n/a"),
            };
        };
        add("ramp_s", self.ramp_s, 1);
        add("recover_s", self.recover_s, 1);
        add("switches_per_min", self.switches_per_min, 1);
        add("queue_ms_p95", self.queue_ms_p95, 0);
        add("concealed_pct", self.concealed_pct, 2);
        add("freeze_ms_max", self.freeze_ms_max, 0);
        add("jain", self.jain, 2);
        add("queue_under_200_s", self.queue_under_200_s, 1);
        add("sharp_pct", self.sharp_pct, 0);
        add("updates_per_s", self.updates_per_s, 1);
        add("still_ms_max", self.still_ms_max, 0);
        add("broken", self.broken, 0);
        line
    }
}

/// Every viewer's samples, for who wants to look closer than the plot does.
pub(super) fn csv(played: &Played) -> String {
    let mut csv = "viewer,at_s,capacity_bps,target_bps,acknowledged_bps,sent_bps,queue_ms,layer,switches\n".to_owned();
    for (viewer, played) in played.viewers.iter().enumerate() {
        for sample in &played.samples {
            let Sample { at_s, target_bps, acknowledged_bps, sent_bps, queue_ms, switches, .. } = sample;
            let capacity = sample.capacity_bps.map(|bps| bps.to_string()).unwrap_or_default();
            let layer = sample.layer.map(|layer| layer.to_string()).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(
                csv,
                "{viewer},{at_s:.1},{capacity},{target_bps},{acknowledged_bps},{sent_bps},{queue_ms:.0},{layer},{switches}"
            );
        }
    }
    csv
}
