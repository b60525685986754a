//! Everybody of a scenario: they come, stay, come and go, and leave.

use super::account::{self, Handling, Part};
use super::cast::{Role, cast};
use super::centre::{Director, Order, Player, judge};
use super::joins::{Doors, Job, Joined};
use super::{Stage, Watcher};
use crate::load::fleet::{Arrivals, Fleet, FleetPlan, Joiner, LEFT, Reported};
use crate::load::result::{AudienceFigures, KeyFrames, LoadShape};
use crate::load::scenario::{Scenario, Storm};
use crate::load::system::{Published, Running, Stay};
use crate::os;
use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Goodbyes under way at once.
const EXITS: u32 = 8;
/// Between two looks at how joins get on.
const LOOK: Duration = Duration::from_millis(20);
/// After the last publisher is connected, so that his tracks are known to the server.
const SETTLE: Duration = Duration::from_millis(300);

/// What was counted before the time under load, to be taken off.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) key_frames: KeyFrames,
    pub(super) frames: u64,
    pub(super) skipped: u64,
    pub(super) unsent: u64,
    pub(super) ports: HashSet<u16>,
}

/// What happened in a second.
pub(super) struct PartySample {
    pub(super) packets: u64,
    pub(super) latencies: Vec<Histogram<u64>>,
    pub(super) connected: usize,
    pub(super) seats: usize,
    pub(super) joins: u32,
}

/// The participants of one measurement.
pub(super) struct Party<'a> {
    scenario: &'a Scenario,
    running: Arc<dyn Running>,
    /// What times of all clients count from.
    epoch: Instant,
    fleet: Fleet,
    doors: Doors,
    /// Apart, so that nobody who comes waits for those who go.
    exits: Doors,
    parts: Vec<Part>,
    stays: Vec<Option<Box<dyn Stay>>>,
    /// By room.
    published: Vec<Arc<Vec<Published>>>,
    /// Parts of viewers who are there.
    present: Vec<u32>,
    /// Number of the next participant who was not there before.
    next_number: u64,
    rng: StdRng,
    /// Since the last sample.
    joins_done: u32,
    churned: u64,
    /// How often all have gone and come.
    storms: u32,
    /// Who changes who hears and sees whom.
    director: Option<Director>,
}

impl<'a> Party<'a> {
    pub(super) fn new(scenario: &'a Scenario, stage: &Stage, running: Arc<dyn Running>) -> Result<Self> {
        let epoch = Instant::now();
        let plan = FleetPlan {
            epoch,
            seed: scenario.seed,
            media: scenario.media.clone(),
            loaded: scenario.media.load()?,
            access: scenario.access.clone(),
            mixed: running.mixes(),
            writes_arrivals: scenario.audience.is_some(),
            address: running.clients_at(),
        };
        Ok(Self {
            scenario,
            epoch,
            fleet: Fleet::start(plan, stage.threads)?,
            doors: Doors::open(&running, scenario.join.at_once)?,
            exits: Doors::open(&running, EXITS)?,
            running,
            parts: Vec::new(),
            stays: Vec::new(),
            published: Vec::new(),
            present: Vec::new(),
            next_number: 0,
            rng: StdRng::seed_from_u64(scenario.seed),
            joins_done: 0,
            churned: 0,
            storms: 0,
            director: None,
        })
    }

    /// The publishers come, and are waited for.
    pub(super) fn publish(&mut self, watcher: &mut dyn Watcher) -> Result<()> {
        let (publishers, _) = cast(self.scenario);
        watcher.step("publishers", publishers.len() as u64);
        let parts = self.ramp(publishers, watcher)?;
        self.settled(&parts, watcher)?;
        let mut rooms: Vec<Vec<Published>> = vec![Vec::new(); self.scenario.rooms as usize];
        for part in parts {
            let (Some(known), Some(Some(stay))) = (self.parts.get(part as usize), self.stays.get(part as usize)) else {
                continue;
            };
            if let Some(room) = rooms.get_mut(known.role.who.room as usize) {
                room.push(Published { who: known.role.who.clone(), id: stay.id().to_owned() });
            }
        }
        if let Some(empty) = rooms.iter().position(Vec::is_empty) {
            let why = self.parts.iter().find_map(|part| part.failure.clone());
            bail!(
                "nobody could publish in room {empty}: {}",
                why.unwrap_or_else(|| "not connected in time".to_owned())
            );
        }
        self.published = rooms.into_iter().map(Arc::new).collect();
        self.run(SETTLE)
    }

