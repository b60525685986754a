//! The loop of one media thread.

mod plain;

use super::bind::Sockets;
use super::composers::ComposePort;
use super::crossing::Crossing;
use super::links::{self, Links};
use super::message::Message;
use super::mixers::MixPort;
use super::plain::PlainPorts;
use super::socket::{Arrivals, UdpReceiver};
use super::station::{Arrival, EventSink, Station};
use super::sys;
use super::tcp::{self, Admission, TcpEgress, TcpIngress};
use crate::api::{DropCause, EngineConfig, WorkerStats};
use crate::engine::{Engine, PathChange};
use crate::transport::Certificate;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Messages that wait for a worker at most; one more is refused.
pub(super) const MESSAGES: usize = 4_096;

/// Messages carried out before media has its turn again: answering an offer takes a fraction of a millisecond.
const MESSAGES_PER_TURN: usize = 8;

/// Receive calls of each socket, reads of TCP connections, and calls' worth of crossed datagrams, before timers and commands have
/// their turn again.
const READS_PER_TURN: usize = 16;

/// Words of other workers taken before sockets and timers have their turn again.
const WORDS_PER_TURN: usize = 512;

/// How often the counts are published while they change.
const PUBLISH: Duration = Duration::from_millis(100);

/// How soon what a full queue did not take is offered again.
const TELL_AGAIN: Duration = Duration::from_millis(10);

/// Rest after a panic that reached the loop, lest one that comes back at once fills the log and the core.
const AFTER_PANIC: Duration = Duration::from_millis(5);

/// What the poll reports in one call at most; more waits for the next.
const EVENTS: usize = 256;

pub(super) const WAKER: Token = Token(0);
const LISTENER: Token = Token(1);
/// Tokens from here on are UDP sockets.
const FIRST_SOCKET: usize = 2;

/// What a worker shares with those who send to it.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) stats: WorkerStats,
    /// Set once, followed by a wake.
    pub(super) stopping: AtomicBool,
    /// What must not be lost (a `Leave`) and found the queue full. Bounded by the participants there are.
    pub(super) overflow: Mutex<Vec<Message>>,
    /// There are some.
    pub(super) overflowed: AtomicBool,
}

/// All that a worker is made of.
pub(super) struct Setup {
    pub(super) config: EngineConfig,
    pub(super) certificate: Certificate,
    pub(super) sockets: Sockets,
    pub(super) poll: Poll,
    pub(super) messages: Receiver<Message>,
    pub(super) shared: Arc<Shared>,
    pub(super) crossing: Option<Crossing>,
    pub(super) links: Links,
    pub(super) mixers: MixPort,
    pub(super) composers: ComposePort,
    /// When the clocks of all workers began.
    pub(super) epoch: Instant,
    pub(super) events: EventSink,
    /// The core to stay on.
    pub(super) core: Option<usize>,
}

