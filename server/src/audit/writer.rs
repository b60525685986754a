//! The thread that writes.

use super::chain::{Chain, Head, LINE_BYTES, Note};
use super::{Flags, Job};
use serde::Serialize;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

/// Lines that are synced to the disk at once.
const RUN_LINES: usize = 256;
/// A disk that does not take them is tried again after this.
const RETRY: Duration = Duration::from_millis(500);

pub(super) struct Writer {
    path: PathBuf,
    file: File,
    flags: Arc<Flags>,
    chain: Chain,
    /// What is not in the file yet.
    unwritten: Vec<u8>,
    failing: bool,
}

impl Writer {
    pub(super) fn open(path: &Path, flags: Arc<Flags>) -> io::Result<Self> {
        let mut file = open(path)?;
        let end = End::of(&mut file)?;
        let unwritten = if end.torn { vec![b'\n'] } else { Vec::new() };
        let mut writer = Self { path: path.to_owned(), file, flags, chain: end.chain, unwritten, failing: false };
        writer.note(&Note::Opened { torn: end.torn });
        writer.try_flush()?;
        Ok(writer)
    }

    pub(super) fn run<T: Serialize>(mut self, jobs: &Receiver<Job<T>>) {
        while let Ok(first) = jobs.recv() {
            self.take(std::iter::once(first).chain(jobs.try_iter()).take(RUN_LINES));
            if self.flags.reopen.swap(false, Ordering::AcqRel) {
                self.reopen();
            }
            if self.flags.stop.load(Ordering::Acquire) {
                self.take(jobs.try_iter());
                break;
            }
        }
        self.note(&Note::Closed);
        self.flush();
        tracing::info!(lines = self.chain.next, last = %self.chain.last, "the audit file is closed");
    }

    fn take<T: Serialize>(&mut self, jobs: impl Iterator<Item = Job<T>>) {
        for job in jobs {
            if let Job::Line(time, line) = job {
                self.line(time, &line);
            }
        }
        let lost = self.flags.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::error!(lines = lost, "lines are missing from the audit file: they stand in the log only");
            self.note(&Note::Lost { lines: lost });
        }
        self.flush();
    }

    fn line(&mut self, time: SystemTime, what: &impl Serialize) {
        if let Err(error) = self.chain.write(time, what, &mut self.unwritten) {
            tracing::error!(%error, "a line of the audit file could not be put into words");
            self.flags.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn note(&mut self, note: &Note) {
        self.line(SystemTime::now(), note);
    }

    /// Writes until all is in the file and the file is on the disk. Meanwhile the queue fills.
    fn flush(&mut self) {
        while let Err(error) = self.try_flush() {
            if !std::mem::replace(&mut self.failing, true) {
                tracing::error!(%error, file = %self.path.display(), "the audit file cannot be written: trying on");
            }
            if self.flags.stop.load(Ordering::Acquire) {
                let bytes = self.unwritten.len();
                tracing::error!(bytes, "the server stops, and the audit file lacks what was not written");
                return;
            }
            std::thread::sleep(RETRY);
        }
        if std::mem::take(&mut self.failing) {
            tracing::warn!("the audit file is written again");
        }
    }

    fn try_flush(&mut self) -> io::Result<()> {
        while !self.unwritten.is_empty() {
            match self.file.write(&self.unwritten) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.unwritten.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.file.sync_data()
    }

    /// Ends the file that was moved away, and goes on in a new one.
    fn reopen(&mut self) {
        if self.is_in_place() {
            return;
        }
        match open(&self.path) {
            Ok(file) => {
                self.note(&Note::Closed);
                self.flush();
                self.file = file;
                self.note(&Note::Opened { torn: false });
                self.flush();
                tracing::info!(lines = self.chain.next, last = %self.chain.last, "the audit file was opened again");
            }
            Err(error) => {
                tracing::error!(%error, "the audit file could not be opened again: the one before is written on");
            }
        }
    }

    /// Whether the open file is the one under its name.
    fn is_in_place(&self) -> bool {
        let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        matches!((fs::metadata(&self.path), self.file.metadata()), (Ok(a), Ok(b)) if same(&a, &b))
    }
}

/// Opens a file for one writer alone.
fn open(path: &Path) -> io::Result<File> {
    // It names people: for the server's user alone.
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(io::Error::other("another server writes it")),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // So that a file that is new is still there after a power cut.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// How a file ends that was written before.
struct End {
    chain: Chain,
    /// The last line has no end: it is cut off.
    torn: bool,
}

impl End {
    fn of(file: &mut File) -> io::Result<Self> {
        let bytes = file.seek(SeekFrom::End(0))?;
        let mut tail = Vec::new();
        // Two lines and a bit: the last may not be whole.
        let back = bytes.min(2 * LINE_BYTES as u64 + 2);
        file.seek(SeekFrom::End(-i64::try_from(back).unwrap_or(0)))?;
        file.take(back).read_to_end(&mut tail)?;
        let torn = tail.last().is_some_and(|byte| *byte != b'\n');
        let mut lines: Vec<&[u8]> = tail.split(|byte| *byte == b'\n').collect();
        if !torn {
            lines.pop();
        }
        let mut chain = Chain::default();
        let known = lines.iter().rposition(|line| Head::read(line).is_some());
        match known.and_then(|at| Some((at, Head::read(lines.get(at)?)?.n))) {
            Some((at, n)) => {
                chain.next = n;
                lines.iter().skip(at).for_each(|line| chain.follow(line));
            }
            None if tail.is_empty() => {}
            // A first line that is cut off, or another file altogether.
            None if torn && lines.len() == 1 && back == bytes => lines.iter().for_each(|line| chain.follow(line)),
            None => return Err(io::Error::other("it holds something else than lines of an audit file")),
        }
        Ok(Self { chain, torn })
    }
}
