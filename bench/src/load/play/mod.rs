//! One measurement: a scenario, played on one system, once.

mod account;
mod cast;
mod centre;
mod floor;
mod gauge;
mod joins;
mod party;
mod timeline;
mod validity;

use super::result::{AudienceFigures, Generator, Hold, KeyFrames, Latencies, LoadShape, Memory, Repeat, ServerCost};
use super::scenario::Scenario;
use super::system::{About, Placement, System};
use account::{Handling, Part};
use anyhow::{Context as _, Result, ensure};
use colloquy_media_core::transport::srtp::Profile;
use gauge::{Gauge, Reading};
use hdrhistogram::Histogram;
use party::Party;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use timeline::Timeline;

/// Where measurements take place.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The core of servers and floor; `None` leaves them free.
    pub server_core: Option<usize>,
    /// Both run before other work of their cores, as this process does then.
    pub first: bool,
    /// Threads that play clients.
    pub threads: usize,
    /// Cores that this process may use.
    pub own_cores: usize,
    /// This program, which the floor is a child of; `None` measures no floor.
    pub own_program: Option<PathBuf>,
    /// Directories of systems are made in it.
    pub scratch: PathBuf,
    /// Counts system calls by perf, where there is one, in a second of its own.
    pub count_calls: bool,
}

/// What is told while a measurement goes on.
pub trait Watcher {
    /// A step begins: `what` in a word or two, and how many there are of it, if that is known.
    fn step(&mut self, what: &str, of: u64);
    /// So many are done; `line` says how it stands.
    fn done(&mut self, count: u64, line: &str);
}

/// Watches nothing.
#[derive(Debug, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn step(&mut self, _what: &str, _of: u64) {}
    fn done(&mut self, _count: u64, _line: &str) {}
}

/// A repeat, and what the system told of itself.
#[derive(Debug)]
pub struct Played {
    /// The measurement.
    pub repeat: Repeat,
    /// The system's version.
    pub version: String,
    /// Its settings.
    pub settings: String,
    /// It runs elsewhere.
    pub external: bool,
}

/// Between the order to count and the beginning, so that all threads know of it.
const AHEAD: Duration = Duration::from_millis(60);
/// What is still under way when the time is over.
const DRAIN: Duration = Duration::from_millis(400);
/// How long a server has to give memory back.
const AFTERWARDS: Duration = Duration::from_millis(1_000);
/// How long system calls are counted.
const CALLS: Duration = Duration::from_secs(1);

/// Plays `scenario` on `system`.
///
/// # Errors
/// When the server does not start, or no publisher gets in.
pub fn play(
    system: &dyn System,
    scenario: &Scenario,
    stage: &Stage,
    order: u32,
    watcher: &mut dyn Watcher,
) -> Result<Played> {
    watcher.step("start", 0);
    let scratch = Scratch::new(stage)?;
    let largest_room = scenario.publishers + scenario.watchers();
    let by = scenario.join.by;
    let others = scenario.audience.map(|_| scenario.publishers - 1);
    let place =
        Placement { core: stage.server_core, first: stage.first, scratch: scratch.0.clone(), largest_room, by, others };
    let running = system.start(&place).with_context(|| format!("{} does not start", system.name()))?;
    let gauge = Gauge::new(running.about().pids.clone());
    let idle_kb = gauge.memory_kb();
    let mut party = Party::new(scenario, stage, running.clone())?;
    party.publish(watcher)?;
    let publishers_kb = gauge.memory_kb();
    party.watch(watcher)?;
    watcher.step("warm-up", 0);
    party.run(Duration::from_secs_f64(scenario.time.warm_up_s))?;

    let measured = hold(scenario, &gauge, &mut party, watcher)?;
    let loaded_kb = gauge.memory_kb();
    let calls = if stage.count_calls { party.calls_per_packet(&gauge.pids(), CALLS)? } else { None };
    let profile = party.srtp_profile()?;
    let audience = measured.audience.clone();
    let signalling = running.signalling();
    watcher.step("leave", 0);
    let load = party.shape();
    let (parts, reported) = party.end()?;
    let after_kb = gauge.is_known().then(|| {
        std::thread::sleep(AFTERWARDS);
        gauge.memory_kb()
    });
    let About { version, settings, .. } = running.about().clone();
    let external = !gauge.is_known();
    drop(running);

    let floor = match (&stage.own_program, &profile) {
        // What forwards is no measure for what mixes.
        (Some(_), Some(profile)) if !external && measured.handling != Handling::Mixed => {
            watcher.step("floor", 0);
            let time = Duration::from_secs_f64((scenario.time.hold_s / 2.0).clamp(0.5, 2.0));
            Some(floor::measure(scenario, stage, profile, time)?)
        }
        _ => None,
    };
    let kept_waiting = measured.kept_waiting_ns as f64 / 1e9 / scenario.time.hold_s;
    let (hold, generator) = measured.account(&parts, &reported, scenario, stage, calls);
    let patience = Duration::from_secs_f64(scenario.join.patience_s);
    let joins = account::joins(&parts, patience, Instant::now());
    // Those who talk to a mixer hear it by the same client, and so do those of a contact centre: all of them are both.
    let is_both = hold.mixed.is_some() && scenario.viewers == 0 || scenario.audience.is_some();
    let base_kb = if is_both { idle_kb } else { publishers_kb };
    let each = |more: u64, less: u64, by: u32| more.saturating_sub(less) as f64 / f64::from(by.max(1));
    let memory = gauge.is_known().then(|| Memory {
        idle_kb,
        publishers_kb,
        loaded_kb,
        after_kb,
        kb_per_publisher: each(publishers_kb, idle_kb, load.publishers),
        kb_per_viewer: each(loaded_kb, base_kb, load.viewers),
    });
    let mut validity = validity::judge(&load, &hold, &joins, &generator, kept_waiting);
    if let Some(audience) = &audience {
        validity::judge_audience(audience, &mut validity);
    }
    let warm_up_s = scenario.time.warm_up_s;
    let repeat = Repeat {
        order,
        load,
        warm_up_s,
        hold: Box::new(hold),
        floor,
        joins,
        signalling,
        audience,
        memory,
        generator,
        validity,
    };
    Ok(Played { repeat, version, settings, external })
}

