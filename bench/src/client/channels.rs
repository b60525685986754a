//! Data channels of a client: SCTP (RFC 8261) by `sctp-proto`, opened in band (RFC 8832), as a browser has them.

mod dcep;

use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppid, ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// User bytes in one packet: a datagram of 1,200 bytes, less what DTLS and SCTP add.
const MAX_PAYLOAD: u32 = 1_132;
/// The library wants an address to tell its associations apart; ours has one.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5_000);
/// Streams, as browsers have them.
const MAX_STREAMS: u16 = 1_024;
/// What a browser would let wait before an application should stop; beyond it a message is refused.
const MAX_BUFFERED: usize = 256 * 1024;
/// Events held for a caller who does not ask for them; the newest are dropped beyond it.
const MAX_EVENTS: usize = 65_536;

/// How hard is tried to deliver a message (RFC 8831 section 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Until it is there.
    Reliable,
    /// So many retransmissions.
    Retransmits(u32),
    /// So many milliseconds.
    LifetimeMs(u32),
}

/// A channel, as it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Its name.
    pub label: String,
    /// Its protocol; to this server, whom it is for.
    pub protocol: String,
    /// Messages come in the order in which they were sent.
    pub ordered: bool,
    /// And surely, or not.
    pub effort: Effort,
}

/// Which stream a client gives a new channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// RFC 8832 section 6: by who is the DTLS client.
    Proper,
    /// As a browser numbers them that takes itself for the other side.
    Guessed,
}

/// What becomes of a client's channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelEvent {
    /// Channels can be opened.
    Up,
    /// Somebody opened a channel.
    Opened(u16, ChannelConfig),
    /// The server took a channel of ours.
    Accepted(u16),
    /// A message came.
    Message(u16, Bytes),
    /// A channel is closed, and its stream is free.
    Closed(u16),
    /// The association is over.
    Lost,
}

/// A channel that is open.
#[derive(Debug)]
struct Channel {
    config: ChannelConfig,
    /// RFC 8832 section 6: messages are in order until the other side has answered.
    accepted: bool,
}

/// When the association was opened, by our clock and by the library's: it counts the first time-out from the system's clock, which
/// a simulated world's has nothing to do with.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    ours: Instant,
    theirs: Instant,
}

impl Clocks {
    fn theirs_at(self, now: Instant) -> Instant {
        self.theirs + now.saturating_duration_since(self.ours)
    }

    fn ours_at(self, at: Instant) -> Instant {
        self.ours + at.saturating_duration_since(self.theirs)
    }
}

/// The data channels of one client, over one DTLS association.
pub(super) struct Channels {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    clocks: Option<Clocks>,
    /// It is opened once: one that is lost stays so.
    started: bool,
    open: BTreeMap<u16, Channel>,
    up: bool,
    events: VecDeque<ChannelEvent>,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").field("up", &self.up).field("open", &self.open).finish_non_exhaustive()
    }
}

fn transport() -> Arc<TransportConfig> {
    Arc::new(
        TransportConfig::default()
            .with_max_send_message_size(u32::MAX)
            .with_max_num_inbound_streams(MAX_STREAMS)
            .with_max_num_outbound_streams(MAX_STREAMS)
            // As libwebrtc.
            .with_rto_max_ms(3_000)
            .with_max_init_retransmits(None)
            .with_max_data_retransmits(None),
    )
}

impl Channels {
    pub(super) fn new() -> Self {
        let mut config = EndpointConfig::new();
        config.max_payload_size(MAX_PAYLOAD);
        let mut server = ServerConfig::new();
        server.transport = transport();
        Self {
            endpoint: Endpoint::new(Arc::new(config), Some(Arc::new(server))),
            association: None,
            clocks: None,
            started: false,
            open: BTreeMap::new(),
            up: false,
            events: VecDeque::new(),
        }
    }

