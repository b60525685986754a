//! The load: clients and their sockets in one thread.

use crate::client::{Client, ClientCertificate, ClientConfig};
use crate::os;
use crate::sys::Alarm;
use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use mio::net::UdpSocket;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// A client and its socket.
struct Seat {
    client: Client,
    socket: UdpSocket,
    deadline: Option<Instant>,
    /// When its first packet of media came.
    first_media: Option<Instant>,
}

/// What happened in a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Packets that the publisher sent.
    pub(super) sent: u64,
    /// Frames that he left out, because the load was late.
    pub(super) skipped: u64,
    /// Frames that he sent.
    pub(super) frames: u64,
    /// Packets that viewers received, retransmissions taken out.
    pub(super) received: u64,
    /// Packets that viewers received again.
    pub(super) repaired: u64,
}

/// The clients. The first is the publisher.
pub(crate) struct Generator {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    seats: Vec<Seat>,
    /// Sockets that packets of the floor go to, read and thrown away.
    sinks: Vec<UdpSocket>,
    certificate: ClientCertificate,
    epoch: Instant,
    buffer: Vec<u8>,
    latency: Histogram<u64>,
    before: Counted,
    drops_noted: u64,
}

/// The publisher's seat.
const PUBLISHER: usize = 0;
const ALARM: Token = Token(usize::MAX - 1);
/// Tokens from here on are sinks.
const FIRST_SINK: usize = 1 << 20;
/// Asked of the kernel for every receiving socket: 4 s of one viewer's packets.
const RECEIVE_BUFFER: usize = 4 << 20;

