//! What the media engine tells.

use super::{Counted, Effect, Effects, House};
use crate::session::Weight;
use crate::wire::{LeaveReason, RemoveReason, ServerEvent, SpeakerView};
use colloquy_media_core::api::{CloseCause, Event, PeerId, RoomId, Speaker, TransportState};
use colloquy_media_core::audience::Circle;

/// Speakers in one event. More cannot be told apart by anybody.
const SPEAKERS: usize = 16;

impl House {
    /// Takes note of an event, and tells those whom it concerns.
    pub(crate) fn happened(&mut self, event: &Event, fx: &mut Effects) {
        match event {
            Event::Transport { room, peer, state } => self.transport(*room, *peer, *state, fx),
            Event::Published { room, track } => self.published(*room, track, fx),
            Event::Unpublished { room, peer, track } => self.unpublished(*room, *peer, *track, fx),
            Event::Speakers { room, circle, speakers, dominant } => {
                self.speakers((*room, *circle), speakers, *dominant, fx);
            }
            Event::Quality { room: _, peer, score } => {
                if let Some(participant) = self.participants.get_mut(peer) {
                    participant.quality = Some(*score);
                }
                let event = ServerEvent::Quality { participant: peer.to_string(), score: *score };
                self.announce_of(*peer, None, &event, Weight::Lossy, fx);
            }
            Event::Shown { room, peer, mid, track, shown } => {
                self.shown(*room, *peer, (mid.as_str(), *track, *shown), fx);
            }
            Event::Encodings { room, peer, track, encodings } => {
                self.encodings(*room, *peer, (*track, encodings.as_slice()), fx);
            }
            Event::Audio { room, peer, path } => self.audio(*room, *peer, *path, fx),
            Event::Closed { room, peer, cause } => self.closed(*room, *peer, *cause, fx),
        }
    }

    /// An event of this room was lost: nobody in it can be told the truth any more.
    pub(crate) fn overrun(&mut self, room: RoomId, fx: &mut Effects) {
        self.close_room(
            room,
            RemoveReason::Failed,
            "The server was overrun and had to end this room. Please join again.",
            fx,
        );
    }

    fn transport(&mut self, room: RoomId, peer: PeerId, state: TransportState, fx: &mut Effects) {
        if self.participants.get(&peer).is_some_and(|p| p.room == room) {
            self.change(peer, fx, |p| p.transport = state);
            self.prove_identity(peer, state, fx);
            self.tell(peer, &ServerEvent::Transport { state: state.into() }, fx);
        }
    }

    fn speakers(
        &self,
        (room, circle): (RoomId, Circle),
        speakers: &[Speaker],
        dominant: Option<PeerId>,
        fx: &mut Effects,
    ) {
        let speakers = speakers
            .iter()
            .take(SPEAKERS)
            .map(|s| SpeakerView { participant: s.peer.to_string(), level: level(s.level_dbov) })
            .collect();
        let event = ServerEvent::Speakers { speakers, dominant: dominant.map(|peer| peer.to_string()) };
        self.announce(room, &event, Weight::Lossy, fx, |audience, peer| {
            let stance = audience.stance(peer).filter(|stance| stance.circle == circle);
            stance.is_some_and(|stance| stance.is_on_floor() || stance.is_monitor())
        });
    }

    fn closed(&mut self, room: RoomId, peer: PeerId, cause: CloseCause, fx: &mut Effects) {
        if self.participants.get(&peer).is_none_or(|p| p.room != room) {
            return;
        }
        let message = match cause {
            CloseCause::ClosedByClient => "Your browser closed the media connection.",
            CloseCause::DtlsFailed => "The media connection could not be secured: the handshake failed.",
            CloseCause::TimedOut => "The media connection was lost for too long.",
            CloseCause::Panicked => "A defect of the server ended your session.",
            CloseCause::RoomClosed => "The room was closed.",
        };
        self.tell(peer, &ServerEvent::Removed { reason: RemoveReason::Failed, message: message.to_owned() }, fx);
        let seen_as = match cause {
            CloseCause::ClosedByClient | CloseCause::RoomClosed => LeaveReason::Left,
            CloseCause::DtlsFailed | CloseCause::TimedOut | CloseCause::Panicked => LeaveReason::Failed,
        };
        self.remove(peer, seen_as, fx);
        fx.push(Effect::Count(Counted::Failed));
    }
}

/// A level in -dBov (RFC 6464) as an amplitude from 0 to 1, as browsers give `audioLevel`, in steps of a thousandth.
fn level(dbov: u8) -> f32 {
    let amplitude = 10_f32.powf(-f32::from(dbov) / 20.0);
    (amplitude * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn levels() {
        assert_eq!((level(0), level(20), level(127)), (1.0, 0.1, 0.0));
    }
}
