//! What broke others, sent to us: `tests/corpus`, file by file, with a healthy call beside it.

mod case;
mod live;
mod live_datagrams;
mod socket;
mod stage;
mod web;

use case::cases;
use live::Live;
use stage::Stage;

/// Plays an area's datagrams in a simulated world.
fn datagrams(area: &str, seed: u64) {
    let mut stage = Stage::new(seed);
    for case in cases(area, "hex") {
        stage.play(&case);
    }
}

#[test]
fn stun() {
    datagrams("stun", 1);
}

#[test]
fn turn() {
    datagrams("turn", 2);
}

#[test]
fn dtls() {
    datagrams("dtls", 3);
}

#[test]
fn rtp() {
    datagrams("rtp", 4);
}

#[test]
fn sctp() {
    datagrams("sctp", 5);
}

/// Every offer to an engine, with a healthy call beside it.
#[test]
fn offers() {
    use colloquy_media_core::api::{Command, Offer, Subscriptions};
    let mut stage = Stage::new(6);
    for case in cases("sdp", "sdp") {
        let room = stage.world.room();
        let peer = stage.world.join(room);
        let offer =
            Offer { sdp: web::offer(&case), sources: Vec::new(), subscriptions: Subscriptions::InOrder(Vec::new()) };
        for _ in 0..2 {
            let offer = offer.clone();
            let answer = stage.world.ask(|reply| Command::Offer { peer, offer, reply });
            let refused = answer.err().map(|error| error.to_string());
            web::judge_offer(&case, refused.as_deref()).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        }
        stage.world.leave(peer);
        stage.look_after(&case);
    }
}

#[test]
fn datagrams_by_the_public_sockets() {
    let mut live = Live::start().unwrap();
    live_datagrams::play(&mut live, &live_datagrams::AREAS).unwrap();
}

#[test]
fn offers_by_the_public_sockets() {
    web::play_offers(&mut Live::start().unwrap()).unwrap();
}

#[test]
fn signalling_by_the_public_sockets() {
    web::play_signalling(&mut Live::start().unwrap()).unwrap();
}

/// The whole corpus at one server: then a call still works, and memory is where it was. In a process of its own, because the
/// other tests of this one take and give back memory all the time.
#[test]
fn after_the_storm() {
    let binary = std::env::current_exe().expect("this test is a program");
    let run = std::process::Command::new(binary)
        .args(["--exact", "corpus::two_storms", "--ignored", "--nocapture"])
        .output()
        .expect("it runs again");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

/// The first time fills what is kept for good: tables, buffers, the allocator's own.
#[test]
#[ignore = "after_the_storm runs it, in a process of its own"]
fn two_storms() {
    let mut live = Live::start().unwrap();
    let storm = |live: &mut Live| {
        live_datagrams::play(live, &live_datagrams::AREAS).unwrap();
        web::play_offers(live).unwrap();
        web::play_signalling(live).unwrap();
        live.leave_the_healthy();
        live.goes_on().unwrap();
    };
    storm(&mut live);
    let before_kib = resident_kib();
    storm(&mut live);
    let after_kib = resident_kib();
    eprintln!("resident: {before_kib} KiB after the first storm, {after_kib} KiB after the second");
    assert!(after_kib < before_kib + MAX_GROWTH_KIB, "memory grew from {before_kib} to {after_kib} KiB");
}

/// What a storm may leave: the allocator's fragments. It was 1 MiB when it was measured.
const MAX_GROWTH_KIB: u64 = 6 * 1024;

/// Memory of this process that is in use, in KiB (`proc_pid_status(5)`, `VmRSS`).
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("there is such a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}
