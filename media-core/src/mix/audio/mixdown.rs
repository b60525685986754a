//! One mix: a sum, a limiter, an encoder, for all who hear the same.

use super::ear::{Key, Rate};
use super::source::{HISTORY_FRAMES, Source};
use super::{Channels, FRAME_SAMPLES, MixSettings, MixStats, Mixed, OutputId, SourceId};
use bytes::Bytes;
use colloquy_codecs::opus::{self, Application, Bandwidth, Encoder, EncoderSettings, OpusError};
use colloquy_codecs::pcm::{self, Limiter, Noise, Weight};
use slotmap::{SlotMap, new_key_type};
use std::sync::Arc;

new_key_type! { pub(super) struct SourceKey; }

/// Silent turns that are encoded all the same, with soft noise: what is in the encoder gets out, and the receiver's decoder learns
/// what silence sounds like here.
const TAIL_TURNS: u32 = 10;
/// How loud that noise is, in -dBov.
const COMFORT_DBOV: u8 = 72;
/// After them a single byte is sent every 400 ms, as Opus does it (DTX), so many times; and then nothing.
const KEEP_ALIVE_TURNS: u32 = 20;
const KEEP_ALIVES: u32 = 5;
/// 20 ms of stereo at 510 kb/s take no more.
const MAX_PACKET_BYTES: usize = 1275;
/// Below this, speech coding sounds better (PESQ: 4.4 at 40 kb/s, the transform coder 3.9), in bits a second of one channel.
const NARROW_BPS: u32 = 48_000;
/// From here on there are bits for all that people hear; below, what is above 12 kHz would take them from what speech is made of
/// (PESQ at 64 kb/s: 4.4 without it, 4.3 with it). Of one channel.
const WIDE_BPS: u32 = 96_000;
/// What a packet begins with that has one frame of 20 ms of the transform coder, full band (RFC 6716 3.1).
const CELT_20_MS: u8 = 0xF8;
const STEREO_BIT: u8 = 0x04;

/// A voice in a mix.
#[derive(Debug, Clone, Copy)]
struct Voice {
    source: SourceKey,
    weight: Weight,
}

/// One mix.
#[derive(Debug)]
pub(super) struct Mixdown {
    pub(super) output: OutputId,
    pub(super) key: Key,
    /// Listeners who have it.
    pub(super) members: usize,
    voices: Vec<Voice>,
    contributors: Arc<[SourceId]>,
    limiter: Limiter,
    noise: Noise,
    coder: Option<Coder>,
    /// What was encoded so far must not be built upon.
    is_fresh: bool,
    silent_turns: u32,
    /// Of packets of two turns, the first one's sum, and which turn it was.
    held: Vec<f32>,
    held_at: Option<u64>,
}

#[derive(Debug)]
struct Coder {
    encoder: Encoder,
    /// The first byte of the last packet, without its count of frames.
    shape: u8,
    /// The next packet must be understood without those before it.
    is_first: bool,
}

/// What all mixes of a mixer use in turn.
#[derive(Debug)]
pub(super) struct Bench {
    sum: Vec<f32>,
    packet: Vec<u8>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self { sum: Vec::with_capacity(2 * FRAME_SAMPLES), packet: vec![0; MAX_PACKET_BYTES] }
    }
}

impl Mixdown {
    pub(super) fn new(output: OutputId, key: Key) -> Self {
        let channels = count(key.rate.channels);
        Self {
            output,
            key,
            members: 0,
            voices: Vec::new(),
            contributors: Arc::default(),
            limiter: Limiter::new(channels),
            noise: Noise::new(output.0 as u32),
            coder: None,
            is_fresh: true,
            silent_turns: TAIL_TURNS,
            held: Vec::new(),
            held_at: None,
        }
    }

