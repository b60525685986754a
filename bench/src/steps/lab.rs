//! An engine with a publisher and viewers, whose media packets are handed over one at a time.

use crate::client::{Client, ClientCertificate, ClientConfig, Pace};
use crate::tap::Tap;
use anyhow::{Context as _, Result, anyhow, ensure};
use colloquy_media_core::api::{
    AdvertisedAddress, Codec, Command, DtlsVersions, EngineConfig, IceMode, Limits, MediaKind, Offer, PeerId,
    Permissions, Reply, RoomId, Source, Subscriptions, TrackId,
};
use colloquy_media_core::audience::Stance;
use colloquy_media_core::engine::Engine;
use colloquy_media_core::transport::Certificate;
use colloquy_media_core::wire::{Datagram, Outbox, Path};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Where the engine is (RFC 5737: a documentation address).
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 7000);
const ROOM: RoomId = RoomId(1);
/// Everybody is connected by then, or never: nothing is lost or late here.
const PATIENCE: Duration = Duration::from_secs(10);
/// Media that flows before the first packet is counted: estimates of bandwidth have settled, every table is warm.
const WARM_UP: Duration = Duration::from_secs(2);
/// 2.2 Mb/s of packets that are nearly full, each on its own: what a video of 720p has, evenly spread.
const PACE: Pace =
    Pace { interval: Duration::from_millis(4), packets: 1, payload_bytes: 1_100, large_key_frames: false };

/// A sealed packet of the publisher, on its way to the engine.
#[derive(Debug)]
pub struct Media {
    path: Path,
    bytes: Vec<u8>,
}

/// The engine and its people. The first of them publishes.
pub struct Lab {
    engine: Engine,
    outbox: Outbox,
    tap: Tap,
    clients: Vec<Client>,
    now: Instant,
    waiting: VecDeque<Media>,
    forwarded: u64,
}

/// The engine's work for one packet: opened, kept, and for each viewer rewritten, sealed and queued. A function of its own, so that
/// callgrind can be told to count nothing else.
#[inline(never)]
pub fn forward_media(engine: &mut Engine, now: Instant, media: &mut Media, out: &mut Outbox) {
    engine.handle_datagram(now, Datagram { path: media.path, bytes: &mut media.bytes }, out);
}

impl Lab {
    /// Everybody connected, and media flowing for a while.
    ///
    /// # Errors
    /// When somebody is refused or cannot connect: then something is broken that tests should have found.
    pub fn new(viewers: usize) -> Result<Self> {
        let now = Instant::now();
        let config = EngineConfig {
            worker: 0,
            addresses: vec![AdvertisedAddress::udp(SERVER)],
            ice: IceMode::Lite,
            dtls: DtlsVersions::default(),
            limits: Limits::default(),
            seed: 1,
        };
        let certificate = Certificate::generate().map_err(|error| anyhow!("no certificate: {error}"))?;
        let tap = Tap::default();
        let outbox = Outbox::new(Box::new(tap.clone()));
        let engine = Engine::new(config, certificate, now);
        let mut lab = Self { engine, outbox, tap, clients: Vec::new(), now, waiting: VecDeque::new(), forwarded: 0 };
        let certificate = ClientCertificate::generate();
        let (mut track, start) = (None, now);
        for index in 0..=viewers {
            track = Some(lab.join(index, &certificate, start, track)?);
        }
        let patience = lab.now + PATIENCE;
        while !lab.clients.iter().all(Client::is_connected) {
            ensure!(lab.now < patience, "not everybody is connected");
            lab.advance()?;
            lab.forward_waiting();
        }
        let warm = lab.now + WARM_UP;
        while lab.now < warm {
            lab.advance()?;
            lab.forward_waiting();
        }
        lab.forwarded = 0;
        Ok(lab)
    }

