#![no_main]

//! DTLS datagrams from a path that ICE validated, before and during a handshake, in either role.

use colloquy_bench::client::DtlsRole;
use colloquy_media_core::api::{Codec, DtlsVersions};
use colloquy_tests::{Link, Options, World};
use std::time::Duration;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [options, rest @ ..] = bytes else { return };
    let dtls = if options & 1 == 0 { DtlsVersions::Prefer12 } else { DtlsVersions::Prefer13 };
    let mut world = World::new(Options { dtls, ..Options::default() });
    let room = world.room();
    let role = if options & 2 == 0 { DtlsRole::ActPass } else { DtlsRole::Passive };
    let peer = world.join_with(room, |config| config.dtls_role = role);
    world.checks.excuse(peer);
    world.publish(peer, Codec::Opus);
    // His check has arrived; with the third bit, so has his ClientHello, or ours at him.
    world.run(Duration::from_micros(if options & 4 == 0 { 1_500 } else { 3_500 }));
    world.set_links(peer, Link::CUT, Link::GOOD);
    let mut rest = rest;
    while let [high, low, more @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high & 7, *low])).min(more.len());
        let (datagram, left) = more.split_at(len);
        rest = left;
        if world.person(peer).present {
            let from = world.address(peer);
            world.inject(from, datagram);
        }
    }
    world.run(Duration::from_secs(2));
    assert_eq!(world.totals().panics, 0);
});
