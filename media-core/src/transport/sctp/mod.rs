//! An SCTP association over DTLS (RFC 8261, RFC 8831), by `sctp-proto`, with what that leaves open closed: how many chunks are
//! held for a client ([`census`]), how many streams he may reset ([`resets`]), and how much waits on its way to him ([`backlog`]).
//!
//! The library takes its verification tags, cookies and first TSNs from the process's random source, and where we open the
//! association, the first time-out counts from the system's clock: neither can be handed in. Everything else follows `now`.

mod backlog;
mod census;
mod deferred;
mod resets;
#[cfg(test)]
mod tests;

pub(crate) use backlog::BacklogLimits;
#[cfg(feature = "fuzzing")]
pub(crate) use deferred::seal;

use super::dcep::{ACK_MESSAGE, Delivery, Effort, Open};
use crate::api::DropCause;
use backlog::Backlog;
use bytes::Bytes;
use census::{Census, MAX_STREAMS, Verdict};
use deferred::Deferred;
use resets::{NotNow, Resets};
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppid, ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// What an association is set up from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SctpSettings {
    /// We send the INIT: the part of the DTLS client. Browsers send one in any case.
    pub(crate) active: bool,
    /// The client's SCTP port (RFC 8841 section 5).
    pub(crate) remote_port: u16,
    /// Longest message that the client takes (RFC 8841 section 6).
    pub(crate) remote_message_bytes: u32,
    /// Longest message that we take.
    pub(crate) message_bytes: u32,
    /// What may be received and not yet read: the receive window.
    pub(crate) window_bytes: u32,
    /// Channels that the client may open.
    pub(crate) channels: usize,
    /// Streams that the client may have: his own channels and those of others.
    pub(crate) streams: usize,
    pub(crate) backlog: BacklogLimits,
}

/// What an association tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SctpEvent {
    /// Channels can be opened.
    Up,
    /// There are messages to [`read`](Sctp::read).
    Readable(u16),
    /// The client reset the stream, and everything that he sent on it was read; or our own reset is done.
    Finished(u16),
    /// The association is over; there will be no other in its place.
    Lost,
}

/// What a message is (RFC 8831 section 8).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Of the establishment protocol.
    Dcep,
    /// A user's: text or binary, empty or not. Empty ones carry a byte that means nothing.
    User(Ppid),
}

/// A message that came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// `None` for a payload protocol that is none of ours.
    pub(crate) kind: Option<Kind>,
    pub(crate) bytes: Bytes,
}

/// Why a message was not taken for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// It is longer than the client takes.
    TooLong,
    /// The stream or the association is over.
    Closed,
}

/// User bytes in one packet: 1,200 in a datagram, less 37 of a DTLS 1.2 record with AES-GCM and 28 of SCTP, and a multiple of 4.
const MAX_PAYLOAD: u32 = 1_132;
/// The longest wait before something is sent again. RFC 9260 has a minute: then a client whose network was away for half of one
/// would wait for the other half. libwebrtc waits 3 s at the longest too.
const RTO_MAX_MS: u64 = 3_000;
/// The library wants an address to tell its associations apart; ours has one.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5_000);

/// The association with one client.
pub(crate) struct Sctp {
    settings: SctpSettings,
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    state: State,
    census: Census,
    resets: Resets,
    deferred: Deferred,
    backlog: Backlog,
    /// Where the search for a free stream of ours begins: one that was reset a moment ago is left alone for as long as there are others,
    /// as its end may still be under way to either side.
    next_of_ours: u16,
    events: VecDeque<SctpEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Up,
    Lost,
}

fn transport_config(settings: &SctpSettings) -> Arc<TransportConfig> {
    Arc::new(
        TransportConfig::default()
            .with_max_receive_buffer_size(settings.window_bytes)
            .with_max_receive_message_size(settings.message_bytes)
            .with_max_send_message_size(u32::MAX)
            .with_max_num_inbound_streams(MAX_STREAMS)
            .with_max_num_outbound_streams(MAX_STREAMS)
            .with_remote_port(settings.remote_port)
            .with_rto_max_ms(RTO_MAX_MS)
            // Whether the client is there is for ICE to say, not for a count of retransmissions.
            .with_max_init_retransmits(None)
            .with_max_data_retransmits(None),
    )
}

