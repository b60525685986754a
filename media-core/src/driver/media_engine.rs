//! The media engine as the rest of the server sees it: threads behind a door.

mod plain;
pub(super) mod refusal;
#[cfg(test)]
mod tests;

use self::refusal::{Refusal, refuse};
use super::addresses::{self, Offered};
use super::bind::{self, Sockets};
use super::composers::{ComposePort, Threads};
use super::config::{DriverConfig, StartError};
use super::crossing::{self, Crossing};
use super::directory::{Directory, NoPlace, Placement, Spread};
use super::ebb::Ebb;
use super::isolation::{Isolation, try_out};
use super::links::{self, Links};
use super::message::Message;
use super::mixers::Mixers;
use super::plain::{PlainConfig, Ports};
#[cfg(feature = "compose")]
use super::snapshots::Snapshots;
use super::station::EventSink;
use super::sys;
use super::worker::{self, Setup, Shared};
use crate::api::{
    AdvertisedAddress, Command, EngineConfig, Event, JoinError, PeerId, Reply, RoomId, RoomStats, Snapshot,
    SnapshotAsk, SnapshotError, WorkerTotals,
};
use crate::transport::Certificate;
use mio::{Poll, Waker};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

/// What every thread may look into: held for a few map operations, never while anything waits.
type SharedDirectory = Arc<Mutex<Directory>>;

/// Workers, running. Dropping it stops them.
pub struct MediaEngine {
    workers: Vec<Worker>,
    directory: SharedDirectory,
    /// As it was started.
    config: DriverConfig,
    offered: Mutex<Vec<Offered>>,
    ebb: Mutex<Ebb>,
    mixers: Mixers,
    #[cfg(feature = "compose")]
    snapshots: Option<Snapshots>,
    composers: Arc<Threads>,
    plain: Option<Ports>,
    programs: Option<Ports>,
}

struct Worker {
    port: u16,
    messages: SyncSender<Message>,
    waker: Arc<Waker>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A worker that is not running yet.
struct Prepared {
    sockets: Sockets,
    poll: Poll,
    waker: Arc<Waker>,
    sender: SyncSender<Message>,
    messages: Receiver<Message>,
}

impl MediaEngine {
    /// Binds the ports and starts the workers. `events` hears of everything that happens; it is called on the workers' threads, so
    /// it must not block.
    ///
    /// # Errors
    /// When a port, an address, a thread or the certificate is not to be had. Nothing is left running then.
    pub fn start(config: &DriverConfig, events: Arc<dyn Fn(Event) + Send + Sync>) -> Result<Self, StartError> {
        let locals = addresses::local_addresses()?;
        let choice = addresses::choose(config, &locals, addresses::route_to);
        if choice.offered.is_empty() {
            let why: Vec<_> = choice.findings.iter().map(|finding| finding.text.as_str()).collect();
            return Err(StartError::NoAddress(why.join("; ")));
        }
        let certificate = Certificate::generate().map_err(|e| StartError::Certificate(e.to_string()))?;
        let spread = Spread {
            room_peers_per_worker: config.limits.room_peers_per_worker,
            peers_per_room: config.limits.peers_per_room,
        };
        let directory = Arc::new(Mutex::new(Directory::new(config.workers, spread)));
        let events = watch(events, Arc::clone(&directory));
        let prepared = prepare(config)?;
        if let Some(short) = prepared.first().and_then(|first| bind::short_buffers(&first.sockets)) {
            tracing::warn!("{short}");
        }
        let cores = sys::allowed_cores();
        let seed = config.seed.unwrap_or_else(rand::random);
        let isolation = isolation(config);
        let mut engine = Self {
            workers: Vec::new(),
            directory,
            config: config.clone(),
            offered: Mutex::new(choice.offered.clone()),
            ebb: Mutex::default(),
            mixers: Mixers::default(),
            #[cfg(feature = "compose")]
            snapshots: config.snapshots.map(|every| Snapshots::start(every, isolation.as_ref())).transpose()?,
            composers: Arc::default(),
            plain: config.plain.clone().map(|plain| {
                let hosts = locals.iter().map(|local| local.ip).chain([plain.advertise]).collect();
                Ports::new(plain, hosts)
            }),
            programs: (config.programs > 0)
                .then(|| Ports::new(PlainConfig::of_this_machine(config.programs), Vec::new())),
        };
        let crossings = crossings(config, &prepared);
        let links = link(&prepared);
        let wakers: Vec<_> = prepared.iter().map(|one| Arc::clone(&one.waker)).collect();
        let (mixers, ports) = Mixers::start(config.mixers, config.mix, &wakers, isolation.as_ref())?;
        engine.mixers = mixers;
        let mut limits = config.limits.clone();
        limits.mix.enabled = config.mixers > 0;
        let epoch = Instant::now();
        let ways = crossings.into_iter().zip(links).zip(ports);
        for (i, (prepared, ((crossing, links), mixers))) in prepared.into_iter().zip(ways).enumerate() {
            let port = prepared.sockets.port;
            let addresses = addresses::candidates(&choice.offered, port, config.tcp);
            let worker_config = EngineConfig {
                worker: i as u8,
                addresses,
                ice: config.ice,
                dtls: config.dtls,
                limits: limits.clone(),
                seed: seed.wrapping_add(i as u64),
            };
            let shared = Arc::new(Shared::default());
            let (messages, waker) = (prepared.sender, prepared.waker);
            let composers = ComposePort::new(&waker, &engine.composers, isolation.clone());
            let setup = Setup {
                config: worker_config,
                certificate: certificate.clone(),
                sockets: prepared.sockets,
                poll: prepared.poll,
                messages: prepared.messages,
                shared: Arc::clone(&shared),
                crossing,
                links,
                mixers,
                composers,
                epoch,
                events: Arc::clone(&events),
                core: cores.get(i).copied().filter(|_| config.pin && cores.len() >= config.workers),
            };
            let thread = Some(spawn(i, setup)?);
            engine.workers.push(Worker { port, messages, waker, shared, thread });
        }
        Ok(engine)
    }

