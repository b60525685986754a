//! The server's own mixer in the simulator: everyone says a tone of his own in real Opus, and what comes is decoded and listened to.

use bytes::Bytes;
use colloquy_bench::client::{Pace, Received, Script, Shot};
use colloquy_codecs::opus::{Channels, Decoder, Encoder, EncoderSettings, SAMPLE_RATE};
use colloquy_media_core::api::{AudioMode, Codec, PeerId, RoomId};
use colloquy_media_core::audience::{Post, Stance, Verb};
use colloquy_tests::{Mixer, Options, World};
use std::collections::{BTreeMap, BTreeSet};
use std::f32::consts::TAU;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// A change takes effect within this.
const AT_ONCE: Duration = Duration::from_millis(150);
const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: usize = 960;
/// Each person's tone, in Hz: whole periods of all of them fit into a frame.
const TONES: [f32; 4] = [400.0, 1_000.0, 1_850.0, 3_100.0];
pub(super) const AMPLITUDE: f32 = 0.2;
/// From this part of a tone as it was said on it is heard: 26 dB under it. The noise of the codec is under -40 dB.
pub(super) const HEARD: f32 = 0.05;

/// A second of a tone, in packets of 20 ms.
pub(super) fn packets_of(hz: f32) -> Vec<Bytes> {
    let mut encoder = Encoder::new(&EncoderSettings::default()).unwrap();
    let mut packet = [0; 1_275];
    let frames = (0..50_usize).map(|frame| {
        let at = |i: usize| AMPLITUDE * (TAU * hz * (frame * SAMPLES + i) as f32 / SAMPLE_RATE as f32).sin();
        let samples: Vec<f32> = (0..SAMPLES).map(at).collect();
        let bytes = encoder.encode(&samples, &mut packet).unwrap();
        Bytes::copy_from_slice(&packet[..bytes])
    });
    frames.collect()
}

/// The same, as somebody says it.
pub(super) fn tone(hz: f32) -> Arc<Script> {
    let shot = |(frame, packet): (u32, Bytes)| Shot { at: FRAME * frame, bytes: packet.len(), key: true, packet };
    Arc::new(Script::new((0..).zip(packets_of(hz)).map(shot).collect()).unwrap())
}

/// How loud a tone is in a frame of one channel, as an amplitude (Goertzel).
pub(super) fn loudness(samples: impl Iterator<Item = f32>, hz: f32) -> f32 {
    let turn = 2.0 * (TAU * hz / SAMPLE_RATE as f32).cos();
    let (mut before, mut last, mut count) = (0.0_f32, 0.0_f32, 0);
    for sample in samples {
        (before, last) = (last, sample + turn * last - before);
        count += 1;
    }
    let power = last * last + before * before - turn * last * before;
    2.0 * power.max(0.0).sqrt() / count as f32
}

/// A frame that somebody heard.
#[derive(Debug, Clone, Copy)]
struct Frame {
    at: Instant,
    /// How loud each tone is in each ear.
    tones: [(f32, f32); TONES.len()],
}

/// A call of four, each with a tone.
struct Call {
    world: World,
    room: RoomId,
    people: Vec<PeerId>,
    mixes: BTreeMap<PeerId, String>,
    /// A decoder for each place, as a browser has it.
    decoders: BTreeMap<(PeerId, usize), Decoder>,
}

impl Call {
    fn new(seed: u64, posts: [Post; 4]) -> Self {
        let mut world = World::new(Options { seed, mixer: Mixer::Sound, ..Options::default() });
        let room = world.room();
        let hears = |post| {
            let stance = Stance::at(post);
            world.join_at(room, stance, |config| config.keeps_sound = true)
        };
        let people: Vec<PeerId> = posts.map(hears).to_vec();
        let mut mixes = BTreeMap::new();
        for (peer, hz) in people.iter().zip(TONES) {
            let pace = Pace { interval: FRAME, packets: 1, payload_bytes: 60, large_key_frames: false };
            let mid = world.client(*peer).publish(Codec::Opus, pace);
            world.client(*peer).set_level(&mid, 20);
            world.client(*peer).replay(&mid, &[tone(hz)], 0.0);
            world.offer(*peer).unwrap();
            mixes.insert(*peer, world.watch_mix(*peer));
        }
        let mut call = Self { world, room, people, mixes, decoders: BTreeMap::new() };
        call.want_everyone();
        call.world.connect(&call.people.clone());
        call
    }

    fn want_everyone(&mut self) {
        self.people.clone().into_iter().for_each(|peer| self.world.watch_everyone(peer));
    }

    fn act(&mut self, verb: Verb) {
        self.world.act(self.room, verb).unwrap();
        self.want_everyone();
    }

    fn everyone(&mut self, mode: AudioMode) {
        for peer in self.people.clone() {
            self.world.set_audio(peer, mode).unwrap();
        }
        self.world.run(SECOND);
    }

    /// What came to somebody since he was asked last, decoded; of each place in the order of its numbers.
    fn heard(&mut self, peer: PeerId) -> Vec<Frame> {
        let mut kept = self.world.client(peer).take_kept();
        kept.sort_by_key(|(received, _)| (received.place, received.sequence.0));
        kept.iter().map(|(received, payload)| self.decode(peer, received, payload)).collect()
    }

