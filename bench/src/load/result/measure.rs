//! One measurement: a system is started, clients join, it warms up, and is held under load.

use super::{AudienceFigures, Latencies};
use serde::{Deserialize, Serialize};

/// One measurement of one system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeat {
    /// Which measurement of the whole run this was, from 0: systems take turns.
    pub order: u32,
    /// How much load there was.
    pub load: LoadShape,
    /// Left out of all figures but joins, in seconds.
    pub warm_up_s: f64,
    /// What came of it. Boxed for its size.
    pub hold: Box<Hold>,
    /// What the same packets cost with nothing but the work that cannot be left out, measured right after.
    pub floor: Option<FloorCost>,
    /// How joining went, that of the warm-up included.
    pub joins: Joins,
    /// Requests and notices, where participants join by Colloquy's WebSocket.
    #[serde(default)]
    pub signalling: Option<Signalling>,
    /// Changes of who hears and sees whom, where the scenario has any.
    #[serde(default)]
    pub audience: Option<AudienceFigures>,
    /// Memory of the server.
    pub memory: Option<Memory>,
    /// What the clients took, and whether they kept up.
    pub generator: Generator,
    /// Whether the figures may be believed.
    pub validity: Validity,
}

/// How much load there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadShape {
    /// Rooms.
    pub rooms: u32,
    /// Publishers in all rooms.
    pub publishers: u32,
    /// Viewers in all rooms; who publishes and watches is counted in both.
    pub viewers: u32,
    /// Streams that viewers receive in all: one for each track and viewer.
    pub streams: u32,
}

/// Figures of the time under load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// How long it was.
    pub seconds: f64,
    /// Packets: how many, and how many not.
    pub delivery: Delivery,
    /// From the moment that a packet was to be sent by the publisher to the moment that the kernel had it for the viewer.
    /// Retransmissions are not in it, nor are viewers with a bad network of the scenario's, nor pictures where the audience changes.
    pub latency: Latencies,
    /// Interarrival jitter of the streams (RFC 3550 section 6.4.1) at the end: the median of all, in ms.
    pub jitter_p50_ms: f64,
    /// And what 95 in 100 streams stay under.
    pub jitter_p95_ms: f64,
    /// Key frames.
    pub key_frames: KeyFrames,
    /// Where the server mixes sound: who heard it. Latency and loss cannot be measured then, as there are no stamps in a mix.
    #[serde(default)]
    pub mixed: Option<Mixed>,
    /// What it cost. `None` for an external system.
    pub server: Option<ServerCost>,
    /// Second by second.
    #[serde(serialize_with = "super::compact::lines")]
    pub samples: Vec<Sample>,
}

/// What became of packets. Sent and received ones are told by what publishers write into them, so that numbers made anew by a
/// server hide nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Packets that publishers sent.
    pub sent: u64,
    /// Bytes of them on the wire, UDP payload.
    pub sent_bytes: u64,
    /// Packets that viewers should have received: each one sent, once for every viewer of it. For layered media what their
    /// numbers say, as a server leaves layers out on purpose.
    pub expected: u64,
    /// Packets that viewers received, each counted once.
    pub received: u64,
    /// Bytes of them on the wire, UDP payload.
    pub received_bytes: u64,
    /// Of those, the ones that came only when asked for again (NACK).
    pub repaired: u64,
    /// Packets that never came.
    pub lost: u64,
    /// `lost` of `expected` in percent.
    pub loss_pct: f64,
    /// Packets forwarded a second.
    pub packets_per_s: f64,
    /// `expected` and `lost` are of sequence numbers, because layers may be left out.
    pub by_sequence: bool,
}

/// What came out of a server that mixes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Mixed {
    /// Who was there, talking or not, and not the only one who talks.
    pub participants: u32,
    /// Of them, those most of whose packets were large enough to have sound in them.
    pub hearers: u32,
    /// Those who are the only ones to talk in their rooms, and hear sound all the same.
    pub echoed: u32,
    /// Packets a second that each received, on average.
    pub packets_per_s_each: f64,
    /// Packets that were large enough to have sound in them, of all, in percent.
    pub sounding_pct: f64,
}

/// Key frames in the time under load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFrames {
    /// Requests (PLI, FIR) that reached publishers.
    pub asked: u64,
    /// The most that one publisher's encoding got in any 500 ms of the run, joins included.
    pub asked_max_in_500_ms: u64,
    /// Key frames sent.
    pub sent: u64,
}

