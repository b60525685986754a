//! One engine, clients and their links, and perhaps a neighbour, in virtual time.

use super::tcp::Tcp;
use crate::client::{Client, ClientCertificate, ClientConfig, Pace, Video};
use crate::impair::{Air, Bottleneck, Lane, Link};
use crate::tap::Tap;
use anyhow::{Context as _, Result, bail};
use colloquy_media_core::api::{
    AdvertisedAddress, Codec, Command, DtlsVersions, EngineConfig, Event, IceMode, Limits, MediaKind, Offer, PeerId,
    PeerStats, Permissions, Reply, RoomId, Source, Subscriptions, TrackInfo,
};
use colloquy_media_core::audience::Stance;
use colloquy_media_core::engine::Engine;
use colloquy_media_core::transport::Certificate;
use colloquy_media_core::wire::{Datagram, Outbox, Path};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Where the engine is (RFC 5737: a documentation address).
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 7000);
const ROOM: RoomId = RoomId(1);
/// Datagrams under way at most: more means that somebody sends without end.
const MAX_IN_AIR: usize = 100_000;

/// Somebody, his client and his links.
pub(super) struct Person {
    pub(super) peer: PeerId,
    pub(super) client: Client,
    pub(super) up: Lane,
    pub(super) down: Lane,
    /// What he sees.
    pub(super) video_mid: Option<String>,
    /// What he hears.
    pub(super) audio_mid: Option<String>,
    published: Vec<TrackInfo>,
    rids: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Goal {
    Engine(SocketAddr),
    Person(usize),
}

/// The whole.
pub(super) struct World {
    engine: Engine,
    outbox: Outbox,
    tap: Tap,
    certificate: ClientCertificate,
    pub(super) start: Instant,
    pub(super) now: Instant,
    air: Air<Goal>,
    pub(super) people: Vec<Person>,
    addresses: HashMap<SocketAddr, usize>,
    /// What all viewers' downlinks pass, where there is one.
    pub(super) shared: Option<Bottleneck>,
    pub(super) tcp: Option<Tcp>,
    seed: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Result<Self> {
        let start = Instant::now();
        let config = EngineConfig {
            worker: 0,
            addresses: vec![AdvertisedAddress::udp(SERVER)],
            ice: IceMode::Lite,
            dtls: DtlsVersions::default(),
            limits: Limits::default(),
            seed,
        };
        let certificate = Certificate::generate().map_err(|error| anyhow::anyhow!("no certificate: {error}"))?;
        let tap = Tap::default();
        Ok(Self {
            engine: Engine::new(config, certificate, start),
            outbox: Outbox::new(Box::new(tap.clone())),
            tap,
            certificate: ClientCertificate::generate(),
            start,
            now: start,
            air: Air::default(),
            people: Vec::new(),
            addresses: HashMap::new(),
            shared: None,
            tcp: None,
            seed,
        })
    }

    /// A publisher with a good uplink: a voice, and a camera or a screen. Gives his number.
    pub(super) fn publisher(&mut self, video: &Video, source: Source) -> Result<usize> {
        let index = self.join(Link::GOOD, Link::GOOD)?;
        let person = &mut self.people[index];
        person.client.publish(Codec::Opus, Pace::OPUS);
        let mid = person.client.publish_video(video);
        person.rids = video.encodings.iter().map(|encoding| encoding.rid.clone()).collect();
        self.offer(index, vec![(mid, source)], Vec::new())?;
        Ok(index)
    }

    /// A viewer of a publisher. Gives his number.
    pub(super) fn viewer(&mut self, of: usize, up: Link, down: Link) -> Result<usize> {
        let tracks = self.people[of].published.clone();
        let index = self.join(up, down)?;
        let mut wanted = Vec::new();
        let person = &mut self.people[index];
        for track in tracks {
            let mid = person.client.receive(track.kind);
            match track.kind {
                MediaKind::Audio => person.audio_mid = Some(mid.clone()),
                MediaKind::Video => person.video_mid = Some(mid.clone()),
            }
            wanted.push((mid, track.id));
        }
        self.offer(index, Vec::new(), wanted)?;
        Ok(index)
    }

