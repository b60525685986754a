//! What a mixer counts.

/// Since the mixer was made, but for what stands there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MixStats {
    /// Sources now.
    pub sources: usize,
    /// Listeners now.
    pub listeners: usize,
    /// Mixes now.
    pub outputs: usize,
    /// Sources that are decoded now.
    pub decoding: usize,
    /// Turns.
    pub ticks: u64,
    /// Frames encoded.
    pub encoded: u64,
    /// Frames in which there was nothing to encode.
    pub silent: u64,
    /// Frames decoded.
    pub decoded: u64,
    /// Packets that came.
    pub packets: u64,
    /// Too late to be played.
    pub late: u64,
    /// Had already.
    pub duplicates: u64,
    /// Malformed, too long, or of no source.
    pub refused: u64,
    /// Dropped since the buffer was full.
    pub overflowed: u64,
    /// Frames had from a redundant copy in a later packet (RED).
    pub from_red: u64,
    /// Frames had from the in-band FEC of the next packet.
    pub from_fec: u64,
    /// Frames made up, as nothing was to be had.
    pub concealed: u64,
    /// Samples inserted to wait longer.
    pub stretched_samples: u64,
    /// Samples left out to wait less.
    pub shrunk_samples: u64,
    /// Times that a mix was begun anew, as somebody was taken out of it.
    pub rebuilt: u64,
    /// Ears that could not be had: too many listeners or rules. They hear nothing.
    pub ears_refused: u64,
    /// Packets of mixes that were dropped, as nobody polled.
    pub unpolled: u64,
    /// Errors of the codec.
    pub codec_errors: u64,
}
