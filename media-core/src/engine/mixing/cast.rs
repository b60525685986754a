//! Telling the mixer of a room who is there and who hears whom, whenever that changed: as a whole, between two packets.

use super::super::Engine;
use super::super::ticks::{Due, Timer};
use super::room::{MixedRoom, Opening, Tapped};
use crate::api::{MediaKind, PeerId};
use crate::audience::Stance;
use crate::keys::{PeerKey, RoomKey};
use crate::mix::audio::{Channels, Coding, Ear, GroupId, ListenerId, SourceId};
use crate::mixer::{Cast, MixOrder, ToMixer, has_sides};
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// A mixer is asked this often whether it is there.
const PING: Duration = Duration::from_millis(500);
/// One that has not answered for so long is given up.
const DEAD: Duration = Duration::from_millis(1_000);
/// Beside the mix's payload, in bits a second: headers of so many packets a second, 64 bytes each, and RTCP.
const fn beside_mix_bps(packets: u64) -> u64 {
    packets * 64 * 8 + 6_000
}
/// Who would have less than this left for voices has packets of 40 ms, in bits a second: half of the headers.
const LONG_BELOW_BPS: u32 = 24_000;

impl Engine {
    /// Something of a room changed that its mixer and its composer must know, if it has them.
    pub(in crate::engine) fn mix_changed(&mut self, room: RoomKey) {
        self.compose_changed(room);
        let is_mixed = self.rooms.get(room).is_some_and(|room| room.mix.is_some() || !room.announcements.is_empty());
        if is_mixed && !self.mixing.changed.contains(&room) {
            self.mixing.changed.push(room);
        }
    }

    /// Tells mixers what changed. To be called before the next packet is taken.
    #[inline]
    pub(in crate::engine) fn flush_mixing(&mut self, now: Instant) {
        while let Some(peer) = self.mixing.placeless.pop() {
            self.choose_audio(now, peer);
        }
        while let Some(room) = self.mixing.changed.pop() {
            self.recast(now, room);
        }
        self.flush_composing(now);
    }

    /// Somebody stood so until now.
    pub(in crate::engine) fn note_left_stance(&mut self, now: Instant, room: RoomKey, who: PeerId, stood: Stance) {
        if let Some(mix) = self.rooms.get_mut(room).and_then(|room| room.mix.as_mut()) {
            mix.lately.note(now, who, stood);
        }
    }

    /// Tells the mixer of a room how it is now.
    pub(super) fn recast(&mut self, now: Instant, key: RoomKey) {
        let Some(id) = self.rooms.get(key).map(|room| room.id) else { return };
        let Some(mut mix) = self.take_mix(now, key) else { return };
        if mix.listeners.is_empty() {
            self.untap(&mix);
            if mix.open == Opening::Done {
                let life = mix.life;
                self.mixing.outgoing.push_back(ToMixer { room: id, life, order: MixOrder::Close });
            }
            return;
        }
        if let Opening::At(at) = mix.open
            && at <= now
        {
            self.mixing.lives += 1;
            (mix.life, mix.open) = (self.mixing.lives, Opening::Done);
            (mix.ping_at, mix.silent_since) = (now + PING, None);
            self.mixing.outgoing.push_back(ToMixer { room: id, life: mix.life, order: MixOrder::Open });
        }
        let again = mix.lately.settle(now);
        if mix.open == Opening::Done {
            let mut cast = Cast { left: std::mem::take(&mut mix.left), ..Cast::default() };
            self.cast_sources(key, &mut mix, &mut cast);
            let begun = self.cast_played(key, &mut mix, &mut cast);
            self.cast_ears(key, &mut mix, &mut cast);
            if !cast.is_empty() {
                let order = MixOrder::Cast(Box::new(cast));
                self.mixing.outgoing.push_back(ToMixer { room: id, life: mix.life, order });
            }
            let plays = begun.into_iter().map(|(source, player)| MixOrder::Play(source, player));
            self.mixing.outgoing.extend(plays.map(|order| ToMixer { room: id, life: mix.life, order }));
        }
        let next = if let Opening::At(at) = mix.open { at } else { mix.ping_at };
        if let Some(room) = self.rooms.get_mut(key) {
            room.mix = Some(mix);
        }
        let out = self.next_played_out(key);
        again.into_iter().chain(out).chain([next]).for_each(|at| self.arm_mix(key, at));
    }

