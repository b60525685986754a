//! The audio mixer of one room: Opus packets in, one Opus stream out for all who hear the same.
//!
//! [`AudioMixer`] is the one door. Sources are sorted into groups; a listener's [`Ear`] names the groups that he hears. What no ear
//! names is silent.
//!
//! # A turn
//! Every 20 ms: the loudest few of each group that anybody hears are chosen by the levels that their senders tell
//! ([`select`]), and only they are decoded ([`source`], [`playout`]). Listeners with the same rules for those who are heard share
//! one mix ([`ear`], [`listeners`], [`classes`]); who speaks himself has one without his own voice. Each mix is a sum, a limiter
//! that looks ahead and one encoder ([`mixdown`]). Where there is nothing to hear, nothing is encoded, and a room in which nobody
//! speaks has no turns at all.
//!
//! # What never happens
//! - A source that is moved or taken away is not heard for one more sample by those who may not hear it: it leaves the mix at once,
//!   what waits of it is thrown away, and the limiter and encoder of every mix that it was in begin anew.
//! - A new encoder begins from what its listeners could have heard in the last 60 ms, never from silence: who comes over to it from
//!   another mix hears no click.

#[cfg(feature = "mix")]
mod classes;
#[cfg(feature = "mix")]
mod ear;
#[cfg(feature = "mix")]
mod jitter;
#[cfg(feature = "mix")]
mod limits;
#[cfg(feature = "mix")]
mod listeners;
#[cfg(feature = "mix")]
mod mixdown;
#[cfg(feature = "mix")]
mod mixer;
#[cfg(feature = "mix")]
mod playout;
#[cfg(feature = "mix")]
mod select;
#[cfg(feature = "mix")]
mod settings;
#[cfg(feature = "mix")]
mod source;
#[cfg(feature = "mix")]
mod stats;
#[cfg(test)]
mod tests;
mod types;

#[cfg(feature = "driver")]
pub(crate) use limits::MAX_PAYLOAD_BYTES;
#[cfg(feature = "mix")]
pub use limits::{MAX_EAR_EXCEPTIONS, MAX_EAR_GROUPS, MAX_LISTENERS, MAX_SOURCES};
#[cfg(feature = "mix")]
pub use mixer::AudioMixer;
#[cfg(feature = "mix")]
pub use settings::MixSettings;
#[cfg(feature = "mix")]
pub use stats::MixStats;
pub use types::{Channels, Coding, Ear, Full, Gain, GroupId, ListenerId, Mixed, Output, OutputId, Packet, SourceId};

/// Samples of a channel in a turn: 20 ms at 48 kHz.
pub(crate) const FRAME_SAMPLES: usize = 960;
/// The same in seconds.
#[cfg(feature = "mix")]
const FRAME_SECONDS: f32 = 0.02;
