//! Opus (RFC 6716, RFC 7587).

mod frame;
mod packet;

pub use frame::{OpusMode, opus_has_inband_fec, opus_is_dtx};
pub use packet::{MAX_OPUS_SAMPLES, Opus};
