//! Messages pass from a sender to the mirrors of his channel. Nothing is read that could not be written: what a receiver is too
//! slow for stays in the sender's window, and when that is full, with the sender.

use super::super::Engine;
use super::Stream;
use crate::api::{DataDrop, DataLimits};
use crate::keys::{ChannelKey, PeerKey};
use crate::transport::sctp::{Kind, Message, Unsent};
use bytes::Bytes;
use std::time::Instant;

/// What a participant may still say in this second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Budget {
    messages: u32,
    bytes: u32,
}

impl Budget {
    pub(super) fn full(limits: &DataLimits) -> Self {
        Self { messages: limits.messages_per_s, bytes: limits.bytes_per_s }
    }

    fn is_spent(self) -> bool {
        self.messages == 0 || self.bytes == 0
    }

    /// Takes a message out; the last one may be longer than what is left.
    fn spend(&mut self, len_bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(u32::try_from(len_bytes).unwrap_or(u32::MAX));
    }
}

impl Engine {
    /// Reads what a participant has sent, as far as it can go on.
    pub(super) fn read_data(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        for stream in std::mem::take(&mut peer.data.unread) {
            while self.may_read(now, key, stream) {
                let Some(message) = self.sctp(key).and_then(|sctp| sctp.read(stream)) else { break };
                self.take_message(key, stream, &message);
            }
        }
    }

    /// Whether the next message of a stream can be taken; if not, it is noted for when it can.
    fn may_read(&mut self, now: Instant, key: PeerKey, stream: u16) -> bool {
        let Some(peer) = self.peers.get_mut(key) else { return false };
        let is_what = peer.data.streams.get(&stream).copied();
        if peer.data.budget.is_spent() {
            peer.data.note_unread(stream);
            return false;
        }
        let Some(Stream::Own(channel)) = is_what else { return true };
        let is_held = self.hold(now, channel);
        if is_held && let Some(peer) = self.peers.get_mut(key) {
            peer.data.note_unread(stream);
        }
        !is_held
    }

    /// Whether a reliable channel waits for a receiver; notes at each who is full that it waits for him.
    pub(in super::super) fn hold(&mut self, now: Instant, key: ChannelKey) -> bool {
        let Some(channel) = self.data.channels.get(key).filter(|channel| channel.is_reliable()) else { return false };
        let mut is_held = !channel.held_by.is_empty();
        for mirror in &channel.mirrors {
            let Some(peer) = self.peers.get_mut(mirror.peer) else { continue };
            let sctp = peer.transport.as_ref().and_then(|t| t.sctp());
            if sctp.is_some_and(|sctp| sctp.is_full(mirror.stream)) {
                is_held = true;
                if !peer.data.holding.iter().any(|(held, _)| *held == key) {
                    peer.data.holding.push((key, now));
                }
            }
        }
        is_held
    }

    /// Whether a reliable channel waits for a receiver here.
    pub(in super::super) fn is_held(&self, key: ChannelKey) -> bool {
        let Some(channel) = self.data.channels.get(key).filter(|channel| channel.is_reliable()) else { return false };
        channel.mirrors.iter().any(|mirror| {
            let peer = self.peers.get(mirror.peer);
            let sctp = peer.and_then(|peer| peer.transport.as_ref()?.sctp());
            sctp.is_some_and(|sctp| sctp.is_full(mirror.stream))
        })
    }

    fn take_message(&mut self, key: PeerKey, stream: u16, message: &Message) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.data.budget.spend(message.bytes.len());
        self.totals.data_messages_in += 1;
        match (message.kind, peer.data.streams.get(&stream).copied()) {
            (Some(Kind::Dcep), _) => self.dcep(key, stream, &message.bytes),
            (Some(kind @ Kind::User(_)), Some(Stream::Own(channel))) => {
                self.relay(channel, kind, &message.bytes);
                self.share_message(channel, kind, &message.bytes);
            }
            (Some(Kind::User(_)), Some(Stream::Mirror(_))) => self.totals.data_dropped(DataDrop::Reply),
            _ => self.totals.data_dropped(DataDrop::UnknownStream),
        }
    }

    /// Sends a message to everyone who has a mirror of its channel.
    pub(in super::super) fn relay(&mut self, key: ChannelKey, kind: Kind, bytes: &Bytes) {
        let Some(channel) = self.data.channels.get(key) else { return };
        let (is_reliable, is_in_line) = (channel.is_reliable(), channel.is_in_line());
        for mirror in &channel.mirrors {
            let Some(peer) = self.peers.get_mut(mirror.peer) else { continue };
            let Some(sctp) = peer.transport.as_mut().and_then(|t| t.sctp_mut()) else { continue };
            if !is_reliable && sctp.is_full(mirror.stream) {
                self.totals.data_dropped(DataDrop::BacklogFull);
                continue;
            }
            match sctp.write(mirror.stream, kind, bytes, is_in_line) {
                Ok(()) => {
                    self.totals.data_messages_out += 1;
                    self.totals.data_bytes_out += bytes.len() as u64;
                    if !std::mem::replace(&mut peer.data.is_touched, true) {
                        self.data.touched.push(mirror.peer);
                    }
                }
                Err(Unsent::TooLong) => self.totals.data_dropped(DataDrop::TooLong),
                // Its end is on the way to us.
                Err(Unsent::Closed) => {}
            }
        }
    }

    /// Lets those go on who waited for this participant, where he has caught up.
    pub(super) fn release_senders(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(sctp) = peer.transport.as_ref().and_then(|t| t.sctp()) else { return };
        let mut released = Vec::new();
        peer.data.holding.retain(|(held, _)| {
            let Some(channel) = self.data.channels.get(*held) else { return false };
            let is_drained = channel.stream_at(key).is_none_or(|stream| sctp.is_drained(stream));
            if is_drained {
                released.push((*held, channel.owner));
            }
            !is_drained
        });
        for (channel, owner) in released {
            self.touch_data(owner);
            self.note_held(channel);
        }
    }

    /// Once a second: everyone may speak again, and who held others back for too long loses his mirror.
    pub(in super::super) fn tick_data(&mut self, now: Instant, key: PeerKey) {
        let limits = &self.config.limits.data;
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.data.budget = Budget::full(limits);
        let is_overdue = |since: Instant| now.saturating_duration_since(since) >= limits.stall;
        let overdue: Vec<_> =
            peer.data.holding.iter().filter(|(_, since)| is_overdue(*since)).map(|(channel, _)| *channel).collect();
        for channel in overdue {
            self.drop_mirror(channel, key);
        }
    }
}
