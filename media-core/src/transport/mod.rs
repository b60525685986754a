//! A client's transport, composed: ICE, DTLS, SRTP and SCTP over one path, and the demultiplexer below them. The media path is
//! ours; ICE, DTLS and SCTP come from sans-IO crates.

mod certificate;
mod connection;
pub(crate) mod dcep;
pub(crate) mod demux;
mod dtls;
pub mod flights;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod ice;
mod plain;
pub(crate) mod sctp;
pub mod srtp;

pub use certificate::{Certificate, CertificateError};
pub(crate) use connection::Connection;
pub(crate) use dtls::Settings as DtlsSettings;
pub(crate) use plain::Plain;

use crate::api::{DropCause, EngineConfig, TransportState};
pub(crate) use crate::negotiate::DtlsRole;
use crate::negotiate::{DtlsRole as Role, ParsedOffer, SetupRole};
use crate::wire::{Outbox, Path};
use dtls::{DtlsEvent, DtlsSession};
use ice::{Ice, IceEvent};
use is::IceCreds;
use is::stun::StunMessage;
use rand::Rng;
use sctp::{Sctp, SctpSettings};
use srtp::{Profile, SrtpReceiver, SrtpSender};
use std::time::{Duration, Instant};

/// The transport of one client.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) ice: Ice,
    dtls: DtlsSession,
    role: Role,
    offered: Vec<crate::negotiate::Fingerprint>,
    /// Where datagrams to the client go: a path that ICE selected.
    path: Option<Path>,
    /// The path of the last authentic datagram before one was selected.
    provisional: Option<Path>,
    pub(crate) sender: Option<SrtpSender>,
    pub(crate) receiver: Option<SrtpReceiver>,
    profile: Option<Profile>,
    /// The DTLS handshake is done.
    is_secured: bool,
    /// The association of the data channels, once one was negotiated.
    pub(crate) sctp: Option<Sctp>,
    state: TransportState,
    has_consent: bool,
    /// The last authentic check, or answer to one of ours.
    consented_at: Instant,
    new_paths_left: u16,
    /// Paths that we sent checks on, where answers may come: of a full agent only.
    asked: Vec<Path>,
}

/// A path is its owner's for this long after his last check: browsers check every 2 to 5 s.
const IN_USE: Duration = Duration::from_secs(6);

/// RFC 7675 section 5.1: without a check for this long, nothing more is sent.
const CONSENT_EXPIRY: Duration = Duration::from_secs(30);

/// What a transport tells after it was driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Its state.
    State(TransportState),
    /// The client ended the association.
    ClosedByClient,
    /// The handshake failed; the text is for the log.
    Failed(&'static str),
    /// Nothing came from one who sends plain RTP for as long as he may be silent.
    Silent,
    /// A packet of the data channels' association went no further.
    Dropped(DropCause),
}

impl Transport {
    pub(crate) fn new(
        config: &EngineConfig,
        dtls: &DtlsSettings,
        offer: &ParsedOffer,
        rng: &mut impl Rng,
        now: Instant,
    ) -> Self {
        let role = if offer.setup == SetupRole::Passive { Role::Active } else { Role::Passive };
        Self {
            ice: Ice::new(config, offer.ice.clone(), offer.ice_lite, rng),
            dtls: DtlsSession::new(dtls, role, offer.fingerprints.clone(), now),
            role,
            offered: offer.fingerprints.clone(),
            path: None,
            provisional: None,
            sender: None,
            receiver: None,
            profile: None,
            is_secured: false,
            sctp: None,
            state: TransportState::Connecting,
            has_consent: false,
            consented_at: now,
            new_paths_left: config.limits.ice_paths,
            asked: Vec::new(),
        }
    }

