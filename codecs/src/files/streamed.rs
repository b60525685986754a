//! WAV files that were written to a pipe: their headers could not be corrected when their lengths were known.

/// A length from here on is none: files of 2 GB are not read here, and programs write this much or more when they do not know.
const UNKNOWN: u32 = 0x7fff_0000;
/// Chunks that are looked through for the sound: there are two or three.
const MAX_CHUNKS: usize = 32;

/// Puts the true lengths into a WAV file that says none. Anything else stays as it is.
pub fn finish_streamed(file: &mut [u8]) {
    let all = file.len();
    if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
        return;
    }
    let mut at = 12;
    for _ in 0..MAX_CHUNKS {
        let Some(Ok(length)) = file.get(at + 4..at + 8).map(<[u8; 4]>::try_from) else { return };
        let length = u32::from_le_bytes(length);
        if file.get(at..at + 4) == Some(b"data") {
            if length == 0 || length >= UNKNOWN {
                set(file, at + 4, all - at - 8);
                set(file, 4, all - 8);
            }
            return;
        }
        // A chunk of odd length has a byte after it.
        at = at.saturating_add(8).saturating_add(length as usize + (length % 2) as usize);
    }
}

fn set(file: &mut [u8], at: usize, length: usize) {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    if let Some(place) = file.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}
