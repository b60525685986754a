//! ICE (RFC 8445), by the `is` agent: one agent a client, one component, lite unless configured otherwise.

use crate::api::{AdvertisedAddress, EngineConfig, IceMode};
use crate::wire::Path;
use aws_lc_rs::hmac;
use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceConnectionState, IceCreds, Protocol, Sha1HmacProvider};
use rand::Rng;
use std::time::{Duration, Instant};

/// HMAC-SHA1 for STUN's MESSAGE-INTEGRITY, from the one cryptographic library of the media path.
#[derive(Debug)]
struct Hmac;

impl Sha1HmacProvider for Hmac {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
        let mut context = hmac::Context::with_key(&key);
        for payload in payloads {
            context.update(payload);
        }
        let mut tag = [0; 20];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

/// What changed in a client's connectivity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IceEvent {
    /// What we send goes here from now on.
    Selected(Path),
    /// No consent for 15 s (RFC 7675).
    Lost,
    /// Consent is back.
    Back,
}

/// Candidate pairs of one client at most: ours times those of his that can be reached from them.
const MAX_PAIRS: usize = 64;

/// Our addresses that an agent knows at most: those that came since the last restart of ICE add up.
const MAX_LOCAL: usize = 32;

/// The ICE agent of one client.
#[derive(Debug)]
pub(crate) struct Ice {
    agent: IceAgent,
    remote: IceCreds,
    connected: bool,
    remote_candidates_left: usize,
}

impl Ice {
    pub(crate) fn new(config: &EngineConfig, remote: IceCreds, controlling: bool, rng: &mut impl Rng) -> Self {
        let mut agent = IceAgent::with_hmac(credentials(config.worker, rng), &Hmac);
        agent.set_ice_lite(config.ice == IceMode::Lite);
        agent.set_controlling(controlling && config.ice == IceMode::Full);
        agent.set_control_tie_breaker(rng.next_u64());
        agent.set_max_candidate_pairs(MAX_PAIRS);
        for candidate in config.addresses.iter().filter_map(local_candidate) {
            agent.add_local_candidate(candidate);
        }
        agent.set_remote_credentials(remote.clone());
        Self { agent, remote, connected: false, remote_candidates_left: config.limits.remote_candidates }
    }

    /// Has more addresses of ours than before; a full agent goes on to check them. Those that it has are passed over.
    pub(crate) fn add_local_candidates(&mut self, addresses: &[AdvertisedAddress]) {
        for address in addresses {
            let is_known = |known: Candidate| known.addr() == address.local && known.proto() == protocol(address.tcp);
            let has_room = self.agent.local_candidates().count() < MAX_LOCAL;
            if let Some(candidate) = local_candidate(address)
                && has_room
                && !self.agent.local_candidates().any(is_known)
            {
                self.agent.add_local_candidate(candidate);
            }
        }
    }

    /// Whether it sends checks of its own.
    pub(crate) fn is_full(&self) -> bool {
        !self.agent.ice_lite()
    }

    pub(crate) fn ufrag(&self) -> &str {
        &self.agent.local_credentials().ufrag
    }

    pub(crate) fn password(&self) -> &str {
        &self.agent.local_credentials().pass
    }

    /// Whether these credentials ask for a restart (RFC 8445 section 9, RFC 8839 section 4.4.1.1.1).
    pub(crate) fn is_restart(&self, remote: &IceCreds) -> bool {
        self.remote != *remote
    }

    /// Starts over with new credentials on both sides. What we send keeps going where it went until a new path is selected.
    pub(crate) fn restart(&mut self, config: &EngineConfig, remote: IceCreds, rng: &mut impl Rng) {
        // Our addresses may be others than before.
        self.agent.ice_restart(credentials(config.worker, rng), false);
        self.add_local_candidates(&config.addresses);
        self.agent.set_remote_credentials(remote.clone());
        self.remote = remote;
        self.remote_candidates_left = config.limits.remote_candidates;
    }

