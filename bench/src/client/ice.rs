//! ICE: a full agent in the controlling role, so that a server in lite mode has somebody who checks.

use super::transmit::Transmit;
use aws_lc_rs::hmac;
use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceCreds, Protocol, Sha1HmacProvider};
use rand::RngExt;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// HMAC-SHA1 (RFC 8489 section 14.5) by aws-lc-rs, as everything else here.
#[derive(Debug)]
struct HmacSha1;

impl Sha1HmacProvider for HmacSha1 {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
        let mut context = hmac::Context::with_key(&key);
        for payload in payloads {
            context.update(payload);
        }
        let tag = context.sign();
        let mut bytes = [0; 20];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }
}

/// Where media goes: our end and the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Our address.
    pub local: SocketAddr,
    /// The server's.
    pub remote: SocketAddr,
}

/// Checks in a row without an answer before a pair is given up, two minutes of them. The agent's own nine end one call in twenty within a
/// minute where 30 % are lost each way, as every second check is; libwebrtc goes on for as long as anything comes from there.
const UNANSWERED: usize = 40;

/// One ICE session after another, for one client.
#[derive(Debug)]
pub(super) struct Ice {
    agent: IceAgent,
    local: Candidate,
    route: Option<Route>,
}

/// Credentials of a new ICE session: 48 bits of name, 144 of password (RFC 8445 section 5.3).
fn credentials(rng: &mut impl RngExt) -> IceCreds {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text =
        |chars: usize| (0..chars).map(|_| char::from(ALPHABET[rng.random_range(0..64_usize)])).collect::<String>();
    IceCreds { ufrag: text(8), pass: text(24) }
}

fn host(local: SocketAddr) -> Candidate {
    Candidate::host(local, Protocol::Udp).expect("a client is given an address that can be a candidate")
}

impl Ice {
    /// `insists`: gives a pair up as late as a browser does.
    pub(super) fn new(local: SocketAddr, insists: bool, rng: &mut impl RngExt) -> Self {
        let mut agent = IceAgent::with_hmac(credentials(rng), &HmacSha1);
        agent.set_controlling(true);
        agent.set_control_tie_breaker(rng.random());
        // 20 ms instead of the RFC's 50 ms between checks: there is one pair, and tests should not wait.
        agent.set_timing_advance(Duration::from_millis(20));
        if insists {
            agent.set_max_stun_retransmits(UNANSWERED);
        }
        let local = host(local);
        agent.add_local_candidate(local.clone());
        Self { agent, local, route: None }
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.agent.local_credentials().ufrag
    }

    pub(super) fn password(&self) -> &str {
        &self.agent.local_credentials().pass
    }

    /// The value of `a=candidate`.
    pub(super) fn candidate(&self) -> String {
        let line = self.local.to_sdp_string();
        line.strip_prefix("a=").unwrap_or(&line).trim_start_matches("candidate:").to_owned()
    }

    pub(super) fn route(&self) -> Option<Route> {
        self.route
    }

    /// The round trip of the last check on the route.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.agent.nominated_pair_rtt()
    }

    /// Whether a pair works now.
    pub(super) fn is_connected(&self) -> bool {
        self.route.is_some() && self.agent.state().is_connected()
    }

    /// New credentials (RFC 8445 section 9). Media keeps its route until a pair of the new session is nominated.
    pub(super) fn restart(&mut self, rng: &mut impl RngExt) {
        self.agent.ice_restart(credentials(rng), true);
    }

    /// The network changed under us: the old address is gone, checks go on from the new one.
    pub(super) fn move_to(&mut self, local: SocketAddr) {
        let new = host(local);
        self.agent.invalidate_candidate(&self.local);
        self.agent.add_local_candidate(new.clone());
        self.local = new;
    }

    /// The other side offered: it controls (RFC 8445 section 6.1.1), unless it is an ICE-lite agent.
    pub(super) fn set_controlling(&mut self, controlling: bool) {
        self.agent.set_controlling(controlling);
    }

    /// Takes what an answer says. Candidates that are no UDP are passed over.
    pub(super) fn set_remote(&mut self, ufrag: &str, password: &str, candidates: &[String]) {
        let same = self.agent.remote_credentials().is_some_and(|creds| creds.ufrag == ufrag && creds.pass == password);
        if !same {
            self.agent.set_remote_credentials(IceCreds { ufrag: ufrag.to_owned(), pass: password.to_owned() });
        }
        candidates.iter().for_each(|line| self.add_remote(line));
    }

    /// Takes one candidate more: the value of an `a=candidate` line, with its name or without.
    pub(super) fn add_remote(&mut self, line: &str) {
        let text = format!("candidate:{}", line.trim().trim_start_matches("a=").trim_start_matches("candidate:"));
        if let Ok(candidate) = Candidate::from_sdp_string(&text)
            && candidate.proto() == Protocol::Udp
        {
            self.agent.add_remote_candidate(candidate);
        }
    }

    pub(super) fn handle_datagram(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr, bytes: &[u8]) {
        if let Ok(message) = StunMessage::parse(bytes) {
            let packet = StunPacket { proto: Protocol::Udp, source: remote, destination: local, message };
            if self.agent.handle_packet(now, packet) {
                // A nomination is looked at only when the agent is told the time.
                self.agent.handle_timeout(now);
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
    }

    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        self.agent.poll_timeout()
    }

    /// Moves what the agent wants sent to `out`, and takes note of its nominations.
    pub(super) fn drain(&mut self, out: &mut VecDeque<Transmit>) {
        while let Some(event) = self.agent.poll_event() {
            if let IceAgentEvent::NominatedSend { source, destination, .. } = event {
                self.route = Some(Route { local: source, remote: destination });
            }
        }
        while let Some(datagram) = self.agent.poll_transmit() {
            let (local, remote) = (datagram.source, datagram.destination);
            out.push_back(Transmit { local, remote, bytes: datagram.contents.into() });
        }
    }
}
