//! An engine with one participant, for targets to throw things at.

use colloquy_media_core::api::{
    AdvertisedAddress, Command, DtlsVersions, EngineConfig, IceMode, Limits, Offer, PeerId, Permissions, Reply, RoomId,
    Subscriptions,
};
use colloquy_media_core::audience::Stance;
use colloquy_media_core::engine::Engine;
use colloquy_media_core::transport::Certificate;
use colloquy_media_core::wire::{Batch, Outbox, Path, Wire};
use std::sync::OnceLock;
use std::time::Instant;

pub const PEER: PeerId = PeerId(1);

struct Nowhere;

impl Wire for Nowhere {
    fn send(&mut self, _batch: &Batch<'_>) {}
}

/// A fresh engine with one participant in one room.
pub fn engine() -> (Engine, Outbox, Instant) {
    with_ice(IceMode::Lite)
}

fn with_ice(ice: IceMode) -> (Engine, Outbox, Instant) {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    let certificate = CERTIFICATE.get_or_init(|| Certificate::generate().expect("a certificate"));
    let config = EngineConfig {
        worker: 0,
        addresses: vec![AdvertisedAddress::udp(path().local)],
        ice,
        dtls: DtlsVersions::Prefer12,
        limits: Limits::default(),
        seed: 1,
    };
    let now = Instant::now();
    let mut engine = Engine::new(config, certificate.clone(), now);
    let mut out = Outbox::new(Box::new(Nowhere));
    let join = Command::Join { room: RoomId(1), peer: PEER, permissions: Permissions::ALL, stance: Stance::default(), reply: Reply::ignore() };
    engine.handle_command(now, join, &mut out);
    (engine, out, now)
}

/// The participant's ICE user name fragment, once he has a session.
pub const UFRAG: &str = "abcd";

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
a=fingerprint:sha-256 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00\r\n\
a=setup:actpass\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

/// The same, with his offer answered.
pub fn with_session(ice: IceMode) -> (Engine, Outbox, Instant) {
    let (mut engine, mut out, now) = with_ice(ice);
    credentials(&mut engine, now, &mut out);
    (engine, out, now)
}

/// The server's user name fragment and password for him, by an offer that changes nothing.
pub fn credentials(engine: &mut Engine, now: Instant, out: &mut Outbox) -> (String, String) {
    let (sender, answer) = std::sync::mpsc::channel();
    let offer = Offer { sdp: OFFER.to_owned(), sources: Vec::new(), subscriptions: Subscriptions::InOrder(Vec::new()) };
    let reply = Reply::new(move |answer| drop(sender.send(answer)));
    engine.handle_command(now, Command::Offer { peer: PEER, offer, reply }, out);
    let answer = answer.recv().expect("it is answered").expect("it is a good offer");
    let password = answer.sdp.lines().find_map(|line| line.strip_prefix("a=ice-pwd:")).expect("there is one");
    (answer.ice_ufrag.clone(), password.to_owned())
}

/// Where datagrams come from and go to.
pub fn path() -> Path {
    Path { local: ([192, 0, 2, 1], 40_000).into(), remote: ([198, 51, 100, 1], 50_000).into(), tcp: false }
}

/// A defect that the engine caught is a defect all the same.
pub fn check(engine: &mut Engine) {
    assert_eq!(engine.totals_mut().panics, 0);
}
