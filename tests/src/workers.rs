//! The server's workers: one engine, or several among which rooms are shared, with the links between them.

use crate::mixer::StampMixer;
use crate::world::{Mixer, Options, SERVER, server_certificate};
use colloquy_media_core::api::{
    AdvertisedAddress, Command, DropCause, EngineConfig, Event, JoinError, PeerId, Reply, RoomId, RoomStats,
    WorkerTotals,
};
use colloquy_media_core::composer::{CanvasId, ComposeAnswer, ComposeOrder, Scene, Stage, Tier};
use colloquy_media_core::engine::{Engine, LinkMessage};
use colloquy_media_core::mix::audio::{AudioMixer, MixSettings};
use colloquy_media_core::mixer::{MixDesk, RoomMixer};
use colloquy_media_core::wire::{Datagram, Outbox};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Words that engines tell each other after one thing happened, at most: more means that they never come to an end.
const MAX_WORDS: usize = 100_000;

/// The engines, and who lives where: a participant on the worker that his number falls on, so that rooms are shared at random.
pub(crate) struct Workers {
    engines: Vec<Engine>,
    homes: BTreeMap<PeerId, (RoomId, usize)>,
    /// Where the first engine is; the others have the ports after its.
    base: SocketAddr,
    epoch: u64,
    peers_per_room: usize,
    /// Mixes for all of them.
    desk: MixDesk<Box<dyn RoomMixer>>,
    failed_mixers: u64,
    /// Those who draw: one for each engine's share of a room.
    stages: BTreeMap<(u8, RoomId), Stage>,
    /// What they were last told that each canvas shows.
    scenes: BTreeMap<(u8, RoomId, CanvasId, Tier), Scene>,
    /// The mixers are stuck: they take nothing and say nothing.
    pub(crate) stuck: bool,
    /// Pictures of canvases in their whole size are still being drawn: those in half the size come alone.
    pub(crate) draws_slowly: bool,
    /// Whose ports for plain RTP these are.
    plains: BTreeMap<SocketAddr, usize>,
    /// The engine that hears nothing of the others for now, and what they told it.
    late: Option<(usize, VecDeque<(u8, LinkMessage)>)>,
}

impl Workers {
    pub(crate) fn new(options: &Options, start: Instant) -> Self {
        let engine = |worker: u8| {
            let mut limits = options.limits.clone();
            limits.mix.enabled = true;
            let config = EngineConfig {
                worker,
                addresses: vec![AdvertisedAddress::udp(address(SERVER, usize::from(worker)))],
                ice: options.ice,
                dtls: options.dtls,
                limits,
                seed: options.seed.wrapping_add(u64::from(worker)),
            };
            Engine::new(config, server_certificate(), start)
        };
        Self {
            engines: (0..options.workers as u8).map(engine).collect(),
            homes: BTreeMap::new(),
            base: SERVER,
            epoch: 0,
            peers_per_room: options.limits.peers_per_room,
            failed_mixers: 0,
            stages: BTreeMap::new(),
            scenes: BTreeMap::new(),
            stuck: false,
            draws_slowly: false,
            desk: MixDesk::new(mixers(options.mixer)),
            late: None,
            plains: BTreeMap::new(),
        }
    }

    /// Where a participant's worker is.
    pub(crate) fn address_of(&self, peer: PeerId) -> SocketAddr {
        self.homes.get(&peer).map_or(self.base, |(_, worker)| address(self.base, *worker))
    }

    /// The server's machine is at another address from now on; the engines do not know.
    pub(crate) fn move_to(&mut self, base: SocketAddr) {
        self.base = base;
    }

    /// The engines look which address they have.
    pub(crate) fn notice_address(&mut self, now: Instant, out: &mut Outbox) {
        for (worker, engine) in self.engines.iter_mut().enumerate() {
            engine.set_addresses(now, vec![AdvertisedAddress::udp(address(self.base, worker))], out);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let pictures = self.stages.values().filter_map(Stage::next_tick);
        let turns = self.desk.next_tick().into_iter().chain(pictures).filter(|_| !self.stuck);
        self.engines.iter().filter_map(Engine::next_deadline).chain(turns).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        // A room that is not mixed has no turn: the time of the mixer is the world's only while there is something to mix.
        if !self.stuck && self.desk.next_tick().is_some_and(|at| at <= now) {
            self.desk.tick(now);
        }
        let stages = self.stages.values_mut().filter(|stage| stage.next_tick().is_some_and(|at| at <= now));
        stages.filter(|_| !self.stuck).for_each(|stage| stage.tick(now));
        for engine in &mut self.engines {
            if engine.next_deadline().is_some_and(|at| at <= now) {
                engine.handle_timeout(now, out);
            }
        }
        self.carry_words(now, out);
    }

    /// A datagram that arrives at one of the workers' addresses; at another, the first worker has it.
    pub(crate) fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>, out: &mut Outbox) {
        let at = (0..self.engines.len())
            .find(|worker| address(self.base, *worker) == datagram.path.local)
            .or_else(|| self.plains.get(&datagram.path.local).copied())
            .unwrap_or_default();
        self.engines[at].handle_datagram(now, datagram, out);
        self.carry_words(now, out);
    }

