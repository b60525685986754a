//! Bytes made into what happens: legal and illegal commands, packets that are authentic and packets that are not, time that
//! goes on in small and large steps. For the fuzzer, and for seeds: what must hold is looked at after every step, and a healthy
//! call in another room never notices.

use crate::actions::{Muter, pace};
use crate::net::Link;
use crate::talk::Wanted;
use crate::world::{Options, World};
use colloquy_bench::client::{Effort, Numbering};
use colloquy_media_core::api::{
    Codec, Command, DtlsVersions, IceMode, Mute, Offer, PeerId, Permissions, RoomId, Source, Subscriptions, TrackId,
};
use colloquy_media_core::audience::Stance;
use std::net::SocketAddr;
use std::time::Duration;

/// Steps that one input is worth.
const STEPS: usize = 48;
/// People at once: handshakes are what it costs.
const PEOPLE: usize = 4;
/// Tracks that one of them publishes: the server's limit is met by edited offers.
const TRACKS: usize = 6;
/// Longest packet made up.
const PACKET_BYTES: usize = 64;
/// Payload type of repair packets in the offers.
const FLEXFEC: u8 = 49;
/// Who is where nobody disturbs them.
const HEALTHY: &str = ". a\na .\n";

/// The bytes, taken from the front; zeros when there are no more.
struct Feed<'a>(&'a [u8]);

impl<'a> Feed<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self, below: usize) -> usize {
        usize::from(self.byte()) % below.max(1)
    }

    fn wide(&mut self) -> u64 {
        (0..4).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    fn bytes(&mut self) -> &'a [u8] {
        let len = self.number(PACKET_BYTES + 1).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { of.get(self.number(of.len())).copied() }
    }
}

/// Plays what the bytes say. Panics when something that must hold does not.
pub fn play(bytes: &[u8]) {
    let mut feed = Feed(bytes);
    let set_up = feed.byte();
    let options = Options {
        seed: u64::from(feed.byte()),
        ice: if set_up & 1 == 0 { IceMode::Lite } else { IceMode::Full },
        dtls: if set_up & 2 == 0 { DtlsVersions::Prefer12 } else { DtlsVersions::Prefer13 },
        ..Options::default()
    };
    let mut chaos = Chaos::new(options);
    for _ in 0..STEPS {
        if feed.0.is_empty() {
            break;
        }
        chaos.step(&mut feed);
        chaos.look();
    }
    chaos.end();
}

struct Chaos {
    world: World,
    rooms: Vec<RoomId>,
    healthy: Vec<PeerId>,
    quiet_room: RoomId,
    /// Of every SSRC that was forged, the next number.
    next: u64,
    /// Whose offers the server saw otherwise than his client: his client is of no use for legal ones any more.
    spoiled: Vec<PeerId>,
}

impl Chaos {
    fn new(options: Options) -> Self {
        let mut world = World::new(options);
        let quiet_room = world.room();
        let healthy = world.meet(quiet_room, 2, &[Codec::Opus]);
        for peer in &healthy {
            world.use_channels(*peer);
            world.offer(*peer).expect("the offer is answered");
        }
        world.connect(&healthy);
        assert!(world.run_until(Duration::from_secs(5), |world| {
            healthy.iter().all(|peer| world.person(*peer).client.has_channels())
        }));
        world.open_channel(healthy[0], Wanted::CHAT);
        let rooms = vec![world.room(), world.room()];
        Self { world, rooms, healthy, quiet_room, next: 2_000, spoiled: Vec::new() }
    }

    fn present(&self) -> Vec<PeerId> {
        let of = self.world.people.iter().filter(|(peer, person)| person.present && !self.healthy.contains(peer));
        of.map(|(peer, _)| *peer).collect()
    }

    fn step(&mut self, feed: &mut Feed<'_>) {
        let action = feed.byte();
        let present = self.present();
        let Some(peer) = feed.one(&present).filter(|_| action >= 16 || present.len() >= PEOPLE) else {
            if present.len() < PEOPLE {
                self.come(feed);
            }
            return;
        };
        match action % 27 {
            0..=3 => self.pass(feed),
            4 => self.publish(peer, feed),
            5 => self.orderly(peer, |world| world.watch_everyone(peer)),
            6 => self.orderly(peer, |world| world.restart_ice(peer)),
            7 => self.orderly(peer, |world| world.restart_ice_by_fragment(peer)),
            8 => self.world.change_address(peer),
            9 => self.world.rebind(peer),
            10 => self.links(peer, feed),
            11 => self.orderly(peer, |world| world.reload(peer, &[Codec::Opus])),
            12 => self.world.leave(peer),
            13 => self.mute(peer, feed),
            14..=15 => self.bent_offer(peer, feed),
            16..=17 => self.stray_command(feed),
            18..=19 => self.forge_rtp(peer, feed),
            20 => self.forge_rtcp(peer, feed),
            21 => self.forge_data(peer, feed),
            22 => self.stray_datagram(peer, feed),
            23 => self.open_channel(peer, feed),
            24 => self.say(peer, feed),
            25 => self.move_server(feed),
            _ => self.world.close_room(self.rooms[feed.number(2)]),
        }
    }

