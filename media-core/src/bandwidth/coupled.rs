//! Viewers who share a bottleneck, and what they owe each other.
//!
//! One address (an office behind its router) makes viewers *candidates* only: behind a carrier's address each has a link of his own.
//! Whether two share is found by trial, as in a laboratory: one sends a cluster of packets that makes a queue (a
//! [`Probe`](super::probe)), and either the other's packets wait at that moment too, or they do not. What a publisher sends
//! to both at once proves nothing, which is why queues are not merely compared (the idea of RFC 8382, made active).
//!
//! Those who share rise together (RFC 8699 shares one rate among flows; with layers, what is shared is the steps): a step is
//! taken where there is room for everybody's who has less, and who has had more than another could get for a while gives
//! it up. So nobody rises because the others happen to be low, and they take no turns.

use super::queue_trace::Swell;
use std::time::{Duration, Instant};

/// Candidates of one address who are looked at; more are on their own. It bounds the pairs.
const MEMBERS_MAX: usize = 32;
/// Who told nothing for this long is gone.
const GONE: Duration = Duration::from_secs(2);
/// A cluster that made a shorter queue says nothing, microseconds: a frame's burst makes as much.
const TELLING_US: u64 = 8_000;
/// Trials that agree until two are believed to share.
const BELIEVED: u8 = 2;
/// Trials that are remembered; a contrary one counts for [`CONTRARY`].
const BOND_MAX: u8 = 8;
const CONTRARY: u8 = 3;
/// Who has this part of another's rate, in percent, has as much: rates are measured, and layers differ.
const EQUAL_PCT: u64 = 80;
/// Halvings in the search for a level: to a thousandth.
const SPLITS: u32 = 10;
/// How long a turn to send clusters is, ms, and the part at its end in which none begins.
const TURN_MS: u64 = 1_000;
const PAUSE_MS: u64 = 300;
/// Up to this rate nobody waits for others or gives anything up, bits/s: it is a face and a voice.
const FLOOR_BPS: u64 = 300_000;
/// How long somebody must have had less, with no room for more, before others give up what they have more. Who joins, or fell by a
/// short jam, finds his own way in this time.
const PATIENCE: Duration = Duration::from_secs(6);

/// What one viewer has and would like, bits/s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// What he gets.
    pub(crate) allocated_bps: u64,
    /// All that he could use.
    pub(crate) wanted_bps: u64,
    /// He would rise, and his path has no room for it.
    pub(crate) is_short: bool,
}

#[derive(Debug)]
struct Member<K> {
    key: K,
    told: Instant,
    share: Share,
    /// By the number of the other: trials that agreed.
    bonds: [u8; MEMBERS_MAX],
    /// Since when somebody who shares with this one has had less.
    ahead_since: Option<Instant>,
}

/// Viewers of one address.
#[derive(Debug)]
pub(crate) struct Coupled<K> {
    members: [Option<Member<K>>; MEMBERS_MAX],
    began: Instant,
    yielded: Option<Instant>,
}

