//! Participants by plain RTP: who hears them, whom they hear, and who cannot speak or listen in their place.

use super::canvases::Room;
use super::speakers::speaking;
use super::tones::{AMPLITUDE, HEARD, loudness, packets_of, tone};
use bytes::Bytes;
use colloquy_bench::client::Pace;
use colloquy_codecs::opus::{Channels, Decoder};
use colloquy_codecs::rtcp::{self, RtcpPacket};
use colloquy_codecs::rtp::{HeaderFields, RtpHeader, write_header};
use colloquy_media_core::api::{
    AudioMode, CloseCause, Codec, DropCause, Event, MediaKind, PeerId, PlainAddress, PlainAnswer, PlainAsk, PlainError,
    PlainKeys, PlainLeg, RoomId, TrackId, TransportState,
};
use colloquy_media_core::audience::{Post, Verb};
use colloquy_media_core::transport::srtp::{self, Profile};
use colloquy_tests::{Mixer, Options, Parcel, World};
use std::net::SocketAddr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(20);
/// The gateway's tone, then those of the people.
const TONES: [f32; 3] = [400.0, 1_000.0, 1_850.0];
/// Where gateways may be.
const ALLOWED: &str = "203.0.113.0/24 2001:db8::/32";
const SSRC: u32 = 0xC0FF_EE01;

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], port))
}

/// Sound both ways, of one whose address is learnt.
fn sound() -> PlainLeg {
    PlainLeg {
        codec: Codec::Opus,
        payload_type: 111,
        fmtp: "useinbandfec=1".into(),
        sends: true,
        receives: Some(TrackId::MIX),
        address: None,
        rtcp_mux: true,
        ssrc: None,
        srtp: None,
        nack: false,
        key_frames: None,
    }
}

fn pictures() -> PlainLeg {
    PlainLeg { codec: Codec::Vp8, payload_type: 96, fmtp: String::new(), receives: None, ..sound() }
}

fn at_address(leg: PlainLeg, rtp: u16) -> PlainLeg {
    PlainLeg { address: Some(PlainAddress { rtp: at(rtp), rtcp: at(rtp + 1) }), ..leg }
}

fn ask(legs: Vec<PlainLeg>) -> PlainAsk {
    PlainAsk { legs, silence: Some(30 * SECOND) }
}

/// A gateway that says a tone.
struct Gateway {
    peer: PeerId,
    answer: PlainAnswer,
    from: SocketAddr,
    packets: Vec<Bytes>,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload_type: u8,
    seal: Option<srtp::SrtpSender>,
}

impl Gateway {
    fn connect(world: &mut World, room: RoomId, ask: PlainAsk) -> Self {
        let payload_type = ask.legs[0].payload_type;
        let seal = ask.legs[0].srtp.as_ref().map(|keys| srtp::sender(keys.profile, &keys.theirs).unwrap());
        let (peer, answer) = world.connect_plain(room, ask, ALLOWED).unwrap();
        let packets = packets_of(TONES[0]);
        let (sequence, timestamp) = (65_500, 7_000);
        Self { peer, answer, from: at(5_004), packets, sequence, timestamp, ssrc: SSRC, payload_type, seal }
    }

    fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        let fields =
            HeaderFields { marker: false, payload_type: self.payload_type, sequence, timestamp, ssrc: self.ssrc };
        let mut packet = Vec::new();
        let header_len = write_header(&mut packet, &fields, std::iter::empty());
        packet.extend_from_slice(payload);
        if let Some(seal) = &mut self.seal {
            // It begins 36 packets before the rollover.
            let index = u64::from(sequence) + if sequence < 30_000 { 1 << 16 } else { 0 };
            seal.seal_rtp(&mut packet, 0, header_len, self.ssrc, index).unwrap();
        }
        self.sequence = sequence.wrapping_add(1);
        self.timestamp = timestamp.wrapping_add(960);
        packet
    }

    fn say(&mut self, world: &mut World) {
        let payload = self.packets[usize::from(self.sequence) % self.packets.len()].clone();
        let packet = self.packet(&payload);
        world.send_plain(self.from, self.answer.legs[0].rtp, &packet);
    }

    /// Says its tone for so many frames.
    fn talk(&mut self, world: &mut World, frames: usize) {
        for _ in 0..frames {
            self.say(world);
            world.run(FRAME);
        }
    }

    /// Which tones are in what came to it.
    fn heard(&self, parcels: &[Parcel]) -> String {
        let mut decoder = Decoder::new(Channels::Mono).unwrap();
        let ours = self.answer.legs[0];
        let rtp = parcels.iter().filter(|p| p.path.local == ours.rtp && p.path.remote == self.from);
        let mut frames = [0; TONES.len()];
        for parcel in rtp.filter(|p| !rtcp::is_rtcp(&p.bytes)) {
            let header = RtpHeader::parse(&parcel.bytes).unwrap();
            assert_eq!((Some(header.ssrc), header.payload_type), (ours.ssrc, 111));
            let mut samples = vec![0.0; 5_760];
            let count = decoder.decode(&parcel.bytes[header.header_len..], &mut samples).unwrap();
            for (frames, hz) in frames.iter_mut().zip(TONES) {
                *frames += usize::from(loudness(samples[..count].iter().copied(), hz) > HEARD * AMPLITUDE);
            }
        }
        frames.map(|frames| if frames > 10 { 'a' } else { '.' }).iter().collect()
    }
}

fn world(seed: u64) -> (World, RoomId) {
    let mut world = World::new(Options { seed, mixer: Mixer::Sound, ..Options::default() });
    let room = world.room();
    (world, room)
}

/// Somebody with a browser, a tone and a place for the mix.
fn person(world: &mut World, room: RoomId, hz: f32) -> PeerId {
    let peer = world.join_with(room, |config| config.keeps_sound = true);
    let pace = Pace { interval: FRAME, packets: 1, payload_bytes: 60, large_key_frames: false };
    let mid = world.client(peer).publish(Codec::Opus, pace);
    world.client(peer).set_level(&mid, 20);
    world.client(peer).replay(&mid, &[tone(hz)], 0.0);
    world.offer(peer).unwrap();
    world.watch_mix(peer);
    world.connect(&[peer]);
    world.set_audio(peer, AudioMode::Mix).unwrap();
    peer
}

/// Which tones somebody with a browser heard since he was asked last.
fn heard_by(world: &mut World, peer: PeerId) -> String {
    let mut kept = world.client(peer).take_kept();
    kept.sort_by_key(|(received, _)| received.sequence.0);
    let mut decoder = Decoder::new(Channels::Mono).unwrap();
    let mut frames = [0; TONES.len()];
    for (_, payload) in &kept {
        let mut samples = vec![0.0; 5_760];
        let count = decoder.decode(payload, &mut samples).unwrap();
        for (frames, hz) in frames.iter_mut().zip(TONES) {
            *frames += usize::from(loudness(samples[..count].iter().copied(), hz) > HEARD * AMPLITUDE);
        }
    }
    frames.map(|frames| if frames > 10 { 'a' } else { '.' }).iter().collect()
}

/// What everybody hears in the second after a change had time: the gateway, then the people.
fn matrix(world: &mut World, gateway: &mut Gateway, people: &[PeerId]) -> String {
    gateway.talk(world, 25);
    people.iter().for_each(|peer| drop(world.client(*peer).take_kept()));
    world.take_parcels();
    gateway.talk(world, 50);
    let parcels = world.take_parcels();
    let mut lines = gateway.heard(&parcels);
    for peer in people {
        lines = lines + " " + &heard_by(world, *peer);
    }
    lines
}

#[test]
fn a_gateway_is_heard_and_hears_all_but_itself_and_those_who_turn_away() {
    let (mut world, room) = world(1);
    let mut gateway = Gateway::connect(&mut world, room, ask(vec![sound()]));
    let people = [person(&mut world, room, TONES[1]), person(&mut world, room, TONES[2])];
    assert_eq!(matrix(&mut world, &mut gateway, &people), ".aa a.a aa.");
    world.act(room, Verb::Hold { who: people[0], held: true }).unwrap();
    assert_eq!(matrix(&mut world, &mut gateway, &people), "..a ... a..", "the first is on hold");
    world.act(room, Verb::Hold { who: people[0], held: false }).unwrap();
    world.act(room, Verb::Hold { who: gateway.peer, held: true }).unwrap();
    assert_eq!(matrix(&mut world, &mut gateway, &people), "... ..a .a.", "the gateway is on hold");
    world.act(room, Verb::Hold { who: gateway.peer, held: false }).unwrap();
    assert_eq!(matrix(&mut world, &mut gateway, &people), ".aa a.a aa.");
    assert_eq!(world.totals().panics, 0);
}

