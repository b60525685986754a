//! The audio mixer of one room: Opus packets in, one Opus stream out for all who hear the same.
//!
//! [`AudioMixer`] is the one door. Sources are sorted into groups; a listener's [`Ear`] names the groups that he hears. What no ear
//! names is silent.

mod limits;
mod mixer;
mod settings;
mod stats;
mod types;

pub use limits::{MAX_EAR_EXCEPTIONS, MAX_EAR_GROUPS, MAX_LISTENERS, MAX_SOURCES};
pub use mixer::AudioMixer;
pub use settings::MixSettings;
pub use stats::MixStats;
pub use types::{Channels, Coding, Ear, Full, Gain, GroupId, ListenerId, Mixed, Output, OutputId, Packet, SourceId};
