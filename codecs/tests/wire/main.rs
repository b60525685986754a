//! What the parsers and writers promise, through the public interface: bytes known from elsewhere, round trips, and
//! hostile input.

mod audio;
mod dependency;
mod extensions;
mod flexfec;
mod hostile;
mod payload;
mod picture_size;
mod rtcp;
mod rtp;
mod transport;
#[cfg(feature = "video")]
mod video;
mod walk;

/// Bytes from hexadecimal digits; spaces are for the reader.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}