    fn come(&mut self, feed: &mut Feed<'_>) {
        let room = self.rooms[feed.number(2)];
        // Every second one with repair packets.
        let flexfec = self.world.people.len() % 2 == 1;
        let peer = self.world.join_with(room, |config| config.flexfec = flexfec);
        self.world.checks.excuse(peer);
        if feed.byte() & 1 == 0 {
            self.world.use_channels(peer);
        }
        let client = self.world.client(peer);
        client.publish(Codec::Opus, pace(Codec::Opus));
        if let Some(codec) = feed.one(&[Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1]) {
            client.publish(codec, pace(codec));
        }
        self.world.watch_everyone(peer);
    }

    /// Does what needs a client and a server that agree.
    fn orderly(&mut self, peer: PeerId, act: impl FnOnce(&mut World)) {
        if !self.spoiled.contains(&peer) && self.world.person(peer).wanted.len() < 8 {
            act(&mut self.world);
        }
    }

    fn pass(&mut self, feed: &mut Feed<'_>) {
        let time_ms = match feed.byte() {
            // Past consent, past the time-outs.
            250.. => 31_000,
            short => u64::from(short) * 2,
        };
        self.world.run(Duration::from_millis(time_ms));
    }

    fn publish(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let codec = feed.one(&[Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1]).unwrap_or(Codec::Opus);
        if self.world.person(peer).published.len() < TRACKS {
            self.orderly(peer, |world| {
                world.publish(peer, codec);
            });
        }
    }

    fn links(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let kinds = [Link::GOOD, Link::BAD, Link::CUT, Link::GOOD.with_loss(0.3)];
        let (up, down) = (feed.one(&kinds).unwrap_or(Link::GOOD), feed.one(&kinds).unwrap_or(Link::GOOD));
        let orderly = self.world.checks.orderly_uplinks;
        self.world.set_links(peer, up, down);
        self.world.checks.orderly_uplinks = orderly;
    }

    fn mute(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let tracks: Vec<TrackId> = self.world.person(peer).published.values().map(|track| track.id).collect();
        let muter = if feed.byte() & 1 == 0 { Muter::Himself } else { Muter::Moderator };
        if let Some(track) = feed.one(&tracks) {
            // An edited offer may have ended it.
            let _ = self.world.mute(peer, track, muter, feed.byte() & 1 == 0);
        }
    }

    /// An offer with a line left out, doubled, moved or changed.
    fn bent_offer(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let sdp = self.world.client(peer).offer();
        let mut lines: Vec<String> = sdp.split_inclusive("\r\n").map(str::to_owned).collect();
        for _ in 0..=feed.number(4) {
            let at = feed.number(lines.len());
            let to = feed.number(lines.len());
            match feed.number(5) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(to, lines[at].clone()),
                2 => lines.swap(at, to),
                3 => {
                    let with = String::from_utf8_lossy(feed.bytes()).into_owned();
                    let line = &mut lines[at];
                    let cut = (0..=to.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
                    line.insert_str(cut, &with);
                }
                _ => lines.truncate(at.max(4)),
            }
            if lines.len() < 2 {
                break;
            }
        }
        self.spoiled.push(peer);
        let offer = Offer {
            sdp: lines.concat(),
            sources: vec![("0".to_owned(), Source::Screen)],
            subscriptions: self.any_subscriptions(feed),
        };
        // Whatever the answer: the client never hears of it.
        let _ = self.world.ask(|reply| Command::Offer { peer, offer, reply });
    }

    fn any_subscriptions(&self, feed: &mut Feed<'_>) -> Subscriptions {
        let tracks: Vec<TrackId> = (0..feed.number(4)).map(|_| self.any_track(feed)).collect();
        if feed.byte() & 1 == 0 {
            Subscriptions::InOrder(tracks)
        } else {
            Subscriptions::ByMid(tracks.into_iter().map(|track| (feed.number(6).to_string(), track)).collect())
        }
    }

    fn any_track(&self, feed: &mut Feed<'_>) -> TrackId {
        let all: Vec<TrackId> =
            self.world.people.values().flat_map(|person| person.published.values().map(|track| track.id)).collect();
        feed.one(&all).filter(|_| feed.byte() != 255).unwrap_or(TrackId(feed.wide()))
    }

