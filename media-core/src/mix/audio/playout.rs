//! What is heard of one source: its packets decoded in their turn, gaps filled, waits made longer and shorter.

use super::jitter::{Buffer, Delay, Waiting};
use super::{FRAME_SAMPLES, MixStats};
use bytes::Bytes;
use colloquy_codecs::opus::{Channels, Decoder, OpusError};
use colloquy_codecs::payload::{MAX_OPUS_SAMPLES, opus_has_inband_fec, opus_is_dtx};
use colloquy_codecs::pcm;
use std::time::Instant;

/// Made-up frames in a row; after 120 ms there is silence. Opus fades them by itself.
const MAX_CONCEALED: u32 = 6;
/// Packets before the first that is heard, which only warm the decoder up.
const WARM_UP: usize = 3;
/// Waits differ by up to a frame from the one wanted by the turns of the mixer alone; this much more is too much, in µs.
const TOO_LONG_US: i64 = 25_000;
/// A wait this much under the one wanted is too short, in µs.
const TOO_SHORT_US: i64 = 5_000;
/// A wait this much too long is not worked off by periods: packets are left out, in µs.
const FAR_TOO_LONG_US: i64 = 150_000;
/// Turns between two changes by periods: no more than a fifth faster or slower.
const STRETCH_EVERY: u32 = 3;
/// A voice that comes in does so over 5 ms.
const FADE_SAMPLES: usize = 240;
/// A turn decodes no more packets than this: of 2.5 ms, with some to be left out.
const MAX_STEPS: usize = 32;
/// Turns without a packet after which it begins anew with the next one.
const DRY_TURNS: u32 = 50;

/// Where a turn stands.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    pub(super) delay: &'a Delay,
    pub(super) buffer: &'a mut Buffer,
    pub(super) stats: &'a mut MixStats,
    pub(super) bounds_ms: (u16, u16),
}

impl Turn<'_> {
    fn waited_us(&self, timestamp: u64) -> i64 {
        self.delay.waited_us(timestamp, self.now)
    }

    fn wanted_us(&self) -> i64 {
        self.delay.wanted_us(self.bounds_ms)
    }
}

/// The decoder of one source and what it gave.
#[derive(Debug)]
pub(super) struct Playout {
    decoder: Decoder,
    channels: usize,
    /// Decoded and not heard yet.
    ready: Vec<f32>,
    scratch: Vec<f32>,
    /// The timestamp of the next sample to be decoded; `None` before the first.
    next: Option<u64>,
    last_sequence: u64,
    /// Samples of the last packet: what a lost one probably had.
    last_samples: u16,
    last_was_dtx: bool,
    concealed: u32,
    dry: u32,
    fades_in: bool,
    since_stretch: u32,
    /// How long the last decoded packet waited, in µs.
    waited_us: i64,
}

impl Playout {
    pub(super) fn new(channels: Channels) -> Result<Self, OpusError> {
        let count = channels.count();
        Ok(Self {
            decoder: Decoder::new(channels)?,
            channels: count,
            ready: Vec::with_capacity(3 * FRAME_SAMPLES * count),
            scratch: vec![0.0; usize::from(MAX_OPUS_SAMPLES) * count],
            next: None,
            last_sequence: 0,
            last_samples: FRAME_SAMPLES as u16,
            last_was_dtx: false,
            concealed: 0,
            dry: 0,
            fades_in: true,
            since_stretch: 0,
            waited_us: 0,
        })
    }

    /// 1 or 2.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// The timestamp from which on packets are in time.
    pub(super) fn next(&self) -> Option<u64> {
        self.next
    }

    /// How long the last packet waited before it was heard, in µs.
    pub(super) fn waited_us(&self) -> i64 {
        self.waited_us
    }

    /// Begins anew with the next packet that is due, as if nothing had been heard.
    pub(super) fn restart(&mut self) {
        self.next = None;
        self.ready.clear();
        self.fades_in = true;
        // A decoder that cannot be reset is replaced by its owner when it fails.
        let _ = self.decoder.reset();
    }

