//! One run of `gst-launch-1.0`: started without a shell, with an environment of its own, in a group of its own; ended with the server whatever
//! becomes of that; and what it says is kept, as far as it explains how it ended.

use super::pipeline::METER;
use super::secrets::Secrets;
use crate::commands::stream;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What it sees of our environment: secrets may stand in the rest.
const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "LD_LIBRARY_PATH", "GST_PLUGIN_PATH", "GST_PLUGIN_SYSTEM_PATH"];
/// Lines that are kept of what it says, and their length in bytes.
const LINES: usize = 24;
const LINE_BYTES: usize = 400;
/// What it says in the course of things, and explains nothing.
const COURSE: [&str; 9] = [
    "Setting pipeline",
    "Pipeline is",
    "New clock",
    "Redistribute",
    "Additional debug info",
    "Execution ended",
    "Freeing pipeline",
    "handling interrupt",
    "Interrupt",
];
/// How long it may take to finish what it has begun to write.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(3);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Gives a program as much of our environment as it may see. What it says is read, so that it says it in English.
pub(super) fn surroundings(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C.UTF-8").current_dir("/");
    command.envs(ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
}

/// What a run has said so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// It plays: from now on it knows when packets come.
    pub(super) plays: bool,
    /// Its last lines, without keys.
    pub(super) lines: VecDeque<String>,
    /// Seconds that have left.
    seconds: u64,
    /// When the last of them did.
    left_at: Option<Instant>,
}

impl Said {
    /// Seconds that have left, and when the last of them did.
    pub(super) fn left(&self) -> (u64, Option<Instant>) {
        (self.seconds, self.left_at)
    }
}

/// A run. It is gone when this is.
pub(super) struct Run {
    child: Child,
    said: Arc<Mutex<Said>>,
    reader: Option<JoinHandle<()>>,
}

impl Run {
    /// Starts one, which ends with the calling thread if not before.
    pub(super) fn start(
        program: &Path,
        arguments: &[String],
        (sound, pictures): (&UdpSocket, Option<&UdpSocket>),
        secrets: &Secrets,
    ) -> io::Result<Self> {
        // The very file that runs, even after it was replaced by another version.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("colloquy").args(stream::arguments(program)).args(arguments).process_group(0);
        surroundings(&mut command);
        let socket = |socket: &UdpSocket| socket.try_clone().map(|socket| Stdio::from(OwnedFd::from(socket)));
        command
            .stdin(pictures.map_or_else(|| Ok(Stdio::null()), socket)?)
            .stdout(socket(sound)?)
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let said: Arc<Mutex<Said>> = Arc::default();
        let (kept, secrets) = (Arc::clone(&said), secrets.clone());
        let stderr = child.stderr.take();
        let reader = std::thread::Builder::new().name("egress-words".to_owned());
        let reader = reader.spawn(move || stderr.into_iter().for_each(|stderr| listen(stderr, &kept, &secrets)));
        let mut run = Self { child, said, reader: None };
        run.reader = Some(reader?);
        Ok(run)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// What it has said.
    pub(super) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has it finish what it has begun, and ends it if it does not.
    pub(super) fn finish(mut self) {
        self.signal(Signal::INT);
        let until = Instant::now() + LAST_WORDS;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK);
        }
    }

    /// Waits a little for the last of what one that has ended said.
    pub(super) fn hear_out(&self) {
        let until = Instant::now() + LOOK * 10;
        while Instant::now() < until && self.reader.as_ref().is_some_and(|reader| !reader.is_finished()) {
            std::thread::sleep(LOOK);
        }
    }

    fn signal(&mut self, signal: Signal) {
        // One that was waited for has given its number to whoever comes next.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Whatever it started belongs to its group.
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.wait();
        // Its end of the pipe is closed with it, and so its reader ends.
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Reads until the end, of lines of any length.
fn listen(mut from: impl Read, said: &Mutex<Said>, secrets: &Secrets) {
    let mut buffer = [0; 4_096];
    let mut line = Vec::new();
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        for byte in buffer.get(..n).unwrap_or_default() {
            if *byte == b'\n' {
                note(&line, said, secrets);
                line.clear();
            } else if line.len() < LINE_BYTES {
                line.push(*byte);
            }
        }
    }
    note(&line, said, secrets);
}

fn note(line: &[u8], said: &Mutex<Said>, secrets: &Secrets) {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    if line.is_empty() {
        return;
    }
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(seconds) = meter(line) {
        if seconds > said.seconds {
            (said.seconds, said.left_at) = (seconds, Some(Instant::now()));
        }
        return;
    }
    // It is said when the pipeline has its clock and the time that all is counted from.
    said.plays |= line.starts_with("New clock");
    if COURSE.iter().any(|word| line.starts_with(word)) {
        return;
    }
    if said.lines.len() >= LINES {
        said.lines.pop_front();
    }
    said.lines.push_back(secrets.hide(line).chars().filter(|c| !c.is_control()).collect());
}

/// The seconds of a line as `meter (00:00:05): 5 seconds`: since when it runs, and what has left.
fn meter(line: &str) -> Option<u64> {
    let rest = line.strip_prefix(METER)?.split_once("): ")?.1;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_bounded_and_without_keys() {
        let said = Mutex::default();
        let secrets = Secrets::of(["live_key%21"]);
        let mut text = "meter (00:00:02): 2 seconds\n".to_owned();
        text.push_str(&"x".repeat(10_000));
        text.push_str("\nCould not connect to rtmp://h/app/live_key%21, that is live_key!\n");
        listen(text.as_bytes(), &said, &secrets);
        let held = said.lock().unwrap();
        assert_eq!((held.seconds, held.lines.len()), (2, 2));
        assert_eq!(held.lines[0].len(), LINE_BYTES);
        assert_eq!(held.lines[1], "Could not connect to rtmp://h/app/***, that is ***");
        drop(held);
        (0..100).for_each(|i| note(format!("line {i}").as_bytes(), &said, &secrets));
        assert_eq!(said.lock().unwrap().lines.len(), LINES);
    }
}
