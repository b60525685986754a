//! Whom something that the server plays is for.

use super::{Post, Stance};
use crate::api::PeerId;

/// Whom an announcement is for. Nobody else hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Addressees {
    /// Everybody who hears the floor of the room: those on it, in whatever conversation, also while they are turned aside; and monitors.
    Floor,
    /// Those on hold.
    Held,
    /// One, wherever he stands.
    One(PeerId),
}

impl Addressees {
    /// Whether it is for somebody who stands so.
    #[must_use]
    pub fn include(self, who: PeerId, stance: &Stance) -> bool {
        match self {
            Self::Floor => !stance.held && stance.post != Post::Wings,
            Self::Held => stance.held,
            Self::One(one) => who == one,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_for_those_whom_it_names() {
        let (one, other) = (PeerId(1), PeerId(2));
        let floor = Stance::default();
        let held = Stance { held: true, ..floor };
        let (monitor, wings) = (Stance::at(Post::SILENT_MONITOR), Stance::at(Post::Wings));
        let row = |to: Addressees| [floor, held, monitor, wings].map(|stance| to.include(one, &stance));
        assert_eq!(row(Addressees::Floor), [true, false, true, false]);
        assert_eq!(row(Addressees::Held), [false, true, false, false]);
        assert_eq!(row(Addressees::One(one)), [true; 4]);
        assert_eq!(row(Addressees::One(other)), [false; 4]);
    }
}
