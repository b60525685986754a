//! Packets of one source, from when they come to when they are played.

mod buffer;
mod delay;

pub(super) use buffer::{Buffer, Insertion, Waiting};
pub(super) use delay::{Delay, Noted};
