//! A server without a network, and clients that speak to it.

use super::*;
use aws_lc_rs::hmac;
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;
use std::time::Instant;

pub(super) const ANNE: &str = "203.0.113.1:5000";
pub(super) const BOB: &str = "203.0.113.2:5000";
/// Our media, as clients know it; inside it is 10.0.0.5:20000.
pub(super) const MEDIA: &str = "198.51.100.7:20000";
const SERVER: &str = "10.0.0.5:3478";

pub(super) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What the server had done.
#[derive(Default)]
pub(super) struct Outer {
    to_clients: Vec<(Flow, Vec<u8>)>,
    to_peers: Vec<(SocketAddr, Vec<u8>)>,
    pub(super) relays: BTreeMap<RelayId, SocketAddr>,
    opened: u16,
}

impl Outside for Outer {
    fn to_client(&mut self, flow: Flow, bytes: &[u8]) {
        self.to_clients.push((flow, bytes.to_vec()));
    }

    fn to_peer(&mut self, _: RelayId, peer: SocketAddr, bytes: &[u8]) {
        self.to_peers.push((peer, bytes.to_vec()));
    }

    fn open_relay(&mut self, relay: RelayId, _: Flow, is_ipv4: bool) -> Result<SocketAddr, NoRelay> {
        if !is_ipv4 {
            return Err(NoRelay::Family);
        }
        self.opened += 1;
        let address = SocketAddr::new(at(MEDIA).ip(), 30_000 + self.opened);
        self.relays.insert(relay, address);
        Ok(address)
    }

    fn close_relay(&mut self, relay: RelayId) {
        self.relays.remove(&relay);
    }
}

pub(super) struct World {
    pub(super) server: TurnServer,
    pub(super) credentials: TurnCredentials,
    pub(super) now: Now,
    outer: Outer,
}

impl std::ops::Deref for World {
    type Target = Outer;

    fn deref(&self) -> &Outer {
        &self.outer
    }
}

impl Default for World {
    fn default() -> Self {
        Self::with(|_| {})
    }
}

impl World {
    pub(super) fn with(change: impl FnOnce(&mut TurnPolicy)) -> Self {
        let now = Now { instant: Instant::now(), unix_s: 1_700_000_000 };
        let users = [("anne", "hers"), ("bob", "his")].map(|(name, word)| (name.to_owned(), Secret::new(word)));
        let credentials = TurnCredentials::new("example.org", users, &Secret::new("0123456789abcdef")).unwrap();
        let mut peers = PeerPolicy::default();
        peers.set_own(&[OwnAddress { public: at(MEDIA), local: at("10.0.0.5:20000") }]);
        let mut policy = TurnPolicy { peers, ..TurnPolicy::default() };
        change(&mut policy);
        let server = TurnServer::new(policy, credentials.clone(), [5; 32], now);
        Self { server, credentials, now, outer: Outer::default() }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix_s += time.as_secs();
        self.server.sweep(self.now.instant, &mut self.outer);
    }

    pub(super) fn client_sent(&mut self, flow: Flow, bytes: &[u8]) {
        self.server.client_sent(flow, bytes, self.now, &mut self.outer);
    }

    pub(super) fn peer_sent(&mut self, relayed: SocketAddr, from: &str, bytes: &[u8]) {
        let relay = self.outer.relays.iter().find(|(_, address)| **address == relayed).map(|(relay, _)| *relay);
        self.server.peer_sent(relay.unwrap(), at(from), bytes, self.now.instant, &mut self.outer);
    }

    pub(super) fn close(&mut self, flow: Flow) {
        self.server.stream_closed(&flow, &mut self.outer);
    }

    pub(super) fn take_to_clients(&mut self) -> Vec<(Flow, Vec<u8>)> {
        std::mem::take(&mut self.outer.to_clients)
    }

    pub(super) fn take_to_peers(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.outer.to_peers)
    }
}

/// A client that does what browsers do: takes realm and nonce from refusals, and asks again.
pub(super) struct Client {
    pub(super) flow: Flow,
    username: String,
    password: String,
    nonce: Option<Vec<u8>>,
    pub(super) keep_id: bool,
    id: u8,
    /// The answer to the last request.
    pub(super) answer: Vec<u8>,
}

impl Client {
    pub(super) fn new(remote: SocketAddr, username: &str, password: &str) -> Self {
        Self {
            flow: Flow { kind: FlowKind::Udp, local: at(SERVER), remote },
            username: username.to_owned(),
            password: password.to_owned(),
            nonce: None,
            keep_id: false,
            id: 0,
            answer: Vec::new(),
        }
    }

