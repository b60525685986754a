//! Coming in: to be admitted, to be there, to come back.

use super::announcements::Playbill;
use super::layouts::Layouts;
use super::{Effect, Effects, House, Link, Participant, Room};
use crate::authz::Role;
use crate::error::{ErrorCode, Refusal};
use crate::names::{DisplayName, RoomName};
use crate::session::{CloseCode, Secret, SocketId, Weight};
use crate::wire::{Joined, ServerEvent};
use colloquy_media_core::api::{AudioPath, Command, PeerId, Permissions, RoomId, TransportState};
use colloquy_media_core::audience::{Audience, Stance};
use std::collections::BTreeMap;

/// Somebody who may come in.
pub(crate) struct Admission {
    pub(crate) room: RoomName,
    pub(crate) name: DisplayName,
    pub(crate) subject: Option<String>,
    pub(crate) role: Role,
    pub(crate) permissions: Permissions,
    /// Where he stands at first.
    pub(crate) stance: Stance,
    pub(crate) expires_unix_s: Option<u64>,
    pub(crate) link: Link,
    /// Whether a room that is not there is opened.
    pub(crate) opens_room: bool,
    /// Whether he moderates if he is the first (where there are no tokens).
    pub(crate) first_moderates: bool,
    /// Whether still pictures of his videos may be made.
    pub(crate) snapshots: bool,
}

/// A session that was taken up again.
pub(crate) struct Resumed {
    pub(crate) peer: PeerId,
    pub(crate) joined: Joined,
}

impl House {
    /// Keeps a place for somebody. Nobody knows of him until [`House::finish_join`]; [`House::abort_join`] gives the place back.
    pub(crate) fn begin_join(&mut self, admission: Admission) -> Result<(PeerId, RoomId), Refusal> {
        if self.is_draining() {
            return Err(Refusal::new(ErrorCode::ServerDraining, "This server is about to stop and takes nobody in."));
        }
        if self.participants.len() >= self.limits.sessions {
            return Err(Refusal::new(ErrorCode::ServerBusy, "This server has as many participants as it takes."));
        }
        let room_id = match self.room_id(&admission.room) {
            Ok(id) => id,
            Err(_) if admission.opens_room => self.open_room(&admission.room, None, false)?,
            Err(unknown) => return Err(unknown),
        };
        self.last_peer += 1;
        let id = PeerId(self.last_peer);
        let room = self.rooms.get_mut(&room_id).expect("it was found or opened above");
        // Who only watches takes nobody's place, so that a room that is full does not tell of him.
        let watches = |peer: &PeerId| {
            room.audience.stance(*peer).is_some_and(Stance::is_monitor)
                || self.participants.get(peer).is_some_and(Participant::is_stream)
        };
        let count = room.members.iter().filter(|peer| !watches(peer)).count();
        let takes_a_place = !admission.stance.is_monitor() && !matches!(admission.link, Link::Stream { .. });
        if takes_a_place && count >= room.max_participants {
            let message = format!("The room has {} participants, its limit.", room.max_participants);
            return Err(Refusal::new(ErrorCode::RoomFull, message));
        }
        // A broadcast that was there before him moderates nothing.
        let is_none = |link: &Link| matches!(link, Link::Http { .. } | Link::Rtp { .. } | Link::Stream { .. });
        let by_http = |peer: &PeerId| self.participants.get(peer).is_some_and(|p| is_none(&p.link));
        let first = admission.first_moderates && room.members.iter().all(by_http);
        room.members.push(id);
        room.audience.enter(id, admission.stance);
        if let Link::Http { resource, .. } = &admission.link {
            self.resources.insert(resource.clone(), id);
        }
        let participant = Participant {
            id,
            room: room_id,
            name: admission.name,
            subject: admission.subject,
            role: if first { Role::Moderator } else { admission.role },
            permissions: admission.permissions,
            present: false,
            transport: TransportState::Connecting,
            quality: None,
            identity: None,
            link: admission.link,
            expires_unix_s: admission.expires_unix_s,
            refusals: 0,
            tracks: BTreeMap::new(),
            places: BTreeMap::new(),
            audio: AudioPath::default(),
            snapshots: admission.snapshots,
        };
        self.participants.insert(id, participant);
        Ok((id, room_id))
    }