    /// The viewers come, and are waited for.
    pub(super) fn watch(&mut self, watcher: &mut dyn Watcher) -> Result<()> {
        let (publishers, mut viewers) = cast(self.scenario);
        self.next_number = (publishers.len() + viewers.len()) as u64;
        if self.running.mixes() {
            // Who talks hears the mix by the same client.
            viewers.retain(|viewer| !viewer.also_publishes);
        }
        watcher.step("viewers", viewers.len() as u64);
        let parts = self.ramp(viewers, watcher)?;
        self.present.extend(&parts);
        self.settled(&parts, watcher)
    }

    /// Begins joins at the scenario's rate, each at its moment.
    fn ramp(&mut self, roles: Vec<Role>, watcher: &mut dyn Watcher) -> Result<Vec<u32>> {
        let (start, interval) = (Instant::now(), 1.0 / self.scenario.join.per_s);
        let mut parts = Vec::with_capacity(roles.len());
        for (index, role) in roles.into_iter().enumerate() {
            let at = start + Duration::from_secs_f64(interval * index as f64);
            self.sleep_until(at);
            parts.push(self.admit(role, at)?);
            watcher.done(parts.len() as u64, "");
        }
        Ok(parts)
    }

    /// Somebody joins. Gives his part.
    fn admit(&mut self, role: Role, asked: Instant) -> Result<u32> {
        let part = u32::try_from(self.parts.len()).context("fewer than four thousand million take part")?;
        let source = u64::from(part) + 1;
        let in_room = |one: &&Part| one.role.publishes && one.role.who.room == role.who.room;
        let is_own = |one: &Part| role.also_publishes && one.role.who.number == role.who.number;
        let mut whom = Vec::new();
        let mut watched = None;
        if !role.publishes {
            let publishers = self.parts.iter().filter(in_room);
            whom.extend(publishers.filter(|one| self.running.echoes() || !is_own(one)).map(|one| one.source));
            let room = self.published.get(role.who.room as usize).context("the room has publishers")?;
            watched = Some(if role.also_publishes {
                Arc::new(room.iter().filter(|one| one.who.number != role.who.number).cloned().collect())
            } else {
                room.clone()
            });
        }
        let joiner = Joiner {
            source,
            part,
            audio: role.publishes && role.who.audio,
            video: role.publishes && role.who.video,
            speaks: role.speaks,
            access: role.access,
        };
        let desk = self.fleet.desk(&joiner)?;
        self.doors.join(Job { part, who: role.who.clone(), desk, whom: watched, asked });
        let signalled = None;
        self.parts.push(Part { role, asked, source, whom, signalled, failure: None, seats: Vec::new() });
        self.stays.push(None);
        Ok(part)
    }

    fn note_joined(&mut self) {
        let done: Vec<Joined> = self.doors.done().collect();
        for joined in done {
            self.take_joined(joined);
        }
    }

    fn take_joined(&mut self, joined: Joined) {
        let index = joined.part as usize;
        let (Some(part), Some(stay)) = (self.parts.get_mut(index), self.stays.get_mut(index)) else { return };
        part.signalled = Some(joined.signalled);
        self.joins_done += 1;
        match joined.stay {
            Ok(new) => *stay = Some(new),
            // He was sent away before he was in: nobody's fault.
            Err(error) if error.contains(LEFT) => {}
            Err(error) => part.failure = Some(error),
        }
    }

