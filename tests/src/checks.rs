//! What must hold after every step, whatever happens.

use crate::audience::Audiences;
use colloquy_bench::client::{Received, Stamp};
use colloquy_codecs::seq::SequenceUnwrapper;
use colloquy_media_core::api::{CanvasLayout, Codec, Event, IceMode, MediaKind, PeerId, RoomId, TrackId, TrackInfo};
use colloquy_media_core::wire::Path;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Payload types of retransmissions and repair packets in the clients' offers: the engine numbers them itself.
const NUMBERED_HERE: [u8; 5] = [97, 99, 103, 46, 49];
/// Of them, those of retransmissions.
const REPEATS: [u8; 4] = [97, 99, 103, 46];
/// Payload type of Opus in the clients' offers.
const OPUS: u8 = 111;
/// How long what was sent before a change may still come: the longest way, and repetitions.
const SLACK: Duration = Duration::from_secs(2);
/// By which what is under way may be later than its link says: the clients' own clocks.
const MOST_LATE: Duration = Duration::from_millis(5);
/// Datagrams that one call of the engine may send, for each person in the world.
const MAX_BURST_EACH: usize = 600;
/// Copies of one sealed datagram, and how long after it they may leave: three, 20 ms apart, and a tick late each. Of a retransmission one.
const MAX_COPIES: u8 = 3;
const COPY_TIME: Duration = Duration::from_millis(100);
/// A jump of the sequence numbers that no loss explains.
const MAX_JUMP: u64 = 3000;

/// Whose media a source is.
pub(crate) fn peer_of(source: u64) -> PeerId {
    PeerId(source & 0xffff_ffff)
}

/// A packet that a client received, and whose it is.
#[derive(Debug)]
pub(crate) struct Delivery<'a> {
    pub(crate) listener: PeerId,
    pub(crate) room: RoomId,
    pub(crate) mid: &'a str,
    /// The listener's link loses and reorders nothing.
    pub(crate) orderly: bool,
    /// What the publisher sends is under way to the server for so long at most.
    pub(crate) under_way: Duration,
    pub(crate) packet: &'a Received,
}

#[derive(Debug, Clone)]
struct Track {
    info: TrackInfo,
    room: RoomId,
    muted_since: Option<Instant>,
}

/// What a place shows from a moment on.
type Wish = (Instant, Option<TrackId>);

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    sequence: u64,
    timestamp: u32,
    at: Instant,
    clock_rate_hz: u32,
    from: (u64, u8),
}

/// A datagram as it was sealed.
#[derive(Debug)]
struct Sealed {
    digest: u64,
    at: Instant,
    copies: u8,
}

/// The invariants, and what they remember.
#[derive(Debug)]
pub struct Checks {
    start: Instant,
    full_ice: bool,
    /// Addresses from which a client's own STUN came, and whose they are.
    validated: HashMap<SocketAddr, PeerId>,
    /// Bytes of STUN that came from an address, and that went to it.
    stun: HashMap<SocketAddr, (usize, usize)>,
    gone: HashMap<PeerId, Instant>,
    sequences: HashMap<(PeerId, u32), SequenceUnwrapper>,
    sealed: HashMap<(PeerId, u32, u64), Sealed>,
    /// Numbers of a peer's SSRC that were given and never sent.
    left_out: HashSet<(PeerId, u32, u16)>,
    tracks: HashMap<TrackId, Track>,
    /// By the source that a client writes into its media, and the number of the track.
    by_mid: HashMap<(u64, u8), TrackId>,
    /// By listener and mid: what he wanted, and since when.
    subscriptions: HashMap<(PeerId, String), Vec<Wish>>,
    places: BTreeMap<(PeerId, usize), Last>,
    published: HashSet<TrackId>,
    unpublished: HashSet<TrackId>,
    closed: HashSet<PeerId>,
    /// Every uplink is orderly and always was: what the engine sends has no gaps then.
    pub orderly_uplinks: bool,
    /// How long what is published is under way at most, where a test knows: what is told again may then have been for the listener when it
    /// came first, and at no other time.
    pub uplink_at_most: Option<Duration>,
    /// Packets that told something again, and were looked at.
    pub told_again: u64,
    /// Packets that the engine says it dropped on the way out because more came for somebody than he could be sent.
    pub(crate) told_dropped: u64,
    /// DTLS associations of a client, when it has more than one: keys differ between them.
    generation: HashMap<PeerId, u64>,
    /// Who might hear and see whom.
    pub(crate) audiences: Audiences,
    /// When sound came to a listener, and whether it was mixed; kept for a while.
    sound: HashMap<PeerId, Vec<(Instant, bool)>>,
    /// Those who send what no client sends, and those who watch them: what they receive makes no sense.
    hostile: HashSet<PeerId>,
}

