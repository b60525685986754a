//! Figures: of a room on request, of a worker at any time.

use super::{Codec, DataDrop, Layer, PeerId, PlainLegStats, TrackId, TransportState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Figures of one room.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomStats {
    /// Everyone in it.
    pub peers: Vec<PeerStats>,
}

/// Figures of one participant.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerStats {
    /// Who.
    pub peer: PeerId,
    /// His transport.
    pub state: TransportState,
    /// Round-trip time in ms, by RTCP (RFC 3550 section 6.4.1), when known.
    pub rtt_ms: Option<f32>,
    /// The SRTP protection profile in use, by its IANA name.
    pub srtp_profile: Option<&'static str>,
    /// His downlink, once something was learnt of it.
    pub downlink: Option<DownlinkStats>,
    /// What he publishes.
    pub receive: Vec<ReceiveStats>,
    /// What he is sent.
    pub send: Vec<SendStats>,
    /// The RTP sessions of one who is connected by plain RTP; none of others.
    pub plain: Vec<PlainLegStats>,
}

/// How much is sent to a participant, and how much his path carries. All in bits a second, IP and UDP headers included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DownlinkStats {
    /// What may be sent.
    pub target_bps: u64,
    /// What is being sent, retransmissions and probes included.
    pub sent_bps: u64,
    /// What was reported to arrive.
    pub acknowledged_bps: u64,
    /// What the layers that he gets cost.
    pub allocated_bps: u64,
    /// At which target he would get more; 0 when he has all that he wants.
    pub needed_bps: u64,
    /// Bytes that wait for their turn to leave.
    pub queued_bytes: u64,
}

/// What the server receives of one track.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiveStats {
    /// The track.
    pub track: TrackId,
    /// Its codec, once a packet came.
    pub codec: Option<Codec>,
    /// Packets received, retransmitted ones included.
    pub packets: u64,
    /// Their bytes, RTP headers included.
    pub bytes: u64,
    /// Packets that never came (RFC 3550 appendix A.3).
    pub lost: u64,
    /// Interarrival jitter in ms (RFC 3550 section 6.4.1).
    pub jitter_ms: f32,
    /// Packets asked for again.
    pub nacked: u64,
    /// Packets made again out of the publisher's repair packets (FlexFEC).
    pub recovered: u64,
    /// Key frames asked for.
    pub keyframe_requests: u64,
    /// Each simulcast encoding that came, in the order of the description; one for a track without simulcast.
    pub encodings: Vec<EncodingStats>,
}

/// What the server receives of one encoding.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodingStats {
    /// Its restriction identifier; empty without simulcast.
    pub rid: String,
    /// Packets received, retransmitted ones included.
    pub packets: u64,
    /// Their bytes, RTP headers included.
    pub bytes: u64,
    /// What comes now, in bits a second.
    pub bps: u64,
    /// Somebody is shown it, or may be at once.
    pub wanted: bool,
}

/// What the server sends into one receiving place.
#[derive(Debug, Clone, PartialEq)]
pub struct SendStats {
    /// The place.
    pub mid: String,
    /// What it shows.
    pub track: Option<TrackId>,
    /// Packets sent, without retransmissions.
    pub packets: u64,
    /// Their bytes, RTP headers included.
    pub bytes: u64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Repair packets sent (FlexFEC).
    pub repairs: u64,
    /// Loss that the receiver reported last, 0 to 1.
    pub fraction_lost: f32,
    /// The quality that is sent; `None` for audio, and while nothing is.
    pub layer: Option<Layer>,
    /// Times that the quality changed.
    pub switches: u64,
}

