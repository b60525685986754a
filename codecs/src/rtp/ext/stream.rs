//! Names of streams.

use crate::ParseError;

/// The longest name that we take: it fits the one-byte form (RFC 8285 4.2). Browsers send one to three characters.
pub const MAX_RID_LEN: usize = 16;

/// An RtpStreamId or RepairedRtpStreamId (RFC 8852 3.1, 3.2): letters, digits, `-` and `_` (RFC 8851 10), at
/// most [`MAX_RID_LEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rid {
    /// Zeros behind the name.
    bytes: [u8; MAX_RID_LEN],
    len: u8,
}

impl Rid {
    /// Reads an element, or a name from SDP.
    pub fn parse(name: &[u8]) -> Result<Rid, ParseError> {
        let len = u8::try_from(name.len()).unwrap_or(u8::MAX);
        let mut bytes = [0; MAX_RID_LEN];
        match bytes.get_mut(..name.len()) {
            Some(place) if !name.is_empty() => place.copy_from_slice(name),
            _ => return Err(ParseError::new("RID of 0 or more than 16 characters", 0)),
        }
        let is_good = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
        match name.iter().position(|byte| !is_good(byte)) {
            Some(offset) => Err(ParseError::new("RID with a character that is not allowed", offset)),
            None => Ok(Rid { bytes, len }),
        }
    }

    /// The element's contents.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// As in SDP.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl std::fmt::Display for Rid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