    /// Waits until these are connected, have failed, or their patience is over.
    fn settled(&mut self, parts: &[u32], watcher: &mut dyn Watcher) -> Result<()> {
        let patience = Duration::from_secs_f64(self.scenario.join.patience_s);
        let last = parts.iter().filter_map(|part| self.parts.get(*part as usize)).map(|part| part.asked).max();
        let until = last.unwrap_or_else(Instant::now) + patience;
        loop {
            self.note_joined();
            let part = |index: &u32| self.parts.get(*index as usize);
            let undecided =
                parts.iter().filter_map(part).filter(|p| p.signalled.is_none() && p.failure.is_none()).count();
            let states = self.fleet.sample()?;
            let (connected, seats) = states.iter().fold((0, 0), |(c, s), one| (c + one.connected, s + one.seats));
            watcher.done(parts.len() as u64, &format!("{connected} of {seats} connected"));
            if (undecided == 0 && connected >= seats) || Instant::now() >= until {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }

    pub(super) fn sleep_until(&self, at: Instant) {
        if let Some(wait) = at.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
    }

    /// Lets time go by.
    pub(super) fn run(&mut self, time: Duration) -> Result<()> {
        self.sleep_until(Instant::now() + time);
        self.note_joined();
        Ok(())
    }

    /// Lets time go by until a moment of the time under load that began at `from`; viewers come and go as the scenario says.
    pub(super) fn disturb_until(&mut self, until: Instant, from: Instant) -> Result<()> {
        loop {
            let next = self.next_disturbance(from);
            let Some(next) = next.filter(|next| *next < until) else { break };
            self.sleep_until(next);
            self.disturb(next, from)?;
            self.note_joined();
        }
        self.sleep_until(until);
        self.note_joined();
        Ok(())
    }

    fn next_disturbance(&self, from: Instant) -> Option<Instant> {
        let churn =
            self.scenario.churn.map(|churn| from + Duration::from_secs_f64((self.churned as f64 + 0.5) / churn.per_s));
        let storm = self.scenario.storm.filter(|storm| self.storms < storm.times);
        let storm =
            storm.map(|storm| from + Duration::from_secs_f64(storm.at_s + storm.every_s * f64::from(self.storms)));
        [churn, storm].into_iter().flatten().min()
    }

    /// Does what was due at `at`: a storm, or one change of the churn.
    fn disturb(&mut self, at: Instant, from: Instant) -> Result<()> {
        let storm_at =
            |storm: &Storm| from + Duration::from_secs_f64(storm.at_s + storm.every_s * f64::from(self.storms));
        let storm = self.scenario.storm.filter(|storm| self.storms < storm.times && at >= storm_at(storm));
        if let Some(storm) = storm {
            self.storms += 1;
            return self.storm(at, storm);
        }
        let Some(churn) = self.scenario.churn else { return Ok(()) };
        self.churned += 1;
        if self.present.is_empty() {
            return Ok(());
        }
        let gone = self.present.remove(self.rng.random_range(0..self.present.len()));
        if let Some(role) = self.dismiss(gone, churn.goodbye)? {
            let part = self.admit(role, at)?;
            self.present.push(part);
        }
        Ok(())
    }

    /// All are gone, or a share, and come again.
    fn storm(&mut self, at: Instant, storm: Storm) -> Result<()> {
        let count = ((self.present.len() as f64 * storm.share).round() as usize).min(self.present.len());
        let gone: Vec<u32> = self.present.drain(..count).collect();
        let roles: Vec<Option<Role>> =
            gone.into_iter().map(|part| self.dismiss(part, storm.goodbye)).collect::<Result<_>>()?;
        for (index, role) in roles.into_iter().flatten().enumerate() {
            let at = at + Duration::from_secs_f64(storm.within_s * index as f64 / count.max(1) as f64);
            self.sleep_until(at);
            let part = self.admit(role, at)?;
            self.present.push(part);
            self.note_joined();
        }
        Ok(())
    }

    /// A viewer leaves. Gives the role of who comes in his place: somebody new.
    fn dismiss(&mut self, part: u32, goodbye: bool) -> Result<Option<Role>> {
        self.fleet.leave(part, goodbye)?;
        let stay = self.stays.get_mut(part as usize).and_then(Option::take);
        if goodbye && let Some(stay) = stay {
            self.exits.leave(stay);
        }
        let role = self.parts.get(part as usize).map(|part| part.role.clone());
        Ok(role.map(|mut role| {
            role.who.number = self.next_number;
            role.also_publishes = false;
            self.next_number += 1;
            role
        }))
    }

    /// From a moment to another, who hears and sees whom changes, where the scenario says so.
    pub(super) fn change_within(&mut self, from: Instant, to: Instant) -> Result<()> {
        let Some(changes) = self.scenario.audience else { return Ok(()) };
        self.note_joined();
        let mut players = Vec::new();
        for (index, (part, stay)) in self.parts.iter().zip(&mut self.stays).enumerate() {
            if let Some(stay) = stay.take() {
                let (part, source) = (u32::try_from(index)?, u32::try_from(part.source)?);
                players.push(Player { part, source, who: self.parts[index].role.who.clone(), stay });
            }
        }
        let Scenario { seed, .. } = *self.scenario;
        let order = Order { epoch: self.epoch, from, to, changes_per_s: changes.changes_per_s, seed };
        self.director = Some(Director::start(players, order)?);
        Ok(())
    }

    /// What came of the changes until now.
    pub(super) fn changed(&mut self) -> Result<Option<AudienceFigures>> {
        let Some(director) = self.director.take() else { return Ok(None) };
        let (mut evidence, players) = director.end()?;
        for player in players {
            if let Some(stay) = self.stays.get_mut(player.part as usize) {
                *stay = Some(player.stay);
            }
        }
        evidence.video = self.scenario.media.video_track();
        evidence.end = self.epoch.elapsed();
        let mut arrivals = Arrivals::default();
        for mut of in self.fleet.arrivals()? {
            arrivals.written.append(&mut of.written);
            arrivals.unwritten += of.unwritten;
        }
        let not_judged = arrivals.unwritten;
        Ok(Some(AudienceFigures { not_judged, ..judge(&evidence, arrivals.written) }))
    }

    /// What becomes of packets in the server.
    pub(super) fn handling(&self) -> Handling {
        match (self.running.mixes(), self.running.repacks()) {
            (true, _) => Handling::Mixed,
            (false, true) => Handling::Repacked,
            (false, false) => Handling::Forwarded,
        }
    }

    pub(super) fn count_within(&self, from: Instant, to: Instant) -> Result<()> {
        self.fleet.count_within(from, to)
    }

    /// CPU time of each thread that plays clients so far.
    pub(super) fn thread_cpu_ns(&self) -> Vec<u64> {
        self.fleet.thread_ids().iter().map(|id| os::own_thread_cpu_ns(*id)).collect()
    }

    pub(super) fn sample(&mut self) -> Result<PartySample> {
        self.note_joined();
        let sampled = self.fleet.sample()?;
        Ok(PartySample {
            packets: sampled.iter().map(|one| one.packets).sum(),
            connected: sampled.iter().map(|one| one.connected).sum(),
            seats: sampled.iter().map(|one| one.seats).sum(),
            latencies: sampled.into_iter().map(|one| one.latency).collect(),
            joins: std::mem::take(&mut self.joins_done),
        })
    }

    /// What was counted until now.
    pub(super) fn before(&self) -> Result<Before> {
        let mut before = Before::default();
        for reported in self.fleet.report()? {
            before.unsent += reported.unsent;
            before.ports.extend(&reported.ports);
            let frames = account::key_frames(reported.seats.iter(), self.scenario.media.video_track());
            before.key_frames.asked += frames.asked;
            before.key_frames.sent += frames.sent;
            for (_, stats) in reported.seats.iter().flat_map(|seat| &seat.sent) {
                before.frames += stats.frames;
                before.skipped += stats.skipped;
            }
        }
        Ok(before)
    }

    /// System calls of these processes by packet, counted by perf for `time`. `None` where there is no perf, or it may not.
    pub(super) fn calls_per_packet(&mut self, pids: &[u32], time: Duration) -> Result<Option<f64>> {
        if pids.is_empty() {
            return Ok(None);
        }
        let list = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", &list, "--", "sleep"]);
        perf.arg(time.as_secs_f64().to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        self.sample()?;
        let Ok(output) = perf.output() else { return Ok(None) };
        let packets = self.sample()?.packets;
        let text = String::from_utf8_lossy(&output.stderr);
        let count = text.lines().find(|line| line.contains("raw_syscalls")).and_then(|line| line.split(',').next());
        let count = count.and_then(|count| count.parse::<f64>().ok());
        Ok(count.filter(|_| output.status.success() && packets > 0).map(|count| count / packets as f64))
    }

    /// The SRTP profile that was negotiated, by its IANA name.
    pub(super) fn srtp_profile(&self) -> Result<Option<String>> {
        Ok(self.fleet.report()?.into_iter().find_map(|one| one.srtp_profile).map(str::to_owned))
    }

    /// How much load there is.
    pub(super) fn shape(&self) -> LoadShape {
        let load = LoadShape::of(self.scenario);
        if self.running.mixes() { LoadShape { streams: load.viewers, ..load } } else { load }
    }

    /// Everybody leaves. Gives all that is known of them.
    pub(super) fn end(mut self) -> Result<(Vec<Part>, Vec<Reported>)> {
        self.note_joined();
        let mut reported = self.fleet.report()?;
        for part in 0..self.parts.len() {
            self.fleet.leave(u32::try_from(part)?, true)?;
        }
        for stay in self.stays.drain(..).flatten() {
            self.exits.leave(stay);
        }
        self.exits.close();
        for joined in self.doors.close() {
            let Some(part) = self.parts.get_mut(joined.part as usize) else { continue };
            part.signalled = Some(joined.signalled);
            part.failure = joined.stay.err().filter(|error| !error.contains(LEFT));
        }
        for seat in reported.iter_mut().flat_map(|one| one.seats.drain(..)) {
            if let Some(part) = self.parts.get_mut(seat.part as usize) {
                part.seats.push(seat);
            }
        }
        Ok((self.parts, reported))
    }
}
