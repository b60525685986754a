//! The audit file: who changed what others hear, see and know, a line of JSON each, written so that nobody loses a line unseen.
//!
//! Lines are handed over on a bounded queue and written by a thread of its own, which syncs them to the disk in runs. Each line
//! carries the hash of the line before ([`chain`]), so that what was changed or cut out is seen ([`verify`]). Where the disk does not
//! take them, the writer waits and the queue fills; what does not fit any more is logged, counted, and told of in the file itself.

mod chain;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub(crate) use verify::Verifier;

use anyhow::{Context as _, Result};
use colloquy_signalling::{AuditRecord, AuditSink};
use serde::Serialize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::SystemTime;
use writer::Writer;

/// Lines that wait for the disk. People change audiences a few times a minute: a large server fills this after minutes of a disk that
/// hangs. What comes then is lost, and counted.
const QUEUE_LINES: usize = 8_192;

/// What the writer is handed.
enum Job<T> {
    Line(SystemTime, Box<T>),
    /// Look at the flags.
    Wake,
}

/// What the writer looks at between two runs.
#[derive(Default)]
struct Flags {
    reopen: AtomicBool,
    stop: AtomicBool,
    /// Lines that found no place since the writer last looked.
    lost: AtomicU64,
}

/// An audit file that is being written.
pub(crate) struct AuditFile<T = AuditRecord> {
    queue: SyncSender<Job<T>>,
    flags: Arc<Flags>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl<T: Serialize + Send + 'static> AuditFile<T> {
    /// Opens the file, or makes it, and goes on where it ends.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::with_queue(path, QUEUE_LINES)
    }

    fn with_queue(path: &Path, lines: usize) -> Result<Self> {
        let (queue, jobs) = sync_channel(lines);
        let flags = Arc::new(Flags::default());
        let writer = Writer::open(path, flags.clone())
            .with_context(|| format!("cannot write the audit file {}", path.display()))?;
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let writer = thread.spawn(move || writer.run(&jobs)).context("no thread for the audit file")?;
        Ok(Self { queue, flags, writer: Mutex::new(Some(writer)) })
    }

    /// Hands a line over. `false` when there is no place for it.
    fn hand_over(&self, time: SystemTime, line: T) -> bool {
        match self.queue.try_send(Job::Line(time, Box::new(line))) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                let before = self.flags.lost.fetch_add(1, Ordering::Relaxed);
                // The line itself stands in the log, which has every one.
                if before == 0 {
                    tracing::error!(
                        "the audit file does not take lines as fast as they come: some will be missing from it"
                    );
                }
                false
            }
        }
    }

    /// Opens the file again under its name, as after it was moved away.
    pub(crate) fn reopen(&self) {
        self.flags.reopen.store(true, Ordering::Release);
        // Where the queue is full the writer looks without being woken.
        let _ = self.queue.try_send(Job::Wake);
    }

    /// Writes what waits, and ends. Lines that come later are lost.
    pub(crate) fn close(&self) {
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.flags.stop.store(true, Ordering::Release);
        let _ = self.queue.try_send(Job::Wake);
        if writer.join().is_err() {
            tracing::error!("the writer of the audit file had ended before");
        }
    }
}

impl AuditSink for AuditFile {
    fn keep(&self, record: AuditRecord) -> bool {
        self.hand_over(SystemTime::now(), record)
    }
}

impl<T> Drop for AuditFile<T> {
    fn drop(&mut self) {
        // The writer ends when it has written what waits; there is nobody to wait for it.
        self.flags.stop.store(true, Ordering::Release);
        let _ = self.queue.try_send(Job::Wake);
    }
}
