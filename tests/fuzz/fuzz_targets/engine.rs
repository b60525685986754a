//! An engine with one participant, for targets to throw things at.

use colloquy_media_core::api::{
    AdvertisedAddress, Command, DtlsVersions, EngineConfig, IceMode, Limits, PeerId, Permissions, Reply, RoomId,
};
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
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    let certificate = CERTIFICATE.get_or_init(|| Certificate::generate().expect("a certificate"));
    let config = EngineConfig {
        worker: 0,
        addresses: vec![AdvertisedAddress::udp(path().local)],
        ice: IceMode::Lite,
        dtls: DtlsVersions::Prefer12,
        limits: Limits::default(),
        seed: 1,
    };
    let now = Instant::now();
    let mut engine = Engine::new(config, certificate.clone(), now);
    let mut out = Outbox::new(Box::new(Nowhere));
    let join = Command::Join { room: RoomId(1), peer: PEER, permissions: Permissions::ALL, reply: Reply::ignore() };
    engine.handle_command(now, join, &mut out);
    (engine, out, now)
}

/// Where datagrams come from and go to.
pub fn path() -> Path {
    Path { local: ([192, 0, 2, 1], 40_000).into(), remote: ([198, 51, 100, 1], 50_000).into(), tcp: false }
}

/// A defect that the engine caught is a defect all the same.
pub fn check(engine: &mut Engine) {
    assert_eq!(engine.totals_mut().panics, 0);
}
