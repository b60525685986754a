//! `colloquy mixer`: what the server starts for itself. It has the log of the server, and no configuration: nothing secret is known to it.

use crate::config::{Log, LogFormat};
use crate::exit::Exit;
use crate::logs;
use anyhow::{Context as _, Result};
use colloquy_media_core::driver::run_mixer;
use std::ffi::OsString;

/// How its log is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As `log.level`.
    #[arg(long)]
    log_level: String,
    /// As `log.format`.
    #[arg(long, value_parser = ["text", "json"])]
    log_format: String,
}

/// What the server starts this program with.
pub(crate) fn arguments(level: &str, format: &str) -> Vec<OsString> {
    ["mixer", "--log-level", level, "--log-format", format].map(OsString::from).into()
}

/// Mixes until the server needs it no more.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    let format = if args.log_format == "json" { LogFormat::Json } else { LogFormat::Text };
    logs::start(&Log { level: args.log_level.clone(), format })?;
    run_mixer().context("`colloquy mixer` is run by the server, not by hand")?;
    Ok(Exit::Ok)
}