    /// Takes a candidate of the client's. Those that do not parse, name a host we cannot know (`.local`), or are one too many, are
    /// passed over: his own checks find us.
    pub(crate) fn add_remote_candidate(&mut self, line: &str) {
        if self.remote_candidates_left == 0 || self.agent.ice_lite() {
            return;
        }
        // With or without the name of the attribute: browsers give it, `a=candidate` of a description has it before the colon.
        let line = line.trim();
        let value = line.strip_prefix("a=").unwrap_or(line);
        let value = value.strip_prefix("candidate:").unwrap_or(value);
        if let Ok(candidate) = Candidate::from_sdp_string(&format!("candidate:{value}"))
            && candidate.addr().port() != 0
        {
            self.remote_candidates_left -= 1;
            self.agent.add_remote_candidate(candidate);
        }
    }

    /// Takes a STUN message. `false` when it is not for this agent, or not authentic.
    #[expect(clippy::large_types_passed_by_value, reason = "the agent takes it by value")]
    pub(crate) fn handle_packet(&mut self, now: Instant, path: Path, message: StunMessage<'_>) -> bool {
        self.agent.handle_packet(
            now,
            StunPacket { proto: protocol(path.tcp), source: path.remote, destination: path.local, message },
        )
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
    }

    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        self.agent.poll_timeout()
    }

    /// The round trip of the last check on the path that was selected; a lite agent sends none.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.agent.nominated_pair_rtt()
    }

    /// The next STUN message to send, and where.
    pub(crate) fn poll_transmit(&mut self) -> Option<(Path, Vec<u8>)> {
        let transmit = self.agent.poll_transmit()?;
        let path = Path { local: transmit.source, remote: transmit.destination, tcp: transmit.proto != Protocol::Udp };
        Some((path, transmit.contents.to_vec()))
    }

    pub(crate) fn poll_event(&mut self) -> Option<IceEvent> {
        while let Some(event) = self.agent.poll_event() {
            match event {
                IceAgentEvent::NominatedSend { proto, source, destination } => {
                    let tcp = proto != Protocol::Udp;
                    return Some(IceEvent::Selected(Path { local: source, remote: destination, tcp }));
                }
                IceAgentEvent::IceConnectionStateChange(IceConnectionState::Disconnected) if self.connected => {
                    self.connected = false;
                    return Some(IceEvent::Lost);
                }
                IceAgentEvent::IceConnectionStateChange(state) if state.is_connected() && !self.connected => {
                    self.connected = true;
                    return Some(IceEvent::Back);
                }
                _ => {}
            }
        }
        None
    }
}

/// An address of ours as the agent sees it: where datagrams arrive, whatever clients are told.
fn local_candidate(address: &AdvertisedAddress) -> Option<Candidate> {
    Candidate::host(address.local, protocol(address.tcp)).ok()
}

fn protocol(tcp: bool) -> Protocol {
    if tcp { Protocol::Tcp } else { Protocol::Udp }
}

/// Length of our username fragments: 24 bits of randomness are asked for (RFC 8445 section 5.3), this is 71.
const UFRAG_LEN: usize = 13;
/// Length of our passwords: 128 bits are asked for, this is 190.
const PASSWORD_LEN: usize = 32;

/// New credentials. The first character of the fragment tells the worker, so that any worker can pass a check on to its owner.
fn credentials(worker: u8, rng: &mut impl Rng) -> IceCreds {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = |len: usize| -> String {
        std::iter::repeat_with(|| (rng.next_u32() >> 26) as usize)
            .filter_map(|i| ALPHABET.get(i))
            .map(|c| char::from(*c))
            .take(len)
            .collect()
    };
    let ufrag = format!("{}{}", char::from(b'A' + worker.min(25)), text(UFRAG_LEN - 1));
    IceCreds { ufrag, pass: text(PASSWORD_LEN) }
}
