//! One viewer's downlink, shared among what he looks at.

use super::fill::{Better, Ceiling, Place, cheapest_dark, compare, fill, sort, spend};
use super::rung::{Prefer, Rung};
use super::steady::Steady;
use crate::api::Layer;
use std::hash::{BuildHasher, Hash};
use std::time::{Duration, Instant};

/// Who is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    /// The viewer chose it.
    Pinned,
    /// A shared screen.
    Screen,
    /// The person who holds the floor.
    Speaker,
    /// Everyone else.
    Face,
}

/// What one receiving place would like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a, K> {
    /// The place.
    pub key: K,
    /// Who is served first.
    pub class: Class,
    /// Within the class, who is served first and rises faster, as the client says: 1 (usual) to 8. 0 counts as 1.
    pub weight: u8,
    /// What its source loses last; decides, with [`Ladder::build`](super::Ladder::build), the order of the ladder.
    pub prefer: Prefer,
    /// The size at which it is shown, in device pixels (CSS pixels times the device pixel ratio). `None`: the client did not say.
    /// A side of 0: hidden, gets nothing and costs nothing.
    pub shown: Option<(u16, u16)>,
    /// What its source offers, from the worst to the best. Empty while the source sends nothing: the place then keeps what it has,
    /// so that an end of silence is seen at once.
    pub ladder: &'a [Rung],
    /// What the place was told last, whether the switch to it has happened yet or not; `None` when it is paused, new, or has got
    /// another source.
    pub current: Option<Layer>,
}

/// What one place gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allocation<K> {
    /// The place.
    pub key: K,
    /// The layer to forward; `None`: nothing, it is paused.
    pub layer: Option<Layer>,
    /// What that costs, bits/s.
    pub bps: u64,
    /// It would get more with more bandwidth.
    pub short_of: bool,
}

/// What everyone gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan<K> {
    /// One for each wish, in the order of the wishes.
    pub allocations: Vec<Allocation<K>>,
    /// What all of it costs with the audio, bits/s.
    pub allocated_bps: u64,
    /// The target at which somebody gets more than he has or is about to get, bits/s, head-room and audio included; 0 when everyone has all that he wants.
    pub needed_bps: u64,
    /// The target at which everyone gets all that he wants, bits/s, head-room and audio included: nothing above is worth probing for.
    pub wanted_bps: u64,
}

impl<K> Default for Plan<K> {
    fn default() -> Self {
        Self { allocations: Vec::new(), allocated_bps: 0, needed_bps: 0, wanted_bps: 0 }
    }
}

/// Decides for one viewer; remembers what keeps decisions steady.
#[derive(Debug)]
pub(crate) struct Allocator<K> {
    steady: Steady,
    /// Everything about the last wishes but what is measured.
    wishes: Option<u64>,
    /// What the last plan's video cost.
    video_bps: u64,
    /// While a better plan waits for its time, what asks for more than that one; 0 otherwise.
    ahead_bps: u64,
    places: Vec<Place>,
    plan: Plan<K>,
}