    /// 20 ms into `frame`, which is left empty where there is nothing.
    pub(super) fn play(&mut self, turn: &mut Turn<'_>, frame: &mut Vec<f32>) {
        frame.clear();
        if self.next.is_none() && !self.begin(turn) {
            return;
        }
        let wanted = FRAME_SAMPLES * self.channels;
        self.fill(turn, wanted);
        self.stretch(turn);
        self.fill(turn, wanted);
        if self.next.is_none() && self.ready.is_empty() {
            return;
        }
        self.ready.resize(self.ready.len().max(wanted), 0.0);
        frame.extend(self.ready.drain(..wanted));
        if std::mem::take(&mut self.fades_in) {
            let head = frame.get_mut(..FADE_SAMPLES * self.channels).unwrap_or_default();
            pcm::fade(head, self.channels, 0.0, 1.0);
        }
    }

    /// Finds the newest packet that has waited long enough, and warms the decoder up with those before it.
    fn begin(&mut self, turn: &mut Turn<'_>) -> bool {
        let wanted = turn.wanted_us();
        let due = turn.buffer.iter().rev().position(|packet| turn.waited_us(packet.timestamp) >= wanted);
        let Some(after) = due else { return false };
        let before = turn.buffer.len() - after - 1;
        for n in 0..before {
            let Some(packet) = turn.buffer.pop() else { break };
            if n + WARM_UP >= before && self.decoder.decode(&packet.payload, &mut self.scratch).is_ok() {
                turn.stats.decoded += 1;
            }
        }
        let Some(first) = turn.buffer.front() else { return false };
        (self.next, self.last_sequence) = (Some(first.timestamp), first.sequence.wrapping_sub(1));
        (self.concealed, self.dry, self.fades_in) = (0, 0, true);
        true
    }

    fn fill(&mut self, turn: &mut Turn<'_>, wanted: usize) {
        for _ in 0..MAX_STEPS {
            if self.ready.len() >= wanted || self.next.is_none() {
                return;
            }
            self.step(turn);
        }
    }

    /// Adds to what is ready: a packet, or what stands for one.
    fn step(&mut self, turn: &mut Turn<'_>) {
        let Some(next) = self.next else { return };
        while let Some(front) = turn.buffer.front()
            && front.timestamp.saturating_add(u64::from(front.samples / 2)) < next
        {
            turn.buffer.pop();
        }
        let Some(front) = turn.buffer.front() else { return self.run_dry(turn, next) };
        self.dry = 0;
        // Half a packet early or late is the sender's reckoning, not a gap.
        if front.timestamp <= next.saturating_add(u64::from(front.samples / 2)) {
            if let Some(packet) = turn.buffer.pop() {
                self.decode(turn, &packet);
            }
            return;
        }
        let gap = front.timestamp - next;
        let (payload, lost) = (front.payload.clone(), front.sequence > self.last_sequence.wrapping_add(1));
        if lost { self.bridge(turn, next, gap, &payload) } else { self.pause(turn, next, gap) }
    }

    fn decode(&mut self, turn: &mut Turn<'_>, packet: &Waiting) {
        self.waited_us = turn.waited_us(packet.timestamp);
        self.next = Some(packet.end());
        (self.last_sequence, self.last_samples) = (packet.sequence, packet.samples);
        self.last_was_dtx = opus_is_dtx(&packet.payload);
        self.concealed = 0;
        turn.stats.decoded += 1;
        turn.stats.from_red += u64::from(packet.is_copy);
        match self.decoder.decode(&packet.payload, &mut self.scratch) {
            Ok(samples) => self.append(samples),
            Err(_) => {
                turn.stats.codec_errors += 1;
                self.make_up(turn, usize::from(packet.samples));
            }
        }
    }

    /// Packets were lost before the next one.
    fn bridge(&mut self, turn: &mut Turn<'_>, next: u64, gap: u64, following: &Bytes) {
        let samples = usize::try_from(gap).unwrap_or(usize::MAX).min(usize::from(self.last_samples));
        let samples = (samples / 120 * 120).max(120);
        self.next = Some(next + (samples as u64).min(gap));
        // Only the packet right before one is repeated in it.
        let fits = gap <= u64::from(self.last_samples) && gap.is_multiple_of(120) && opus_has_inband_fec(following);
        let into = self.scratch.get_mut(..samples * self.channels).unwrap_or_default();
        if fits && self.decoder.recover(following, into).is_ok() {
            turn.stats.from_fec += 1;
            self.concealed = 0;
            return self.append(samples);
        }
        self.make_up(turn, samples);
    }