    /// Sources that are new, stand elsewhere or are gone.
    fn cast_sources(&mut self, key: RoomKey, mix: &mut MixedRoom, cast: &mut Cast) {
        let Some(room) = self.rooms.get(key) else { return };
        let mut here = FxHashMap::default();
        // Where everybody listens to what is played alone, nobody who speaks is tapped.
        let mut listeners = mix.listeners.values().filter_map(|listener| self.peers.get(listener.peer));
        let is_mixed = listeners.any(|peer| peer.audio.wants_mix());
        for peer in room.everyone().filter(|_| is_mixed).filter_map(|peer| self.peers.get(peer)) {
            // Whose stance is unknown is heard by nobody.
            let Some((_, stance)) = room.standings.of(peer.id) else { continue };
            for producer in peer.producers() {
                let Some(known) = self.producers.get(producer).filter(|p| p.info.kind == MediaKind::Audio) else {
                    continue;
                };
                let Some(generation) = known.generation() else { continue };
                let tapped = Tapped { producer, group: mix.groups.of(*stance), generation };
                here.insert(SourceId(known.info.id.0), tapped);
            }
        }
        let is_over = |id: &SourceId, was: &Tapped| {
            here.get(id).is_none_or(|is| (is.producer, is.generation) != (was.producer, was.generation))
        };
        cast.ended.extend(mix.sources.iter().filter(|(id, was)| is_over(id, was)).map(|(id, _)| *id));
        let is_news = |id: &SourceId, is: &Tapped| mix.sources.get(id) != Some(is);
        cast.sources.extend(here.iter().filter(|(id, is)| is_news(id, is)).map(|(id, is)| (*id, is.group)));
        // In an order that does not depend on where things lie in memory: a run can be repeated.
        cast.ended.sort_unstable();
        cast.sources.sort_unstable();
        let used: Vec<GroupId> = here.values().map(|tapped| tapped.group).collect();
        mix.groups.retain(&used);
        let before = std::mem::replace(&mut mix.sources, here);
        for Tapped { producer, .. } in
            before.values().filter(|was| !mix.sources.values().any(|is| is.producer == was.producer))
        {
            self.set_tapped(*producer, None);
        }
        for Tapped { producer, generation, .. } in mix.sources.values().copied().collect::<Vec<_>>() {
            self.set_tapped(producer, Some(generation));
        }
    }

