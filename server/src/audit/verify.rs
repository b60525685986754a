//! Is anything missing from an audit file, or changed in it?

use super::chain::{Chain, Hash, Head, LINE_BYTES};
use std::fmt;
use std::io::{self, BufRead, Read as _};

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Counted from 1, in its file.
    pub(crate) line: u64,
    pub(crate) what: FlawKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FlawKind {
    /// It cannot be read as a line of an audit file, and no crash explains it.
    NoLine,
    /// Lines are missing before it, or stand twice.
    Number { expected: u64, found: u64 },
    /// The line before it is another than the one that was there when this one was written.
    Hash { before: u64 },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match self.what {
            FlawKind::NoLine => write!(f, "line {line} is no line of an audit file"),
            FlawKind::Number { expected, found } => {
                write!(
                    f,
                    "line {line} has the number {found} where {expected} is expected: lines are missing, or moved"
                )
            }
            FlawKind::Hash { before } => {
                write!(f, "line {line} does not follow the line before it (number {before}): one of them was changed")
            }
        }
    }
}

/// What was found in files that are whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) lines: u64,
    /// The number of the first line. Not 0 where what was before stands in another file.
    pub(crate) first: Option<u64>,
    /// Of the last line.
    pub(crate) last: Option<Hash>,
    /// Lines that the server could not write, as it says itself.
    pub(crate) lost: u64,
    /// Lines that a crash cut off.
    pub(crate) torn: u64,
    /// The last line has no end: it was cut off, or is being written.
    pub(crate) unfinished: bool,
    /// The line that was asked for is there.
    pub(crate) holds: bool,
}

/// Reads files that follow each other, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    chain: Option<Chain>,
    /// The line before cannot be read: only the server's own word explains that.
    unread: Option<u64>,
    sought: Option<String>,
    report: Report,
}

impl Verifier {
    /// Looks for a line of this hash as well.
    pub(crate) fn new(sought: Option<&str>) -> Self {
        Self { sought: sought.map(str::to_ascii_lowercase), ..Self::default() }
    }

    /// Reads a file. The inner error is what is wrong with it.
    pub(crate) fn file(&mut self, mut file: impl BufRead) -> io::Result<Result<(), Flaw>> {
        for number in 1.. {
            let mut line = Vec::new();
            file.by_ref().take(LINE_BYTES as u64 + 2).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                break;
            }
            self.report.unfinished = line.pop_if(|last| *last == b'\n').is_none();
            if let Err(what) = self.line(number, &line) {
                return Ok(Err(Flaw { line: number, what }));
            }
        }
        Ok(Ok(()))
    }

    fn line(&mut self, number: u64, line: &[u8]) -> Result<(), FlawKind> {
        let hash = Hash::of(line);
        self.report.lines += 1;
        self.report.last = Some(hash);
        self.report.holds |= self.sought.as_ref().is_some_and(|sought| *sought == hash.to_string());
        let Some(head) = Head::read(line) else {
            if line.len() > LINE_BYTES || self.unread.replace(number).is_some() {
                return Err(FlawKind::NoLine);
            }
            self.chain.get_or_insert_default().follow(line);
            return Ok(());
        };
        if self.unread.take().is_some() {
            if head.event.as_deref() != Some("opened") || !head.torn {
                return Err(FlawKind::NoLine);
            }
            self.report.torn += 1;
        }
        // What is before the first line of the first file is not there to be looked at, unless nothing is.
        let expected = self.chain.unwrap_or(Chain { next: head.n, last: Hash::default() });
        if head.n != expected.next {
            return Err(FlawKind::Number { expected: expected.next, found: head.n });
        }
        if (self.chain.is_some() || head.n == 0) && head.prev != expected.last.to_string() {
            return Err(FlawKind::Hash { before: expected.next.saturating_sub(1) });
        }
        if head.event.as_deref() == Some("lost") {
            self.report.lost += head.lines;
        }
        self.report.first.get_or_insert(head.n);
        let mut chain = expected;
        chain.follow(line);
        self.chain = Some(chain);
        Ok(())
    }

    /// What was found. A last line that cannot be read and has an end was put there by somebody else.
    pub(crate) fn finish(self) -> Result<Report, Flaw> {
        match self.unread {
            Some(line) if !self.report.unfinished => Err(Flaw { line, what: FlawKind::NoLine }),
            _ => Ok(self.report),
        }
    }
}