    /// Has a command carried out by the worker of its room. A command for a room or participant that there is not, or for a worker
    /// whose queue is full, is answered at once, on this thread; a full queue loses no `Leave` and no `CloseRoom`.
    pub fn submit(&self, command: Command) {
        let mut directory = self.directory();
        let worker = match &command {
            Command::Join { room, peer, .. } => match directory.join(*room, *peer) {
                Ok(Placement { worker, shared_with, .. }) if shared_with.is_empty() => Some(worker),
                Ok(placement) => {
                    // Sent under the lock, as below.
                    let refused = self.join_shared(*room, &placement, command);
                    drop(directory);
                    return refused.into_iter().for_each(|command| refuse(command, Refusal::Busy));
                }
                Err(why) => {
                    drop(directory);
                    let why = if why == NoPlace::RoomFull { Refusal::RoomFull } else { Refusal::Unknown };
                    return refuse(command, why);
                }
            },
            Command::Leave { peer } => directory.leave(*peer),
            Command::CloseRoom { room } => {
                // Sent under the lock, as below.
                for worker in directory.close(*room).into_iter().filter_map(|worker| self.workers.get(worker)) {
                    worker.send(Command::CloseRoom { room: *room });
                }
                return;
            }
            Command::Stand { room, epoch, stances } => {
                // Sent under the lock, as below.
                for worker in directory.workers_of_room(*room) {
                    if let Some(worker) = self.workers.get(worker) {
                        worker.send(Command::Stand { room: *room, epoch: *epoch, stances: stances.clone() });
                    }
                }
                return;
            }
            Command::Announce { room, announcement } => {
                // Sent under the lock, as below.
                for worker in directory.workers_of_room(*room) {
                    if let Some(worker) = self.workers.get(worker) {
                        worker.send(Command::Announce { room: *room, announcement: announcement.clone() });
                    }
                }
                return;
            }
            Command::Hush { room, id } => {
                // Sent under the lock, as below.
                for worker in directory.workers_of_room(*room) {
                    if let Some(worker) = self.workers.get(worker) {
                        worker.send(Command::Hush { room: *room, id: *id });
                    }
                }
                return;
            }
            Command::Arrange { room, id, arrangement } => {
                // Sent under the lock, as below.
                for worker in directory.workers_of_room(*room) {
                    if let Some(worker) = self.workers.get(worker) {
                        let arrangement = arrangement.clone();
                        worker.send(Command::Arrange { room: *room, id: *id, arrangement });
                    }
                }
                return;
            }
            Command::Stats { room, .. } => {
                let workers = directory.workers_of_room(*room);
                drop(directory);
                return self.gather_stats(command, &workers);
            }
            Command::Offer { peer, .. }
            | Command::Plain { peer, .. }
            | Command::AddCandidate { peer, .. }
            | Command::Fragment { peer, .. }
            | Command::Subscribe { peer, .. }
            | Command::Prefer { peer, .. }
            | Command::SetDownlink { peer, .. }
            | Command::Name { peer, .. }
            | Command::Pin { peer, .. }
            | Command::SetAudio { peer, .. }
            | Command::SetMute { peer, .. } => directory.worker_of_peer(*peer),
            Command::Still { ask, .. } => directory.worker_of_peer(ask.peer),
        };
        let Some(worker) = worker.and_then(|worker| self.workers.get(worker)) else {
            drop(directory);
            return refuse(command, Refusal::Unknown);
        };
        // Sent under the lock, so that two commands for one room go in the order in which the directory saw them.
        let refused = worker.send(self.forgetting_the_refused(command));
        drop(directory);
        if let Some(command) = refused {
            refuse(command, Refusal::Busy);
        }
    }

