//! A room of people who each speak with a tone of their own, and listen with a decoder of their own.

use crate::mix::audio::*;
use bytes::Bytes;
use colloquy_codecs::opus::{self, Application, Decoder, Encoder, EncoderSettings};
use colloquy_codecs::payload::write_red;
use colloquy_codecs::pcm;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

pub(super) const FLOOR: GroupId = GroupId(0);
pub(super) const ASIDE: GroupId = GroupId(1);
/// As loud as speech: -20 dBov.
const AMPLITUDE: f32 = 0.14;

/// What the network does with the n-th packet: lose it, or deliver it so many ms later.
type Path = Box<dyn FnMut(u64) -> Option<u64>>;

/// Somebody's microphone and encoder.
pub(super) struct Speaker {
    pub(super) hz: f32,
    /// How many overtones he has, himself included: one is a tone, twenty are a vowel.
    pub(super) overtones: u8,
    /// He says nothing, and his packets say so.
    pub(super) is_quiet: bool,
    /// He sends nothing at all.
    pub(super) is_off: bool,
    /// He tells levels.
    pub(super) tells: bool,
    pub(super) red: bool,
    pub(super) path: Path,
    encoder: Encoder,
    samples: usize,
    clock: u64,
    sequence: u64,
    pub(super) skew: u32,
    last: Vec<u8>,
    on_the_way: Vec<(Duration, Packet)>,
    /// When his first packet leaves.
    phase: Duration,
}

/// Somebody's ears.
pub(super) struct Listener {
    pub(super) output: Option<OutputId>,
    decoder: Decoder,
    /// What he heard, 960 samples a turn, two channels.
    pub(super) heard: Vec<f32>,
    /// Payloads, as they came.
    pub(super) packets: Vec<Mixed>,
}

pub(super) struct Lab {
    pub(super) mixer: AudioMixer,
    pub(super) began: Instant,
    pub(super) time: Duration,
    pub(super) speakers: BTreeMap<u64, Speaker>,
    pub(super) listeners: BTreeMap<u64, Listener>,
    pub(super) gone: Vec<OutputId>,
    /// Levels that the mixer told.
    pub(super) levels: Vec<(SourceId, u8)>,
}

/// Settings under which a tone comes out as it went in.
pub(super) fn plain() -> MixSettings {
    MixSettings { agc: false, comfort_noise: false, ..MixSettings::default() }
}