    fn set_tapped(&mut self, key: crate::keys::ProducerKey, generation: Option<u32>) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        let before = std::mem::replace(&mut producer.tapped, generation);
        if before.is_some() != generation.is_some() {
            // Of a guest's, his worker must hear that there is a use for it.
            self.tell_use(key);
        }
    }

    fn untap(&mut self, mix: &MixedRoom) {
        mix.sources.values().for_each(|tapped| self.set_tapped(tapped.producer, None));
    }

    /// Listeners who hear something else than the mixer was told.
    fn cast_ears(&self, key: RoomKey, mix: &mut MixedRoom, cast: &mut Cast) {
        let Some(room) = self.rooms.get(key) else { return };
        let mut listeners = std::mem::take(&mut mix.listeners);
        for (id, listener) in &mut listeners {
            let Some(peer) = self.peers.get(listener.peer) else { continue };
            let stance = room.standings.of(peer.id).map(|(_, stance)| *stance);
            // Nobody knows where he stands: he hears nobody.
            let stood = stance.map(|stance| mix.lately.stances(peer.id, stance)).unwrap_or_default();
            let wants_mix = peer.audio.wants_mix();
            let own = peer.producers().filter(|_| wants_mix).filter_map(|own| self.producers.get(own));
            let own = own.filter(|own| own.info.kind == MediaKind::Audio);
            let mut groups = if wants_mix { mix.groups.heard_by(peer.id, &stood) } else { Vec::new() };
            groups.extend(self.played_to(key, mix, peer.id, &stood));
            let best_bps = self.config.limits.mix.bitrate_bps;
            let (most_bps, long) =
                peer.downlink.most_bps().map_or((best_bps, false), |all_bps| mix_within(all_bps, peer.audio.is_lossy));
            let most_bps = most_bps.min(best_bps);
            let mut ear = Ear {
                groups,
                except: own.map(|own| (SourceId(own.info.id.0), None)).collect(),
                coding: Coding { channels: Channels::Mono, max_bps: most_bps, lossy: peer.audio.is_lossy, long },
            };
            // Where there is little room, a voice that can be understood is worth more than the side it comes from.
            if most_bps == best_bps && has_sides(&ear) {
                ear.coding.channels = Channels::Stereo;
                ear.coding.max_bps = ear.coding.max_bps.saturating_mul(2);
            }
            if listener.ear.as_ref() != Some(&ear) {
                cast.ears.push((*id, ear.clone()));
                listener.ear = Some(ear);
            }
        }
        mix.listeners = listeners;
        cast.ears.sort_unstable_by_key(|(id, _)| *id);
    }

    /// A room ends, and its mix with it.
    pub(in crate::engine) fn close_mix(&mut self, key: RoomKey) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        let (room, Some(mix)) = (room.id, room.mix.take()) else { return };
        if mix.open == Opening::Done {
            self.mixing.outgoing.push_back(ToMixer { room, life: mix.life, order: MixOrder::Close });
        }
    }

    /// Sees to it that a room's mix and its canvases are looked at by `at`.
    pub(in crate::engine) fn arm_mix(&mut self, key: RoomKey, at: Instant) {
        if let Some(room) = self.rooms.get_mut(key)
            && room.mix_at.is_none_or(|armed| at < armed)
        {
            room.mix_at = Some(at);
            self.timers.push(Due::new(at, Timer::Mix(key)));
        }
    }

    /// What is due of a room's mix.
    pub(in crate::engine) fn tick_mix(&mut self, now: Instant, key: RoomKey) {
        self.finish_leaving(now, key);
        self.ping_mixer(now, key);
        self.recast(now, key);
    }

    /// Asks a room's mixer whether it is there, and does without one that has not said so for long: its thread may be stuck.
    fn ping_mixer(&mut self, now: Instant, key: RoomKey) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        let (id, Some(mix)) = (room.id, room.mix.as_mut()) else { return };
        if mix.open != Opening::Done {
            return;
        }
        if mix.silent_since.is_some_and(|since| now.saturating_duration_since(since) >= DEAD) {
            return self.lose_mixer(now, id, key);
        }
        if mix.ping_at <= now {
            mix.ping_at = now + PING;
            mix.silent_since.get_or_insert(now);
            self.mixing.outgoing.push_back(ToMixer { room: id, life: mix.life, order: MixOrder::Ping });
        }
    }

    /// Who listens, by the name that the mixer has for him.
    pub(super) fn listener_of(&self, key: PeerKey) -> Option<ListenerId> {
        self.peers.get(key).map(|peer| ListenerId(peer.id.0))
    }
}

/// What the mix may take where so much may be sent in all, in bits a second, and whether in packets of 40 ms: not on a path that loses some,
/// as a gap of 40 ms is heard where one of 20 is made up for.
fn mix_within(all_bps: u64, is_lossy: bool) -> (u32, bool) {
    let beside = |packets| u32::try_from(all_bps.saturating_sub(beside_mix_bps(packets))).unwrap_or(u32::MAX);
    match beside(50) {
        few if few < LONG_BELOW_BPS && !is_lossy => (beside(25), true),
        enough => (enough, false),
    }
}