    /// Has a participant of a room come to a worker, who shares it with the others that have it. Gives the command back when that
    /// worker's queue is full.
    fn join_shared(&self, room: RoomId, placement: &Placement, join: Command) -> Option<Command> {
        let Placement { worker, shared_with, epoch } = placement;
        let (worker, epoch) = (*worker, *epoch);
        let Some(new) = self.workers.get(worker) else { return Some(join) };
        let with = shared_with.iter().map(|other| *other as u8).collect();
        let join = self.forgetting_the_refused(join);
        match new.post(Message::JoinShared { room, with, epoch, join }) {
            Some(Message::JoinShared { join, .. }) => Some(join),
            _ => None,
        }
    }

    /// Asks every worker of a room, and answers when all have.
    fn gather_stats(&self, command: Command, workers: &[usize]) {
        let Command::Stats { room, reply } = command else { return };
        let workers: Vec<_> = workers.iter().filter_map(|worker| self.workers.get(*worker)).collect();
        if workers.is_empty() {
            return reply.send(None);
        }
        let gathered = Arc::new(Mutex::new(Gathered { left: workers.len(), stats: None, reply: Some(reply) }));
        for worker in workers {
            let gathered = Arc::clone(&gathered);
            let reply = Reply::new(move |stats| Gathered::take(&gathered, stats));
            if let Some(command) = worker.send(Command::Stats { room, reply }) {
                refuse(command, Refusal::Busy);
            }
        }
    }

    /// Makes a still picture of somebody's video, on a thread of its own; whether whoever asks may have it is not looked at here.
    pub fn snapshot(&self, ask: SnapshotAsk, reply: Reply<Result<Snapshot, SnapshotError>>) {
        #[cfg(feature = "compose")]
        if let Some(snapshots) = &self.snapshots {
            let (max_age, reply) = (snapshots.interval, snapshots.taker(ask.size, reply));
            return self.submit(Command::Still { ask, max_age, reply });
        }
        let _ = ask;
        reply.send(Err(SnapshotError::Disabled));
    }

    /// The counts of each worker, at most 100 ms old.
    #[must_use]
    pub fn worker_stats(&self) -> Vec<WorkerTotals> {
        self.workers.iter().map(|worker| worker.shared.stats.read()).collect()
    }

    /// The addresses that clients are offered, of all workers.
    #[must_use]
    pub fn addresses(&self) -> Vec<AdvertisedAddress> {
        let offered = self.offered();
        let mut all: Vec<AdvertisedAddress> = Vec::new();
        for worker in &self.workers {
            for address in addresses::candidates(&offered, worker.port, self.config.tcp) {
                // On a single port all workers offer the same.
                if !all.contains(&address) {
                    all.push(address);
                }
            }
        }
        all
    }