/// Measures the floor of a scenario as if it were a system.
///
/// # Errors
/// When its child does not start.
pub fn floor_alone(scenario: &Scenario, stage: &Stage, order: u32) -> Result<Repeat> {
    let time = Duration::from_secs_f64(scenario.time.hold_s.clamp(0.5, 4.0));
    let cost = floor::measure(scenario, stage, Profile::AeadAes128Gcm.name(), time)?;
    let server = ServerCost { cpu_ns_per_packet: cost.cpu_ns_per_packet, ..ServerCost::default() };
    let hold = Hold { seconds: time.as_secs_f64(), server: Some(server), ..Hold::default() };
    Ok(Repeat {
        order,
        load: LoadShape::of(scenario),
        warm_up_s: 0.0,
        hold: Box::new(hold),
        floor: Some(cost),
        joins: super::result::Joins::default(),
        signalling: None,
        audience: None,
        memory: None,
        generator: Generator::default(),
        validity: super::result::Validity { valid: true, reasons: Vec::new() },
    })
}

/// What was read of the machine around the time under load.
struct Measured {
    from: Instant,
    to: Instant,
    server: Option<(Reading, Reading)>,
    own: (Reading, Reading),
    /// How long the server waited for a core that somebody else had.
    kept_waiting_ns: u64,
    threads: Vec<(u64, u64)>,
    drops: u64,
    before: party::Before,
    samples: Vec<super::result::Sample>,
    handling: Handling,
    /// What came of changes of who hears and sees whom.
    audience: Option<AudienceFigures>,
}

fn hold(scenario: &Scenario, gauge: &Gauge, party: &mut Party<'_>, watcher: &mut dyn Watcher) -> Result<Measured> {
    let before = party.before()?;
    let drops_before = gauge::udp_drops(&before.ports);
    let own = Gauge::own();
    let from = Instant::now() + AHEAD;
    let to = from + Duration::from_secs_f64(scenario.time.hold_s);
    party.count_within(from, to)?;
    party.change_within(from, to)?;
    party.sleep_until(from);
    let (server_before, own_before) = (gauge.read(), own.read());
    let waited_before = gauge.threads();
    let threads_before = party.thread_cpu_ns();
    let mut timeline = Timeline::begin(from, gauge.is_known().then_some(server_before), own_before, party)?;
    watcher.step("hold", scenario.time.hold_s.ceil() as u64);
    while Instant::now() < to {
        let next = (timeline.next()).min(to);
        party.disturb_until(next, from)?;
        timeline.note(party, gauge, &own, watcher)?;
    }
    let (server_after, own_after) = (gauge.read(), own.read());
    let kept_waiting_ns = gauge::kept_waiting_ns(&waited_before, &gauge.threads());
    let threads = threads_before.into_iter().zip(party.thread_cpu_ns()).collect();
    party.run(DRAIN + longest_way(scenario))?;
    let audience = party.changed()?;
    let ports = party.before()?.ports;
    Ok(Measured {
        from,
        to,
        server: gauge.is_known().then_some((server_before, server_after)),
        own: (own_before, own_after),
        kept_waiting_ns,
        threads,
        drops: gauge::udp_drops(&ports).saturating_sub(drops_before),
        before,
        samples: timeline.samples(),
        handling: party.handling(),
        audience,
    })
}

