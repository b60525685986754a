//! Who may do what: one table, looked at by every door.

/// What somebody is to a room, or to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// In the call, over the WebSocket.
    Participant,
    /// A participant who may also act on others of his room.
    Moderator,
    /// A participant who serves customers: acts on others, and turns aside from them.
    Agent,
    /// An agent who may also listen to others, coach them and take over, unseen.
    Supervisor,
    /// May do everything, in every room.
    Admin,
    /// Sends media by WHIP and does nothing else.
    Publisher,
    /// Receives media by WHEP and does nothing else.
    Viewer,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Come into the room by the WebSocket.
    EnterBySocket,
    /// Come into the room by WHIP.
    EnterByWhip,
    /// Come into the room by WHEP.
    EnterByWhep,
    /// Offer media, trickle candidates, restart ICE, leave: what every session needs.
    Negotiate,
    /// Choose what is received.
    Subscribe,
    /// Silence an own track, or lift an own mute.
    MuteOwn,
    /// Silence somebody else's track, or lift a moderator's mute.
    MuteOthers,
    /// Remove somebody.
    Kick,
    /// Have something played into the room, and choose what those on hold hear.
    Announce,
    /// Connect a media gateway, an encoder or a player by plain RTP.
    ConnectRtp,
    /// Arrange the layouts of a room's canvases.
    ArrangeLayouts,
    /// Put oneself on hold, or come back to the floor.
    HoldOwn,
    /// Put others on hold.
    HoldOthers,
    /// Turn aside from the floor, with somebody there or with a helper.
    SideTalk,
    /// Come in as a helper, whom the floor does not know of.
    EnterAsHelper,
    /// Send people into other conversations of the room.
    SubConference,
    /// Come in as a monitor or become one, coach, talk backstage, barge in, take over.
    Monitor,
    /// Change what others hear and see in their name.
    ActForOthers,
    /// See the figures of one's own session.
    OwnStats,
    /// See a room, its participants and its figures from outside.
    ReadRoom,
    /// End a room.
    CloseRoom,
    /// Create rooms, and see which there are.
    ManageRooms,
    /// See the figures of the server.
    ReadServer,
}

/// The table. Both matches are exhaustive: a new role or a new action does not compile before it has been thought about.
#[must_use]
pub fn allowed(role: Role, action: Action) -> bool {
    use Action::*;
    match role {
        Role::Admin => match action {
            EnterBySocket | EnterByWhip | EnterByWhep | Negotiate | Subscribe | MuteOwn | MuteOthers | Kick
            | Announce | ConnectRtp | ArrangeLayouts | HoldOwn | HoldOthers | SideTalk | EnterAsHelper
            | SubConference | Monitor | ActForOthers | OwnStats | ReadRoom | CloseRoom | ManageRooms | ReadServer => {
                true
            }
        },
        Role::Supervisor => match action {
            EnterBySocket | Negotiate | Subscribe | MuteOwn | MuteOthers | Kick | Announce | ConnectRtp
            | ArrangeLayouts | HoldOwn | HoldOthers | SideTalk | EnterAsHelper | SubConference | Monitor | OwnStats
            | ReadRoom | CloseRoom => true,
            EnterByWhip | EnterByWhep | ActForOthers | ManageRooms | ReadServer => false,
        },
        Role::Agent => match action {
            EnterBySocket | Negotiate | Subscribe | MuteOwn | MuteOthers | Kick | Announce | ConnectRtp
            | ArrangeLayouts | HoldOwn | HoldOthers | SideTalk | EnterAsHelper | SubConference | OwnStats => true,
            EnterByWhip | EnterByWhep | Monitor | ActForOthers | ReadRoom | CloseRoom | ManageRooms | ReadServer => {
                false
            }
        },
        Role::Moderator => match action {
            EnterBySocket | Negotiate | Subscribe | MuteOwn | MuteOthers | Kick | Announce | ConnectRtp
            | ArrangeLayouts | HoldOwn | HoldOthers | SideTalk | SubConference | OwnStats | ReadRoom | CloseRoom => {
                true
            }
            EnterByWhip | EnterByWhep | EnterAsHelper | Monitor | ActForOthers | ManageRooms | ReadServer => false,
        },
        Role::Participant => match action {
            EnterBySocket | Negotiate | Subscribe | MuteOwn | HoldOwn | OwnStats => true,
            EnterByWhip | EnterByWhep | MuteOthers | Kick | Announce | ConnectRtp | ArrangeLayouts | HoldOthers
            | SideTalk | EnterAsHelper | SubConference | Monitor | ActForOthers | ReadRoom | CloseRoom
            | ManageRooms | ReadServer => false,
        },
        Role::Publisher => match action {
            EnterByWhip | Negotiate => true,
            EnterBySocket | EnterByWhep | Subscribe | MuteOwn | MuteOthers | Kick | Announce | ConnectRtp
            | ArrangeLayouts | HoldOwn | HoldOthers | SideTalk | EnterAsHelper | SubConference | Monitor
            | ActForOthers | OwnStats | ReadRoom | CloseRoom | ManageRooms | ReadServer => false,
        },
        Role::Viewer => match action {
            EnterByWhep | Negotiate => true,
            EnterBySocket | EnterByWhip | Subscribe | MuteOwn | MuteOthers | Kick | Announce | ConnectRtp
            | ArrangeLayouts | HoldOwn | HoldOthers | SideTalk | EnterAsHelper | SubConference | Monitor
            | ActForOthers | OwnStats | ReadRoom | CloseRoom | ManageRooms | ReadServer => false,
        },
    }
}

impl Role {
    /// Whether others are told that he is a moderator.
    #[must_use]
    pub fn moderates(self) -> bool {
        allowed(self, Action::Kick)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Role, allowed};

    #[test]
    fn the_table_reads_as_it_is_meant() {
        use Action::*;
        // Columns: participant, moderator, agent, supervisor, admin, publisher, viewer.
        let table = [
            (EnterBySocket, "yyyyy.."),
            (EnterByWhip, "....yy."),
            (EnterByWhep, "....y.y"),
            (Negotiate, "yyyyyyy"),
            (Subscribe, "yyyyy.."),
            (MuteOwn, "yyyyy.."),
            (MuteOthers, ".yyyy.."),
            (Kick, ".yyyy.."),
            (Announce, ".yyyy.."),
            (ConnectRtp, ".yyyy.."),
            (ArrangeLayouts, ".yyyy.."),
            (HoldOwn, "yyyyy.."),
            (HoldOthers, ".yyyy.."),
            (SideTalk, ".yyyy.."),
            (EnterAsHelper, "..yyy.."),
            (SubConference, ".yyyy.."),
            (Monitor, "...yy.."),
            (ActForOthers, "....y.."),
            (OwnStats, "yyyyy.."),
            (ReadRoom, ".y.yy.."),
            (CloseRoom, ".y.yy.."),
            (ManageRooms, "....y.."),
            (ReadServer, "....y.."),
        ];
        let roles = [
            Role::Participant,
            Role::Moderator,
            Role::Agent,
            Role::Supervisor,
            Role::Admin,
            Role::Publisher,
            Role::Viewer,
        ];
        for (action, row) in table {
            let got: String = roles.iter().map(|r| if allowed(*r, action) { 'y' } else { '.' }).collect();
            assert_eq!(got, row, "{action:?}");
        }
    }
}
