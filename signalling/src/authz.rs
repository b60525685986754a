//! Who may do what: one table, looked at by every door.

/// What somebody is to a room, or to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// In the call, over the WebSocket.
    Participant,
    /// A participant who may also act on others of his room.
    Moderator,
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
            | OwnStats | ReadRoom | CloseRoom | ManageRooms | ReadServer => true,
        },
        Role::Moderator => match action {
            EnterBySocket | Negotiate | Subscribe | MuteOwn | MuteOthers | Kick | OwnStats | ReadRoom | CloseRoom => {
                true
            }
            EnterByWhip | EnterByWhep | ManageRooms | ReadServer => false,
        },
        Role::Participant => match action {
            EnterBySocket | Negotiate | Subscribe | MuteOwn | OwnStats => true,
            EnterByWhip | EnterByWhep | MuteOthers | Kick | ReadRoom | CloseRoom | ManageRooms | ReadServer => false,
        },
        Role::Publisher => match action {
            EnterByWhip | Negotiate => true,
            EnterBySocket | EnterByWhep | Subscribe | MuteOwn | MuteOthers | Kick | OwnStats | ReadRoom | CloseRoom
            | ManageRooms | ReadServer => false,
        },
        Role::Viewer => match action {
            EnterByWhep | Negotiate => true,
            EnterBySocket | EnterByWhip | Subscribe | MuteOwn | MuteOthers | Kick | OwnStats | ReadRoom | CloseRoom
            | ManageRooms | ReadServer => false,
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
        // Columns: participant, moderator, admin, publisher, viewer.
        let table = [
            (EnterBySocket, "yyy.."),
            (EnterByWhip, "..yy."),
            (EnterByWhep, "..y.y"),
            (Negotiate, "yyyyy"),
            (Subscribe, "yyy.."),
            (MuteOwn, "yyy.."),
            (MuteOthers, ".yy.."),
            (Kick, ".yy.."),
            (OwnStats, "yyy.."),
            (ReadRoom, ".yy.."),
            (CloseRoom, ".yy.."),
            (ManageRooms, "..y.."),
            (ReadServer, "..y.."),
        ];
        let roles = [Role::Participant, Role::Moderator, Role::Admin, Role::Publisher, Role::Viewer];
        for (action, row) in table {
            let got: String = roles.iter().map(|r| if allowed(*r, action) { 'y' } else { '.' }).collect();
            assert_eq!(got, row, "{action:?}");
        }
    }
}
