//! Forward error correction: packets from which lost ones are made again.

pub mod flexfec;