    /// Looks which addresses this machine has now, and offers those from now on. Of `wished`, what is advertised counts, and
    /// loopback; the rest is as it was started. Gives whether they are others than before. Calls go on: a client comes to the new ones when he restarts ICE.
    ///
    /// A machine that has none at the moment offers what it had: it may come back. Nothing is bound anew, so one that was told
    /// which addresses to bind stays with them.
    ///
    /// # Errors
    /// When the addresses cannot be listed.
    pub fn refresh_addresses(&self, wished: &DriverConfig) -> Result<bool, StartError> {
        let (advertise, include_loopback) = (wished.advertise.clone(), wished.include_loopback);
        let config = DriverConfig { advertise, include_loopback, ..self.config.clone() };
        let choice = addresses::choose(&config, &addresses::local_addresses()?, addresses::route_to);
        let mut offered = self.offered();
        if choice.offered.is_empty() || choice.offered == *offered {
            return Ok(false);
        }
        for worker in &self.workers {
            let addresses = addresses::candidates(&choice.offered, worker.port, config.tcp);
            if worker.messages.try_send(Message::Addresses(addresses)).is_err() {
                // Too busy now: what is noted is still the old, so the next look finds the change again.
                return Ok(false);
            }
            let _ = worker.waker.wake();
        }
        *offered = choice.offered;
        Ok(true)
    }

    fn offered(&self) -> MutexGuard<'_, Vec<Offered>> {
        self.offered.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Gives the memory of participants who have gone back to the system, when they were many. To be called every few seconds, on no
    /// thread of media.
    pub fn give_memory_back(&self) {
        let participants = self.worker_stats().iter().map(|worker| worker.peers).sum();
        self.ebb.lock().unwrap_or_else(|e| e.into_inner()).note(participants);
    }

    /// Closes every room, so that clients hear of it, and waits until the threads have ended.
    pub fn stop(self) {
        drop(self);
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A `Join` whose refusal is noted in the directory; other commands as they are.
    fn forgetting_the_refused(&self, command: Command) -> Command {
        let Command::Join { room, peer, permissions, stance, reply } = command else { return command };
        let directory = Arc::clone(&self.directory);
        let reply = Reply::new(move |result: Result<_, JoinError>| {
            if result.is_err() {
                forget(&directory, peer);
            }
            reply.send(result);
        });
        Command::Join { room, peer, permissions, stance, reply }
    }
}

impl Drop for MediaEngine {
    fn drop(&mut self) {
        let rooms = self.directory().rooms();
        for room in rooms {
            self.submit(Command::CloseRoom { room });
        }
        for worker in &self.workers {
            worker.shared.stopping.store(true, Ordering::Release);
            let _ = worker.waker.wake();
        }
        let here = std::thread::current().id();
        let mut all_ended = true;
        for thread in self.workers.iter_mut().filter_map(|worker| worker.thread.take()) {
            // Dropped by an event's or an answer's closure: this very thread ends by itself.
            if thread.thread().id() == here {
                all_ended = false;
            } else if thread.join().is_err() {
                tracing::error!("a media thread had panicked");
            }
        }
        // Those that mix end when the last worker has.
        if all_ended {
            self.mixers.join();
            #[cfg(feature = "compose")]
            self.snapshots.take().into_iter().for_each(Snapshots::join);
            self.composers.join();
        }
    }
}

impl std::fmt::Debug for MediaEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaEngine").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

/// The figures of a room's shares, until all are here.
struct Gathered {
    left: usize,
    stats: Option<RoomStats>,
    reply: Option<Reply<Option<RoomStats>>>,
}

impl Gathered {
    /// Takes those of one share; answers with the last.
    fn take(gathered: &Mutex<Self>, stats: Option<RoomStats>) {
        let mut all = gathered.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(stats) = stats {
            all.stats.get_or_insert(RoomStats { peers: Vec::new() }).peers.extend(stats.peers);
        }
        all.left -= 1;
        if all.left == 0 {
            let (stats, reply) = (all.stats.take(), all.reply.take());
            drop(all);
            reply.into_iter().for_each(|reply| reply.send(stats.clone()));
        }
    }
}

impl Worker {
    /// Queues a command; gives it back when it can be refused and the queue is full.
    fn send(&self, command: Command) -> Option<Command> {
        match self.post(Message::Command(command)) {
            Some(Message::Command(command)) => Some(command),
            _ => None,
        }
    }

