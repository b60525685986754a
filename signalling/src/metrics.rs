//! Counters, in the form that Prometheus takes.

use crate::engine_port::Engine;
use crate::error::ErrorCode;
use crate::events::EventIntake;
use colloquy_media_core::api::{DataDrop, DropCause, PauseCause, Shown, TRANSIT_BUCKETS_US, WorkerTotals};
use colloquy_media_core::turn::{Refused, TurnCounters};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Upper edges of the join histogram, in seconds: our promise is 0.25 at the 95th percentile.
const JOIN_BUCKETS_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

type Labels = Vec<(&'static str, String)>;

/// Everything that is counted here.
pub(crate) struct Metrics {
    registry: RwLock<Registry>,
    joins: Family<Labels, Counter>,
    join_seconds: Histogram,
    resumes: Family<Labels, Counter>,
    http: Family<Labels, Counter>,
    frames: Family<Labels, Counter>,
    frame_bytes: Family<Labels, Counter>,
    closes: Family<Labels, Counter>,
    shown: Family<Labels, Counter>,
    refusals: Family<Labels, Counter>,
    limited: Family<Labels, Counter>,
    sockets: Gauge,
    sessions: Gauge,
    rooms: Gauge,
    pub(crate) frames_dropped: Counter,
    pub(crate) audit_lost: Counter,
    pub(crate) sessions_lost: Counter,
    pub(crate) sessions_failed: Counter,
    pub(crate) defects: Counter,
}

/// Which way a frame goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    In,
    Out,
}

/// A limit by address or identity.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    Requests,
    Joins,
    Sockets,
}

impl Limit {
    /// Its key in `signalling.limits`.
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests_per_s_per_address",
            Self::Joins => "joins_per_minute_per_identity",
            Self::Sockets => "sockets_per_address",
        }
    }
}

impl Metrics {
    pub(crate) fn new(engine: Engine, intake: EventIntake) -> Self {
        let mut registry = Registry::with_prefix("colloquy");
        registry.register_collector(Box::new(FromEngine { engine, intake }));
        let metrics = Self {
            joins: Family::default(),
            join_seconds: Histogram::new(JOIN_BUCKETS_S),
            resumes: Family::default(),
            http: Family::default(),
            frames: Family::default(),
            frame_bytes: Family::default(),
            closes: Family::default(),
            shown: Family::default(),
            refusals: Family::default(),
            limited: Family::default(),
            sockets: Gauge::default(),
            sessions: Gauge::default(),
            rooms: Gauge::default(),
            frames_dropped: Counter::default(),
            audit_lost: Counter::default(),
            sessions_lost: Counter::default(),
            sessions_failed: Counter::default(),
            defects: Counter::default(),
            registry: RwLock::default(),
        };
        let r = &mut registry;
        r.register("joins", "Joins asked for, by result: ok or an error code", metrics.joins.clone());
        r.register("join_seconds", "Time from a join's arrival to its result", metrics.join_seconds.clone());
        r.register("resumes", "Sessions taken up on another socket, by result", metrics.resumes.clone());
        r.register("http_requests", "HTTP requests by route, method and status", metrics.http.clone());
        r.register("ws_frames", "WebSocket frames by direction", metrics.frames.clone());
        r.register("ws_bytes", "Bytes of WebSocket frames by direction", metrics.frame_bytes.clone());
        r.register("ws_closes", "WebSockets closed by the server, by code", metrics.closes.clone());
        r.register("ws_refusals", "Requests on WebSockets that were refused, by error code", metrics.refusals.clone());
        r.register("limited", "What a limit by address or identity refused, by limit", metrics.limited.clone());
        r.register(
            "ws_events_dropped",
            "Events not sent to slow clients: later ones make up for them",
            metrics.frames_dropped.clone(),
        );
        r.register(
            "audit_lost",
            "Lines that the audit file could not take; it says itself how many are missing where",
            metrics.audit_lost.clone(),
        );
        r.register(
            "shown_changes",
            "Times that what a receiver is shown of a video changed, by what it is then: a layer, or why nothing",
            metrics.shown.clone(),
        );
        r.register("sockets", "WebSockets open", metrics.sockets.clone());
        r.register("sessions", "Participants, those reconnecting included", metrics.sessions.clone());
        r.register("rooms", "Rooms", metrics.rooms.clone());
        r.register("sessions_lost", "Sessions whose clients did not come back in time", metrics.sessions_lost.clone());
        r.register("sessions_failed", "Sessions ended by the media engine", metrics.sessions_failed.clone());
        r.register("defects", "Panics that were caught in the signalling", metrics.defects.clone());
        Self { registry: RwLock::new(registry), ..metrics }
    }

    /// Counters of another part of the server, beside these.
    pub(crate) fn collect(&self, from: Box<dyn Collector>) {
        self.registry.write().unwrap_or_else(PoisonError::into_inner).register_collector(from);
    }

    pub(crate) fn joined(&self, took: Duration, failed: Option<ErrorCode>) {
        self.joins.get_or_create(&label("result", failed.map_or("ok", ErrorCode::as_str))).inc();
        if failed.is_none() {
            self.join_seconds.observe(took.as_secs_f64());
        }
    }

