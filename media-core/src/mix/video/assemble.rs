//! Packets of a stream, in whatever order they come, made into whole pictures with nothing missing between them.
//!
//! Where something stays missing no picture comes until the next key frame: decoders would go on and show garbage.

use super::depacketize::Joiner;
use super::view::VideoPacket;
use colloquy_codecs::payload::{PayloadFormat, layer_info, starts_keyframe};
use colloquy_codecs::video::VideoCodec;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is missing is waited for so long: a retransmission over a path of 100 ms is there by then. The tile stands still meanwhile.
const PATIENCE: Duration = Duration::from_millis(150);
/// Packets that wait. A key frame of 1.2 MB, or a second at 10 Mb/s. Beyond it everything is given up.
const MAX_WAITING: usize = 1_024;
/// A packet further ahead than this is of another numbering.
const MAX_AHEAD: u64 = MAX_WAITING as u64;
/// Longest payload that is taken, in bytes: more than any link's packets.
const MAX_PACKET: usize = 2_048;
/// Buffers that are kept for packets to come.
const MAX_SPARE: usize = 64;

/// What came of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assembled {
    /// A whole picture: [`Assembler::picture`] has it.
    Picture {
        /// Needs no other.
        is_key: bool,
        /// No other needs it, as far as its packets tell.
        is_discardable: bool,
        /// RTP's, at 90 kHz.
        timestamp: u32,
        /// When its first packet came.
        came: Instant,
    },
    /// Something is missing for good, or broken. Nothing comes now until a key frame does.
    Gap,
}

#[derive(Debug)]
struct Waiting {
    timestamp: u32,
    marker: bool,
    came: Instant,
    payload: Vec<u8>,
}

/// The pictures of one stream.
#[derive(Debug)]
pub struct Assembler {
    format: PayloadFormat,
    waiting: BTreeMap<u64, Waiting>,
    spare: Vec<Vec<u8>>,
    /// The number that comes next; `None` while a key frame is waited for.
    next: Option<u64>,
    joiner: Joiner,
    has_lost: bool,
}

fn format_of(codec: VideoCodec) -> PayloadFormat {
    match codec {
        VideoCodec::Vp8 => PayloadFormat::Vp8,
        VideoCodec::Vp9 => PayloadFormat::Vp9,
        VideoCodec::H264 => PayloadFormat::H264,
        VideoCodec::Av1 => PayloadFormat::Av1,
    }
}

impl Assembler {
    /// One that waits for a key frame.
    pub fn new(codec: VideoCodec) -> Assembler {
        Assembler {
            format: format_of(codec),
            waiting: BTreeMap::new(),
            spare: Vec::new(),
            next: None,
            joiner: Joiner::new(codec),
            has_lost: false,
        }
    }

    /// Takes a packet. One that came already, or comes too late, is dropped.
    pub fn push(&mut self, packet: VideoPacket<'_>, now: Instant) {
        let seq = packet.seq.0;
        if packet.payload.len() > MAX_PACKET {
            return; // missed, and noticed as such
        }
        if let Some(next) = self.next {
            if seq < next && next - seq <= MAX_AHEAD {
                return;
            }
            if seq < next || seq - next > MAX_AHEAD {
                self.lose();
            }
        }
        if self.waiting.len() >= MAX_WAITING {
            self.lose();
        }
        let mut payload = self.spare.pop().unwrap_or_default();
        payload.clear();
        payload.extend_from_slice(packet.payload);
        let waiting = Waiting { timestamp: packet.timestamp, marker: packet.marker, came: now, payload };
        self.waiting.insert(seq, waiting);
    }

    /// What can be told now; to be called until it gives `None`.
    pub fn poll(&mut self, now: Instant) -> Option<Assembled> {
        if std::mem::take(&mut self.has_lost) {
            return Some(Assembled::Gap);
        }
        let next = match self.next {
            Some(next) => next,
            None => self.find_key(now)?,
        };
        let next = self.pass_empty(next);
        let Some(last) = self.last_of_picture(next) else {
            let behind = self.stuck_before(next, now)?;
            self.drop_until(behind);
            return Some(self.give_up());
        };
        Some(self.join(next, last))
    }

    /// The picture that [`poll`](Self::poll) told of last.
    pub fn picture(&self) -> &[u8] {
        self.joiner.finish().unwrap_or_default()
    }

