//! A viewer's eyes: which pictures a decoder could show, when, and where it froze.
//!
//! A picture is shown as soon as it is whole and everything it needs was shown: a jitter buffer would only make all of it later.
//! Two things must say so: the numbers in the descriptors, which are all that a browser has, and the stamps, which are the truth.

use super::coder::Lineage;
use colloquy_codecs::payload::LayerInfo;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What was seen of a video.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WatchStats {
    /// Pictures shown.
    pub shown: u64,
    /// Freezes as W3C counts them: gaps of three mean intervals, and 150 ms more than one.
    pub freezes: u64,
    /// The longest gap that was a freeze.
    pub freeze_max: Duration,
    /// The longest gap, whether it was a freeze or not.
    pub gap_max: Duration,
    /// All freezes together.
    pub freeze_total: Duration,
    /// Pictures that a browser would have decoded by their numbers though what they need never came: a forwarder's fault.
    pub broken: u64,
    /// Pictures whose needs were met, but whose numbers have a hole: a browser waits for what will never come.
    pub holes: u64,
    /// Times that the encoding or the spatial layer shown changed.
    pub switches: u64,
    /// Key frames asked for.
    pub asked: u64,
}

/// What is shown from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// From when on.
    pub at: Instant,
    /// Which encoding.
    pub encoding: u8,
    /// Its highest spatial layer.
    pub spatial: u8,
}

/// A packet as it is watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glimpse {
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// First packet of its frame.
    pub(super) first: bool,
    pub(super) key: bool,
    pub(super) frame: u32,
    pub(super) lineage: Lineage,
    pub(super) info: Option<LayerInfo>,
}

/// Packets held at most while a picture is not whole: 2 s of 3 Mb/s.
const MAX_PACKETS: usize = 1_024;
/// Whole pictures that wait for others, at most.
const MAX_WAITING: usize = 90;
/// Pictures remembered as shown.
const REMEMBERED: usize = 64;
/// Intervals that the mean is of, as libwebrtc has it.
const INTERVALS: usize = 30;
/// Added to the mean interval, it is a freeze.
const FREEZE: Duration = Duration::from_millis(150);
/// Nothing new could be shown for this long: a key frame is asked for.
const STUCK: Duration = Duration::from_millis(300);
/// A key frame whose packets come more often than this is on its way: libwebrtc asks for none meanwhile.
const RECEIVING: Duration = Duration::from_millis(200);
/// Changes of what is seen that are remembered.
const MAX_SEEN: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Whole {
    last: u64,
    key: bool,
    frame: u32,
    lineage: Lineage,
    info: Option<LayerInfo>,
}

/// Watches one place.
#[derive(Debug, Default)]
pub(super) struct Watch {
    packets: BTreeMap<u64, Glimpse>,
    waiting: BTreeMap<u64, Whole>,
    /// Encoding, picture and highest spatial layer.
    shown: VecDeque<(u8, u32, u8)>,
    /// Everything up to here is past.
    past: Option<u64>,
    /// Everything from there to here came.
    front: u64,
    last_picture_id: Option<u16>,
    last_tl0: Option<u8>,
    last_shown: Option<Instant>,
    held_since: Option<Instant>,
    last_asked: Option<Instant>,
    /// When the last packet of a key frame came.
    last_key: Option<Instant>,
    intervals: VecDeque<Duration>,
    seen: Vec<Seen>,
    stats: WatchStats,
}

impl Watch {
    pub(super) fn take(&mut self, now: Instant, packet: Glimpse) {
        if self.past.is_some_and(|past| packet.sequence <= past) {
            return;
        }
        self.held_since.get_or_insert(now);
        if packet.key {
            self.last_key = Some(now);
        }
        self.packets.insert(packet.sequence, packet);
        if self.comes_on(packet.sequence) {
            // A large picture on a narrow path: it only takes its time.
            self.held_since = Some(now);
        }
        while self.packets.len() > MAX_PACKETS {
            self.packets.pop_first();
        }
        if let Some((first, whole)) = self.whole(packet) {
            self.packets.retain(|sequence, _| *sequence < first || *sequence > whole.last);
            self.waiting.insert(first, whole);
            while self.waiting.len() > MAX_WAITING {
                self.waiting.pop_first();
            }
            self.show(now);
        }
    }

    /// Whether a packet is the next that is missing.
    fn comes_on(&mut self, sequence: u64) -> bool {
        let Some(past) = self.past else { return false };
        self.front = self.front.max(past);
        let is_next = sequence == self.front + 1;
        while is_next && self.packets.contains_key(&(self.front + 1)) {
            self.front += 1;
        }
        is_next
    }

    /// The picture that a packet completes, and its first packet's number.
    fn whole(&self, packet: Glimpse) -> Option<(u64, Whole)> {
        let alike =
            |(sequence, other): (&u64, &Glimpse)| (other.timestamp == packet.timestamp).then_some((*sequence, *other));
        let mut begin = packet;
        for (sequence, other) in self.packets.range(..packet.sequence).rev().map_while(alike) {
            if sequence + 1 != begin.sequence {
                break;
            }
            begin = other;
        }
        let mut end = packet;
        let mut top = begin;
        for (sequence, other) in self.packets.range(begin.sequence..).map_while(alike) {
            if sequence > end.sequence + 1 {
                break;
            }
            end = if sequence > end.sequence { other } else { end };
            top = if other.lineage.spatial > top.lineage.spatial { other } else { top };
        }
        if !(begin.first && begin.lineage.spatial == 0 && end.marker) {
            return None;
        }
        let whole =
            Whole { last: end.sequence, key: begin.key, frame: begin.frame, lineage: top.lineage, info: begin.info };
        Some((begin.sequence, whole))
    }