    pub(crate) fn resumed(&self, ok: bool) {
        self.resumes.get_or_create(&label("result", if ok { "ok" } else { "unknown" })).inc();
    }

    /// `route` is the pattern, not the path: so there are only so many of them.
    pub(crate) fn request(&self, route: &str, method: &'static str, status: u16) {
        let labels = vec![("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
        self.http.get_or_create(&labels).inc();
    }

    pub(crate) fn frame(&self, way: Way, bytes: usize) {
        let labels = label(
            "direction",
            match way {
                Way::In => "in",
                Way::Out => "out",
            },
        );
        self.frames.get_or_create(&labels).inc();
        self.frame_bytes.get_or_create(&labels).inc_by(bytes as u64);
    }

    pub(crate) fn closed(&self, code: u16) {
        self.closes.get_or_create(&label("code", &code.to_string())).inc();
    }

    pub(crate) fn shown(&self, what: Shown) {
        let to = match what {
            Shown::Layer(..) => "layer",
            Shown::Paused(PauseCause::Bandwidth) => "paused_bandwidth",
            Shown::Paused(PauseCause::LastN) => "paused_last_n",
            Shown::Paused(PauseCause::Hidden) => "paused_hidden",
            Shown::Paused(PauseCause::Frozen) => "paused_frozen",
            Shown::Paused(PauseCause::Withheld) => "paused_withheld",
        };
        self.shown.get_or_create(&label("to", to)).inc();
    }

    pub(crate) fn refused(&self, code: ErrorCode) {
        self.refusals.get_or_create(&label("code", code.as_str())).inc();
    }

    pub(crate) fn limited(&self, limit: Limit) {
        self.limited.get_or_create(&label("limit", limit.name())).inc();
    }

    /// The text that Prometheus reads. `counts` are sockets, sessions and rooms.
    pub(crate) fn render(&self, counts: (usize, usize, usize)) -> Result<String, fmt::Error> {
        for (gauge, count) in [(&self.sockets, counts.0), (&self.sessions, counts.1), (&self.rooms, counts.2)] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

/// The engine's own counts, asked for when Prometheus asks.
struct FromEngine {
    engine: Engine,
    intake: EventIntake,
}

impl fmt::Debug for FromEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromEngine")
    }
}

/// Name, help, and the field.
type Field = (&'static str, &'static str, fn(&WorkerTotals) -> u64);

const COUNTERS: [Field; 20] = [
    ("worker_packets_in", "Datagrams received", |t| t.packets_in),
    ("worker_bytes_in", "Bytes received", |t| t.bytes_in),
    ("worker_packets_out", "Datagrams sent", |t| t.packets_out),
    ("worker_bytes_out", "Bytes sent", |t| t.bytes_out),
    ("worker_forwarded", "RTP packets forwarded, one for each receiver", |t| t.forwarded),
    ("worker_mixed", "Packets of mixes sent, one for each receiver", |t| t.mixed),
    ("worker_data_messages_in", "Messages taken from data channels", |t| t.data_messages_in),
    ("worker_data_messages_out", "Messages of data channels forwarded, one for each receiver", |t| t.data_messages_out),
    ("worker_data_bytes_out", "Bytes of data channels forwarded", |t| t.data_bytes_out),
    ("worker_retransmitted", "RTP packets sent again for a NACK", |t| t.retransmitted),
    ("worker_repairs", "Repair packets (FlexFEC) sent to receivers who lose packets", |t| t.repairs),
    ("worker_recovered", "RTP packets made again out of publishers' repair packets", |t| t.recovered),
    ("worker_keyframe_requests", "Key frames asked of publishers", |t| t.keyframe_requests),
    ("worker_send_calls", "Calls that sent datagrams", |t| t.send_calls),
    ("worker_panics", "Sessions ended by a panic", |t| t.panics),
    ("worker_mixers_lost", "Mixers of sound that failed, crashed or were stuck, one for each room", |t| t.mixers_lost),
    ("worker_composers_lost", "Composers of canvases that failed, crashed or were stuck", |t| t.composers_lost),
    ("worker_tcp_refused", "TCP connections closed as they came, for a limit", |t| t.tcp_refused),
    ("worker_connected", "ICE and DTLS set-ups completed", |t| t.connected),
    ("worker_connect_milliseconds", "Time from first offer to connected, summed", |t| t.connect_ms),
];

const GAUGES: [Field; 8] = [
    ("worker_rooms", "Rooms of the worker", |t| t.rooms),
    ("worker_participants", "Participants of the worker", |t| t.peers),
    ("worker_tracks", "Tracks published", |t| t.tracks),
    ("worker_mixed_rooms", "Rooms that are mixed", |t| t.mixed_rooms),
    ("worker_mix_listeners", "Participants who hear a mix", |t| t.mix_listeners),
    ("worker_mixes", "Mixes encoded, one for all who hear the same", |t| t.mixes),
    ("worker_canvases", "Canvases drawn, one for all who see the same", |t| t.canvases),
    ("worker_data_channels", "Data channels open, without their mirrors", |t| t.data_channels),
];

impl Collector for FromEngine {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let workers: Vec<(String, WorkerTotals)> =
            self.engine.worker_stats().into_iter().enumerate().map(|(i, totals)| (i.to_string(), totals)).collect();
        for (name, help, field) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (worker, totals) in &workers {
                ConstCounter::new(field(totals)).encode(family.encode_family(&[("worker", worker.as_str())])?)?;
            }
        }
        for (name, help, field) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (worker, totals) in &workers {
                let value = i64::try_from(field(totals)).unwrap_or(i64::MAX);
                ConstGauge::new(value).encode(family.encode_family(&[("worker", worker.as_str())])?)?;
            }
        }
        let mut drops = encoder.encode_descriptor(
            "worker_drops",
            "Datagrams that went no further, by cause",
            None,
            MetricType::Counter,
        )?;
        for (worker, totals) in &workers {
            for (cause, count) in DropCause::ALL.iter().zip(totals.drops) {
                let labels = [("worker", worker.as_str()), ("cause", cause.name())];
                ConstCounter::new(count).encode(drops.encode_family(&labels)?)?;
            }
        }
        let help = "What of data channels went no further, by cause";
        let mut drops = encoder.encode_descriptor("worker_data_drops", help, None, MetricType::Counter)?;
        for (worker, totals) in &workers {
            for (cause, count) in DataDrop::ALL.iter().zip(totals.data_drops) {
                let labels = [("worker", worker.as_str()), ("cause", cause.name())];
                ConstCounter::new(count).encode(drops.encode_family(&labels)?)?;
            }
        }
        let help =
            "Time from a packet's arrival to the sending of its last copy; the sum is an estimate by bucket middles";
        let mut transit = encoder.encode_descriptor("worker_transit_seconds", help, None, MetricType::Histogram)?;
        for (worker, totals) in &workers {
            let (sum, count, buckets) = transit_histogram(totals);
            transit
                .encode_family(&[("worker", worker.as_str())])?
                .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        if let Some(counters) = self.engine.turn_counters() {
            encode_turn(&mut encoder, &counters)?;
        }
        let (lossy, kept) = self.intake.dropped();
        let help =
            "Events of the media engine that were dropped: lossy ones under load, kept ones only with their room";
        let mut events = encoder.encode_descriptor("engine_events_dropped", help, None, MetricType::Counter)?;
        for (kind, count) in [("lossy", lossy), ("kept", kept)] {
            ConstCounter::new(count).encode(events.encode_family(&[("kind", kind)])?)?;
        }
        Ok(())
    }
}

