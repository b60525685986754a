#![no_main]

//! The audio mixer: packets of two sources with any times, numbers and payloads, while ears and groups change. Nothing panics, a turn
//! ends, and nobody gets a source that his ear does not name.

use colloquy_media_core::mix::audio::{
    AudioMixer, Coding, Ear, Gain, GroupId, ListenerId, MixSettings, Output, Packet, SourceId,
};
use std::time::{Duration, Instant};

/// What an input is read by.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.byte()?);
        let (first, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        Some(first)
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let began = Instant::now();
    let mut now = began + Duration::from_secs(10);
    let mut mixer = AudioMixer::new(MixSettings::default(), began);
    let mut input = Input(bytes);
    let mut groups = [0, 0];
    for id in 0..2 {
        mixer.add_source(SourceId(id), GroupId(0), now).expect("there is room");
        hear(&mut mixer, id, 0);
    }
    let (mut sequence, mut timestamp) = (65_536_u64, 0_u32);
    while let Some(kind) = input.byte() {
        let id = u64::from(kind >> 7);
        match kind & 0x07 {
            0 => {
                groups[id as usize] = u32::from(kind >> 3 & 1);
                mixer.regroup(SourceId(id), GroupId(groups[id as usize]));
            }
            1 => {
                let Some(skip) = input.number() else { return };
                timestamp = timestamp.wrapping_add(skip);
                sequence = sequence.wrapping_add(u64::from(skip >> 24));
            }
            2 => now += Duration::from_millis(u64::from(input.byte().unwrap_or(0)) * 4),
            _ => {
                let Some(payload) = input.bytes() else { return };
                let packet = Packet {
                    sequence,
                    timestamp,
                    payload: payload.to_vec().into(),
                    red: kind & 0x40 != 0,
                    level: (kind & 0x20 != 0).then_some(kind & 0x1F),
                    voice: None,
                    arrived: now,
                };
                mixer.push(SourceId(id), packet, now);
                (sequence, timestamp) = (sequence.wrapping_add(1), timestamp.wrapping_add(960));
                now += Duration::from_millis(20);
            }
        }
        let mut turns = 0;
        while mixer.next_tick().is_some_and(|at| at <= now) {
            mixer.tick(now);
            turns += 1;
            assert!(turns <= 8, "what was missed long ago is not made up for");
            while let Some(output) = mixer.poll() {
                if let Output::Packet(mixed) = output {
                    assert!(mixed.contributors.iter().all(|source| groups[source.0 as usize] == 0));
                }
            }
        }
    }
});

/// A group and not oneself.
fn hear(mixer: &mut AudioMixer, id: u64, group: u32) {
    let (groups, except) = (vec![(GroupId(group), Gain::UNITY)], vec![(SourceId(id), None)]);
    mixer.hear(ListenerId(id), Ear { groups, except, coding: Coding::default() });
}
