//! DTLS (RFC 6347, RFC 9147) for SRTP keys (RFC 5764), by `dimpl`.

use super::certificate::{Certificate, fingerprint};
use super::srtp::{self, Profile, SrtpReceiver, SrtpSender};
use crate::api::DtlsVersions;
use crate::negotiate::Fingerprint;
use dimpl::{Config, Dtls, Output, SrtpProfile};
use std::sync::Arc;
use std::time::Instant;

/// Which side opens the handshake (RFC 8842 section 5: `a=setup`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// We wait for the ClientHello: what we choose whenever we may.
    Passive,
    /// We send it.
    Active,
}

/// What came of a handshake.
#[derive(Debug)]
pub(crate) enum DtlsEvent {
    /// The client is who the offer said, and these are the keys.
    Keys(Box<(SrtpSender, SrtpReceiver)>, Profile),
    /// The client ended the association.
    Closed,
    /// The handshake failed, or the certificate is not the one that the offer named.
    Failed(&'static str),
}

/// The DTLS association with one client.
pub(crate) struct DtlsSession {
    dtls: Dtls,
    settings: Settings,
    /// The first datagrams, until we answer: replayed if the other version must be spoken.
    hello: Option<Vec<Vec<u8>>>,
    fingerprints: Vec<Fingerprint>,
    verified: bool,
    deadline: Option<Instant>,
    dead: bool,
}

/// What a handshake is set up from.
#[derive(Clone)]
pub(crate) struct Settings {
    config: Arc<Config>,
    certificate: Certificate,
    versions: DtlsVersions,
}

/// Datagrams of a fragmented ClientHello that are kept: two with today's browsers.
const MAX_HELLO_DATAGRAMS: usize = 8;
/// Largest record that we produce or take; `dimpl` says when it needs more.
const BUFFER_LEN: usize = 2048;

impl Settings {
    /// # Errors
    /// When the configuration is refused, which no input can cause.
    pub(crate) fn new(certificate: Certificate, versions: DtlsVersions) -> Self {
        // The cookie exchange is left out: DTLS is taken only from addresses that ICE has validated, so a spoofed source gets no
        // answer at all, and the round trip is saved.
        let config = Config::builder().use_server_cookie(false).build().unwrap_or_default();
        Self { config: Arc::new(config), certificate, versions }
    }
}

impl DtlsSession {
    pub(crate) fn new(settings: &Settings, role: Role, fingerprints: Vec<Fingerprint>, now: Instant) -> Self {
        let (config, certificate) = (settings.config.clone(), settings.certificate.dtls());
        let mut dtls = match (settings.versions, role) {
            (DtlsVersions::Prefer12, Role::Passive) => Dtls::new_12(config, certificate, now),
            _ => Dtls::new_auto(config, certificate, now),
        };
        dtls.set_active(role == Role::Active);
        let may_fall_back = settings.versions == DtlsVersions::Prefer12 && role == Role::Passive;
        Self {
            dtls,
            settings: settings.clone(),
            hello: may_fall_back.then(Vec::new),
            fingerprints,
            verified: false,
            deadline: None,
            dead: false,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| !self.dead)
    }

    pub(crate) fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), DtlsEvent> {
        if self.dead {
            return Ok(());
        }
        if let Some(hello) = self.hello.as_mut().filter(|hello| hello.len() < MAX_HELLO_DATAGRAMS) {
            hello.push(packet.to_vec());
        }
        let taken = self.dtls.handle_timeout(now).and_then(|()| self.dtls.handle_packet(packet));
        if taken.is_ok() {
            return Ok(());
        }
        // Nothing was answered yet, and 1.2 cannot be spoken: 1.3, then.
        let hello = self.hello.take().ok_or_else(|| self.fail())?;
        self.dtls = Dtls::new_13(self.settings.config.clone(), self.settings.certificate.dtls(), now);
        hello.iter().try_for_each(|packet| self.dtls.handle_packet(packet)).map_err(|_| self.fail())
    }

    /// Opens the handshake, if that is our part.
    pub(crate) fn start(&mut self, now: Instant) {
        self.deadline = Some(now);
        if self.dtls.handle_timeout(now).is_err() {
            self.dead = true;
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsEvent> {
        if self.dead || self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        self.dtls.handle_timeout(now).map_err(|_| self.fail())
    }

    fn fail(&mut self) -> DtlsEvent {
        self.dead = true;
        DtlsEvent::Failed("the handshake failed")
    }

    /// Drains what is due: datagrams to `send`, events into the returned list.
    pub(crate) fn poll(&mut self, mut send: impl FnMut(&[u8])) -> Vec<DtlsEvent> {
        let mut events = Vec::new();
        let mut buffer = vec![0; BUFFER_LEN];
        while !self.dead {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => {
                    self.hello = None;
                    send(packet);
                }
                Output::BufferTooSmall { needed } => buffer.resize(needed.max(buffer.len() + 1), 0),
                Output::Timeout(at) => {
                    self.deadline = Some(at);
                    break;
                }
                Output::PeerCert(der) => {
                    self.verified = self.fingerprints.iter().any(|f| f.matches(der));
                    if !self.verified {
                        self.dead = true;
                        events.push(DtlsEvent::Failed("the certificate is not the one whose fingerprint was offered"));
                    }
                }
                Output::KeyingMaterial(material, profile) => {
                    let Some(profile) = known(profile).filter(|_| self.verified) else {
                        events.push(self.fail());
                        break;
                    };
                    match srtp::contexts(profile, &material, self.dtls.is_active()) {
                        Ok(contexts) => events.push(DtlsEvent::Keys(Box::new(contexts), profile)),
                        Err(_) => events.push(self.fail()),
                    }
                }
                Output::CloseNotify => {
                    self.dead = true;
                    events.push(DtlsEvent::Closed);
                }
                _ => {}
            }
        }
        events
    }

    /// Tells the client that the association ends (RFC 9147 section 5.11).
    pub(crate) fn close(&mut self, send: impl FnMut(&[u8])) {
        if !self.dead && self.verified && self.dtls.close().is_ok() {
            self.poll(send);
        }
        self.dead = true;
    }
}

impl std::fmt::Debug for DtlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsSession").field("verified", &self.verified).finish_non_exhaustive()
    }
}

fn known(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1_80),
        _ => None,
    }
}

impl Fingerprint {
    /// Whether this is the fingerprint of the certificate (RFC 8122 section 5).
    fn matches(&self, der: &[u8]) -> bool {
        fingerprint(self.algorithm(), der).eq_ignore_ascii_case(self.hex())
    }
}