/// The body of a worker's thread. Tells `started` whether it came up; returns when told to stop.
pub(super) fn run(setup: Setup, started: &SyncSender<io::Result<()>>) {
    if let Some(Err(error)) = setup.core.map(sys::pin_to) {
        tracing::warn!(%error, "cannot stay on one core");
    }
    let mut worker = match Worker::new(setup) {
        Ok(worker) => worker,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let _ = started.send(Ok(()));
    worker.guarded(Worker::turns);
    worker.guarded(Worker::finish);
}

struct Port {
    receiver: UdpReceiver,
    readable: bool,
}

struct Worker {
    station: Station,
    ports: Vec<Port>,
    tcp: TcpIngress,
    plain: Rc<RefCell<PlainPorts>>,
    crossing: Option<Crossing>,
    messages: Receiver<Message>,
    shared: Arc<Shared>,
    poll: Poll,
    polled: Events,
    /// Messages or crossed datagrams may wait.
    mail: bool,
    /// Words of other workers may wait.
    linked: bool,
    /// Words of mixers may wait.
    mixed: bool,
    publish_at: Instant,
    sweep_at: Instant,
    /// Something was counted since the last publication.
    unpublished: bool,
}

impl Worker {
    fn new(setup: Setup) -> io::Result<Self> {
        let now = Instant::now();
        let registry = setup.poll.registry();
        let (mut ports, mut senders) = (Vec::new(), Vec::new());
        for (i, socket) in setup.sockets.udp.into_iter().enumerate() {
            let (receiver, sender) = socket.split();
            let fd = receiver.as_fd().as_raw_fd();
            registry.register(&mut SourceFd(&fd), Token(FIRST_SOCKET + i), Interest::READABLE)?;
            ports.push(Port { receiver, readable: true });
            senders.push(sender);
        }
        let egress = Rc::new(RefCell::new(TcpEgress::default()));
        let unproven = setup.config.limits.tcp_unproven_per_address;
        let registry = registry.try_clone()?;
        let tcp = TcpIngress::new(setup.sockets.listeners, LISTENER, registry, Rc::clone(&egress), unproven)?;
        let plain = Rc::new(RefCell::new(PlainPorts::default()));
        let outlets = (egress, Rc::clone(&plain));
        let engine = Engine::new(setup.config, setup.certificate, setup.epoch);
        Ok(Self {
            station: Station::new(engine, senders, outlets, setup.events, setup.links, (setup.mixers, setup.composers)),
            ports,
            tcp,
            plain,
            crossing: setup.crossing,
            messages: setup.messages,
            shared: setup.shared,
            poll: setup.poll,
            polled: Events::with_capacity(EVENTS),
            mail: true,
            linked: true,
            mixed: false,
            publish_at: now,
            sweep_at: now,
            unpublished: true,
        })
    }

    /// Runs `work` to its end, through panics: the engine catches those of a session, so one that comes this far is of nobody's.
    fn guarded(&mut self, work: impl Fn(&mut Self)) {
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(self))) {
            let said =
                panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(said, "a defect of ours: the media thread panicked, and goes on");
            self.station.panicked();
            self.unpublished = true;
            std::thread::sleep(AFTER_PANIC);
        }
    }

    fn turns(&mut self) {
        while !self.shared.stopping.load(Ordering::Acquire) {
            self.wait();
            let now = Instant::now();
            self.read_mail(now);
            self.receive_udp();
            self.receive_tcp(now);
            self.receive_plain();
            self.receive_crossed();
            self.receive_links(now, WORDS_PER_TURN);
            self.receive_mixed(now);
            self.do_what_is_due(now);
        }
    }

    /// Carries out what was asked before the stop, and publishes the last counts.
    fn finish(&mut self) {
        let now = Instant::now();
        self.mail = true;
        while self.mail {
            self.read_mail(now);
        }
        self.shared.stats.publish(self.station.totals());
    }

    fn is_busy(&self) -> bool {
        self.mail
            || self.linked
            || self.mixed
            || self.tcp.is_ready()
            || self.plain.borrow().is_ready()
            || self.ports.iter().any(|port| port.readable)
    }

    /// Sleeps until something arrives or is due.
    fn wait(&mut self) {
        let timeout = if self.is_busy() {
            Some(Duration::ZERO)
        } else {
            let now = Instant::now();
            let untold = self.crossing.as_ref().is_some_and(Crossing::has_untold);
            [
                self.station.next_deadline(),
                self.unpublished.then_some(self.publish_at),
                self.tcp.wants_sweep().then_some(self.sweep_at),
                untold.then(|| now + TELL_AGAIN),
            ]
            .into_iter()
            .flatten()
            .min()
            .map(|due| due.saturating_duration_since(now))
        };
        if let Err(error) = self.poll.poll(&mut self.polled, timeout) {
            if error.kind() != io::ErrorKind::Interrupted {
                tracing::error!(%error, "cannot wait for sockets");
                std::thread::sleep(AFTER_PANIC);
            }
            return;
        }
        for event in &self.polled {
            match event.token() {
                WAKER => (self.mail, self.linked, self.mixed) = (true, true, true),
                LISTENER => self.tcp.listener_ready(),
                token if PlainPorts::is_one(token) => self.plain.borrow_mut().readable(token),
                token if tcp::is_connection(token) => self.tcp.connection_ready(event),
                token => {
                    if let Some(port) = self.ports.get_mut(token.0 - FIRST_SOCKET) {
                        port.readable = true;
                    }
                }
            }
        }
    }

    fn read_mail(&mut self, now: Instant) {
        if !self.mail {
            return;
        }
        for _ in 0..MESSAGES_PER_TURN {
            let Ok(message) = self.messages.try_recv() else {
                self.mail = false;
                break;
            };
            // Whoever sent it may act on what another worker told the world after it had told us.
            // More than a queue of them cannot be before it.
            self.receive_links(now, links::QUEUE);
            self.take_message(now, message);
        }
        // After the queue, in which the command that opened what these close may still wait.
        if !self.mail && self.shared.overflowed.swap(false, Ordering::AcqRel) {
            let overflow = std::mem::take(&mut *self.shared.overflow.lock().unwrap_or_else(|e| e.into_inner()));
            overflow.into_iter().for_each(|message| self.take_message(now, message));
        }
        self.settle(now);
    }

    fn take_message(&mut self, now: Instant, message: Message) {
        match message {
            Message::Command(command) => self.station.command(now, command),
            Message::Addresses(addresses) => self.station.set_addresses(now, addresses),
            Message::JoinShared { room, with, epoch, join } => {
                with.into_iter().for_each(|with| self.station.share(room, with, epoch));
                self.station.command(now, join);
            }
            Message::Route { path, owner, added } => {
                if let Some(crossing) = &mut self.crossing {
                    crossing.learn(owner, path, added);
                }
            }
            Message::Plain { sockets, command } => self.open_plain(now, sockets, command),
            // One that cannot be adopted is closed, and its client tries again.
            Message::Stray(stray) => drop(self.tcp.adopt(stray, now)),
        }
    }

    fn receive_udp(&mut self) {
        for i in 0..self.ports.len() {
            for _ in 0..READS_PER_TURN {
                if !self.ports[i].readable {
                    break;
                }
                self.receive_batch(i);
            }
        }
    }

    fn receive_batch(&mut self, port: usize) {
        let Self { station, ports, crossing, .. } = self;
        let port = &mut ports[port];
        // Not again before the socket reports more; an error is one of a datagram that is gone.
        let arrivals = port.receiver.receive().unwrap_or_default();
        port.readable = arrivals.more;
        if arrivals.datagrams == 0 {
            return;
        }
        let arrived = Instant::now();
        station.expect(match arrivals {
            Arrivals { in_a_row: true, .. } => Arrival::InARow,
            Arrivals { datagrams: 1, .. } => Arrival::Alone,
            _ => Arrival::Apart,
        });
        port.receiver.take(|path, bytes| {
            if let Some(crossing) = crossing
                && let Some(owner) = crossing.other_owner(&path, bytes)
            {
                if crossing.hand_over(owner, path, bytes).is_err() {
                    station.dropped(DropCause::QueueFull);
                }
            } else {
                station.datagram(arrived, path, bytes);
            }
        });
        self.settle(arrived);
    }

    fn receive_tcp(&mut self, now: Instant) {
        self.tcp.accept(now);
        let refused = self.tcp.take_refused();
        if refused > 0 {
            self.station.tcp_refused(refused);
            self.unpublished = true;
        }
        for _ in 0..READS_PER_TURN {
            if !self.tcp.is_ready() {
                break;
            }
            let Some(token) = self.tcp.receive() else { continue };
            let arrived = Instant::now();
            let Self { station, tcp, crossing, .. } = self;
            let admit = |first: &[u8]| match crossing.as_ref().and_then(|crossing| crossing.other_asked(first)) {
                Some(worker) => Admission::Worker(worker),
                None => Admission::Here,
            };
            station.expect(Arrival::Alone);
            let stray = tcp.take(token, arrived, admit, |path, bytes| station.datagram(arrived, path, bytes));
            if let (Some(crossing), Some((owner, stray))) = (crossing, stray) {
                crossing.hand_over_stream(owner, stray);
            }
            self.settle(arrived);
        }
    }

    fn receive_crossed(&mut self) {
        let Self { station, crossing: Some(crossing), .. } = self else { return };
        let arrived = Instant::now();
        station.expect(Arrival::InARow);
        let mut any = false;
        for _ in 0..super::crossing::QUEUE {
            if !crossing.take(|path, bytes| station.datagram(arrived, path, bytes)) {
                break;
            }
            any = true;
        }
        if any {
            self.settle(arrived);
        }
    }

    /// Takes up to `most` words of other workers.
    fn receive_links(&mut self, now: Instant, most: usize) {
        let mut any = false;
        for _ in 0..most {
            let Some((from, word)) = self.station.links().take() else {
                self.linked = false;
                break;
            };
            if !any {
                self.station.expect(Arrival::InARow);
            }
            any = true;
            self.station.link(now, from, word);
        }
        if any {
            self.settle(now);
        }
    }

    /// Takes what came of mixes and canvases.
    fn receive_mixed(&mut self, now: Instant) {
        let mut any = false;
        for _ in 0..WORDS_PER_TURN {
            if !std::mem::take(&mut self.mixed) {
                break;
            }
            if let Some(word) = self.station.mixers().take() {
                if !any {
                    self.station.expect(Arrival::Apart);
                }
                (any, self.mixed) = (true, true);
                self.station.mixed(now, word);
            }
            if let Some(word) = self.station.composers().take() {
                if !any {
                    self.station.expect(Arrival::Apart);
                }
                (any, self.mixed) = (true, true);
                self.station.composed(now, word);
            }
        }
        if any {
            self.settle(now);
        }
    }

    fn do_what_is_due(&mut self, now: Instant) {
        if self.station.next_deadline().is_some_and(|due| due <= now) {
            self.station.timeout(now);
            self.settle(now);
        }
        if now >= self.sweep_at {
            self.tcp.sweep(now);
            self.sweep_at = now + tcp::SWEEP;
        }
        if let Some(crossing) = &mut self.crossing {
            crossing.tell();
            crossing.wake();
        }
        self.station.links().wake();
        if self.unpublished && now >= self.publish_at {
            self.shared.stats.publish(self.station.totals());
            self.publish_at = now + PUBLISH;
            self.unpublished = false;
        }
    }

    /// Tells the other workers what they should know, sends what is held, and balances the books. In this order: a client whose
    /// check is answered sends its ClientHello next, and wherever that arrives its path must be known, or DTLS waits a second.
    fn settle(&mut self, arrived: Instant) {
        while let Some(change) = self.station.poll_path() {
            let (path, proven) = match &change {
                PathChange::Added(path) => (path, true),
                PathChange::Removed(path) => (path, false),
                PathChange::Closed(local) => {
                    // After what is held for it: a goodbye.
                    self.station.flush();
                    self.plain.borrow_mut().close(local);
                    continue;
                }
            };
            if path.tcp {
                self.tcp.prove(path, proven, arrived);
            } else if let Some(crossing) = &mut self.crossing {
                crossing.announce(change);
            }
        }
        if let Some(crossing) = &mut self.crossing {
            crossing.wake();
        }
        self.station.settle(arrived);
        self.station.links().wake();
        self.unpublished = true;
    }
}
