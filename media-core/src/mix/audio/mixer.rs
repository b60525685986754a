//! The one door, and the order of a turn.

use super::classes::Classes;
use super::ear::Rules;
use super::limits::{MAX_SPEAKERS, MAX_UNPOLLED};
use super::listeners::Listeners;
use super::mixdown::{Bench, SourceKey};
use super::select::{Candidate, choose};
use super::source::{Source, Standing};
use super::{
    Ear, FRAME_SAMPLES, Full, GroupId, ListenerId, MAX_LISTENERS, MAX_SOURCES, MixSettings, MixStats, Mixed, Output,
    Packet, SourceId,
};
use rustc_hash::FxHashMap;
use slotmap::SlotMap;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A turn's length.
const TURN: Duration = Duration::from_millis(20);
/// Turns that are made up for; of those missed before, the sound is left out.
const MAX_BEHIND: u64 = 5;

/// The audio mixer of one room. Everything is told with its time; nothing here reads a clock.
///
/// Tell it what comes ([`push`](Self::push)), call [`tick`](Self::tick) at [`next_tick`](Self::next_tick), and then drain
/// [`poll`](Self::poll).
#[derive(Debug)]
pub struct AudioMixer {
    settings: MixSettings,
    began: Instant,
    /// Turns since then that are over, whether there was anything to do in them or not.
    turns: u64,
    /// After the last turn there was nothing to do.
    rests: bool,
    sources: SlotMap<SourceKey, Source>,
    keys: FxHashMap<SourceId, SourceKey>,
    /// How many sources each group has.
    groups: FxHashMap<GroupId, usize>,
    /// Sources that were loud of late, or must be decoded to know.
    listed: Vec<SourceKey>,
    /// Those in the mixes.
    heard: Vec<SourceKey>,
    /// Those in the mixes have changed.
    recast: bool,
    candidates: Vec<Candidate>,
    listeners: Listeners,
    classes: Classes,
    bench: Bench,
    outputs: VecDeque<Output>,
    stats: MixStats,
}

impl AudioMixer {
    /// An empty one. Its turns are whole multiples of 20 ms after `now`.
    #[must_use]
    pub fn new(settings: MixSettings, now: Instant) -> Self {
        Self {
            settings: MixSettings { speakers: settings.speakers.clamp(1, MAX_SPEAKERS), ..settings },
            began: now,
            turns: 0,
            rests: true,
            sources: SlotMap::with_key(),
            keys: FxHashMap::default(),
            groups: FxHashMap::default(),
            listed: Vec::new(),
            heard: Vec::new(),
            recast: false,
            candidates: Vec::new(),
            listeners: Listeners::default(),
            classes: Classes::default(),
            bench: Bench::new(),
            outputs: VecDeque::new(),
            stats: MixStats::default(),
        }
    }

    /// Takes a source in. One that is there already only changes its group, as by [`regroup`](Self::regroup).
    pub fn add_source(&mut self, id: SourceId, group: GroupId, now: Instant) -> Result<(), Full> {
        if self.keys.contains_key(&id) {
            self.regroup(id, group);
            return Ok(());
        }
        if self.keys.len() >= MAX_SOURCES {
            return Err(Full);
        }
        self.keys.insert(id, self.sources.insert(Source::new(id, group, now)));
        self.enter_group(group);
        self.listeners.touch(id);
        Ok(())
    }

    /// Moves a source to another group, from the next turn on. What it said before, and has not been heard yet, nobody will hear.
    pub fn regroup(&mut self, id: SourceId, group: GroupId) {
        let Some(&key) = self.keys.get(&id) else { return };
        let Some(source) = self.sources.get_mut(key) else { return };
        let before = std::mem::replace(&mut source.group, group);
        if before == group {
            return;
        }
        source.cut();
        self.take_out(key, id);
        self.leave_group(before);
        self.enter_group(group);
    }

    /// Forgets a source. Nothing more of it is heard.
    pub fn remove_source(&mut self, id: SourceId) {
        let Some(key) = self.keys.remove(&id) else { return };
        self.take_out(key, id);
        self.listed.retain(|listed| *listed != key);
        if let Some(source) = self.sources.remove(key) {
            self.leave_group(source.group);
        }
    }

    /// Takes a packet.
    #[expect(clippy::needless_pass_by_value, reason = "a packet is handed over")]
    pub fn push(&mut self, id: SourceId, packet: Packet, now: Instant) {
        let source = self.keys.get(&id).and_then(|key| Some((*key, self.sources.get_mut(*key)?)));
        let Some((key, source)) = source else {
            self.stats.refused += 1;
            return;
        };
        let is_loud = source.push(&packet, now, &mut self.stats);
        if is_loud && !source.is_listed && self.listeners.wants(id, source.group) {
            source.is_listed = true;
            self.listed.push(key);
        }
    }

