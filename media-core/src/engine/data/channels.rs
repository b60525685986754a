//! Channels come and go: opened in band, mirrored, closed at every end when they are closed at the first.

use super::super::Engine;
use super::{Ending, Stream};
use crate::api::DataDrop;
use crate::keys::{ChannelKey, PeerKey, RoomKey};
use crate::room::{Channel, Mirror};
use crate::transport::dcep::{Message, Open};
use crate::transport::sctp::Unsent;

impl Engine {
    /// Takes a message of the establishment protocol.
    pub(super) fn dcep(&mut self, key: PeerKey, stream: u16, bytes: &[u8]) {
        let limits = &self.config.limits.data;
        let is_what = self.peers.get(key).and_then(|peer| peer.data.streams.get(&stream)).copied();
        match (Message::read(bytes, limits.label_bytes, limits.protocol_bytes), is_what) {
            (Ok(Message::Open(open)), None) => {
                if let Err(cause) = self.open_channel(key, stream, open) {
                    self.refuse_stream(key, stream, cause);
                }
            }
            (Ok(Message::Ack), Some(Stream::Mirror(channel))) => {
                // RFC 8832 section 6: from now on messages may overtake each other.
                let delivery = self.data.channels.get(channel).map(|channel| channel.open.delivery);
                if let (Some(delivery), Some(sctp)) = (delivery, self.sctp(key)) {
                    sctp.set_delivery(stream, delivery);
                }
            }
            (Ok(Message::Ack), _) => self.totals.data_dropped(DataDrop::UnknownStream),
            (Ok(Message::Open(_)) | Err(_), Some(Stream::Own(channel))) => {
                self.close_channel(channel);
                self.refuse_stream(key, stream, DataDrop::BadOpen);
            }
            (Ok(Message::Open(_)) | Err(_), Some(Stream::Mirror(_))) => self.totals.data_dropped(DataDrop::BadOpen),
            (Err(_), None) => self.refuse_stream(key, stream, DataDrop::BadOpen),
        }
    }

    fn refuse_stream(&mut self, key: PeerKey, stream: u16, cause: DataDrop) {
        self.totals.data_dropped(cause);
        if let Some(sctp) = self.sctp(key) {
            sctp.close(stream);
        }
    }

    fn open_channel(&mut self, key: PeerKey, stream: u16, open: Open) -> Result<(), DataDrop> {
        let limit = self.config.limits.data.channels_per_peer;
        let peer = self.peers.get_mut(key).ok_or(DataDrop::BadOpen)?;
        let sctp = peer.transport.as_mut().and_then(|t| t.sctp_mut()).ok_or(DataDrop::BadOpen)?;
        if !peer.permissions.publish {
            return Err(DataDrop::MayNotPublish);
        }
        if sctp.is_ours(stream) {
            return Err(DataDrop::BadOpen);
        }
        if peer.data.own() >= limit {
            return Err(DataDrop::TooManyChannels);
        }
        sctp.acknowledge(stream).map_err(|_| DataDrop::BadOpen)?;
        let channel = self.data.channels.insert(Channel::new(key, peer.id, stream, open));
        peer.data.streams.insert(stream, Stream::Own(channel));
        let room = peer.room;
        self.mirror_to_all(channel, room);
        self.share_channel(channel);
        Ok(())
    }

    /// Opens a channel at everyone in the room who is to have it.
    pub(in super::super) fn mirror_to_all(&mut self, channel: ChannelKey, room: RoomKey) {
        for other in self.rooms.get(room).map(|room| room.peers.clone()).unwrap_or_default() {
            self.mirror(channel, other);
        }
    }

    /// Gives one who has just come every channel that is open in his room.
    pub(super) fn mirror_all_to(&mut self, key: PeerKey) {
        let room = self.peers.get(key).map(|peer| peer.room);
        for channel in room.map(|room| self.channels_in(room)).unwrap_or_default() {
            self.mirror(channel, key);
        }
    }

    /// Opens the channels at one receiver whose owners he knows of now, and closes those whose owners he may not know of any more;
    /// `before` is what [`Engine::known_of`] gave.
    pub(in super::super) fn match_mirrors(&mut self, at: PeerKey, channels: &[ChannelKey], before: &[ChannelKey]) {
        let now = self.known_of(at, channels);
        for channel in before.iter().filter(|channel| !now.contains(channel)) {
            self.close_mirror(*channel, at);
        }
        for channel in now.into_iter().filter(|channel| !before.contains(channel)) {
            self.mirror(channel, at);
        }
    }

    /// Those channels of his room whose owners a participant may know of.
    pub(in super::super) fn known_of(&self, at: PeerKey, channels: &[ChannelKey]) -> Vec<ChannelKey> {
        channels.iter().copied().filter(|channel| self.may_have(*channel, at)).collect()
    }

    /// Every channel that is open in a room.
    pub(in super::super) fn channels_in(&self, room: RoomKey) -> Vec<ChannelKey> {
        let Some(room) = self.rooms.get(room) else { return Vec::new() };
        let owners = room.everyone().filter_map(|peer| self.peers.get(peer));
        let mut channels: Vec<(ChannelKey, u16)> = Vec::new();
        for owner in owners {
            let before = channels.len();
            channels.extend(owner.data.streams.iter().filter_map(|(number, stream)| match stream {
                Stream::Own(channel) => Some((*channel, *number)),
                Stream::Mirror(_) => None,
            }));
            channels[before..].sort_unstable_by_key(|(_, number)| *number);
        }
        channels.into_iter().map(|(channel, _)| channel).collect()
    }

