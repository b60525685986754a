//! Who may see whom on still pictures: whoever sees him in the room, by the same matrix.

use super::{House, Link, Participant};
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use colloquy_media_core::api::{PeerId, RoomId, SnapshotSize};
use colloquy_media_core::audience::{Post, Sees, Stance, sees};

/// Somebody who looks at a room's still pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Onlooker {
    /// From outside, by the right to watch unseen: sees what a silent monitor sees of those on the floor.
    Outside,
    /// In the room, as one or more participants: sees what any of them sees.
    Members(Vec<PeerId>),
}

/// No participant has this id: the first is 1.
const NOBODY: PeerId = PeerId(0);

impl House {
    /// The participant who holds a resume token, which is as good as his socket.
    pub(crate) fn holder(&self, token: &str) -> Option<(RoomId, PeerId)> {
        let (id, secret) = token.split_once('.')?;
        let participant = self.participants.get(&id.parse::<PeerId>().ok()?).filter(|p| p.present)?;
        match &participant.link {
            Link::Socket { resume, .. } | Link::Lost { resume, .. } if resume.matches(secret) => {
                Some((participant.room, participant.id))
            }
            Link::Socket { .. } | Link::Lost { .. } | Link::Http { .. } | Link::Rtp { .. } | Link::Stream { .. } => {
                None
            }
        }
    }

    /// Those who are in a room by a token that names this subject.
    pub(crate) fn sessions_of(&self, room: RoomId, subject: &str) -> Vec<PeerId> {
        let is_his = |p: &&Participant| p.present && p.subject.as_deref() == Some(subject);
        self.people_in(room).filter(is_his).map(|p| p.id).collect()
    }

    /// How large a still picture of somebody may be for an onlooker.
    pub(crate) fn may_look(&self, name: &RoomName, by: &Onlooker, at: PeerId) -> Result<SnapshotSize, Refusal> {
        let room = self.room_id(name)?;
        let seen = self.participant(room, at)?;
        self.look(room, by, seen).unwrap_or_else(|| {
            Err(Refusal::new(ErrorCode::ParticipantUnknown, format!("There is no participant {at} in this room.")))
        })
    }

    /// Everybody whom an onlooker may know of, in the order they came, with the largest picture that he may see of each.
    pub(crate) fn looks(&self, name: &RoomName, by: &Onlooker) -> Result<Vec<Look>, Refusal> {
        let room = self.room_id(name)?;
        let people = self.people_in(room).filter(|p| p.present && !p.is_stream());
        let look =
            |p: &Participant| Some(Look { peer: p.id, name: p.name.as_str().to_owned(), may: self.look(room, by, p)? });
        Ok(people.filter_map(look).collect())
    }

    fn people_in(&self, room: RoomId) -> impl Iterator<Item = &Participant> {
        let members = self.rooms.get(&room).map(|room| room.members.as_slice()).unwrap_or_default();
        members.iter().filter_map(|peer| self.participants.get(peer))
    }

    /// `None`: he may not even know of him.
    fn look(&self, room: RoomId, by: &Onlooker, at: &Participant) -> Option<Result<SnapshotSize, Refusal>> {
        let audience = &self.rooms.get(&room)?.audience;
        let sight = match by {
            Onlooker::Outside => {
                let face = audience.stance(at.id).filter(|stance| stance.is_on_floor())?;
                let eye = Stance { circle: face.circle, ..Stance::at(Post::SILENT_MONITOR) };
                sees((NOBODY, &eye), (at.id, face))
            }
            Onlooker::Members(members) => {
                let knows = members.iter().filter(|one| audience.knows(**one, at.id));
                knows.map(|one| self.sight(room, *one, at.id)).max()?
            }
        };
        let refusal = |code, message: &str| Some(Err(Refusal::new(code, message)));
        match sight {
            Sees::Off => refusal(ErrorCode::SnapshotWithheld, "You do not see this participant now."),
            _ if !at.snapshots => refusal(ErrorCode::SnapshotOptedOut, "No pictures are made of this participant."),
            Sees::Thumbnail => Some(Ok(SnapshotSize::Thumbnail)),
            // What is kept of one who has turned away is from before.
            Sees::Frozen | Sees::Live => Some(Ok(SnapshotSize::Full)),
        }
    }

    fn sight(&self, room: RoomId, one: PeerId, other: PeerId) -> Sees {
        if one == other {
            // Everybody may see how he looks.
            return Sees::Live;
        }
        let may_receive = self.participants.get(&one).is_some_and(|p| p.permissions.subscribe);
        let audience = self.rooms.get(&room).map(|room| &room.audience).filter(|_| may_receive);
        audience.map_or(Sees::Off, |audience| audience.sees(one, other))
    }
}

/// Somebody whom an onlooker knows of.
pub(crate) struct Look {
    pub(crate) peer: PeerId,
    pub(crate) name: String,
    pub(crate) may: Result<SnapshotSize, Refusal>,
}
