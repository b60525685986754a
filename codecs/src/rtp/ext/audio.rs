//! What senders say about audio.

/// Client-to-mixer audio level (RFC 6464 3): whether the sender hears a voice, and the level in -dBov: 0 is the loudest,
/// 127 is silence. `None` unless the element is one byte long.
pub fn audio_level(element: &[u8]) -> Option<(bool, u8)> {
    let &[byte] = element else { return None };
    Some((byte & 0x80 != 0, byte & 0x7F))
}
