//! A simulated room with a healthy call in it, somebody hostile beside it, and his accomplice who watches him.

use super::case::{Case, Known, seal_sctp};
use colloquy_bench::client::DtlsRole;
use colloquy_media_core::api::{Answer, Codec, DropCause, MediaKind, PeerId, RoomId, WorkerTotals};
use colloquy_media_core::wire::Path;
use colloquy_tests::actions::pace;
use colloquy_tests::{Link, World};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// What the healthy call looks like.
const HEALTHY: &str = ". av\nav .\n";
/// What the hostile one publishes, so that every payload parser is in the way of what he sends.
const CODECS: [Codec; 5] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

/// See the module.
pub(crate) struct Stage {
    pub(crate) world: World,
    room: RoomId,
    healthy: Vec<PeerId>,
    hostile: PeerId,
    accomplice: PeerId,
    known: Known,
    /// The next sequence number of each SSRC that he forges.
    next: BTreeMap<u32, u64>,
    /// Ports that he walked.
    walked: u16,
}

/// Where the datagrams of a file come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Stranger,
    Participant,
    /// ICE is done, DTLS is not.
    Fresh,
    /// The same, and the server has said its ClientHello.
    AsServer,
    /// Another port each time, with the participant's credentials.
    Ports,
    /// Another host each time.
    Sources,
    /// To an address that is none of ours.
    Elsewhere,
    Rtp,
    Rtcp,
    Data,
}

impl Sender {
    fn of(case: &Case) -> Vec<Self> {
        match case.setting("from").unwrap_or("anybody") {
            "anybody" => vec![Self::Stranger, Self::Participant],
            "stranger" => vec![Self::Stranger],
            "participant" => vec![Self::Participant],
            "fresh" => vec![Self::Fresh],
            "as-server" => vec![Self::AsServer],
            "ports" => vec![Self::Ports],
            "sources" => vec![Self::Sources],
            "elsewhere" => vec![Self::Elsewhere],
            "rtp" => vec![Self::Rtp],
            "rtcp" => vec![Self::Rtcp],
            "data" => vec![Self::Data],
            other => panic!("{}: from {other}?", case.name),
        }
    }
}

