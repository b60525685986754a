//! FlexFEC as libwebrtc speaks it under the name `flexfec-03`
//! (draft-ietf-payload-flexible-fec-scheme-03): repair packets in a stream of their own, each the XOR of packets of one
//! media stream, chosen by a mask of 15, 46 or 109 bits. One lost packet of the mask can be made again.
//!
//! RFC 8627, which came of that draft, is another format on the wire. The differences that matter are told at
//! [`RepairHeader`].

mod encoder;
mod header;
mod parity;
mod recoverer;
mod window;

pub use encoder::RepairEncoder;
pub use header::{MAX_SPAN, RepairHeader};
pub use parity::MAX_PROTECTED_LEN;
pub use recoverer::{MAX_WAITING_REPAIRS, Recoverer};
pub use window::WINDOW;
