//! Data channels of a room that several workers share: a guest's channel is opened here in his name, and mirrored as any.

use super::message::Word;
use crate::api::PeerId;
use crate::engine::Engine;
use crate::keys::{ChannelKey, PeerKey};
use crate::room::Channel;
use crate::transport::dcep::Open;
use crate::transport::sctp::Kind;
use bytes::Bytes;
use std::time::Instant;

impl Engine {
    /// What a share that begins is told of a participant's channels.
    pub(super) fn about_channels(&self, peer: PeerKey) -> Vec<Word> {
        let Some(peer) = self.peers.get(peer) else { return Vec::new() };
        let own = peer.data.own_channels().filter_map(|key| Some((key, self.data.channels.get(key)?)));
        own.filter_map(|(key, channel)| self.about_channel(key, channel, peer.id)).collect()
    }

    fn about_channel(&self, key: ChannelKey, channel: &Channel, owner: PeerId) -> Option<Word> {
        let room = self.rooms.get(self.peers.get(channel.owner)?.room)?.id;
        // As he opened it, so that its audience is the same there.
        let open = Open { protocol: channel.asked.clone(), ..channel.open.clone() };
        Some(Word::ChannelOpened { room, owner, stream: channel.stream, at_home: key, open })
    }

    /// A participant of ours opened a channel.
    pub(in crate::engine) fn share_channel(&mut self, key: ChannelKey) {
        let Some(channel) = self.data.channels.get(key) else { return };
        let Some(owner) = self.peers.get(channel.owner).filter(|owner| owner.lives_on.is_none()) else { return };
        let room = owner.room;
        if self.is_shared(room)
            && let Some(word) = self.about_channel(key, channel, owner.id)
        {
            self.tell_shares(room, || word.clone());
        }
    }

    /// He closed it.
    pub(in crate::engine) fn share_channel_end(&mut self, channel: &Channel) {
        let Some(owner) = self.peers.get(channel.owner) else { return };
        if owner.lives_on.is_some() {
            self.shares.of_guests.channels -= 1;
            return;
        }
        let (room, owner, stream) = (owner.room, owner.id, channel.stream);
        self.tell_shares(room, || Word::ChannelClosed { owner, stream });
    }

    /// He said something on it.
    pub(in crate::engine) fn share_message(&mut self, key: ChannelKey, kind: Kind, bytes: &Bytes) {
        let Some(channel) = self.data.channels.get(key) else { return };
        let Some(owner) = self.peers.get(channel.owner).filter(|owner| owner.lives_on.is_none()) else { return };
        let (room, owner, stream) = (owner.room, owner.id, channel.stream);
        self.tell_shares(room, || Word::Said { owner, stream, kind, bytes: bytes.clone() });
    }

    /// A guest opened a channel: it is opened at everyone here whom it is for.
    pub(super) fn guest_opened(&mut self, guest: PeerKey, (stream, at_home): (u16, ChannelKey), open: Open) {
        let before = self.peers.get(guest).and_then(|peer| peer.data.own_channel(stream));
        before.into_iter().for_each(|before| self.close_channel(before));
        let Some(peer) = self.peers.get_mut(guest) else { return };
        let channel = Channel::new(guest, peer.id, stream, open);
        let channel = self.data.channels.insert(Channel { at_home: Some(at_home), ..channel });
        peer.data.own_stream(stream, channel);
        self.shares.of_guests.channels += 1;
        let room = peer.room;
        self.mirror_to_all(channel, room);
    }

    pub(super) fn guest_closed(&mut self, from: u8, owner: PeerId, stream: u16) {
        if let Some(channel) = self.guest_channel(from, owner, stream) {
            self.close_channel(channel);
        }
    }

    /// A guest said something. His worker holds him back where somebody here is too slow for him.
    pub(super) fn guest_said(
        &mut self,
        now: Instant,
        from: u8,
        owner: PeerId,
        stream: u16,
        (kind, bytes): (Kind, Bytes),
    ) {
        let Some(key) = self.guest_channel(from, owner, stream) else { return };
        self.relay(key, kind, &bytes);
        self.hold(now, key);
        self.note_held(key);
    }

    fn guest_channel(&self, from: u8, owner: PeerId, stream: u16) -> Option<ChannelKey> {
        let guest = self.peers.get(*self.shares.guests.get(&owner)?)?;
        guest.data.own_channel(stream).filter(|_| guest.lives_on == Some(from))
    }

    /// Tells a guest's worker whether anybody here holds his channel up, if that changed.
    pub(in crate::engine) fn note_held(&mut self, key: ChannelKey) {
        let owner = self.data.channels.get(key).and_then(|channel| self.peers.get(channel.owner));
        let Some(worker) = owner.and_then(|owner| owner.lives_on) else { return };
        let held = self.is_held(key);
        let Some(channel) = self.data.channels.get_mut(key) else { return };
        if std::mem::replace(&mut channel.told_held, held) != held
            && let Some(channel) = channel.at_home
        {
            self.tell(worker, Word::Held { channel, held });
        }
    }

    /// Another share holds a channel of ours up, or no longer.
    pub(super) fn held_elsewhere(&mut self, from: u8, channel: ChannelKey, held: bool) {
        let Some(channel) = self.data.channels.get_mut(channel) else { return };
        let owner = channel.owner;
        channel.held_by.retain(|worker| *worker != from);
        if held {
            channel.held_by.push(from);
        }
        self.touch_data(owner);
    }

    /// What a share held up that is gone goes on.
    pub(super) fn release_elsewhere(&mut self, peer: PeerKey, worker: u8) {
        let channels: Vec<_> = self.peers.get(peer).into_iter().flat_map(|p| p.data.own_channels()).collect();
        for channel in channels {
            let channel = self.data.channels.get_mut(channel);
            channel.into_iter().for_each(|channel| channel.held_by.retain(|other| *other != worker));
        }
        self.touch_data(peer);
    }
}