    /// Whether a key frame is waited for.
    pub fn needs_key(&self) -> bool {
        self.next.is_none()
    }

    /// Pictures whose ends are here and that were not taken yet.
    pub fn backlog(&self) -> usize {
        self.waiting.values().filter(|waiting| waiting.marker).count()
    }

    /// Forgets everything and waits for a key frame.
    pub fn restart(&mut self) {
        while let Some((_, waiting)) = self.waiting.pop_first() {
            self.recycle(waiting.payload);
        }
        self.next = None;
        self.has_lost = false;
    }

    fn lose(&mut self) {
        // While a key frame is waited for there is nothing to lose, and it has been told.
        let tells = self.next.is_some();
        self.restart();
        self.has_lost = tells;
    }

    /// Drops what lies before the first key frame. Its first packet may come after others of it.
    fn find_key(&mut self, now: Instant) -> Option<u64> {
        let format = self.format;
        let found =
            self.waiting.iter().find(|(_, waiting)| starts_keyframe(format, &waiting.payload)).map(|(seq, _)| *seq);
        while let Some(first) = self.waiting.first_entry() {
            let is_of_use = match found {
                Some(key) => *first.key() >= key,
                None => now.saturating_duration_since(first.get().came) < PATIENCE,
            };
            if is_of_use {
                break;
            }
            let waiting = first.remove();
            self.recycle(waiting.payload);
        }
        self.next = found;
        found
    }

    /// Passes over packets between pictures that carry nothing: numbers that were kept for what was left out.
    fn pass_empty(&mut self, mut next: u64) -> u64 {
        while self.waiting.get(&next).is_some_and(|waiting| waiting.payload.is_empty()) {
            let empty = self.waiting.remove(&next);
            empty.into_iter().for_each(|empty| self.recycle(empty.payload));
            next += 1;
            self.next = Some(next);
        }
        next
    }

    /// The last packet of the picture that begins with `first`, if all of it is here.
    fn last_of_picture(&self, first: u64) -> Option<u64> {
        let timestamp = self.waiting.get(&first)?.timestamp;
        let mut last = None;
        for (expected, (seq, waiting)) in (first..).zip(self.waiting.range(first..)) {
            if *seq != expected {
                return None;
            }
            if waiting.payload.is_empty() {
                last = Some(expected);
                continue;
            }
            if waiting.timestamp != timestamp {
                return last; // whoever sent this sets no markers
            }
            if waiting.marker {
                return Some(expected);
            }
            last = Some(expected);
        }
        None
    }

    /// The first packet that has waited too long behind one that does not come.
    fn stuck_before(&self, next: u64, now: Instant) -> Option<u64> {
        let gap = (next..).zip(self.waiting.range(next..)).find(|(expected, (seq, _))| expected != *seq);
        let (_, (behind, waiting)) = gap?;
        (now.saturating_duration_since(waiting.came) >= PATIENCE).then_some(*behind)
    }

    fn drop_until(&mut self, end: u64) {
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() < end) {
            let waiting = first.remove();
            self.recycle(waiting.payload);
        }
    }

    /// Waits for the next key frame, which may be here already.
    fn give_up(&mut self) -> Assembled {
        self.next = None;
        Assembled::Gap
    }

    fn join(&mut self, first: u64, last: u64) -> Assembled {
        let mut head = None;
        let mut is_joined = true;
        self.joiner.begin();
        for seq in first..=last {
            let Some(waiting) = self.waiting.remove(&seq) else { continue };
            if waiting.payload.is_empty() {
                self.recycle(waiting.payload);
                continue;
            }
            if head.is_none() {
                let is_key = starts_keyframe(self.format, &waiting.payload);
                let layer = layer_info(self.format, &waiting.payload);
                let is_discardable = layer.is_some_and(|layer| layer.is_discardable);
                let (timestamp, came) = (waiting.timestamp, waiting.came);
                head = Some(Assembled::Picture { is_key, is_discardable, timestamp, came });
            }
            is_joined = is_joined && self.joiner.push(&waiting.payload).is_ok();
            self.recycle(waiting.payload);
        }
        self.next = Some(last + 1);
        match head.filter(|_| is_joined && self.joiner.finish().is_ok()) {
            Some(picture) => picture,
            None => self.give_up(),
        }
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        if self.spare.len() < MAX_SPARE {
            self.spare.push(payload);
        }
    }
}
