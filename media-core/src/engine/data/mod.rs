//! Data channels of a room: what one participant opens and says is mirrored at the others.
//!
//! Work is done in turns: whatever touches a participant's association notes his name, and [`flush`](Engine::flush_data) gives
//! each of those noted a turn, until no one is left. So what a message leads to at others is done under their names, and a panic
//! there ends their session and not the sender's.

mod channels;
mod relay;

use super::Engine;
use crate::api::{DataDrop, DataLimits};
use crate::keys::{ChannelKey, PeerKey};
use crate::negotiate::ParsedOffer;
use crate::room::Channel;
use crate::transport::sctp::{BacklogLimits, Sctp, SctpEvent, SctpSettings};
use crate::transport::{Connection, DtlsRole};
use crate::wire::Outbox;
use relay::Budget;
use rustc_hash::FxHashMap;
use slotmap::SlotMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// The channels of an engine's rooms, and whose association wants a turn.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) channels: SlotMap<ChannelKey, Channel>,
    touched: Vec<PeerKey>,
}

/// What a participant has of data channels.
#[derive(Debug, Default)]
pub(super) struct PeerData {
    /// What his streams are; bounded by the limits of channels and of mirrors.
    streams: FxHashMap<u16, Stream>,
    /// His streams with messages that are not read yet; at most one entry for each stream of an association.
    unread: Vec<u16>,
    /// Mirrors that were closed and whose streams have not ended yet; at most one entry for each stream of an association.
    ending: Vec<Ending>,
    /// Channels whose senders wait until he has caught up, and since when; at most one entry for each of his mirrors.
    holding: Vec<(ChannelKey, Instant)>,
    budget: Budget,
    /// He is among those noted for a turn.
    is_touched: bool,
}

/// A mirror that was closed while what it was sent may be on its way yet.
#[derive(Debug, Clone, Copy)]
struct Ending {
    channel: ChannelKey,
    stream: u16,
    /// The channel is to be opened once more when the stream has ended.
    again: bool,
}

/// What a stream of a participant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// A channel that he opened.
    Own(ChannelKey),
    /// Another's channel.
    Mirror(ChannelKey),
}

impl PeerData {
    /// Whether he said nothing since his budget was filled, and holds nobody back.
    pub(super) fn is_quiet(&self, limits: &DataLimits) -> bool {
        self.holding.is_empty() && self.budget == Budget::full(limits)
    }

    /// The channels that he opened.
    pub(super) fn own_channels(&self) -> impl Iterator<Item = ChannelKey> + '_ {
        self.streams.values().filter_map(|stream| match stream {
            Stream::Own(channel) => Some(*channel),
            Stream::Mirror(_) => None,
        })
    }

    /// The channel that he opened on a stream.
    pub(super) fn own_channel(&self, stream: u16) -> Option<ChannelKey> {
        match self.streams.get(&stream)? {
            Stream::Own(channel) => Some(*channel),
            Stream::Mirror(_) => None,
        }
    }

    /// Notes a channel as his.
    pub(super) fn own_stream(&mut self, stream: u16, channel: ChannelKey) {
        self.streams.insert(stream, Stream::Own(channel));
    }

    fn own(&self) -> usize {
        self.streams.values().filter(|stream| matches!(stream, Stream::Own(_))).count()
    }

    fn note_unread(&mut self, stream: u16) {
        if !self.unread.contains(&stream) {
            self.unread.push(stream);
        }
    }
}

impl Engine {
    /// Begins or ends a participant's association, as his offer says.
    pub(super) fn take_data(&mut self, key: PeerKey, offer: &ParsedOffer) {
        let wanted = offer.sections.iter().find_map(|section| section.data);
        let limits = &self.config.limits.data;
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(transport) = peer.transport.as_mut().and_then(Connection::session_mut) else { return };
        match (wanted, transport.sctp.is_some()) {
            (Some(section), false) => {
                peer.data.budget = Budget::full(limits);
                transport.start_sctp(SctpSettings {
                    active: transport.role() == DtlsRole::Active,
                    remote_port: section.sctp_port,
                    remote_message_bytes: section.max_message_bytes,
                    message_bytes: limits.message_bytes,
                    channels: limits.channels_per_peer,
                    streams: limits.channels_per_peer.saturating_add(limits.mirrors_per_peer),
                    window_bytes: limits.window_bytes.max(limits.message_bytes),
                    backlog: BacklogLimits {
                        stream_bytes: limits.backlog_bytes_per_channel,
                        total_bytes: limits.backlog_bytes_per_peer,
                    },
                });
            }
            (None, true) => {
                transport.sctp = None;
                self.forget_data(key);
            }
            _ => {}
        }
    }

    /// Notes that a participant's association wants a turn.
    pub(super) fn touch_data(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let has_data = peer.transport.as_ref().is_some_and(|t| t.sctp().is_some());
        if has_data && !std::mem::replace(&mut peer.data.is_touched, true) {
            self.data.touched.push(key);
        }
    }

    /// Gives everyone noted his turn. It ends: a turn notes others only when it moves a message, and reads or sends all it may.
    pub(super) fn flush_data(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(key) = self.data.touched.pop() {
            if let Some(peer) = self.peers.get_mut(key) {
                peer.data.is_touched = false;
                let done = catch_unwind(AssertUnwindSafe(|| self.take_turn(now, key, out)));
                if done.is_err() {
                    self.panicked(Some(key), out);
                }
            }
        }
    }

    fn take_turn(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        while let Some(event) = self.sctp(key).and_then(Sctp::poll_event) {
            self.data_event(key, event);
        }
        self.release_senders(key);
        self.read_data(now, key);
        let Some(peer) = self.peers.get_mut(key) else { return };
        if !peer.data.is_quiet(&self.config.limits.data) {
            self.rouse(now, key);
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(transport) = &mut peer.transport else { return };
        let changes = transport.drain_sctp(now, key.flow(), out);
        let has_news = transport.sctp().is_some_and(Sctp::has_event);
        peer.timers.transport_at = transport.next_deadline(now);
        self.arm(key);
        if has_news {
            self.touch_data(key);
        }
        for change in changes {
            self.transport_changed(now, key, change, out);
        }
    }

    fn data_event(&mut self, key: PeerKey, event: SctpEvent) {
        match event {
            SctpEvent::Up => self.mirror_all_to(key),
            SctpEvent::Readable(stream) => {
                if let Some(peer) = self.peers.get_mut(key) {
                    peer.data.note_unread(stream);
                }
            }
            SctpEvent::Finished(stream) => self.stream_finished(key, stream),
            SctpEvent::Lost => {
                self.totals.data_dropped(DataDrop::AssociationLost);
                self.forget_data(key);
            }
        }
    }

    /// A participant's association, while there is one.
    fn sctp(&mut self, key: PeerKey) -> Option<&mut Sctp> {
        self.peers.get_mut(key)?.transport.as_mut()?.sctp_mut()
    }
}
