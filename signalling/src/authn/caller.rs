//! Somebody who asks, with what he may.

use super::token::{Claims, Grants};
use crate::authz::{Action, Role, allowed};
use crate::error::{ErrorCode, Refusal};
use crate::names::{DisplayName, RoomName};
use colloquy_media_core::api::Permissions;

/// Somebody who asks: what his token says, or what everybody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whom his token names.
    pub subject: Option<String>,
    /// The display name that his token gives him.
    pub name: Option<DisplayName>,
    /// Where.
    pub rooms: RoomScope,
    /// What.
    pub grants: Grants,
    /// When his token ends, in seconds since 1970.
    pub expires_unix_s: Option<u64>,
}

/// Which rooms a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomScope {
    /// Every room.
    All,
    /// One.
    One(RoomName),
    /// None.
    None,
}

/// Which way somebody comes into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The WebSocket.
    Socket,
    /// WHIP: to publish.
    Whip,
    /// WHEP: to watch.
    Whep,
}

impl Caller {
    /// Everybody, where there are no tokens.
    #[must_use]
    pub fn anybody() -> Self {
        Self {
            subject: None,
            name: None,
            rooms: RoomScope::All,
            grants: Grants { join: true, publish: true, subscribe: true, ..Grants::default() },
            expires_unix_s: None,
        }
    }

    /// The person at this machine, where there are no tokens: everything, by HTTP.
    #[must_use]
    pub fn operator() -> Self {
        Self { grants: Grants::EVERYTHING, ..Self::anybody() }
    }

    /// Whether he came without a token.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.subject.is_none()
    }

    /// What he may do with media.
    #[must_use]
    pub fn permissions(&self, door: Door) -> Permissions {
        Permissions {
            publish: self.grants.publish && door != Door::Whep,
            subscribe: self.grants.subscribe && door != Door::Whip,
        }
    }

    /// The role that he would have in a room, coming this way.
    ///
    /// # Errors
    /// `auth.forbidden`.
    pub fn enter(&self, room: &RoomName, door: Door) -> Result<Role, Refusal> {
        let grants = self.grants;
        let (role, action) = match door {
            Door::Socket => (self.role_in(Some(room)), Action::EnterBySocket),
            Door::Whip => ((self.opens(room) && grants.publish).then_some(Role::Publisher), Action::EnterByWhip),
            Door::Whep => ((self.opens(room) && grants.subscribe).then_some(Role::Viewer), Action::EnterByWhep),
        };
        role.filter(|role| allowed(*role, action)).ok_or_else(|| {
            let missing = match door {
                Door::Socket => "join",
                Door::Whip => "publish",
                Door::Whep => "subscribe",
            };
            forbidden(format!("The access token does not grant {missing:?} in room {room}."))
        })
    }

    /// Whether he may act on a room from outside, or on the server.
    ///
    /// # Errors
    /// `auth.forbidden`.
    pub fn authorise(&self, action: Action, room: Option<&RoomName>) -> Result<(), Refusal> {
        if self.role_in(room).is_some_and(|role| allowed(role, action)) {
            return Ok(());
        }
        Err(forbidden("This needs an access token that grants \"moderate\" for the room, or \"admin\".".to_owned()))
    }

    fn opens(&self, room: &RoomName) -> bool {
        match &self.rooms {
            RoomScope::All => true,
            RoomScope::One(one) => one == room,
            RoomScope::None => self.grants.admin,
        }
    }

    fn role_in(&self, room: Option<&RoomName>) -> Option<Role> {
        if self.grants.admin {
            return Some(Role::Admin);
        }
        if !room.is_some_and(|room| self.opens(room)) {
            return None;
        }
        match self.grants {
            Grants { supervise: true, .. } => Some(Role::Supervisor),
            Grants { agent: true, .. } => Some(Role::Agent),
            Grants { moderate: true, .. } => Some(Role::Moderator),
            Grants { join, .. } => join.then_some(Role::Participant),
        }
    }
}

impl TryFrom<Claims> for Caller {
    type Error = Refusal;

    fn try_from(claims: Claims) -> Result<Self, Refusal> {
        let invalid =
            |what: &str| Refusal::new(ErrorCode::AuthInvalid, format!("The access token's {what} cannot be used."));
        let rooms = match claims.room.as_deref() {
            None => RoomScope::None,
            Some("*") => RoomScope::All,
            Some(name) => RoomScope::One(RoomName::parse(name).map_err(|_| invalid("room"))?),
        };
        let name = claims.name.as_deref().map(DisplayName::parse).transpose().map_err(|_| invalid("name"))?;
        Ok(Self { subject: Some(claims.sub), name, rooms, grants: claims.grants, expires_unix_s: Some(claims.exp) })
    }
}

fn forbidden(message: String) -> Refusal {
    Refusal::new(ErrorCode::AuthForbidden, message)
}