/// Why a datagram went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum DropCause {
    /// Its first byte is of no protocol of ours (RFC 7983).
    NotOurs,
    /// STUN that does not parse, or for nobody, or with a wrong integrity.
    BadStun,
    /// DTLS, RTP or RTCP from an address that ICE has not validated; of plain RTP, from another than his who sends it.
    UnknownAddress,
    /// RTP or RTCP before the DTLS handshake is done.
    BeforeKeys,
    /// It does not parse as RTP or RTCP.
    Malformed,
    /// SRTP authentication failed.
    Unauthentic,
    /// It was seen before, or is older than the replay window (RFC 3711 section 3.3.2).
    Replayed,
    /// Its SSRC belongs to no track, or there are too many of them.
    UnknownSsrc,
    /// More STUN of its host than [`Limits::stun_per_s_per_address`](super::Limits::stun_per_s_per_address), on a path that is not
    /// validated.
    TooMany,
    /// The socket's send buffer was full.
    SendBufferFull,
    /// The worker's queue from another worker was full.
    QueueFull,
    /// Too much waited for its turn to leave towards a receiver already.
    PacerFull,
    /// It is no SCTP packet, or not of the client's association, or of a stream whose number is out of bounds.
    BadSctp,
    /// The client has more SCTP chunks held for him than may be: what is new waits until older ones are complete and read.
    SctpBacklog,
    /// It waited for its turn to leave when its publisher turned away from the receiver.
    Withheld,
}

impl DropCause {
    /// Every cause, in the order of its number.
    pub const ALL: [Self; 15] = [
        Self::NotOurs,
        Self::BadStun,
        Self::UnknownAddress,
        Self::BeforeKeys,
        Self::Malformed,
        Self::Unauthentic,
        Self::Replayed,
        Self::UnknownSsrc,
        Self::TooMany,
        Self::SendBufferFull,
        Self::QueueFull,
        Self::PacerFull,
        Self::BadSctp,
        Self::SctpBacklog,
        Self::Withheld,
    ];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotOurs => "not_ours",
            Self::BadStun => "bad_stun",
            Self::UnknownAddress => "unknown_address",
            Self::BeforeKeys => "before_keys",
            Self::Malformed => "malformed",
            Self::Unauthentic => "unauthentic",
            Self::Replayed => "replayed",
            Self::UnknownSsrc => "unknown_ssrc",
            Self::TooMany => "too_many",
            Self::SendBufferFull => "send_buffer_full",
            Self::QueueFull => "queue_full",
            Self::PacerFull => "pacer_full",
            Self::BadSctp => "bad_sctp",
            Self::SctpBacklog => "sctp_backlog",
            Self::Withheld => "withheld",
        }
    }
}

/// Upper edges of the transit-time histogram, in microseconds: from a packet's arrival in the process to the return of the
/// call that sent the last of its copies. One more bucket takes what is longer.
pub const TRANSIT_BUCKETS_US: [u64; 12] = [25, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200];

