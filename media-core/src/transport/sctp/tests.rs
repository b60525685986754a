use super::*;
use crate::transport::dcep;
use std::time::Duration;

const MESSAGE_BYTES: u32 = 64 * 1024;

fn settings(active: bool) -> SctpSettings {
    SctpSettings {
        active,
        remote_port: 5_000,
        remote_message_bytes: MESSAGE_BYTES,
        message_bytes: MESSAGE_BYTES,
        window_bytes: 256 * 1024,
        // Clients number from the first.
        channels: if active { 0 } else { 16 },
        streams: 272,
        backlog: BacklogLimits { stream_bytes: 1 << 20, total_bytes: 4 << 20 },
    }
}

/// A client, a server, and the time; nothing is lost between them unless a test does it.
struct Pair {
    client: Sctp,
    server: Sctp,
    now: Instant,
}

fn packets(from: &mut Sctp, now: Instant) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    from.poll_transmit(now, |packet| packets.push(packet.to_vec()));
    packets
}

fn events(of: &mut Sctp) -> Vec<SctpEvent> {
    std::iter::from_fn(|| of.poll_event()).collect()
}

impl Pair {
    fn new(client: SctpSettings) -> Self {
        let (mut client, server, now) = (Sctp::new(client), Sctp::new(settings(false)), Instant::now());
        client.start();
        Self { client, server, now }
    }

    fn up() -> Self {
        let mut pair = Self::new(settings(true));
        pair.run(Duration::from_millis(100));
        assert_eq!(events(&mut pair.client), [SctpEvent::Up]);
        assert_eq!(events(&mut pair.server), [SctpEvent::Up]);
        pair
    }

    /// Lets packets pass and time go by.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for _ in 0..8 {
                for packet in packets(&mut self.client, self.now) {
                    let _ = self.server.handle_packet(self.now, &packet);
                }
                for packet in packets(&mut self.server, self.now) {
                    let _ = self.client.handle_packet(self.now, &packet);
                }
            }
            self.now += Duration::from_millis(20);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
    }
}

fn open(label: &str) -> Open {
    Open {
        delivery: Delivery { ordered: true, effort: Effort::Reliable },
        priority: 256,
        label: label.into(),
        protocol: String::new(),
    }
}

fn text(text: &str) -> (Kind, Bytes) {
    (Kind::User(Ppid::String), Bytes::copy_from_slice(text.as_bytes()))
}

/// RFC 9260 appendix A.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

/// Gives a packet the checksum that it should have.
fn sealed(mut packet: Vec<u8>) -> Vec<u8> {
    if packet.len() >= 12 {
        packet[8..12].fill(0);
        let crc = crc32c(&packet);
        packet[8..12].copy_from_slice(&crc.to_le_bytes());
    }
    packet
}

