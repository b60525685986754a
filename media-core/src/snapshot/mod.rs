//! Still pictures out of key frames that were forwarded: decoded, scaled, and made into JPEG. Pure, but slow: milliseconds a picture, so
//! never done on a thread of media. The driver has one of its own for it.
//!
//! [`Shelf`] keeps what was made, so that of one video no more than one picture is made in an interval, whoever asks and however often.

mod develop;
mod shelf;

pub use develop::{Develop, Jpeg, KeyFrame, Plain};
pub use shelf::{Shelf, ShelfStats};
