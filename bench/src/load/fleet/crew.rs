//! A thread that plays clients: one poll, a socket for each client, a heap of deadlines.

use super::FleetPlan;
use super::arrivals::Arrivals;
use super::desk::{Kind, Order, Task, Wire};
use super::seat::{Common, Lanes, Seat, Way};
use super::tally::SeatReport;
use super::timers::Timers;
use crate::client::{Client, ClientCertificate, ClientConfig, Transmit};
use crate::impair::{Air, Lane};
use crate::load::result::Latencies;
use crate::sys::{Alarm, Intake, Outlet, prepare};
use anyhow::{Context as _, Result, anyhow};
use hdrhistogram::Histogram;
use mio::net::UdpSocket;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel};
use std::time::{Duration, Instant, SystemTime};

/// What a whole fleet is asked.
pub(super) enum Ask {
    /// Counts packets that are due in this time. It is to come.
    Window(Instant, Instant),
    /// What happened since this was asked last.
    Sample(SyncSender<Sampled>),
    /// What came, packet by packet, since this was asked last.
    Arrivals(SyncSender<Arrivals>),
    /// Everything.
    Report(SyncSender<Reported>),
    /// A participation ends, with a goodbye or without.
    Leave { part: u32, goodbye: bool },
    /// The thread ends.
    End,
}

/// What happened in a short time.
#[derive(Debug)]
pub(crate) struct Sampled {
    pub(crate) packets: u64,
    pub(crate) latency: Histogram<u64>,
    /// Clients that are connected now, of all that there are.
    pub(crate) connected: usize,
    pub(crate) seats: usize,
}

/// Everything that a thread counted.
pub(crate) struct Reported {
    pub(crate) seats: Vec<SeatReport>,
    pub(crate) latency: Histogram<u64>,
    pub(crate) lateness: Histogram<u64>,
    pub(crate) unsent: u64,
    pub(crate) ports: Vec<u16>,
    /// Of the first client that has keys.
    pub(crate) srtp_profile: Option<&'static str>,
}

const ALARM: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);
/// Asked of the kernel for every socket: what it then drops is told.
const RECEIVE_BUFFER: usize = 4 << 20;
/// What an adapter is told of a client that was sent away while it joined.
pub(crate) const LEFT: &str = "the client has left";
/// Events taken from one poll.
const EVENTS: usize = 512;

/// The thread's state.
pub(super) struct Crew {
    plan: Arc<FleetPlan>,
    poll: Poll,
    alarm: Alarm,
    rings_at: Option<Instant>,
    orders: Receiver<Order>,
    seats: Vec<Option<Seat>>,
    free: Vec<u32>,
    gone: Vec<SeatReport>,
    timers: Timers,
    air: Air<Way>,
    intake: Intake,
    outlet: Outlet,
    outgoing: Vec<Transmit>,
    certificate: ClientCertificate,
    window: Option<(Instant, Instant)>,
    window_began: bool,
    window_ended: bool,
    latency: Histogram<u64>,
    recent: Histogram<u64>,
    recent_packets: u64,
    lateness: Histogram<u64>,
    unsent: u64,
    made: u64,
    arrivals: Arrivals,
    ended: bool,
}

impl Crew {
    /// A thread's state, and the way to it.
    pub(super) fn new(plan: Arc<FleetPlan>) -> Result<(Self, Wire)> {
        let poll = Poll::new()?;
        let alarm = Alarm::new()?;
        poll.registry().register(&mut SourceFd(&alarm.fd()), ALARM, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (sender, orders) = channel();
        let crew = Self {
            plan,
            poll,
            alarm,
            rings_at: None,
            orders,
            seats: Vec::new(),
            free: Vec::new(),
            gone: Vec::new(),
            timers: Timers::default(),
            air: Air::default(),
            intake: Intake::new(),
            outlet: Outlet::default(),
            outgoing: Vec::new(),
            certificate: ClientCertificate::generate(),
            window: None,
            window_began: false,
            window_ended: false,
            latency: Latencies::recorder(),
            recent: Latencies::recorder(),
            recent_packets: 0,
            lateness: Latencies::recorder(),
            unsent: 0,
            made: 0,
            arrivals: Arrivals::default(),
            ended: false,
        };
        Ok((crew, Wire { orders: sender, waker }))
    }

    /// Plays until it is told to end.
    pub(super) fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.ended {
            self.do_due();
            self.set_alarm()?;
            if let Err(error) = self.poll.poll(&mut events, Some(Duration::from_secs(1)))
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            for event in &events {
                match event.token() {
                    ALARM => self.rings_at = None,
                    WAKER => self.take_orders(),
                    Token(index) => self.read(index as u32),
                }
                // Who is due does not wait for those who came before him in the poll.
                if self.timers.next().is_some_and(|at| at <= Instant::now()) {
                    self.do_due();
                }
            }
        }
        Ok(())
    }