#[test]
fn it_is_shown_as_speaking_though_it_tells_no_level() {
    let (mut world, room) = world(8);
    let mut gateway = Gateway::connect(&mut world, room, ask(vec![sound()]));
    let listener = person(&mut world, room, TONES[1]);
    world.client(listener).set_level("0", 127);
    // It is forwarded to the only one who listens; the mix is there for the gateway itself.
    world.set_audio(listener, AudioMode::Forward).unwrap();
    gateway.talk(&mut world, 150);
    assert_eq!(speaking(&world), [gateway.peer]);
    world.run(3 * SECOND);
    assert_eq!(speaking(&world), []);
}

#[test]
fn where_it_is_is_learnt_once_from_what_is_valid() {
    let (mut world, room) = world(2);
    person(&mut world, room, TONES[1]);
    let leg = PlainLeg { ssrc: Some(SSRC), ..sound() };
    let mut gateway = Gateway::connect(&mut world, room, ask(vec![leg]));
    let ours = gateway.answer.legs[0].rtp;
    let unknown = |world: &mut World, cause: DropCause| world.totals().drops[cause as usize];
    // Another payload type, another SSRC, no RTP, RTCP before RTP, and a host that nobody named.
    for (payload_type, ssrc, from) in
        [(110, SSRC, at(6_000)), (111, 5, at(6_000)), (111, SSRC, "192.0.2.99:5004".parse().unwrap())]
    {
        let mut forger = Gateway {
            from,
            payload_type,
            ssrc,
            seal: None,
            answer: gateway.answer.clone(),
            packets: gateway.packets.clone(),
            ..gateway
        };
        forger.say(&mut world);
    }
    world.send_plain(at(6_000), ours, b"no RTP at all");
    let mut report = Vec::new();
    rtcp::write_receiver_report(&mut report, SSRC, &[]);
    world.send_plain(at(6_000), ours, &report);
    world.run(SECOND);
    assert!(world.take_parcels().is_empty(), "nothing is sent to a place that nobody spoke from");
    gateway.talk(&mut world, 50);
    assert!(world.take_parcels().iter().all(|p| p.path.remote == gateway.from), "it went where it came from");
    // The right packets, from elsewhere: another port of the host, and another host.
    let before = unknown(&mut world, DropCause::UnknownAddress);
    for from in [at(5_006), "203.0.113.8:5004".parse().unwrap()] {
        let packet = gateway.packet(&[0xF8, 0xFF, 0xFE]);
        world.send_plain(from, ours, &packet);
    }
    assert_eq!(unknown(&mut world, DropCause::UnknownAddress), before + 2);
    gateway.talk(&mut world, 50);
    let parcels = world.take_parcels();
    assert!(parcels.len() > 40 && parcels.iter().all(|p| p.path.remote == gateway.from), "it has not moved");
    let stats = world.stats(room).unwrap();
    let his = stats.peers.iter().find(|stats| stats.peer == gateway.peer).unwrap();
    assert_eq!((his.plain[0].source, his.plain[0].strangers), (Some(gateway.from), 6));
}

