//! Every rival that this machine has lets the harness's clients in, and sends all that it is sent.

use super::{Options, mixes_only_real_sound, named};
use crate::load::play::{Stage, Unwatched, play};
use crate::load::result::Repeat;
use crate::load::scenario::Scenario;

const SCENARIO: &str = r#"
name = "small"
publishers = 2
viewers = 3
[media.audio]
[media.video.constant]
packets_per_s = 100
packet_bytes = 600
[time]
warm_up_s = 1
hold_s = 1
"#;

/// Plays a small room, unless there is nothing to play it on. Never in CI, whose machines are busy and where no rival is expected.
fn plays(name: &str) {
    let Some(repeat) = played(name, SCENARIO) else { return };
    assert_eq!(repeat.joins.failed, 0, "{:?}", repeat.joins.failures);
    let delivery = &repeat.hold.delivery;
    // Three viewers, two publishers of 150 packets a second; of a busy machine some may be late.
    assert!(delivery.received > 800 && delivery.loss_pct < 1.0, "{delivery:?}");
}

fn played(name: &str, text: &str) -> Option<Repeat> {
    let system = named(name, &Options::default()).unwrap();
    let ci = std::env::var_os("CI").map(|_| "this is CI".to_owned());
    if let Some(why) = ci.or_else(|| system.absent()) {
        eprintln!("skipped: {name} is absent: {why}");
        return None;
    }
    let (scenario, _) = Scenario::read(text, &[]).unwrap();
    let stage = Stage {
        server_core: None,
        first: false,
        threads: 1,
        own_cores: 1,
        own_program: None,
        scratch: std::env::temp_dir(),
        count_calls: false,
    };
    Some(play(&*system, &scenario, &stage, 0, &mut Unwatched).unwrap().repeat)
}

#[test]
fn audiobridge_mixes_a_small_room() {
    let text = "name = \"small\"\npublishers = 3\nmeeting = true\nviewers = 1\n[media.audio]\nrecording = \"talk\"\n[time]\nwarm_up_s = 1\nhold_s = 1\n";
    let Some(repeat) = played("audiobridge", text) else { return };
    assert_eq!((repeat.joins.tried, repeat.joins.failed), (4, 0), "{:?}", repeat.joins.failures);
    let mixed = repeat.hold.mixed.expect("it mixes");
    assert_eq!((mixed.participants, mixed.hearers), (4, 4), "{mixed:?}");
    assert!((40.0..60.0).contains(&mixed.packets_per_s_each), "{mixed:?}");
    assert!(repeat.hold.latency.count == 0 && repeat.joins.first_media.count == 4, "{repeat:?}");
    let alone =
        played("audiobridge", &text.replace("\"talk\"", "\"talk\"\nspeakers = 1")).expect("it was there").hold.mixed;
    let told = alone.map(|mixed| (mixed.participants, mixed.hearers, mixed.echoed));
    assert_eq!(told, Some((3, 3, 0)), "the one who talks hears silence, which is told from sound");
}

#[test]
fn janus_plays_a_small_room() {
    plays("janus");
}

#[test]
fn livekit_plays_a_small_room() {
    plays("livekit");
}

#[test]
fn mediamtx_plays_a_small_room() {
    plays("mediamtx");
}

#[test]
fn who_cannot_be_had_is_told_with_the_reason() {
    let mediasoup = named("mediasoup", &Options::default()).unwrap();
    assert!(mediasoup.absent().is_some_and(|why| why.contains("whip=")));
}

#[test]
fn who_mixes_plays_real_sound_only() {
    let why = |text: &str| {
        mixes_only_real_sound(&Scenario::read(&format!("name = \"x\"\nviewers = 1\n{text}"), &[]).unwrap().0)
    };
    assert!(why("[media.audio]\n").is_some_and(|why| why.contains("recording")));
    assert!(
        why("[media.audio]\nrecording = \"talk\"\n[media.video.camera]\n").is_some_and(|why| why.contains("pictures"))
    );
    assert_eq!(why("[media.audio]\nrecording = \"talk\"\n"), None);
}