    /// Whether a receiver may know of a channel's owner.
    fn may_have(&self, key: ChannelKey, at: PeerKey) -> bool {
        let owner = self.data.channels.get(key).and_then(|channel| self.peers.get(channel.owner));
        let (Some(owner), Some(peer)) = (owner, self.peers.get(at)) else { return false };
        self.rooms.get(peer.room).is_some_and(|room| room.standings.knows(peer.id, owner.id))
    }

    /// Opens a channel at one receiver, if he is to have it.
    fn mirror(&mut self, key: ChannelKey, at: PeerKey) {
        if !self.may_have(key, at) {
            return;
        }
        let limit = self.config.limits.data.mirrors_per_peer;
        let (Some(channel), Some(peer)) = (self.data.channels.get_mut(key), self.peers.get_mut(at)) else { return };
        if channel.owner == at || !peer.permissions.subscribe || !channel.audience.includes(peer.id) {
            return;
        }
        // Streams do not wait for each other: what was said before he lost the channel would come after what is said now.
        if let Some(ending) = peer.data.ending.iter_mut().find(|ending| ending.channel == key) {
            ending.again = true;
            return;
        }
        let Some(sctp) = peer.transport.as_mut().and_then(|t| t.sctp_mut()).filter(|sctp| sctp.is_up()) else {
            return;
        };
        let mirrors = peer.data.streams.len() - peer.data.own();
        let opened = if mirrors < limit { sctp.open(&channel.open) } else { Err(Unsent::Closed) };
        let stream = match opened {
            Ok(stream) => stream,
            Err(Unsent::TooLong) => return self.totals.data_dropped(DataDrop::TooLong),
            Err(Unsent::Closed) => return self.totals.data_dropped(DataDrop::TooManyMirrors),
        };
        channel.mirrors.push(Mirror { peer: at, stream });
        peer.data.streams.insert(stream, Stream::Mirror(key));
        self.touch_data(at);
    }

    /// A client reset one of his streams, or what we reset is done.
    pub(super) fn stream_finished(&mut self, key: PeerKey, stream: u16) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        match peer.data.streams.get(&stream).copied() {
            Some(Stream::Own(channel)) => self.close_channel(channel),
            Some(Stream::Mirror(channel)) => self.forget_mirror(channel, key),
            None => self.mirror_ended(key, stream),
        }
    }

    /// A mirror that was closed is gone at its receiver too.
    fn mirror_ended(&mut self, at: PeerKey, stream: u16) {
        let Some(peer) = self.peers.get_mut(at) else { return };
        let Some(index) = peer.data.ending.iter().position(|ending| ending.stream == stream) else { return };
        let ended = peer.data.ending.swap_remove(index);
        if ended.again {
            self.mirror(ended.channel, at);
        }
    }

    /// Closes a channel at everyone who has a mirror of it, and forgets it. Its owner's stream is his to close.
    pub(in super::super) fn close_channel(&mut self, key: ChannelKey) {
        let Some(channel) = self.data.channels.remove(key) else { return };
        self.share_channel_end(&channel);
        if let Some(owner) = self.peers.get_mut(channel.owner) {
            owner.data.streams.remove(&channel.stream);
            owner.data.unread.retain(|stream| *stream != channel.stream);
        }
        for Mirror { peer, stream } in channel.mirrors {
            if let Some(peer) = self.peers.get_mut(peer) {
                peer.data.streams.remove(&stream);
                peer.data.holding.retain(|(held, _)| *held != key);
            }
            self.sctp(peer).into_iter().for_each(|sctp| sctp.close(stream));
            self.touch_data(peer);
        }
    }

    /// Forgets one mirror of a channel; a sender who waits for it goes on.
    pub(super) fn forget_mirror(&mut self, key: ChannelKey, at: PeerKey) {
        let Some(channel) = self.data.channels.get_mut(key) else { return };
        let stream = channel.stream_at(at);
        channel.mirrors.retain(|mirror| mirror.peer != at);
        let owner = channel.owner;
        if let Some(peer) = self.peers.get_mut(at) {
            peer.data.streams.retain(|number, _| Some(*number) != stream);
            peer.data.holding.retain(|(held, _)| *held != key);
        }
        self.touch_data(owner);
        self.note_held(key);
    }

    /// Forgets everything that a participant has of data channels, and closes his own at the others.
    pub(in super::super) fn forget_data(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        let streams: Vec<Stream> = peer.data.streams.values().copied().collect();
        for stream in streams {
            match stream {
                Stream::Own(channel) => self.close_channel(channel),
                Stream::Mirror(channel) => self.forget_mirror(channel, key),
            }
        }
        if let Some(peer) = self.peers.get_mut(key) {
            peer.data.unread.clear();
            peer.data.ending.clear();
        }
    }

    /// Closes a receiver's mirror because he is too slow for it.
    pub(super) fn drop_mirror(&mut self, key: ChannelKey, at: PeerKey) {
        self.totals.data_dropped(DataDrop::SlowReceiver);
        self.close_mirror(key, at);
    }

    /// Closes one mirror of a channel. What it was sent is on its way yet, and comes before its end.
    fn close_mirror(&mut self, key: ChannelKey, at: PeerKey) {
        let stream = self.data.channels.get(key).and_then(|channel| channel.stream_at(at));
        let Some(stream) = stream else { return };
        self.forget_mirror(key, at);
        let Some(peer) = self.peers.get_mut(at) else { return };
        if let Some(sctp) = peer.transport.as_mut().and_then(|t| t.sctp_mut()) {
            sctp.close(stream);
            peer.data.ending.push(Ending { channel: key, stream, again: false });
        }
        self.touch_data(at);
    }
}