    /// Asks, and returns the code of the refusal, or 0.
    pub(super) fn request(&mut self, world: &mut World, method: Method, attributes: &[(u16, Vec<u8>)]) -> u16 {
        self.id += u8::from(!self.keep_id);
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, method, Class::Request, [self.id; 12]);
        for (kind, value) in attributes {
            writer.attribute(*kind, value);
        }
        let text = format!("{}:example.org:{}", self.username, self.password);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &Md5::digest(text));
        if let Some(nonce) = &self.nonce {
            writer.attribute(attribute::USERNAME, self.username.as_bytes());
            writer.attribute(attribute::REALM, b"example.org").attribute(attribute::NONCE, nonce);
        }
        writer.finish(self.nonce.as_ref().map(|_| &key));
        self.tell(world, &bytes)
    }

    /// Sends a request as it is, and returns the code of the refusal, or 0.
    pub(super) fn tell(&mut self, world: &mut World, bytes: &[u8]) -> u16 {
        world.client_sent(self.flow, bytes);
        self.answer = world.take_to_clients().pop().expect("every request is answered").1;
        if self.answer[0] == 1 && self.answer[1] & 0x10 == 0 {
            return 0;
        }
        if let Some(nonce) = value(&self.answer, attribute::NONCE) {
            self.nonce = Some(nonce.to_vec());
        }
        let code = value(&self.answer, attribute::ERROR_CODE).unwrap();
        u16::from(code[2]) * 100 + u16::from(code[3])
    }

    pub(super) fn try_allocate(&mut self, world: &mut World) -> u16 {
        let attributes = [(attribute::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])];
        if self.nonce.is_none() {
            assert_eq!(self.request(world, Method::Allocate, &attributes), 401);
        }
        self.request(world, Method::Allocate, &attributes)
    }

    /// Allocates, and returns the relayed address.
    pub(super) fn allocate(&mut self, world: &mut World) -> SocketAddr {
        assert_eq!(self.try_allocate(world), 0);
        let value = value(&self.answer, attribute::XOR_RELAYED_ADDRESS).unwrap();
        unmask(value)
    }

    pub(super) fn refresh(&mut self, world: &mut World, lifetime_s: u32) -> u16 {
        self.request(world, Method::Refresh, &[(attribute::LIFETIME, lifetime_s.to_be_bytes().to_vec())])
    }

    pub(super) fn permit(&mut self, world: &mut World, peer: &str) -> u16 {
        let id = self.next_id();
        self.request(world, Method::CreatePermission, &[(attribute::XOR_PEER_ADDRESS, mask(at(peer), id))])
    }

    pub(super) fn bind(&mut self, world: &mut World, channel: u16, peer: &str) -> u16 {
        let [high, low] = channel.to_be_bytes();
        let id = self.next_id();
        let attributes =
            [(attribute::CHANNEL_NUMBER, vec![high, low, 0, 0]), (attribute::XOR_PEER_ADDRESS, mask(at(peer), id))];
        self.request(world, Method::ChannelBind, &attributes)
    }

    pub(super) fn send(&self, world: &mut World, peer: &str, payload: &[u8]) {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Method::Send, Class::Indication, [0; 12]);
        writer.address(attribute::XOR_PEER_ADDRESS, at(peer)).attribute(attribute::DATA, payload);
        writer.finish(None);
        world.client_sent(self.flow, &bytes);
    }

    pub(super) fn channel_data(&self, world: &mut World, channel: u16, payload: &[u8]) {
        let header = [channel.to_be_bytes(), (payload.len() as u16).to_be_bytes()].concat();
        world.client_sent(self.flow, &[&header, payload].concat());
    }

    /// What Data indications brought.
    pub(super) fn indications(&self, world: &mut World) -> Vec<(SocketAddr, Vec<u8>)> {
        let mine = world.take_to_clients().into_iter().filter(|(flow, _)| *flow == self.flow);
        mine.map(|(_, bytes)| {
            assert_eq!(bytes[..2], [0x00, 0x17]);
            let peer = unmask(value(&bytes, attribute::XOR_PEER_ADDRESS).unwrap());
            (peer, value(&bytes, attribute::DATA).unwrap().to_vec())
        })
        .collect()
    }

    fn next_id(&self) -> u8 {
        self.id + u8::from(!self.keep_id)
    }
}

/// The value of an attribute.
fn value(message: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut at = 20;
    while let Some([a, b, c, d]) = message.get(at..).and_then(|rest| rest.first_chunk()) {
        let len = usize::from(u16::from_be_bytes([*c, *d]));
        if u16::from_be_bytes([*a, *b]) == wanted {
            return message.get(at + 4..at + 4 + len);
        }
        at += 4 + len.next_multiple_of(4);
    }
    None
}

fn unmask(value: &[u8]) -> SocketAddr {
    let masked: [u8; 4] = value[4..8].try_into().unwrap();
    let ip = u32::from_be_bytes(masked) ^ 0x2112_A442;
    SocketAddr::new(std::net::Ipv4Addr::from(ip).into(), u16::from_be_bytes([value[2], value[3]]) ^ 0x2112)
}

fn mask(address: SocketAddr, id: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, Method::Binding, Class::Request, [id; 12]).address(attribute::XOR_PEER_ADDRESS, address);
    bytes[24..].to_vec()
}