/// CPU of the server in the time under load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerCost {
    /// CPU time of all its threads (schedstat).
    pub cpu_ns: u64,
    /// Cores busy on average: CPU time by wall time.
    pub cores: f64,
    /// CPU time by packets that viewers received.
    pub cpu_ns_per_packet: f64,
    /// CPU time in us by participants and seconds; who publishes and watches is one.
    #[serde(default)]
    pub cpu_us_per_participant_s: f64,
    /// Context switches of all its threads by packets: voluntary and not.
    pub switches_per_packet: Option<f64>,
    /// System calls by packets, counted by perf in a time of its own after the hold.
    pub syscalls_per_packet: Option<f64>,
    /// User-space instructions by packets, counted by perf where the machine has counters.
    pub instructions_per_packet: Option<f64>,
}

/// The floor: one packet opened, and for each receiver a copy, a seal and a send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FloorCost {
    /// With segmentation offload (UDP GSO) where several packets for one receiver are due at once.
    pub cpu_ns_per_packet: f64,
    /// Without.
    pub plain_cpu_ns_per_packet: Option<f64>,
    /// Packets that it sent.
    pub packets: u64,
}

/// How joining went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Joins {
    /// Joins begun.
    pub tried: u64,
    /// Joins that failed, or took longer than the patience of the scenario.
    pub failed: u64,
    /// What the first failures said, some at most.
    pub failures: Vec<String>,
    /// From the first request to the last answer of signalling.
    pub signalled: Latencies,
    /// From the first request to the end of DTLS: from then on media can flow.
    pub connected: Latencies,
    /// From the first request to the first packet of a key frame (of sound: to the first packet), of those who watch.
    pub first_media: Latencies,
    /// Joins in the busiest second.
    pub busiest_per_s: u32,
}

/// Signalling by Colloquy's WebSocket, from the first join to the end of the time under load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Signalling {
    /// From a request (hello, join, offer, leave) to its answer.
    pub requests: Latencies,
    /// From a subscription of one place to its answer.
    pub subscriptions: Latencies,
    /// From the moment that somebody asks to join, or to leave, to that at which another one in the room is told of it: one value for
    /// each who is told.
    pub notices: Latencies,
    /// Frames that the server sent, answers and events.
    pub frames: u64,
}

/// Memory of the server: proportional set size of all its processes (`smaps_rollup`), where it can be read, else resident.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Before anybody joined.
    pub idle_kb: u64,
    /// After the publishers joined.
    pub publishers_kb: u64,
    /// At the end of the time under load.
    pub loaded_kb: u64,
    /// After everybody left.
    pub after_kb: Option<u64>,
    /// `publishers_kb` less `idle_kb`, by publishers.
    pub kb_per_publisher: f64,
    /// `loaded_kb` less `publishers_kb`, by viewers.
    pub kb_per_viewer: f64,
}

/// The clients' own account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Threads that play clients.
    pub threads: u32,
    /// Cores that the whole harness had busy in the time under load.
    pub cores: f64,
    /// The busiest thread's share of its core.
    pub busiest_share: f64,
    /// How late packets were sent, against when they were to be. It is part of the latency.
    pub lateness: Latencies,
    /// Frames that were to be sent.
    pub frames: u64,
    /// Frames that were left out, because the clients were too late.
    pub skipped: u64,
    /// Datagrams that the kernel dropped at the clients' sockets.
    pub kernel_drops: u64,
    /// Datagrams that the kernel did not take from the clients.
    pub unsent: u64,
}

/// Whether figures may be believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// They may.
    pub valid: bool,
    /// Why not, as words with underscores: `generator_busy_93_percent`.
    pub reasons: Vec<String>,
}

/// One second of the time under load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its end, since the hold began.
    pub at_s: f64,
    /// Packets received a second.
    pub packets_per_s: f64,
    /// Latency of half of them, in us.
    pub p50_us: f64,
    /// Latency of 99 in 100, in us.
    pub p99_us: f64,
    /// Cores that the server had busy.
    pub server_cores: Option<f64>,
    /// Memory of the server, resident: a cruder figure than that of [`Memory`], which takes longer to read.
    #[serde(default)]
    pub resident_kb: Option<u64>,
    /// Cores that the clients had busy.
    pub generator_cores: f64,
    /// Joins that were done in it.
    pub joins: u32,
}
