//! Sound there and back.

use super::*;
use crate::payload::opus_has_inband_fec;
use crate::pcm::rms;
use proptest::prelude::*;

fn tone(from: usize) -> Vec<f32> {
    (from..from + 960).map(|n| (n as f32 / 48_000.0 * 440.0 * std::f32::consts::TAU).sin() * 0.3).collect()
}

/// Packets of a tone.
fn packets(settings: &EncoderSettings, count: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(settings).unwrap();
    let frame = |n| {
        let mut packet = vec![0; 1275];
        let len = encoder.encode(&tone(n * 960), &mut packet).unwrap();
        packet.truncate(len);
        packet
    };
    (0..count).map(frame).collect()
}

#[test]
fn a_tone_comes_back_as_loud_as_it_went() {
    for application in [Application::Speech, Application::Audio, Application::LowDelay] {
        let settings = EncoderSettings { application, ..EncoderSettings::default() };
        let mut decoder = Decoder::new(Channels::Mono).unwrap();
        let mut samples = [0.0; 5760];
        let mut len = 0;
        for packet in packets(&settings, 10) {
            len = decoder.decode(&packet, &mut samples).unwrap();
        }
        assert_eq!(len, 960);
        assert!((rms(&samples[..960]) - 0.212).abs() < 0.02, "{application:?}: {}", rms(&samples[..960]));
    }
}

#[test]
fn a_lost_packet_is_had_from_the_next() {
    let settings =
        EncoderSettings { application: Application::Speech, fec: true, loss_pct: 20, ..EncoderSettings::default() };
    let packets = packets(&settings, 10);
    assert!(opus_has_inband_fec(&packets[9]));
    let mut decoder = Decoder::new(Channels::Mono).unwrap();
    let mut samples = [0.0; 5760];
    for packet in &packets[..8] {
        decoder.decode(packet, &mut samples).unwrap();
    }
    assert_eq!(decoder.recover(&packets[9], &mut samples[..960]).unwrap(), 960);
    assert!(rms(&samples[..960]) > 0.15);
}

#[test]
fn a_stereo_packet_fits_a_mono_decoder_and_the_other_way_round() {
    let stereo = EncoderSettings { channels: Channels::Stereo, ..EncoderSettings::default() };
    let mut packet = [0; 1275];
    let mut encoder = Encoder::new(&stereo).unwrap();
    let len = encoder.encode(&[0.1; 1920], &mut packet).unwrap();
    let mut samples = [0.0; 11_520];
    assert_eq!(Decoder::new(Channels::Mono).unwrap().decode(&packet[..len], &mut samples), Ok(960));
    let mono = packets(&EncoderSettings::default(), 1);
    assert_eq!(Decoder::new(Channels::Stereo).unwrap().decode(&mono[0], &mut samples), Ok(960));
    assert_eq!(encoder.encode(&[0.0; 1919], &mut packet), Err(OpusError::Length { len: 1919 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_that_comes_breaks_a_decoder(
        bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
        room in 0_usize..6000,
    ) {
        let mut decoder = Decoder::new(Channels::Stereo).unwrap();
        let mut samples = vec![0.0; room];
        for packet in bytes {
            let _ = decoder.decode(&packet, &mut samples);
            let _ = decoder.recover(&packet, &mut samples);
            let _ = decoder.conceal(&mut samples);
        }
    }
}
