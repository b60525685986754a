//! What the server plays into a room. It is a source of the room's mix, in the ears of those whom it is for and of nobody else. Who hears
//! others as they are forwarded has it in the place where he would have the mix: that is a mix of what is played alone.

use super::super::Engine;
use super::room::MixedRoom;
use crate::api::{Announcement, AnnouncementId, MAX_ANNOUNCEMENTS, PeerId, RoomId};
use crate::audience::Stance;
use crate::keys::RoomKey;
use crate::mix::audio::{Gain, GroupId, ListenerId, SourceId};
use crate::mixer::Cast;
use crate::sound::Player;
use std::time::{Duration, Instant};

/// What is over stays for so long: its last packets wait in the mixer's jitter buffer.
const LINGER: Duration = Duration::from_millis(200);
/// Sources that no track has: a track's number begins with its worker's, which is less.
const PLAYED: u64 = 1 << 63;

impl Engine {
    /// Plays something into a room, if it is not played already.
    pub(in crate::engine) fn play(&mut self, now: Instant, room: RoomId, announcement: Announcement) {
        let Some(key) = self.room_ids.get(&room).copied() else { return };
        let Some(known) = self.rooms.get_mut(key) else { return };
        known.announcements.retain(|played| !is_over(now, played));
        if known.announcements.iter().any(|played| played.id == announcement.id) {
            return;
        }
        if known.announcements.len() >= MAX_ANNOUNCEMENTS {
            return tracing::warn!(%room, id = %announcement.id, "as much is played into this room as can be: it is not");
        }
        known.announcements.push(announcement);
        self.mix_changed(key);
    }

    /// Stops something that is played.
    pub(in crate::engine) fn hush(&mut self, room: RoomId, id: AnnouncementId) {
        let Some(key) = self.room_ids.get(&room).copied() else { return };
        if let Some(known) = self.rooms.get_mut(key) {
            known.announcements.retain(|played| played.id != id);
        }
        self.mix_changed(key);
    }

    /// Takes a room's mix, to be told how it is now: one for what is played, where nobody wants one otherwise. Forgets what is over.
    pub(super) fn take_mix(&mut self, now: Instant, key: RoomKey) -> Option<Box<MixedRoom>> {
        let room = self.rooms.get_mut(key)?;
        room.announcements.retain(|played| !is_over(now, played));
        let is_played = !room.announcements.is_empty() && self.config.limits.mix.enabled;
        let mut mix = room.mix.take().or_else(|| is_played.then(|| Box::new(MixedRoom::new(now))))?;
        self.call_listeners(key, &mut mix);
        Some(mix)
    }

    /// Has everybody listen for whom something is played, and nobody else but those who have the mix anyhow.
    fn call_listeners(&mut self, key: RoomKey, mix: &mut MixedRoom) {
        let Some(room) = self.rooms.get(key) else { return };
        let mut ended = Vec::new();
        for key in room.peers.iter().copied() {
            let Some(peer) = self.peers.get(key).filter(|peer| !peer.audio.wants_mix()) else { continue };
            let is_called = room.announcements.iter().any(|played| is_for(played, room.standings.of(peer.id), peer.id));
            let (id, place) = (ListenerId(peer.id.0), self.mix_place(key));
            match place.filter(|_| is_called) {
                Some(place) => mix.listen(id, key, place),
                None if mix.listeners.contains_key(&id) => {
                    mix.forget(id);
                    ended.extend(place);
                }
                None => {}
            }
        }
        for place in ended {
            self.consumers.get_mut(place).into_iter().for_each(|place| place.end_mix());
        }
    }

    /// What is played that somebody listens to, as sources of the mix. Gives what has just become one.
    pub(super) fn cast_played(&self, key: RoomKey, mix: &mut MixedRoom, cast: &mut Cast) -> Vec<(SourceId, Player)> {
        let Some(room) = self.rooms.get(key) else { return Vec::new() };
        let listeners = || mix.listeners.values().filter_map(|listener| self.peers.get(listener.peer));
        let is_heard =
            |played: &&Announcement| listeners().any(|peer| is_for(played, room.standings.of(peer.id), peer.id));
        let heard: Vec<&Announcement> = room.announcements.iter().filter(is_heard).collect();
        mix.played.retain(|(id, _)| {
            let goes_on = heard.iter().any(|played| played.id == *id);
            cast.ended.extend((!goes_on).then(|| source_of(*id)));
            goes_on
        });
        let mut begun = Vec::new();
        for played in heard {
            if mix.played.iter().all(|(id, _)| *id != played.id) {
                let (source, group) = (source_of(played.id), mix.groups.fresh());
                mix.played.push((played.id, group));
                cast.sources.push((source, group));
                begun.push((source, played.player()));
            }
        }
        begun
    }

    /// What of it somebody hears who stood so of late, now first.
    pub(super) fn played_to(
        &self,
        key: RoomKey,
        mix: &MixedRoom,
        who: PeerId,
        stood: &[Stance],
    ) -> Vec<(GroupId, Gain)> {
        let Some(room) = self.rooms.get(key) else { return Vec::new() };
        let heard = |(id, group): &(AnnouncementId, GroupId)| {
            let played = room.announcements.iter().find(|played| played.id == *id)?;
            // Nothing of what was for others a moment ago.
            let is_for_him = !stood.is_empty() && stood.iter().all(|stance| played.to.include(who, stance));
            is_for_him.then(|| (*group, Gain::of(f32::from(played.gain_db), 0.0)))
        };
        mix.played.iter().filter_map(heard).collect()
    }

    /// When the next of what is played into a room is over.
    pub(super) fn next_played_out(&self, key: RoomKey) -> Option<Instant> {
        let played = self.rooms.get(key).map(|room| room.announcements.as_slice()).unwrap_or_default();
        played.iter().filter_map(Announcement::ends).map(|ends| ends + LINGER).min()
    }

    /// Whether something is played into a room.
    pub(super) fn is_played_into(&self, key: RoomKey) -> bool {
        self.rooms.get(key).is_some_and(|room| !room.announcements.is_empty())
    }
}

fn is_over(now: Instant, played: &Announcement) -> bool {
    played.ends().is_some_and(|ends| ends + LINGER <= now)
}

/// Whether it is for somebody who stands so; not for one of whom nobody knows where he stands.
fn is_for(played: &Announcement, stands: Option<(u64, &Stance)>, who: PeerId) -> bool {
    stands.is_some_and(|(_, stance)| played.to.include(who, stance))
}

fn source_of(id: AnnouncementId) -> SourceId {
    SourceId(PLAYED | id.0)
}