impl Sctp {
    pub(crate) fn new(settings: SctpSettings) -> Self {
        let mut config = EndpointConfig::new();
        config.max_payload_size(MAX_PAYLOAD);
        let mut server = ServerConfig::new();
        server.transport = transport_config(&settings);
        Self {
            endpoint: Endpoint::new(Arc::new(config), Some(Arc::new(server))),
            association: None,
            state: State::Opening,
            census: Census::default(),
            resets: Resets::new(settings.streams),
            deferred: Deferred::default(),
            backlog: Backlog::new(settings.backlog),
            next_of_ours: 0,
            events: VecDeque::new(),
            settings,
        }
    }

    /// DTLS is up: opens the association, if that is our part.
    pub(crate) fn start(&mut self) {
        if self.settings.active && self.association.is_none() && self.state == State::Opening {
            let mut config = ClientConfig::new();
            config.transport = transport_config(&self.settings);
            self.association = self.endpoint.connect(config, NOWHERE).ok();
            self.endpoint.reject_new_associations();
        }
    }

    /// Takes a packet that came within DTLS; why not, when it was refused.
    pub(crate) fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), DropCause> {
        if self.state == State::Lost {
            return Err(DropCause::BadSctp);
        }
        let reset = match self.resets.arrives(packet, now) {
            Ok(reset) => reset,
            Err(NotNow::Malformed) => return Err(DropCause::BadSctp),
            Err(NotNow::Later) => return Err(DropCause::SctpBacklog),
            Err(NotNow::Never) => {
                self.lose();
                return Err(DropCause::SctpBacklog);
            }
        };
        match self.census.arrives(packet, self.state == State::Up) {
            Verdict::Pass => {}
            Verdict::Malformed => return Err(DropCause::BadSctp),
            Verdict::TooMuchHeld => return Err(DropCause::SctpBacklog),
        }
        let packet = deferred::unanswering(packet).map_or_else(|| Bytes::copy_from_slice(packet), Bytes::from);
        let taken = self.endpoint.handle(now, NOWHERE, None, None, packet);
        match (taken, &mut self.association) {
            (Some((handle, DatagramEvent::NewAssociation(association))), none @ None) => {
                *none = Some((handle, association));
                // One is all that a client has: INITs under ever new tags would have the library remember each.
                self.endpoint.reject_new_associations();
            }
            (Some((_, DatagramEvent::AssociationEvent(event))), Some((_, association))) => {
                association.handle_event(event);
            }
            _ => return Err(DropCause::BadSctp),
        }
        if let (Some(reset), Some((_, association))) = (reset, &self.association) {
            self.resets.note(&reset, &association.stream_ids());
        }
        self.drain();
        self.refresh();
        Ok(())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.next_deadline().is_some_and(|at| at <= now)
            && let Some((_, association)) = &mut self.association
        {
            association.handle_timeout(now);
            self.drain();
            self.refresh();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.association.as_ref().and_then(|(_, association)| association.poll_timeout())
    }

    /// Hands out every packet that is due.
    pub(crate) fn poll_transmit(&mut self, now: Instant, mut send: impl FnMut(&[u8])) {
        let Some((_, association)) = &mut self.association else { return };
        while let Some(transmit) = association.poll_transmit(now) {
            let Payload::RawEncode(packets) = transmit.payload else { continue };
            for packet in packets {
                self.census.leaves(&packet, self.settings.window_bytes);
                self.resets.leaves(&packet);
                match self.deferred.mend(&packet) {
                    Some(mended) => send(&mended),
                    None => send(&packet),
                }
            }
        }
        // Messages may have run out of their time just now.
        self.drain();
        self.refresh();
        if self.state == State::Lost {
            // What was to be said of its end is said.
            self.association = None;
        }
    }

    pub(crate) fn poll_event(&mut self) -> Option<SctpEvent> {
        self.events.pop_front()
    }

    pub(crate) fn has_event(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Takes the next message of a stream.
    pub(crate) fn read(&mut self, stream: u16) -> Option<Message> {
        let (_, association) = self.association.as_mut()?;
        let chunks = association.stream(stream).ok()?.read_sctp().ok()??;
        self.census.taken(chunks.chunks.len());
        let mut bytes = vec![0; chunks.len()];
        // The buffer is as long as what is read into it.
        let _ = chunks.read(&mut bytes);
        let kind = match chunks.ppi {
            Ppid::Dcep => Some(Kind::Dcep),
            Ppid::Unknown => None,
            user @ (Ppid::String | Ppid::Binary | Ppid::StringEmpty | Ppid::BinaryEmpty) => Some(Kind::User(user)),
        };
        self.drain();
        Some(Message { kind, bytes: bytes.into() })
    }

    /// Opens a channel to the client (RFC 8832 section 6); gives its stream. [`Unsent::Closed`] when they are all in use, too.
    pub(crate) fn open(&mut self, open: &Open) -> Result<u16, Unsent> {
        if self.state != State::Up {
            return Err(Unsent::Closed);
        }
        let request = Bytes::from(open.write());
        // A stream that is open without it could neither be used nor be told to the client.
        self.check_length(&request)?;
        let first = self.first_of_ours();
        let (_, association) = self.association.as_mut().ok_or(Unsent::Closed)?;
        let next = self.next_of_ours.max(first);
        let in_turn = (next..MAX_STREAMS).step_by(2).chain((first..next).step_by(2));
        let opened = in_turn.into_iter().find_map(|stream| {
            // One whose reset is under way is not free yet, and opening it fails.
            let free = !self.backlog.has(stream);
            let opened = free.then(|| association.open_stream(stream, Ppid::Unknown).ok())??;
            Some((stream, opened.stats().ok()?.generation))
        });
        let (stream, generation) = opened.ok_or(Unsent::Closed)?;
        self.next_of_ours = stream.saturating_add(2);
        self.backlog.add(stream, generation);
        if let Err(unsent) = self.write(stream, Kind::Dcep, &request, true) {
            self.close(stream);
            return Err(unsent);
        }
        // RFC 8832 section 6: in order, until the client has answered.
        self.set_delivery(stream, Delivery { ordered: true, ..open.delivery });
        Ok(stream)
    }

    /// The lowest stream that we open. RFC 8832 section 6 gives the even ones to the DTLS client and the odd ones to its server.
    /// libwebrtc guesses while it waits for an answer, and as the one who offered it takes itself for the server: so of ours, the
    /// low ones are left to the client, as many as he has channels.
    fn first_of_ours(&self) -> u16 {
        let left = u16::try_from(self.settings.channels.saturating_mul(2)).unwrap_or(u16::MAX).min(MAX_STREAMS / 2);
        left.next_multiple_of(2) + u16::from(!self.settings.active)
    }

    /// Whether a stream is one that only we open.
    pub(crate) fn is_ours(&self, stream: u16) -> bool {
        let first = self.first_of_ours();
        stream >= first && stream % 2 == first % 2
    }

    /// What a stream promises from the next message on.
    pub(crate) fn set_delivery(&mut self, stream: u16, delivery: Delivery) {
        let (kind, value) = match delivery.effort {
            Effort::Reliable => (ReliabilityType::Reliable, 0),
            Effort::Retransmits(times) => (ReliabilityType::Rexmit, times),
            Effort::LifetimeMs(ms) => (ReliabilityType::Timed, ms),
        };
        if let Some(mut stream) = self.association.as_mut().and_then(|(_, a)| a.stream(stream).ok()) {
            // It fails for a stream that is gone, and that one is here.
            let _ = stream.set_reliability_params(!delivery.ordered, kind, value);
        }
    }

    /// Queues a message; `in_line` when its stream is ordered and reliable. Whoever writes asks [`is_full`](Self::is_full) first.
    pub(crate) fn write(&mut self, stream: u16, kind: Kind, bytes: &Bytes, in_line: bool) -> Result<(), Unsent> {
        self.check_length(bytes)?;
        let (_, association) = self.association.as_mut().ok_or(Unsent::Closed)?;
        let ppid = match kind {
            Kind::Dcep => Ppid::Dcep,
            Kind::User(ppid) => ppid,
        };
        let mut open = association.stream(stream).map_err(|_| Unsent::Closed)?;
        open.set_default_payload_type(ppid).map_err(|_| Unsent::Closed)?;
        // Every receiver's queue shares the same bytes.
        open.write_chunks(&mut [bytes.clone()]).map_err(|_| Unsent::Closed)?;
        if let Ok(stats) = open.stats() {
            self.backlog.add(stream, stats.generation);
        }
        self.backlog.wrote(stream, bytes.len(), in_line || kind == Kind::Dcep);
        Ok(())
    }

    /// Acknowledges a channel that the client opened (RFC 8832 section 5.2); later, where the stream was in use before and he has not answered
    /// our reset of it yet: his answer may have got lost, with the channel opened behind it.
    pub(crate) fn acknowledge(&mut self, stream: u16) -> Result<(), Unsent> {
        let (_, association) = self.association.as_mut().ok_or(Unsent::Closed)?;
        if self.resets.are_unanswered() && association.stream(stream).is_ok_and(|open| !open.is_writable()) {
            self.resets.owe(stream);
            return Ok(());
        }
        self.write(stream, Kind::Dcep, &Bytes::from_static(&ACK_MESSAGE), true)
    }

    fn check_length(&self, bytes: &Bytes) -> Result<(), Unsent> {
        // RFC 8841 section 6: 0 is without a limit.
        let longest = self.settings.remote_message_bytes;
        let fits = longest == 0 || bytes.len() <= longest as usize;
        fits.then_some(()).ok_or(Unsent::TooLong)
    }

    /// Whether so much waits on a stream, or on all of them, that nothing more should be written there.
    pub(crate) fn is_full(&self, stream: u16) -> bool {
        self.backlog.is_full(stream)
    }

    /// Whether a stream that was full has room for a good while.
    pub(crate) fn is_drained(&self, stream: u16) -> bool {
        self.backlog.is_drained(stream)
    }

    /// Resets a stream (RFC 8831 section 6.7), once everything written to it was acknowledged.
    pub(crate) fn close(&mut self, stream: u16) {
        if let Some(mut stream) = self.association.as_mut().and_then(|(_, a)| a.stream(stream).ok()) {
            let _ = stream.close();
        }
    }

    /// Gives the association up.
    fn lose(&mut self) {
        self.association = None;
        self.state = State::Lost;
        self.events.push_back(SctpEvent::Lost);
    }

    /// Takes over what the association tells.
    fn drain(&mut self) {
        let Some((_, association)) = &mut self.association else { return };
        // The library's own book of associations is of no use with one of them.
        while association.poll_endpoint_event().is_some() {}
        // Nor is its list of streams that the client opened: their messages tell.
        while association.accept_stream().is_some() {}
        let mut owed = Vec::new();
        while let Some(event) = association.poll() {
            match event {
                Event::Connected => {
                    self.state = State::Up;
                    self.events.push_back(SctpEvent::Up);
                }
                Event::HandshakeFailed { .. } | Event::AssociationLost { .. } if self.state != State::Lost => {
                    self.state = State::Lost;
                    self.events.push_back(SctpEvent::Lost);
                }
                Event::Stream(StreamEvent::Readable { id }) => {
                    let event = SctpEvent::Readable(id);
                    if !self.events.contains(&event) {
                        self.events.push_back(event);
                    }
                }
                Event::Stream(StreamEvent::Finished { id }) => {
                    self.backlog.remove(id);
                    self.resets.finished(id);
                    self.events.push_back(SctpEvent::Finished(id));
                }
                Event::Stream(StreamEvent::ResetComplete { id } | StreamEvent::ResetFailed { id, .. }) => {
                    owed.extend(self.resets.answered(id).then_some(id));
                }
                _ => {}
            }
        }
        for stream in owed {
            // It fails with the stream, and of that the client hears in any case.
            let _ = self.acknowledge(stream);
        }
    }

    /// Asks the library what is waiting yet.
    fn refresh(&mut self) {
        let Some((_, association)) = &mut self.association else { return };
        for (stream, generation) in self.backlog.waiting() {
            let Ok(open) = association.stream(stream) else { continue };
            if let (Ok(stats), Ok(buffered)) = (open.stats(), open.buffered_amount())
                && stats.generation == generation
            {
                self.backlog.refresh(stream, buffered);
            }
        }
    }
}

impl std::fmt::Debug for Sctp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sctp").field("state", &self.state).finish_non_exhaustive()
    }
}
