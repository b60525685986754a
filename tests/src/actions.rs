//! What people do in a world.

use crate::inside::inside;
use crate::net::Link;
use crate::world::World;
use colloquy_bench::client::{Client, ClientCertificate, ClientConfig, Pace};
use colloquy_media_core::api::{
    Answer, AudioMode, AudioPath, CanvasLayout, Codec, Command, Downlink, Fragment, JoinError, MediaKind, Mute,
    NegotiateError, Offer, PeerId, Preference, RoomId, RoomStats, Source, SubscribeError, Subscriptions, TrackError,
    TrackId, TrackInfo,
};
use colloquy_media_core::audience::Stance;
use colloquy_media_core::composer::Scene;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Who silences a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Muter {
    /// Its publisher.
    Himself,
    /// A moderator.
    Moderator,
}

/// Opus that is cheap to simulate: a packet every 60 ms.
pub const SPARSE_OPUS: Pace =
    Pace { interval: Duration::from_millis(60), packets: 1, payload_bytes: 60, large_key_frames: false };

/// How a codec's media is paced here.
#[must_use]
pub fn pace(codec: Codec) -> Pace {
    match codec.kind() {
        MediaKind::Audio => SPARSE_OPUS,
        MediaKind::Video => Pace::SMALL_VIDEO,
    }
}

impl World {
    /// A number for a new room; it opens when somebody joins it.
    pub fn room(&mut self) -> RoomId {
        RoomId(self.next_id())
    }

    /// Somebody new joins, with nothing to send or receive yet.
    ///
    /// # Panics
    /// When he is not admitted.
    pub fn join(&mut self, room: RoomId) -> PeerId {
        self.join_with(room, |_| {})
    }

    /// Somebody new joins with a client set up by `edit`.
    ///
    /// # Panics
    /// When he is not admitted.
    pub fn join_with(&mut self, room: RoomId, edit: impl FnOnce(&mut ClientConfig)) -> PeerId {
        self.join_at(room, Stance::default(), edit)
    }

    /// Asks for a place in a room, without a client.
    ///
    /// # Errors
    /// As the engine says.
    pub fn try_join(&mut self, room: RoomId, peer: PeerId) -> Result<Vec<TrackInfo>, JoinError> {
        self.try_join_at(room, peer, Stance::default())
    }

    /// Sends the person's offer to the engine, with what he wants in his places, and his client takes the answer.
    ///
    /// # Errors
    /// As the engine says.
    pub fn offer(&mut self, peer: PeerId) -> Result<Answer, NegotiateError> {
        self.offer_edited(peer, |sdp| sdp)
    }

    /// The same, with the SDP changed on its way to the engine.
    ///
    /// # Errors
    /// As the engine says.
    ///
    /// # Panics
    /// When the answer is none.
    pub fn offer_edited(
        &mut self,
        peer: PeerId,
        edit: impl FnOnce(String) -> String,
    ) -> Result<Answer, NegotiateError> {
        let person = self.people.get_mut(&peer).expect("he joined");
        let (room, sdp) = (person.room, edit(person.client.offer()));
        let wanted: Vec<_> = person.wanted.iter().map(|(mid, track)| (mid.clone(), *track)).collect();
        for (mid, track) in &wanted {
            self.checks.note_subscription(peer, mid, Some(*track), self.now);
        }
        let sources = person.sources.clone();
        let offer = Offer { sdp, sources, subscriptions: Subscriptions::ByMid(wanted) };
        let answer = self.ask(|reply| Command::Offer { peer, offer, reply })?;
        let person = self.people.get_mut(&peer).expect("he joined");
        for track in &answer.published {
            self.checks.note_track(room, track);
            if let Ok(mid) = track.mid.parse() {
                person.published.insert(mid, track.clone());
            }
        }
        person.client.accept(self.now, &answer.sdp).unwrap_or_else(|error| panic!("{error}:\n{}", answer.sdp));
        self.pump(peer);
        Ok(answer)
    }

    /// Publishes one more track, and offers. Gives the track.
    ///
    /// # Panics
    /// When the engine does not take it.
    pub fn publish(&mut self, peer: PeerId, codec: Codec) -> TrackId {
        let mid = self.client(peer).publish(codec, pace(codec));
        self.offer(peer).expect("the offer is answered");
        let mid = mid.parse().expect("mids are numbers");
        self.people[&peer].published[&mid].id
    }

