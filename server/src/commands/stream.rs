//! `colloquy stream`: what the server starts `gst-launch-1.0` through. It ties the program's life to the server's, hands it the sockets that
//! packets come from, and becomes it.

use crate::egress::pipeline::{PICTURES, SOUND};
use crate::exit::Exit;
use anyhow::{Context as _, Result, bail};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, IntoRawFd as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What it becomes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server's process.
    #[arg(long)]
    parent: i32,
    /// The program, and its arguments.
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

/// What the server starts this program with, before the arguments of `program`.
pub(crate) fn arguments(program: &Path) -> Vec<OsString> {
    let parent = std::process::id().to_string();
    let mut all: Vec<OsString> = ["stream", "--parent", &parent, "--"].map(OsString::from).into();
    all.push(PathBuf::from(program).into());
    all
}

/// Becomes the program. Standard input is the socket of pictures, standard output that of sound.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    // It stays over what comes, also where the server is killed.
    set_parent_process_death_signal(Some(Signal::KILL)).context("its end cannot be tied to the server's")?;
    if getppid().map(|parent| parent.as_raw_nonzero().get()) != Some(args.parent) {
        bail!("`colloquy stream` is run by the server, not by hand");
    }
    let pictures = kept_open(std::io::stdin())?;
    let sound = kept_open(std::io::stdout())?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(std::io::stderr())?;
    let [program, rest @ ..] = args.program.as_slice() else { bail!("no program is named") };
    let filled = rest.iter().map(|argument| match argument.to_str() {
        Some(text) if text.starts_with("fd=") => text.replace(PICTURES, &pictures).replace(SOUND, &sound).into(),
        _ => argument.clone(),
    });
    let error = Command::new(program).args(filled).exec();
    Err(error).with_context(|| format!("{} cannot be started", Path::new(program).display()))
}

/// A copy of a file that the program will have too, by its number.
fn kept_open(file: impl AsFd) -> Result<String> {
    let copy = rustix::io::dup(file).context("no file is to be had")?;
    Ok(copy.into_raw_fd().to_string())
}