impl Stage {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = World::with_seed(seed);
        let room = world.room();
        let healthy = world.meet(room, 2, &[Codec::Opus, Codec::Vp8]);
        world.connect(&healthy);
        let mut stage = Self {
            world,
            room,
            healthy,
            hostile: PeerId(0),
            accomplice: PeerId(0),
            known: Known::default(),
            next: BTreeMap::new(),
            walked: 1_024,
        };
        stage.admit_hostile();
        stage
    }

    /// A hostile participant joins, and somebody who watches what he publishes.
    fn admit_hostile(&mut self) {
        let world = &mut self.world;
        let hostile = world.join(self.room);
        world.checks.excuse(hostile);
        let mut mids = Vec::new();
        for codec in CODECS {
            let client = world.client(hostile);
            let mid = client.publish(codec, pace(codec));
            client.set_muted(&mid, true);
            mids.push((codec, mid));
        }
        let answer = world.offer(hostile).expect("the offer is answered");
        let watched = world.person(self.healthy[0]).published.values().find(|track| track.kind == MediaKind::Video);
        let watched = watched.expect("there is a picture").id;
        let place = world.watch(hostile, watched, MediaKind::Video);
        let accomplice = world.join(self.room);
        world.checks.excuse(accomplice);
        let tracks: Vec<_> = world.person(hostile).published.values().map(|track| (track.id, track.kind)).collect();
        for (track, kind) in tracks {
            world.watch(accomplice, track, kind);
        }
        world.connect(&[hostile, accomplice]);
        world.run(Duration::from_millis(200));
        let mut ssrcs = BTreeMap::from([("new".to_owned(), 0x0bad_0000), ("own".to_owned(), 1)]);
        let client = &world.person(hostile).client;
        for (codec, mid) in mids {
            let (media, rtx) = client.ssrcs(&mid).expect("it is published");
            let name = codec.name().to_ascii_lowercase();
            ssrcs.extend(rtx.map(|rtx| (format!("{name}-rtx"), rtx)));
            ssrcs.insert(name, media);
        }
        ssrcs.extend(client.place_ssrcs(&place).map(|(media, _)| ("place".to_owned(), media)));
        let other = self.username(self.healthy[0]);
        let username = self.username_with(hostile, &answer);
        self.known =
            Known { username, password: attribute(&answer, "ice-pwd"), other_username: other, ssrcs, round: 0 };
        (self.hostile, self.accomplice) = (hostile, accomplice);
        self.next.clear();
    }

    /// The user name of a participant's checks, by a look at what he sends.
    fn username(&mut self, peer: PeerId) -> String {
        let answer = self.world.offer(peer).expect("the offer is answered");
        self.username_with(peer, &answer)
    }

    fn username_with(&self, peer: PeerId, answer: &Answer) -> String {
        format!("{}:{}", answer.ice_ufrag, self.world.person(peer).client.ice_credentials().0)
    }

    /// Plays a file, whole and cut at every length, and looks after the healthy call.
    pub(crate) fn play(&mut self, case: &Case) {
        for sender in Sender::of(case) {
            self.readmit();
            let before = self.world.totals();
            self.send(case, sender, false);
            let after = self.world.totals();
            self.judge(case, sender, &before, &after);
            if case.is_cut() {
                self.send(case, sender, true);
            }
            self.look_after(case);
        }
        if case.times() > 1 {
            // A flood fills what there is for one participant; the next file has a fresh one.
            self.world.leave(self.hostile);
            self.world.leave(self.accomplice);
        }
    }

    fn send(&mut self, case: &Case, sender: Sender, cut: bool) {
        match sender {
            Sender::Fresh | Sender::AsServer => return self.send_fresh(case, sender, cut),
            _ => self.readmit(),
        }
        let stranger = self.world.stranger();
        for round in 0..case.times() {
            self.known.round = round;
            for packet in case.packets(&self.known) {
                // Cut after it is put together, and sealed after it is cut.
                let shortest = if cut { 0 } else { packet.len() };
                for len in shortest..=packet.len() {
                    self.send_one(sender, stranger, &packet[..len]);
                }
            }
        }
    }

    fn send_one(&mut self, sender: Sender, stranger: SocketAddr, bytes: &[u8]) {
        let (world, hostile) = (&mut self.world, self.hostile);
        let own = world.address(hostile);
        match sender {
            Sender::Stranger => world.inject(stranger, bytes),
            Sender::Participant => world.inject(own, bytes),
            Sender::Ports => {
                self.walked = self.walked.checked_add(1).unwrap_or(1_024);
                let from = SocketAddr::from(([203, 0, 113, 66], self.walked));
                world.checks.vouch(from, hostile);
                world.inject(from, bytes);
            }
            Sender::Sources => {
                self.walked = self.walked.checked_add(1).unwrap_or(1_024);
                let [high, low] = self.walked.to_be_bytes();
                world.inject(SocketAddr::from(([203, 0, high, low], 4_000)), bytes);
            }
            Sender::Elsewhere => {
                let local = SocketAddr::from(([192, 0, 2, 99], 7_777));
                world.inject_on(Path { local, remote: stranger, tcp: false }, bytes);
            }
            Sender::Rtp => {
                let ssrc = bytes.get(8..12).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
                let index = self.next.entry(ssrc).or_insert(1_000);
                *index += 1;
                let sealed = world.client(hostile).forge_rtp(bytes, *index).expect("he has keys");
                world.inject(own, &sealed);
            }
            Sender::Rtcp => {
                let sealed = world.client(hostile).forge_rtcp(bytes).expect("he has keys");
                world.inject(own, &sealed);
            }
            Sender::Data => {
                let mut bytes = bytes.to_vec();
                seal_sctp(&mut bytes);
                for sealed in world.client(hostile).forge_data(&bytes) {
                    world.inject(own, &sealed);
                }
            }
            Sender::Fresh | Sender::AsServer => unreachable!("these have a client for themselves"),
        }
    }

    /// Sends from somebody whose handshake has not begun; from another one, once that is closed.
    fn send_fresh(&mut self, case: &Case, sender: Sender, cut: bool) {
        let mut fresh = self.fresh(sender);
        for round in 0..case.times() {
            self.known.round = round;
            for packet in case.packets(&self.known) {
                let shortest = if cut { 0 } else { packet.len() };
                for len in shortest..=packet.len() {
                    if !self.world.person(fresh).present {
                        fresh = self.fresh(sender);
                    }
                    let from = self.world.address(fresh);
                    self.world.inject(from, &packet[..len]);
                }
            }
        }
        // The server may have something to say to it, again and again.
        self.world.run(Duration::from_secs(3));
        self.world.leave(fresh);
    }

    fn fresh(&mut self, sender: Sender) -> PeerId {
        let world = &mut self.world;
        let role = if sender == Sender::AsServer { DtlsRole::Passive } else { DtlsRole::ActPass };
        let fresh = world.join_with(self.room, |config| config.dtls_role = role);
        world.checks.excuse(fresh);
        world.publish(fresh, Codec::Opus);
        // His check arrives; what the answer lets go is taken off the wire.
        world.run(Duration::from_micros(1_500));
        world.set_links(fresh, Link::CUT, Link::GOOD);
        // The links of the others are as orderly as before.
        world.checks.orderly_uplinks = true;
        world.run(Duration::from_millis(5));
        fresh
    }

    fn readmit(&mut self) {
        if !self.world.person(self.hostile).present {
            if self.world.person(self.accomplice).present {
                self.world.leave(self.accomplice);
            }
            self.admit_hostile();
        }
    }

    fn judge(&self, case: &Case, sender: Sender, before: &WorkerTotals, after: &WorkerTotals) {
        let drops = |cause: DropCause| after.drops[cause as usize] - before.drops[cause as usize];
        let met = |expected: &str| match expected.split_once(' ') {
            None if expected == "quiet" => true,
            None if expected == "closed" => after.peers < before.peers,
            None if expected == "taken" => DropCause::ALL.into_iter().all(|cause| drops(cause) == 0),
            Some(("drop", name)) => {
                let cause = DropCause::ALL.into_iter().find(|cause| cause.name() == name);
                drops(cause.unwrap_or_else(|| panic!("{}: no cause is called {name}", case.name))) > 0
            }
            _ => panic!("{}: {expected:?} cannot be expected of datagrams", case.name),
        };
        let counted: Vec<_> = DropCause::ALL.into_iter().map(|cause| (cause.name(), drops(cause))).collect();
        assert!(case.expected().into_iter().any(met), "{} from {sender:?}: {counted:?}", case.name);
    }

    /// The healthy call goes on, nothing panicked, nobody else was closed.
    pub(crate) fn look_after(&mut self, case: &Case) {
        let matrix = self.world.matrix(&self.healthy, Duration::from_millis(300));
        assert_eq!(matrix, HEALTHY, "after {}", case.name);
        assert_eq!(self.world.totals().panics, 0, "after {}", case.name);
    }
}

/// The first value of an attribute in an answer.
fn attribute(answer: &Answer, name: &str) -> String {
    let line = format!("a={name}:");
    answer.sdp.lines().find_map(|text| text.strip_prefix(&line)).unwrap_or_default().trim().to_owned()
}