impl<K: Copy + Eq + Hash> Allocator<K> {
    /// For a viewer who gets nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            steady: Steady::default(),
            wishes: None,
            video_bps: 0,
            ahead_bps: 0,
            places: Vec::new(),
            plan: Plan::default(),
        }
    }

    /// Shares `target_bps` among `audio_bps` and the wishes. To be called every 50 to 200 ms, and when wishes change.
    ///
    /// A plan is kept while it is affordable; it comes down at once when it is not, and goes up when there has been room for a
    /// better one for a while. Wishes that change are answered at once, out of what is sent already or with head-room.
    pub(crate) fn plan(&mut self, now: Instant, target_bps: u64, audio_bps: u64, wishes: &[Wish<'_, K>]) -> &Plan<K> {
        let budget = target_bps.saturating_sub(audio_bps);
        self.ahead_bps = 0;
        let step = self.steady.step(now);
        self.places.clear();
        self.places.extend(wishes.iter().enumerate().map(|(number, wish)| Place::of(number, wish)));
        sort(&mut self.places);

        if self.wishes_changed(wishes) {
            self.answer(now, step, budget, wishes);
        } else {
            self.steer(now, step, budget, wishes);
        }
        self.write(audio_bps, wishes);
        &self.plan
    }

    /// Whether somebody came, went, wants something else, or lost what he had.
    fn wishes_changed(&mut self, wishes: &[Wish<'_, K>]) -> bool {
        let hasher = rustc_hash::FxBuildHasher;
        let one = |w: &Wish<'_, K>| hasher.hash_one((w.key, w.class, w.weight, w.prefer, w.shown, w.ladder.is_empty()));
        // A sum, so that the order of the wishes is no change.
        let all = wishes.iter().map(one).fold(wishes.len() as u64, u64::wrapping_add);
        let lost = self.places.iter().any(|p| {
            let wish = &wishes[p.wish];
            let gone = wish.current.is_some() && p.current == 0 && !wish.ladder.is_empty();
            gone || p.current > p.reach.full
        });
        self.wishes.replace(all) != Some(all) || lost
    }

    /// Plans anew for wishes that changed: out of what is sent already, or more if there is head-room.
    fn answer(&mut self, now: Instant, step: Duration, budget: u64, wishes: &[Wish<'_, K>]) {
        let kept = self.keep(wishes);
        let sent = if self.steady.overshoots(step, kept, budget) {
            self.steady.fell(now, budget);
            budget
        } else {
            kept.max(budget.min(self.video_bps))
        };
        let backs_off = self.steady.backs_off(now, budget);
        let spend = if backs_off { sent } else { sent.max(Steady::with_headroom(budget)) };
        let cost = fill(&mut self.places, wishes, spend, Ceiling::Wanted);
        if self.video_bps > 0 && cost > self.video_bps {
            self.steady.rose(now, budget);
        }
    }

    /// Keeps the plan, or moves it down or up, for wishes that are as before.
    fn steer(&mut self, now: Instant, step: Duration, budget: u64, wishes: &[Wish<'_, K>]) {
        let cost = self.keep(wishes);
        if self.steady.overshoots(step, cost, budget) {
            let cost = fill(&mut self.places, wishes, budget, Ceiling::Current);
            // What one large fall leaves goes to the others, with head-room: they need not wait for it in the dark.
            let left = Steady::with_headroom(budget).saturating_sub(cost);
            spend(&mut self.places, wishes, left, Ceiling::Wanted);
            self.steady.fell(now, budget);
            return;
        }
        let better = self.improve(cost, budget, wishes);
        let lights = self.places.iter().any(|p| p.current == 0 && p.level > 0);
        if self.steady.may_rise(now, step, better, (budget, lights)) {
            self.steady.rose(now, budget);
        } else {
            // Whether there is room for what comes after what waits for its time can be found out meanwhile.
            self.ahead_bps = if better == Better::Purely { self.needed(wishes) } else { 0 };
            self.keep(wishes);
        }
    }

    /// Puts places where a better plan would have them, if there is one: with head-room, or for what is spent already.
    fn improve(&mut self, cost: u64, budget: u64, wishes: &[Wish<'_, K>]) -> Better {
        let affordable = Steady::with_headroom(budget);
        fill(&mut self.places, wishes, affordable.max(cost.min(budget)), Ceiling::Wanted);
        let better = compare(&self.places);
        if better != Better::No {
            return better;
        }
        // From nothing it would share otherwise among equals: leave them what they have, and add.
        self.keep(wishes);
        let Some(left) = affordable.checked_sub(cost) else { return Better::No };
        spend(&mut self.places, wishes, left, Ceiling::Wanted);
        compare(&self.places)
    }

    /// Puts every place where it is; gives what that costs.
    fn keep(&mut self, wishes: &[Wish<'_, K>]) -> u64 {
        let mut cost = 0_u64;
        for place in &mut self.places {
            let level = place.current.min(place.reach.full);
            place.put(wishes[place.wish].ladder, level);
            cost = cost.saturating_add(place.cost_bps);
        }
        cost
    }

    /// What the cheapest step up from where the places are asks for, with head-room; 0 when there is none.
    fn needed(&self, wishes: &[Wish<'_, K>]) -> u64 {
        let mut least = None::<u64>;
        for class in self.places.chunk_by(|a, b| a.class == b.class) {
            let dark_bps = cheapest_dark(class, wishes);
            let steps = class.iter().filter_map(|place| {
                let ladder = wishes[place.wish].ladder;
                let next_bps = place.next_cost_bps(ladder).filter(|_| !place.gives_way(ladder, dark_bps))?;
                Some(next_bps - place.cost_bps)
            });
            least = steps.chain(least).min();
        }
        let cost = self.places.iter().fold(0_u64, |sum, place| sum.saturating_add(place.cost_bps));
        least.map_or(0, |more| Steady::asked_for(cost.saturating_add(more)))
    }

    /// Writes the plan that the places stand for.
    fn write(&mut self, audio_bps: u64, wishes: &[Wish<'_, K>]) {
        let needed = self.needed(wishes).max(self.ahead_bps);
        let nothing = |wish: &Wish<'_, K>| Allocation { key: wish.key, layer: None, bps: 0, short_of: false };
        let plan = &mut self.plan;
        plan.allocations.clear();
        plan.allocations.extend(wishes.iter().map(nothing));
        let (mut cost, mut wanted) = (0_u64, 0_u64);
        for place in &mut self.places {
            let wish = &wishes[place.wish];
            let allocation = &mut plan.allocations[place.wish];
            let hidden = wish.shown.is_some_and(|(width, height)| width == 0 || height == 0);
            allocation.layer = match place.level.checked_sub(1).and_then(|at| wish.ladder.get(at)) {
                Some(rung) => Some(rung.layer),
                None if wish.ladder.is_empty() && !hidden => wish.current,
                None => None,
            };
            allocation.bps = place.cost_bps;
            allocation.short_of = place.level < place.reach.full;
            cost = cost.saturating_add(place.cost_bps);
            place.put(wish.ladder, place.reach.full);
            wanted = wanted.saturating_add(place.cost_bps);
        }
        self.video_bps = cost;
        plan.allocated_bps = cost.saturating_add(audio_bps);
        plan.needed_bps = if needed == 0 { 0 } else { needed.saturating_add(audio_bps) };
        plan.wanted_bps = if wanted == 0 { audio_bps } else { Steady::asked_for(wanted).saturating_add(audio_bps) };
    }
}