    /// Has one more place for `track`, and offers. Gives the place's mid.
    ///
    /// # Panics
    /// When the engine does not take it.
    pub fn watch(&mut self, peer: PeerId, track: TrackId, kind: MediaKind) -> String {
        let person = self.people.get_mut(&peer).expect("he joined");
        let mid = person.client.receive(kind);
        person.wanted.insert(mid.clone(), track);
        self.offer(peer).expect("the offer is answered");
        mid
    }

    /// Points a place at another track without an offer.
    ///
    /// # Errors
    /// As the engine says.
    pub fn subscribe(&mut self, peer: PeerId, mid: &str, track: Option<TrackId>) -> Result<(), SubscribeError> {
        let taken = self.ask(|reply| Command::Subscribe { peer, mid: mid.to_owned(), track, reply });
        if taken.is_ok() {
            let person = self.people.get_mut(&peer).expect("he joined");
            match track {
                Some(track) => person.wanted.insert(mid.to_owned(), track),
                None => person.wanted.remove(mid),
            };
            self.checks.note_subscription(peer, mid, track, self.now);
        }
        taken
    }

    /// `count` people join, publish these codecs, and receive everything of everyone else.
    ///
    /// # Panics
    /// When the engine refuses anything.
    pub fn meet(&mut self, room: RoomId, count: usize, codecs: &[Codec]) -> Vec<PeerId> {
        let people: Vec<PeerId> = (0..count).map(|_| self.join(room)).collect();
        for peer in &people {
            for codec in codecs {
                self.client(*peer).publish(*codec, pace(*codec));
            }
            self.offer(*peer).expect("the offer is answered");
        }
        for peer in &people {
            self.watch_everyone(*peer);
        }
        people
    }

    /// Adds a place for every track of the room that has none yet, and offers once.
    ///
    /// # Panics
    /// When the engine does not take it.
    pub fn watch_everyone(&mut self, peer: PeerId) {
        let room = self.people[&peer].room;
        let others = self.people.iter().filter(|(id, person)| **id != peer && person.room == room && person.present);
        let tracks: Vec<TrackInfo> = others.flat_map(|(_, person)| person.published.values().cloned()).collect();
        let person = self.people.get_mut(&peer).expect("he joined");
        for track in tracks {
            if !person.wanted.values().any(|wanted| *wanted == track.id) {
                let mid = person.client.receive(track.kind);
                person.wanted.insert(mid, track.id);
            }
        }
        self.offer(peer).expect("the offer is answered");
    }

    /// From the next offer on, what he publishes in this section is something else than is taken for granted.
    pub fn name_source(&mut self, peer: PeerId, mid: &str, source: Source) {
        if let Some(person) = self.people.get_mut(&peer) {
            person.sources.push((mid.to_owned(), source));
        }
    }

    /// Says how a person looks at one of his places. Of no account when the engine does not have it: his offer may have been refused.
    pub fn prefer(&mut self, peer: PeerId, mid: &str, preference: Preference) {
        let _ = self.ask(|reply| Command::Prefer { peer, mid: mid.to_owned(), preference, reply });
    }

    /// Says what a person wants to receive in all.
    pub fn set_downlink(&mut self, peer: PeerId, downlink: Downlink) {
        let _ = self.ask(|reply| Command::SetDownlink { peer, downlink, reply });
    }

    /// Has one more place for the mix, and offers. Gives the place's mid.
    ///
    /// # Panics
    /// When the engine does not take it.
    pub fn watch_mix(&mut self, peer: PeerId) -> String {
        self.watch(peer, TrackId::MIX, MediaKind::Audio)
    }

    /// Says how a person wants to hear others. Gives how he does.
    ///
    /// # Errors
    /// As the engine says.
    pub fn set_audio(&mut self, peer: PeerId, mode: AudioMode) -> Result<AudioPath, SubscribeError> {
        self.ask(|reply| Command::SetAudio { peer, mode, reply })
    }

    /// The mixer of every room fails.
    pub fn fail_mixer(&mut self) {
        inside(|| self.engines.fail_mixers(self.now, &mut self.outbox));
        self.after_engine();
    }

    /// The mixers get stuck, or go on.
    pub fn hold_mixer(&mut self, stuck: bool) {
        self.engines.stuck = stuck;
    }

    /// Canvases come in half their size alone, as where the larger one takes its time, or in both again.
    pub fn draw_slowly(&mut self, slowly: bool) {
        self.engines.draws_slowly = slowly;
    }