#[test]
fn with_keys_only_who_has_them_is_heard() {
    for profile in [Profile::Aes128CmSha1_80, Profile::AeadAes128Gcm, Profile::AeadAes256Gcm] {
        let (mut world, room) = world(3);
        let anne = person(&mut world, room, TONES[1]);
        let length = profile.key_len() + profile.salt_len();
        let keys = PlainKeys { profile, theirs: vec![7; length], ours: vec![9; length] };
        let leg = PlainLeg { srtp: Some(keys.clone()), ..sound() };
        let mut gateway = Gateway::connect(&mut world, room, ask(vec![leg]));
        assert!(gateway.answer.sdp.contains("RTP/SAVP") && gateway.answer.sdp.contains(profile.sdes_name()));
        let ours = gateway.answer.legs[0].rtp;
        let mut forged = Vec::new();
        let fields = HeaderFields { marker: false, payload_type: 111, sequence: 65_500, timestamp: 0, ssrc: SSRC };
        write_header(&mut forged, &fields, std::iter::empty());
        forged.extend_from_slice(&[1; 60]);
        world.send_plain(at(6_666), ours, &forged);
        gateway.talk(&mut world, 100);
        assert!(heard_by(&mut world, anne).starts_with('a'), "{profile:?}: over the rollover too");
        let mut open = srtp::receiver(profile, &keys.ours).unwrap();
        let mut came = 0;
        for parcel in &mut world.take_parcels() {
            assert_eq!(parcel.path.remote, gateway.from, "nobody else was let in");
            if rtcp::is_rtcp(&parcel.bytes) {
                open.open_rtcp(&mut parcel.bytes).unwrap();
            } else {
                let header = RtpHeader::parse(&parcel.bytes).unwrap();
                open.open_rtp(&mut parcel.bytes, &header).unwrap();
                came += 1;
            }
        }
        assert!(came > 80, "{profile:?}: {came} packets");
    }
}

#[test]
fn reports_go_to_their_own_port_and_say_what_was_lost() {
    let (mut world, room) = world(4);
    person(&mut world, room, TONES[1]);
    let leg = PlainLeg { rtcp_mux: false, ..at_address(sound(), 5_004) };
    let mut gateway = Gateway::connect(&mut world, room, ask(vec![leg]));
    let ours = gateway.answer.legs[0];
    assert_eq!(ours.rtcp.port(), ours.rtp.port() + 1);
    assert!(gateway.answer.player_sdp.as_ref().unwrap().contains("m=audio 5004 RTP/AVP 111"));
    gateway.talk(&mut world, 50);
    gateway.sequence = gateway.sequence.wrapping_add(10);
    gateway.talk(&mut world, 150);
    let (mut sent, mut lost) = (0, 0);
    for parcel in world.take_parcels() {
        let is_rtcp = rtcp::is_rtcp(&parcel.bytes);
        let expected = if is_rtcp { (ours.rtcp, at(5_005)) } else { (ours.rtp, at(5_004)) };
        assert_eq!((parcel.path.local, parcel.path.remote), expected);
        for packet in rtcp::packets(&parcel.bytes).filter(|_| is_rtcp) {
            match packet.unwrap() {
                RtcpPacket::SenderReport(report) => {
                    assert_eq!(Some(report.ssrc), ours.ssrc);
                    sent += 1;
                }
                RtcpPacket::ReceiverReport(report) => {
                    lost = report.reports().map(|block| block.cumulative_lost).max().unwrap_or(lost).max(lost);
                }
                RtcpPacket::Nack(_) => panic!("nobody said that he takes NACKs"),
                _ => {}
            }
        }
    }
    assert!(sent >= 2, "{sent} sender reports");
    assert_eq!(lost, 10);
}

#[test]
fn it_goes_with_a_goodbye_and_by_itself_when_it_falls_silent() {
    let (mut world, room) = world(5);
    let anne = person(&mut world, room, TONES[1]);
    let mut gateway = Gateway::connect(&mut world, room, ask(vec![sound()]));
    gateway.talk(&mut world, 20);
    world.take_parcels();
    world.disconnect_plain(gateway.peer);
    let parcels = world.take_parcels();
    let goodbyes = parcels.iter().flat_map(|parcel| rtcp::packets(&parcel.bytes)).filter_map(|packet| match packet {
        Ok(RtcpPacket::Bye(bye)) => bye.ssrcs().next(),
        _ => None,
    });
    assert_eq!(goodbyes.collect::<Vec<_>>(), [gateway.answer.legs[0].ssrc.unwrap()]);
    gateway.say(&mut world);
    world.run(SECOND);
    assert!(world.take_parcels().is_empty(), "its port is nobody's");

    let mut silent = Gateway::connect(&mut world, room, PlainAsk { silence: Some(3 * SECOND), ..ask(vec![sound()]) });
    silent.talk(&mut world, 200);
    assert!(world.has_gateway(silent.peer));
    world.run(4 * SECOND);
    let closed = |(_, event): &(Duration, Event)| {
        *event == Event::Closed { room, peer: silent.peer, cause: CloseCause::TimedOut }
    };
    assert_eq!(world.events.iter().filter(|event| closed(event)).count(), 1);
    // One who only listens has nothing to say.
    let listens = PlainLeg { sends: false, ..at_address(sound(), 5_010) };
    let ask = PlainAsk { silence: Some(3 * SECOND), ..ask(vec![listens]) };
    let (listener, _) = world.connect_plain(room, ask, ALLOWED).unwrap();
    world.run(10 * SECOND);
    assert!(world.has_gateway(listener) && world.person(anne).present);
    assert!(world.take_parcels().len() > 400, "from the first moment on");
}

