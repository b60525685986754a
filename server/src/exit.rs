//! What the process tells the shell.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// It did not work.
    Failure = 1,
    /// The command line or the configuration cannot be used. (clap uses the same number.)
    Usage = 2,
    /// `check` found something that keeps clients out, or `audit verify` a file that was changed.
    Problem = 3,
}

/// What `--help` says about it.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  done
  1  it did not work: a port is taken, the server cannot be reached or refuses
  2  the command line or the configuration cannot be used
  3  `check` found something that keeps clients out; `audit verify` a file that was changed";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The command line or the configuration cannot be used.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) anyhow::Error);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for UsageError {}

/// Marks errors as the user's to mend on the command line or in the configuration.
pub(crate) trait Usage<T> {
    /// Makes the exit code 2.
    fn usage(self) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Usage<T> for Result<T, E> {
    fn usage(self) -> anyhow::Result<T> {
        self.map_err(|error| UsageError(error.into()).into())
    }
}
