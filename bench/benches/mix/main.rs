//! What audio mixing costs and what it does to speech: `cargo bench -p colloquy-bench --bench mix`.
//!
//! CPU time of this thread for a second of sound, without sockets and encryption; voices are made up and speak all the time, which is
//! the worst there is. Then the same over sockets, beside Janus's AudioBridge. Every figure is the median of rounds that take turns.
//! `-- --rounds 5 --seconds 10` plays longer.

mod bridge;
mod quality;
mod room;
mod voice;

use colloquy_codecs::opus::{Application, Bandwidth, EncoderSettings};
use colloquy_media_core::mix::audio::{Coding, MixSettings};
use room::{Rest, Room};

/// Everybody speaks, so many.
const FULL: usize = 16;
/// Who speaks where not everybody does.
const SPEAKERS: usize = 3;

struct Case {
    name: &'static str,
    room: Room,
    cores: Vec<f64>,
}

fn main() {
    let (rounds, seconds) = (argument("--rounds", 3), argument("--seconds", 5));
    let ours = MixSettings { agc: true, ..MixSettings::default() };
    let speech = MixSettings { lossy_bps: 32_000, expected_loss_pct: 0, ..ours };
    let (clean, lossy) = (Coding::default(), Coding { lossy: true, ..Coding::default() });
    let full = |settings: MixSettings, coding| Room {
        settings: MixSettings { speakers: FULL, ..settings },
        coding,
        speakers: FULL,
        listeners: FULL,
        rest: Rest::Muted,
    };
    let gated = |listeners, rest| Room { settings: ours, coding: clean, speakers: SPEAKERS, listeners, rest };
    let mut cases = [
        ("full mix of 16, our settings", full(ours, clean)),
        ("full mix of 16, VoIP 32 kb/s, complexity 5", full(speech, lossy)),
        ("full mix of 16, VoIP 32 kb/s, complexity 9", full(MixSettings { complexity: 9, ..speech }, lossy)),
        ("3 speak, 10 listen", gated(10, Rest::Muted)),
        ("3 speak, 1000 listen", gated(1000, Rest::Muted)),
        ("3 speak, 10 listen, all send", gated(10, Rest::Silent)),
        ("3 speak, 1000 listen, all send", gated(1000, Rest::Silent)),
    ]
    .map(|(name, room)| Case { name, room, cores: Vec::new() });
    let voices = voice::packets(FULL, seconds);
    let mut waits_ms = Vec::new();
    for _ in 0..rounds {
        for case in &mut cases {
            let played = case.room.play(&voices, seconds);
            case.cores.push(played.core);
            waits_ms.extend(played.waits_ms);
        }
    }
    for case in &mut cases {
        case.cores.sort_by(f64::total_cmp);
        let participants = case.room.listeners as f64 / case.core();
        println!("{:45} {:.4} core, {participants:.0} participants a core", case.name, case.core());
    }
    compare_quality(seconds);
    let sockets = bridge::compare(FULL, seconds);
    let count =
        |participants: Option<f64>| participants.map_or_else(|| "none".to_owned(), |count| format!("{count:.0}"));
    waits_ms.sort_by(f64::total_cmp);
    let p99 = waits_ms.get(waits_ms.len() * 99 / 100).copied().unwrap_or(f64::NAN);
    println!(
        "RESULT full_mix_participants_per_core={:.0} full_mix_voip32_participants_per_core={:.0} gated_room_core_n10={:.4} \
         gated_room_core_n1000={:.4} added_p99_ms={p99:.1} sockets_participants_per_core={} \
         audiobridge_participants_per_core={}",
        FULL as f64 / cases[0].core(),
        FULL as f64 / cases[1].core(),
        cases[3].core(),
        cases[4].core(),
        count(sockets.ours),
        count(sockets.bridge),
    );
}

impl Case {
    fn core(&self) -> f64 {
        self.cores[self.cores.len() / 2]
    }
}

fn compare_quality(seconds: usize) {
    let settings = |application, bitrate_bps, complexity| EncoderSettings {
        application,
        bitrate_bps,
        complexity,
        ..EncoderSettings::default()
    };
    let rows = [
        (
            "our settings (low delay, 64 kb/s, 12 kHz, 5)",
            EncoderSettings { bandwidth: Bandwidth::SuperWide, ..settings(Application::LowDelay, 64_000, 5) },
        ),
        ("VoIP 32 kb/s, 9", settings(Application::Speech, 32_000, 9)),
        ("VoIP 32 kb/s, 5", settings(Application::Speech, 32_000, 5)),
    ];
    for speakers in [1, SPEAKERS] {
        let clean = voice::sum(speakers, seconds);
        for (name, settings) in &rows {
            let quality = quality::measure(&clean, settings);
            println!(
                "{speakers} voices, {name:45} segmental SNR {:.1} dB, spectral distance {:.1} dB",
                quality.snr_db, quality.distance_db
            );
        }
    }
}

/// The number behind a flag.
fn argument(flag: &str, otherwise: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != flag).skip(1);
    arguments.next().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}