    fn join(
        &mut self,
        index: usize,
        certificate: &ClientCertificate,
        start: Instant,
        track: Option<TrackId>,
    ) -> Result<TrackId> {
        let peer = PeerId(index as u64 + 1);
        let joined = self.ask(|reply| Command::Join {
            room: ROOM,
            peer,
            permissions: Permissions::ALL,
            stance: Stance::default(),
            reply,
        })?;
        joined.map_err(|error| anyhow!("{peer} is not admitted: {error}"))?;
        let local = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 1), 40_000 + index as u16));
        let mut client = Client::new(ClientConfig::new(peer.0, local, certificate.clone(), start));
        let (mut sources, mut wanted) = (Vec::new(), Vec::new());
        match track {
            None => sources.push((client.publish(Codec::Vp8, PACE), Source::Camera)),
            Some(track) => wanted.push((client.receive(MediaKind::Video), track)),
        }
        let offer = Offer { sdp: client.offer(), sources, subscriptions: Subscriptions::ByMid(wanted) };
        let answer = self.ask(|reply| Command::Offer { peer, offer, reply })?;
        let answer = answer.map_err(|error| anyhow!("the offer is refused: {error}"))?;
        client.accept(self.now, &answer.sdp)?;
        self.clients.push(client);
        self.pump();
        track.or_else(|| answer.published.first().map(|track| track.id)).context("nothing is published")
    }

    fn ask<T: Send + 'static>(&mut self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        let (sender, receiver) = std::sync::mpsc::channel();
        // Nobody who asks goes away before he is answered.
        let reply = Reply::new(move |value| drop(sender.send(value)));
        self.engine.handle_command(self.now, command(reply), &mut self.outbox);
        self.deliver();
        receiver.try_recv().context("the engine answers at once")
    }

    /// The next packet of the publisher; time goes on until there is one.
    ///
    /// # Errors
    /// When nothing is going on any more.
    pub fn media(&mut self) -> Result<Media> {
        loop {
            if let Some(media) = self.waiting.pop_front() {
                return Ok(media);
            }
            self.advance()?;
        }
    }

    /// Hands a packet to the engine. What is timed and counted is inside [`forward_media`].
    pub fn forward(&mut self, media: &mut Media) {
        forward_media(&mut self.engine, self.now, media, &mut self.outbox);
    }

    /// Carries what the engine sent to the viewers; call it after every [`forward`](Self::forward).
    pub fn deliver(&mut self) {
        self.outbox.flush();
        for mut sent in self.tap.take() {
            let client =
                usize::from(sent.path.remote.port()).checked_sub(40_000).and_then(|index| self.clients.get_mut(index));
            let Some(client) = client else { continue };
            self.forwarded += u64::from(is_media(&sent.bytes));
            let local = client.local();
            client.handle_datagram(self.now, local, SERVER, &mut sent.bytes);
            client.received().clear();
        }
        while self.engine.poll_event().is_some() {}
        while self.engine.poll_path().is_some() {}
    }

    /// Packets that viewers were sent since the warm-up.
    #[must_use]
    pub fn forwarded(&self) -> u64 {
        self.forwarded
    }

    /// Not by [`forward_media`]: what the warm-up takes is no cost of a packet that is counted.
    fn forward_waiting(&mut self) {
        while let Some(Media { path, mut bytes }) = self.waiting.pop_front() {
            self.engine.handle_datagram(self.now, Datagram { path, bytes: &mut bytes }, &mut self.outbox);
            self.deliver();
        }
    }

    /// To the next moment that something is due at.
    fn advance(&mut self) -> Result<()> {
        let clients = self.clients.iter_mut().filter_map(Client::next_deadline).min();
        let due = [clients, self.engine.next_deadline()].into_iter().flatten().min().context("nothing is going on")?;
        self.now = self.now.max(due);
        if self.engine.next_deadline().is_some_and(|at| at <= self.now) {
            self.engine.handle_timeout(self.now, &mut self.outbox);
            self.deliver();
        }
        let now = self.now;
        for client in &mut self.clients {
            if client.next_deadline().is_some_and(|at| at <= now) {
                client.handle_timeout(now);
            }
        }
        self.pump();
        Ok(())
    }

    /// What clients send: the publisher's media waits to be asked for, all else goes to the engine.
    fn pump(&mut self) {
        for index in 0..self.clients.len() {
            while let Some(mut datagram) = self.clients.get_mut(index).and_then(Client::poll_transmit) {
                let path = Path { local: SERVER, remote: datagram.local, tcp: false };
                if index == 0 && is_media(&datagram.bytes) {
                    self.waiting.push_back(Media { path, bytes: datagram.bytes });
                    continue;
                }
                self.engine.handle_datagram(self.now, Datagram { path, bytes: &mut datagram.bytes }, &mut self.outbox);
                self.deliver();
            }
        }
    }
}

/// RTP rather than RTCP, STUN or DTLS (RFC 7983, RFC 5761).
fn is_media(bytes: &[u8]) -> bool {
    matches!(*bytes, [128..=191, second, ..] if !(192..=223).contains(&second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_reaches_every_viewer_at_once() {
        let mut lab = Lab::new(3).expect("three may look");
        for _ in 0..100 {
            let mut media = lab.media().expect("media flows");
            let before = lab.forwarded();
            lab.forward(&mut media);
            lab.deliver();
            assert_eq!(lab.forwarded() - before, 3);
        }
    }
}