impl Generator {
    pub(crate) fn new() -> Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::new()?;
        poll.registry().register(&mut SourceFd(&alarm.fd()), ALARM, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            alarm,
            seats: Vec::new(),
            sinks: Vec::new(),
            certificate: ClientCertificate::generate(),
            epoch: Instant::now(),
            buffer: vec![0; 2048],
            // A minute, to three digits.
            latency: Histogram::new_with_bounds(1, 60_000_000_000, 3).context("the bounds are in order")?,
            before: Counted::default(),
            drops_noted: 0,
        })
    }

    fn bind(&mut self, token: usize) -> Result<UdpSocket> {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        // It gives what it may; what it then drops is told.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        let mut socket = UdpSocket::from_std(socket);
        self.poll.registry().register(&mut socket, Token(token), Interest::READABLE)?;
        Ok(socket)
    }

    /// A new client with a socket of its own; `edit` gives it its media. Gives its number.
    pub(crate) fn add(&mut self, edit: impl FnOnce(&mut Client)) -> Result<usize> {
        self.add_as(|_| (), edit)
    }

    /// The same where `configure` first has a say in what kind of client it is.
    pub(crate) fn add_as(
        &mut self,
        configure: impl FnOnce(&mut ClientConfig),
        edit: impl FnOnce(&mut Client),
    ) -> Result<usize> {
        let index = self.seats.len();
        let socket = self.bind(index)?;
        let source = index as u64 + 1;
        let mut config = ClientConfig::new(source, socket.local_addr()?, self.certificate.clone(), self.epoch);
        configure(&mut config);
        let mut client = Client::new(config);
        edit(&mut client);
        self.seats.push(Seat { client, socket, deadline: None, first_media: None });
        Ok(index)
    }

    pub(crate) fn client(&mut self, index: usize) -> &mut Client {
        &mut self.seats[index].client
    }

    /// When a client received its first packet.
    pub(super) fn first_media(&self, index: usize) -> Option<Instant> {
        self.seats[index].first_media
    }

    /// Sends what a client has to send, after it was changed from outside.
    pub(crate) fn settle(&mut self, index: usize) {
        self.seats[index].settle();
    }

    pub(super) fn srtp_profile(&self) -> Option<&'static str> {
        self.seats[PUBLISHER].client.srtp_profile()
    }

    /// Sockets for the floor, as many as there are viewers and set up like theirs. Gives their ports.
    pub(super) fn add_sinks(&mut self, count: usize) -> Result<Vec<u16>> {
        for index in 0..count {
            let sink = self.bind(FIRST_SINK + index)?;
            self.sinks.push(sink);
        }
        self.sinks.iter().map(|sink| Ok(sink.local_addr()?.port())).collect()
    }

    /// Datagrams that the kernel dropped at our sockets since this was asked last.
    pub(super) fn note_drops(&mut self) -> u64 {
        let ports = self.seats.iter().map(|seat| seat.client.local().port());
        let ports: Vec<u16> =
            ports.chain(self.sinks.iter().filter_map(|s| Some(s.local_addr().ok()?.port()))).collect();
        let drops = os::udp_drops(&ports);
        drops - std::mem::replace(&mut self.drops_noted, drops)
    }

    /// The publisher sends, or does not.
    pub(super) fn pause(&mut self, paused: bool) {
        self.seats[PUBLISHER].client.set_muted("0", paused);
    }

    fn totals(&self) -> Counted {
        let sent = self.seats[PUBLISHER].client.send_stats("0").unwrap_or_default();
        let viewers = self.seats.iter().skip(1).filter_map(|seat| seat.client.place_stats("0"));
        let (received, repaired) =
            viewers.fold((0, 0), |(packets, repaired), stats| (packets + stats.packets, repaired + stats.repaired));
        let (sent, skipped, frames) = (sent.packets, sent.skipped, sent.frames);
        Counted { sent, skipped, frames, received: received - repaired, repaired }
    }

    /// Begins a round.
    pub(super) fn begin(&mut self) {
        self.latency.reset();
        self.before = self.totals();
    }

    /// Ends it: adds its latencies, and tells its counts.
    pub(super) fn end(&mut self, latency: &mut Histogram<u64>) -> Counted {
        // Both have the same bounds.
        let _ = latency.add(&self.latency);
        let (now, before) = (self.totals(), self.before);
        Counted {
            sent: now.sent - before.sent,
            skipped: now.skipped - before.skipped,
            frames: now.frames - before.frames,
            received: now.received - before.received,
            repaired: now.repaired - before.repaired,
        }
    }

    /// Runs for `time`.
    pub(crate) fn run(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        self.run_until(until, |_| false).map(|_| ())
    }

    /// Runs until `done` or `until`. Tells whether it was done.
    pub(crate) fn run_until(&mut self, until: Instant, done: impl Fn(&Client) -> bool) -> Result<bool> {
        loop {
            let now = Instant::now();
            if self.seats.last().is_some_and(|seat| done(&seat.client)) {
                return Ok(true);
            }
            if now >= until {
                return Ok(false);
            }
            self.turn(now, until)?;
        }
    }

    /// Waits for something, at most until `until`, and does it.
    pub(super) fn turn(&mut self, now: Instant, until: Instant) -> Result<()> {
        for seat in &mut self.seats {
            if seat.deadline.is_some_and(|at| at <= now) {
                seat.client.handle_timeout(now);
                seat.settle();
            }
        }
        let next = self.seats.iter().filter_map(|seat| seat.deadline).min().map_or(until, |at| at.min(until));
        self.alarm.set(next.saturating_duration_since(Instant::now()))?;
        if let Err(error) = self.poll.poll(&mut self.events, Some(Duration::from_secs(1)))
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &self.events {
            match event.token() {
                ALARM => {}
                Token(index) if index >= FIRST_SINK => {
                    while self.sinks[index - FIRST_SINK].recv(&mut self.buffer).is_ok() {}
                }
                Token(index) => self.seats[index].read(&mut self.buffer, &mut self.latency, self.epoch),
            }
        }
        Ok(())
    }
}

impl Seat {
    fn read(&mut self, buffer: &mut [u8], latency: &mut Histogram<u64>, epoch: Instant) {
        let local = self.client.local();
        let mut got = false;
        while let Ok((len, remote)) = self.socket.recv_from(buffer) {
            let SocketAddr::V4(_) = remote else { continue };
            self.client.handle_datagram(Instant::now(), local, remote, &mut buffer[..len]);
            got = true;
            for packet in self.client.received().drain(..) {
                self.first_media.get_or_insert(packet.at);
                if let Some(stamp) = packet.stamp.filter(|_| !packet.repeated) {
                    let ns = (packet.at - epoch).saturating_sub(stamp.sent).as_nanos();
                    latency.saturating_record(u64::try_from(ns).unwrap_or(u64::MAX));
                }
            }
        }
        if got {
            self.settle();
        }
    }

    fn settle(&mut self) {
        while let Some(datagram) = self.client.poll_transmit() {
            // What the kernel does not take is lost, as on any network.
            let _ = self.socket.send_to(&datagram.bytes, datagram.remote);
            self.client.recycle(datagram);
        }
        self.deadline = self.client.next_deadline();
    }
}