#[test]
fn one_that_is_started_again_under_its_old_ssrc_is_heard_again() {
    let (mut world, room) = world(6);
    let anne = person(&mut world, room, TONES[1]);
    let mut gateway = Gateway::connect(&mut world, room, ask(vec![sound()]));
    for (sequence, timestamp) in [(40_000, 5), (30_000, 4_000_000_000), (10_000, 77)] {
        (gateway.sequence, gateway.timestamp) = (sequence, timestamp);
        gateway.talk(&mut world, 25);
        world.client(anne).take_kept();
        gateway.talk(&mut world, 50);
        assert!(heard_by(&mut world, anne).starts_with('a'), "from {sequence}");
    }
}

#[test]
fn pictures_come_and_go_and_key_frames_are_asked_for_both_ways() {
    let (mut world, room) = world(7);
    let anne = world.join(room);
    let shown = world.publish(anne, Codec::Vp8);
    world.connect(&[anne]);
    world.run(SECOND);
    // It receives hers at one address, and sends its own.
    let leg = PlainLeg { rtcp_mux: false, receives: Some(shown), ..at_address(pictures(), 5_004) };
    let mut gateway = Gateway::connect(&mut world, room, ask(vec![leg]));
    let ours = gateway.answer.legs[0];
    world.run(2 * SECOND);
    let came = world.take_parcels().into_iter().filter(|p| !rtcp::is_rtcp(&p.bytes)).count();
    assert!(came > 20, "{came} packets of pictures");
    let asked = |world: &mut World, peer| {
        let stats = world.stats(room).unwrap();
        let his = stats.peers.into_iter().find(|stats| stats.peer == peer).unwrap();
        his.receive[0].keyframe_requests
    };
    let before = asked(&mut world, anne);
    let mut pli = Vec::new();
    rtcp::write_receiver_report(&mut pli, SSRC, &[]);
    rtcp::write_pli(&mut pli, SSRC, ours.ssrc.unwrap());
    world.send_plain(at(5_005), ours.rtcp, &pli);
    world.run(SECOND);
    assert!(asked(&mut world, anne) > before, "its request reached her");

    // A player cannot ask.
    let leg = PlainLeg { sends: false, receives: Some(shown), ..at_address(pictures(), 5_020) };
    let leg = PlainLeg { key_frames: Some(2 * SECOND), ..leg };
    let (player, _) = world.connect_plain(room, ask(vec![leg]), ALLOWED).unwrap();
    world.run(SECOND);
    let before = asked(&mut world, anne);
    world.run(10 * SECOND);
    assert!((4..=6).contains(&(asked(&mut world, anne) - before)), "one every two seconds");
    world.disconnect_plain(player);
    world.take_parcels();

    // VP8, a picture a packet, and none of them a key frame.
    gateway.timestamp = 0;
    let mut asked_of_it = 0;
    let own = gateway.answer.published[0].id;
    for i in 0..60 {
        let packet = gateway.packet(&[0x10, 0x01, 0, 0, 0, 0]);
        world.send_plain(gateway.from, ours.rtp, &packet);
        world.run(2 * FRAME);
        if i == 10 {
            world.watch(anne, own, MediaKind::Video);
            world.offer(anne).unwrap();
            world.take_parcels();
        }
        let parcels = world.take_parcels();
        let reports = parcels.iter().filter(|p| p.path.local == ours.rtcp).flat_map(|p| rtcp::packets(&p.bytes));
        let is_for_it = |packet: &RtcpPacket<'_>| matches!(packet, RtcpPacket::PictureLoss { media_ssrc, .. } if *media_ssrc == SSRC);
        asked_of_it += reports.filter(|packet| packet.as_ref().is_ok_and(is_for_it)).count();
    }
    assert!(asked_of_it > 0, "hers reached it");
}

