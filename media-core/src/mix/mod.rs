//! Mixing: what somebody gets who takes one stream instead of many. Pure: the time is passed in, there are no threads and no sockets.

pub mod audio;
#[cfg(feature = "compose")]
pub mod video;
