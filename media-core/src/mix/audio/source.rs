//! One source: what came of it, how loud it is, and what is heard of it.

use super::jitter::{Buffer, Delay, Insertion, Noted, Waiting};
use super::limits::MAX_PAYLOAD_BYTES;
use super::playout::{Playout, Turn};
use super::select::Loudness;
use super::{FRAME_SAMPLES, FRAME_SECONDS, GroupId, MixSettings, MixStats, Packet, SourceId};
use bytes::Bytes;
use colloquy_codecs::opus::Channels;
use colloquy_codecs::payload::{Descriptor, Opus, Red};
use colloquy_codecs::pcm::{self, Agc};
use colloquy_codecs::seq::TimestampUnwrapper;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames that were heard, kept to run a new encoder in with.
pub(super) const HISTORY_FRAMES: usize = 3;
/// Under -100 dBov there is nothing.
const SILENCE: f32 = 1e-5;
/// A source without levels is decoded while packets of it come.
const FLOWS: Duration = Duration::from_millis(500);
/// So many packets in a row that are too late are no jitter: the path or the clock has changed.
const MAX_LATE_RUN: u8 = 4;

/// Whether a source is in the mixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Out,
    In,
    /// In for this turn alone, and fading.
    Leaving,
}

/// A source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: SourceId,
    pub(super) group: GroupId,
    pub(super) loudness: Loudness,
    pub(super) standing: Standing,
    /// Whether it is among those who were loud of late.
    pub(super) is_listed: bool,
    delay: Delay,
    buffer: Buffer,
    timestamps: TimestampUnwrapper,
    highest: u64,
    /// What is not newer was said to others, and is never heard.
    barrier: Option<u64>,
    /// When a packet without a level came last.
    unlevelled: Option<Instant>,
    is_stereo: bool,
    late_run: u8,
    agc: Agc,
    playing: Option<Box<Playing>>,
}

/// What a source has while it is decoded.
#[derive(Debug)]
struct Playing {
    playout: Playout,
    frame: Vec<f32>,
    is_silent: bool,
    history: VecDeque<Vec<f32>>,
}

impl Source {
    pub(super) fn new(id: SourceId, group: GroupId, now: Instant) -> Self {
        Self {
            id,
            group,
            loudness: Loudness::default(),
            standing: Standing::Out,
            is_listed: false,
            delay: Delay::new(now),
            buffer: Buffer::default(),
            timestamps: TimestampUnwrapper::new(),
            highest: 0,
            barrier: None,
            unlevelled: None,
            is_stereo: false,
            late_run: 0,
            agc: Agc::new(),
            playing: None,
        }
    }

    /// Takes a packet; says whether it is loud, or may be.
    pub(super) fn push(&mut self, packet: &Packet, now: Instant, stats: &mut MixStats) -> bool {
        stats.packets += 1;
        if packet.payload.is_empty() || packet.payload.len() > MAX_PAYLOAD_BYTES {
            stats.refused += 1;
            return false;
        }
        let timestamp = self.timestamps.unwrap(packet.timestamp);
        match self.delay.note(timestamp, packet.arrived) {
            Noted::Fits => {}
            Noted::Anew => self.begin_anew(),
            Noted::Stray => {
                stats.refused += 1;
                return false;
            }
        }
        if self.barrier.is_some_and(|barrier| timestamp <= barrier) {
            stats.late += 1;
            return false;
        }
        self.highest = self.highest.max(timestamp);
        self.take(packet, timestamp, stats);
        if self.playing.is_none() {
            self.buffer.keep_newest();
        }
        match packet.level {
            Some(level) => {
                self.unlevelled = None;
                self.loudness.note(level, packet.voice, self.standing != Standing::Out, now)
            }
            None => {
                self.unlevelled = Some(now);
                true
            }
        }
    }

    /// Forgets what has not been heard, and everything that would tell of what has.
    pub(super) fn cut(&mut self) {
        self.barrier = Some(self.highest);
        self.buffer.clear();
        self.playing = None;
        self.loudness.forget();
        self.standing = Standing::Out;
    }

    /// Whether it must be decoded to know how loud it is.
    pub(super) fn is_unlevelled(&self, now: Instant) -> bool {
        self.unlevelled.is_some_and(|at| now.saturating_duration_since(at) < FLOWS)
    }

    /// Whether a decoder is at work.
    pub(super) fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// Decodes the next 20 ms. Gives how loud they are, in -dBov, where the sender does not tell.
    pub(super) fn play(&mut self, now: Instant, settings: &MixSettings, stats: &mut MixStats) -> Option<u8> {
        if self.playing.is_none() {
            let channels = if self.is_stereo { Channels::Stereo } else { Channels::Mono };
            match Playout::new(channels) {
                Ok(playout) => self.playing = Some(Box::new(Playing::new(playout))),
                Err(_) => stats.codec_errors += 1,
            }
        }
        let playing = self.playing.as_mut()?;
        let mut turn = Turn { now, delay: &self.delay, buffer: &mut self.buffer, stats, bounds_ms: settings.jitter_ms };
        playing.playout.play(&mut turn, &mut playing.frame);
        if settings.agc {
            self.agc.apply(&mut playing.frame, playing.playout.channels(), FRAME_SECONDS);
        }
        playing.is_silent = pcm::peak(&playing.frame) < SILENCE;
        self.unlevelled?;
        let level = pcm::level_dbov(&playing.frame);
        self.loudness.note(level, None, self.standing != Standing::Out, now);
        Some(level)
    }

