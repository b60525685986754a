//! Who sees what, through real encoders and decoders, in made-up time.

mod assembling;
mod faces;
mod geometry;
mod hostile;
mod looks;
mod sharing;
mod world;
