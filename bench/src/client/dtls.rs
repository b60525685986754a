//! DTLS: one association, in either role, with the version chosen by the test.

use colloquy_media_core::transport::flights::FlightClock;
use dimpl::{Config, Dtls, DtlsCertificate, KeyingMaterial, Output, SrtpProfile};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which DTLS versions a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DtlsVersion {
    /// Offers both, as current browsers do.
    #[default]
    Both,
    /// Only 1.2.
    V12,
    /// Only 1.3.
    V13,
}

/// Who sends the ClientHello (RFC 8842 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DtlsRole {
    /// As the answer decides.
    #[default]
    ActPass,
    /// The client does.
    Active,
    /// The server does.
    Passive,
}

impl DtlsRole {
    /// The value of `a=setup`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// The certificate of a client; making one costs more than the rest of a client, so that many may share one.
#[derive(Debug, Clone)]
pub struct ClientCertificate(Arc<DtlsCertificate>);

impl ClientCertificate {
    /// A new self-signed one.
    ///
    /// # Panics
    /// When the cryptographic library fails.
    #[must_use]
    pub fn generate() -> Self {
        let certificate =
            dimpl::certificate::generate_self_signed_certificate().expect("a certificate of a few hundred bytes");
        Self(Arc::new(certificate))
    }

    /// Its SHA-256 fingerprint as SDP writes it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint_str()
    }
}

/// What an association tells.
#[derive(Debug)]
pub(super) enum Told {
    /// A datagram to send.
    Send(Vec<u8>),
    /// The keys of the media.
    Keys(KeyingMaterial, SrtpProfile),
    /// Media may flow.
    Connected,
    /// A packet of the data channels' association.
    Data(Vec<u8>),
    /// The server closed it, or it failed, or its certificate is not the one that the answer named.
    Closed,
}

/// One DTLS association.
pub(super) struct Association {
    dtls: Dtls,
    /// What the answer said; the handshake is refused when the certificate is another one.
    expected_fingerprint: String,
    clock: FlightClock,
    closed: bool,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Association {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Association").field("closed", &self.closed).finish_non_exhaustive()
    }
}

/// How an association is set up.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    pub(super) version: DtlsVersion,
    pub(super) certificate: &'a ClientCertificate,
    pub(super) is_client: bool,
    pub(super) expected_fingerprint: String,
    /// Of everything random that is no secret here: the client is a test's.
    pub(super) seed: u64,
    /// Largest datagram; small ones make fragments of every flight.
    pub(super) mtu: usize,
}

impl Association {
    pub(super) fn new(setup: Setup<'_>, now: Instant) -> Self {
        let config = Config::builder().dangerously_set_rng_seed(setup.seed).mtu(setup.mtu);
        let config =
            Arc::new(FlightClock::configure(config).build().expect("a configuration without options that can clash"));
        let certificate = (*setup.certificate.0).clone();
        let mut dtls = match setup.version {
            DtlsVersion::Both => Dtls::new_auto(config, certificate, now),
            DtlsVersion::V12 => Dtls::new_12(config, certificate, now),
            DtlsVersion::V13 => Dtls::new_13(config, certificate, now),
        };
        if setup.is_client {
            dtls.set_active(true);
        }
        let mut clock = FlightClock::new(now);
        clock.hasten(now);
        Self { dtls, expected_fingerprint: setup.expected_fingerprint, clock, closed: false, buffer: vec![0; 2048] }
    }

    pub(super) fn handle_datagram(&mut self, now: Instant, bytes: &[u8], told: &mut Vec<Told>) {
        if self.closed {
            return;
        }
        let shown = self.clock.show(now);
        let taken = self.dtls.handle_timeout(shown).and_then(|()| self.dtls.handle_packet(bytes));
        self.after(taken.is_ok(), told);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, told: &mut Vec<Told>) {
        if self.closed || !self.clock.is_due(now) {
            return;
        }
        let taken = self.dtls.handle_timeout(self.clock.shown());
        self.after(taken.is_ok(), told);
    }

    /// Sends application data. Before the end of the handshake there is none.
    pub(super) fn send(&mut self, bytes: &[u8], told: &mut Vec<Told>) {
        if !self.closed && self.dtls.send_application_data(bytes).is_ok() {
            self.after(true, told);
        }
    }

    /// Says goodbye to the server (RFC 5246 section 7.2.1).
    pub(super) fn close(&mut self, told: &mut Vec<Told>) {
        if !self.closed {
            let taken = self.dtls.close();
            self.after(taken.is_ok(), told);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.clock.next_deadline().filter(|_| !self.closed)
    }

    /// ICE measured the round trip.
    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.clock.set_round_trip(round_trip);
    }

    pub(super) fn version(&self) -> Option<&'static str> {
        match self.dtls.protocol_version()? {
            dimpl::ProtocolVersion::DTLS1_2 => Some("DTLS 1.2"),
            dimpl::ProtocolVersion::DTLS1_3 => Some("DTLS 1.3"),
            _ => None,
        }
    }

    fn after(&mut self, taken: bool, told: &mut Vec<Told>) {
        if !taken {
            self.fail(told);
            return;
        }
        loop {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(bytes) => told.push(Told::Send(bytes.to_vec())),
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    self.clock.wait_for(at);
                    return;
                }
                Output::Connected => {
                    self.clock.set_done(self.dtls.protocol_version());
                    told.push(Told::Connected);
                }
                Output::ApplicationData(bytes) => told.push(Told::Data(bytes.to_vec())),
                Output::PeerCert(der) => {
                    let fingerprint = dimpl::certificate::calculate_fingerprint(der);
                    let fingerprint = dimpl::certificate::format_fingerprint(&fingerprint);
                    if !fingerprint.eq_ignore_ascii_case(&self.expected_fingerprint) {
                        self.fail(told);
                        return;
                    }
                }
                Output::KeyingMaterial(material, profile) => told.push(Told::Keys(material, profile)),
                Output::CloseNotify => {
                    self.fail(told);
                    return;
                }
                _ => {}
            }
        }
    }

    fn fail(&mut self, told: &mut Vec<Told>) {
        self.closed = true;
        told.push(Told::Closed);
    }
}
