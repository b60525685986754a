use super::*;
use crate::api::{AdvertisedAddress, DtlsVersions, IceMode, Limits, Mute, Permissions, Reply};
use crate::audience::Stance;
use crate::wire::{Batch, Wire};
use std::sync::mpsc::channel;
use std::time::Duration;

struct Nowhere;

impl Wire for Nowhere {
    fn send(&mut self, _batch: &Batch<'_>) {}
}

fn engine(now: Instant) -> (Engine, Outbox) {
    let config = EngineConfig {
        worker: 0,
        addresses: vec![AdvertisedAddress::udp("192.0.2.1:40000".parse().unwrap())],
        ice: IceMode::Lite,
        dtls: DtlsVersions::Prefer12,
        limits: Limits::default(),
        seed: 1,
    };
    (Engine::new(config, Certificate::generate().unwrap(), now), Outbox::new(Box::new(Nowhere)))
}

fn join(engine: &mut Engine, now: Instant, peer: u64, out: &mut Outbox) {
    let (room, peer) = (RoomId(1), PeerId(peer));
    engine.handle_command(
        now,
        Command::Join { room, peer, permissions: Permissions::ALL, stance: Stance::default(), reply: Reply::ignore() },
        out,
    );
}

#[test]
fn a_panic_ends_the_session_it_happened_in_and_no_other() {
    let now = Instant::now();
    let (mut engine, mut out) = engine(now);
    join(&mut engine, now, 1, &mut out);
    join(&mut engine, now, 2, &mut out);
    // A reply runs inside the handling of its command, as any defect of ours would.
    let reply = Reply::new(|_| panic!("on purpose"));
    engine.handle_command(
        now,
        Command::SetMute { peer: PeerId(1), track: TrackId(9), mute: Mute::default(), reply },
        &mut out,
    );
    assert_eq!(
        engine.poll_event(),
        Some(Event::Closed { room: RoomId(1), peer: PeerId(1), cause: CloseCause::Panicked })
    );
    assert_eq!((engine.totals().panics, engine.totals().peers), (1, 1));
    let (tell, told) = channel();
    let reply = Reply::new(move |stats| tell.send(stats).unwrap());
    engine.handle_command(now, Command::Stats { room: RoomId(1), reply }, &mut out);
    let stats = told.recv().unwrap().expect("the room goes on");
    assert_eq!(stats.peers.iter().map(|p| p.peer).collect::<Vec<_>>(), [PeerId(2)]);
}

#[test]
fn commands_about_nobody_are_answered_and_change_nothing() {
    let now = Instant::now();
    let (mut engine, mut out) = engine(now);
    let (tell, told) = channel();
    let reply = Reply::new(move |answer| tell.send(answer).unwrap());
    engine.handle_command(now, Command::Subscribe { peer: PeerId(7), mid: "0".into(), track: None, reply }, &mut out);
    assert_eq!(told.recv().unwrap(), Err(crate::api::SubscribeError::NoSuchPeer));
    engine.handle_command(now, Command::Leave { peer: PeerId(7) }, &mut out);
    engine.handle_command(now, Command::CloseRoom { room: RoomId(7) }, &mut out);
    engine.handle_command(now, Command::AddCandidate { peer: PeerId(7), candidate: "candidate:x".into() }, &mut out);
    assert_eq!((engine.poll_event(), engine.next_deadline()), (None, None));
}

#[test]
fn who_rests_has_his_turn_within_a_second_once_more_is_going_on() {
    const REST: Duration = Duration::from_secs(5);
    let now = Instant::now();
    let (mut engine, mut out) = engine(now);
    join(&mut engine, now, 1, &mut out);
    let key = engine.peer_ids[&PeerId(1)];
    let timers = |engine: &Engine| engine.peers.get(key).expect("he is there").timers;
    for (rests, within) in [(false, REST), (true, Duration::from_secs(1))] {
        let peer = engine.peers.get_mut(key).expect("he is there");
        (peer.timers.rests, peer.timers.report_at, peer.timers.armed) = (rests, now + REST, Some(now + REST));
        engine.rouse(now, key);
        let after = timers(&engine);
        assert!(!after.rests && after.report_at > now && after.report_at <= now + within);
        assert_eq!(engine.next_deadline(), rests.then_some(after.report_at));
    }
}
