//! What the node and its wires count, in the form that Prometheus takes.

use super::hub::{Figures, Hub};
use crate::node::Loss;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;

/// A node's figures, asked for when Prometheus asks.
#[derive(Debug)]
pub struct NodeMetrics(pub Arc<Hub>);

/// Name, help, and the field.
type Count = (&'static str, &'static str, fn(&Figures) -> u64);
type Level = (&'static str, &'static str, fn(&Figures) -> usize);

const COUNTERS: [Count; 20] = [
    ("rethink_messages_in", "Messages that reTHINK clients sent", |f| f.counters.received),
    ("rethink_bytes_in", "Their bytes", |f| f.counters.received_bytes),
    ("rethink_messages_out", "Messages sent to reTHINK clients, one for each receiver", |f| f.counters.sent),
    ("rethink_bytes_out", "Their bytes", |f| f.counters.sent_bytes),
    ("rethink_messages_handed", "Messages for components of the node, as the registry", |f| f.counters.handed),
    ("rethink_messages_kept", "Messages kept for clients that were away", |f| f.counters.kept),
    ("rethink_sessions_opened", "Sessions opened", |f| f.counters.opened),
    ("rethink_sessions_resumed", "Sessions gone on with on another connection", |f| f.counters.resumed),
    ("rethink_sessions_closed", "Sessions closed by their clients", |f| f.counters.closed),
    ("rethink_sessions_expired", "Sessions whose clients did not come back", |f| f.counters.expired),
    ("rethink_resumes_refused", "Attempts to go on with a session without a right to it", |f| {
        f.counters.resume_refused
    }),
    ("rethink_connections_refused", "Connections refused for a limit", |f| f.counters.refused),
    ("rethink_paced", "Times that a client sent too fast and was read from later", |f| f.counters.paced),
    ("rethink_slow_closed", "Connections closed because their client did not read", |f| f.counters.slow_closed),
    ("rethink_backbone_messages_out", "Messages sent to other nodes of the domain", |f| f.counters.forwarded),
    ("rethink_backbone_messages_in", "Messages that came from them", |f| f.counters.brought),
    ("rethink_backbone_conflicts", "Addresses given up because another node had given them away first", |f| {
        f.counters.conflicts
    }),
    ("rethink_backbone_bad_frames", "What came from other nodes and made no sense", |f| f.counters.bad_frames),
    ("rethink_backbone_left_out", "Addresses of other nodes for which there was no room", |f| f.counters.left_out),
    ("rethink_backbone_nodes_lost", "Other nodes that went without a word", |f| f.counters.nodes_lost),
];

const GAUGES: [Level; 9] = [
    ("rethink_sessions", "Sessions, those whose clients are away included", |f| f.size.sessions),
    ("rethink_sessions_away", "Sessions whose clients are away", |f| f.size.away),
    ("rethink_connections", "Connections of reTHINK clients", |f| f.size.connections),
    ("rethink_addresses", "Addresses that somebody has or hears", |f| f.size.addresses),
    ("rethink_waiting_bytes", "Bytes that wait for clients that are away", |f| f.size.waiting_bytes),
    ("rethink_outbox_bytes", "Bytes that wait to be sent", |f| f.outbox_bytes),
    ("rethink_backbone_up", "1 while other nodes of the domain can be reached", |f| usize::from(f.is_backbone_up)),
    ("rethink_backbone_nodes", "Other nodes of the domain", |f| f.size.nodes),
    ("rethink_backbone_addresses", "Addresses that clients of other nodes have or hear", |f| f.size.remote_addresses),
];

impl Collector for NodeMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let figures = self.0.figures();
        for (name, help, field) in COUNTERS {
            let count = ConstCounter::new(field(&figures));
            count.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        for (name, help, field) in GAUGES {
            let level = ConstGauge::new(i64::try_from(field(&figures)).unwrap_or(i64::MAX));
            level.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let help = "Messages that went no further, or not to all for whom they were, by cause";
        let mut lost = encoder.encode_descriptor("rethink_messages_lost", help, None, MetricType::Counter)?;
        for why in Loss::ALL {
            let count = ConstCounter::new(figures.counters.lost(why));
            count.encode(lost.encode_family(&[("cause", why.name())])?)?;
        }
        Ok(())
    }
}
