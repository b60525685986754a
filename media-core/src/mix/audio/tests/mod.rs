//! Tones through real Opus, in virtual time: who hears whom, how well and how late.

mod hostile;
mod lab;
mod matrix;
mod network;
mod privacy;
mod scale;
