//! What the first bytes of an RTP payload tell, without decoding it: where pictures begin, how large they are, and which layers they
//! are of.

mod av1;
mod descriptor;
mod field;
mod h264;
mod layers;
mod opus;
mod red;
pub(crate) mod size;
mod vp8;
mod vp9;

pub use av1::{Av1, ObuElement, ObuHeader};
pub use descriptor::{Descriptor, PayloadFormat, starts_keyframe};
pub use field::{PictureId, PictureIdWidth, Tl0PicIdx};
pub use h264::{H264, NalHeader, NalType, StapA};
pub use layers::{LayerInfo, layer_info};
pub use opus::{MAX_OPUS_SAMPLES, Opus, OpusMode, opus_has_inband_fec, opus_is_dtx};
pub use red::{MAX_RED_BLOCK_LEN, MAX_RED_OFFSET, Red, RedBlock, write_red};
pub use size::picture_size;
pub use vp8::Vp8;
pub use vp9::{Vp9, Vp9GroupPicture, Vp9Layers, Vp9Structure};