impl Checks {
    pub(crate) fn new(start: Instant, ice: IceMode) -> Self {
        Self {
            start,
            full_ice: ice == IceMode::Full,
            validated: HashMap::new(),
            stun: HashMap::new(),
            gone: HashMap::new(),
            sequences: HashMap::new(),
            sealed: HashMap::new(),
            left_out: HashSet::new(),
            tracks: HashMap::new(),
            by_mid: HashMap::new(),
            subscriptions: HashMap::new(),
            places: BTreeMap::new(),
            published: HashSet::new(),
            unpublished: HashSet::new(),
            closed: HashSet::new(),
            orderly_uplinks: true,
            uplink_at_most: None,
            told_again: 0,
            told_dropped: 0,
            generation: HashMap::new(),
            audiences: Audiences::default(),
            sound: HashMap::new(),
            hostile: HashSet::new(),
        }
    }

    /// When each packet of sound came to somebody, and whether it was mixed.
    #[must_use]
    pub fn mixed(&self, listener: PeerId) -> Vec<(Instant, bool)> {
        self.sound.get(&listener).cloned().unwrap_or_default()
    }

    /// What this person receives is of no interest from now on. That nothing goes where it must not, and that no nonce is used
    /// twice, holds for him too.
    pub fn excuse(&mut self, peer: PeerId) {
        self.hostile.insert(peer);
    }

    /// Whether what this person receives is of no interest.
    pub(crate) fn is_excused(&self, peer: PeerId) -> bool {
        self.hostile.contains(&peer)
    }

    /// The person's own STUN comes from this address as well.
    pub fn vouch(&mut self, from: SocketAddr, peer: PeerId) {
        self.validated.insert(from, peer);
    }

    /// A client's datagram reached the engine.
    pub(crate) fn note_client_datagram(&mut self, from: SocketAddr, peer: PeerId, bytes: &[u8]) {
        if let [0..=3, ..] = bytes {
            self.validated.insert(from, peer);
        }
    }

    /// A datagram of whomever reaches the engine.
    pub(crate) fn note_arrived(&mut self, from: SocketAddr, bytes: &[u8]) {
        if let [0..=3, ..] = bytes {
            self.stun.entry(from).or_default().0 += bytes.len();
        }
    }

    /// The client begins a new DTLS association, with new keys.
    pub fn note_new_keys(&mut self, peer: PeerId) {
        *self.generation.entry(peer).or_default() += 1;
        self.sequences.retain(|(of, _), _| *of != peer);
        self.sealed.retain(|(of, _, _), _| *of != peer);
        self.places.retain(|(of, _), _| *of != peer);
    }

    /// What a person's present client writes into its media.
    pub(crate) fn source(&self, peer: PeerId) -> u64 {
        self.generation.get(&peer).copied().unwrap_or(0) << 32 | peer.0
    }

    /// The engine sent a datagram.
    pub(crate) fn note_sent(&mut self, now: Instant, path: &Path, bytes: &[u8]) {
        let Some(peer) = self.validated.get(&path.remote).copied() else {
            let is_stun = matches!(bytes, [0..=3, ..]);
            assert!(
                is_stun && self.full_ice,
                "the engine sent {} bytes to {}, which nobody validated",
                bytes.len(),
                path.remote
            );
            return;
        };
        // Whoever asks in another's name must not send him more than he says himself.
        if let [0..=3, ..] = bytes
            && !self.full_ice
            && let Some((heard, said)) = self.stun.get_mut(&path.remote)
        {
            *said += bytes.len();
            assert!(*said <= *heard, "{said} bytes of STUN went to {} for {heard} that came", path.remote);
        }
        if let Some(gone) = self.gone.get(&peer) {
            assert!(now <= *gone, "the engine sent {} bytes to {peer} after he was gone", bytes.len());
        }
        if let [128..=191, second, ..] = *bytes
            && !(192..=223).contains(&second)
        {
            self.note_sealed(now, peer, bytes);
        }
    }