    /// Looks who of those who are heard is heard in it.
    pub(super) fn cast(&mut self, heard: &[SourceKey], sources: &SlotMap<SourceKey, Source>) {
        self.voices.clear();
        let mut ids = Vec::with_capacity(heard.len());
        for key in heard {
            let Some(source) = sources.get(*key) else { continue };
            let Some(gain) = self.key.gain(source.id, source.group) else { continue };
            self.voices.push(Voice { source: *key, weight: gain.weight() });
            ids.push(source.id);
        }
        ids.sort_unstable();
        self.contributors = ids.into();
    }

    /// Whether a source is in it.
    pub(super) fn has(&self, source: SourceKey) -> bool {
        self.voices.iter().any(|voice| voice.source == source)
    }

    /// Begins anew, so that nothing is left of what was in it.
    pub(super) fn rebuild(&mut self) {
        self.limiter = Limiter::new(count(self.key.rate.channels));
        self.is_fresh = true;
        self.held_at = None;
    }

    /// Turns that its packets began before the one in which they are made.
    pub(super) fn turns_before(&self) -> u64 {
        u64::from(self.key.rate.long)
    }

    /// Whether it has nothing more to say.
    pub(super) fn sleeps(&self) -> bool {
        self.silent_turns > TAIL_TURNS + KEEP_ALIVES * KEEP_ALIVE_TURNS
    }

    /// One turn, by its number: a packet, if there is one to send. Those of two turns are made in every second turn, for all mixes in the same: a
    /// listener who goes from one to another loses none.
    pub(super) fn turn(
        &mut self,
        turn: u64,
        sources: &SlotMap<SourceKey, Source>,
        bench: &mut Bench,
        settings: &MixSettings,
        stats: &mut MixStats,
    ) -> Option<Mixed> {
        let is_silent = !self.sum(sources, 0, &mut bench.sum);
        self.silent_turns = if is_silent { self.silent_turns.saturating_add(1) } else { 0 };
        let is_first_half = self.key.rate.long && !turn.is_multiple_of(2);
        if self.silent_turns > TAIL_TURNS {
            stats.silent += 1;
            return if is_first_half { None } else { self.keep_alive() };
        }
        if is_silent && settings.comfort_noise {
            self.noise.add(&mut bench.sum, count(self.key.rate.channels), COMFORT_DBOV);
        }
        if is_first_half {
            self.held.clone_from(&bench.sum);
            self.held_at = Some(turn);
            return None;
        }
        let len = self.encode(turn, sources, bench, settings, stats);
        let Ok(len) = len else {
            stats.codec_errors += 1;
            self.coder = None;
            self.rebuild();
            return None;
        };
        stats.encoded += 1;
        let payload = Bytes::copy_from_slice(bench.packet.get(..len)?);
        Some(self.mixed(payload, pcm::level_dbov(&bench.sum)))
    }

    fn encode(
        &mut self,
        turn: u64,
        sources: &SlotMap<SourceKey, Source>,
        bench: &mut Bench,
        settings: &MixSettings,
        stats: &mut MixStats,
    ) -> Result<usize, OpusError> {
        let mut coder = match self.coder.take() {
            Some(coder) => coder,
            None => Coder::new(&self.key.rate, settings)?,
        };
        let is_fresh = std::mem::take(&mut self.is_fresh);
        if is_fresh {
            self.run_in(&mut coder, sources, bench, stats)?;
        }
        let lacks_half = self.key.rate.long && (is_fresh || self.held_at != turn.checked_sub(1));
        if lacks_half {
            self.sum(sources, 1, &mut bench.sum);
            self.held.clone_from(&bench.sum);
        }
        if is_fresh || lacks_half {
            self.sum(sources, 0, &mut bench.sum);
        }
        if self.key.rate.long {
            self.held.extend_from_slice(&bench.sum);
            std::mem::swap(&mut self.held, &mut bench.sum);
            self.held_at = None;
        }
        self.limiter.apply(&mut bench.sum);
        let most = self.key.rate.most_bytes().min(bench.packet.len());
        let len = coder.encode(&bench.sum, &mut bench.packet[..most])?;
        self.coder = Some(coder);
        Ok(len)
    }

