//! Scenarios made up from a seed: people come, publish, subscribe, fall silent, restart, move and go, over links that
//! come and go too. In the end the links are good, and everyone must receive what he asked for.

use crate::actions::{Muter, pace};
use crate::audience::verb;
use crate::net::Link;
use crate::talk::Wanted;
use crate::world::{Options, World};
use colloquy_bench::client::{Effort, Numbering, Video};
use colloquy_media_core::api::{
    AudioMode, CanvasLayout, CanvasLimits, Codec, Command, DataLimits, Device, Downlink, DtlsVersions, IceMode,
    LayoutId, Limits, MediaKind, MixLimits, PeerId, PixelSize, Preference, RoomId, TrackId,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

/// Things that happen in one scenario.
const ACTIONS: usize = 24;
/// One scenario of so many has canvases: what is on them is no picture that could be decoded, but all else is as with cameras.
const CANVAS_EVERY: u64 = 5;
/// How they are drawn: small, as each is encoded.
const CANVAS: CanvasLimits =
    CanvasLimits { enabled: true, width: 160, height: 90, fps: 5, bitrate_bps: 100_000, canvases: 3 };
/// People in one scenario at most: handshakes are what it costs.
const PEOPLE: usize = 5;
/// One in so many scenarios plays [`FAR`] away.
const FAR_EVERY: u64 = 4;
/// In one of so many people turn aside, monitor, coach and so on.
const STANCES_EVERY: u64 = 3;
/// How often somebody changes how he hears others, for each thing that happens.
const MIX_FLIPS: f64 = 0.25;
const FAR: Link = Link { delay: Duration::from_millis(60), loss: 0.1, ..Link::GOOD };
/// After the links are good again: an ICE check, a DTLS retransmission and a key frame.
const RECOVERY_STEP: Duration = Duration::from_millis(500);
const RECOVERY_STEPS: u32 = 30;

/// Channels of one person at once.
const CHANNELS: usize = 4;
/// Limits that such a scenario can meet.
const DATA: DataLimits = DataLimits {
    channels_per_peer: 16,
    mirrors_per_peer: 64,
    label_bytes: 32,
    protocol_bytes: 128,
    message_bytes: 64 * 1024,
    window_bytes: 64 * 1024,
    backlog_bytes_per_channel: 32 * 1024,
    backlog_bytes_per_peer: 96 * 1024,
    messages_per_s: 40,
    bytes_per_s: 128 * 1024,
    stall: Duration::from_secs(3),
};

/// Plays the scenario of a seed. Panics when something that must hold does not.
pub fn play(seed: u64) {
    Scenario::new(seed).play();
}

struct Scenario {
    rng: StdRng,
    /// Of who stands where.
    stance_rng: StdRng,
    /// Of how people hear others.
    mix_rng: StdRng,
    /// Of who has pictures drawn together.
    canvas_rng: StdRng,
    /// Of what is said on data channels.
    talk_rng: StdRng,
    /// Tells what happens on standard error: `COLLOQUY_TRACE=1`.
    trace: bool,
    world: World,
    rooms: Vec<RoomId>,
    /// Far from the server over links that lose packets, with repair packets both ways.
    far: bool,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x5ce0_a210);
        let (up, down) = (start_link(&mut rng), start_link(&mut rng));
        let far = seed % FAR_EVERY == 1;
        let (up, down) = if far { (FAR, FAR) } else { (up, down) };
        let options = Options {
            seed,
            ice: if rng.random_bool(0.8) { IceMode::Lite } else { IceMode::Full },
            // Of its own source, so that what a seed plays is the same on one worker and on several.
            workers: if StdRng::seed_from_u64(seed).random_bool(0.4) { 3 } else { 1 },
            dtls: if rng.random_bool(0.7) { DtlsVersions::Prefer12 } else { DtlsVersions::Prefer13 },
            up,
            down,
            limits: Limits {
                data: DATA,
                mix: MixLimits { canvas: CANVAS, ..MixLimits::default() },
                ..Limits::default()
            },
            ..Options::default()
        };
        let mut world = World::new(options);
        world.checks.orderly_uplinks = up.is_orderly();
        let rooms = vec![world.room(), world.room()];
        let (talk_rng, stance_rng) = (StdRng::seed_from_u64(seed ^ 0x7a1c), StdRng::seed_from_u64(seed ^ 0x57a2));
        let (mix_rng, canvas_rng) = (StdRng::seed_from_u64(seed ^ 0x317), StdRng::seed_from_u64(seed ^ 0xca97));
        Self {
            rng,
            stance_rng,
            mix_rng,
            canvas_rng,
            talk_rng,
            trace: std::env::var_os("COLLOQUY_TRACE").is_some(),
            world,
            rooms,
            far,
        }
    }

    fn play(mut self) {
        for _ in 0..ACTIONS {
            self.act();
            self.stand();
            self.listen();
            self.draw();
            self.talk();
            if self.trace {
                for (peer, person) in &self.world.people {
                    eprintln!(
                        "   {peer} present {} publishes {:?} wants {:?}",
                        person.present,
                        person.published.values().map(|t| (t.id, t.mute.is_muted())).collect::<Vec<_>>(),
                        person.wanted
                    );
                }
            }
            // Far away, what is lost must be reported before anything comes of it: once a second.
            let pause = self.rng.random_range(5..250) * if self.far { 3 } else { 1 };
            self.world.run(Duration::from_millis(pause));
        }
        self.settle();
        self.end();
    }

    fn present(&self) -> Vec<PeerId> {
        self.world.people.iter().filter(|(_, person)| person.present).map(|(peer, _)| *peer).collect()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.rng.random_range(0..of.len())]) }
    }

    fn act(&mut self) {
        let present = self.present();
        let everyone = self.world.people.len();
        let Some(peer) = self.one(&present).filter(|_| everyone >= 2) else {
            self.come();
            return;
        };
        let action = self.rng.random_range(0..100);
        if self.trace {
            eprintln!("{:?} {peer} does {action}", self.world.elapsed());
        }
        match action {
            0..25 if everyone < PEOPLE => self.come(),
            0..40 => self.watch(peer),
            40..50 => self.publish(peer),
            50..56 => self.resubscribe(peer),
            56..62 => self.look(peer),
            62..70 => self.mute(peer),
            70..73 => self.world.restart_ice(peer),
            73..75 => self.world.restart_ice_by_fragment(peer),
            75..80 => self.world.change_address(peer),
            80..85 => self.world.rebind(peer),
            85..92 => self.change_links(peer),
            92..94 => self.disturb(peer),
            94..95 => self.publish_layers(peer),
            95..97 => self.world.reload(peer, &[Codec::Opus]),
            _ => self.world.leave(peer),
        }
    }

    /// Somebody wants to hear others in another way, and has a place for the mix.
    fn listen(&mut self) {
        let present = self.present();
        if present.is_empty() || !self.mix_rng.random_bool(MIX_FLIPS) {
            return;
        }
        let peer = present[self.mix_rng.random_range(0..present.len())];
        let mode =
            [AudioMode::Forward, AudioMode::Mix, AudioMode::Mix, AudioMode::Auto][self.mix_rng.random_range(0..4)];
        self.world.set_audio(peer, mode).expect("there is a mixer");
        if !self.world.person(peer).wanted.values().any(|track| *track == TrackId::MIX) {
            self.world.watch_mix(peer);
        }
    }

    /// In every fifth scenario, somebody wants pictures drawn together, or in another layout, or no more.
    fn draw(&mut self) {
        let present = self.present();
        if !self.world.options.seed.is_multiple_of(CANVAS_EVERY)
            || present.is_empty()
            || !self.canvas_rng.random_bool(0.3)
        {
            return;
        }
        let peer = present[self.canvas_rng.random_range(0..present.len())];
        // The last there is not, so that it is a grid.
        let custom = CanvasLayout::Custom(LayoutId(1));
        let named =
            [CanvasLayout::Grid, CanvasLayout::Speaker, CanvasLayout::Presentation, CanvasLayout::PictureInPicture];
        let layout = named.get(self.canvas_rng.random_range(0..=named.len())).copied().unwrap_or(custom);
        let first = self.canvas_rng.random_bool(0.3).then(|| present[self.canvas_rng.random_range(0..present.len())]);
        self.world.tell(Command::Pin { peer, first });
        let wanted = &self.world.person(peer).wanted;
        let place = wanted.iter().find(|(_, track)| CanvasLayout::of(**track).is_some()).map(|(mid, _)| mid.clone());
        let Some(mid) = place else {
            self.world.watch_canvas(peer, layout);
            return;
        };
        let track = self.canvas_rng.random_bool(0.7).then(|| layout.track());
        // There may be as many as are drawn at once.
        let _ = self.world.subscribe(peer, &mid, track);
    }

    /// In every third scenario, somebody changes who gets what of whom.
    fn stand(&mut self) {
        if !self.world.options.seed.is_multiple_of(STANCES_EVERY) || !self.stance_rng.random_bool(0.4) {
            return;
        }
        let room = self.rooms[0];
        let present: Vec<PeerId> = self.world.audience(room).iter().map(|(peer, _)| peer).collect();
        if !present.is_empty() {
            let verb = verb(&present, |below| self.stance_rng.random_range(0..below));
            // What cannot be now is refused, and changes nothing.
            let done = self.world.act(room, verb);
            if self.trace {
                eprintln!("{:?} {verb:?} {done:?}", self.world.elapsed());
            }
        }
    }

    fn come(&mut self) {
        // Most meet in the first room; the second is there to be kept apart.
        let room = self.rooms[usize::from(self.rng.random_bool(0.25))];
        let far = self.far;
        let peer = self.world.join_with(room, |config| config.flexfec = far);
        self.world.client(peer).publish(Codec::Opus, pace(Codec::Opus));
        match self.rng.random_range(0..10) {
            0..3 => {
                let codec = self.video();
                self.world.client(peer).publish(codec, pace(codec));
            }
            3 => {
                let video = self.layers();
                self.world.client(peer).publish_video(&video);
            }
            _ => {}
        }
        if self.talk_rng.random_bool(0.6) {
            self.world.use_channels(peer);
        }
        self.world.watch_everyone(peer);
    }

    /// Somebody opens a channel, says something, or closes one.
    fn talk(&mut self) {
        let present = self.present();
        if present.is_empty() {
            return;
        }
        if self.talk_rng.random_bool(0.01) {
            // All come back in the end, by the restart that everybody does then.
            self.world.move_server(true);
        }
        let peer = present[self.talk_rng.random_range(0..present.len())];
        let channels = self.world.channels(peer);
        let what = self.talk_rng.random_range(0..10);
        match channels.get(self.talk_rng.random_range(0..CHANNELS)) {
            Some(channel) if what == 0 => self.world.close_channel(*channel),
            Some(channel) => {
                let len = if what == 1 { 20_000 } else { self.talk_rng.random_range(0..1_500) };
                for _ in 0..self.talk_rng.random_range(1..8) {
                    self.world.say(*channel, len);
                }
            }
            None if channels.len() < CHANNELS => {
                let wanted = self.channel(&present);
                self.world.open_channel(peer, wanted);
            }
            None => {}
        }
    }

    fn channel(&mut self, present: &[PeerId]) -> Wanted {
        let rng = &mut self.talk_rng;
        let effort = match rng.random_range(0..4) {
            0 => Effort::Retransmits(rng.random_range(0..3)),
            1 => Effort::LifetimeMs(rng.random_range(0..300)),
            _ => Effort::Reliable,
        };
        let to = rng.random_bool(0.3).then(|| present.iter().copied().filter(|_| rng.random_bool(0.5)).collect());
        let numbering = if rng.random_bool(0.2) { Numbering::Guessed } else { Numbering::Proper };
        Wanted { ordered: rng.random_bool(0.5), effort, to, numbering }
    }

    fn video(&mut self) -> Codec {
        self.one(&[Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1]).unwrap_or(Codec::Vp8)
    }

    fn publish(&mut self, peer: PeerId) {
        if self.world.person(peer).published.len() < 3 {
            let codec = self.video();
            self.world.publish(peer, codec);
        }
    }

    /// Video with layers that is cheap to simulate.
    fn layers(&mut self) -> Video {
        let codec = self.one(&[Codec::Vp8, Codec::Vp9, Codec::Av1]).unwrap_or(Codec::Vp8);
        let mut video = if codec == Codec::Vp8 { Video::simulcast() } else { Video::svc(codec) };
        video.frames_per_s = 10;
        for (encoding, bitrate_bps) in video.encodings.iter_mut().zip([30_000, 50_000, 90_000]) {
            encoding.bitrate_bps = bitrate_bps;
        }
        video
    }

    fn publish_layers(&mut self, peer: PeerId) {
        if self.world.person(peer).published.len() < 3 {
            let video = self.layers();
            self.world.client(peer).publish_video(&video);
            self.world.offer(peer).expect("the offer is answered");
        }
    }

    /// Looks at things in another way.
    fn look(&mut self, peer: PeerId) {
        let size = |width, height| Some(PixelSize { width, height });
        let sizes = [None, size(0, 0), size(160, 90), size(320, 180), size(640, 360), size(1920, 1080)];
        for mid in self.world.person(peer).wanted.keys().cloned().collect::<Vec<_>>() {
            let size = self.one(&sizes).flatten();
            let preference =
                Preference { size, pinned: self.rng.random_bool(0.2), weight: self.rng.random_range(0..10) };
            self.world.prefer(peer, &mid, preference);
        }
        let last_n = self.one(&[None, None, Some(0), Some(1), Some(2)]).flatten();
        let max_bps = self.one(&[None, None, Some(0), Some(60_000), Some(200_000)]).flatten();
        let device = self.one(&[Device::Screen, Device::Screen, Device::Phone, Device::Earpiece]).unwrap_or_default();
        self.world.set_downlink(peer, Downlink { last_n, max_bps, device });
    }

    fn watch(&mut self, peer: PeerId) {
        if self.world.person(peer).wanted.len() < 8 {
            self.world.watch_everyone(peer);
        }
    }

    fn tracks_for(&self, peer: PeerId, kind: MediaKind) -> Vec<TrackId> {
        let room = self.world.person(peer).room;
        let others =
            self.world.people.iter().filter(|(id, person)| **id != peer && person.room == room && person.present);
        others.flat_map(|(_, person)| person.published.values()).filter(|t| t.kind == kind).map(|t| t.id).collect()
    }

    fn resubscribe(&mut self, peer: PeerId) {
        let places: Vec<_> = self.world.person(peer).wanted.iter().map(|(mid, track)| (mid.clone(), *track)).collect();
        if places.is_empty() {
            return;
        }
        let (mid, old) = places[self.rng.random_range(0..places.len())].clone();
        let tracks = self.world.people.values().flat_map(|person| person.published.values());
        let Some(kind) = tracks.into_iter().find(|track| track.id == old).map(|track| track.kind) else { return };
        let others = self.tracks_for(peer, kind);
        let track = if self.rng.random_bool(0.25) { None } else { self.one(&others) };
        // A place that had nothing since its publisher left is pointed at something else just the same.
        let taken = self.world.subscribe(peer, &mid, track);
        let publisher =
            track.and_then(|track| self.world.people.iter().find(|(_, p)| p.published.values().any(|t| t.id == track)));
        let audience = self.world.audience(self.world.person(peer).room);
        let may_know = publisher.is_none_or(|(publisher, _)| audience.knows(peer, *publisher));
        assert_eq!(taken.is_ok(), may_know, "{peer} points {mid} at {track:?}: {taken:?}");
    }

    fn mute(&mut self, peer: PeerId) {
        let tracks: Vec<_> = self.world.person(peer).published.values().cloned().collect();
        let index = self.rng.random_range(0..tracks.len().max(1));
        let Some(track) = tracks.get(index) else { return };
        let muter = if self.rng.random_bool(0.5) { Muter::Himself } else { Muter::Moderator };
        let on = self.rng.random_bool(0.5);
        self.world.mute(peer, track.id, muter, on).expect("the track exists");
    }

    fn change_links(&mut self, peer: PeerId) {
        let (up, down) = (self.any_link(), self.any_link());
        self.world.set_links(peer, up, down);
    }

    fn any_link(&mut self) -> Link {
        let slow = Link { rate_bps: Some(200_000), ..Link::GOOD };
        let link = self.one(&[Link::GOOD, Link::BAD, Link::GOOD.with_loss(0.3), Link::CUT, slow]).unwrap_or(Link::GOOD);
        if self.far { Link { delay: FAR.delay, ..link } } else { link }
    }

    /// Garbage from a stranger, and from the person's own address.
    fn disturb(&mut self, peer: PeerId) {
        let stranger = self.world.next_address();
        let own = self.world.people[&peer].external;
        for _ in 0..20 {
            let len = self.rng.random_range(0..80);
            let mut bytes: Vec<u8> = (0..len).map(|_| self.rng.random()).collect();
            if let Some(first) = bytes.first_mut() {
                *first = self.one(&[0, 1, 20, 22, 63, 128, 144, 191, 255]).unwrap_or(0);
            }
            self.world.inject(stranger, &bytes);
            self.world.inject(own, &bytes);
        }
    }

    /// Good links for all, and whoever was cut off for long comes back by an ICE restart.
    fn settle(&mut self) {
        self.world.gather(self.rooms[0]);
        for peer in self.present() {
            self.world.set_links(peer, Link::GOOD, Link::GOOD);
        }
        for peer in self.present() {
            self.world.restart_ice(peer);
            for mid in self.world.person(peer).wanted.keys().cloned().collect::<Vec<_>>() {
                self.world.prefer(peer, &mid, Preference::default());
            }
            self.world.set_downlink(peer, Downlink::default());
        }
        let mut amiss = None;
        for _ in 0..RECOVERY_STEPS {
            self.world.forget();
            self.world.say_a_word_everywhere();
            self.world.run(RECOVERY_STEP);
            amiss = self.amiss().or_else(|| self.world.channels_amiss());
            if amiss.is_none() {
                break;
            }
        }
        if amiss.is_some() {
            let figures: Vec<_> = self.rooms.clone().into_iter().filter_map(|room| self.world.stats(room)).collect();
            eprintln!("{figures:#?}");
        }
        assert_eq!(amiss, None, "after {:?} of good links", RECOVERY_STEP * RECOVERY_STEPS);
    }

    /// What somebody lacks who is in the room.
    fn amiss(&self) -> Option<String> {
        self.present().into_iter().find_map(|peer| {
            let person = self.world.person(peer);
            if !person.client.is_connected() {
                return Some(format!("{peer} is not connected"));
            }
            person.wanted.iter().find_map(|(mid, track)| self.place_amiss(peer, mid, *track))
        })
    }

    fn place_amiss(&self, listener: PeerId, mid: &str, track: TrackId) -> Option<String> {
        let publishers = self.world.people.iter().filter(|(_, person)| person.present);
        let mut tracks =
            publishers.flat_map(|(peer, person)| person.published.iter().map(|(mid, info)| (*peer, *mid, info)));
        let (source, number, info) = tracks.find(|(_, _, info)| info.id == track)?;
        let heard = self.world.person(listener).heard.contains_key(&(source, number));
        (heard == info.mute.is_muted())
            .then(|| format!("{listener} in place {mid}: {track} of {source}: heard {heard}, {:?}", info.mute))
    }

    fn end(mut self) {
        for (peer, person) in &self.world.people {
            let stats = person.client.place_mids().filter_map(|mid| person.client.place_stats(mid));
            assert_eq!(stats.map(|stats| stats.wrong).sum::<u64>(), 0, "{peer} was repaired wrongly");
        }
        for peer in self.present() {
            if self.rng.random_bool(0.5) {
                self.world.leave(peer);
            }
        }
        for room in self.rooms.clone() {
            self.world.close_room(room);
        }
        self.world.run(Duration::from_secs(1));
        let totals = self.world.totals();
        assert_eq!(
            (totals.rooms, totals.peers, totals.tracks),
            (0, 0, 0),
            "rooms, participants and tracks that are left"
        );
        assert_eq!(self.world.next_deadline(), None, "nothing is going on, and the engine wants to be called");
        assert_eq!(totals.panics, 0, "sessions panicked");
    }
}

fn start_link(rng: &mut StdRng) -> Link {
    match rng.random_range(0..4) {
        0 => Link::BAD,
        1 => Link { delay: Duration::from_millis(40), jitter: Duration::from_millis(20), ..Link::GOOD },
        _ => Link::GOOD,
    }
}
