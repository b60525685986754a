//! Header extension elements (RFC 8285), and those whose insides we read and write.

mod audio;
mod block;
mod layers;
mod stream;
mod time;
mod video;

pub use audio::audio_level;
pub(super) use block::{ExtensionBlock, ONE_BYTE_PROFILE, TWO_BYTE_PROFILE, clear_elements};
pub use block::{Extensions, fits_one_byte_form};
pub use layers::{AllocatedLayer, LayerSize, LayersAllocation, MAX_ALLOCATED_LAYERS, MAX_LAYER_BITRATE_KBPS};
pub use stream::{MAX_RID_LEN, Rid};
pub use time::{AbsCaptureTime, AbsSendTime, transport_sequence};
pub use video::{PlayoutDelay, Rotation, VideoOrientation, color_space};