    /// Nothing was sent for a while (DTX): the best time to wait longer or shorter.
    fn pause(&mut self, turn: &mut Turn<'_>, next: u64, gap: u64) {
        let excess_us = turn.waited_us(next) - turn.wanted_us();
        let skipped = match u64::try_from((excess_us - TOO_LONG_US) * 48 / 1000) {
            Ok(excess) => excess.min(gap),
            Err(_) => 0,
        };
        turn.stats.shrunk_samples += skipped;
        let samples = (gap - skipped).min(FRAME_SAMPLES as u64);
        let is_short = excess_us < -TOO_SHORT_US;
        self.next = Some(next + skipped + if is_short { 0 } else { samples });
        if is_short {
            turn.stats.stretched_samples += samples;
        }
        self.rest(samples as usize);
    }

    /// Nothing waits. What is missing may be late, lost or never sent.
    fn run_dry(&mut self, turn: &mut Turn<'_>, next: u64) {
        self.dry += 1;
        if self.dry > DRY_TURNS {
            return self.restart();
        }
        if turn.waited_us(next) >= turn.wanted_us() {
            self.next = Some(next + FRAME_SAMPLES as u64);
        } else {
            turn.stats.stretched_samples += FRAME_SAMPLES as u64;
        }
        if self.last_was_dtx { self.rest(FRAME_SAMPLES) } else { self.make_up(turn, FRAME_SAMPLES) }
    }

    /// What a lost packet might have been.
    fn make_up(&mut self, turn: &mut Turn<'_>, samples: usize) {
        self.concealed += 1;
        turn.stats.concealed += 1;
        if self.concealed > MAX_CONCEALED {
            return self.silence(samples);
        }
        let samples = (samples / 120 * 120).clamp(120, usize::from(MAX_OPUS_SAMPLES));
        let into = self.scratch.get_mut(..samples * self.channels).unwrap_or_default();
        match self.decoder.conceal(into) {
            Ok(samples) => self.append(samples),
            Err(_) => self.silence(samples),
        }
    }

    /// What a sender means who sends nothing: the decoder's own noise after a DTX packet, silence otherwise.
    fn rest(&mut self, samples: usize) {
        let whole = samples / 120 * 120;
        let into = self.scratch.get_mut(..whole * self.channels).unwrap_or_default();
        if self.last_was_dtx && whole > 0 && self.decoder.conceal(into).is_ok() {
            self.append(whole);
            return self.silence(samples - whole);
        }
        self.silence(samples);
    }

    fn append(&mut self, samples: usize) {
        self.ready.extend_from_slice(self.scratch.get(..samples * self.channels).unwrap_or_default());
    }

    fn silence(&mut self, samples: usize) {
        self.ready.resize(self.ready.len() + samples * self.channels, 0.0);
    }

    /// Brings the wait nearer to the one wanted.
    fn stretch(&mut self, turn: &mut Turn<'_>) {
        self.since_stretch += 1;
        let excess_us = self.waited_us - turn.wanted_us();
        if self.concealed > 0 || self.dry > 0 || self.since_stretch < STRETCH_EVERY {
            return;
        }
        if excess_us > FAR_TOO_LONG_US {
            return self.leave_out(turn);
        }
        if excess_us > TOO_LONG_US {
            let removed = pcm::remove_period(&mut self.ready, self.channels);
            turn.stats.shrunk_samples += removed as u64;
            self.since_stretch = 0;
        } else if excess_us < -TOO_SHORT_US {
            let inserted = pcm::insert_period(&mut self.ready, self.channels);
            turn.stats.stretched_samples += inserted as u64;
            self.since_stretch = 0;
        }
    }

    /// Leaves out packets that should have been heard long ago.
    fn leave_out(&mut self, turn: &mut Turn<'_>) {
        let wanted = turn.wanted_us();
        while let Some(front) = turn.buffer.front()
            && turn.delay.waited_us(front.end(), turn.now) >= wanted
        {
            (self.next, self.last_sequence) = (Some(front.end()), front.sequence);
            turn.stats.shrunk_samples += u64::from(front.samples);
            turn.buffer.pop();
        }
    }
}
