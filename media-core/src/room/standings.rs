//! Where everybody in a room stands, as this worker's share of the room knows it.

use crate::api::PeerId;
use crate::audience::{Hears, Sees, Stance, hears, knows, sees};
use rustc_hash::FxHashMap;

/// Stances with the epoch that each is of. Of a stranger nothing is heard, seen or known.
#[derive(Debug, Default)]
pub(crate) struct Standings(FxHashMap<PeerId, (u64, Stance)>);

impl Standings {
    /// Somebody stands so since this epoch. `true` when he did not, as far as is known; word of an earlier epoch does not count.
    pub(crate) fn set(&mut self, who: PeerId, epoch: u64, stance: Stance) -> bool {
        match self.0.get_mut(&who) {
            Some((known, _)) if *known > epoch => false,
            Some(known) => std::mem::replace(known, (epoch, stance)).1 != stance,
            None => self.0.insert(who, (epoch, stance)).is_none(),
        }
    }

    /// Somebody is gone.
    pub(crate) fn remove(&mut self, who: PeerId) {
        self.0.remove(&who);
    }

    /// Where somebody stands, and since when.
    pub(crate) fn of(&self, who: PeerId) -> Option<(u64, &Stance)> {
        self.0.get(&who).map(|(epoch, stance)| (*epoch, stance))
    }

    pub(crate) fn hears(&self, listener: PeerId, speaker: PeerId) -> Hears {
        self.pair(listener, speaker).map_or(Hears::Off, |(ear, voice)| hears((listener, ear), (speaker, voice)))
    }

    pub(crate) fn sees(&self, viewer: PeerId, presenter: PeerId) -> Sees {
        self.pair(viewer, presenter).map_or(Sees::Off, |(eye, face)| sees((viewer, eye), (presenter, face)))
    }

    pub(crate) fn knows(&self, one: PeerId, other: PeerId) -> bool {
        self.pair(one, other).is_some_and(|(eye, face)| knows((one, eye), (other, face)))
    }

    fn pair(&self, one: PeerId, other: PeerId) -> Option<(&Stance, &Stance)> {
        Some((&self.0.get(&one)?.1, &self.0.get(&other)?.1))
    }
}
