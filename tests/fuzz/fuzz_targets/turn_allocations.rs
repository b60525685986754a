#![no_main]

//! TURN behind its authentication: clients with a user's credentials, with time-limited ones and with wrong ones ask for allocations,
//! permissions and channels, in any order and with any attributes, while their peers send and time goes by.

use aws_lc_rs::hmac;
use colloquy_media_core::transport::fuzzing::Feed;
use colloquy_media_core::turn::{
    Credential, Flow, FlowKind, Frames, NoRelay, Now, Outside, OwnAddress, PeerPolicy, RelayId, Secret, TurnCredentials,
    TurnLimits, TurnPolicy, TurnServer,
};
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const REALM: &str = "example.org";
/// Our media: the only address that may be relayed to, beside the relayed ones.
const MEDIA: &str = "198.51.100.7:20000";
const LIMITS: TurnLimits = TurnLimits {
    allocations_per_user: 2,
    allocations_per_address: 3,
    allocations: 4,
    permissions: 3,
    channels: 3,
    max_lifetime_s: 600,
    bytes_per_s: 20_000,
    refusals_per_s: 50,
};
/// What one client is told in answer to one request, and what one packet of a peer's becomes: never several.
const MAX_OUT: usize = 2;

/// Keeps what the server does.
#[derive(Default)]
struct World {
    to_clients: Vec<(Flow, Vec<u8>)>,
    relays: BTreeMap<RelayId, SocketAddr>,
    opened: u16,
    sent: usize,
}

impl Outside for World {
    fn to_client(&mut self, flow: Flow, bytes: &[u8]) {
        self.sent += 1;
        self.to_clients.push((flow, bytes.to_vec()));
    }

    fn to_peer(&mut self, relay: RelayId, peer: SocketAddr, _: &[u8]) {
        self.sent += 1;
        assert!(self.relays.contains_key(&relay), "sent from a relay that is closed");
        let may = peer == address(MEDIA) || self.relays.values().any(|relayed| *relayed == peer);
        assert!(may, "sent to {peer}, which is none of ours");
    }

    fn open_relay(&mut self, relay: RelayId, _: Flow, is_ipv4: bool) -> Result<SocketAddr, NoRelay> {
        if !is_ipv4 {
            return Err(NoRelay::Family);
        }
        self.opened = self.opened.wrapping_add(1);
        let relayed = SocketAddr::new(address(MEDIA).ip(), 30_000 + self.opened % 20_000);
        assert!(self.relays.insert(relay, relayed).is_none(), "a relay is opened twice");
        assert!(self.relays.len() <= LIMITS.allocations, "more allocations than are allowed");
        Ok(relayed)
    }