macro_rules! totals {
    ($($(#[$doc:meta])* $field:ident),* $(,)?) => {
        /// A worker's counts since it started.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct WorkerTotals {
            $($(#[$doc])* pub $field: u64,)*
            /// Datagrams that went no further, by [`DropCause`].
            pub drops: [u64; DropCause::ALL.len()],
            /// What of data channels went no further, by [`DataDrop`].
            pub data_drops: [u64; DataDrop::ALL.len()],
            /// Packets forwarded, by transit time; see [`TRANSIT_BUCKETS_US`].
            pub transit: [u64; TRANSIT_BUCKETS_US.len() + 1],
        }

        impl WorkerTotals {
            /// Adds another worker's.
            pub fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
                let pairs = self.drops.iter_mut().zip(&other.drops);
                let pairs = pairs.chain(self.data_drops.iter_mut().zip(&other.data_drops));
                for (sum, part) in pairs.chain(self.transit.iter_mut().zip(&other.transit)) {
                    *sum += part;
                }
            }
        }

        /// A worker's counts, published by its thread and read by any other.
        #[derive(Debug, Default)]
        pub struct WorkerStats {
            $($field: AtomicU64,)*
            drops: [AtomicU64; DropCause::ALL.len()],
            data_drops: [AtomicU64; DataDrop::ALL.len()],
            transit: [AtomicU64; TRANSIT_BUCKETS_US.len() + 1],
        }

        impl WorkerStats {
            /// Publishes the worker's counts.
            pub fn publish(&self, totals: &WorkerTotals) {
                $(self.$field.store(totals.$field, Ordering::Relaxed);)*
                for (shared, own) in self.drops.iter().zip(&totals.drops) {
                    shared.store(*own, Ordering::Relaxed);
                }
                for (shared, own) in self.data_drops.iter().zip(&totals.data_drops) {
                    shared.store(*own, Ordering::Relaxed);
                }
                for (shared, own) in self.transit.iter().zip(&totals.transit) {
                    shared.store(*own, Ordering::Relaxed);
                }
            }

            /// The counts as they stand.
            #[must_use]
            pub fn read(&self) -> WorkerTotals {
                WorkerTotals {
                    $($field: self.$field.load(Ordering::Relaxed),)*
                    drops: std::array::from_fn(|i| self.drops[i].load(Ordering::Relaxed)),
                    data_drops: std::array::from_fn(|i| self.data_drops[i].load(Ordering::Relaxed)),
                    transit: std::array::from_fn(|i| self.transit[i].load(Ordering::Relaxed)),
                }
            }
        }
    };
}

totals! {
    /// Datagrams received.
    packets_in,
    /// Their bytes.
    bytes_in,
    /// Datagrams sent.
    packets_out,
    /// Their bytes.
    bytes_out,
    /// RTP packets forwarded: one for each receiver.
    forwarded,
    /// Packets of mixes that were sent: one for each receiver.
    mixed,
    /// RTP packets sent again for a NACK.
    retransmitted,
    /// Repair packets made for receivers who lose some (FlexFEC).
    repairs,
    /// Packets of publishers made again out of their repair packets.
    recovered,
    /// Key frames asked of publishers.
    keyframe_requests,
    /// Calls that sent datagrams.
    send_calls,
    /// Sessions ended by a panic of ours.
    panics,
    /// Mixers of sound that failed, crashed or were stuck: one for each room.
    mixers_lost,
    /// The same of those who draw canvases.
    composers_lost,
    /// TCP connections closed as they came: there were as many as may be, of all or of one address.
    tcp_refused,
    /// Rooms of which this worker has participants now: a room that is shared counts on each of its workers.
    rooms,
    /// Participants now.
    peers,
    /// Tracks published now.
    tracks,
    /// Rooms of which this worker has a mix now.
    mixed_rooms,
    /// Participants who hear one now.
    mix_listeners,
    /// Mixes that are encoded for them now: those who hear the same share one.
    mixes,
    /// Canvases now.
    canvases,
    /// Data channels that this worker's participants have open now, without their mirrors.
    data_channels,
    /// Messages taken from participants' data channels.
    data_messages_in,
    /// Messages forwarded: one for each receiver.
    data_messages_out,
    /// Their bytes.
    data_bytes_out,
    /// ICE and DTLS set-ups completed.
    connected,
    /// Time from a participant's first offer to his transport's being up, summed, in ms.
    connect_ms,
}

impl WorkerTotals {
    /// Counts a datagram that goes no further.
    pub fn dropped(&mut self, cause: DropCause) {
        self.drops[cause as usize] += 1;
    }

    /// Counts what of data channels goes no further.
    pub fn data_dropped(&mut self, cause: DataDrop) {
        self.data_drops[cause as usize] += 1;
    }

    /// Counts `packets` whose copies were all sent `transit_us` after they arrived.
    pub fn transited(&mut self, transit_us: u64, packets: u64) {
        let bucket = TRANSIT_BUCKETS_US.partition_point(|edge| *edge < transit_us);
        self.transit[bucket] += packets;
    }
}