    /// What a listener hears from the next turn on; a listener whom it does not know yet is new.
    pub fn hear(&mut self, listener: ListenerId, ear: Ear) {
        let is_new = !self.listeners.contains(listener);
        if is_new && self.listeners.len() >= MAX_LISTENERS {
            self.stats.ears_refused += 1;
            return;
        }
        let rules = Rules::of(ear, &self.settings).unwrap_or_else(|deaf| {
            self.stats.ears_refused += 1;
            deaf
        });
        self.listeners.set(listener, rules);
    }

    /// Forgets a listener.
    pub fn forget(&mut self, listener: ListenerId) {
        if let Some(output) = self.listeners.remove(listener) {
            self.classes.leave(output);
        }
    }

    /// When [`tick`](Self::tick) is to be called; `None` if there is nothing to do until something is told. After such a rest it is a
    /// time that has passed: at once.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        (!self.is_idle()).then(|| self.turn_at(self.turns + 1))
    }

    /// One turn: 20 ms of sound for every mix. Called later than a turn, it makes up for up to 100 ms by being called again.
    pub fn tick(&mut self, now: Instant) {
        let due = u64::try_from(now.saturating_duration_since(self.began).as_millis() / TURN.as_millis()).unwrap_or(0);
        if due <= self.turns {
            return;
        }
        // What passed while there was nothing to do is not made up for.
        self.turns = if self.rests { due } else { (self.turns + 1).max(due.saturating_sub(MAX_BEHIND)) };
        // Packets wait by the time that the turn should have been at, not by when the caller found the time.
        let now = self.turn_at(self.turns);
        self.stats.ticks += 1;
        self.end_leaving();
        self.meter(now);
        self.select(now);
        self.assign();
        self.play(now);
        self.mix();
        for key in &self.listed {
            if let Some(source) = self.sources.get_mut(*key) {
                source.remember();
            }
        }
        self.rests = self.is_idle();
    }

    /// What came of it.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> MixStats {
        MixStats {
            sources: self.sources.len(),
            listeners: self.listeners.len(),
            outputs: self.classes.len(),
            decoding: self.sources.values().filter(|source| source.is_playing()).count(),
            ..self.stats
        }
    }

    /// How long the packets of a source wait now before they are heard; `None` if it is not heard.
    #[must_use]
    pub fn waits(&self, id: SourceId) -> Option<Duration> {
        let source = self.sources.get(*self.keys.get(&id)?)?;
        source.is_playing().then(|| Duration::from_micros(u64::try_from(source.waited_us()).unwrap_or(0)))
    }

    fn is_idle(&self) -> bool {
        self.listed.is_empty()
            && self.heard.is_empty()
            && !self.listeners.is_dirty()
            && !self.classes.has_vacant()
            && self.classes.sleep()
    }

    fn turn_at(&self, turn: u64) -> Instant {
        self.began + Duration::from_millis(turn.saturating_mul(20))
    }

    fn enter_group(&mut self, group: GroupId) {
        let count = self.groups.entry(group).or_default();
        *count += 1;
        if *count == 1 {
            self.listeners.touch_all();
        }
    }

    fn leave_group(&mut self, group: GroupId) {
        let Some(count) = self.groups.get_mut(&group) else { return };
        *count -= 1;
        if *count == 0 {
            self.groups.remove(&group);
            self.listeners.touch_all();
        }
    }

    /// Takes a source out of every mix at once, with all that is left of it there.
    fn take_out(&mut self, key: SourceKey, id: SourceId) {
        self.stats.rebuilt += self.classes.rebuild_with(key);
        let before = self.heard.len();
        self.heard.retain(|heard| *heard != key);
        self.recast |= self.heard.len() != before;
        self.listeners.touch(id);
    }

    /// Those who faded out in the last turn are out.
    fn end_leaving(&mut self) {
        let (sources, listeners) = (&mut self.sources, &mut self.listeners);
        let before = self.heard.len();
        self.heard.retain(|key| {
            let Some(source) = sources.get_mut(*key) else { return false };
            if source.standing != Standing::Leaving {
                return true;
            }
            source.standing = Standing::Out;
            listeners.touch(source.id);
            false
        });
        self.recast |= self.heard.len() != before;
    }

    /// Decodes those who do not tell how loud they are, and tells it.
    fn meter(&mut self, now: Instant) {
        for key in &self.listed {
            if let Some(source) = self.sources.get_mut(*key)
                && source.is_unlevelled(now)
                && let Some(level) = source.play(now, &self.settings, &mut self.stats)
                && self.outputs.len() < MAX_UNPOLLED
            {
                self.outputs.push_back(Output::Level { source: source.id, level });
            }
        }
    }

    fn select(&mut self, now: Instant) {
        self.list(now);
        let mut candidates = std::mem::take(&mut self.candidates);
        for of_group in candidates.chunk_by_mut(|a, b| a.group == b.group) {
            let chosen = choose(of_group, self.settings.speakers, now);
            for (at, candidate) in of_group.iter().enumerate() {
                self.stand(candidate.key, at < chosen);
            }
        }
        candidates.clear();
        self.candidates = candidates;
    }

    /// Goes through those who were loud of late: who is quiet now is left out, who is wanted by name comes in, the others compete.
    fn list(&mut self, now: Instant) {
        let listed = std::mem::take(&mut self.listed);
        let mut remaining = Vec::with_capacity(listed.len());
        for key in listed {
            let Some(source) = self.sources.get_mut(key) else { continue };
            let is_heard = source.standing != Standing::Out;
            let is_wanted = self.listeners.wants(source.id, source.group);
            let is_metered = source.is_unlevelled(now) && is_wanted;
            if !is_heard && !is_metered {
                source.rest();
            }
            let may_come = is_wanted && (source.loudness.is_fresh(now) || is_metered);
            if !is_heard && !may_come {
                source.is_listed = false;
                source.rest();
                continue;
            }
            remaining.push(key);
            let (id, group, loudness) = (source.id, source.group, source.loudness);
            if !is_wanted {
                self.stand(key, false);
            } else if self.listeners.wants_by_name(id) {
                self.stand(key, if is_heard { loudness.holds(now) } else { loudness.is_fresh(now) });
            } else {
                self.candidates.push(Candidate { group, id, key, loudness, is_heard });
            }
        }
        self.listed = remaining;
        self.candidates.sort_unstable_by_key(|candidate| (candidate.group, candidate.id));
    }

    /// Lets a source in, or begins to let it out.
    fn stand(&mut self, key: SourceKey, is_in: bool) {
        let Some(source) = self.sources.get_mut(key) else { return };
        match (source.standing, is_in) {
            (Standing::Out, true) => {
                source.standing = Standing::In;
                self.heard.push(key);
                self.recast = true;
                self.listeners.touch(source.id);
            }
            (Standing::In, false) => source.standing = Standing::Leaving,
            _ => {}
        }
    }

    /// Finds the mix of everyone whom a change concerns.
    fn assign(&mut self) {
        let (sources, keys, groups) = (&self.sources, &self.keys, &self.groups);
        let lives = |group| groups.contains_key(&group);
        let speaks = |id| {
            let source = sources.get(*keys.get(&id)?)?;
            (source.standing != Standing::Out).then_some(source.group)
        };
        for id in self.listeners.take_dirty() {
            let Some(listener) = self.listeners.get_mut(id) else { continue };
            let key = listener.rules.key(lives, speaks);
            let output = self.classes.find(key);
            if listener.output == Some(output) {
                continue;
            }
            if let Some(before) = listener.output.replace(output) {
                self.classes.leave(before);
            }
            self.classes.join(output);
            self.outputs.push_back(Output::Assigned { listener: id, output });
        }
        self.classes.drop_vacant(&mut self.outputs);
        self.classes.cast(&self.heard, sources, std::mem::take(&mut self.recast));
    }

    /// Decodes those who are heard.
    fn play(&mut self, now: Instant) {
        for key in &self.heard {
            let Some(source) = self.sources.get_mut(*key) else { continue };
            if !source.is_unlevelled(now) {
                source.play(now, &self.settings, &mut self.stats);
            }
            if source.standing == Standing::Leaving {
                source.fade_out();
            }
        }
    }

    fn mix(&mut self) {
        // The clock of RTP wraps: the low 32 bits.
        let timestamp = |turn: u64| turn.wrapping_mul(FRAME_SAMPLES as u64) as u32;
        for class in self.classes.iter_mut() {
            let timestamp = timestamp(self.turns.wrapping_sub(class.turns_before()));
            let mixed = class.turn(self.turns, &self.sources, &mut self.bench, &self.settings, &mut self.stats);
            let Some(mixed) = mixed else { continue };
            if self.outputs.len() >= MAX_UNPOLLED {
                self.stats.unpolled += 1;
                continue;
            }
            self.outputs.push_back(Output::Packet(Mixed { timestamp, ..mixed }));
        }
    }
}
