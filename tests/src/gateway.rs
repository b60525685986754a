//! Media gateways in a simulated world: participants by plain RTP, whose packets tests write and read themselves.

use crate::world::{SERVER, World};
use colloquy_media_core::api::{
    AudioMode, Command, PeerId, PlainAnswer, PlainAsk, PlainEnd, PlainEnds, PlainError, PlainPlace, RoomId, TrackId,
};
use colloquy_media_core::audience::Stance;
use colloquy_media_core::turn::PeerPolicy;
use colloquy_media_core::wire::Path;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// The first port of ours that is a gateway's.
const FIRST_PORT: u16 = 50_000;

/// A datagram that the engine sent to a gateway.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// When.
    pub at: Instant,
    /// From which port of ours, and to where.
    pub path: Path,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Every gateway there is or was.
#[derive(Debug, Default)]
pub(crate) struct Gateways {
    pub(crate) rooms: BTreeMap<PeerId, RoomId>,
    parcels: Vec<Parcel>,
    ports: u16,
}

impl Gateways {
    /// Takes what is sent from a gateway's port.
    pub(crate) fn takes(&mut self, at: Instant, path: &Path, bytes: &[u8]) -> bool {
        let is_ours = path.local.port() >= FIRST_PORT;
        if is_ours {
            self.parcels.push(Parcel { at, path: *path, bytes: bytes.to_vec() });
        }
        is_ours
    }
}

impl World {
    /// Connects a gateway to a room, as the signalling does. Its ports are told as they are bound.
    ///
    /// # Errors
    /// As the engine says; it is in no room then.
    ///
    /// # Panics
    /// When it is not admitted to the room.
    pub fn connect_plain(
        &mut self,
        room: RoomId,
        ask: PlainAsk,
        allow: &str,
    ) -> Result<(PeerId, PlainAnswer), PlainError> {
        let peer = PeerId(self.next_id());
        self.try_join_at(room, peer, Stance::default()).expect("it is admitted");
        self.gateways.rooms.insert(peer, room);
        if ask.legs.iter().any(|leg| leg.receives == Some(TrackId::MIX)) {
            self.set_audio(peer, AudioMode::Mix).expect("there is a mixer");
        }
        let ends = ask.legs.iter().map(|leg| self.next_ends(leg.rtcp_mux)).collect();
        let allow = allow.split_whitespace().map(|network| network.parse().expect("a network")).collect();
        let place = PlainPlace { ends, policy: Arc::new(PeerPolicy::new(Vec::new(), allow)) };
        let answer = self.ask(|reply| Command::Plain { peer, ask, place, reply });
        if answer.is_err() {
            self.disconnect_plain(peer);
        }
        Ok((peer, answer?))
    }

    fn next_ends(&mut self, is_muxed: bool) -> PlainEnds {
        let rtp = FIRST_PORT + self.gateways.ports;
        self.gateways.ports += 2;
        let end = |port| {
            let at = SocketAddr::new(SERVER.ip(), port);
            PlainEnd { local: at, public: at }
        };
        PlainEnds { rtp: end(rtp), rtcp: (!is_muxed).then(|| end(rtp + 1)) }
    }

    /// Lets a gateway go.
    pub fn disconnect_plain(&mut self, peer: PeerId) {
        self.tell(Command::Leave { peer });
        if let Some(room) = self.gateways.rooms.remove(&peer) {
            self.leave_audience(room, peer);
        }
    }

    /// A gateway sends a datagram from one of its addresses to a port of ours.
    pub fn send_plain(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.inject_on(Path { local: to, remote: from, tcp: false }, bytes);
    }

    /// What the engine sent to gateways since this was asked last, in order.
    pub fn take_parcels(&mut self) -> Vec<Parcel> {
        std::mem::take(&mut self.gateways.parcels)
    }

    /// Whether a gateway is in its room.
    #[must_use]
    pub fn has_gateway(&self, peer: PeerId) -> bool {
        self.gateways.rooms.contains_key(&peer)
    }
}