    /// Rooms that are mixed now, each worker's share of one counted.
    #[must_use]
    pub fn mixed_rooms(&self) -> usize {
        self.engines.mixed_rooms()
    }

    /// Has one more place for a canvas, and offers. Gives the place's mid.
    ///
    /// # Panics
    /// When the engine does not take it.
    pub fn watch_canvas(&mut self, peer: PeerId, layout: CanvasLayout) -> String {
        self.watch(peer, layout.track(), MediaKind::Video)
    }

    /// Rooms that have canvases now, each worker's share of one counted.
    #[must_use]
    pub fn composed_rooms(&self) -> usize {
        self.engines.composed_rooms()
    }

    /// Canvases that there are now.
    #[must_use]
    pub fn canvases(&self) -> usize {
        self.engines.canvases()
    }

    /// Sizes in which canvases are drawn now.
    #[must_use]
    pub fn canvas_encodings(&self) -> usize {
        self.engines.canvas_encodings()
    }

    /// What canvases show, each once for each of its sizes that is drawn.
    #[must_use]
    pub fn scenes(&self) -> Vec<Scene> {
        self.engines.scenes()
    }

    /// Silences a track in the server, or lets it be heard again.
    ///
    /// # Errors
    /// As the engine says.
    pub fn mute(&mut self, peer: PeerId, track: TrackId, muter: Muter, on: bool) -> Result<TrackInfo, TrackError> {
        let published = self.people.get(&peer).into_iter().flat_map(|person| person.published.values());
        let mut mute = published.into_iter().find(|info| info.id == track).map_or_else(Mute::default, |info| info.mute);
        match muter {
            Muter::Himself => mute.by_self = on,
            Muter::Moderator => mute.by_moderator = on,
        }
        let info = self.ask(|reply| Command::SetMute { peer, track, mute, reply })?;
        self.checks.note_mute(track, info.mute.is_muted(), self.now);
        let person = self.people.get_mut(&peer).expect("he has a track");
        if let Some(known) = person.published.values_mut().find(|known| known.id == track) {
            *known = info.clone();
        }
        Ok(info)
    }

    /// Leaves.
    pub fn leave(&mut self, peer: PeerId) {
        self.checks.note_gone(peer, self.now);
        self.tell(Command::Leave { peer });
        if let Some(person) = self.people.get_mut(&peer) {
            person.present = false;
            let room = person.room;
            self.leave_audience(room, peer);
        }
    }

    /// Ends a room.
    pub fn close_room(&mut self, room: RoomId) {
        self.tell(Command::CloseRoom { room });
    }

    /// Figures of a room.
    pub fn stats(&mut self, room: RoomId) -> Option<RoomStats> {
        self.ask(|reply| Command::Stats { room, reply })
    }

    /// New ICE credentials on both sides.
    ///
    /// # Panics
    /// When the engine does not take the offer.
    pub fn restart_ice(&mut self, peer: PeerId) {
        self.client(peer).restart_ice();
        self.offer(peer).expect("the offer is answered");
    }

    /// New ICE credentials on both sides, by a trickle fragment as WHIP and WHEP send it.
    ///
    /// # Panics
    /// When the engine does not restart.
    pub fn restart_ice_by_fragment(&mut self, peer: PeerId) {
        self.client(peer).restart_ice();
        let (ufrag, password) = self.people[&peer].client.ice_credentials();
        let sdpfrag =
            format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n");
        let answer = self.ask(|reply| Command::Fragment { peer, sdpfrag, reply });
        let Ok(Fragment::Restarted { sdpfrag, .. }) = answer else { panic!("no restart, but {answer:?}") };
        let all = |name: &str| -> Vec<String> {
            sdpfrag.lines().filter_map(|line| line.strip_prefix(name)).map(str::to_owned).collect()
        };
        let (ufrag, password, candidates) = (all("a=ice-ufrag:"), all("a=ice-pwd:"), all("a=candidate:"));
        let now = self.now;
        self.client(peer).accept_fragment(now, &ufrag[0], &password[0], &candidates);
        self.pump(peer);
    }