    /// The engine has admitted him: the others are told. `None` when his room was closed meanwhile.
    pub(crate) fn finish_join(&mut self, peer: PeerId, fx: &mut Effects) -> Option<Joined> {
        let participant = self.participants.get_mut(&peer)?;
        participant.present = true;
        let view = participant.view(None);
        self.announce_of(peer, Some(peer), &ServerEvent::ParticipantJoined { participant: view }, Weight::Kept, fx);
        self.tell_of_newcomer(peer, fx);
        self.note_entry(peer, fx);
        self.replay(peer, fx);
        self.arrange_again(peer, fx);
        self.joined(peer)
    }

    /// The engine has not admitted him, or nobody waits for it any more. Leaves the engine in no doubt.
    pub(crate) fn abort_join(&mut self, peer: PeerId, room: RoomId, fx: &mut Effects) {
        if self.participants.get(&peer).is_some_and(|p| p.present) {
            return self.remove(peer, crate::wire::LeaveReason::Failed, fx);
        }
        fx.push(Effect::Engine(Command::Leave { peer }));
        if let Some(gone) = self.participants.remove(&peer) {
            self.resources.retain(|_, whose| *whose != peer);
            self.vacate(gone, fx);
        } else if !self.rooms.contains_key(&room) {
            // The room was closed while the engine was about to open it for him.
            fx.push(Effect::Engine(Command::CloseRoom { room }));
        }
    }

    /// Takes up a session with its resume token, which is spent by that.
    pub(crate) fn resume(
        &mut self,
        token: &str,
        socket: SocketId,
        next: Secret,
        fx: &mut Effects,
    ) -> Result<Resumed, Refusal> {
        let unknown = || Refusal::new(ErrorCode::ResumeUnknown, "There is no session to resume with this token.");
        let (id, secret) = token.split_once('.').ok_or_else(unknown)?;
        let peer: PeerId = id.parse().map_err(|_| unknown())?;
        let participant = self.participants.get(&peer).filter(|p| p.present).ok_or_else(unknown)?;
        let holder = match &participant.link {
            Link::Socket { socket, resume } if resume.matches(secret) => Some(*socket),
            Link::Lost { resume, .. } if resume.matches(secret) => None,
            Link::Socket { .. } | Link::Lost { .. } | Link::Http { .. } | Link::Rtp { .. } | Link::Stream { .. } => {
                return Err(unknown());
            }
        };
        if let Some(old) = holder {
            fx.push(Effect::Close { socket: old, code: CloseCode::ResumedElsewhere });
        }
        self.change(peer, fx, |p| p.link = Link::Socket { socket, resume: next });
        let joined = self.joined(peer).ok_or_else(unknown)?;
        self.retell_quality(peer, fx);
        self.tell_audience(peer, fx);
        Ok(Resumed { peer, joined })
    }

    pub(super) fn open_room(
        &mut self,
        name: &RoomName,
        max_participants: Option<usize>,
        permanent: bool,
    ) -> Result<RoomId, Refusal> {
        if self.rooms.len() >= self.limits.rooms {
            return Err(Refusal::new(ErrorCode::ServerBusy, "This server has as many rooms as it takes."));
        }
        self.last_room += 1;
        let id = RoomId(self.last_room);
        let limit = self.limits.participants_per_room;
        let max_participants = max_participants.map_or(limit, |max| max.min(limit));
        self.rooms.insert(
            id,
            Room {
                name: name.clone(),
                members: Vec::new(),
                max_participants,
                permanent,
                audience: Audience::default(),
                playbill: Playbill::default(),
                layouts: Layouts::default(),
            },
        );
        self.by_name.insert(name.clone(), id);
        Ok(id)
    }
}