/// A packet to the peer of whoever sent `like`: its ports and its tag, with other chunks.
fn packet_like(like: &[u8], chunks: &[(u8, u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = like[..12].to_vec();
    for (kind, flags, value) in chunks {
        bytes.extend_from_slice(&[*kind, *flags]);
        bytes.extend_from_slice(&((value.len() + 4) as u16).to_be_bytes());
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    sealed(bytes)
}

/// A DATA chunk; `flags` are 1 for the end of a message, 2 for its beginning, 4 for unordered.
fn data(tsn: u32, stream: u16, flags: u8, user: &[u8]) -> (u8, u8, Vec<u8>) {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend_from_slice(&stream.to_be_bytes());
    value.extend_from_slice(&[0, 0, 0, 0, 0, 51]);
    value.extend_from_slice(user);
    (0, flags, value)
}

/// A pair that is up, a packet of the client's to model others on, and his next TSN.
fn forger() -> (Pair, Vec<u8>, u32) {
    let mut pair = Pair::up();
    pair.client.open(&open("x")).unwrap();
    let like = packets(&mut pair.client, pair.now).remove(0);
    let tsn = u32::from_be_bytes(like[16..20].try_into().unwrap());
    (pair, like, tsn)
}

#[test]
fn channels_open_carry_and_close_both_ways() {
    let mut pair = Pair::up();
    let even = pair.client.open(&open("up")).unwrap();
    let odd = pair.server.open(&open("down")).unwrap();
    assert_eq!((even, odd), (0, 33), "RFC 8832 section 6, and the low ones of ours are left to clients who guess");
    let of_the_server = |stream| pair.server.is_ours(stream);
    assert_eq!([0, 1, 31, 32, 33, 35].map(of_the_server), [false, false, false, false, true, true]);
    let (kind, bytes) = text("hello");
    pair.client.write(even, kind, &bytes, true).unwrap();
    pair.client.write(even, Kind::User(Ppid::BinaryEmpty), &Bytes::from_static(&[0]), true).unwrap();
    let long = Bytes::from(vec![7; MESSAGE_BYTES as usize]);
    pair.server.write(odd, Kind::User(Ppid::Binary), &long, true).unwrap();
    pair.run(Duration::from_secs(1));
    assert_eq!(events(&mut pair.server), [SctpEvent::Readable(even)]);
    let opened = pair.server.read(even).unwrap();
    assert_eq!(dcep::Message::read(&opened.bytes, 9, 9), Ok(dcep::Message::Open(open("up"))));
    assert_eq!(pair.server.read(even), Some(Message { kind: Some(kind), bytes }));
    assert_eq!(pair.server.read(even).unwrap().kind, Some(Kind::User(Ppid::BinaryEmpty)));
    assert_eq!(pair.server.read(even), None);
    assert_eq!(pair.client.read(odd).unwrap().kind, Some(Kind::Dcep));
    assert_eq!(pair.client.read(odd).unwrap().bytes, long);
    events(&mut pair.client);
    pair.client.close(even);
    pair.run(Duration::from_secs(1));
    assert_eq!(events(&mut pair.server), [SctpEvent::Finished(even)]);
    assert_eq!(events(&mut pair.client), [SctpEvent::Finished(even)]);
    assert_eq!(pair.client.open(&open("again")), Ok(even + 2), "a number that was reset a moment ago is left alone");
}

#[test]
fn a_channel_opened_where_an_answer_got_lost_is_acknowledged_after_it() {
    let mut pair = Pair::up();
    let stream = pair.client.open(&open("first")).unwrap();
    pair.run(Duration::from_millis(200));
    while pair.server.read(stream).is_some() {}
    pair.client.close(stream);
    let is_answer =
        |packet: &Vec<u8>| packet[12] == resets::RECONFIG && packet[16..18] == resets::RESPONSE.to_be_bytes();
    let mut lost = 0;
    while lost == 0 || pair.client.resets.are_unanswered() {
        let (answers, others): (Vec<_>, Vec<_>) = packets(&mut pair.client, pair.now).into_iter().partition(is_answer);
        lost += answers.len();
        for packet in others {
            pair.server.handle_packet(pair.now, &packet).unwrap();
        }
        for packet in packets(&mut pair.server, pair.now) {
            pair.client.handle_packet(pair.now, &packet).unwrap();
        }
        pair.now += Duration::from_millis(20);
        pair.client.handle_timeout(pair.now);
    }
    events(&mut pair.server);
    pair.client.next_of_ours = stream;
    assert_eq!(pair.client.open(&open("second")), Ok(stream));
    for packet in packets(&mut pair.client, pair.now) {
        pair.server.handle_packet(pair.now, &packet).unwrap();
    }
    assert_eq!(events(&mut pair.server), [SctpEvent::Readable(stream)]);
    let opened = pair.server.read(stream).unwrap();
    assert_eq!(dcep::Message::read(&opened.bytes, 9, 9), Ok(dcep::Message::Open(open("second"))));
    assert_eq!(pair.server.acknowledge(stream), Ok(()));
    assert_eq!(pair.client.read(stream), None);
    pair.run(Duration::from_secs(5));
    assert_eq!(events(&mut pair.server), [], "neither ended again nor told twice");
    assert_eq!(pair.client.read(stream).map(|message| message.bytes), Some(Bytes::from_static(&ACK_MESSAGE)));
    pair.client.close(stream);
    pair.run(Duration::from_secs(1));
    assert_eq!(events(&mut pair.server), [SctpEvent::Finished(stream)]);
    assert_eq!(pair.server.acknowledge(stream), Err(Unsent::Closed), "there is no such stream");
}

#[test]
fn a_client_that_is_gone_costs_what_the_limits_say() {
    let mut pair = Pair::up();
    let (kind, bytes) = (Kind::User(Ppid::Binary), Bytes::from(vec![0; 50_000]));
    let stream = pair.server.open(&open("x")).unwrap();
    let mut written = 0;
    while !pair.server.is_full(stream) {
        pair.server.write(stream, kind, &bytes, true).unwrap();
        written += 1;
    }
    assert_eq!(written, 21);
    pair.run(Duration::from_secs(5));
    // He is there but reads nothing: his window is what he got.
    assert!(!pair.server.is_drained(stream));
    while pair.client.read(stream).is_some() {}
    for _ in 0..8 {
        pair.run(Duration::from_secs(10));
        while pair.client.read(stream).is_some() {}
    }
    assert!(pair.server.is_drained(stream));
    assert_eq!(pair.server.write(stream, kind, &Bytes::from(vec![0; 65_537]), true), Err(Unsent::TooLong));
}

#[test]
fn every_cut_and_every_changed_byte_is_survived() {
    // Of an INIT, a cookie, a channel's opening, data, an acknowledgement, a reset.
    let mut recorded = Vec::new();
    let mut pair = Pair::new(settings(true));
    for round in 0..40 {
        if round == 10 {
            let stream = pair.client.open(&open("label")).unwrap();
            pair.client.write(stream, text("text").0, &text("text").1, true).unwrap();
        }
        if round == 20 {
            while pair.server.read(0).is_some() {}
            pair.client.close(0);
        }
        for packet in packets(&mut pair.client, pair.now) {
            recorded.push((round, packet.clone()));
            let _ = pair.server.handle_packet(pair.now, &packet);
        }
        for packet in packets(&mut pair.server, pair.now) {
            let _ = pair.client.handle_packet(pair.now, &packet);
        }
        pair.now += Duration::from_millis(50);
        pair.client.handle_timeout(pair.now);
        pair.server.handle_timeout(pair.now);
    }
    assert!(recorded.len() >= 5, "{}", recorded.len());
    for (_, packet) in &recorded {
        let cuts = (0..packet.len()).map(|end| packet[..end].to_vec());
        let changes = (12..packet.len()).flat_map(|at| {
            [0x00, 0x01, 0x7f, 0x80, 0xff].map(|byte| {
                let mut changed = packet.clone();
                changed[at] = byte;
                changed
            })
        });
        for hostile in cuts.chain(changes).map(sealed) {
            let mut fresh = Sctp::new(settings(false));
            let _ = fresh.handle_packet(pair.now, &hostile);
            packets(&mut fresh, pair.now);
            let _ = pair.server.handle_packet(pair.now, &hostile);
            packets(&mut pair.server, pair.now);
            while pair.server.read(0).is_some() {}
            if !pair.server.is_up() {
                pair = Pair::up();
            }
        }
    }
}

#[test]
fn chunks_of_no_length_and_of_no_use_are_dropped() {
    let (mut pair, like, tsn) = forger();
    let now = pair.now;
    for length in 0..4 {
        let mut endless = packet_like(&like, &[data(tsn, 0, 3, b"x")]);
        endless[14..16].copy_from_slice(&[0, length]);
        assert_eq!(pair.server.handle_packet(now, &sealed(endless)), Err(DropCause::BadSctp));
    }
    // AUTH, ASCONF and its acknowledgement, PKTDROP, what is in no registry: passed over, whatever they carry.
    for kind in [0x0f, 0xc1, 0x80, 0x81, 0x3f, 0xff] {
        let _ = pair.server.handle_packet(now, &packet_like(&like, &[(kind, 0, vec![0xff; 40])]));
    }
    // The last parameter of an INIT reaches out of its chunk (CVE-2019-20503).
    let mut init = [1u32, 100_000, 0x000a_000a, 1].iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<_>>();
    init.extend_from_slice(&[0x80, 0x08, 0x40, 0x00, 0xc0]);
    let mut packet = packet_like(&like, &[(1, 0, init)]);
    packet[4..8].fill(0);
    let packet = sealed(packet);
    let mut fresh = Sctp::new(settings(false));
    let _ = fresh.handle_packet(now, &packet);
    assert!(packets(&mut fresh, now).is_empty() && !fresh.is_up());
    let _ = pair.server.handle_packet(now, &packet);
    assert!(pair.server.is_up());
}

#[test]
fn what_bears_the_wrong_tag_changes_nothing() {
    let (mut pair, like, tsn) = forger();
    let mut foreign = like;
    foreign[4] ^= 0x55;
    for chunk in [(6, 0, vec![]), (7, 0, vec![0; 4]), (8, 0, vec![]), (14, 0, vec![]), data(tsn, 0, 3, b"x")] {
        let packet = packet_like(&foreign, &[chunk]);
        assert_eq!(pair.server.handle_packet(pair.now, &packet), Err(DropCause::BadSctp));
    }
    pair.run(Duration::from_secs(3));
    assert!(pair.server.is_up() && events(&mut pair.server).is_empty());
    // INITs under ever new tags are not remembered.
    for tag in 1..100u32 {
        let mut init = tag.to_be_bytes().to_vec();
        init.extend([100_000u32, 0x000a_000a, 1].iter().flat_map(|w| w.to_be_bytes()));
        let mut packet = packet_like(&foreign, &[(1, 0, init)]);
        packet[4..8].fill(0);
        assert_eq!(pair.server.handle_packet(pair.now, &sealed(packet)), Err(DropCause::BadSctp));
    }
}

#[test]
fn an_end_in_the_middle_of_everything_is_the_end() {
    for chunk in [(6, 0, vec![]), (7, 0, vec![0; 4]), (8, 0, vec![]), (14, 0, vec![])] {
        let (mut pair, like, tsn) = forger();
        let kind = chunk.0;
        let _ = pair.server.handle_packet(pair.now, &packet_like(&like, &[data(tsn, 0, 3, b"x"), chunk]));
        let _ = pair.server.open(&open("y"));
        pair.run(Duration::from_secs(2));
        while pair.server.read(0).is_some() {}
        let _ = pair.server.write(1, text("x").0, &text("x").1, true);
        pair.run(Duration::from_secs(2));
        if kind == 6 {
            assert!(events(&mut pair.server).contains(&SctpEvent::Lost));
        }
        let mut early = Sctp::new(settings(false));
        let _ = early.handle_packet(pair.now, &packet_like(&like, &[(kind, 0, vec![0; 4])]));
        assert!(!early.is_up());
    }
}

#[test]
fn gaps_that_are_never_filled_cost_a_bounded_number_of_chunks() {
    let (mut pair, like, tsn) = forger();
    let mut verdicts = [0, 0];
    // One chunk in two, each of one byte, and none of them the first.
    for i in 1..5_000u32 {
        let packet = packet_like(&like, &[data(tsn.wrapping_add(i * 2), 0, 3, b"x")]);
        match pair.server.handle_packet(pair.now, &packet) {
            Ok(()) => verdicts[0] += 1,
            Err(DropCause::SctpBacklog) => verdicts[1] += 1,
            Err(other) => panic!("{other:?}"),
        }
        if i % 512 == 0 {
            packets(&mut pair.server, pair.now);
        }
    }
    assert!(verdicts[0] <= 2_048 && verdicts[1] > 0, "{verdicts:?}");
    assert!(pair.server.is_up());
    // A message that never ends.
    let (mut pair, like, tsn) = forger();
    let taken = (0..20_000u32)
        .filter(|i| {
            let flags = if *i == 0 { 2 } else { 0 };
            let packet = packet_like(&like, &[data(tsn.wrapping_add(*i), 0, flags, b"x")]);
            pair.server.handle_packet(pair.now, &packet).is_ok()
        })
        .count();
    assert!(taken <= 4_096, "{taken}");
}

#[test]
fn a_message_that_is_too_long_ends_the_association() {
    let mut pair = Pair::new(SctpSettings { remote_message_bytes: 0, ..settings(true) });
    pair.run(Duration::from_millis(100));
    let stream = pair.client.open(&open("x")).unwrap();
    let long = Bytes::from(vec![0; MESSAGE_BYTES as usize + 1]);
    pair.client.write(stream, Kind::User(Ppid::Binary), &long, true).unwrap();
    pair.run(Duration::from_secs(2));
    assert!(events(&mut pair.server).contains(&SctpEvent::Lost));
    let _ = packets(&mut pair.server, pair.now);
    assert_eq!(pair.server.next_deadline(), None);
    assert_eq!(pair.server.open(&open("y")), Err(Unsent::Closed));
}

#[test]
fn a_channel_that_the_client_has_no_room_for_takes_no_stream() {
    let mut pair = Pair::new(SctpSettings { remote_message_bytes: 20, ..settings(true) });
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.client.open(&open("a label that is too long")), Err(Unsent::TooLong));
    assert_eq!(pair.client.open(&open("x")), Ok(0));
}

#[test]
fn unreliable_messages_are_given_up() {
    for effort in [Effort::Retransmits(0), Effort::LifetimeMs(100)] {
        let mut pair = Pair::up();
        let mut lossy = open("x");
        lossy.delivery = Delivery { ordered: false, effort };
        let stream = pair.client.open(&lossy).unwrap();
        pair.run(Duration::from_millis(200));
        assert_eq!(pair.server.read(stream).unwrap().kind, Some(Kind::Dcep));
        pair.client.set_delivery(stream, lossy.delivery);
        pair.client.write(stream, text("lost").0, &text("lost").1, false).unwrap();
        assert_eq!(packets(&mut pair.client, pair.now).len(), 1, "it goes out, and does not arrive");
        pair.run(Duration::from_secs(5));
        pair.client.write(stream, text("kept").0, &text("kept").1, false).unwrap();
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.server.read(stream).unwrap().bytes, "kept", "{effort:?}");
    }
}

/// A request that a stream be reset, once everything up to a TSN has come.
fn reset(like: &[u8], number: u32, stream: u16, last: u32) -> Vec<u8> {
    let words = [0x000D_0012, number, 0, last].into_iter().flat_map(u32::to_be_bytes);
    packet_like(like, &[(130, 0, words.chain(stream.to_be_bytes()).collect())])
}

#[test]
fn a_stream_that_is_not_read_is_not_reset_again_and_again() {
    let (mut pair, like, tsn) = forger();
    pair.server.handle_packet(pair.now, &packet_like(&like, &[data(tsn, 0, 3, b"x")])).unwrap();
    // The first request has the number of the first TSN (RFC 6525 section 4.1).
    let resets = (0..1_000).map(|i| reset(&like, tsn.wrapping_add(i), 0, tsn));
    let taken: Vec<_> = resets.map(|packet| pair.server.handle_packet(pair.now, &packet)).collect();
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
    assert_eq!(taken.last(), Some(&Err(DropCause::SctpBacklog)));
    assert!(pair.server.is_up() && pair.server.read(0).is_some());
}

#[test]
fn who_opens_and_resets_without_end_and_answers_nothing_is_given_up() {
    let (mut pair, like, tsn) = forger();
    let mut taken = 0;
    for tsn in (0..2_000).map(|i| tsn.wrapping_add(i)) {
        pair.now += Duration::from_millis(10);
        let _ = pair.server.handle_packet(pair.now, &packet_like(&like, &[data(tsn, 0, 3, b"x")]));
        while pair.server.read(0).is_some() {}
        taken += usize::from(pair.server.handle_packet(pair.now, &reset(&like, tsn, 0, tsn)).is_ok());
        packets(&mut pair.server, pair.now);
        if !pair.server.is_up() {
            break;
        }
    }
    assert!((300..400).contains(&taken), "{taken}");
    assert!(events(&mut pair.server).contains(&SctpEvent::Lost));
}

#[test]
fn resets_that_cross_while_one_is_deferred_are_all_carried_out() {
    let mut pair = Pair::up();
    let ours = ["a", "b", "c"].map(|label| pair.server.open(&open(label)).unwrap());
    let his = pair.client.open(&open("d")).unwrap();
    pair.run(Duration::from_millis(500));
    for (side, streams) in [(&mut pair.client, &ours[..]), (&mut pair.server, &[his][..])] {
        streams.iter().for_each(|stream| while side.read(*stream).is_some() {});
        events(side);
    }
    // Lost: he defers what comes after it.
    pair.server.write(ours[0], text("lost").0, &text("lost").1, true).unwrap();
    assert!(!packets(&mut pair.server, pair.now).is_empty());
    pair.server.close(ours[1]);
    for packet in packets(&mut pair.server, pair.now) {
        pair.client.handle_packet(pair.now, &packet).unwrap();
    }
    let deferred = packets(&mut pair.client, pair.now);
    assert!(deferred.iter().any(|packet| packet.ends_with(&[0, 0, 0, 6])), "he answers that it is in progress");
    pair.client.close(his);
    for packet in deferred.into_iter().chain(packets(&mut pair.client, pair.now)) {
        pair.server.handle_packet(pair.now, &packet).unwrap();
    }
    pair.server.close(ours[2]);
    pair.run(Duration::from_secs(20));
    assert_eq!(pair.client.read(ours[0]).unwrap().bytes, "lost");
    for side in [&mut pair.client, &mut pair.server] {
        let mut finished: Vec<u16> = events(side)
            .iter()
            .filter_map(|event| if let SctpEvent::Finished(id) = event { Some(*id) } else { None })
            .collect();
        finished.sort_unstable();
        assert_eq!(finished, [his, ours[1], ours[2]]);
    }
    assert!(pair.server.open(&open("e")).is_ok(), "and channels can be opened and closed as before");
}
