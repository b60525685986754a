//! The `colloquy` server: configuration, then parts, then run, then drain. It holds no rules of its own: media is
//! `colloquy-media-core`, who may do what is `colloquy-signalling`.

mod audit;
mod cli;
mod commands;
pub mod config;
mod egress;
mod engine;
mod exit;
mod logs;
mod serve;
mod sounds;
mod tls;
mod web;

pub use cli::run;