/// The width of a key frame of VP8 that begins with this packet (RFC 6386 section 9.1).
fn width_of(payload: &[u8]) -> Option<u16> {
    let at = payload.windows(3).take(20).position(|three| three == [0x9d, 0x01, 0x2a])?;
    Some(u16::from_le_bytes([*payload.get(at + 3)?, *payload.get(at + 4)?]) & 0x3fff)
}

#[test]
fn a_canvas_has_one_size_from_the_first_picture_on() {
    let mut room = Room::with_canvases(Options { seed: 9, ..Options::default() }, &[Post::Floor; 2], 8);
    // Nobody has seen any other size by then.
    room.world.draw_slowly(true);
    room.look(SECOND, |_, _| {});
    let leg = PlainLeg { sends: false, receives: Some(TrackId::GRID), ..at_address(pictures(), 5_020) };
    let leg = PlainLeg { key_frames: Some(SECOND), ..leg };
    let (_, answer) = room.world.connect_plain(room.room, ask(vec![leg]), ALLOWED).unwrap();
    room.world.run(SECOND);
    room.world.draw_slowly(false);
    room.world.run(5 * SECOND);
    let parcels = room.world.take_parcels();
    let ours = parcels.iter().filter(|p| p.path.local == answer.legs[0].rtp && !rtcp::is_rtcp(&p.bytes));
    let payloads = ours.map(|p| &p.bytes[RtpHeader::parse(&p.bytes).unwrap().header_len..]);
    let widths: Vec<u16> = payloads.filter_map(width_of).collect();
    assert!(widths.len() >= 4 && widths.iter().all(|width| *width == 320), "{widths:?}");
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing_behind() {
    let (mut world, room) = world(8);
    person(&mut world, room, TONES[1]);
    let elsewhere =
        PlainAddress { rtp: "198.51.100.9:5004".parse().unwrap(), rtcp: "198.51.100.9:5005".parse().unwrap() };
    let other_family =
        PlainAddress { rtp: "[2001:db8::7]:5004".parse().unwrap(), rtcp: "[2001:db8::7]:5005".parse().unwrap() };
    let bad = [
        ask(vec![]),
        ask(vec![sound(), sound()]),
        ask(vec![PlainLeg { sends: false, receives: None, ..sound() }]),
        ask(vec![PlainLeg { sends: false, ..sound() }]),
        ask(vec![PlainLeg { payload_type: 0, ..sound() }]),
        ask(vec![PlainLeg { address: Some(elsewhere), ..sound() }]),
        ask(vec![PlainLeg { address: Some(other_family), ..sound() }]),
        ask(vec![PlainLeg { fmtp: "a\r\nm=video 9 RTP/AVP 96".into(), ..sound() }]),
        ask(vec![PlainLeg {
            srtp: Some(PlainKeys { profile: Profile::Aes128CmSha1_80, theirs: vec![1; 29], ours: vec![1; 30] }),
            ..sound()
        }]),
        ask(vec![PlainLeg { receives: Some(TrackId(12_345)), ..at_address(pictures(), 5_004) }]),
        ask(vec![PlainLeg { receives: Some(TrackId::MIX), ..at_address(pictures(), 5_004) }]),
    ];
    for ask in bad {
        let error = world.connect_plain(room, ask.clone(), ALLOWED).unwrap_err();
        let denied = ask.legs.iter().filter_map(|leg| leg.address).any(|to| to == elsewhere);
        assert_eq!(matches!(error, PlainError::Denied(_)), denied, "{ask:?}: {error}");
        assert!(denied || matches!(error, PlainError::Unusable(_)), "{ask:?}: {error}");
    }
    assert_eq!(world.stats(room).unwrap().peers.len(), 1, "only she is in the room");
    // One participant has one transport.
    let mut gateway = Gateway::connect(&mut world, room, ask(vec![sound()]));
    gateway.talk(&mut world, 2);
    let stats = world.stats(room).unwrap();
    let his = stats.peers.iter().find(|stats| stats.peer == gateway.peer).unwrap();
    assert_eq!(his.state, TransportState::Connected);
}
