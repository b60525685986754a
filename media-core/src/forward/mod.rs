//! Forwarding: one producer to many consumers, without transcoding. One algorithm a file; each is told the time.

mod arrivals;
mod consumer;
mod keyframe;
mod nack;
mod producer;
mod reception;
mod ring;
mod seen;

pub(crate) use arrivals::Arrivals;
pub(crate) use consumer::Consumer;
pub(crate) use producer::{Arrived, MediaPacket, Producer, SenderClock};
pub(crate) use reception::Reception;
