//! RTP headers: reading, extension elements, writing and rewriting (RFC 3550 5.1, RFC 8285).

pub mod dependency;
mod ext;
mod rewrite;
mod view;

pub use ext::{
    AbsCaptureTime, AbsSendTime, AllocatedLayer, Extensions, LayerSize, LayersAllocation, MAX_ALLOCATED_LAYERS,
    MAX_LAYER_BITRATE_KBPS, MAX_RID_LEN, PlayoutDelay, Rid, Rotation, VideoOrientation, audio_level, color_space,
    fits_one_byte_form, transport_sequence,
};
pub use rewrite::{HeaderFields, HeaderWriter, rewrite_header, write_header};
pub use view::{FIXED_HEADER_LEN, RtpHeader, strip_padding};