    /// DTLS is up: opens the association, as browsers do in either role.
    pub(super) fn start(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.started, true) && self.association.is_none() {
            self.clocks = Some(Clocks { ours: now, theirs: Instant::now() });
            let mut config = ClientConfig::new();
            config.transport = transport();
            self.association = self.endpoint.connect(config, NOWHERE).ok();
        }
    }

    /// Takes what came within DTLS.
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let now = self.library_time(now);
        let taken = self.endpoint.handle(now, NOWHERE, None, None, Bytes::copy_from_slice(packet));
        match (taken, &mut self.association) {
            (Some((handle, DatagramEvent::NewAssociation(association))), none @ None) => {
                *none = Some((handle, association));
            }
            (Some((_, DatagramEvent::AssociationEvent(event))), Some((_, association))) => {
                association.handle_event(event);
            }
            _ => {}
        }
        self.drain();
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let now = self.library_time(now);
        if let Some((_, association)) = &mut self.association
            && association.poll_timeout().is_some_and(|at| at <= now)
        {
            association.handle_timeout(now);
            self.drain();
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let at = self.association.as_ref().and_then(|(_, association)| association.poll_timeout())?;
        Some(self.clocks.map_or(at, |clocks| clocks.ours_at(at)))
    }

    fn library_time(&self, now: Instant) -> Instant {
        self.clocks.map_or(now, |clocks| clocks.theirs_at(now))
    }

    /// Hands out every packet that is due.
    pub(super) fn poll_transmit(&mut self, now: Instant, mut send: impl FnMut(&[u8])) {
        let now = self.library_time(now);
        let Some((_, association)) = &mut self.association else { return };
        while let Some(transmit) = association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.payload {
                packets.iter().for_each(|packet| send(packet));
            }
        }
        self.drain();
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// Opens a channel on the first free one of every other stream from `first` on.
    pub(super) fn open(&mut self, config: ChannelConfig, first: u16) -> Option<u16> {
        let (_, association) = self.association.as_mut().filter(|_| self.up)?;
        let open = &self.open;
        let free = (first..MAX_STREAMS).step_by(2).filter(|stream| !open.contains_key(stream));
        let stream = free.take(64).find(|stream| association.open_stream(*stream, Ppid::Unknown).is_ok())?;
        let request = dcep::write(&config);
        self.open.insert(stream, Channel { config, accepted: false });
        self.write(stream, Ppid::Dcep, &request);
        self.set_delivery(stream);
        Some(stream)
    }

    /// Sends a message; `false` when there is no such channel, or too much waits.
    pub(super) fn send(&mut self, stream: u16, bytes: &Bytes) -> bool {
        self.open.contains_key(&stream)
            && self.buffered(stream) < MAX_BUFFERED
            && self.write(stream, Ppid::Binary, bytes)
    }

    /// Bytes that wait on a channel, as a browser's `bufferedAmount`.
    pub(super) fn buffered(&mut self, stream: u16) -> usize {
        let stream = self.association.as_mut().and_then(|(_, association)| association.stream(stream).ok());
        stream.and_then(|stream| stream.buffered_amount().ok()).unwrap_or(0)
    }

    /// Closes a channel, once what waits was sent.
    pub(super) fn close(&mut self, stream: u16) {
        if let Some(mut stream) = self.association.as_mut().and_then(|(_, a)| a.stream(stream).ok()) {
            let _ = stream.close();
        }
    }

    pub(super) fn take_events(&mut self) -> Vec<ChannelEvent> {
        self.events.drain(..).collect()
    }

    fn tell(&mut self, event: ChannelEvent) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    fn write(&mut self, stream: u16, kind: Ppid, bytes: &Bytes) -> bool {
        let Some(mut stream) = self.association.as_mut().and_then(|(_, a)| a.stream(stream).ok()) else { return false };
        stream.set_default_payload_type(kind).is_ok() && stream.write_chunks(&mut [bytes.clone()]).is_ok()
    }

    fn set_delivery(&mut self, id: u16) {
        let Some(channel) = self.open.get(&id) else { return };
        let (kind, value) = match channel.config.effort {
            Effort::Reliable => (ReliabilityType::Reliable, 0),
            Effort::Retransmits(times) => (ReliabilityType::Rexmit, times),
            Effort::LifetimeMs(ms) => (ReliabilityType::Timed, ms),
        };
        let unordered = channel.accepted && !channel.config.ordered;
        if let Some(mut stream) = self.association.as_mut().and_then(|(_, a)| a.stream(id).ok()) {
            let _ = stream.set_reliability_params(unordered, kind, value);
        }
    }

    fn drain(&mut self) {
        while let Some((_, association)) = &mut self.association {
            while association.poll_endpoint_event().is_some() {}
            while association.accept_stream().is_some() {}
            match association.poll() {
                Some(Event::Connected) => {
                    self.up = true;
                    self.tell(ChannelEvent::Up);
                }
                Some(Event::HandshakeFailed { .. } | Event::AssociationLost { .. }) => {
                    self.association = None;
                    self.up = false;
                    self.open.clear();
                    self.tell(ChannelEvent::Lost);
                }
                Some(Event::Stream(StreamEvent::Readable { id })) => self.read(id),
                Some(Event::Stream(StreamEvent::Finished { id })) => {
                    if self.open.remove(&id).is_some() {
                        self.tell(ChannelEvent::Closed(id));
                    }
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    fn read(&mut self, id: u16) {
        while let Some((kind, bytes)) = self.read_one(id) {
            match kind {
                Ppid::Dcep => match dcep::read(&bytes) {
                    Some(dcep::Message::Open(config)) => {
                        self.open.insert(id, Channel { config: config.clone(), accepted: true });
                        self.write(id, Ppid::Dcep, &Bytes::from_static(&dcep::ACK));
                        self.tell(ChannelEvent::Opened(id, config));
                    }
                    Some(dcep::Message::Ack) => {
                        if let Some(channel) = self.open.get_mut(&id) {
                            channel.accepted = true;
                            self.set_delivery(id);
                            self.tell(ChannelEvent::Accepted(id));
                        }
                    }
                    None => {}
                },
                _ => self.tell(ChannelEvent::Message(id, bytes)),
            }
        }
    }

    fn read_one(&mut self, id: u16) -> Option<(Ppid, Bytes)> {
        let (_, association) = self.association.as_mut()?;
        let chunks = association.stream(id).ok()?.read_sctp().ok()??;
        let mut bytes = vec![0; chunks.len()];
        let len = chunks.read(&mut bytes).ok()?;
        bytes.truncate(len);
        Some((chunks.ppi, bytes.into()))
    }
}
