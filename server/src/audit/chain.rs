//! Lines, each of which names the hash of the one before.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest line: several hundred people who stand otherwise at once. What is longer is no line of ours.
pub(super) const LINE_BYTES: usize = 1024 * 1024;

/// SHA-256 of a line without its end.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    pub(super) fn of(line: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, line).as_ref());
        Self(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the writer itself has to say.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Note {
    /// Lines follow that a server wrote. `torn`: the line before is not whole, as its server ended amid it.
    Opened {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        torn: bool,
    },
    /// The server ended, or goes on in another file.
    Closed,
    /// So many lines are missing about here.
    Lost { lines: u64 },
}

#[derive(Serialize)]
struct Line<'a, T> {
    n: u64,
    time: String,
    prev: String,
    #[serde(flatten)]
    what: &'a T,
}

/// What every line has.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) n: u64,
    pub(super) prev: String,
    pub(super) event: Option<String>,
    #[serde(default)]
    pub(super) torn: bool,
    #[serde(default)]
    pub(super) lines: u64,
}

impl Head {
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// The end of a chain: what the next line follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// The number of the next line.
    pub(super) next: u64,
    /// Of the line before.
    pub(super) last: Hash,
}

impl Chain {
    /// Appends the next line, with its end, to `out`.
    pub(super) fn write(
        &mut self,
        time: SystemTime,
        what: &impl Serialize,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let line = Line { n: self.next, time: rfc3339(time), prev: self.last.to_string(), what };
        let line = serde_json::to_vec(&line)?;
        self.follow(&line);
        out.extend_from_slice(&line);
        out.push(b'\n');
        Ok(())
    }

    /// A line of any kind stands there.
    pub(super) fn follow(&mut self, line: &[u8]) {
        *self = Self { next: self.next + 1, last: Hash::of(line) };
    }
}

/// A time as RFC 3339 has it, in UTC and to the millisecond.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Years begin in March here, so that leap days come last; eras have 400 years, 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::rfc3339;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn times_are_read_as_dates() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(ms)), text);
        }
    }
}