    fn set_alarm(&mut self) -> Result<()> {
        let mark = self.window.and_then(|(from, to)| match (self.window_began, self.window_ended) {
            (false, _) => Some(from),
            (true, false) => Some(to),
            _ => None,
        });
        let next = [self.timers.next(), self.air.next_due(), mark].into_iter().flatten().min();
        if let Some(next) = next.filter(|next| self.rings_at.is_none_or(|rings| *next < rings)) {
            self.alarm.set(next.saturating_duration_since(Instant::now()))?;
            self.rings_at = Some(next);
        }
        Ok(())
    }

    fn do_due(&mut self) {
        let now = Instant::now();
        self.note_window(now);
        while let Some(flying) = self.air.take_due(now) {
            match flying.to {
                Way::Up(seat, remote) => self.send_late(seat, remote, flying.bytes),
                Way::Down(seat, remote) => {
                    let mut bytes = flying.bytes;
                    self.deliver(seat, remote, &mut bytes, now, now);
                    self.settle(seat, now);
                }
            }
        }
        // As many as there are: one who is due again at once waits for the sockets first.
        for _ in 0..self.seats.len() {
            let Some(index) = self.timers.take(now) else { break };
            let Some(Some(seat)) = self.seats.get_mut(index as usize) else { continue };
            // The ones before took their time.
            let now = Instant::now();
            if let Some(due) = seat.client.next_frame_due().filter(|due| *due <= now) {
                let late = u64::try_from((now - due).as_nanos()).unwrap_or(u64::MAX);
                if self.window.is_some_and(|(from, to)| (from..to).contains(&due)) {
                    self.lateness.saturating_record(late);
                }
            }
            seat.client.handle_timeout(now);
            self.settle(index, now);
        }
    }

    fn note_window(&mut self, now: Instant) {
        let Some((from, to)) = self.window else { return };
        if !self.window_began && now >= from {
            self.window_began = true;
            self.seats.iter_mut().flatten().for_each(Seat::window_begins);
        }
        if !self.window_ended && now >= to {
            self.window_ended = true;
            self.seats.iter_mut().flatten().for_each(Seat::window_ends);
        }
    }

    /// Sends what a seat has to send, and takes note of its next deadline.
    fn settle(&mut self, index: u32, now: Instant) {
        let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
        let mut common = Common {
            outlet: &mut self.outlet,
            outgoing: &mut self.outgoing,
            air: &mut self.air,
            unsent: &mut self.unsent,
        };
        seat.flush(index, now, &mut common);
        self.timers.set(index, seat.client.next_deadline());
    }

    fn send_late(&mut self, index: u32, remote: SocketAddr, bytes: Vec<u8>) {
        let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
        let datagram = Transmit { local: seat.client.local(), remote, bytes };
        let sent = self.outlet.send(seat.socket.as_raw_fd(), std::slice::from_ref(&datagram));
        self.unsent += 1 - sent as u64;
    }

    fn read(&mut self, index: u32) {
        let now = Instant::now();
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        loop {
            let Some(Some(seat)) = self.seats.get(index as usize) else { return };
            let fd = seat.socket.as_raw_fd();
            let Ok(count) = self.intake.receive(fd) else { break };
            // Out of the struct for as long as its bytes are lent to the clients.
            let mut intake = std::mem::replace(&mut self.intake, Intake::empty());
            for message in 0..count {
                let Some(arrived) = intake.message(message) else { continue };
                let at = arrived.at.and_then(|at| now.checked_sub(wall.saturating_sub(at))).unwrap_or(now);
                for piece in arrived.bytes.chunks_mut(arrived.segment) {
                    self.arrive(index, arrived.from, piece, at, now);
                }
            }
            self.intake = intake;
            if count < crate::sys::BATCH {
                break;
            }
        }
        self.settle(index, now);
    }