    pub(crate) fn handle_command(&mut self, now: Instant, command: Command, out: &mut Outbox) {
        match command {
            Command::CloseRoom { room } => {
                for engine in &mut self.engines {
                    engine.handle_command(now, Command::CloseRoom { room }, out);
                }
            }
            Command::Stand { room, epoch, stances } => {
                for engine in &mut self.engines {
                    engine.handle_command(now, Command::Stand { room, epoch, stances: stances.clone() }, out);
                }
            }
            Command::Announce { room, announcement } => {
                for engine in &mut self.engines {
                    let announcement = announcement.clone();
                    engine.handle_command(now, Command::Announce { room, announcement }, out);
                }
            }
            Command::Hush { room, id } => {
                for engine in &mut self.engines {
                    engine.handle_command(now, Command::Hush { room, id }, out);
                }
            }
            Command::Arrange { room, id, arrangement } => {
                for engine in &mut self.engines {
                    let arrangement = arrangement.clone();
                    engine.handle_command(now, Command::Arrange { room, id, arrangement }, out);
                }
            }
            Command::Stats { room, reply } => reply.send(self.stats(now, room, out)),
            Command::Join { room, peer, reply, .. } if self.is_full(room) && !self.homes.contains_key(&peer) => {
                reply.send(Err(JoinError::RoomFull));
            }
            command => {
                let worker = self.worker_for(&command);
                if let Command::Plain { place, .. } = &command {
                    let ends = place.ends.iter().flat_map(|ends| [Some(ends.rtp), ends.rtcp]).flatten();
                    self.plains.extend(ends.map(|end| (end.local, worker)));
                }
                self.engines[worker].handle_command(now, command, out);
            }
        }
        self.carry_words(now, out);
    }

    /// As the driver sees to it, who knows all workers.
    fn is_full(&self, room: RoomId) -> bool {
        self.homes.values().filter(|(of, _)| *of == room).count() >= self.peers_per_room
    }

    fn worker_for(&mut self, command: &Command) -> usize {
        let Some(peer) = command.peer() else { return 0 };
        let Command::Join { room, .. } = command else {
            let home = self.homes.get(&peer).map_or(0, |(_, worker)| *worker);
            if matches!(command, Command::Leave { .. }) {
                self.homes.remove(&peer);
            }
            return home;
        };
        let worker = peer.0 as usize % self.engines.len();
        let shares: BTreeSet<usize> = self.homes.values().filter(|(of, _)| of == room).map(|(_, at)| *at).collect();
        if !shares.contains(&worker) {
            self.epoch += 1;
            for other in shares {
                self.engines[worker].share_room(*room, other as u8, self.epoch);
            }
        }
        self.homes.entry(peer).or_insert((*room, worker));
        worker
    }

    fn stats(&mut self, now: Instant, room: RoomId, out: &mut Outbox) -> Option<RoomStats> {
        let all: Arc<Mutex<Vec<RoomStats>>> = Arc::default();
        for engine in &mut self.engines {
            let all = Arc::clone(&all);
            let reply = Reply::new(move |stats| all.lock().unwrap().extend(stats));
            engine.handle_command(now, Command::Stats { room, reply }, out);
        }
        let parts = std::mem::take(&mut *all.lock().unwrap());
        parts.into_iter().reduce(|mut all, part| {
            all.peers.extend(part.peers);
            all
        })
    }

    /// Rooms that are mixed.
    pub(crate) fn mixed_rooms(&self) -> usize {
        self.desk.rooms()
    }

    /// Every mixer fails at once.
    pub(crate) fn fail_mixers(&mut self, now: Instant, out: &mut Outbox) {
        self.failed_mixers += self.desk.fail_all();
        self.stages.values_mut().for_each(Stage::fail);
        self.carry_words(now, out);
    }

    /// Carries every engine's words to the mixer, and its answers back.
    fn carry_sound(&mut self, now: Instant, out: &mut Outbox) {
        for (worker, engine) in (0..).zip(&mut self.engines) {
            while let Some(word) = engine.poll_mix() {
                // What was said to one that is stuck is lost with it.
                if !self.stuck {
                    self.desk.handle(now, worker, word);
                }
            }
        }
        while let Some((worker, word)) = self.desk.poll() {
            self.engines[usize::from(worker)].handle_mixer(now, word, out);
        }
        assert_eq!(self.desk.panics(), self.failed_mixers, "a mixer panicked");
        self.carry_pictures(now, out);
    }