    /// Stops decoding.
    pub(super) fn rest(&mut self) {
        self.playing = None;
        self.buffer.keep_newest();
    }

    /// The 20 ms that were decoded, and how many channels they have; `None` if they are silent.
    pub(super) fn frame(&self) -> Option<(&[f32], usize)> {
        let playing = self.playing.as_deref()?;
        (!playing.is_silent).then_some((&playing.frame, playing.playout.channels()))
    }

    /// What was heard so many turns ago, 1 to [`HISTORY_FRAMES`].
    pub(super) fn heard(&self, turns_ago: usize) -> Option<(&[f32], usize)> {
        let playing = self.playing.as_deref()?;
        let frame = playing.history.get(playing.history.len().checked_sub(turns_ago)?)?;
        (!frame.is_empty()).then_some((frame, playing.playout.channels()))
    }

    /// The last 20 ms before it is out.
    pub(super) fn fade_out(&mut self) {
        if let Some(playing) = self.playing.as_deref_mut() {
            pcm::fade(&mut playing.frame, playing.playout.channels(), 1.0, 0.0);
        }
    }

    /// Ends a turn: what was decoded is the past, if it was heard.
    pub(super) fn remember(&mut self) {
        let was_heard = self.standing != Standing::Out;
        let Some(playing) = self.playing.as_deref_mut() else { return };
        if !was_heard {
            playing.history.clear();
            return;
        }
        let mut oldest = if playing.history.len() < HISTORY_FRAMES {
            Vec::new()
        } else {
            playing.history.pop_front().unwrap_or_default()
        };
        oldest.clear();
        if !playing.is_silent {
            oldest.extend_from_slice(&playing.frame);
        }
        playing.history.push_back(oldest);
    }

    /// How long its packets wait now, in µs.
    pub(super) fn waited_us(&self) -> i64 {
        self.playing.as_ref().map_or(0, |playing| playing.playout.waited_us())
    }

    fn begin_anew(&mut self) {
        self.buffer.clear();
        self.late_run = 0;
        if let Some(playing) = self.playing.as_deref_mut() {
            playing.playout.restart();
        }
    }

    /// Sorts in what a packet carries.
    fn take(&mut self, packet: &Packet, timestamp: u64, stats: &mut MixStats) {
        if !packet.red {
            return self.insert(packet.sequence, timestamp, packet.payload.clone(), false, stats);
        }
        let Ok(red) = Red::parse(&packet.payload) else {
            stats.refused += 1;
            return;
        };
        let count = red.blocks().count();
        for (at, block) in red.blocks().enumerate() {
            let age = count - at - 1;
            if block.bytes.is_empty() || block.payload_type != red.primary().payload_type {
                continue;
            }
            let Some(timestamp) = timestamp.checked_sub(u64::from(block.timestamp_offset)) else { continue };
            // A copy is of the packet as many before this one as it is blocks from the end.
            let sequence = packet.sequence.saturating_sub(age as u64);
            self.insert(sequence, timestamp, packet.payload.slice_ref(block.bytes), age > 0, stats);
        }
    }

    fn insert(&mut self, sequence: u64, timestamp: u64, payload: Bytes, is_copy: bool, stats: &mut MixStats) {
        let Ok(shape) = Opus::parse(&payload) else {
            stats.refused += 1;
            return;
        };
        let samples = shape.duration_samples();
        if is_copy && self.barrier.is_some_and(|barrier| timestamp <= barrier) {
            return;
        }
        let next = self.playing.as_ref().and_then(|playing| playing.playout.next());
        if next.is_some_and(|next| timestamp.saturating_add(u64::from(samples / 2)) < next) {
            if !is_copy {
                self.came_late(stats);
            }
            return;
        }
        if !is_copy {
            self.late_run = 0;
            self.is_stereo = shape.is_stereo;
        }
        match self.buffer.insert(Waiting { timestamp, sequence, samples, payload, is_copy }) {
            Insertion::New => {}
            Insertion::Overflowed => stats.overflowed += 1,
            Insertion::Duplicate => stats.duplicates += u64::from(!is_copy),
        }
    }

    fn came_late(&mut self, stats: &mut MixStats) {
        stats.late += 1;
        self.late_run += 1;
        if self.late_run >= MAX_LATE_RUN {
            self.delay.forget();
            self.begin_anew();
        }
    }
}

impl Playing {
    fn new(playout: Playout) -> Self {
        Self {
            playout,
            frame: Vec::with_capacity(FRAME_SAMPLES),
            is_silent: true,
            history: VecDeque::with_capacity(HISTORY_FRAMES + 1),
        }
    }
}
