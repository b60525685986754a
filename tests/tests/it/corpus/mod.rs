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
