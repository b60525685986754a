#![no_main]

//! Messages to the TURN server, whole and as a stream, from clients and from peers.

use colloquy_media_core::turn::{
    Flow, FlowKind, Frames, NoRelay, Now, Outside, RelayId, Secret, TurnCredentials, TurnPolicy, TurnServer,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Sends nothing, and sees that no answer to a stranger is long.
struct Nowhere;

impl Outside for Nowhere {
    fn to_client(&mut self, _: Flow, bytes: &[u8]) {
        assert!(bytes.len() <= 80, "nobody here has credentials");
    }

    fn to_peer(&mut self, _: RelayId, _: SocketAddr, _: &[u8]) {
        panic!("there is no allocation to relay for");
    }

    fn open_relay(&mut self, _: RelayId, _: Flow, _: bool) -> Result<SocketAddr, NoRelay> {
        panic!("nobody here has credentials");
    }

    fn close_relay(&mut self, _: RelayId) {}
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut now = Now { instant: Instant::now(), unix_s: 1_700_000_000 };
    let credentials = TurnCredentials::new("colloquy", [], &Secret::from_random([1; 32])).expect("they are right");
    let mut server = TurnServer::new(TurnPolicy::default(), credentials, [2; 32], now);
    let flow = Flow {
        kind: FlowKind::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 3_478)),
        remote: SocketAddr::from(([192, 0, 2, 2], 5_000)),
    };
    server.client_sent(flow, bytes, now, &mut Nowhere);
    let mut frames = Frames::default();
    for piece in bytes.chunks(7) {
        frames.push(piece);
        while let Ok(Some(message)) = frames.take() {
            server.client_sent(Flow { kind: FlowKind::Tcp, ..flow }, message, now, &mut Nowhere);
        }
        server.peer_sent(RelayId::default(), flow.remote, piece, now.instant, &mut Nowhere);
        now.instant += Duration::from_secs(1);
        server.sweep(now.instant, &mut Nowhere);
    }
});
