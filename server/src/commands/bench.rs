//! `colloquy bench`: hands over to `colloquy-bench`, a program of its own. The server is not built with the harness in it.

use crate::exit::Exit;
use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// Everything is the harness's.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// As `colloquy-bench` takes them; without any, its help.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

const PROGRAM: &str = "colloquy-bench";

/// Becomes the harness. Returns only when there is none.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    let error = Command::new(program()).args(&args.args).exec();
    Err(error).context(
        "`colloquy bench` is the program colloquy-bench, which is neither beside this one nor in PATH. \
         From the sources: cargo build --release -p colloquy-bench",
    )
}

/// The one beside this program, else whatever PATH has.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PROGRAM.into())
}
