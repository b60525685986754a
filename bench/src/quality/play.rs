//! Plays a scenario in virtual time, and takes a sample ten times a second.

use super::scenario::{Scenario, Stage};
use super::tcp::Tcp;
use super::world::World;
use crate::client::{Client, ListenStats, Seen, WatchStats};
use crate::impair::Bottleneck;
use anyhow::Result;
use colloquy_media_core::api::Layer;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Between two samples.
const SAMPLE: Duration = Duration::from_millis(100);
/// What was seen and heard counts from here on: joining is measured elsewhere.
pub(super) const SETTLED: Duration = Duration::from_secs(5);

/// One moment of one viewer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    /// Since everyone was connected.
    pub(super) at_s: f64,
    pub(super) capacity_bps: Option<u64>,
    pub(super) target_bps: u64,
    pub(super) acknowledged_bps: u64,
    pub(super) sent_bps: u64,
    /// How long a datagram waits before the bottleneck, in ms.
    pub(super) queue_ms: f64,
    /// What the engine sends.
    pub(super) layer: Option<Layer>,
    /// Times that it changed until now.
    pub(super) switches: u64,
    /// Datagrams' bytes that reached the viewer's lane until now.
    pub(super) received_bytes: u64,
}

/// What came of one viewer.
#[derive(Debug)]
pub(super) struct ViewerPlayed {
    pub(super) samples: Vec<Sample>,
    /// After [`SETTLED`].
    pub(super) watched: WatchStats,
    /// After [`SETTLED`].
    pub(super) heard: ListenStats,
    /// Seconds since everyone was connected, and what was seen from then on.
    pub(super) seen: Vec<(f64, Seen)>,
}

impl ViewerPlayed {
    /// What a client heard and saw in its two places between two moments.
    pub(super) fn new(
        samples: Vec<Sample>,
        client: &mut Client,
        [audio, video]: [&str; 2],
        time: Range<Instant>,
    ) -> Self {
        let since = |seen: &Seen| (seen.at.saturating_duration_since(time.start).as_secs_f64(), *seen);
        Self {
            samples,
            watched: client.watch_stats(video, time.end).unwrap_or_default(),
            heard: client.listen_stats(audio, time.end).unwrap_or_default(),
            seen: client.seen(video).iter().map(since).collect(),
        }
    }
}

/// What came of a scenario.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) scenario: Scenario,
    pub(super) stage: Stage,
    pub(super) viewers: Vec<ViewerPlayed>,
    /// Bits a second of the neighbour after [`SETTLED`].
    pub(super) tcp_bps: Option<f64>,
}

/// Plays it.
pub(super) fn play(scenario: Scenario, seed: u64, length: Duration) -> Result<Played> {
    let mut world = World::new(seed)?;
    world.shared = scenario.shared_bps().map(|bps| Bottleneck::new(Some(bps), Scenario::queue()));
    let (video, source) = scenario.video();
    let publisher = world.publisher(&video, source)?;
    world.connect()?;
    // The publisher's rates are known to the server when somebody joins.
    world.run_until(world.now + Duration::from_secs(2))?;
    let mut viewers = Vec::new();
    for access in scenario.viewers(Stage::Simulated) {
        viewers.push(world.viewer(publisher, access.up, access.down)?);
    }
    world.connect()?;
    let start = world.now;
    if scenario == Scenario::Tcp {
        let mut tcp = Tcp::new(start, Scenario::rtt());
        if let Some(neck) = &mut world.shared {
            tcp.handle(start, neck);
        }
        world.tcp = Some(tcp);
    }
    if let Some(first) = viewers.first() {
        world.people[*first].down.bottleneck().set_schedule(scenario.schedule(Stage::Simulated, start));
    }
    let mut played: Vec<Vec<Sample>> = viewers.iter().map(|_| Vec::new()).collect();
    let mut tcp_before = 0;
    let mut settled = false;
    while world.now < start + length {
        world.run_until(world.now + SAMPLE)?;
        if !settled && world.now >= start + SETTLED {
            settled = true;
            viewers.iter().for_each(|viewer| world.people[*viewer].client.forget_played(world.now));
            tcp_before = world.tcp.as_ref().map_or(0, Tcp::delivered_bytes);
        }
        for (viewer, samples) in viewers.iter().zip(&mut played) {
            let sample = sample(&mut world, *viewer)?;
            samples.push(Sample { at_s: (world.now - start).as_secs_f64(), ..sample });
        }
    }
    let seconds = length.saturating_sub(SETTLED).as_secs_f64().max(0.1);
    let tcp_bps = world.tcp.as_ref().map(|tcp| (tcp.delivered_bytes() - tcp_before) as f64 * 8.0 / seconds);
    let now = world.now;
    let viewers = viewers.iter().zip(played).map(|(viewer, samples)| {
        let person = &mut world.people[*viewer];
        let audio = person.audio_mid.clone().unwrap_or_default();
        let video = person.video_mid.clone().unwrap_or_default();
        ViewerPlayed::new(samples, &mut person.client, [&audio, &video], start..now)
    });
    Ok(Played { scenario, stage: Stage::Simulated, viewers: viewers.collect(), tcp_bps })
}

fn sample(world: &mut World, viewer: usize) -> Result<Sample> {
    let stats = world.stats(viewer)?;
    let now = world.now;
    let video = world.people[viewer].video_mid.clone();
    let downlink = stats.as_ref().and_then(|stats| stats.downlink).unwrap_or_default();
    let sent = stats.as_ref().and_then(|stats| stats.send.iter().find(|send| Some(&send.mid) == video.as_ref()));
    let (shared, person) = (&world.shared, &mut world.people[viewer]);
    let counts = person.down.counts();
    let neck: &Bottleneck = match shared {
        Some(shared) => shared,
        None => person.down.bottleneck(),
    };
    Ok(Sample {
        at_s: 0.0,
        capacity_bps: neck.rate_bps(now),
        target_bps: downlink.target_bps,
        acknowledged_bps: downlink.acknowledged_bps,
        sent_bps: downlink.sent_bps,
        queue_ms: neck.queue_delay(now).as_secs_f64() * 1_000.0,
        layer: sent.and_then(|send| send.layer),
        switches: sent.map_or(0, |send| send.switches),
        received_bytes: counts.bytes,
    })
}
