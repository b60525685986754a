//! Identities that cross the door of the media core.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "driver", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                text.strip_prefix($prefix)
                    .filter(|hex| (1..=16).contains(&hex.len()))
                    .and_then(|hex| u64::from_str_radix(hex, 16).ok())
                    .map(Self)
                    .ok_or(BadId)
            }
        }
    };
}

id!(
    /// One room. Allocated by whoever opens it; unique within the process.
    RoomId,
    "r"
);
id!(
    /// One participant's place in one room, with one transport. Allocated by whoever admits him;
    /// unique within the process and never used again.
    PeerId,
    "p"
);
id!(
    /// One published source of media (a microphone, a camera, a screen). Allocated by the engine.
    TrackId,
    "t"
);
id!(
    /// Something that the server plays into a room. Allocated by whoever has it played; unique within the process and never used again.
    AnnouncementId,
    "a"
);

/// The text is not an id of this kind: a letter and up to 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct BadId;
