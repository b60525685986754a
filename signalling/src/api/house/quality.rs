//! What receivers are shown of layers and how they hear, and publishers of encodings: told to the one whom it concerns, and kept for his return when
//! he is away.

use super::{Counted, Effect, Effects, House};
use crate::wire::{audio, encodings, shown, track_name};
use colloquy_media_core::api::{AudioPath, EncodingUse, PeerId, RoomId, Shown, TrackId};

/// Places that are remembered of one participant: more than the engine takes in a description, so that only a defect of the
/// engine's can reach it. What is beyond is told, but not told again after a lost socket.
const PLACES: usize = 256;

impl House {
    /// A receiving place shows something else now.
    pub(super) fn shown(
        &mut self,
        room: RoomId,
        peer: PeerId,
        (mid, track, what): (&str, TrackId, Shown),
        fx: &mut Effects,
    ) {
        let Some(receiver) = self.participants.get_mut(&peer).filter(|p| p.room == room) else { return };
        if receiver.places.len() < PLACES || receiver.places.contains_key(mid) {
            receiver.places.insert(mid.to_owned(), (track, what));
        }
        fx.push(Effect::Count(Counted::Shown(what)));
        self.tell(peer, &shown(mid, self.name_of(room, track), what), fx);
    }

    fn name_of(&self, room: RoomId, track: TrackId) -> String {
        track_name(track, |track| self.layout_name(room, track))
    }

    /// Other encodings of a track are of use now.
    pub(super) fn encodings(
        &mut self,
        room: RoomId,
        peer: PeerId,
        (track, uses): (TrackId, &[EncodingUse]),
        fx: &mut Effects,
    ) {
        let Some(publisher) = self.participants.get_mut(&peer).filter(|p| p.room == room) else { return };
        let Some(held) = publisher.tracks.get_mut(&track) else { return };
        uses.clone_into(&mut held.encodings);
        self.tell(peer, &encodings(track, uses), fx);
    }

    /// A track is gone: what was shown of it is of no interest any more.
    pub(super) fn forget_shown(&mut self, room: RoomId, track: TrackId) {
        let members = self.rooms.get(&room).map(|room| room.members.as_slice()).unwrap_or_default();
        for peer in members {
            if let Some(receiver) = self.participants.get_mut(peer) {
                receiver.places.retain(|_, (of, _)| *of != track);
            }
        }
    }

    /// Somebody hears others otherwise now.
    pub(super) fn audio(&mut self, room: RoomId, peer: PeerId, path: AudioPath, fx: &mut Effects) {
        let Some(listener) = self.participants.get_mut(&peer).filter(|p| p.room == room) else { return };
        listener.audio = path;
        self.tell(peer, &audio(path), fx);
    }

    /// Tells one who came back how things stand: what he missed is nowhere else.
    pub(super) fn retell_quality(&self, peer: PeerId, fx: &mut Effects) {
        let Some(participant) = self.participants.get(&peer) else { return };
        if participant.audio != AudioPath::default() {
            self.tell(peer, &audio(participant.audio), fx);
        }
        for (mid, (track, what)) in &participant.places {
            self.tell(peer, &shown(mid, self.name_of(participant.room, *track), *what), fx);
        }
        for (id, track) in participant.tracks.iter().filter(|(_, track)| !track.encodings.is_empty()) {
            self.tell(peer, &encodings(*id, &track.encodings), fx);
        }
    }
}
