use super::cipher::Cipher;
use super::kdf::{Label, Usage, derive};
use super::*;
use colloquy_codecs::rtp::{HeaderFields, RtpHeader, write_header};

const PROFILES: [Profile; 3] = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80];

fn pair(profile: Profile) -> (SrtpSender, SrtpReceiver) {
    let material: Vec<u8> = (0..profile.keying_material_len() as u8).collect();
    let (sender, _) = contexts(profile, &material, true).unwrap();
    let (_, receiver) = contexts(profile, &material, false).unwrap();
    (sender, receiver)
}

fn sealed(sender: &mut SrtpSender, index: u64, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xAA; 3];
    let fields =
        HeaderFields { marker: false, payload_type: 96, sequence: index as u16, timestamp: 7, ssrc: 0x1234_5678 };
    let header_len = write_header(&mut packet, &fields, [(1, &[0x55u8][..])].into_iter());
    packet.extend_from_slice(payload);
    sender.seal_rtp(&mut packet, 3, header_len, 0x1234_5678, index).unwrap();
    packet.split_off(3)
}

fn open(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<(u64, Vec<u8>), OpenError> {
    let mut packet = packet.to_vec();
    let header = RtpHeader::parse(&packet).unwrap();
    let (seq, end) = receiver.open_rtp(&mut packet, &header)?;
    Ok((seq.0, packet[header.header_len..end].to_vec()))
}

#[test]
fn session_keys_are_those_of_rfc_3711_appendix_b3() {
    let key = hex::decode("E1F97A0D3E018BE0D64FA32C06DE4139").unwrap();
    let salt = hex::decode("0EC675AD498AFEEBB6960B3AABE6").unwrap();
    let mut cipher = [0; 16];
    derive(&key, &salt, Usage::Rtp, Label::Encryption, &mut cipher).unwrap();
    assert_eq!(hex::encode_upper(cipher), "C61E7A93744F39EE10734AFE3FF7A087");
    let mut session_salt = [0; 14];
    derive(&key, &salt, Usage::Rtp, Label::Salt, &mut session_salt).unwrap();
    assert_eq!(hex::encode_upper(session_salt), "30CBBC08863D8C85D49DB34A9AE1");
    let mut auth = [0; 20];
    derive(&key, &salt, Usage::Rtp, Label::Authentication, &mut auth).unwrap();
    assert_eq!(hex::encode_upper(auth), "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
}

#[test]
fn what_is_sealed_opens_again_across_rollovers() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        for index in [32_000u64, 60_000, 65_535, 65_536, 65_540, 98_000, 130_000, 131_072] {
            let packet = sealed(&mut sender, index, b"hello");
            assert_eq!(open(&mut receiver, &packet), Ok((index, b"hello".to_vec())), "{profile:?} {index}");
        }
    }
}

#[test]
fn replays_changes_and_cuts_are_refused_and_forgotten() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let first = sealed(&mut sender, 10, b"first");
        let second = sealed(&mut sender, 11, b"second");
        for len in 0..second.len() {
            if RtpHeader::parse(&second[..len]).is_ok() {
                assert!(open(&mut receiver, &second[..len]).is_err(), "{profile:?} cut to {len}");
            }
        }
        let mut changed = second.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(open(&mut receiver, &changed), Err(OpenError::Unauthentic));
        assert!(open(&mut receiver, &second).is_ok());
        assert!(open(&mut receiver, &first).is_ok(), "late, and new");
        assert_eq!(open(&mut receiver, &first), Err(OpenError::Replayed));
        assert_eq!(open(&mut receiver, &second), Err(OpenError::Replayed));
        assert!(open(&mut receiver, &sealed(&mut sender, 11 + 128, b"far")).is_ok());
        assert_eq!(open(&mut receiver, &sealed(&mut sender, 9, b"old")), Err(OpenError::Replayed));
    }
}

#[test]
fn rtcp_is_sealed_under_its_own_index() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut plain = Vec::new();
        colloquy_codecs::rtcp::write_pli(&mut plain, 1, 2);
        let mut packet = plain.clone();
        sender.seal_rtcp(&mut packet, 0).unwrap();
        assert_eq!(packet.len(), plain.len() + profile.tag_len() + RTCP_INDEX_LEN);
        for len in 0..packet.len() {
            assert!(receiver.open_rtcp(&mut packet[..len].to_vec()).is_err(), "{profile:?} cut to {len}");
        }
        let mut in_clear = packet.clone();
        let flag_at = packet.len() - if profile == Profile::Aes128CmSha1_80 { 14 } else { 4 };
        in_clear[flag_at] &= 0x7f;
        assert_eq!(receiver.open_rtcp(&mut in_clear), Err(OpenError::Unauthentic));
        let mut copy = packet.clone();
        let end = receiver.open_rtcp(&mut copy).unwrap();
        assert_eq!(copy[..end], plain[..]);
        assert_eq!(receiver.open_rtcp(&mut packet), Err(OpenError::Replayed));
    }
}

#[test]
fn an_ssrc_too_many_is_refused_and_the_others_go_on() {
    let (mut sender, mut receiver) = pair(Profile::AeadAes128Gcm);
    let mut send = |ssrc: u32, index: u64| {
        let mut packet = Vec::new();
        let fields = HeaderFields { marker: false, payload_type: 96, sequence: index as u16, timestamp: 0, ssrc };
        let header_len = write_header(&mut packet, &fields, std::iter::empty());
        packet.push(1);
        sender.seal_rtp(&mut packet, 0, header_len, ssrc, index).unwrap();
        packet
    };
    for ssrc in 0..128 {
        assert!(open(&mut receiver, &send(ssrc, 1)).is_ok());
    }
    assert_eq!(open(&mut receiver, &send(128, 1)), Err(OpenError::TooManySsrcs));
    assert!(open(&mut receiver, &send(0, 2)).is_ok());
}

#[test]
fn short_keying_material_is_refused() {
    for profile in PROFILES {
        assert!(contexts(profile, &vec![0; profile.keying_material_len() - 1], true).is_err());
    }
    assert!(Cipher::derive(Profile::AeadAes128Gcm, &[0; 16], &[0; 40], Usage::Rtp).is_err());
}

/// `cargo test --release -p colloquy-media-core cost_of_sealing -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn cost_of_sealing() {
    const PACKETS: u64 = 200_000;
    for _ in 0..3 {
        for profile in PROFILES {
            let (mut sender, _) = pair(profile);
            let mut packet = Vec::with_capacity(1_500);
            let start = std::time::Instant::now();
            for index in 0..PACKETS {
                packet.clear();
                packet.resize(1_200, 0);
                sender.seal_rtp(&mut packet, 0, 12, 1, index).unwrap();
            }
            println!("{}: {} ns", profile.name(), start.elapsed().as_nanos() as u64 / PACKETS);
        }
    }
}
