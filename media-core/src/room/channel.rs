//! A data channel that a participant opened, and its mirrors at the others.

use crate::api::PeerId;
use crate::keys::{ChannelKey, PeerKey};
use crate::transport::dcep::{Effort, Open};

/// A channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) owner: PeerKey,
    /// His stream.
    pub(crate) stream: u16,
    /// How it is opened at the others: as it was at ours, but for the protocol, which tells whose it is.
    pub(crate) open: Open,
    /// The protocol as its owner wrote it.
    pub(crate) asked: String,
    pub(crate) audience: Audience,
    pub(crate) mirrors: Vec<Mirror>,
    /// Workers where a receiver is too slow for it.
    pub(crate) held_by: Vec<u8>,
    /// Of a guest's: what it is to his worker.
    pub(crate) at_home: Option<ChannelKey>,
    /// Of a guest's: his worker was told so of us.
    pub(crate) told_held: bool,
}

/// A channel as it is at one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mirror {
    pub(crate) peer: PeerKey,
    pub(crate) stream: u16,
}

/// Whom a channel is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    Everyone,
    Only(Vec<PeerId>),
}

/// What a protocol begins with that names recipients.
const TO: &str = "to=";

impl Audience {
    /// Reads the protocol that a channel was opened with. A name that cannot be read is nobody's.
    pub(crate) fn read(protocol: &str) -> Self {
        match protocol.strip_prefix(TO) {
            Some(names) => Self::Only(names.split(',').filter_map(|name| name.trim().parse().ok()).collect()),
            None => Self::Everyone,
        }
    }

    pub(crate) fn includes(&self, peer: PeerId) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(peers) => peers.contains(&peer),
        }
    }
}

impl Channel {
    /// A channel that `owner` opened with `open` on his `stream`.
    pub(crate) fn new(owner: PeerKey, id: PeerId, stream: u16, open: Open) -> Self {
        let audience = Audience::read(&open.protocol);
        let asked = open.protocol;
        let open =
            Open { delivery: open.delivery, priority: open.priority, label: open.label, protocol: id.to_string() };
        Self {
            owner,
            stream,
            open,
            asked,
            audience,
            mirrors: Vec::new(),
            held_by: Vec::new(),
            at_home: None,
            told_held: false,
        }
    }

    /// Whether its sender is held back rather than a message dropped.
    pub(crate) fn is_reliable(&self) -> bool {
        self.open.delivery.effort == Effort::Reliable
    }

    /// Whether its messages go out one behind the other.
    pub(crate) fn is_in_line(&self) -> bool {
        self.is_reliable() && self.open.delivery.ordered
    }

    pub(crate) fn stream_at(&self, peer: PeerKey) -> Option<u16> {
        self.mirrors.iter().find(|mirror| mirror.peer == peer).map(|mirror| mirror.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_may_name_recipients_and_fails_closed() {
        assert_eq!(Audience::read("chat"), Audience::Everyone);
        assert_eq!(Audience::read(""), Audience::Everyone);
        assert_eq!(Audience::read("to=p5, p1f"), Audience::Only(vec![PeerId(5), PeerId(0x1f)]));
        assert_eq!(Audience::read("to=everyone"), Audience::Only(vec![]));
        assert!(!Audience::read("to=").includes(PeerId(0)));
    }
}
