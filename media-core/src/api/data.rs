//! Data channels: what a participant can grow with them, and what became of what was not forwarded.

use std::time::Duration;

/// What a participant can grow with data channels, and how far. Each is counted when it is hit, as a [`DataDrop`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataLimits {
    /// Channels that one participant opens. One more is closed at once.
    pub channels_per_peer: usize,
    /// Mirrors of others' channels that one participant is given. He goes without one more.
    pub mirrors_per_peer: usize,
    /// Longest label of a channel, in bytes. One that is longer is not opened.
    pub label_bytes: usize,
    /// Longest protocol of a channel, in bytes: room for some thirty recipients.
    pub protocol_bytes: usize,
    /// Longest message taken, in bytes (`a=max-message-size`). RFC 8841 takes 64 KiB for granted; a longer message ends the
    /// sender's association.
    pub message_bytes: u32,
    /// What one participant may have sent that is not yet read, in bytes: SCTP's receive window. Several messages, or a message
    /// that is not complete would stop all others.
    pub window_bytes: u32,
    /// What waits for one receiver on one channel, in bytes, each message with an overhead of 256. When it is full, an unreliable
    /// channel drops what is new, and the sender of a reliable one is held back.
    pub backlog_bytes_per_channel: usize,
    /// What waits for one receiver on all channels together.
    pub backlog_bytes_per_peer: usize,
    /// Messages taken from one participant in a second. The rest waits in the window, and then at the sender.
    pub messages_per_s: u32,
    /// Bytes taken from one participant in a second, as each goes out once for every receiver.
    pub bytes_per_s: u32,
    /// How long one receiver may hold back a sender before half of his backlog is gone. Then his mirror is closed.
    pub stall: Duration,
}

impl Default for DataLimits {
    fn default() -> Self {
        Self {
            channels_per_peer: 16,
            mirrors_per_peer: 256,
            label_bytes: 256,
            protocol_bytes: 512,
            message_bytes: 64 * 1024,
            window_bytes: 256 * 1024,
            backlog_bytes_per_channel: 1024 * 1024,
            backlog_bytes_per_peer: 4 * 1024 * 1024,
            messages_per_s: 1_000,
            bytes_per_s: 2 * 1024 * 1024,
            stall: Duration::from_secs(5),
        }
    }
}

/// Why a message, a channel or a mirror went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum DataDrop {
    /// A channel of one who may not publish.
    MayNotPublish,
    /// A channel beyond [`DataLimits::channels_per_peer`].
    TooManyChannels,
    /// A channel whose opening cannot be read, is too long, or comes on a stream that is in use or not the client's to open.
    BadOpen,
    /// A mirror beyond [`DataLimits::mirrors_per_peer`], or one that the receiver had no free stream for.
    TooManyMirrors,
    /// A message on a stream that nobody opened in band, or of a kind that is none of RFC 8831's.
    UnknownStream,
    /// A message of a receiver on a mirror: the sender could not tell whose it is.
    Reply,
    /// A message that is longer than its receiver takes.
    TooLong,
    /// A message of an unreliable channel whose receiver's backlog is full.
    BacklogFull,
    /// A mirror closed because its receiver held the sender back for longer than [`DataLimits::stall`].
    SlowReceiver,
    /// An association that broke: by a message that is too long, an abort, or a violation of SCTP.
    AssociationLost,
}

impl DataDrop {
    /// Every cause, in the order of its number.
    pub const ALL: [Self; 10] = [
        Self::MayNotPublish,
        Self::TooManyChannels,
        Self::BadOpen,
        Self::TooManyMirrors,
        Self::UnknownStream,
        Self::Reply,
        Self::TooLong,
        Self::BacklogFull,
        Self::SlowReceiver,
        Self::AssociationLost,
    ];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MayNotPublish => "may_not_publish",
            Self::TooManyChannels => "too_many_channels",
            Self::BadOpen => "bad_open",
            Self::TooManyMirrors => "too_many_mirrors",
            Self::UnknownStream => "unknown_stream",
            Self::Reply => "reply",
            Self::TooLong => "too_long",
            Self::BacklogFull => "backlog_full",
            Self::SlowReceiver => "slow_receiver",
            Self::AssociationLost => "association_lost",
        }
    }
}
