//! RTP headers: reading, extension elements, writing and rewriting (RFC 3550 5.1, RFC 8285).

mod ext;
mod rewrite;
mod view;

pub use ext::{Extensions, audio_level, transport_sequence};
pub use rewrite::{HeaderFields, rewrite_header, write_header};
pub use view::{FIXED_HEADER_LEN, RtpHeader, strip_padding};