    /// Shows what can be shown.
    fn show(&mut self, now: Instant) {
        while let Some((first, whole)) = self.next() {
            self.note_shown(now, &whole);
            self.past = Some(whole.last);
            self.packets = self.packets.split_off(&whole.last);
            self.waiting = self.waiting.split_off(&first);
            self.waiting.remove(&first);
            self.held_since = (!self.packets.is_empty() || !self.waiting.is_empty()).then_some(now);
        }
    }

    /// The first picture that can be decoded; those that a decoder would break on are counted and passed over.
    fn next(&mut self) -> Option<(u64, Whole)> {
        let found = self
            .waiting
            .iter()
            .map(|(first, whole)| (*first, *whole))
            .find(|(_, whole)| whole.key || (self.is_met(whole) && self.is_continuous(whole)));
        if found.is_some() {
            return found;
        }
        let wrong = self.waiting.iter().find(|(_, whole)| self.is_continuous(whole) != self.is_met(whole));
        let (first, whole) = wrong.map(|(first, whole)| (*first, *whole))?;
        // A hole may still be filled by a retransmission, unless what comes before it has all come.
        let contiguous = self.past.is_some_and(|past| past + 1 == first);
        if contiguous {
            if self.is_met(&whole) {
                self.stats.holes += 1;
            } else {
                self.stats.broken += 1;
            }
            self.waiting.remove(&first);
        }
        None
    }

    /// By the truth.
    fn is_met(&self, whole: &Whole) -> bool {
        let Lineage { encoding, spatial, needs, .. } = whole.lineage;
        let shown = |frame: u32| self.shown.iter().any(|(e, f, s)| *e == encoding && *f == frame && *s >= spatial);
        needs.is_none_or(shown)
    }

    /// By the numbers, as a browser would have it.
    fn is_continuous(&self, whole: &Whole) -> bool {
        let Some(info) = whole.info else { return self.is_met(whole) };
        let (Some(tl0), Some(last_tl0)) = (info.tl0_pic_idx.map(|tl0| tl0.value), self.last_tl0) else {
            return self.last_picture_id.is_some() && self.is_met(whole);
        };
        let next_id = |id: u16| self.last_picture_id.is_some_and(|last| last.wrapping_add(1) & 0x7fff == id);
        match info.temporal {
            0 => tl0 == last_tl0.wrapping_add(1),
            _ if tl0 != last_tl0 => false,
            _ => info.switches_up || info.picture_id.is_some_and(|id| next_id(id.value)),
        }
    }

    fn note_shown(&mut self, now: Instant, whole: &Whole) {
        let Lineage { encoding, spatial, .. } = whole.lineage;
        if let Some(info) = whole.info {
            self.last_picture_id = info.picture_id.map(|id| id.value);
            self.last_tl0 = info.tl0_pic_idx.map(|tl0| tl0.value);
        }
        if self.shown.len() >= REMEMBERED {
            self.shown.pop_front();
        }
        self.shown.push_back((encoding, whole.frame, spatial));
        if let Some(before) = self.last_shown.replace(now) {
            let gap = now - before;
            self.stats.gap_max = self.stats.gap_max.max(gap);
            if self.is_freeze(gap) {
                self.stats.freezes += 1;
                self.stats.freeze_max = self.stats.freeze_max.max(gap);
                self.stats.freeze_total += gap;
            }
            if self.intervals.len() >= INTERVALS {
                self.intervals.pop_front();
            }
            self.intervals.push_back(gap);
        }
        self.stats.shown += 1;
        if self.seen.last().is_none_or(|seen| (seen.encoding, seen.spatial) != (encoding, spatial)) {
            self.stats.switches += u64::from(!self.seen.is_empty());
            if self.seen.len() < MAX_SEEN {
                self.seen.push(Seen { at: now, encoding, spatial });
            }
        }
    }

    /// W3C webrtc-stats, `freezeCount`.
    fn is_freeze(&self, gap: Duration) -> bool {
        if self.intervals.is_empty() {
            return gap >= FREEZE;
        }
        let mean = self.intervals.iter().sum::<Duration>() / self.intervals.len() as u32;
        gap >= (3 * mean).max(mean + FREEZE)
    }

    /// When a key frame must be asked for, if nothing can be shown until then.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let stuck = [Some(self.held_since?), self.last_asked].into_iter().flatten().max()? + STUCK;
        Some(self.last_key.map_or(stuck, |at| stuck.max(at + RECEIVING)))
    }

    /// Whether a key frame is to be asked for now.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        let asks = self.next_deadline().is_some_and(|at| at <= now);
        if asks {
            self.last_asked = Some(now);
            self.stats.asked += 1;
        }
        asks
    }

    /// What was seen until now; a gap that goes on counts.
    pub(super) fn stats(&self, now: Instant) -> WatchStats {
        let gap = self.last_shown.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let mut stats = self.stats;
        stats.gap_max = stats.gap_max.max(gap);
        if self.is_freeze(gap) && self.last_shown.is_some() {
            stats.freezes += 1;
            stats.freeze_max = stats.freeze_max.max(gap);
            stats.freeze_total += gap;
        }
        stats
    }

    pub(super) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// Begins a new count.
    pub(super) fn forget(&mut self) {
        self.stats = WatchStats::default();
    }
}

#[cfg(test)]
mod tests;
