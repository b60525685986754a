//! Somebody who hears on an earpiece: all voices in one, 40 kb/s at most, no pictures, and a tone without gaps on a lossy network.

use super::tones::{AMPLITUDE, HEARD, loudness, tone};
use colloquy_bench::client::{Pace, Received, Video};
use colloquy_bench::impair::Link;
use colloquy_codecs::opus::{Channels, Decoder};
use colloquy_media_core::api::{
    AudioMode, AudioPath, Codec, Device, Downlink, EARPIECE_BPS, Event, MediaKind, PeerId, RoomId,
};
use colloquy_tests::{Mixer, Options, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: usize = 960;
const TONE_HZ: f32 = 1_000.0;
/// Of the time that somebody speaks, in which he is heard at least.
const CONTINUITY: f64 = 0.98;

/// Pierre, who speaks and shows himself, and Manuel, who runs.
struct Call {
    world: World,
    room: RoomId,
    manuel: PeerId,
    /// Manuel's place for pictures.
    place: String,
}

impl Call {
    fn new(seed: u64) -> Self {
        let mut world = World::new(Options { seed, mixer: Mixer::Sound, ..Options::default() });
        let room = world.room();
        let [pierre, manuel] = [(); 2].map(|()| world.join_with(room, |config| config.keeps_sound = true));
        let pace = Pace { interval: FRAME, packets: 1, payload_bytes: 60, large_key_frames: false };
        let mid = world.client(pierre).publish(Codec::Opus, pace);
        world.client(pierre).set_level(&mid, 20);
        world.client(pierre).replay(&mid, &[tone(TONE_HZ)], 0.0);
        let camera = world.client(pierre).publish_video(&Video::simulcast());
        world.offer(pierre).unwrap();
        let face = world.person(pierre).published[&camera.parse().unwrap()].id;
        world.watch_mix(manuel);
        let place = world.watch(manuel, face, MediaKind::Video);
        world.connect(&[pierre, manuel]);
        Self { world, room, manuel, place }
    }

    /// What Manuel is sent, in bits a second, headers included: the most in any second of so many.
    fn most_bps(&mut self, seconds: u32) -> u64 {
        let second = |call: &mut Self| {
            call.world.run(SECOND);
            let stats = call.world.stats(call.room).unwrap();
            let manuel = stats.peers.iter().find(|stats| stats.peer == call.manuel).unwrap();
            manuel.downlink.map_or(0, |downlink| downlink.sent_bps)
        };
        (0..seconds).map(|_| second(self)).max().unwrap_or_default()
    }

    /// How Manuel hears others, as he was told.
    fn path(&self) -> AudioPath {
        let told = self.world.events.iter().rev().find_map(|(_, event)| match event {
            Event::Audio { peer, path, .. } if *peer == self.manuel => Some(*path),
            _ => None,
        });
        told.unwrap_or_default()
    }

    /// Packets of pictures that Manuel was sent.
    fn pictures(&mut self) -> u64 {
        let stats = self.world.stats(self.room).unwrap();
        let manuel = stats.peers.iter().find(|stats| stats.peer == self.manuel).unwrap();
        manuel.send.iter().filter(|sent| sent.mid == self.place).map(|sent| sent.packets).sum()
    }
}

/// Of the frames that were sent, in which part the tone is heard by somebody who has a decoder as browsers do: what is lost is taken from what
/// the next packet repeats.
fn continuity(packets: &[(Received, bytes::Bytes)]) -> f64 {
    let mut decoder = Decoder::new(Channels::Mono).unwrap();
    let mut samples = vec![0.0; 5_760];
    let (mut heard, mut frames) = (0_u32, 0_u32);
    let mut listen = |samples: &[f32]| {
        frames += 1;
        heard += u32::from(loudness(samples.iter().copied(), TONE_HZ) > AMPLITUDE * HEARD);
    };
    let mut next = packets[0].0.sequence.0;
    for (received, payload) in packets {
        while next < received.sequence.0 {
            let missing = &mut samples[..SAMPLES];
            let count = if next + 1 == received.sequence.0 {
                decoder.recover(payload, missing).unwrap()
            } else {
                missing.fill(0.0);
                SAMPLES
            };
            listen(&samples[..count]);
            next += 1;
        }
        let count = decoder.decode(payload, &mut samples).unwrap();
        listen(&samples[..count]);
        next += 1;
    }
    f64::from(heard) / f64::from(frames)
}

#[test]
fn an_earpiece_is_sent_all_voices_in_little_and_no_pictures() {
    let mut call = Call::new(1);
    let downlink = Downlink { device: Device::Earpiece, ..Downlink::default() };
    call.world.set_downlink(call.manuel, downlink);
    call.world.set_audio(call.manuel, AudioMode::Auto).unwrap();
    let lossy = Link::GOOD.with_loss(0.05);
    call.world.set_links(call.manuel, Link::GOOD, lossy);
    call.world.run(5 * SECOND);
    call.world.client(call.manuel).take_kept();
    let before = call.pictures();
    let most_bps = call.most_bps(20);
    assert_eq!(call.pictures(), before, "pictures are sent to an earpiece");
    assert!((20_000..=EARPIECE_BPS).contains(&most_bps), "{most_bps} b/s");
    let mut kept = call.world.client(call.manuel).take_kept();
    kept.sort_by_key(|(received, _)| received.sequence.0);
    assert!((900..=1_000).contains(&kept.len()), "{} packets in 20 s", kept.len());
    let continuity = continuity(&kept);
    assert!(continuity >= CONTINUITY, "heard in {:.1} % of the time", 100.0 * continuity);
}

#[test]
fn where_nothing_is_lost_half_of_the_headers_are_spared_for_voices() {
    let mut call = Call::new(3);
    call.world.set_downlink(call.manuel, Downlink { device: Device::Earpiece, ..Downlink::default() });
    call.world.set_audio(call.manuel, AudioMode::Auto).unwrap();
    call.world.run(5 * SECOND);
    call.world.client(call.manuel).take_kept();
    let most_bps = call.most_bps(10);
    assert!((30_000..=EARPIECE_BPS).contains(&most_bps), "{most_bps} b/s");
    let mut kept = call.world.client(call.manuel).take_kept();
    kept.sort_by_key(|(received, _)| received.sequence.0);
    assert!((249..=251).contains(&kept.len()), "{} packets in 10 s", kept.len());
    let voices_bps = kept.iter().map(|(_, payload)| 8 * payload.len()).sum::<usize>() / 10;
    assert!((16_000..=22_000).contains(&voices_bps), "{voices_bps} b/s");
    let continuity = continuity(&kept);
    assert!(continuity > 0.999, "heard in {:.1} % of the time", 100.0 * continuity);
}

#[test]
fn a_phone_hears_all_voices_in_one_and_sees() {
    let mut call = Call::new(2);
    call.world.set_downlink(call.manuel, Downlink { device: Device::Phone, ..Downlink::default() });
    call.world.set_audio(call.manuel, AudioMode::Auto).unwrap();
    call.world.run(3 * SECOND);
    assert_eq!(call.path(), AudioPath::Mix);
    let totals = call.world.totals();
    assert_eq!((totals.mixed_rooms, totals.mix_listeners, totals.mixes), (1, 1, 1));
    let before = call.pictures();
    call.world.run(SECOND);
    assert!(call.pictures() > before);
    // Back at a desk.
    call.world.set_downlink(call.manuel, Downlink::default());
    call.world.run(15 * SECOND);
    assert_eq!(call.path(), AudioPath::Forward);
}
