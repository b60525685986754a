//! How a budget is spent on places: the three passes that the folder's front page describes. No memory, no time.

use super::allocator::{Class, Wish};
use super::rung::{Reach, Rung};
use std::cmp::Reverse;

/// One place on its way up its ladder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The number of its wish.
    pub wish: usize,
    /// When it is served.
    pub class: Class,
    /// Rungs a turn.
    pub weight: u8,
    /// How far it wants to go.
    pub reach: Reach,
    /// The rung that it has had until now, counted from 1; 0 for none.
    pub current: usize,
    /// The rung that it is given, counted from 1; 0 for none.
    pub level: usize,
    /// What that costs, bits/s.
    pub cost_bps: u64,
}

impl Place {
    pub(crate) fn of<K>(number: usize, wish: &Wish<'_, K>) -> Self {
        let found = wish.current.and_then(|layer| wish.ladder.iter().position(|rung| rung.layer == layer));
        Self {
            wish: number,
            class: wish.class,
            weight: wish.weight.max(1),
            reach: Reach::of(wish.ladder, wish.prefer, wish.shown),
            current: found.map_or(0, |at| at + 1),
            level: 0,
            cost_bps: 0,
        }
    }

    /// Puts the place on a rung, whatever it costs.
    pub(crate) fn put(&mut self, ladder: &[Rung], level: usize) {
        self.level = level.min(ladder.len());
        self.cost_bps = ladder[..self.level].iter().map(|rung| rung.bps).max().unwrap_or(0);
    }

    /// What its next rung costs, if it wants one.
    pub(crate) fn next_cost_bps(&self, ladder: &[Rung]) -> Option<u64> {
        let rung = ladder.get(self.level).filter(|_| self.level < self.reach.full)?;
        Some(rung.bps.max(self.cost_bps))
    }

    /// Nobody rises while an equal is dark who is as cheap to light: else more bandwidth would take from him again.
    pub(crate) fn gives_way(&self, ladder: &[Rung], dark_bps: Option<u64>) -> bool {
        let lowest_bps = ladder.first().map_or(0, |rung| rung.bps);
        self.level > 0 && dark_bps.is_some_and(|dark_bps| dark_bps <= lowest_bps)
    }

    /// Goes up one rung, not beyond `limit`, if what is left pays for it.
    fn raise(&mut self, ladder: &[Rung], limit: usize, left_bps: &mut u64) -> bool {
        let Some(cost_bps) = self.next_cost_bps(ladder).filter(|_| self.level < limit) else { return false };
        let Some(left) = left_bps.checked_sub(cost_bps - self.cost_bps) else { return false };
        *left_bps = left;
        self.level += 1;
        self.cost_bps = cost_bps;
        true
    }
}

/// Puts places into the order in which they are served. Among equals those who have more come first, so that nobody is robbed
/// for somebody who is no better; then it goes by the order of the wishes.
pub(crate) fn sort(places: &mut [Place]) {
    places.sort_unstable_by_key(|p| (p.class, Reverse(p.weight), Reverse(p.current), p.wish));
}

/// How high places may rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ceiling {
    /// To what they want.
    Wanted,
    /// To what they have: a plan that only takes.
    Current,
}

/// Spends `budget_bps` on sorted places from nothing; gives what was spent.
pub(crate) fn fill<K>(places: &mut [Place], wishes: &[Wish<'_, K>], budget_bps: u64, ceiling: Ceiling) -> u64 {
    for place in places.iter_mut() {
        (place.level, place.cost_bps) = (0, 0);
    }
    budget_bps - spend(places, wishes, budget_bps, ceiling)
}

/// Spends `left_bps` on what sorted places have not got yet, in the three passes; gives what is left of it.
pub(crate) fn spend<K>(places: &mut [Place], wishes: &[Wish<'_, K>], left_bps: u64, ceiling: Ceiling) -> u64 {
    let mut left = left_bps;
    let by_class = |a: &Place, b: &Place| a.class == b.class;
    for class in places.chunk_by_mut(by_class) {
        take_turns(class, wishes, &mut left, ceiling, |p| p.reach.alive);
    }
    for class in places.chunk_by_mut(by_class).filter(|c| c[0].class != Class::Face) {
        take_turns(class, wishes, &mut left, ceiling, |p| p.reach.good);
    }
    for class in places.chunk_by_mut(by_class) {
        take_turns(class, wishes, &mut left, ceiling, |p| p.reach.full);
    }
    left
}

/// What it costs to light one of a class who gets nothing and wants something, bits/s; the least.
pub(crate) fn cheapest_dark<K>(class: &[Place], wishes: &[Wish<'_, K>]) -> Option<u64> {
    let dark = class.iter().filter(|p| p.level == 0 && p.reach.alive > 0);
    dark.filter_map(|p| wishes[p.wish].ladder.first().map(|rung| rung.bps)).min()
}

/// Raises the places of one class towards a limit, each by its weight in turn, until none can rise.
fn take_turns<K>(
    class: &mut [Place],
    wishes: &[Wish<'_, K>],
    left: &mut u64,
    ceiling: Ceiling,
    limit: fn(&Place) -> usize,
) {
    loop {
        let dark_bps = cheapest_dark(class, wishes);
        let mut rose = false;
        for place in class.iter_mut() {
            let limit = match ceiling {
                Ceiling::Wanted => limit(place),
                Ceiling::Current => limit(place).min(place.current),
            };
            let ladder = wishes[place.wish].ladder;
            let steps = (0..place.weight)
                .take_while(|_| !place.gives_way(ladder, dark_bps) && place.raise(ladder, limit, left))
                .count();
            rose |= steps > 0;
        }
        if !rose {
            return;
        }
    }
}

/// What a filling is against what places have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// The same, or worse, or an exchange among equals.
    No,
    /// Some gain, nobody loses.
    Purely,
    /// Some gain, and places of a lesser class lose.
    AtCost,
}

/// Compares a filling of sorted places with what they have. The first class that differs decides: it must gain and lose nothing.
pub(crate) fn compare(places: &[Place]) -> Better {
    for class in places.chunk_by(|a, b| a.class == b.class) {
        if class.iter().any(|p| p.level < p.current) {
            return Better::No;
        }
        if class.iter().any(|p| p.level > p.current) {
            let costs = places.iter().any(|p| p.level < p.current);
            return if costs { Better::AtCost } else { Better::Purely };
        }
    }
    Better::No
}
