//! A sound on its way to a mixer: a packet each 20 ms, as if somebody said it.

use super::{PACKET, Sound};
use crate::mix::audio::{FRAME_SAMPLES, Packet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How loud a mixer is told that it is, in -dBov: loud enough to be let in and to stay, also where it is soft. Its quiet parts are
/// meant, unlike those of somebody who has paused.
const LEVEL_DBOV: u8 = 20;
/// Packets that are made up for, where nobody asked for a while; of what is older nothing is played.
const MAX_BEHIND: u64 = 3;

/// How often a sound is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Repeat {
    /// From its beginning to its end.
    #[default]
    Once,
    /// Again and again, until it is stopped.
    Endless,
}

/// A sound that is played. Told the time; reads no clock.
#[derive(Debug, Clone)]
pub struct Player {
    sound: Arc<Sound>,
    began: Instant,
    repeat: Repeat,
    /// The packet that comes next.
    next: u64,
}

impl Player {
    /// Plays a sound that began at this time, which may have passed: then it goes on where it is by now.
    #[must_use]
    pub fn new(sound: Arc<Sound>, began: Instant, repeat: Repeat) -> Self {
        Self { sound, began, repeat, next: 0 }
    }

    /// When it is over; `None` of one that is repeated.
    #[must_use]
    pub fn ends(&self) -> Option<Instant> {
        (self.repeat == Repeat::Once).then(|| self.began + self.sound.length())
    }

    /// When the next packet is due; `None` when it is over.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let at = self.began + Duration::from_millis((PACKET.as_millis() as u64).saturating_mul(self.next));
        self.ends().is_none_or(|ends| at < ends).then_some(at)
    }

    /// The next packet, if it is due.
    pub fn take(&mut self, now: Instant) -> Option<Packet> {
        let passed = now.checked_duration_since(self.began)?.as_millis() / PACKET.as_millis();
        let current = u64::try_from(passed).unwrap_or(u64::MAX);
        if current.saturating_sub(self.next) > MAX_BEHIND {
            self.next = current;
        }
        let due = self.next_due().filter(|due| *due <= now)?;
        let (sequence, payload) = (self.next, self.sound.packet(self.next)?.clone());
        self.next += 1;
        // The clock of RTP wraps: the low 32 bits.
        let timestamp = sequence.wrapping_mul(FRAME_SAMPLES as u64) as u32;
        let (level, voice) = (Some(LEVEL_DBOV), Some(true));
        Some(Packet { sequence, timestamp, payload, red: false, level, voice, arrived: due })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Arc<Sound> {
        Arc::new(Sound::of((0..5_u8).map(|i| vec![i])).unwrap())
    }

    fn taken(player: &mut Player, now: Instant) -> Vec<(u64, u8)> {
        std::iter::from_fn(|| player.take(now)).map(|packet| (packet.sequence, packet.payload[0])).collect()
    }

    #[test]
    fn a_packet_comes_each_20_ms_until_it_is_over() {
        let began = Instant::now();
        let mut player = Player::new(sound(), began, Repeat::Once);
        assert_eq!(player.take(began - PACKET).map(|packet| packet.sequence), None);
        let mut now = began;
        for i in 0..5_u8 {
            assert_eq!(player.next_due(), Some(now));
            assert_eq!(taken(&mut player, now), [(u64::from(i), i)]);
            now += PACKET;
        }
        assert_eq!((player.next_due(), taken(&mut player, now)), (None, vec![]));
        assert_eq!(player.ends(), Some(began + Duration::from_millis(100)));
    }

    #[test]
    fn it_goes_round_and_its_numbers_go_on() {
        let began = Instant::now();
        let mut player = Player::new(sound(), began, Repeat::Endless);
        assert_eq!(player.ends(), None);
        let all: Vec<_> = (0..12).flat_map(|i| taken(&mut player, began + PACKET * i)).collect();
        assert_eq!(all[..3], [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(all[4..7], [(4, 4), (5, 0), (6, 1)]);
        assert_eq!(all.len(), 12);
    }

    #[test]
    fn who_comes_later_hears_it_where_it_is() {
        let began = Instant::now();
        let mut player = Player::new(sound(), began, Repeat::Endless);
        assert_eq!(taken(&mut player, began + PACKET * 1_003), [(1_003, 3)]);
        // A little late is made up for.
        assert_eq!(taken(&mut player, began + PACKET * 1_006), [(1_004, 4), (1_005, 0), (1_006, 1)]);
        let mut over = Player::new(sound(), began, Repeat::Once);
        assert_eq!(taken(&mut over, began + PACKET * 1_003), []);
    }
}
