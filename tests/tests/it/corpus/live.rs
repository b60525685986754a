//! A real server on loopback, people with real sockets in it, and a healthy call among them.

use super::socket::Socket;
use anyhow::{Context as _, Result, ensure};
use colloquy_bench::client::{Client, ClientCertificate, ClientConfig, DtlsRole, Pace};
use colloquy_bench::host::{Host, HostOptions};
use colloquy_media_core::api::{Codec, MediaKind, WorkerTotals};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Everything that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The room of the healthy call, and of those who disturb it.
pub(crate) const ROOM: &str = "corpus";

/// Somebody in the room: a WebSocket, a media client and its socket.
pub(crate) struct Seat {
    pub(crate) web: Socket,
    pub(crate) client: Client,
    pub(crate) socket: UdpSocket,
    /// Keeps its DTLS to itself, so that somebody else may speak in its place.
    pub(crate) silent: bool,
    /// What it publishes: mid and track.
    pub(crate) tracks: BTreeMap<String, String>,
    /// The answer to its last offer.
    pub(crate) answer: String,
    /// Packets by who sent them.
    heard: BTreeMap<u64, u64>,
}

/// A server with people.
pub(crate) struct Live {
    pub(crate) host: Host,
    /// Ends after what runs in it.
    _runtime: Runtime,
    pub(crate) seats: Vec<Seat>,
    certificate: ClientCertificate,
    epoch: Instant,
}

/// Audio that tells soon whether a call goes on.
const QUICK: Pace = Pace { interval: Duration::from_millis(5), ..Pace::OPUS };

/// The two of the healthy call.
const HEALTHY: [usize; 2] = [0, 1];

impl Live {
    /// A server with a call of two who hear each other.
    pub(crate) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let host = runtime.block_on(Host::start(&HostOptions::default()))?;
        let mut live = Self {
            host,
            _runtime: runtime,
            seats: Vec::new(),
            certificate: ClientCertificate::generate(),
            epoch: Instant::now(),
        };
        for _ in HEALTHY {
            live.join(&[Codec::Opus], DtlsRole::ActPass)?;
        }
        for (me, other) in [(0, 1), (1, 0)] {
            let track = live.seats[other].tracks.values().next().context("he publishes")?.clone();
            live.watch(me, MediaKind::Audio, &track)?;
        }
        live.goes_on()?;
        Ok(live)
    }

    /// Somebody joins and publishes. Gives his seat.
    pub(crate) fn join(&mut self, codecs: &[Codec], role: DtlsRole) -> Result<usize> {
        let index = self.seats.len();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let mut config =
            ClientConfig::new(index as u64 + 1, socket.local_addr()?, self.certificate.clone(), self.epoch);
        config.dtls_role = role;
        let mut client = Client::new(config);
        for codec in codecs {
            client.publish(*codec, if *codec == Codec::Opus { QUICK } else { Pace::SMALL_VIDEO });
        }
        let mut web = Socket::open(self.host.address())?;
        web.ask(json!({"type":"hello","id":1,"version":1}))?;
        let joined = web.ask(json!({"type":"join","id":2,"room":ROOM,"name":format!("seat {index}")}))?;
        ensure!(joined["type"] == "joined", "{joined}");
        let seat = Seat {
            web,
            client,
            socket,
            silent: false,
            tracks: BTreeMap::new(),
            answer: String::new(),
            heard: BTreeMap::new(),
        };
        self.seats.push(seat);
        self.offer(index, &json!({}))?;
        Ok(index)
    }

    /// Has a place for a track.
    pub(crate) fn watch(&mut self, index: usize, kind: MediaKind, track: &str) -> Result<String> {
        let mid = self.seats[index].client.receive(kind);
        self.offer(index, &json!({ mid.clone(): track }))?;
        Ok(mid)
    }

    fn offer(&mut self, index: usize, subscriptions: &Value) -> Result<()> {
        let seat = &mut self.seats[index];
        let sdp = seat.client.offer();
        let answer = seat.web.ask(json!({"type":"offer","id":3,"sdp":sdp,"subscriptions":subscriptions}))?;
        ensure!(answer["type"] == "answer", "{answer}");
        let sdp = answer["sdp"].as_str().context("an answer has an SDP")?;
        seat.client.accept(Instant::now(), sdp)?;
        seat.answer = sdp.to_owned();
        let tracks = answer["tracks"].as_object().context("an answer has tracks")?;
        seat.tracks =
            tracks.iter().filter_map(|(mid, track)| Some((mid.clone(), track.as_str()?.to_owned()))).collect();
        seat.settle();
        Ok(())
    }

    /// Carries everybody's datagrams until `done`.
    pub(crate) fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !done(self) {
            ensure!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
            self.turn();
        }
        Ok(())
    }

    /// Carries everybody's datagrams for a time.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn();
        }
    }

    fn turn(&mut self) {
        let mut any = false;
        for seat in &mut self.seats {
            any |= seat.turn();
        }
        if !any {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Each of the healthy two hears the other, and nobody else.
    pub(crate) fn goes_on(&mut self) -> Result<()> {
        for index in HEALTHY {
            self.seats[index].heard.clear();
        }
        let others = [(0, 2), (1, 1)];
        self.run_until("the healthy call goes on", |live| {
            others.iter().all(|(me, other)| live.seats[*me].heard.get(other).is_some_and(|packets| *packets >= 2))
        })?;
        for (me, other) in others {
            let heard = &self.seats[me].heard;
            ensure!(heard.keys().all(|source| source == &other), "seat {me} hears {heard:?}, and wants {other}");
        }
        Ok(())
    }

    /// Everybody but the healthy two closes his socket and leaves.
    pub(crate) fn leave_the_healthy(&mut self) {
        for mut seat in self.seats.drain(HEALTHY.len()..) {
            // Closed already, as some are: then he is gone as well.
            let _ = seat.web.ask(json!({"type":"leave","id":9}));
        }
    }

    /// The first worker's counts. They are published ten times a second.
    pub(crate) fn totals(&self) -> WorkerTotals {
        self.host.worker_stats().into_iter().next().unwrap_or_default()
    }

    /// Where the server takes media.
    pub(crate) fn media_address(&self) -> Option<SocketAddr> {
        self.seats[0].client.route().map(|route| route.remote)
    }
}

impl Seat {
    fn turn(&mut self) -> bool {
        let mut buffer = [0; 2_048];
        let local = self.client.local();
        let mut any = false;
        while let Ok((len, remote)) = self.socket.recv_from(&mut buffer) {
            any = true;
            if self.silent && matches!(buffer[0], 20..=63) {
                continue;
            }
            self.client.handle_datagram(Instant::now(), local, remote, &mut buffer[..len]);
            for packet in self.client.take_received() {
                if let Some(stamp) = packet.stamp {
                    *self.heard.entry(stamp.source).or_default() += 1;
                }
            }
        }
        if self.client.next_deadline().is_some_and(|at| at <= Instant::now()) {
            self.client.handle_timeout(Instant::now());
            any = true;
        }
        self.settle();
        any
    }

    /// Sends what the client has to send.
    pub(crate) fn settle(&mut self) {
        while let Some(datagram) = self.client.poll_transmit() {
            if !(self.silent && matches!(datagram.bytes.first(), Some(20..=63))) {
                // What the kernel does not take is lost, as on any network.
                let _ = self.socket.send_to(&datagram.bytes, datagram.remote);
            }
            self.client.recycle(datagram);
        }
    }
}
