//! A room that is mixed, in virtual time.

use super::voice::{FRAME, Spoken};
use bytes::Bytes;
use colloquy_media_core::mix::audio::{
    AudioMixer, Coding, Ear, Gain, GroupId, ListenerId, MixSettings, Output, Packet, SourceId,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

const FLOOR: GroupId = GroupId(0);
/// Before it is measured, in turns of 20 ms: everybody is chosen and encoders have run in.
const SETTLED: usize = 50;
/// What the limiter and the encoder add to the wait, in ms: 2 and 2.5, or 6.5 with speech coding.
const CODING_MS: (f64, f64) = (4.5, 8.5);

/// What those do who do not speak.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rest {
    /// They send nothing.
    Muted,
    /// They send packets that say that it is quiet.
    Silent,
}

/// A room.
pub(crate) struct Room {
    pub(crate) settings: MixSettings,
    pub(crate) coding: Coding,
    pub(crate) speakers: usize,
    pub(crate) listeners: usize,
    pub(crate) rest: Rest,
}

/// What it cost.
pub(crate) struct Played {
    /// Of a core, 0 to 1 and more.
    pub(crate) core: f64,
    /// From when a packet came to when it has left, without the time of computing.
    pub(crate) waits_ms: Vec<f64>,
}

impl Room {
    pub(crate) fn play(&self, voices: &[Vec<Spoken>], seconds: usize) -> Played {
        let began = Instant::now();
        let mut mixer = AudioMixer::new(self.settings, began);
        for id in 0..self.listeners as u64 {
            mixer.add_source(SourceId(id), FLOOR, began).expect("there is room");
            let (groups, except) = (vec![(FLOOR, Gain::UNITY)], vec![(SourceId(id), None)]);
            mixer.hear(ListenerId(id), Ear { groups, except, coding: self.coding });
        }
        let silence = (Bytes::from_static(&[0xF8, 0xFF, 0xFE]), 127);
        let turns = seconds * 50;
        let (mut spent_ns, mut waits_ms) = (0, Vec::new());
        for turn in 0..turns {
            let before = cpu_ns();
            for id in 0..self.listeners {
                let spoken = match voices.get(id).and_then(|voice| voice.get(turn)) {
                    Some(spoken) if id < self.speakers => spoken,
                    _ if self.rest == Rest::Silent => &silence,
                    _ => continue,
                };
                // Everybody's packets come at another moment of the turn.
                let arrived = began + Duration::from_micros(turn as u64 * 20_000 + id as u64 * 1_237 % 20_000);
                let packet = Packet {
                    sequence: 65_536 + turn as u64,
                    timestamp: (turn * FRAME) as u32,
                    payload: spoken.0.clone(),
                    red: false,
                    level: Some(spoken.1),
                    voice: None,
                    arrived,
                };
                mixer.push(SourceId(id as u64), packet, arrived);
            }
            let now = began + Duration::from_millis(20 * (turn as u64 + 1));
            while mixer.next_tick().is_some_and(|at| at <= now) {
                mixer.tick(now);
                while let Some(output) = mixer.poll() {
                    if let Output::Packet(mixed) = output {
                        black_box(mixed);
                    }
                }
            }
            if turn < SETTLED {
                continue;
            }
            spent_ns += cpu_ns() - before;
            let coding = if self.coding.lossy { CODING_MS.1 } else { CODING_MS.0 };
            let waits = (0..self.speakers as u64).filter_map(|id| mixer.waits(SourceId(id)));
            waits_ms.extend(waits.map(|wait| wait.as_secs_f64() * 1e3 + coding));
        }
        Played { core: spent_ns as f64 / ((turns - SETTLED) as f64 * 2e7), waits_ms }
    }
}

/// CPU time of this thread, in nanoseconds.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