    /// A datagram has come to the machine; its network may hold it for longer, or lose it.
    fn arrive(&mut self, index: u32, from: SocketAddr, bytes: &mut [u8], at: Instant, now: Instant) {
        let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
        if let Some(lane) = seat.lanes.as_mut().and_then(|lanes| lanes.down.as_mut()) {
            for due in lane.arrivals(now, bytes.len()) {
                self.air.send(due, Way::Down(index, from), bytes.to_vec());
            }
            return;
        }
        self.deliver(index, from, bytes, at, now);
    }

    fn deliver(&mut self, index: u32, from: SocketAddr, bytes: &mut [u8], at: Instant, now: Instant) {
        let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
        // The kernel's time is of media; handshakes must not see time go back.
        let is_rtp = matches!(*bytes, [128..=191, second, ..] if !(192..=223).contains(&second));
        let len = bytes.len();
        let local = seat.client.local();
        seat.client.handle_datagram(if is_rtp { at } else { now }, local, from, bytes);
        if !is_rtp {
            seat.note_asked(now);
            return;
        }
        let (epoch, video) = (self.plan.epoch, self.plan.media.video_track());
        let measured = seat.lanes.is_none();
        let Seat { client, inbox, task, .. } = seat;
        for packet in client.received().drain(..) {
            let Some(stamp) = packet.stamp else {
                if self.plan.mixed {
                    let in_window = self.window.is_some_and(|(from, to)| (from..to).contains(&packet.at));
                    inbox.hear(&packet, in_window);
                    self.recent_packets += 1;
                    inbox.bytes_in_window += if in_window { len as u64 } else { 0 };
                }
                continue;
            };
            if self.plan.writes_arrivals {
                self.arrivals.write(task.part, epoch, &packet, &stamp);
            }
            let due = epoch + stamp.sent;
            let in_window = self.window.is_some_and(|(from, to)| (from..to).contains(&due));
            let opens = video.is_none_or(|track| stamp.track == track);
            inbox.take(&packet, &stamp, in_window, opens);
            self.recent_packets += 1;
            inbox.bytes_in_window += if in_window { len as u64 } else { 0 };
            // The last picture of one who turned away is old when it is sent, and that is no delay.
            let may_be_old = self.plan.writes_arrivals && Some(stamp.track) == video;
            if measured && !packet.repeated && !may_be_old {
                let ns = u64::try_from(packet.at.saturating_duration_since(due).as_nanos()).unwrap_or(u64::MAX);
                self.recent.saturating_record(ns.max(1));
                if in_window {
                    self.latency.saturating_record(ns.max(1));
                }
            }
        }
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.take(order);
        }
    }

    /// Does it. That nobody waits for the reply any more is no matter of this thread.
    fn take(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Open { kind, task, reply } => drop(reply.send(self.open(kind, task, now))),
            Order::Offer { seat, reply } => {
                drop(reply.send(self.with(seat, now, |client| Ok(client.offer()))));
            }
            Order::Accept { seat, answer, reply } => {
                let take = |client: &mut Client| Ok(client.accept(now, &answer).map(drop)?);
                drop(reply.send(self.with(seat, now, take)));
            }
            Order::Answer { seat, offer, reply } => {
                drop(reply.send(self.with(seat, now, |client| Ok(client.accept_offer(now, &offer)?))));
            }
            Order::Credentials { seat, reply } => {
                let tell = |client: &mut Client| {
                    let (ufrag, password) = client.ice_credentials();
                    Ok((ufrag.to_owned(), password.to_owned()))
                };
                drop(reply.send(self.with(seat, now, tell)));
            }
            Order::Candidate { seat, candidate } => {
                let add = |client: &mut Client| {
                    client.add_remote_candidate(now, &candidate);
                    Ok(())
                };
                drop(self.with(seat, now, add));
            }
            Order::Fleet(ask) => self.take_ask(ask, now),
        }
    }

    fn take_ask(&mut self, ask: Ask, now: Instant) {
        match ask {
            Ask::Window(from, to) => {
                (self.window, self.window_began, self.window_ended) = (Some((from, to)), false, false);
                self.seats.iter_mut().flatten().for_each(|seat| seat.client.count_within(from, to));
            }
            Ask::Sample(reply) => {
                let live = || self.seats.iter().flatten();
                let sampled = Sampled {
                    packets: std::mem::take(&mut self.recent_packets),
                    latency: std::mem::replace(&mut self.recent, Latencies::recorder()),
                    connected: live().filter(|seat| seat.client.is_connected()).count(),
                    seats: live().count(),
                };
                drop(reply.send(sampled));
            }
            Ask::Arrivals(reply) => drop(reply.send(std::mem::take(&mut self.arrivals))),
            Ask::Report(reply) => {
                let seats = self.gone.iter().cloned().chain(self.seats.iter().flatten().map(Seat::report));
                let reported = Reported {
                    seats: seats.collect(),
                    latency: self.latency.clone(),
                    lateness: self.lateness.clone(),
                    unsent: self.unsent,
                    ports: self.seats.iter().flatten().map(|seat| seat.client.local().port()).collect(),
                    srtp_profile: self.seats.iter().flatten().find_map(|seat| seat.client.srtp_profile()),
                };
                drop(reply.send(reported));
            }
            Ask::Leave { part, goodbye } => self.leave(part, goodbye, now),
            Ask::End => self.ended = true,
        }
    }

    fn with<T>(&mut self, index: u32, now: Instant, act: impl FnOnce(&mut Client) -> Result<T>) -> Result<T> {
        let seat = self.seats.get_mut(index as usize).and_then(Option::as_mut);
        let done = act(&mut seat.ok_or_else(|| anyhow!(LEFT))?.client);
        self.settle(index, now);
        done
    }

    fn open(&mut self, kind: Kind, task: Task, now: Instant) -> Result<u32> {
        let socket = std::net::UdpSocket::bind((self.plan.address, 0)).context("no socket for one client more")?;
        socket.set_nonblocking(true)?;
        // It gives what it may.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        prepare(&socket);
        let local = socket.local_addr()?;
        let mut socket = UdpSocket::from_std(socket);
        let index = self.free.pop().unwrap_or(self.seats.len() as u32);
        self.poll.registry().register(&mut socket, Token(index as usize), Interest::READABLE)?;
        self.made += 1;
        let mut config = ClientConfig::new(task.source, local, self.certificate.clone(), self.plan.epoch);
        // Every client draws its own numbers, and the same ones in every run.
        config.seed = self.plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ task.source << 20 ^ self.made;
        config.stamps_due = true;
        let mut seat = Seat::new(config, socket, kind, task, &self.plan);
        seat.lanes = self.lanes(task.access, self.made);
        if let Some((from, to)) = self.window {
            seat.client.count_within(from, to);
            if self.window_began && now < to {
                seat.window_begins();
            }
        }
        match self.seats.get_mut(index as usize) {
            Some(slot) => *slot = Some(seat),
            None => self.seats.push(Some(seat)),
        }
        Ok(index)
    }

    fn lanes(&self, access: Option<u32>, number: u64) -> Option<Box<Lanes>> {
        let access = self.plan.access.get(access? as usize)?;
        let seed = self.plan.seed.wrapping_mul(1_000_003).wrapping_add(2 * number);
        let lane = |link: Option<crate::impair::Link>, seed| link.map(|link| Lane::new(link, seed));
        Some(Box::new(Lanes { up: lane(access.up.link(), seed), down: lane(access.down.link(), seed + 1) }))
    }

    fn leave(&mut self, part: u32, goodbye: bool, now: Instant) {
        for index in 0..self.seats.len() {
            let Some(Some(seat)) =
                self.seats.get_mut(index).filter(|s| s.as_ref().is_some_and(|s| s.task.part == part))
            else {
                continue;
            };
            seat.leave(now, goodbye);
            self.settle(index as u32, now);
            if let Some(mut seat) = self.seats.get_mut(index).and_then(Option::take) {
                let _ = self.poll.registry().deregister(&mut seat.socket);
                self.gone.push(seat.report());
                self.free.push(index as u32);
            }
        }
    }
}