    fn decode(&mut self, peer: PeerId, received: &Received, payload: &[u8]) -> Frame {
        let new = || Decoder::new(Channels::Stereo).unwrap();
        let decoder = self.decoders.entry((peer, received.place)).or_insert_with(new);
        let mut samples = vec![0.0; 2 * 5_760];
        let count = decoder.decode(payload, &mut samples).unwrap();
        let ear = |right: usize, hz| loudness(samples[..2 * count].chunks(2).map(|pair| pair[right]), hz);
        Frame { at: received.at, tones: TONES.map(|hz| (ear(0, hz), ear(1, hz))) }
    }

    /// Who hears whose tone: a line for each listener.
    fn matrix(&mut self) -> String {
        self.world.run(AT_ONCE);
        for peer in self.people.clone() {
            self.heard(peer);
        }
        self.world.run(SECOND);
        let lines = self.people.clone().into_iter().map(|peer| {
            let frames = self.heard(peer);
            let is_heard = |i: usize| frames.iter().filter(|frame| is_in(frame, i)).count() > 5;
            (0..TONES.len()).map(|i| if is_heard(i) { " a" } else { " ." }).collect::<String>() + "\n"
        });
        lines.collect()
    }

    /// As the matrix has it.
    fn expected(&self) -> String {
        let audience = self.world.audience(self.room);
        let line = |listener: &PeerId| {
            let cells =
                self.people.iter().map(|speaker| if audience.hears(*listener, *speaker).is_on() { " a" } else { " ." });
            cells.collect::<String>() + "\n"
        };
        self.people.iter().map(line).collect()
    }
}

fn is_in(frame: &Frame, tone: usize) -> bool {
    let (left, right) = frame.tones[tone];
    left.max(right) > HEARD * AMPLITUDE
}

#[test]
fn the_tones_that_are_heard_in_the_mix_are_those_of_the_matrix() {
    let mut call = Call::new(1, [Post::Floor, Post::Floor, Post::SILENT_MONITOR, Post::Wings]);
    let [pierre, anne, manuel, susi] = call.people[..] else { panic!() };
    call.everyone(AudioMode::Mix);
    assert_eq!(call.matrix(), " . a . .\n a . . .\n a a . .\n . . . .\n");
    for verb in [
        Verb::Hold { who: pierre, held: true },
        Verb::Hold { who: pierre, held: false },
        Verb::TurnAside { who: anne, with: susi },
        Verb::TurnBack { who: anne },
        Verb::TurnBack { who: susi },
        Verb::Coach { who: manuel, agent: anne },
        Verb::TurnBackstage { who: anne },
        Verb::Backstage { who: manuel },
        Verb::TurnBack { who: anne },
        Verb::Barge { who: manuel },
        Verb::Monitor { who: manuel, announced: false, wall: false },
        Verb::TakeOver { who: manuel, from: anne },
    ] {
        call.act(verb);
        assert_eq!(call.matrix(), call.expected(), "{verb:?}");
    }
}

#[test]
fn a_whisper_comes_from_the_left_and_no_frame_of_it_reaches_the_customer() {
    let mut call = Call::new(2, [Post::Floor, Post::Floor, Post::SILENT_MONITOR, Post::Floor]);
    let [pierre, anne, manuel, _] = call.people[..] else { panic!() };
    call.act(Verb::Coach { who: manuel, agent: anne });
    call.everyone(AudioMode::Mix);
    let frames = {
        call.heard(anne);
        call.world.run(SECOND);
        call.heard(anne)
    };
    let whispers: Vec<_> =
        frames.iter().map(|frame| frame.tones[2]).filter(|(left, _)| *left > HEARD * AMPLITUDE).collect();
    assert!(whispers.len() > 40, "{} frames", whispers.len());
    assert!(whispers.iter().all(|(left, right)| *left > 3.0 * right), "{whispers:?}");
    call.heard(pierre);
    // A minute, with 100 changes of how one hears.
    let (mut frames, began) = (Vec::new(), call.world.now());
    for flip in 0..100_usize {
        let who = if flip % 3 == 0 { pierre } else { call.people[flip % 4] };
        let mode = if flip % 2 == 0 { AudioMode::Forward } else { AudioMode::Mix };
        call.world.set_audio(who, mode).unwrap();
        call.world.run(Duration::from_millis(600));
        frames.extend(call.heard(pierre));
    }
    assert!(call.world.now() - began >= 60 * SECOND);
    let leaked = frames.iter().filter(|frame| is_in(frame, 2)).count();
    assert_eq!(leaked, 0, "of {} frames", frames.len());
    let others: BTreeSet<usize> =
        (0..4).filter(|i| frames.iter().filter(|frame| is_in(frame, *i)).count() > 2_000).collect();
    assert_eq!(others, BTreeSet::from([1, 3]), "he hears those whom he may");
    // No gap: the other two are heard all the time.
    frames.sort_by_key(|frame| frame.at);
    let longest = frames.windows(2).map(|two| two[1].at - two[0].at).max().unwrap();
    assert!(longest <= Duration::from_millis(60), "{longest:?} without a frame");
    assert!(call.mixes.contains_key(&anne));
}