    /// Whoever: there or gone, or never there. Those of the quiet room have done nothing wrong.
    fn anybody(&self, feed: &mut Feed<'_>) -> PeerId {
        let all: Vec<PeerId> = self.world.people.keys().copied().filter(|peer| !self.healthy.contains(peer)).collect();
        feed.one(&all).filter(|_| feed.byte() != 255).unwrap_or(PeerId(1_000_000 + feed.wide()))
    }

    /// A command that nobody who is sane gives now.
    fn stray_command(&mut self, feed: &mut Feed<'_>) {
        let peer = self.anybody(feed);
        let track = self.any_track(feed);
        let mid = feed.number(8).to_string();
        let text = String::from_utf8_lossy(feed.bytes()).into_owned();
        match feed.number(7) {
            0 => {
                let room = self.rooms[feed.number(2)];
                let permissions = Permissions { publish: feed.byte() & 1 == 0, subscribe: feed.byte() & 1 == 0 };
                // Only a double: a new one would have no client.
                if self.world.people.get(&peer).is_some_and(|person| person.present) {
                    let again = self.world.ask(|reply| Command::Join {
                        room,
                        peer,
                        permissions,
                        stance: Stance::default(),
                        reply,
                    });
                    assert!(again.is_err(), "{peer} is in two rooms");
                }
            }
            1 => {
                let wish = (feed.byte() & 3 != 0).then_some(track);
                let _ = self.world.ask(|reply| Command::Subscribe { peer, mid, track: wish, reply });
            }
            2 => {
                let mute = Mute { by_self: feed.byte() & 1 == 0, by_moderator: feed.byte() & 1 == 0 };
                let done = self.world.ask(|reply| Command::SetMute { peer, track, mute, reply });
                assert!(done.is_err() || done.is_ok_and(|info| info.peer == peer), "{peer} muted another's {track}");
            }
            3 => self.world.tell(Command::AddCandidate { peer, candidate: format!("candidate:{text}") }),
            4 => self.world.tell(Command::AddCandidate { peer, candidate: text }),
            5 => {
                let sdpfrag = if feed.byte() & 1 == 0 {
                    format!("a=ice-ufrag:{text}\r\na=ice-pwd:{text}{text}{text}\r\n")
                } else {
                    text
                };
                self.spoiled.push(peer);
                let _ = self.world.ask(|reply| Command::Fragment { peer, sdpfrag, reply });
            }
            _ => {
                let offer = Offer { sdp: text, sources: Vec::new(), subscriptions: self.any_subscriptions(feed) };
                let _ = self.world.ask(|reply| Command::Offer { peer, offer, reply });
            }
        }
    }

