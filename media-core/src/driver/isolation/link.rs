//! The talk with one process: what media threads say goes over as it comes, what it answers comes back, until one of both is gone or the
//! process does not answer.

use super::frames::Frames;
use super::patience::{LOOK, Patience};
use super::process::Process;
use crate::driver::sys;
use serde::de::DeserializeOwned;
use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Written at once: then it is looked at.
const BATCH_BYTES: usize = 256 << 10;

/// The server's side of a talk: what its words and answers are.
pub(super) trait Side: Sync {
    /// What media threads say.
    type Word;
    /// What a process answers.
    type Answer: DeserializeOwned;
    /// Between two writes: so many words go over at once, and nobody is woken for each.
    const REST: Duration;

    /// Appends a word as it goes over. One that cannot be written ends the talk.
    fn say(&self, word: Self::Word, out: &mut Vec<u8>) -> io::Result<Said>;
    /// Takes what comes back. What cannot be of a mixer ends the talk.
    fn hear(&self, answer: Self::Answer) -> io::Result<Said>;
    /// There is no more at the moment.
    fn wake(&self);
    /// When there is something to say that nobody says now.
    fn next_due(&self) -> Option<Instant> {
        None
    }
    /// Appends what is due by now.
    fn say_due(&self, _now: Instant, _out: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }
}

/// What was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Something to which there must be an answer.
    Question,
    /// The answer to that.
    Answer,
    /// Something else.
    Word,
}

/// Why a talk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nobody is left who could say anything.
    Closed,
    /// The process is gone, or says what it should not.
    Gone,
    /// It does not answer.
    Stuck,
}

/// What both threads know.
#[derive(Debug, Default)]
struct State {
    is_over: AtomicBool,
    has_answered: AtomicBool,
}

/// Set when the thread that listens ends, even by a panic.
struct Listening<'a>(&'a State);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
    }
}

/// Talks until there is an end of it, beginning with `first`. The process has ended then.
pub(super) fn talk<S: Side>(side: &S, process: &Process, words: &Receiver<S::Word>, first: Option<S::Word>) -> End {
    let state = State::default();
    std::thread::scope(|scope| {
        let listener = std::thread::Builder::new().name("mixer-answers".to_owned());
        let end = match listener.spawn_scoped(scope, || listen(side, process, &state)) {
            Ok(_) => Speaker { side, process, state: &state, asked: None, out: Vec::new() }.speak(words, first),
            Err(_) => End::Gone,
        };
        // The one that listens ends with it.
        let status = process.end().map_or_else(|error| error.to_string(), |status| status.to_string());
        if end != End::Closed {
            tracing::error!(process = process.id, ?end, %status, "a process that mixes is lost");
        }
        end
    })
}

fn listen<S: Side>(side: &S, process: &Process, state: &State) {
    let _listening = Listening(state);
    let mut frames = Frames::new(&process.stream);
    while let Ok(answer) = frames.next() {
        match side.hear(answer) {
            Ok(Said::Answer) => state.has_answered.store(true, Ordering::Release),
            Ok(Said::Question | Said::Word) => {}
            Err(error) => {
                tracing::error!(process = process.id, %error, "a process that mixes says what no mixer would");
                return;
            }
        }
        if !frames.has_more() {
            side.wake();
        }
    }
}

struct Speaker<'a, S> {
    side: &'a S,
    process: &'a Process,
    state: &'a State,
    /// It was asked what it has not answered.
    asked: Option<Patience>,
    out: Vec<u8>,
}

impl<S: Side> Speaker<'_, S> {
    fn speak(&mut self, words: &Receiver<S::Word>, first: Option<S::Word>) -> End {
        if self.process.stream.set_write_timeout(Some(LOOK)).is_err() {
            return End::Gone;
        }
        let mut next = first;
        loop {
            let due = self.side.next_due();
            let wait = due.map_or(LOOK, |at| at.saturating_duration_since(Instant::now()).min(LOOK));
            let word = match next.take().map_or_else(|| words.recv_timeout(wait), Ok) {
                Ok(word) => Some(word),
                Err(RecvTimeoutError::Timeout) => None,
                // Given up by an engine that had no answer, or by one that needs it no more.
                Err(RecvTimeoutError::Disconnected) => {
                    return if self.is_stuck() { End::Stuck } else { End::Closed };
                }
            };
            let is_due = due.is_some_and(|at| at <= Instant::now());
            if (word.is_some() || is_due)
                && let Err(end) = self.say_all(word, words)
            {
                return end;
            }
            if let Some(end) = self.look() {
                return end;
            }
        }
    }

    /// Says this word, all that wait behind it, and what is due.
    fn say_all(&mut self, mut next: Option<S::Word>, words: &Receiver<S::Word>) -> Result<(), End> {
        self.out.clear();
        while let Some(word) = next.take() {
            if self.side.say(word, &mut self.out).map_err(|_| End::Gone)? == Said::Question {
                self.asked.get_or_insert_with(|| Patience::new(Instant::now()));
            }
            if self.out.len() < BATCH_BYTES {
                next = words.try_recv().ok();
            }
        }
        self.side.say_due(Instant::now(), &mut self.out).map_err(|_| End::Gone)?;
        self.write()?;
        std::thread::sleep(S::REST);
        Ok(())
    }

    fn write(&mut self) -> Result<(), End> {
        let (mut patience, mut rest) = (Patience::new(Instant::now()), self.out.as_slice());
        while !rest.is_empty() {
            match (&self.process.stream).write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    if self.state.is_over.load(Ordering::Acquire) {
                        return Err(End::Gone);
                    }
                    if patience.is_over(Instant::now(), || sys::pulse(self.process.id)) {
                        return Err(End::Stuck);
                    }
                }
                Err(_) => return Err(End::Gone),
            }
        }
        Ok(())
    }

    fn look(&mut self) -> Option<End> {
        if self.state.has_answered.swap(false, Ordering::AcqRel) {
            self.asked = None;
        }
        if self.state.is_over.load(Ordering::Acquire) {
            return Some(End::Gone);
        }
        self.is_stuck().then_some(End::Stuck)
    }

    fn is_stuck(&mut self) -> bool {
        let process = self.process.id;
        self.asked.as_mut().is_some_and(|asked| asked.is_over(Instant::now(), || sys::pulse(process)))
    }
}