    fn close_relay(&mut self, relay: RelayId) {
        assert!(self.relays.remove(&relay).is_some(), "a relay is closed that was not open");
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("it is written here")
}

fn flow(of: u8) -> Flow {
    let kind = if of & 2 == 0 { FlowKind::Udp } else { FlowKind::Tcp };
    let remote = SocketAddr::from(([203, 0, 113, 1 + (of >> 2 & 1)], 5_000 + u16::from(of & 1)));
    Flow { kind, local: address("10.0.0.5:3478"), remote }
}

fn attribute(kind: u16, value: &[u8], message: &mut Vec<u8>) {
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&(value.len() as u16).to_be_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// XOR-PEER-ADDRESS and its kin (RFC 8489 section 14.2), IPv4.
fn masked(of: SocketAddr) -> Vec<u8> {
    let SocketAddr::V4(of) = of else { return Vec::new() };
    let ip = u32::from(*of.ip()) ^ u32::from_be_bytes(COOKIE);
    let port = of.port() ^ 0x2112;
    [&[0, 1][..], &port.to_be_bytes(), &ip.to_be_bytes()].concat()
}

/// The nonce of a refusal.
fn nonce(message: &[u8]) -> Option<Vec<u8>> {
    let mut rest = message.get(20..)?;
    while let [k0, k1, l0, l1, more @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        if [*k0, *k1] == [0, 0x15] {
            return more.get(..len).map(<[u8]>::to_vec);
        }
        rest = more.get(len.next_multiple_of(4)..)?;
    }
    None
}

struct Fuzz {
    server: TurnServer,
    world: World,
    users: Vec<Credential>,
    nonce: Vec<u8>,
    now: Now,
}

impl Fuzz {
    fn new() -> Self {
        let now = Now { instant: Instant::now(), unix_s: 1_700_000_000 };
        let users = [("anne".to_owned(), Secret::new("hers"))];
        let credentials = TurnCredentials::new(REALM, users, &Secret::from_random([1; 32])).expect("they are right");
        let anne = |password: &str| Credential { username: "anne".to_owned(), password: password.to_owned() };
        let users = vec![anne("hers"), credentials.issue(now.unix_s, "p1", 900), anne("not hers")];
        let media = address(MEDIA);
        let mut peers = PeerPolicy::default();
        peers.set_own(&[OwnAddress { public: media, local: media }]);
        let policy = TurnPolicy { limits: LIMITS, peers };
        let server = TurnServer::new(policy, credentials, [2; 32], now);
        Self { server, world: World::default(), users, nonce: Vec::new(), now }
    }

    fn peer(&self, of: u8) -> SocketAddr {
        let relayed: Vec<SocketAddr> = self.world.relays.values().copied().collect();
        match of % 8 {
            0 | 1 => address(MEDIA),
            2 => address("127.0.0.1:22"),
            3 => address("10.0.0.1:80"),
            4 => address("203.0.113.200:9"),
            other => relayed.get(usize::from(other - 5)).copied().unwrap_or_else(|| address("198.51.100.7:22")),
        }
    }

    /// A request or an indication, signed with somebody's password where the bytes do not say otherwise.
    fn message(&self, feed: &mut Feed<'_>) -> Vec<u8> {
        let (what, how) = (feed.byte(), feed.byte());
        let kind: u16 = match what % 12 {
            0..=2 => 0x003,
            3 => 0x004,
            4 | 5 => 0x008,
            6 | 7 => 0x009,
            8 | 9 => 0x016,
            10 => 0x001,
            _ => u16::from(feed.byte()) | u16::from(feed.byte() & 0x3f) << 8,
        };
        let mut message = kind.to_be_bytes().to_vec();
        message.extend_from_slice(&[0, 0]);
        message.extend_from_slice(&COOKIE);
        message.extend_from_slice(&[feed.byte(); 12]);
        for _ in 0..how % 5 {
            let of = feed.byte();
            match of % 10 {
                0 | 1 => attribute(0x0012, &masked(self.peer(of >> 4)), &mut message),
                2 => attribute(0x0019, &[17, 0, 0, 0], &mut message),
                3 => attribute(0x000c, &[0x40, of >> 4, 0, 0], &mut message),
                4 => attribute(0x000d, &[0, 0, of >> 4, feed.byte()], &mut message),
                5 => attribute(0x0013, feed.bytes(), &mut message),
                6 => attribute(0x0017, &[1 + (of >> 4 & 1), 0, 0, 0], &mut message),
                7 => attribute(0x001a, &[], &mut message),
                _ => attribute(u16::from_be_bytes([feed.byte(), feed.byte()]), feed.bytes(), &mut message),
            }
        }
        if how & 0x20 == 0 {
            self.sign(&self.users[usize::from(how >> 6) % self.users.len()], &mut message);
        }
        let len = (message.len() - 20) as u16;
        message[2..4].copy_from_slice(&len.to_be_bytes());
        message
    }

    fn sign(&self, user: &Credential, message: &mut Vec<u8>) {
        attribute(0x0006, user.username.as_bytes(), message);
        attribute(0x0014, REALM.as_bytes(), message);
        attribute(0x0015, &self.nonce, message);
        let len = (message.len() + 24 - 20) as u16;
        message[2..4].copy_from_slice(&len.to_be_bytes());
        let key = Md5::digest(format!("{}:{REALM}:{}", user.username, user.password));
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
        let tag = hmac::sign(&key, message);
        attribute(0x0008, tag.as_ref(), message);
    }

    /// What clients do with a message of theirs: over a stream it may come in pieces.
    fn tell(&mut self, flow: Flow, bytes: &[u8], cut: usize) {
        if flow.kind == FlowKind::Udp {
            self.server.client_sent(flow, bytes, self.now, &mut self.world);
            return;
        }
        let mut frames = Frames::default();
        for piece in bytes.chunks(cut.max(1)) {
            frames.push(piece);
            while let Ok(Some(message)) = frames.take() {
                self.server.client_sent(flow, message, self.now, &mut self.world);
            }
        }
    }

    fn step(&mut self, feed: &mut Feed<'_>) {
        let (what, of) = (feed.byte(), feed.byte());
        let flow = flow(of);
        match what % 8 {
            0..=3 => {
                let message = self.message(feed);
                self.tell(flow, &message, usize::from(of >> 3));
            }
            4 => {
                let payload = feed.bytes();
                let len = (payload.len() as u16).to_be_bytes();
                let mut message = [&[0x40, of >> 4][..], &len, payload].concat();
                message.resize(message.len().next_multiple_of(4), 0);
                self.tell(flow, &message, 5);
            }
            5 => {
                let from = self.peer(of >> 4);
                let relays: Vec<RelayId> = self.world.relays.keys().copied().collect();
                if let Some(relay) = relays.get(usize::from(of) % relays.len().max(1)) {
                    self.server.peer_sent(*relay, from, feed.bytes(), self.now.instant, &mut self.world);
                }
            }
            6 => self.pass(u64::from(of)),
            _ => self.server.stream_closed(&flow, &mut self.world),
        }
        let sent = std::mem::take(&mut self.world.sent);
        assert!(sent <= MAX_OUT || flow.kind == FlowKind::Tcp, "{sent} packets went out for one");
        for (_, answer) in std::mem::take(&mut self.world.to_clients) {
            self.nonce = nonce(&answer).unwrap_or_else(|| std::mem::take(&mut self.nonce));
        }
        assert_eq!(self.server.counters().allocations, self.world.relays.len() as u64);
    }

    fn pass(&mut self, seconds: u64) {
        self.now.instant += Duration::from_secs(seconds);
        self.now.unix_s += seconds;
        self.server.sweep(self.now.instant, &mut self.world);
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut feed = Feed::new(bytes);
    let mut fuzz = Fuzz::new();
    // A first refusal, whose nonce everybody uses.
    let hello = [&[0, 3, 0, 0][..], &COOKIE, &[7; 12]].concat();
    fuzz.tell(flow(0), &hello, 20);
    fuzz.nonce = nonce(&fuzz.world.to_clients[0].1).expect("it is refused with a nonce");
    fuzz.world = World::default();
    for _ in 0..96 {
        if feed.is_empty() {
            break;
        }
        fuzz.step(&mut feed);
    }
    fuzz.pass(u64::from(LIMITS.max_lifetime_s) + 1);
    assert!(fuzz.world.relays.is_empty(), "an allocation outlived its lifetime");
});
