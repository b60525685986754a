//! A WebRTC client without sockets or clocks: one struct that is told the time and the bytes, and tells what to send.
//!
//! It publishes synthetic media and counts what it receives. The simulator runs it under a virtual clock, the load
//! generator runs thousands over real sockets. Its ICE, DTLS and SRTP are of the server's own crates, so it proves
//! behaviour rather than interoperability; `webrtc` and webrtcbin do that.

mod answer;
mod arrivals;
mod channels;
mod coder;
mod dtls;
mod fec;
mod forge;
mod ice;
mod incoming;
mod layers;
mod listen;
mod payload;
mod receive;
mod rtcp;
mod script;
mod sdp;
mod send;
mod session;
mod srtp_out;
mod talk;
mod transmit;
mod watch;

pub use channels::{ChannelConfig, ChannelEvent, Effort, Numbering};
pub use coder::{Encoding, Lineage, Video};
pub use dtls::{ClientCertificate, DtlsRole, DtlsVersion};
pub use ice::Route;
pub use listen::ListenStats;
pub use payload::{Position, RECORDED_MORE_BYTES, Stamp, write as write_payload};
pub use receive::{PlaceStats, Received};
pub use script::{Script, Shot};
pub use sdp::{Answered, AnsweredSection, BadAnswer};
pub use send::{Pace, SendStats};
pub use transmit::Transmit;
pub use watch::{Seen, WatchStats};

use arrivals::Arrivals;
use bytes::Bytes;
use channels::Channels;
use colloquy_media_core::api::{Codec, MediaKind};
use colloquy_media_core::transport::srtp::{Profile, SrtpReceiver};
use dtls::{Association, Told};
use ice::Ice;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use receive::Place;
use sdp::Head;
use send::{SendTrack, Shared, Start};
use srtp_out::SrtpOut;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How a client is set up.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// What it writes into its media, so that a receiver knows whose it is.
    pub source: u64,
    /// Of its credentials, SSRCs and first numbers.
    pub seed: u64,
    /// Its address.
    pub local: SocketAddr,
    /// Its certificate, which many may share.
    pub certificate: ClientCertificate,
    /// The DTLS versions that it speaks.
    pub dtls_version: DtlsVersion,
    /// What it offers as `a=setup`.
    pub dtls_role: DtlsRole,
    /// Its largest DTLS datagram, in bytes.
    pub dtls_mtu: usize,
    /// What send times count from; the same for all clients of a run.
    pub epoch: Instant,
    /// Asks for lost video packets again.
    pub recovers: bool,
    /// Offers redundant audio (RFC 2198) where it receives audio.
    pub red: bool,
    /// Offers repair packets (FlexFEC) of video, makes them where it publishes and uses them where it receives.
    pub flexfec: bool,
    /// Is like a browser: reckons what would be seen and heard, asks for key frames as a decoder would, and gives up a path late.
    pub plays: bool,
    /// Stamps say when a packet was to leave rather than when it did: what a late client adds is then part of what is measured.
    pub stamps_due: bool,
    /// Keeps the packets of sound that it receives, to be listened to.
    pub keeps_sound: bool,
    /// Keeps the packets of pictures that it receives, to be looked at.
    pub keeps_pictures: bool,
}

impl ClientConfig {
    /// A client like a browser.
    #[must_use]
    pub fn new(source: u64, local: SocketAddr, certificate: ClientCertificate, epoch: Instant) -> Self {
        Self {
            source,
            seed: source,
            local,
            certificate,
            dtls_version: DtlsVersion::V12,
            dtls_role: DtlsRole::ActPass,
            dtls_mtu: 1200,
            epoch,
            recovers: true,
            red: false,
            flexfec: false,
            plays: false,
            stamps_due: false,
            keeps_sound: false,
            keeps_pictures: false,
        }
    }
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// No answer yet, or ICE or DTLS under way.
    Connecting,
    /// Media can flow.
    Connected,
    /// DTLS failed or was closed.
    Closed,
}

/// A media section of the client's offers.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) mid: String,
    pub(crate) kind: MediaKind,
    pub(crate) usage: SectionUse,
}

/// What a section is for.
#[derive(Debug, Clone)]
pub(crate) enum SectionUse {
    /// Receives, too, where `receives`.
    Publish {
        codec: Codec,
        ssrc: u32,
        rtx_ssrc: Option<u32>,
        fec_ssrc: Option<u32>,
        receives: bool,
    },
    Simulcast {
        codec: Codec,
        rids: Vec<String>,
    },
    Receive,
    Data,
}

/// Received packets held for a caller who does not ask for them; the oldest are dropped beyond it, and counted.
const MAX_RECEIVED: usize = 16_384;