    fn forge_rtp(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let mids: Vec<u8> = self.world.person(peer).published.keys().copied().collect();
        let mid = feed.one(&mids).unwrap_or(0).to_string();
        let (first, second) = (feed.byte(), feed.byte());
        let payload_type = feed.one(&[111, 96, 97, 98, 99, 102, 103, 45, 46, FLEXFEC, second & 0x7f]).unwrap_or(111);
        let ssrcs = self.world.client(peer).ssrcs(&mid);
        let ssrc = match (ssrcs, feed.number(4)) {
            (Some((media, _)), 0 | 1) => media,
            (Some((_, Some(rtx))), 2) => rtx,
            _ => feed.wide() as u32,
        };
        let mut packet = vec![0x80 | first & 0x3f, second & 0x80 | payload_type, 0, 0];
        packet.extend_from_slice(&(feed.wide() as u32).to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        if let Some((media, _)) = ssrcs.filter(|_| payload_type == FLEXFEC && first & 0x40 != 0) {
            // A repair packet of what is published, about to be believed.
            packet.extend_from_slice(&[0, 0, 0, second, 0, 0, 0, 0, 1, 0, 0, 0]);
            packet.extend_from_slice(&media.to_be_bytes());
            packet.extend_from_slice(&(self.next as u16).to_be_bytes());
            packet.extend_from_slice(&[0x80 | first, second | 1]);
        }
        packet.extend_from_slice(feed.bytes());
        self.next += 1 + u64::from(feed.byte()) * u64::from(first >> 6);
        let from = self.world.address(peer);
        if let Some(sealed) = self.world.client(peer).forge_rtp(&packet, self.next) {
            self.world.inject(from, &sealed);
        }
    }

    fn forge_rtcp(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let kind = feed.one(&[200, 201, 202, 203, 204, 205, 206, 207]).unwrap_or(200);
        let count = feed.byte() & 0x3f;
        let place = self.world.client(peer).place_mids().next().map(str::to_owned);
        let media = place.and_then(|mid| self.world.client(peer).place_ssrcs(&mid)).map_or(0, |(media, _)| media);
        let mut body = 1_u32.to_be_bytes().to_vec();
        body.extend_from_slice(&if feed.byte() & 3 == 0 { feed.wide() as u32 } else { media }.to_be_bytes());
        body.extend_from_slice(feed.bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        let words = if feed.byte() == 255 { feed.wide() as u16 } else { (body.len() / 4) as u16 };
        let mut packet = vec![0x80 | count, kind];
        packet.extend_from_slice(&words.to_be_bytes());
        packet.extend_from_slice(&body);
        let from = self.world.address(peer);
        if let Some(sealed) = self.world.client(peer).forge_rtcp(&packet) {
            self.world.inject(from, &sealed);
        }
    }

    /// His client may not have heard of a section that the server refused: then nothing comes of it.
    fn open_channel(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let how = feed.byte();
        let effort = match how % 3 {
            0 => Effort::Reliable,
            1 => Effort::Retransmits(u32::from(how >> 2)),
            _ => Effort::LifetimeMs(u32::from(how)),
        };
        let to = (how & 8 != 0).then(|| (0..feed.number(3)).map(|_| self.anybody(feed)).collect());
        let numbering = if how & 16 == 0 { Numbering::Proper } else { Numbering::Guessed };
        self.world.open_channel(peer, Wanted { ordered: how & 4 == 0, effort, to, numbering });
    }

    fn say(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let channels = self.world.channels(peer);
        let Some(channel) = feed.one(&channels) else { return };
        match feed.byte() {
            255 => self.world.close_channel(channel),
            len => drop(self.world.say(channel, usize::from(len) * 40)),
        }
    }

    /// Those in the quiet room find it again.
    fn move_server(&mut self, feed: &mut Feed<'_>) {
        if feed.byte() & 7 == 0 {
            self.world.move_server(true);
            let healthy = self.healthy.clone();
            healthy.into_iter().for_each(|peer| self.world.restart_ice(peer));
            self.world.run(Duration::from_millis(300));
        }
    }

    fn forge_data(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let bytes = feed.bytes();
        let from = self.world.address(peer);
        for datagram in self.world.client(peer).forge_data(bytes) {
            self.world.inject(from, &datagram);
        }
    }

    fn stray_datagram(&mut self, peer: PeerId, feed: &mut Feed<'_>) {
        let from = match feed.number(3) {
            0 => self.world.address(peer),
            // In the name of somebody who is well: he must not suffer by it.
            1 => self.world.address(self.healthy[0]),
            _ => SocketAddr::from(([203, 0, 113, feed.byte()], 4_000)),
        };
        let mut bytes = feed.bytes().to_vec();
        if let (Some(byte), Some(first)) = (bytes.first_mut(), feed.one(&[0, 1, 20, 22, 23, 63, 128, 144, 176])) {
            *byte = first;
        }
        self.world.inject(from, &bytes);
    }

    /// What must hold after every step, beside what the world looks at by itself.
    fn look(&mut self) {
        let totals = self.world.totals();
        assert_eq!(totals.panics, 0, "a session panicked");
        let limits = self.world.options.limits.clone();
        let mut tracks = 0;
        let mut peers = 0;
        for room in [self.rooms[0], self.rooms[1], self.quiet_room] {
            let Some(stats) = self.world.stats(room) else { continue };
            for peer in &stats.peers {
                assert!(peer.receive.len() <= limits.tracks_per_peer, "{} publishes {}", peer.peer, peer.receive.len());
                assert!(peer.send.len() <= limits.media_sections);
                tracks += peer.receive.len() as u64;
                peers += 1;
            }
        }
        assert_eq!((totals.peers, totals.tracks), (peers, tracks), "participants and tracks by two counts");
        assert!(totals.rooms <= 3 * self.world.workers() as u64);
    }

    fn end(mut self) {
        let healthy = self.healthy.clone();
        self.world.say_a_word_everywhere();
        assert_eq!(self.world.matrix(&healthy, Duration::from_millis(300)), HEALTHY, "the healthy call");
        let chat = self.world.channels(healthy[0]);
        // A retransmission of what a move of the server cost waits for seconds.
        let heard = |world: &World| chat.iter().any(|chat| world.heard_of(healthy[1], *chat) > 0);
        assert!(self.world.run_until(Duration::from_secs(15), heard), "the healthy chat");
        for room in [self.rooms[0], self.rooms[1], self.quiet_room] {
            self.world.close_room(room);
        }
        self.world.run(Duration::from_secs(1));
        let totals = self.world.totals();
        assert_eq!((totals.rooms, totals.peers, totals.tracks), (0, 0, 0), "what is left");
        assert_eq!(totals.panics, 0);
        assert_eq!(self.world.next_deadline(), None, "nothing is going on, and the engine wants to be called");
        assert_eq!(self.world.checks.open_tracks(), [], "tracks that never ended");
    }
}
