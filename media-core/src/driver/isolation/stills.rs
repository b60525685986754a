//! The server's side of the process that makes key frames into pictures.

use super::frames::{self, Frames};
use super::process::{Isolation, Process};
use super::words::{Developed, KeyPicture, Role};
use crate::api::{SnapshotError, SnapshotSize, Still};
use crate::snapshot::{Develop, Jpeg};
use std::io::{self, Write as _};
use std::time::Duration;

/// A picture that takes longer is none: one of full HD takes some 50 ms, and whoever asks waits for four seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Has pictures made in a process of its own, which starts with the first of them and is replaced when it is lost.
pub(in crate::driver) struct Darkroom {
    isolation: Isolation,
    process: Option<Process>,
}

impl Darkroom {
    pub(in crate::driver) fn new(isolation: Isolation) -> Self {
        Self { isolation, process: None }
    }

    /// Asks for one picture.
    pub(super) fn ask(&mut self, picture: &KeyPicture) -> io::Result<Developed> {
        let process = match self.process.take() {
            Some(process) => process,
            None => Process::start(&self.isolation, Role::Darkroom)?,
        };
        let asked = ask(&process, picture);
        match &asked {
            Ok(_) => self.process = Some(process),
            Err(error) => {
                let status = process.end().map_or_else(|error| error.to_string(), |status| status.to_string());
                tracing::error!(process = process.id, %error, %status, "the process that makes snapshots is lost");
            }
        }
        asked
    }
}

fn ask(process: &Process, picture: &KeyPicture) -> io::Result<Developed> {
    process.stream.set_write_timeout(Some(PATIENCE))?;
    process.stream.set_read_timeout(Some(PATIENCE))?;
    let mut out = Vec::new();
    frames::write(&mut out, picture)?;
    (&process.stream).write_all(&out)?;
    Frames::new(&process.stream).next()
}

impl Develop for Darkroom {
    /// What ends the process cannot be decoded.
    fn develop(&mut self, still: &Still, size: SnapshotSize) -> Result<Jpeg, SnapshotError> {
        let picture = KeyPicture::of(still, size).ok_or(SnapshotError::Unreadable)?;
        match self.ask(&picture) {
            Ok(Developed::Jpeg { bytes, width, height }) => Ok(Jpeg { bytes: bytes.into(), width, height }),
            Ok(Developed::Unreadable) | Err(_) => Err(SnapshotError::Unreadable),
        }
    }
}
