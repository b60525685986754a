//! Names that people choose: parsed once, then known to be good.

use crate::error::Refusal;
use std::fmt;

/// Longest room name, in characters (all of them ASCII): it stands in URLs and log lines.
pub const ROOM_NAME_CHARS: usize = 64;

/// Longest display name, in characters. Longer ones are refused.
pub const DISPLAY_NAME_CHARS: usize = 64;

/// A room's public name: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(String);

impl RoomName {
    /// Reads a room name.
    ///
    /// # Errors
    /// When it is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if text.is_empty() || text.len() > ROOM_NAME_CHARS || !text.bytes().all(good) {
            return Err(
                Refusal::malformed("A room name is 1 to 64 of A-Z a-z 0-9 . _ -").remedy("Choose another room name.")
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longest name of a layout, in characters (all of them ASCII).
pub const LAYOUT_NAME_CHARS: usize = 32;

/// A name of a room's canvas layout that somebody arranged: 1 to 32 of `A-Z a-z 0-9 _ -`, and none of those that every room has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayoutTitle(String);

impl LayoutTitle {
    /// Reads a layout's name.
    ///
    /// # Errors
    /// When it is empty, too long, has other characters, or is the name of a layout that every room has.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if text.is_empty() || text.len() > LAYOUT_NAME_CHARS || !text.bytes().all(good) {
            return Err(
                Refusal::malformed("A layout's name is 1 to 32 of A-Z a-z 0-9 _ -").remedy("Choose another name.")
            );
        }
        if crate::wire::is_reserved(text) {
            return Err(Refusal::malformed(format!("Every room has a layout {text}, which cannot be changed."))
                .remedy("Choose another name."));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LayoutTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person's name as others see it: 1 to 64 characters, something visible among them, none that controls a terminal, a log or
/// the direction of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Reads a display name; white space around it is dropped.
    ///
    /// # Errors
    /// When it is empty, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let chars = text.chars().take(DISPLAY_NAME_CHARS + 1).count();
        if chars == 0 || chars > DISPLAY_NAME_CHARS || text.chars().any(controls) {
            return Err(Refusal::malformed("A name is 1 to 64 characters, without control characters.")
                .remedy("Choose another name."));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, line and paragraph separators, and the bidirectional overrides that make a text read as another
/// (Unicode TR36, section 2.9).
fn controls(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{DisplayName, RoomName};

    #[test]
    fn room_names() {
        for good in ["a", "daily.stand-up_2", &"x".repeat(64)] {
            assert!(RoomName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "ü", "..\n", &"x".repeat(65)] {
            assert!(RoomName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn display_names() {
        for good in ["Anne", " Ångström ", "日本", &"ü".repeat(64)] {
            assert!(DisplayName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "   ", "a\u{202e}b", "a\nb", "\u{7}", "a\u{2028}b", &"ü".repeat(65)] {
            assert!(DisplayName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