    /// Encodes what was heard of its voices before, for nobody: where a listener comes over from another mix, the sound goes on.
    fn run_in(
        &mut self,
        coder: &mut Coder,
        sources: &SlotMap<SourceKey, Source>,
        bench: &mut Bench,
        stats: &mut MixStats,
    ) -> Result<(), OpusError> {
        coder.encoder.reset()?;
        let first = 1 + usize::from(self.key.rate.long);
        for turns_ago in (first..=HISTORY_FRAMES).rev() {
            if self.sum(sources, turns_ago, &mut bench.sum) {
                self.limiter.apply(&mut bench.sum);
                coder.encoder.encode(&bench.sum, &mut bench.packet)?;
                stats.encoded += 1;
            }
        }
        coder.is_first = true;
        Ok(())
    }

    /// Adds the voices up, of this turn or an earlier one; whether there was anything.
    fn sum(&self, sources: &SlotMap<SourceKey, Source>, turns_ago: usize, sum: &mut Vec<f32>) -> bool {
        let channels = count(self.key.rate.channels);
        sum.clear();
        sum.resize(FRAME_SAMPLES * channels, 0.0);
        let mut any = false;
        for voice in &self.voices {
            let frame = sources.get(voice.source).and_then(|source| match turns_ago {
                0 => source.frame(),
                _ => source.heard(turns_ago),
            });
            let Some((samples, of)) = frame else { continue };
            pcm::add(sum, channels, samples, of, voice.weight);
            any = true;
        }
        any
    }

    fn keep_alive(&self) -> Option<Mixed> {
        let turns = 1 + u32::from(self.key.rate.long);
        let since = (self.silent_turns - TAIL_TURNS - 1) / turns;
        if !since.is_multiple_of(KEEP_ALIVE_TURNS / turns) || self.sleeps() {
            return None;
        }
        let stereo = if self.key.rate.channels == Channels::Stereo { STEREO_BIT } else { 0 };
        let shape = self.coder.as_ref().map_or(CELT_20_MS | stereo, |coder| coder.shape);
        Some(Mixed { contributors: Arc::default(), ..self.mixed(Bytes::copy_from_slice(&[shape]), 127) })
    }

    fn mixed(&self, payload: Bytes, level: u8) -> Mixed {
        Mixed { output: self.output, timestamp: 0, payload, level, contributors: Arc::clone(&self.contributors) }
    }
}

impl Coder {
    fn new(rate: &Rate, settings: &MixSettings) -> Result<Self, OpusError> {
        let channels = match rate.channels {
            Channels::Mono => opus::Channels::Mono,
            Channels::Stereo => opus::Channels::Stereo,
        };
        // What two channels have in common is coded once: two need about half as much again as one.
        let mono_bps = if rate.channels == Channels::Stereo { rate.bps / 3 * 2 } else { rate.bps };
        let is_speech = rate.lossy || mono_bps < NARROW_BPS;
        let encoder = Encoder::new(&EncoderSettings {
            application: if is_speech { Application::Speech } else { Application::LowDelay },
            channels,
            bitrate_bps: rate.bps,
            bandwidth: if is_speech || mono_bps >= WIDE_BPS { Bandwidth::Full } else { Bandwidth::SuperWide },
            complexity: settings.complexity,
            fec: rate.lossy,
            loss_pct: if rate.lossy { settings.expected_loss_pct } else { 0 },
            dtx: false,
        })?;
        Ok(Self { encoder, shape: CELT_20_MS, is_first: true })
    }

    fn encode(&mut self, samples: &[f32], packet: &mut [u8]) -> Result<usize, OpusError> {
        if self.is_first {
            self.encoder.set_prediction(false)?;
        }
        let len = self.encoder.encode(samples, packet)?;
        if std::mem::take(&mut self.is_first) {
            self.encoder.set_prediction(true)?;
        }
        self.shape = packet.first().copied().unwrap_or(CELT_20_MS) & !0x03;
        Ok(len)
    }
}

/// 1 or 2.
fn count(channels: Channels) -> usize {
    match channels {
        Channels::Mono => 1,
        Channels::Stereo => 2,
    }
}