    /// Whether an offer is for this association, rather than for a new one in its place (RFC 8842 section 4).
    pub(crate) fn belongs_to(&self, offer: &ParsedOffer) -> bool {
        self.offered == offer.fingerprints
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn state(&self) -> TransportState {
        self.state
    }

    pub(crate) fn profile(&self) -> Option<Profile> {
        self.profile
    }

    /// Where datagrams to the client go, and the keys to seal them with; `None` until both are there, and while he does not
    /// consent.
    #[inline]
    pub(crate) fn egress(&mut self) -> Option<(Path, &mut SrtpSender)> {
        self.path.filter(|_| self.has_consent).zip(self.sender.as_mut())
    }

    /// Where datagrams to the client go.
    pub(crate) fn path(&self) -> Option<Path> {
        self.path
    }

    /// Whether the client was heard of a moment ago on this path, which is his.
    pub(crate) fn is_in_use(&self, now: Instant, path: &Path) -> bool {
        self.path.as_ref() == Some(path) && now.saturating_duration_since(self.consented_at) < IN_USE
    }

    /// The paths that checks were sent on since this was asked last.
    pub(crate) fn take_asked(&mut self) -> Vec<Path> {
        std::mem::take(&mut self.asked)
    }

    /// Starts ICE over, if the credentials are new ones. Gives whether they were.
    pub(crate) fn restart_ice(&mut self, config: &EngineConfig, remote: &IceCreds, rng: &mut impl Rng) -> bool {
        let restart = self.ice.is_restart(remote);
        if restart {
            self.ice.restart(config, remote.clone(), rng);
            self.new_paths_left = config.limits.ice_paths;
        }
        restart
    }

    /// Takes a STUN message; `false` when it is not authentic, or comes on one path too many that is not `known`.
    #[expect(clippy::large_types_passed_by_value, reason = "the agent takes it by value")]
    pub(crate) fn handle_stun(&mut self, now: Instant, path: Path, known: bool, message: StunMessage<'_>) -> bool {
        if !known && self.new_paths_left == 0 {
            return false;
        }
        // A lite agent sends where its client last nominated: that is how he moves to another network, or follows a NAT that
        // rebinds. The agent itself would stay with the pair of the highest priority until that dies.
        let nominates = !self.ice.is_full() && message.is_binding_request() && message.use_candidate();
        let authentic = self.ice.handle_packet(now, path, message);
        self.ice.handle_timeout(now);
        if authentic {
            self.consented_at = now;
            self.new_paths_left -= u16::from(!known);
            if nominates {
                self.select(now, path);
            }
        }
        if authentic && self.path.is_none() {
            self.provisional = Some(path);
        }
        authentic
    }

    /// Takes a DTLS datagram from a path that ICE validated.
    pub(crate) fn handle_dtls(&mut self, now: Instant, packet: &[u8]) -> Option<Change> {
        self.dtls.handle_packet(now, packet).err().and_then(|event| self.take(now, event))
    }

    /// Begins the association of the data channels: RFC 8841 has one for each DTLS association.
    pub(crate) fn start_sctp(&mut self, settings: SctpSettings) {
        let mut sctp = Sctp::new(settings);
        if self.is_secured {
            sctp.start();
        }
        self.sctp = Some(sctp);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Change> {
        if now.saturating_duration_since(self.consented_at) >= CONSENT_EXPIRY {
            self.has_consent = false;
        }
        if self.ice.next_deadline().is_none_or(|at| at <= now) {
            self.ice.handle_timeout(now);
        }
        if let Some(sctp) = &mut self.sctp {
            sctp.handle_timeout(now);
        }
        self.dtls.handle_timeout(now).err().and_then(|event| self.take(now, event))
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub(crate) fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        // An agent that never ran has no deadline yet and wants one run at once.
        let ice = self.ice.next_deadline().unwrap_or(now);
        let sctp = self.sctp.as_ref().and_then(Sctp::next_deadline);
        Some([self.dtls.next_deadline(), sctp].into_iter().flatten().fold(ice, Instant::min))
    }

    /// Sends what is due and gives what changed. Call it after every `handle_*`.
    pub(crate) fn drain(&mut self, now: Instant, flow: u32, out: &mut Outbox) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some((path, bytes)) = self.ice.poll_transmit() {
            if self.ice.is_full() && !self.asked.contains(&path) {
                self.asked.push(path);
            }
            queue(out, flow, path, &bytes);
        }
        while let Some(event) = self.ice.poll_event() {
            match event {
                IceEvent::Selected(path) if self.ice.is_full() || self.path.is_none() => self.select(now, path),
                IceEvent::Selected(_) => self.has_consent = true,
                IceEvent::Back => self.has_consent = self.path.is_some(),
                IceEvent::Lost => self.has_consent = false,
            }
        }
        if let Some(path) = self.path.or(self.provisional) {
            let events = self.dtls.poll(|packet| queue(out, flow, path, packet));
            changes.extend(events.into_iter().filter_map(|event| self.take(now, event)));
        }
        changes.extend(self.changed_state().map(Change::State));
        changes
    }

    /// Sends what is due of the data channels, if the client consents. Call it after [`drain`](Self::drain), and after whatever
    /// touched the association.
    pub(crate) fn drain_sctp(&mut self, now: Instant, flow: u32, out: &mut Outbox) -> Vec<Change> {
        let (Some(sctp), Some(path)) = (&mut self.sctp, self.path) else { return Vec::new() };
        if !self.is_secured || !self.has_consent {
            return Vec::new();
        }
        let mut events = Vec::new();
        sctp.poll_transmit(now, |packet| {
            events.extend(self.dtls.send_data(packet, |record| queue(out, flow, path, record)));
        });
        events.into_iter().filter_map(|event| self.take(now, event)).collect()
    }

    /// Tells the client that we end the association.
    pub(crate) fn close(&mut self, flow: u32, out: &mut Outbox) {
        if let Some(path) = self.path {
            self.dtls.close(|packet| queue(out, flow, path, packet));
        }
    }

    /// Sends on this path from now on.
    fn select(&mut self, now: Instant, path: Path) {
        let first = self.path.replace(path).is_none();
        self.has_consent = true;
        if let Some(round_trip) = self.ice.round_trip() {
            self.dtls.set_round_trip(round_trip);
        }
        if first && self.role == Role::Active {
            self.dtls.start(now);
        }
    }

    fn take(&mut self, now: Instant, event: DtlsEvent) -> Option<Change> {
        match event {
            DtlsEvent::Up => {
                self.is_secured = true;
                self.sctp.iter_mut().for_each(Sctp::start);
                None
            }
            DtlsEvent::Data(packet) => match &mut self.sctp {
                Some(sctp) => sctp.handle_packet(now, &packet).err().map(Change::Dropped),
                None => Some(Change::Dropped(DropCause::NotOurs)),
            },
            DtlsEvent::Keys(contexts, profile) => {
                let (sender, receiver) = *contexts;
                self.sender = Some(sender);
                self.receiver = Some(receiver);
                self.profile = Some(profile);
                None
            }
            DtlsEvent::Closed => Some(Change::ClosedByClient),
            DtlsEvent::Failed(why) => Some(Change::Failed(why)),
        }
    }

    fn changed_state(&mut self) -> Option<TransportState> {
        let was_up = self.state != TransportState::Connecting;
        // A session of data channels alone may do without keys for SRTP.
        let secured = self.sender.is_some() || (self.is_secured && self.sctp.is_some());
        let state = match (self.has_consent && self.path.is_some(), secured) {
            (true, true) => TransportState::Connected,
            (false, _) if was_up => TransportState::Disconnected,
            _ => TransportState::Connecting,
        };
        (std::mem::replace(&mut self.state, state) != state).then_some(state)
    }
}

fn queue(out: &mut Outbox, flow: u32, path: Path, bytes: &[u8]) {
    out.push(flow, path, |buffer| {
        buffer.extend_from_slice(bytes);
        Some(())
    });
}