    /// Queues a message; gives it back when it can be refused and the queue is full.
    fn post(&self, message: Message) -> Option<Message> {
        let back = match self.messages.try_send(message) {
            Ok(()) => None,
            Err(TrySendError::Full(message)) if message.must_arrive() => {
                self.shared.overflow.lock().unwrap_or_else(|e| e.into_inner()).push(message);
                self.shared.overflowed.store(true, Ordering::Release);
                None
            }
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => Some(message),
        };
        if back.is_none() {
            let _ = self.waker.wake();
        }
        back
    }
}

/// Binds and prepares every worker before any runs, so that a port in use leaves nothing behind.
fn prepare(config: &DriverConfig) -> Result<Vec<Prepared>, StartError> {
    let mut prepared: Vec<Prepared> = Vec::new();
    for port in config.ports()? {
        // Where any port will do and all share it, the first worker's is the one.
        let shared = prepared.first().filter(|_| config.single_port).map(|first| first.sockets.port);
        let sockets = bind::bind(config, shared.unwrap_or(port))?;
        let poll = Poll::new().map_err(StartError::Thread)?;
        let waker = Arc::new(Waker::new(poll.registry(), worker::WAKER).map_err(StartError::Thread)?);
        let (sender, messages) = sync_channel(worker::MESSAGES);
        prepared.push(Prepared { sockets, poll, waker, sender, messages });
    }
    Ok(prepared)
}

/// How mixers are isolated, if they are to be and can be.
fn isolation(config: &DriverConfig) -> Option<Arc<Isolation>> {
    let isolation = config.isolation.clone()?;
    match try_out(&isolation) {
        Ok(()) => Some(Arc::new(isolation)),
        Err(error) => {
            let program = isolation.program.display();
            tracing::error!(%program, %error, "mixers cannot have processes of their own: a fault in a codec ends this one");
            None
        }
    }
}

/// For each worker its view of the others, when they share a port.
fn crossings(config: &DriverConfig, prepared: &[Prepared]) -> Vec<Option<Crossing>> {
    if !config.single_port || prepared.len() < 2 {
        return prepared.iter().map(|_| None).collect();
    }
    let (doors, insides): (Vec<_>, Vec<_>) =
        prepared.iter().map(|one| crossing::door(one.sender.clone(), Arc::clone(&one.waker))).unzip();
    insides.into_iter().zip(0..).map(|(inside, me)| Some(Crossing::new(me, doors.clone(), inside))).collect()
}

/// The links between the workers.
fn link(prepared: &[Prepared]) -> Vec<Links> {
    let (doors, insides): (Vec<_>, Vec<_>) = prepared.iter().map(|one| links::door(Arc::clone(&one.waker))).unzip();
    insides.into_iter().zip(0..).map(|(inside, me)| Links::new(me, doors.clone(), inside)).collect()
}

/// Starts a worker's thread and waits until it is up.
fn spawn(i: usize, setup: Setup) -> Result<JoinHandle<()>, StartError> {
    let (started, up) = sync_channel(1);
    let thread = std::thread::Builder::new()
        .name(format!("media-{i}"))
        .spawn(move || worker::run(setup, &started))
        .map_err(StartError::Thread)?;
    match up.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(e)) => Err(StartError::Thread(e)),
        Err(_) => Err(StartError::Thread(std::io::Error::other("it panicked as it started"))),
    }
}

/// An event sink that keeps the directory in step.
fn watch(events: EventSink, directory: SharedDirectory) -> EventSink {
    Arc::new(move |event| {
        if let Event::Closed { peer, .. } = &event {
            forget(&directory, *peer);
        }
        events(event);
    })
}

fn forget(directory: &SharedDirectory, peer: PeerId) {
    directory.lock().unwrap_or_else(|e| e.into_inner()).leave(peer);
}
