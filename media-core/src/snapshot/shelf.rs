//! The pictures that were made.

use super::develop::{Develop, Jpeg, Plain};
use crate::api::{Snapshot, SnapshotError, SnapshotSize, Still, TrackId};
use rustc_hash::FxHashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pictures that are kept: each video of a server's 5,000 participants in one size. Beyond it the one goes that was not asked for longest.
const MAX_KEPT: usize = 8_192;
/// Their bytes: 16,000 thumbnails, or 300 whole ones.
const MAX_BYTES: usize = 64 << 20;
/// Those that nobody asked for go after this, or after an interval, which may be longer.
const UNUSED: Duration = Duration::from_secs(60);
/// How often it is looked for them.
const SWEEP: Duration = Duration::from_secs(10);

/// After one that could not be decoded so many in a row must be, before another is shown. Frames that are encrypted behind their headers
/// are taken for pictures now and then, and what is seen of them is noise: of VP8 none of 40 small key frames, and one in five large ones.
const DOUBTS: u8 = 8;

/// What was done since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShelfStats {
    /// Pictures made.
    pub made: u64,
    /// Key frames of which none could be made.
    pub refused: u64,
    /// Asked for, and there already.
    pub reused: u64,
}

/// A picture, and what it is called.
#[derive(Debug, Clone)]
struct Print {
    jpeg: Arc<[u8]>,
    tag: u64,
    width: u32,
    height: u32,
}

impl From<Jpeg> for Print {
    fn from(made: Jpeg) -> Self {
        let Jpeg { bytes, width, height } = made;
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        Self { tag: hasher.finish(), jpeg: bytes.into(), width, height }
    }
}

#[derive(Debug)]
struct Kept {
    audience: u32,
    came: Instant,
    made: Instant,
    used: Instant,
    print: Result<Print, SnapshotError>,
    /// Pictures that must still be decoded before one is shown.
    doubts: u8,
}

/// Makes pictures, and keeps them: of one video in one size no more than one in an interval.
pub struct Shelf {
    interval: Duration,
    kept: FxHashMap<(TrackId, SnapshotSize), Kept>,
    bytes: usize,
    swept: Option<Instant>,
    makes: Box<dyn Develop + Send>,
    stats: ShelfStats,
}

impl Shelf {
    /// An empty one, whose pictures are made here and now.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self::with(interval, Plain::default())
    }

    /// The same, whose pictures are made so.
    #[must_use]
    pub fn with(interval: Duration, makes: impl Develop + Send + 'static) -> Self {
        let (kept, stats) = (FxHashMap::default(), ShelfStats::default());
        Self { interval, kept, bytes: 0, swept: None, makes: Box::new(makes), stats }
    }

    /// The picture of a key frame, or the last one that was made of its video if that is not an interval ago.
    ///
    /// # Errors
    /// [`SnapshotError::Unreadable`], which is remembered as a picture is: what cannot be decoded costs no more than what can.
    pub fn get(&mut self, now: Instant, size: SnapshotSize, still: &Still) -> Result<Snapshot, SnapshotError> {
        self.sweep(now);
        let (key, interval) = ((still.track(), size), self.interval);
        let age = |since: Instant| now.saturating_duration_since(since);
        let of_use = |kept: &&mut Kept| {
            kept.audience == still.audience() && (kept.came == still.came() || age(kept.made) < interval)
        };
        if let Some(kept) = self.kept.get_mut(&key).filter(of_use) {
            kept.used = now;
            self.stats.reused += 1;
            return given(now, kept);
        }
        let before = self.kept.get(&key).map_or(0, |kept| kept.doubts);
        let made = self.make(still, size);
        let doubts = if made.is_err() { DOUBTS } else { before.saturating_sub(1) };
        let print = made.and_then(|print| if before > 0 { Err(SnapshotError::Unreadable) } else { Ok(print) });
        let (audience, came) = (still.audience(), still.came());
        let kept = Kept { audience, came, made: now, used: now, print, doubts };
        let given = given(now, &kept);
        self.put(key, kept);
        given
    }

    /// What was done since the beginning.
    #[must_use]
    pub fn stats(&self) -> ShelfStats {
        self.stats
    }

    /// Pictures that are kept, and their bytes.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        (self.kept.len(), self.bytes)
    }

    /// A panic over a stranger's picture is a picture that cannot be decoded.
    fn make(&mut self, still: &Still, size: SnapshotSize) -> Result<Print, SnapshotError> {
        let makes = &mut self.makes;
        let made = catch_unwind(AssertUnwindSafe(|| makes.develop(still, size))).unwrap_or_else(|_| {
            tracing::error!("making a snapshot panicked");
            Err(SnapshotError::Unreadable)
        });
        match made {
            Ok(_) => self.stats.made += 1,
            Err(_) => self.stats.refused += 1,
        }
        made.map(Print::from)
    }

    fn put(&mut self, key: (TrackId, SnapshotSize), kept: Kept) {
        self.bytes += kept.len();
        self.bytes -= self.kept.insert(key, kept).map_or(0, |old| old.len());
        while self.kept.len() > MAX_KEPT || self.bytes > MAX_BYTES {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key);
            let Some(gone) = oldest.and_then(|key| self.kept.remove(&key)) else { break };
            self.bytes -= gone.len();
        }
    }

    fn sweep(&mut self, now: Instant) {
        let age = |since: Instant| now.saturating_duration_since(since);
        if self.swept.is_some_and(|swept| age(swept) < SWEEP) {
            return;
        }
        self.swept = Some(now);
        let longest = self.interval.max(UNUSED);
        self.kept.retain(|_, kept| age(kept.used) < longest);
        self.bytes = self.kept.values().map(Kept::len).sum();
    }
}

impl Kept {
    fn len(&self) -> usize {
        self.print.as_ref().map_or(0, |print| print.jpeg.len())
    }
}

fn given(now: Instant, kept: &Kept) -> Result<Snapshot, SnapshotError> {
    let Print { jpeg, tag, width, height } = kept.print.clone()?;
    let age = now.saturating_duration_since(kept.came);
    Ok(Snapshot { jpeg, tag, age, width, height })
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("kept", &self.kept.len()).field("stats", &self.stats).finish_non_exhaustive()
    }
}
