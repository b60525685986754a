//! Where somebody stands in a room.

use crate::api::PeerId;

/// A conversation within a room: 0 is the one that everybody comes into, others are sub-conferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Circle(pub u16);

/// A talk beside the floor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aside {
    /// Among a few, by number.
    Group(u32),
    /// With the monitors of one's circle.
    Backstage,
}

/// Where a monitor's voice goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Line {
    /// Nowhere.
    #[default]
    Listening,
    /// Into the ear of one agent (whispering, coaching).
    Coaching(PeerId),
    /// To the other monitors of his circle, and to its insiders.
    Backstage,
}

/// What somebody is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Post {
    /// Takes part in the conversation.
    Floor,
    /// Helps somebody who turns aside to him, and has no part in the conversation.
    Wings,
    /// Listens and watches.
    Monitor {
        /// Those on the floor are told of him.
        announced: bool,
        /// He is shown small pictures only, as on a wall of many conversations.
        wall: bool,
        /// Where his voice goes.
        line: Line,
    },
}

impl Post {
    /// Listens and watches unknown, and says nothing.
    pub const SILENT_MONITOR: Self = Self::Monitor { announced: false, wall: false, line: Line::Listening };
}

/// Where somebody stands: all that the matrix knows of him. The default is the floor of the room's first circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stance {
    /// The conversation that he belongs to.
    pub circle: Circle,
    /// What he is there for.
    pub post: Post,
    /// He is on hold.
    pub held: bool,
    /// The talk that he turned to.
    pub aside: Option<Aside>,
    /// He works here: he knows of helpers in the wings, and they of him.
    pub staff: bool,
    /// He is told of monitors, and hears what they say backstage.
    pub insider: bool,
    /// Another took over from him: he may come back to the floor by himself.
    pub taken_over: bool,
}

impl Stance {
    /// At a post, in the room's first circle.
    #[must_use]
    pub const fn at(post: Post) -> Self {
        Self { circle: Circle(0), post, held: false, aside: None, staff: false, insider: false, taken_over: false }
    }

    /// The same, of one who works here or not.
    #[must_use]
    pub const fn of_staff(self, staff: bool) -> Self {
        Self { staff, ..self }
    }

    /// Whether he takes part in his circle's conversation.
    #[must_use]
    pub fn is_on_floor(&self) -> bool {
        self.post == Post::Floor
    }

    /// Whether what he says goes to everybody on the floor.
    #[must_use]
    pub fn speaks_on_floor(&self) -> bool {
        self.is_on_floor() && !self.held && self.aside.is_none()
    }

    /// Whether he listens and watches only.
    #[must_use]
    pub fn is_monitor(&self) -> bool {
        matches!(self.post, Post::Monitor { .. })
    }

    /// Where his voice goes, if he is a monitor.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        match self.post {
            Post::Monitor { line, .. } => Some(line),
            Post::Floor | Post::Wings => None,
        }
    }
}

impl Default for Stance {
    fn default() -> Self {
        Self::at(Post::Floor)
    }
}