impl<K: Copy + Eq> Coupled<K> {
    /// Nobody yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { members: [const { None }; MEMBERS_MAX], began: now, yielded: None }
    }

    /// Takes note of somebody's share, and forgets who tells nothing any more.
    pub(crate) fn tell(&mut self, now: Instant, key: K, share: Share) {
        self.forget_gone(now);
        let at = self.number_of(key).or_else(|| self.members.iter().position(Option::is_none));
        let Some((at, slot)) = at.and_then(|at| Some((at, self.members.get_mut(at)?))) else { return };
        if let Some(member) = slot {
            (member.told, member.share) = (now, share);
            return;
        }
        *slot = Some(Member { key, told: now, share, bonds: [0; MEMBERS_MAX], ahead_since: None });
        self.members.iter_mut().flatten().for_each(|member| member.bonds[at] = 0);
    }

    /// Whether nobody is left.
    pub(crate) fn is_empty(&mut self, now: Instant) -> bool {
        self.forget_gone(now);
        self.members.iter().all(Option::is_none)
    }

    fn forget_gone(&mut self, now: Instant) {
        for slot in &mut self.members {
            if slot.as_ref().is_some_and(|member| now.saturating_duration_since(member.told) > GONE) {
                *slot = None;
            }
        }
    }

    fn number_of(&self, key: K) -> Option<usize> {
        self.members.iter().position(|slot| slot.as_ref().is_some_and(|member| member.key == key))
    }

    /// Somebody sent a cluster; `swell` tells what his queue and another's did at that moment.
    pub(crate) fn probed(&mut self, prober: K, swell: impl Fn(K) -> Option<Swell>) {
        let Some(own_us) = swell(prober).map(|own| own.rise_us).filter(|rise_us| *rise_us >= TELLING_US) else {
            return;
        };
        let Some(at) = self.number_of(prober) else { return };
        for other in (0..MEMBERS_MAX).filter(|other| *other != at) {
            let Some(met) = self.members[other].as_ref().and_then(|member| swell(member.key)) else { continue };
            let bond = |bond: u8| match met {
                _ if met.rise_us >= own_us / 2 => (bond + 1).min(BOND_MAX),
                _ if met.longest_us <= own_us / 4 => bond.saturating_sub(CONTRARY),
                _ => bond,
            };
            for (one, two) in [(at, other), (other, at)] {
                if let Some(member) = &mut self.members[one] {
                    member.bonds[two] = bond(member.bonds[two]);
                }
            }
        }
    }

    /// Those who share a bottleneck with somebody.
    fn sharers(&self, key: K) -> impl Iterator<Item = &Member<K>> {
        let bonds = self.number_of(key).and_then(|at| self.members[at].as_ref()).map(|member| &member.bonds);
        let others = self.members.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.as_ref()?)));
        others.filter(move |(at, _)| bonds.is_some_and(|bonds| bonds[*at] >= BELIEVED)).map(|(_, member)| member)
    }

    /// What those who share a bottleneck with somebody get of it, bits/s.
    pub(crate) fn beside_bps(&self, key: K) -> u64 {
        self.sharers(key).map(|member| member.share.allocated_bps).fold(0, u64::saturating_add)
    }

    /// Whether it is somebody's turn to send clusters: those who look for more take turns, for clusters that meet tell nothing and make a
    /// long queue.
    pub(crate) fn has_turn(&self, now: Instant, key: K) -> bool {
        let Some(own) = self.number_of(key) else { return true };
        let (mut before, mut all) = (0, 1);
        for other in self.sharers(key).filter(|other| other.share.is_short) {
            all += 1;
            before += u32::from(self.number_of(other.key).is_some_and(|at| at < own));
        }
        let since = now.saturating_duration_since(self.began).as_millis() as u64;
        let (turn, within) = (since / TURN_MS, since % TURN_MS);
        all == 1 || (turn % all == u64::from(before) && within < TURN_MS - PAUSE_MS)
    }

    /// How many share a bottleneck with somebody.
    #[cfg(test)]
    pub(crate) fn company(&self, key: K) -> usize {
        self.sharers(key).count()
    }

    /// What those who have less than `level_bps` lack to it, bits/s: who rises to it needs room for them as well.
    pub(crate) fn owed_bps(&self, key: K, level_bps: u64) -> u64 {
        if level_bps <= FLOOR_BPS {
            return 0;
        }
        let lacks = |share: &Share| {
            let wanted_bps = share.wanted_bps.min(level_bps);
            let is_behind = share.is_short && share.allocated_bps < wanted_bps / 100 * EQUAL_PCT;
            if is_behind { wanted_bps - share.allocated_bps } else { 0 }
        };
        self.sharers(key).map(|member| lacks(&member.share)).fold(0, u64::saturating_add)
    }

    /// How far somebody may rise where there is room for `room_bps`, bits/s: so far that those who have less could do so as well.
    pub(crate) fn fair_bps(&self, key: K, room_bps: u64) -> u64 {
        // What is owed grows with the level: halve the span in which the answer is.
        let (mut low, mut high) = (0, room_bps);
        for _ in 0..SPLITS {
            let level_bps = low + (high - low).div_ceil(2);
            let fits = level_bps.saturating_add(self.owed_bps(key, level_bps)) <= room_bps;
            (low, high) = if fits { (level_bps, high) } else { (low, level_bps) };
        }
        // What was not tried is the whole.
        if self.owed_bps(key, room_bps) == 0 { room_bps } else { low }
    }

    /// Whether somebody has to give up a step: he has had the most of those who share, for long, while another has less, and no more
    /// room than `room_bps` was found for everyone.
    pub(crate) fn yields(&mut self, now: Instant, key: K, room_bps: u64) -> bool {
        let Some(share) = self.number_of(key).and_then(|at| self.members[at].as_ref()).map(|m| m.share) else {
            return false;
        };
        let level_bps = share.allocated_bps;
        let is_most = self.sharers(key).all(|other| other.share.allocated_bps <= level_bps);
        let owed_bps = self.owed_bps(key, level_bps);
        let is_ahead = is_most && owed_bps > 0 && room_bps < level_bps.saturating_add(owed_bps);
        let again = self.yielded.is_none_or(|at| now.saturating_duration_since(at) > PATIENCE);
        let Some(member) = self.number_of(key).and_then(|at| self.members[at].as_mut()) else { return false };
        if !is_ahead {
            member.ahead_since = None;
            return false;
        }
        let since = *member.ahead_since.get_or_insert(now);
        if !again || now.saturating_duration_since(since) < PATIENCE {
            return false;
        }
        member.ahead_since = None;
        self.yielded = Some(now);
        true
    }
}