/// What the worst access of a scenario keeps a packet for.
fn longest_way(scenario: &Scenario) -> Duration {
    let of =
        |access: &super::scenario::Access| access.down.delay_ms + access.down.jitter_ms + access.down.queue_ms as f64;
    let ms = scenario.access.iter().map(of).fold(0.0, f64::max);
    Duration::from_secs_f64(ms / 1e3)
}

impl Measured {
    fn account(
        self,
        parts: &[Part],
        reported: &[super::fleet::Reported],
        scenario: &Scenario,
        stage: &Stage,
        calls: Option<f64>,
    ) -> (Hold, Generator) {
        let layered = scenario.media.video.as_ref().is_some_and(super::scenario::VideoSource::is_layered);
        // What one is not to get is left out as well.
        let layered = layered || scenario.audience.is_some();
        let delivery = account::delivery(parts, self.from, self.to, layered, self.handling);
        let mixed = (self.handling == Handling::Mixed).then(|| account::mixed(parts, scenario.time.hold_s));
        let wall_ns = (self.to - self.from).as_nanos() as f64;
        let server = self.server.map(|(before, after)| {
            let cpu_ns = after.cpu_ns.saturating_sub(before.cpu_ns);
            let packets = delivery.received.max(1) as f64;
            let people = f64::from(scenario.rooms * (scenario.publishers + scenario.viewers));
            ServerCost {
                cpu_ns,
                cores: cpu_ns as f64 / wall_ns,
                cpu_ns_per_packet: cpu_ns as f64 / packets,
                cpu_us_per_participant_s: cpu_ns as f64 / 1e3 / people / scenario.time.hold_s,
                switches_per_packet: Some(after.switches.saturating_sub(before.switches) as f64 / packets),
                syscalls_per_packet: calls,
                instructions_per_packet: None,
            }
        });
        let all = account::key_frames(parts.iter().flat_map(|part| &part.seats), scenario.media.video_track());
        let before = self.before.key_frames;
        let key_frames = KeyFrames { asked: all.asked - before.asked, sent: all.sent - before.sent, ..all };
        let merged = |of: fn(&super::fleet::Reported) -> &Histogram<u64>| {
            let mut all = Latencies::recorder();
            for one in reported {
                // All have the same bounds.
                let _ = all.add(of(one));
            }
            Latencies::of(&all)
        };
        let (jitter_p50_ms, jitter_p95_ms) = account::jitter(parts);
        let hold = Hold {
            seconds: scenario.time.hold_s,
            delivery,
            latency: merged(|one| &one.latency),
            jitter_p50_ms,
            jitter_p95_ms,
            key_frames,
            mixed,
            server,
            samples: self.samples,
        };
        let cores = self.own.1.cpu_ns.saturating_sub(self.own.0.cpu_ns) as f64 / wall_ns;
        let busiest = self.threads.iter().map(|(before, after)| after.saturating_sub(*before) as f64 / wall_ns);
        let sent = || parts.iter().flat_map(|part| &part.seats).flat_map(|seat| &seat.sent).map(|(_, stats)| stats);
        let unsent: u64 = reported.iter().map(|one| one.unsent).sum();
        let generator = Generator {
            threads: u32::try_from(stage.threads).unwrap_or(u32::MAX),
            cores,
            // Joins and waiting for answers are done by other threads, on the same cores.
            busiest_share: busiest.fold(cores / stage.own_cores.max(1) as f64, f64::max),
            lateness: merged(|one| &one.lateness),
            frames: sent().map(|stats| stats.frames).sum::<u64>().saturating_sub(self.before.frames),
            skipped: sent().map(|stats| stats.skipped).sum::<u64>().saturating_sub(self.before.skipped),
            kernel_drops: self.drops,
            unsent: unsent.saturating_sub(self.before.unsent),
        };
        (hold, generator)
    }
}

impl LoadShape {
    /// What a scenario has of everything.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let Scenario { rooms, publishers, .. } = *scenario;
        let viewers = scenario.watchers() * rooms;
        let others = publishers - u32::from(scenario.meeting && scenario.viewers == 0);
        Self { rooms, publishers: publishers * rooms, viewers, streams: viewers * others * scenario.tracks() }
    }
}

/// A directory of a measurement's own, removed after it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(stage: &Stage) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = stage.scratch.join(format!("colloquy-bench-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        ensure!(path.is_dir(), "{} is no directory", path.display());
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
