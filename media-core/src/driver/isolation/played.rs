//! What is played to the rooms of a process. Its packets go over one after the other, when they are due: a sound of many minutes, which many
//! rooms may hear, is kept once, and here.

use super::sounds::Seat;
use crate::mix::audio::SourceId;
use crate::mixer::{MixOrder, ToMixer};
use crate::sound::Player;
use std::time::Instant;

/// Something that is played to a room.
struct Playing {
    seat: Seat,
    life: u64,
    source: SourceId,
    player: Player,
}

/// All that is played: a room's engine bounds how much of it there is.
#[derive(Default)]
pub(super) struct Played(Vec<Playing>);

impl Played {
    /// From now on this source of a room's mixer says what a player has.
    pub(super) fn begin(&mut self, seat: Seat, life: u64, source: SourceId, player: Player) {
        self.0.retain(|playing| (playing.seat, playing.source) != (seat, source));
        self.0.push(Playing { seat, life, source, player });
    }

    /// These sources of a room are no more.
    pub(super) fn end(&mut self, seat: Seat, sources: &[SourceId]) {
        self.0.retain(|playing| playing.seat != seat || !sources.contains(&playing.source));
    }

    /// Forgets what is over, and what was played by mixers that are not there any more.
    pub(super) fn keep(&mut self, is_there: impl Fn(Seat, u64) -> bool) {
        self.0.retain(|playing| playing.player.next_due().is_some() && is_there(playing.seat, playing.life));
    }

    /// When the next packet is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.iter().filter_map(|playing| playing.player.next_due()).min()
    }

    /// Hands out every packet that is due.
    pub(super) fn take(&mut self, now: Instant, mut say: impl FnMut(u8, ToMixer)) {
        for Playing { seat: (worker, room), life, source, player } in &mut self.0 {
            while let Some(packet) = player.take(now) {
                say(*worker, ToMixer { room: *room, life: *life, order: MixOrder::Packet(*source, packet) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RoomId;
    use crate::sound::{PACKET, Repeat, Sound};
    use std::sync::Arc;

    #[test]
    fn each_packet_goes_over_when_it_is_due_and_none_of_what_is_gone() {
        let began = Instant::now();
        let sound = Arc::new(Sound::of((0..4_u8).map(|i| vec![i])).unwrap());
        let (here, gone) = ((0, RoomId(1)), (1, RoomId(2)));
        let mut played = Played::default();
        for (seat, source) in [(here, 5), (here, 6), (gone, 5)] {
            played.begin(seat, 9, SourceId(source), Player::new(Arc::clone(&sound), began, Repeat::Once));
        }
        let taken = |played: &mut Played, now| {
            let mut words = Vec::new();
            played.take(now, |worker, word| {
                let MixOrder::Packet(source, packet) = word.order else { panic!("only packets") };
                words.push((worker, word.room.0, word.life, source.0, packet.payload[0]));
            });
            words
        };
        assert_eq!(taken(&mut played, began), [(0, 1, 9, 5, 0), (0, 1, 9, 6, 0), (1, 2, 9, 5, 0)]);
        assert_eq!((taken(&mut played, began).len(), played.next_due()), (0, Some(began + PACKET)));
        played.end(here, &[SourceId(6), SourceId(7)]);
        played.keep(|seat, life| seat == here && life == 9);
        assert_eq!(taken(&mut played, began + 2 * PACKET), [(0, 1, 9, 5, 1), (0, 1, 9, 5, 2)]);
        assert_eq!(taken(&mut played, began + 3 * PACKET).len(), 1);
        played.keep(|_, _| true);
        assert_eq!((played.next_due(), played.0.len()), (None, 0));
    }
}