    /// No nonce is used twice: one (key, SSRC, index) is sealed once, and what is sent again is the same datagram. And numbers have no gaps
    /// of the engine's making, but for what it drops.
    fn note_sealed(&mut self, now: Instant, peer: PeerId, bytes: &[u8]) {
        let &[_, second, s0, s1, _, _, _, _, c0, c1, c2, c3, ..] = bytes else {
            panic!("the engine sent RTP of {} bytes", bytes.len());
        };
        let ssrc = u32::from_be_bytes([c0, c1, c2, c3]);
        let unwrapper = self.sequences.entry((peer, ssrc)).or_default();
        let before = unwrapper.highest();
        let sequence = unwrapper.unwrap(u16::from_be_bytes([s0, s1]));
        let digest = BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes);
        match self.sealed.entry((peer, ssrc, sequence.0)) {
            Entry::Vacant(vacant) => vacant.insert(Sealed { digest, at: now, copies: 0 }),
            Entry::Occupied(occupied) => {
                let sealed = occupied.into_mut();
                assert_eq!(sealed.digest, digest, "{peer}: SSRC {ssrc:x} index {} was sealed twice", sequence.0);
                sealed.copies += 1;
                let (copies, late) = (sealed.copies, now - sealed.at);
                assert!(late <= COPY_TIME, "{peer}: copy {copies} left after {late:?}");
                let most =
                    if second & 0x7f == OPUS { MAX_COPIES } else { u8::from(REPEATS.contains(&(second & 0x7f))) };
                assert!(copies <= most, "{peer}: SSRC {ssrc:x} left {copies} times more");
                return;
            }
        };
        let Some(before) = before.filter(|_| !self.hostile.contains(&peer)) else { return };
        if self.orderly_uplinks || NUMBERED_HERE.contains(&(second & 0x7f)) {
            assert!(sequence.0 > before.0, "{peer}: SSRC {ssrc:x} went back from {} to {}", before.0, sequence.0);
            // Every number that is not sent is one of a packet that was dropped, and told to be.
            self.left_out.extend((before.0 + 1..sequence.0).map(|number| (peer, ssrc, number as u16)));
            let left_out = self.left_out.len() as u64;
            let told = self.told_dropped;
            assert!(left_out <= told, "{peer}: SSRC {ssrc:x} jumped: {left_out} numbers were left out, {told} dropped");
        } else {
            let jump = sequence.0.abs_diff(before.0);
            assert!(jump < MAX_JUMP, "{peer}: SSRC {ssrc:x} jumped by {jump}");
        }
    }

    pub(crate) fn note_burst(&self, datagrams: usize, people: usize) {
        let most = MAX_BURST_EACH * people.max(1);
        assert!(datagrams <= most, "one call of the engine sent {datagrams} datagrams");
    }

    /// The person is out of the room: nothing goes to him any more.
    pub(crate) fn note_gone(&mut self, peer: PeerId, now: Instant) {
        self.gone.entry(peer).or_insert(now);
    }

    /// A track's publisher was told of it.
    pub(crate) fn note_track(&mut self, room: RoomId, info: &TrackInfo) {
        if let Ok(mid) = info.mid.parse() {
            self.by_mid.insert((self.source(info.peer), mid), info.id);
        }
        let track = self.tracks.entry(info.id).or_insert(Track { info: info.clone(), room, muted_since: None });
        track.info = info.clone();
    }

    /// A track was silenced, or is heard again.
    pub(crate) fn note_mute(&mut self, track: TrackId, muted: bool, now: Instant) {
        if let Some(track) = self.tracks.get_mut(&track) {
            track.muted_since = if muted { track.muted_since.or(Some(now)) } else { None };
        }
    }

    /// A place was pointed at a track.
    pub(crate) fn note_subscription(&mut self, peer: PeerId, mid: &str, track: Option<TrackId>, now: Instant) {
        self.subscriptions.entry((peer, mid.to_owned())).or_default().push((now, track));
    }

    /// Nobody receives what he must not, and each place is one stream without seams.
    pub(crate) fn note_received(&mut self, delivery: &Delivery<'_>) {
        let &Delivery { listener, room, mid, packet, .. } = delivery;
        if self.hostile.contains(&listener) {
            return;
        }
        if packet.payload_len == 0 {
            // A number that was kept for a packet that came late, and was of a layer that he does not get.
            return;
        }
        let wants_mix = self.wishes(listener, mid).last().is_some_and(|(_, wish)| *wish == Some(TrackId::MIX));
        if packet.stamp.is_none() && wants_mix {
            // Mixed anew: whose it is can only be heard.
            self.sound.entry(listener).or_default().push((packet.at, true));
            return self.note_continuity(delivery, None);
        }
        if packet.stamp.is_none() && self.wants_canvas(listener, mid, packet.at) {
            // Drawn anew: whose it is can only be seen.
            return self.note_continuity(delivery, None);
        }
        let Some(stamp) = packet.stamp else {
            panic!("{listener} received a packet that is nobody's: {packet:?}");
        };
        let source = peer_of(stamp.source);
        assert_ne!(source, listener, "{listener} receives his own media");
        let id = self.by_mid.get(&(stamp.source, stamp.track)).copied();
        let track =
            id.and_then(|id| self.tracks.get(&id)).unwrap_or_else(|| panic!("{listener}: of no track: {stamp:?}"));
        assert_eq!(track.room, room, "{listener} receives media from another room");
        if let Some(muted_since) = track.muted_since {
            let sent = self.start + stamp.sent;
            assert!(sent <= muted_since, "{listener} receives what {source} said while he was muted");
        }
        let time = (self.start + stamp.sent, packet.at);
        let (pair, is_video) = ((listener, source), track.info.kind == MediaKind::Video);
        if wants_mix && self.orderly_uplinks {
            // A mixer keeps what is said for a while: it must have been for him when it was said, and when it was played.
            let said = (time.0, time.0 + delivery.under_way + MOST_LATE);
            let sealed = self.sealed.get(&(listener, packet.ssrc, packet.sequence.0));
            let left = sealed.unwrap_or_else(|| panic!("{listener} has of the mix what was not sent: {packet:?}")).at;
            let played = (left, left);
            for time in [said, played] {
                let may = self.audiences.allowed(room, pair, track.info.kind, time);
                let ms = [time.0, time.1, packet.at].map(|at| (at - self.start).as_millis());
                assert!(may, "{listener} hears in the mix what {source} said, not for him within {ms:?} ms");
            }
        }
        let may = self.audiences.allowed(room, pair, track.info.kind, time)
            || (is_video && stamp.key && self.audiences.is_still(room, pair, time));
        assert!(may, "{listener} receives what {source} said when it was not for him");
        if let (Some(uplink), Some(earlier)) = (self.uplink_at_most, packet.told_again) {
            let came = (self.start + earlier.sent, self.start + earlier.sent + uplink);
            let might = self.audiences.allowed(room, pair, track.info.kind, came);
            assert!(might, "{listener} is told again what {source} said when it was not for him");
            self.told_again += 1;
        }
        if !is_video {
            self.sound.entry(listener).or_default().push((packet.at, wants_mix));
        }
        let history = self.wishes(listener, mid);
        let allowed = history.iter().enumerate().any(|(i, (_, wanted))| {
            (*wanted == Some(track.info.id) || (*wanted == Some(TrackId::MIX) && !is_video))
                && history.get(i + 1).is_none_or(|(end, _)| *end + SLACK >= packet.at)
        });
        assert!(allowed, "{listener} receives {} in place {mid}, where he wants {history:?}", track.info.id);
        self.note_continuity(delivery, Some(stamp));
    }

    /// What somebody wanted in a place, in order.
    fn wishes(&self, listener: PeerId, mid: &str) -> &[Wish] {
        self.subscriptions.get(&(listener, mid.to_owned())).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether somebody has a canvas in a place, or had until a moment ago.
    fn wants_canvas(&self, listener: PeerId, mid: &str, at: Instant) -> bool {
        let history = self.wishes(listener, mid);
        history.iter().enumerate().any(|(i, (_, wanted))| {
            let is_over = history.get(i + 1).is_some_and(|(end, _)| *end + SLACK < at);
            wanted.and_then(CanvasLayout::of).is_some() && !is_over
        })
    }

    fn note_continuity(&mut self, delivery: &Delivery<'_>, stamp: Option<Stamp>) {
        let (listener, packet) = (delivery.listener, delivery.packet);
        let from = stamp.map_or((0, 0), |stamp| (stamp.source, stamp.track));
        let kind = self.by_mid.get(&from).and_then(|id| self.tracks.get(id));
        let is_canvas = stamp.is_none() && self.wants_canvas(listener, delivery.mid, packet.at);
        let is_video = is_canvas || kind.is_some_and(|track| track.info.kind == MediaKind::Video);
        let clock = if is_video { Codec::Vp8.clock_rate_hz() } else { Codec::Opus.clock_rate_hz() };
        let this = Last {
            ssrc: packet.ssrc,
            sequence: packet.sequence.0,
            timestamp: packet.timestamp,
            at: packet.at,
            clock_rate_hz: clock,
            from,
        };
        let key = (listener, packet.place);
        let last = self.places.get(&key).copied();
        if last.is_none_or(|last| last.sequence < this.sequence) {
            self.places.insert(key, this);
        }
        let strict = delivery.orderly && self.orderly_uplinks;
        let switched = last.is_none_or(|last| last.from != this.from);
        let next = last.map_or(this.sequence, |last| last.sequence + 1);
        let dropped = (next..this.sequence).all(|number| self.left_out.contains(&(listener, this.ssrc, number as u16)));
        if strict && switched && is_video && !is_canvas && next == this.sequence {
            assert!(
                stamp.is_some_and(|stamp| stamp.key && stamp.first),
                "{listener}: {} begins in the middle of a picture: {stamp:?}",
                delivery.mid
            );
        }
        let Some(last) = last else { return };
        assert_eq!(last.ssrc, this.ssrc, "{listener}: place {} changed its SSRC", delivery.mid);
        if !strict {
            return;
        }
        assert!(
            this.sequence >= next && dropped,
            "{listener}: a seam in the sequence numbers of {}: {} after {}",
            delivery.mid,
            this.sequence,
            last.sequence
        );
        let ticks = this.timestamp.wrapping_sub(last.timestamp).cast_signed();
        assert!(ticks >= 0, "{listener}: timestamps of {} went back by {ticks}", delivery.mid);
        let (media, elapsed) = (f64::from(ticks) / f64::from(last.clock_rate_hz), (this.at - last.at).as_secs_f64());
        assert!(
            (media - elapsed).abs() < 1.0,
            "{listener}: in {} timestamps went on by {media} s in {elapsed} s",
            delivery.mid
        );
    }

    /// Events make sense in the order in which they come.
    pub(crate) fn note_event(&mut self, event: &Event) {
        let about = match event {
            Event::Published { room, track } => {
                assert!(self.published.insert(track.id), "{} was published twice", track.id);
                self.note_track(*room, track);
                Some(track.peer)
            }
            Event::Unpublished { peer, track, .. } => {
                assert!(self.published.contains(track), "{track} was unpublished before it was published");
                assert!(self.unpublished.insert(*track), "{track} was unpublished twice");
                Some(*peer)
            }
            Event::Transport { peer, .. }
            | Event::Quality { peer, .. }
            | Event::Shown { peer, .. }
            | Event::Encodings { peer, .. }
            | Event::Audio { peer, .. }
            | Event::Closed { peer, .. } => Some(*peer),
            Event::Speakers { .. } => None,
        };
        if let Some(peer) = about {
            assert!(!self.closed.contains(&peer), "{event:?} after {peer} was closed");
        }
        if let Event::Closed { peer, .. } = event {
            self.closed.insert(*peer);
            let left = self.tracks.values().filter(|track| track.info.peer == *peer);
            for track in left.filter(|track| self.published.contains(&track.info.id)) {
                assert!(self.unpublished.contains(&track.info.id), "{peer} was closed before {} ended", track.info.id);
            }
        }
    }

    /// Tracks that were published and never ended.
    #[must_use]
    pub fn open_tracks(&self) -> Vec<TrackId> {
        self.published.difference(&self.unpublished).copied().collect()
    }
}
