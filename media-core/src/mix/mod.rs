//! What one hears and sees who gets a single stream instead of everybody's: pure, with the time passed in.

pub mod video;
