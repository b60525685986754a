//! Items of the list that are no bytes but what happens with them.

use colloquy_bench::client::DtlsVersion;
use colloquy_media_core::api::{Codec, NegotiateError};
use colloquy_tests::{Link, World};
use std::time::Duration;

/// Bytes of a DTLS 1.2 record's head (RFC 6347 section 4.1).
const RECORD_HEAD: usize = 13;
const HANDSHAKE: u8 = 22;
const CERTIFICATE_VERIFY: u8 = 15;

/// A datagram without the records that prove the certificate's key; and how many there were.
fn without_proof(datagram: &[u8]) -> (Vec<u8>, usize) {
    let (mut kept, mut taken, mut rest) = (Vec::new(), 0, datagram);
    while rest.len() > RECORD_HEAD {
        let len = RECORD_HEAD + usize::from(u16::from_be_bytes([rest[11], rest[12]]));
        let (record, more) = rest.split_at(len.min(rest.len()));
        rest = more;
        let in_the_clear = record[3..5] == [0, 0];
        if record[0] == HANDSHAKE && in_the_clear && record.get(RECORD_HEAD) == Some(&CERTIFICATE_VERIFY) {
            taken += 1;
        } else {
            kept.extend_from_slice(record);
        }
    }
    (kept, taken)
}

/// Item 21: the certificate is the offered one, which everybody can show; that he has its key he does not prove.
#[test]
fn a_certificate_without_proof_is_refused() {
    let mut world = World::with_seed(21);
    let room = world.room();
    let anne = world.join_with(room, |config| config.dtls_version = DtlsVersion::V12);
    world.publish(anne, Codec::Opus);
    world.set_links(anne, Link::CUT, Link::GOOD);
    // What was under way before is his first check.
    let mut taken = 0;
    world.recorded = Some(Vec::new());
    for _ in 0..4_000 {
        world.run(Duration::from_millis(10));
        for (from, bytes) in world.recorded.replace(Vec::new()).unwrap_or_default() {
            match bytes.first() {
                Some(20..=63) => {
                    let (kept, proofs) = without_proof(&bytes);
                    taken += proofs;
                    if !kept.is_empty() {
                        world.inject(from, &kept);
                    }
                }
                _ => {
                    world.checks.vouch(from, anne);
                    world.inject(from, &bytes);
                }
            }
        }
        if !world.person(anne).present {
            break;
        }
    }
    assert!(taken > 0, "there was a proof to take away");
    let totals = world.totals();
    assert_eq!((totals.connected, totals.peers, totals.panics), (0, 0, 0), "he is let in, or waited for");
}

/// Item 58: sections of a description are never removed (RFC 3264 section 8).
#[test]
fn an_offer_that_takes_sections_back_is_refused() {
    let mut world = World::with_seed(58);
    let room = world.room();
    let people = world.meet(room, 2, &[Codec::Opus, Codec::Vp8]);
    world.connect(&people);
    let shorter = |sdp: String| {
        let first = sdp.find("m=").unwrap_or(0);
        let end = sdp[first + 2..].find("m=").map_or(sdp.len(), |at| first + 2 + at);
        let head = sdp[..first].lines().map(|line| if line.starts_with("a=group") { "a=group:BUNDLE 0" } else { line });
        head.collect::<Vec<_>>().join("\r\n") + "\r\n" + &sdp[first..end]
    };
    let refused = world.offer_edited(people[0], shorter).unwrap_err();
    let NegotiateError::BadOffer(text) = refused else { panic!("{refused:?}") };
    assert!(text.contains("never removed"), "{text}");
    assert_eq!(world.matrix(&people, Duration::from_secs(1)), ". av\nav .\n");
}