    /// The person's page is loaded anew: another client with another certificate takes his place, and publishes and wants the
    /// same. The track ids are new.
    ///
    /// # Panics
    /// When the engine does not take its offer.
    pub fn reload(&mut self, peer: PeerId, codecs: &[Codec]) {
        let mut config = self.client_config(peer);
        config.seed ^= u64::from(self.client(peer).local().port()) << 32;
        config.certificate = ClientCertificate::generate();
        self.checks.note_new_keys(peer);
        config.source = self.checks.source(peer);
        let before = self.people[&peer].external;
        self.set_external(peer, config.local);
        assert_ne!(before, config.local, "a new socket has a new port");
        let person = self.people.get_mut(&peer).expect("he joined");
        person.client = Client::new(config);
        if person.talks {
            person.client.use_channels();
        }
        self.book.forget(peer);
        let person = self.people.get_mut(&peer).expect("he joined");
        person.wanted.clear();
        person.published.clear();
        for codec in codecs {
            self.client(peer).publish(*codec, pace(*codec));
        }
        self.watch_everyone(peer);
    }

    /// The server's machine gets another address; whether the server notices is up to `noticed`. What is under way to the old one and
    /// from it is lost.
    pub fn move_server(&mut self, noticed: bool) -> SocketAddr {
        self.checks.orderly_uplinks = false;
        let [.., last] = match self.server.ip() {
            IpAddr::V4(ip) => ip.octets(),
            IpAddr::V6(_) => [0; 4],
        };
        self.server.set_ip(Ipv4Addr::new(192, 0, 2, last.wrapping_add(1)).into());
        self.engines.move_to(self.server);
        if noticed {
            self.notice_address();
        }
        self.server
    }

    /// The server looks which address it has.
    pub fn notice_address(&mut self) {
        inside(|| self.engines.notice_address(self.now, &mut self.outbox));
        self.after_engine();
    }

    /// The person's machine gets another address, and his client knows.
    pub fn change_address(&mut self, peer: PeerId) {
        // What is sent from the new address before the engine knows it is lost.
        self.checks.orderly_uplinks = false;
        let address = self.next_address();
        self.set_external(peer, address);
        let now = self.now;
        self.client(peer).move_to(now, address);
        self.pump(peer);
    }

    /// The NAT in front of the person gives him another address, and his client does not know.
    pub fn rebind(&mut self, peer: PeerId) {
        self.checks.orderly_uplinks = false;
        let address = self.next_address();
        self.set_external(peer, address);
    }

    /// Changes a person's access in both directions.
    pub fn set_links(&mut self, peer: PeerId, up: Link, down: Link) {
        self.checks.orderly_uplinks &= up.is_orderly();
        if let Some(person) = self.people.get_mut(&peer) {
            person.up.set_link(up);
            person.under_way = person.under_way.max(up.delay + up.jitter);
            person.down.set_link(down);
        }
    }

    /// Begins a new count of what everybody receives.
    pub fn forget(&mut self) {
        for person in self.people.values_mut() {
            person.heard.clear();
        }
    }

    /// Who receives whom during `time`: a line for each listener, a column for each publisher; `a` and `v` for audio and
    /// video, `.` for nothing. Packets of less than a third of `time` ago are waited for first.
    pub fn matrix(&mut self, people: &[PeerId], time: Duration) -> String {
        self.run(time / 3);
        self.forget();
        self.run(time);
        let kinds: BTreeMap<(PeerId, u8), MediaKind> = people
            .iter()
            .flat_map(|peer| self.people[peer].published.iter().map(|(mid, track)| ((*peer, *mid), track.kind)))
            .collect();
        let mut table = String::new();
        for listener in people {
            let heard = &self.people[listener].heard;
            let cells = people.iter().map(|source| {
                let has =
                    |kind| heard.keys().any(|(peer, mid)| peer == source && kinds.get(&(*peer, *mid)) == Some(&kind));
                match (has(MediaKind::Audio), has(MediaKind::Video)) {
                    (true, true) => "av",
                    (true, false) => "a",
                    (false, true) => "v",
                    (false, false) => ".",
                }
            });
            let _ = writeln!(table, "{}", cells.collect::<Vec<_>>().join(" "));
        }
        table
    }

    /// Whether everyone of these is connected.
    #[must_use]
    pub fn all_connected(&self, people: &[PeerId]) -> bool {
        people.iter().all(|peer| self.people[peer].client.is_connected())
    }

    /// Waits for everyone's handshake.
    ///
    /// # Panics
    /// When it takes longer than ten seconds.
    pub fn connect(&mut self, people: &[PeerId]) {
        assert!(self.run_until(Duration::from_secs(10), |world| world.all_connected(people)), "not all are connected");
    }
}