/// Between two RTCP reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// One client.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    rng: StdRng,
    ice: Ice,
    association: Option<Association>,
    channels: Option<Channels>,
    is_dtls_client: bool,
    fingerprint: String,
    srtp: Option<SrtpReceiver>,
    profile: Option<Profile>,
    state: ClientState,
    connected_at: Option<Instant>,
    out: SrtpOut,
    told: Vec<Told>,
    offers: u32,
    own_ssrc: u32,
    transport_sequence: u16,
    sections: Vec<Section>,
    tracks: Vec<SendTrack>,
    places: Vec<Place>,
    mid_extension: Option<u8>,
    transport_extension: Option<u8>,
    arrivals: Arrivals,
    report_at: Option<Instant>,
    received: Vec<Received>,
    kept: Vec<(Received, Bytes)>,
    dropped: u64,
    unopened: u64,
    last_seen: Option<Instant>,
}

impl Client {
    /// A client without media.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let mut rng = StdRng::seed_from_u64(config.seed);
        let ice = Ice::new(config.local, config.plays, &mut rng);
        Self {
            ice,
            association: None,
            channels: None,
            is_dtls_client: true,
            fingerprint: String::new(),
            srtp: None,
            profile: None,
            state: ClientState::Connecting,
            connected_at: None,
            out: SrtpOut::default(),
            told: Vec::new(),
            offers: 0,
            own_ssrc: rng.random_range(1..u32::MAX),
            transport_sequence: 0,
            sections: Vec::new(),
            tracks: Vec::new(),
            places: Vec::new(),
            mid_extension: None,
            transport_extension: None,
            arrivals: Arrivals::default(),
            report_at: None,
            received: Vec::new(),
            kept: Vec::new(),
            dropped: 0,
            unopened: 0,
            last_seen: None,
            rng,
            config,
        }
    }

    fn next_mid(&self) -> String {
        self.sections.len().to_string()
    }

    fn start(&mut self) -> Start {
        Start {
            ssrc: self.rng.random_range(1..u32::MAX),
            rtx_ssrc: self.rng.random_range(1..u32::MAX),
            sequence: self.rng.random(),
            timestamp: self.rng.random(),
        }
    }

    /// Has repair packets made of a video. Gives their SSRC.
    fn protect(&mut self, track: &mut SendTrack) -> Option<u32> {
        let ssrc = (self.config.flexfec && track.codec.kind() == MediaKind::Video)
            .then(|| self.rng.random_range(1..u32::MAX))?;
        track.protect = Some(fec::Protect::new(ssrc));
        Some(ssrc)
    }

    /// Publishes one more track with the next offer. Gives its mid.
    pub fn publish(&mut self, codec: Codec, pace: Pace) -> String {
        let mid = self.next_mid();
        let start = self.start();
        let mut track = SendTrack::new(mid.clone(), codec, pace, start);
        let fec_ssrc = self.protect(&mut track);
        let usage =
            SectionUse::Publish { codec, ssrc: track.ssrc, rtx_ssrc: track.rtx_ssrc, fec_ssrc, receives: false };
        self.sections.push(Section { mid: mid.clone(), kind: codec.kind(), usage });
        self.tracks.push(track);
        mid
    }

    /// Has a track's section receive as well (`sendrecv`), as where a server mixes.
    pub fn receive_beside(&mut self, mid: &str) {
        let Some(section) = self.sections.iter_mut().find(|section| section.mid == mid) else { return };
        if let SectionUse::Publish { receives, .. } = &mut section.usage
            && !std::mem::replace(receives, true)
        {
            let kind = section.kind;
            self.place(mid.to_owned(), kind);
        }
    }

    /// Has one more place to receive into with the next offer. Gives its mid.
    pub fn receive(&mut self, kind: MediaKind) -> String {
        let mid = self.next_mid();
        self.sections.push(Section { mid: mid.clone(), kind, usage: SectionUse::Receive });
        self.place(mid.clone(), kind);
        mid
    }

    fn place(&mut self, mid: String, kind: MediaKind) {
        let mut place = Place::new(mid, kind, self.config.recovers);
        place.play(self.config.plays);
        self.places.push(place);
    }

    /// Writes an offer of everything that there is.
    pub fn offer(&mut self) -> String {
        self.offers += 1;
        let fingerprint = self.config.certificate.fingerprint();
        let head = Head {
            session: self.config.source,
            version: self.offers,
            ufrag: self.ice.ufrag(),
            password: self.ice.password(),
            fingerprint: &fingerprint,
            role: if self.offers == 1 { self.config.dtls_role } else { DtlsRole::ActPass },
            red: self.config.red,
            flexfec: self.config.flexfec,
            candidate: Some(self.ice.candidate()),
        };
        sdp::offer(&head, &self.sections)
    }

    /// Takes the answer to the last offer.
    ///
    /// # Errors
    /// When the answer lacks what cannot be done without.
    pub fn accept(&mut self, now: Instant, answer: &str) -> Result<Answered, BadAnswer> {
        let answered = Answered::parse(answer)?;
        self.ice.set_remote(&answered.ufrag, &answered.password, &answered.candidates);
        for section in &answered.sections {
            for track in self.tracks.iter_mut().filter(|track| track.mid == section.mid) {
                track.negotiate(section);
                if self.state == ClientState::Connected {
                    track.start(now);
                }
            }
            if let Some(place) = self.places.iter_mut().find(|place| place.mid == section.mid) {
                place.negotiate(section);
            }
            self.negotiate_channels(&section.mid, section.rejected);
            self.note_extensions(section);
        }
        self.associate(now, &answered);
        self.ice.handle_timeout(now);
        self.settle(now);
        Ok(answered)
    }

    /// New ICE credentials, which the next offer tells (RFC 8445 section 9).
    pub fn restart_ice(&mut self) {
        self.ice.restart(&mut self.rng);
    }

    /// The credentials that a trickle fragment tells (RFC 9725 section 4.3.3): user name fragment and password.
    #[must_use]
    pub fn ice_credentials(&self) -> (&str, &str) {
        (self.ice.ufrag(), self.ice.password())
    }

    /// Takes what a fragment tells of the server: its new credentials, and the values of its `a=candidate` lines.
    pub fn accept_fragment(&mut self, now: Instant, ufrag: &str, password: &str, candidates: &[String]) {
        self.ice.set_remote(ufrag, password, candidates);
        self.ice.handle_timeout(now);
        self.settle(now);
    }

    /// The client's network changed: it sends from `local` from now on, and its checks tell the server.
    pub fn move_to(&mut self, now: Instant, local: SocketAddr) {
        self.config.local = local;
        self.ice.move_to(local);
        self.ice.handle_timeout(now);
        self.settle(now);
    }

    /// Takes a datagram that came to `local` from `remote`. Its bytes are decrypted in place.
    pub fn handle_datagram(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr, bytes: &mut [u8]) {
        self.last_seen = Some(now);
        match *bytes {
            [0..=3, ..] => {
                self.ice.handle_datagram(now, local, remote, bytes);
                self.settle(now);
            }
            [20..=63, ..] => {
                if let Some(association) = &mut self.association {
                    association.handle_datagram(now, bytes, &mut self.told);
                }
                self.after_dtls(now, Some(Route { local, remote }));
                self.drive_channels(now);
            }
            [128..=191, 192..=223, ..] => self.handle_rtcp(now, bytes),
            [128..=191, _, ..] => self.handle_rtp(now, bytes),
            _ => {}
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ice.next_deadline().is_none_or(|at| at <= now) {
            self.ice.handle_timeout(now);
        }
        self.settle(now);
        if self.state == ClientState::Connected {
            let Self { tracks, out, transport_sequence, config, .. } = self;
            let mut shared = Shared {
                out,
                transport_sequence,
                source: config.source,
                epoch: config.epoch,
                stamps_due: config.stamps_due,
            };
            for track in tracks.iter_mut() {
                track.handle_timeout(now, &mut shared);
            }
            self.send_feedback(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        let ice = self.ice.next_deadline();
        let association =
            self.association.as_ref().filter(|_| self.may_handshake()).and_then(Association::next_deadline);
        let media = self.tracks.iter().filter_map(SendTrack::next_deadline).min();
        let feedback = self.places.iter().filter_map(Place::next_deadline).min();
        let channels =
            self.channels.as_ref().filter(|_| self.state == ClientState::Connected).and_then(Channels::next_deadline);
        [ice, association, channels, media, feedback, self.report_at, self.arrivals.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next datagram to send. Give its bytes back with [`recycle`](Self::recycle) where allocation matters.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.queue.pop_front()
    }

    /// Takes a sent datagram's buffer back.
    pub fn recycle(&mut self, datagram: Transmit) {
        self.out.recycle(datagram.bytes);
    }

    /// Takes the packets that came since the last call.
    pub fn take_received(&mut self) -> Vec<Received> {
        std::mem::take(&mut self.received)
    }

    /// Takes the packets of sound and pictures that it kept, each with its payload, without RED around it.
    pub fn take_kept(&mut self) -> Vec<(Received, Bytes)> {
        std::mem::take(&mut self.kept)
    }

    /// The packets that came since they were cleared last.
    pub fn received(&mut self) -> &mut Vec<Received> {
        &mut self.received
    }

    /// Says goodbye.
    pub fn close(&mut self, now: Instant) {
        if let Some(association) = &mut self.association {
            association.close(&mut self.told);
        }
        self.after_dtls(now, None);
    }
}
