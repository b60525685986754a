//! How much a viewer's path carries, and when packets leave. One algorithm a file; each is told the time.
//!
//! A [`Bandwidth`] is the whole of it for one viewer: it numbers what is sent, reads what comes back, and says how much may be
//! sent. A [`Pacer`] spreads packets so that they leave at that pace. Neither knows of streams, layers or sockets.
//!
//! The frame is Google congestion control (draft-ietf-rmcat-gcc-02): a slope of the delay with an adaptive threshold tells
//! overuse, and the rate falls to a part of what was acknowledged. Beyond it: the queueing delay itself is measured, so that a
//! queue of our own is drained on purpose, loss without a queue is told from congestion, and a flow beside ours that keeps the
//! queue full is met with its own rule ([`rival`]).

mod bursts;
mod capacity;
mod coupled;
mod crowding;
mod delay_control;
mod estimator;
mod feedback;
mod limits;
mod loss;
mod pacer;
mod packet_queue;
mod probe;
mod probe_result;
mod queue_delay;
mod queue_trace;
mod rate_window;
mod report_loss;
mod rival;
mod sent;
mod spread;
#[cfg(test)]
mod tests;
mod trendline;

pub(crate) use coupled::{Coupled, Share};
pub(crate) use estimator::Bandwidth;
pub(crate) use limits::BandwidthLimits;
pub(crate) use pacer::{Admission, Pacer};
pub(crate) use packet_queue::Urgency;
pub(crate) use probe::ProbeId;
