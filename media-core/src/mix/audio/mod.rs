//! The audio mixer of one room.

mod types;

pub use types::{Channels, Coding, Ear, Full, Gain, GroupId, ListenerId, Mixed, Output, OutputId, Packet, SourceId};
