//! A child process: started on its core, its output kept, ended with the value.

use super::Placement;
use crate::os;
use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a child has to end after it was asked to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(2);
/// What of a log is shown when a child ends too early, in bytes.
const TAIL: usize = 2_000;

/// A running child. Dropping it ends it: asked first (SIGTERM), then killed.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    name: String,
    log: PathBuf,
}

impl Child {
    /// Starts `program` where `place` says; `edit` adds arguments and environment. Its output goes to `NAME.log` in the scratch
    /// directory.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, program: &Path, place: &Placement, edit: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = match place.core {
            Some(core) => os::on_core(core, place.first, program),
            None => Command::new(program),
        };
        edit(&mut command);
        let log = place.scratch.join(format!("{name}.log"));
        let out = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn();
        let child = child.with_context(|| format!("{} does not start", program.display()))?;
        Ok(Self { child, name: name.to_owned(), log })
    }

    /// Waits until `ready` says so, at most `time`.
    ///
    /// # Errors
    /// When the child ends before, or is not ready in time.
    pub fn wait(&mut self, time: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}): {}", self.name, self.tail());
            }
            if ready() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} is not ready after {time:?}: {}", self.name, self.tail())
    }

    /// Its process. `taskset` and `chrt` become what they start, so that it is the program's own.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let start = text.len().saturating_sub(TAIL);
        String::from_utf8_lossy(text.get(start..).unwrap_or_default()).trim().to_owned()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        os::ask_to_end(self.child.id());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