fn encode_turn(encoder: &mut DescriptorEncoder<'_>, turn: &TurnCounters) -> Result<(), fmt::Error> {
    let now =
        encoder.encode_descriptor("turn_allocations", "Allocations of the TURN server", None, MetricType::Gauge)?;
    ConstGauge::new(i64::try_from(turn.allocations).unwrap_or(i64::MAX)).encode(now)?;
    for (name, help, count) in [
        ("turn_allocated", "Allocations that there were", turn.allocated),
        ("turn_panics", "Times that the TURN server began anew after a panic", turn.panics),
    ] {
        ConstCounter::new(count).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
    }
    for (name, help, to_peers, to_clients) in [
        ("turn_packets", "Packets relayed", turn.packets_to_peers, turn.packets_to_clients),
        ("turn_bytes", "Bytes relayed, without headers", turn.bytes_to_peers, turn.bytes_to_clients),
    ] {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (direction, count) in [("to_peers", to_peers), ("to_clients", to_clients)] {
            ConstCounter::new(count).encode(family.encode_family(&[("direction", direction)])?)?;
        }
    }
    let help = "Requests, packets and connections that the TURN server refused, by cause";
    let mut refused = encoder.encode_descriptor("turn_refused", help, None, MetricType::Counter)?;
    for why in Refused::ALL {
        ConstCounter::new(turn.refusals(why)).encode(refused.encode_family(&[("cause", why.name())])?)?;
    }
    Ok(())
}

/// Sum in seconds, count, and counts by upper edge in seconds.
fn transit_histogram(totals: &WorkerTotals) -> (f64, u64, Vec<(f64, u64)>) {
    let mut lower_us = 0.0;
    let mut sum_us = 0.0;
    let mut buckets = Vec::with_capacity(totals.transit.len());
    for (i, count) in totals.transit.iter().enumerate() {
        let upper_us = TRANSIT_BUCKETS_US.get(i).map_or(f64::INFINITY, |edge| *edge as f64);
        // The last bucket has no middle: its lower edge stands for it.
        let middle_us = if upper_us.is_finite() { f64::midpoint(lower_us, upper_us) } else { lower_us };
        sum_us += middle_us * *count as f64;
        buckets.push((upper_us / 1e6, *count));
        lower_us = upper_us;
    }
    (sum_us / 1e6, totals.transit.iter().sum(), buckets)
}