    /// The same of those who draw.
    fn carry_pictures(&mut self, now: Instant, out: &mut Outbox) {
        for (worker, engine) in (0..).zip(&mut self.engines) {
            while let Some(word) = engine.poll_compose() {
                let seat = (worker, word.room);
                match &word.order {
                    ComposeOrder::Open(_) | ComposeOrder::Close => {
                        self.scenes.retain(|(worker, room, ..), _| (*worker, *room) != seat);
                    }
                    ComposeOrder::Bill(bill) => {
                        let key = |canvas: &CanvasId, tier: &Tier| (worker, word.room, *canvas, *tier);
                        bill.dropped.iter().for_each(|(canvas, tier)| drop(self.scenes.remove(&key(canvas, tier))));
                        let shown = bill.shown.iter();
                        self.scenes.extend(shown.map(|(canvas, tier, scene)| (key(canvas, tier), scene.clone())));
                    }
                    ComposeOrder::Packet(..) | ComposeOrder::KeyFrame(..) | ComposeOrder::Ping => {}
                }
                match word.order {
                    ComposeOrder::Open(format) => {
                        self.stages.insert(seat, Stage::new((word.room, word.life), format, now));
                    }
                    ComposeOrder::Close => drop(self.stages.remove(&seat)),
                    order => {
                        if let Some(stage) = self.stages.get_mut(&seat).filter(|_| !self.stuck) {
                            stage.handle(now, order);
                        }
                    }
                }
            }
        }
        for ((worker, _), stage) in &mut self.stages {
            while let Some(word) = stage.poll() {
                if self.draws_slowly && matches!(&word.answer, ComposeAnswer::Drawn(drawn) if drawn.tier == Tier::Full)
                {
                    continue;
                }
                self.engines[usize::from(*worker)].handle_composer(now, word, out);
            }
        }
    }

    /// Canvases of all engines.
    pub(crate) fn canvases(&self) -> usize {
        self.engines.iter().map(Engine::canvases).sum()
    }

    /// What the canvases of all engines show, each once for each of its sizes.
    pub(crate) fn scenes(&self) -> Vec<Scene> {
        self.scenes.values().cloned().collect()
    }

    /// Sizes in which they are drawn.
    pub(crate) fn canvas_encodings(&self) -> usize {
        self.engines.iter().map(Engine::canvas_encodings).sum()
    }

    /// Rooms with canvases.
    pub(crate) fn composed_rooms(&self) -> usize {
        self.stages.len()
    }

    /// Carries every engine's words to the others, and theirs in answer; and those of the mixer.
    fn carry_words(&mut self, now: Instant, out: &mut Outbox) {
        let mut words = 0;
        self.carry_sound(now, out);
        while let Some((from, (to, word))) =
            (0..self.engines.len()).find_map(|worker| Some((worker, self.engines[worker].poll_link()?)))
        {
            words += 1;
            assert!(words <= MAX_WORDS, "the engines talk without end");
            let (from, to) = (from as u8, usize::from(to));
            match &mut self.late {
                Some((late, words)) if *late == to => words.push_back((from, word)),
                _ => self.engines[to].handle_link(now, from, word, out),
            }
            self.carry_sound(now, out);
        }
    }

    /// A participant's engine hears nothing of the others from now on.
    pub(crate) fn hold_words_to(&mut self, peer: PeerId) {
        self.late = self.homes.get(&peer).map(|(_, worker)| (*worker, VecDeque::new()));
    }

    /// It hears all that they told it meanwhile.
    pub(crate) fn release_words(&mut self, now: Instant, out: &mut Outbox) {
        let (to, words) = self.late.take().unwrap_or_default();
        for (from, word) in words {
            self.engines[to].handle_link(now, from, word, out);
        }
        self.carry_words(now, out);
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let event = self.engines.iter_mut().find_map(Engine::poll_event);
        if let Some(Event::Closed { peer, .. }) = &event {
            self.homes.remove(peer);
        }
        event
    }

    pub(crate) fn dropped(&mut self, cause: DropCause) -> u64 {
        self.engines.iter_mut().map(|engine| engine.totals_mut().drops[cause as usize]).sum()
    }

    /// The counts of all engines together.
    pub(crate) fn totals(&mut self) -> WorkerTotals {
        let mut all = WorkerTotals::default();
        self.engines.iter_mut().for_each(|engine| all.add(engine.totals()));
        all
    }
}

/// How mixers are made.
fn mixers(mixer: Mixer) -> impl Fn(Instant) -> Box<dyn RoomMixer> + Send {
    move |now| match mixer {
        Mixer::Stamps => Box::new(StampMixer::new(now)),
        Mixer::Sound => Box::new(AudioMixer::new(MixSettings::default(), now)),
    }
}

/// Where a worker is.
fn address(base: SocketAddr, worker: usize) -> SocketAddr {
    SocketAddr::new(base.ip(), base.port() + worker as u16)
}
