//! What broke others, sent to us: `tests/corpus`, file by file, with a healthy call beside it.

mod case;
mod stage;

use case::cases;
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
