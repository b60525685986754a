//! Where the log goes: standard error, for people or for machines.

use crate::config::{Log, LogFormat};
use anyhow::{Context as _, Result};
use std::io::{IsTerminal as _, stderr};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::prelude::*;

/// Starts logging for the whole process.
pub(crate) fn start(log: &Log) -> Result<()> {
    let filter = log.filter()?;
    let layer = tracing_subscriber::fmt::layer().with_writer(stderr).with_timer(SystemTime);
    let layer = match log.format {
        LogFormat::Text => layer.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init().context("logging was started already")
}
