//! Forwarding: one producer to many consumers, without transcoding. One algorithm a file; each is told the time.

mod arrivals;
mod carried;
mod consumer;
mod encoding;
mod exceptions;
mod frame;
mod keyframe;
mod nack;
mod pictures;
mod portrait;
mod producer;
mod protection;
mod reception;
mod redundancy;
mod ring;
mod runs;
mod seen;
mod selector;
mod size;
mod stamp;
#[cfg(test)]
mod tests;
mod timeline;

pub(crate) use arrivals::Arrivals;
pub(crate) use carried::Carried;
pub(crate) use consumer::{Aim, Consumer, Eye, Rewritten, Still};
pub(crate) use frame::Frame;
pub(crate) use keyframe::{KeyframeRequests, Way};
pub(crate) use portrait::{Kept, KeptPicture};
pub(crate) use producer::{Arrived, MediaPacket, Producer, SenderClock};
pub(crate) use protection::{PathTold, Protection};
pub(crate) use reception::Reception;
pub(crate) use redundancy::Redundancy;
pub(crate) use ring::Ring;
pub(crate) use stamp::{Stamp, set_transport_sequence};