    fn join(&mut self, up: Link, down: Link) -> Result<usize> {
        let index = self.people.len();
        let peer = PeerId(index as u64 + 1);
        let asked = self.ask(|reply| Command::Join {
            room: ROOM,
            peer,
            permissions: Permissions::ALL,
            stance: Stance::default(),
            reply,
        })?;
        asked.map_err(|error| anyhow::anyhow!("{peer} is not admitted: {error}"))?;
        let local = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 1), 40_000 + index as u16));
        let mut config = ClientConfig::new(peer.0, local, self.certificate.clone(), self.start);
        config.seed = self.seed.wrapping_mul(1_000).wrapping_add(peer.0);
        (config.red, config.plays) = (true, true);
        self.addresses.insert(local, index);
        let seed = self.seed.wrapping_mul(2_000).wrapping_add(2 * peer.0);
        self.people.push(Person {
            peer,
            client: Client::new(config),
            up: Lane::new(up, seed),
            down: Lane::new(down, seed + 1),
            video_mid: None,
            audio_mid: None,
            published: Vec::new(),
            rids: Vec::new(),
        });
        Ok(index)
    }

    fn offer(
        &mut self,
        index: usize,
        sources: Vec<(String, Source)>,
        wanted: Vec<(String, colloquy_media_core::api::TrackId)>,
    ) -> Result<()> {
        let sdp = self.people[index].client.offer();
        let peer = self.people[index].peer;
        let offer = Offer { sdp, sources, subscriptions: Subscriptions::ByMid(wanted) };
        let answer = self.ask(|reply| Command::Offer { peer, offer, reply })?;
        let answer = answer.map_err(|error| anyhow::anyhow!("the offer is refused: {error}"))?;
        let now = self.now;
        let person = &mut self.people[index];
        person.published = answer.published;
        person.client.accept(now, &answer.sdp)?;
        self.pump(index);
        Ok(())
    }

    fn ask<T: Send + 'static>(&mut self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let reply = Reply::new(move |value| {
            // Nobody who asks goes away before he is answered.
            let _ = sender.send(value);
        });
        self.engine.handle_command(self.now, command(reply), &mut self.outbox);
        self.after_engine();
        receiver.try_recv().context("the engine answers at once")
    }

    /// The engine's figures of somebody.
    pub(super) fn stats(&mut self, index: usize) -> Result<Option<PeerStats>> {
        let peer = self.people[index].peer;
        let room = self.ask(|reply| Command::Stats { room: ROOM, reply })?;
        Ok(room.and_then(|room| room.peers.into_iter().find(|stats| stats.peer == peer)))
    }

    /// Runs until a moment.
    pub(super) fn run_until(&mut self, until: Instant) -> Result<()> {
        loop {
            let clients = self.people.iter_mut().filter_map(|person| person.client.next_deadline()).min();
            let tcp = self.tcp.as_ref().and_then(Tcp::next_deadline);
            let due = [self.air.next_due(), self.engine.next_deadline(), clients, tcp].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            self.step()?;
        }
        self.now = until;
        Ok(())
    }

    /// Waits for everyone's handshake: where a third of all is lost, some take several seconds.
    pub(super) fn connect(&mut self) -> Result<()> {
        for _ in 0..1_000 {
            if self.people.iter().all(|person| person.client.is_connected()) {
                return Ok(());
            }
            self.run_until(self.now + Duration::from_millis(20))?;
        }
        bail!("not everyone is connected after twenty seconds")
    }

    fn step(&mut self) -> Result<()> {
        while let Some(mut flying) = self.air.take_due(self.now) {
            match flying.to {
                Goal::Engine(from) => {
                    let path = Path { local: SERVER, remote: from, tcp: false };
                    let datagram = Datagram { path, bytes: &mut flying.bytes };
                    self.engine.handle_datagram(self.now, datagram, &mut self.outbox);
                    self.after_engine();
                }
                Goal::Person(index) => {
                    let person = &mut self.people[index];
                    let local = person.client.local();
                    person.client.handle_datagram(self.now, local, SERVER, &mut flying.bytes);
                    person.client.received().clear();
                    self.pump(index);
                }
            }
        }
        if self.engine.next_deadline().is_some_and(|at| at <= self.now) {
            self.engine.handle_timeout(self.now, &mut self.outbox);
            self.after_engine();
        }
        for index in 0..self.people.len() {
            if self.people[index].client.next_deadline().is_some_and(|at| at <= self.now) {
                self.people[index].client.handle_timeout(self.now);
                self.pump(index);
            }
        }
        if let (Some(tcp), Some(neck)) = (&mut self.tcp, &mut self.shared) {
            tcp.handle(self.now, neck);
        }
        if self.air.len() > MAX_IN_AIR {
            bail!("somebody sends without end");
        }
        Ok(())
    }

    fn pump(&mut self, index: usize) {
        let Self { people, air, now, .. } = self;
        let Some(person) = people.get_mut(index) else { return };
        while let Some(datagram) = person.client.poll_transmit() {
            for due in person.up.arrivals(*now, datagram.bytes.len()) {
                air.send(due, Goal::Engine(datagram.local), datagram.bytes.clone());
            }
            person.client.recycle(datagram);
        }
    }

    fn after_engine(&mut self) {
        self.outbox.flush();
        for datagram in self.tap.take() {
            let Some(index) = self.addresses.get(&datagram.path.remote).copied() else { continue };
            let person = &mut self.people[index];
            // Publishers are elsewhere: only who watches is behind what is shared.
            let neck = self.shared.as_mut().filter(|_| person.video_mid.is_some());
            for due in person.down.arrivals_through(self.now, datagram.bytes.len(), neck) {
                self.air.send(due, Goal::Person(index), datagram.bytes.clone());
            }
        }
        while let Some(event) = self.engine.poll_event() {
            if let Event::Encodings { peer, track, encodings, .. } = event
                && let Some(person) = self.people.iter_mut().find(|person| person.peer == peer)
                && let Some(mid) = person.published.iter().find(|info| info.id == track).map(|info| info.mid.clone())
            {
                for (encoding, rid) in encodings.iter().zip(&person.rids) {
                    person.client.set_encoding_active(&mid, rid, encoding.wanted);
                }
            }
        }
    }
}
