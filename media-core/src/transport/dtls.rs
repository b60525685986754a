//! DTLS (RFC 6347, RFC 9147) for SRTP keys (RFC 5764) and for SCTP (RFC 8261), by `dimpl`.

use super::certificate::{Certificate, fingerprint};
use super::flights::FlightClock;
use super::srtp::{self, Profile, SrtpReceiver, SrtpSender};
use crate::api::DtlsVersions;
use crate::negotiate::{DtlsRole as Role, Fingerprint};
use dimpl::{Config, Dtls, Output, SrtpProfile};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What came of a handshake.
#[derive(Debug)]
pub(crate) enum DtlsEvent {
    /// The handshake is done: application data can go.
    Up,
    /// What came as application data.
    Data(Vec<u8>),
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
    /// The first datagrams, until we answer: given to the other version if this one has nothing to say to them.
    hello: Option<Vec<Vec<u8>>>,
    clock: FlightClock,
    fingerprints: Vec<Fingerprint>,
    verified: bool,
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
        let config = FlightClock::configure(Config::builder().use_server_cookie(false)).build().unwrap_or_default();
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
            clock: FlightClock::new(now),
            fingerprints,
            verified: false,
            dead: false,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.clock.next_deadline().filter(|_| !self.dead)
    }

    /// ICE measured the round trip: flights that are lost leave again accordingly.
    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.clock.set_round_trip(round_trip);
    }

    pub(crate) fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), DtlsEvent> {
        if self.dead {
            return Ok(());
        }
        let shown = self.clock.show(now);
        let taken = self.dtls.handle_timeout(shown).and_then(|()| self.dtls.handle_packet(packet));
        match self.hello.as_mut().filter(|hello| hello.len() < MAX_HELLO_DATAGRAMS) {
            Some(hello) => {
                hello.push(packet.to_vec());
                Ok(())
            }
            None => taken.map_err(|_| self.fail()),
        }
    }

    /// Opens the handshake, if that is our part.
    pub(crate) fn start(&mut self, now: Instant) {
        self.clock.hasten(now);
        if self.dtls.handle_timeout(self.clock.show(now)).is_err() {
            self.dead = true;
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsEvent> {
        if self.dead || !self.clock.is_due(now) {
            return Ok(());
        }
        self.dtls.handle_timeout(self.clock.show(now)).map_err(|_| self.fail())
    }

    fn fail(&mut self) -> DtlsEvent {
        self.dead = true;
        DtlsEvent::Failed("the handshake failed")
    }

    /// Drains what is due: datagrams to `send`, events into the returned list.
    pub(crate) fn poll(&mut self, mut send: impl FnMut(&[u8])) -> Vec<DtlsEvent> {
        let mut events = Vec::new();
        if self.drain(&mut send, &mut events) {
            self.hello = None;
        } else if self.hello.as_ref().is_some_and(|hello| !hello.is_empty()) {
            self.offer_13(&mut send, &mut events);
        }
        events
    }

    /// Gives what came so far to a 1.3 server. If that has an answer where 1.2 had none, the hello is whole and its client speaks
    /// 1.3 only. Half a hello costs next to nothing.
    fn offer_13(&mut self, send: &mut impl FnMut(&[u8]), events: &mut Vec<DtlsEvent>) {
        let config = self.settings.config.clone();
        let clock = self.clock;
        let other = Dtls::new_13(config, self.settings.certificate.dtls(), clock.shown());
        let before = std::mem::replace(&mut self.dtls, other);
        let hello = self.hello.take().unwrap_or_default();
        let taken = self.dtls.handle_timeout(clock.shown()).is_ok()
            && hello.iter().all(|packet| self.dtls.handle_packet(packet).is_ok());
        if !taken || !self.drain(send, events) {
            (self.dtls, self.clock, self.hello) = (before, clock, Some(hello));
        }
    }

    /// Drains the association; gives whether it sent anything.
    fn drain(&mut self, send: &mut impl FnMut(&[u8]), events: &mut Vec<DtlsEvent>) -> bool {
        let mut buffer = vec![0; BUFFER_LEN];
        let mut sent = false;
        while !self.dead {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => {
                    sent = true;
                    send(packet);
                }
                Output::BufferTooSmall { needed } => buffer.resize(needed.max(buffer.len() + 1), 0),
                Output::Timeout(at) => {
                    self.clock.wait_for(at);
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
                Output::Connected if self.verified => {
                    self.clock.set_done(self.dtls.protocol_version());
                    events.push(DtlsEvent::Up);
                }
                Output::ApplicationData(bytes) if self.verified => events.push(DtlsEvent::Data(bytes.to_vec())),
                _ => {}
            }
        }
        sent
    }

    /// Sends application data, one datagram of it. What cannot go now is lost, as any datagram may be.
    pub(crate) fn send_data(&mut self, bytes: &[u8], send: impl FnMut(&[u8])) -> Vec<DtlsEvent> {
        if self.dead || !self.verified || self.dtls.send_application_data(bytes).is_err() {
            return Vec::new();
        }
        self.poll(send)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a handshake of a client against us; gives the version, or why it failed.
    fn handshake(
        versions: DtlsVersions,
        client: impl Fn(Arc<Config>, dimpl::DtlsCertificate, Instant) -> Dtls,
    ) -> Result<Profile, &'static str> {
        let mut profile = None;
        let now = Instant::now();
        let certificate = dimpl::certificate::generate_self_signed_certificate().unwrap();
        let hex = fingerprint(&aws_lc_rs::digest::SHA256, &certificate.certificate);
        let settings = Settings::new(Certificate::generate().unwrap(), versions);
        let mut server = DtlsSession::new(&settings, Role::Passive, vec![Fingerprint::sha256(hex)], now);
        let mut client = client(Arc::new(Config::builder().mtu(300).build().unwrap()), certificate, now);
        client.set_active(true);
        client.handle_timeout(now).unwrap();
        for _ in 0..20 {
            let mut to_server = Vec::new();
            let mut buffer = vec![0; 4096];
            loop {
                match client.poll_output(&mut buffer) {
                    Output::Packet(p) => to_server.push(p.to_vec()),
                    Output::ApplicationData(bytes) => {
                        let back = [bytes, b", and back"].concat();
                        client.send_application_data(&back).unwrap();
                    }
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            let mut to_client = Vec::new();
            for packet in to_server {
                if let Err(DtlsEvent::Failed(why)) = server.handle_packet(now, &packet) {
                    return Err(why);
                }
            }
            for event in server.poll(|p| to_client.push(p.to_vec())) {
                match event {
                    DtlsEvent::Keys(_, agreed) => profile = Some(agreed),
                    DtlsEvent::Failed(why) => return Err(why),
                    DtlsEvent::Closed => return Err("closed"),
                    DtlsEvent::Up => {
                        // Application data goes at once, both ways.
                        server.send_data(b"from us", |p| to_client.push(p.to_vec()));
                    }
                    DtlsEvent::Data(bytes) if bytes == b"from us, and back" => {
                        return profile.ok_or("data before keys");
                    }
                    DtlsEvent::Data(_) => return Err("other data"),
                }
            }
            for packet in to_client {
                client.handle_packet(&packet).unwrap();
            }
        }
        Err("nothing came of it")
    }

    #[test]
    fn both_versions_are_spoken_whichever_is_preferred() {
        for versions in [DtlsVersions::Prefer12, DtlsVersions::Prefer13] {
            for client in [Dtls::new_12, Dtls::new_13, Dtls::new_auto] {
                assert_eq!(handshake(versions, client), Ok(Profile::AeadAes256Gcm), "{versions:?}");
            }
        }
    }
}