impl Lab {
    pub(super) fn new(settings: MixSettings) -> Self {
        let began = Instant::now();
        Self {
            mixer: AudioMixer::new(settings, began),
            began,
            time: Duration::ZERO,
            speakers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            gone: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// People who speak on the floor, numbered from 1, each at his own pitch, and hear all others there.
    pub(super) fn floor(settings: MixSettings, people: u64) -> Self {
        let mut lab = Self::new(settings);
        for id in 1..=people {
            lab.speaker(id, FLOOR);
            lab.listener(id, ear(id, &[FLOOR]));
        }
        lab
    }

    /// The same, so well coded that next to nothing is heard that was not spoken.
    pub(super) fn clear_floor(people: u64) -> Self {
        let mut lab = Self::new(MixSettings { mono_bps: 256_000, speakers: 5, ..plain() });
        for id in 1..=people {
            lab.speaker_as(id, FLOOR, Application::LowDelay, 960);
            lab.listener(id, ear(id, &[FLOOR]));
        }
        lab
    }

    pub(super) fn now(&self) -> Instant {
        self.began + self.time
    }

    pub(super) fn speaker(&mut self, id: u64, group: GroupId) -> &mut Speaker {
        self.speaker_as(id, group, Application::Speech, 960)
    }

    pub(super) fn speaker_as(
        &mut self,
        id: u64,
        group: GroupId,
        application: Application,
        samples: usize,
    ) -> &mut Speaker {
        self.mixer.add_source(SourceId(id), group, self.now()).unwrap();
        // At this bitrate speech is coded by prediction alone, so that FEC is in it.
        let bitrate_bps = if application == Application::Speech { 24_000 } else { 128_000 };
        let settings = EncoderSettings {
            application,
            bitrate_bps,
            fec: true,
            loss_pct: 20,
            complexity: 1,
            ..EncoderSettings::default()
        };
        let speaker = Speaker {
            hz: pitch(id),
            overtones: 1,
            is_quiet: false,
            is_off: false,
            tells: true,
            red: false,
            path: Box::new(|_| Some(30)),
            encoder: Encoder::new(&settings).unwrap(),
            samples,
            clock: id * 7919,
            sequence: 65_500 + id,
            skew: (id as u32).wrapping_mul(0x9E37_79B9),
            last: Vec::new(),
            on_the_way: Vec::new(),
            phase: self.time + Duration::from_millis(id * 7 % 20),
        };
        self.speakers.insert(id, speaker);
        self.speakers.get_mut(&id).unwrap()
    }

    pub(super) fn listener(&mut self, id: u64, ear: Ear) {
        let decoder = Decoder::new(opus::Channels::Stereo).unwrap();
        self.listeners.insert(id, Listener { output: None, decoder, heard: Vec::new(), packets: Vec::new() });
        self.mixer.hear(ListenerId(id), ear);
    }

    /// Lets so many ms pass, one by one.
    pub(super) fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.time += Duration::from_millis(1);
            let (now, time) = (self.began + self.time, self.time);
            for (id, speaker) in &mut self.speakers {
                speaker.speak(self.began, time);
                for packet in speaker.arriving(time) {
                    self.mixer.push(SourceId(*id), packet, now);
                }
            }
            while self.mixer.next_tick().is_some_and(|at| at <= now) {
                self.mixer.tick(now);
                self.drain();
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.mixer.poll() {
            match output {
                Output::Assigned { listener, output } => {
                    if let Some(listener) = self.listeners.get_mut(&listener.0) {
                        listener.output = Some(output);
                    }
                }
                Output::Gone { output } => {
                    assert!(
                        self.listeners.values().all(|l| l.output != Some(output)),
                        "a mix that somebody has is gone"
                    );
                    self.gone.push(output);
                }
                Output::Level { source, level } => self.levels.push((source, level)),
                Output::Packet(mixed) => {
                    for listener in self.listeners.values_mut().filter(|l| l.output == Some(mixed.output)) {
                        listener.hear(&mixed);
                    }
                }
            }
        }
    }

    /// How loud each pitch was in somebody's ears in his last so many ms, in dB below what was spoken: the louder ear.
    pub(super) fn heard(&self, listener: u64, ms: usize) -> BTreeMap<u64, i32> {
        self.speakers.iter().map(|(id, speaker)| (*id, self.listeners[&listener].tone(speaker.hz, ms))).collect()
    }

    /// Whom somebody hears, by the last 200 ms.
    pub(super) fn audible(&self, listener: u64) -> Vec<u64> {
        self.heard(listener, 200).into_iter().filter(|(_, level)| *level > -20).map(|(id, _)| id).collect()
    }
}

/// As many bits as the mixer's settings allow.
pub(super) const CLEAR: Coding = Coding { channels: Channels::Mono, max_bps: 512_000, lossy: false, long: false };

/// An ear for groups but for one's own voice.
pub(super) fn ear(own: u64, groups: &[GroupId]) -> Ear {
    Ear {
        groups: groups.iter().map(|group| (*group, Gain::UNITY)).collect(),
        except: vec![(SourceId(own), None)],
        coding: CLEAR,
    }
}

/// Far enough from each other, and from each other's harmonics.
pub(super) fn pitch(id: u64) -> f32 {
    310.0 + 97.0 * (id % 20) as f32
}

impl Speaker {
    /// Goes on at another pitch. His encoder, which looks 6.5 ms ahead, has none of the one before.
    pub(super) fn change_pitch(&mut self, hz: f32) {
        self.hz = hz;
        self.encoder.reset().unwrap();
    }

    fn speak(&mut self, began: Instant, time: Duration) {
        let length = Duration::from_micros(self.samples as u64 * 1000 / 48);
        if time < self.phase + length {
            return;
        }
        self.phase += length;
        let from = self.clock;
        self.clock += self.samples as u64;
        if self.is_off {
            return;
        }
        let amplitude = if self.is_quiet { 0.0 } else { AMPLITUDE };
        let overtone = |n: u64, k: u8| {
            let turns = (n % 48_000) as f32 / 48_000.0 * self.hz * f32::from(k);
            (turns.fract() * std::f32::consts::TAU).sin() * amplitude / f32::from(k)
        };
        let sample = |n: u64| (1..=self.overtones).map(|k| overtone(n, k)).sum();
        let samples: Vec<f32> = (from..self.clock).map(sample).collect();
        let mut packet = vec![0; 1275];
        let len = self.encoder.encode(&samples, &mut packet).unwrap();
        packet.truncate(len);
        let mut payload = packet.clone();
        if self.red && !self.last.is_empty() {
            payload.clear();
            let _ = write_red(&mut payload, 111, &packet, &[(self.samples as u16, &self.last)]);
        }
        let red = self.red && !self.last.is_empty();
        self.last = packet;
        let sequence = self.sequence;
        self.sequence += 1;
        if let Some(delay) = (self.path)(sequence) {
            let arrives = self.phase + Duration::from_millis(delay);
            let packet = Packet {
                sequence,
                timestamp: (from as u32).wrapping_add(self.skew),
                payload: Bytes::from(payload),
                red,
                level: self.tells.then(|| pcm::level_dbov(&samples)),
                voice: None,
                arrived: began + arrives,
            };
            self.on_the_way.push((arrives, packet));
        }
    }

    fn arriving(&mut self, time: Duration) -> Vec<Packet> {
        let (come, on): (Vec<_>, _) = std::mem::take(&mut self.on_the_way).into_iter().partition(|(at, _)| *at <= time);
        self.on_the_way = on;
        come.into_iter().map(|(_, packet)| packet).collect()
    }
}

impl Listener {
    fn hear(&mut self, mixed: &Mixed) {
        let mut samples = [0.0; 11_520];
        let len = self.decoder.decode(&mixed.payload, &mut samples).unwrap();
        assert!([960, 1_920].contains(&len), "{len}");
        self.heard.extend_from_slice(&samples[..2 * len]);
        self.packets.push(mixed.clone());
    }

    /// The louder ear's level of a pitch in the last so many ms, in dB below what is spoken.
    pub(super) fn tone(&self, hz: f32, ms: usize) -> i32 {
        let from = self.heard.len().saturating_sub(ms * 96);
        self.ear(0, from, hz).max(self.ear(1, from, hz))
    }

    /// One ear's level from a sample on, in dB below what is spoken.
    pub(super) fn ear(&self, ear: usize, from: usize, hz: f32) -> i32 {
        let one: Vec<f32> = self.heard[from..].chunks(2).map(|pair| pair[ear]).collect();
        (20.0 * (goertzel(&one, hz) / AMPLITUDE).max(1e-6).log10()).round() as i32
    }
}

/// The amplitude of a pitch, with a window that keeps others out of it.
pub(super) fn goertzel(samples: &[f32], hz: f32) -> f32 {
    let len = samples.len().max(1) as f32;
    let (mut re, mut im, mut weight) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (n, sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * (n as f64 + 0.5) / f64::from(len)).cos();
        let angle = std::f64::consts::TAU * f64::from(hz) * n as f64 / 48_000.0;
        re += f64::from(*sample) * window * angle.cos();
        im += f64::from(*sample) * window * angle.sin();
        weight += window;
    }
    (2.0 * re.hypot(im) / weight.max(1e-9)) as f32
}

/// The loudest of what is no tone of this pitch, in blocks of 5 ms: a click stands out.
pub(super) fn roughness(samples: &[f32], hz: f32) -> VecDeque<f32> {
    let turn = 2.0 * (std::f32::consts::TAU * hz / 48_000.0).cos();
    let rest: Vec<f32> = samples.windows(3).map(|three| (three[2] - turn * three[1] + three[0]).abs()).collect();
    rest.chunks(240).map(pcm::peak).collect()
}
