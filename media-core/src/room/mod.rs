//! Who is in a room, who speaks in it, and what channels are open.

mod channel;
mod speakers;
mod standings;

pub(crate) use channel::{Channel, Mirror};
pub(crate) use speakers::{Meter, Speakers, TICK as SPEAKERS_TICK, Voice};
pub(crate) use standings::Standings;

use crate::api::{Announcement, Arrangement, LayoutId, PeerId, RoomId, Speaker};
use crate::audience::Circle;
use crate::engine::{ComposedRoom, MixedRoom, OtherShare};
use crate::keys::PeerKey;
use std::collections::BTreeMap;
use std::time::Instant;

/// Who speaks in one conversation of a room.
pub(crate) struct SpeakersOf {
    pub(crate) circle: Circle,
    pub(crate) speaking: Vec<Speaker>,
    pub(crate) dominant: Option<PeerId>,
}

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) peers: Vec<PeerKey>,
    /// Publishers who live on other workers.
    pub(crate) guests: Vec<PeerKey>,
    /// The other workers that have a share of the room.
    pub(crate) others: Vec<OtherShare>,
    /// Where everybody stands, on whatever worker he lives.
    pub(crate) standings: Standings,
    /// Who speaks in each of its conversations.
    pub(crate) speakers: BTreeMap<Circle, Speakers>,
    /// When levels are looked at next; `None` while nobody sends audio.
    pub(crate) tick_at: Option<Instant>,
    /// Its mix, while somebody listens to it.
    pub(crate) mix: Option<Box<MixedRoom>>,
    /// What is played into it.
    pub(crate) announcements: Vec<Announcement>,
    /// How canvases were arranged for it.
    pub(crate) layouts: BTreeMap<LayoutId, Arrangement>,
    /// Its canvases, while somebody looks at one.
    pub(crate) compose: Option<Box<ComposedRoom>>,
    /// When that and its mix are looked at next.
    pub(crate) mix_at: Option<Instant>,
}

impl Room {
    pub(crate) fn new(id: RoomId) -> Self {
        let (peers, guests, others) = (Vec::new(), Vec::new(), Vec::new());
        let (standings, speakers) = (Standings::default(), BTreeMap::new());
        let (tick_at, mix, compose, mix_at) = (None, None, None, None);
        let (announcements, layouts) = (Vec::new(), BTreeMap::new());
        Self { id, peers, guests, others, standings, speakers, tick_at, mix, announcements, layouts, compose, mix_at }
    }

    /// Who holds the floor of the conversation that a participant belongs to.
    pub(crate) fn dominant_for(&self, peer: PeerId) -> Option<PeerId> {
        let (_, stance) = self.standings.of(peer)?;
        self.speakers.get(&stance.circle)?.dominant()
    }

    /// Takes the levels of all who speak; gives the conversations in which others speak than before.
    pub(crate) fn take_levels(&mut self, speaking: &[Voice]) -> Vec<SpeakersOf> {
        let mut by_circle: BTreeMap<Circle, Vec<Voice>> = BTreeMap::new();
        for voice in speaking {
            if let Some((_, stance)) = self.standings.of(voice.peer).filter(|(_, stance)| stance.speaks_on_floor()) {
                by_circle.entry(stance.circle).or_default().push(*voice);
                self.speakers.entry(stance.circle).or_default();
            }
        }
        let told = self.speakers.iter_mut().filter_map(|(circle, speakers)| {
            let (speaking, dominant) = speakers.tick(by_circle.remove(circle).unwrap_or_default())?;
            Some(SpeakersOf { circle: *circle, speaking, dominant })
        });
        told.collect()
    }

    /// Forgets that somebody spoke.
    pub(crate) fn forget_speaker(&mut self, peer: PeerId) {
        self.speakers.values_mut().for_each(|speakers| speakers.remove(peer));
    }

    /// Everyone who may publish here, wherever he lives.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.peers.iter().chain(&self.guests).copied()
    }
}
