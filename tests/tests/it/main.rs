//! One binary for all tests that need more than one part of the house.

mod announcements;
mod audience;
mod canvases;
mod corpus;
mod data_channels;
mod footprint;
mod garbage;
mod gstreamer;
mod handshake;
mod isolation;
mod key_frames;
mod layers;
mod lifecycle;
mod loss;
mod matrix;
mod mixing;
mod mute;
mod paths;
mod plain_rtp;
mod second_stack;
mod seeds;
mod shared_rooms;
mod snapshots;
mod speakers;
mod talk;
mod tones;
