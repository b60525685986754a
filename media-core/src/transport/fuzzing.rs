//! An association that somebody throws things at, for `tests/fuzz` only: its packets come within DTLS, which a fuzzer does not
//! get past.

use super::dcep::{Delivery, Effort, Message as Dcep, Open};
use super::sctp::{BacklogLimits, Kind, Sctp, SctpEvent, SctpSettings, seal};
use bytes::Bytes;
use sctp_proto::PayloadProtocolIdentifier as Ppid;
use std::time::{Duration, Instant};

/// Steps that one input is worth.
const STEPS: usize = 64;
/// Packets that a step may lead to in one direction: a window of them, and what answers each of a few forged ones.
const MAX_PACKETS: usize = 2_048;
/// Header of a packet: ports, verification tag, checksum.
const HEADER_LEN: usize = 12;
const MESSAGE_BYTES: u32 = 16 * 1024;

fn settings(active: bool) -> SctpSettings {
    SctpSettings {
        active,
        remote_port: 5_000,
        remote_message_bytes: MESSAGE_BYTES,
        message_bytes: MESSAGE_BYTES,
        window_bytes: 4 * MESSAGE_BYTES,
        channels: if active { 0 } else { 8 },
        streams: 48,
        backlog: BacklogLimits { stream_bytes: 64 * 1024, total_bytes: 128 * 1024 },
    }
}

/// What a fuzzer made up, taken from the front; zeros when there is no more.
#[derive(Debug, Clone, Copy)]
pub struct Feed<'a>(&'a [u8]);

impl<'a> Feed<'a> {
    /// All of an input.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// There is no more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// As many bytes as the next one says, or what there is.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }
}

struct Pair {
    client: Sctp,
    server: Sctp,
    now: Instant,
    /// The header of the client's packets, once he has sent one.
    header: Vec<u8>,
    /// The next TSN that the client would use, as far as it was seen.
    tsn: u32,
}

fn take(from: &mut Sctp, now: Instant) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    from.poll_transmit(now, |packet| packets.push(packet.to_vec()));
    assert!(packets.len() <= MAX_PACKETS, "{} packets at once", packets.len());
    packets
}

/// Plays what the bytes say to an association that begins at `now`, with a client beside them who keeps to the rules.
///
/// # Panics
/// When what must hold does not.
pub fn association(bytes: &[u8], now: Instant) {
    let mut feed = Feed::new(bytes);
    let mut pair = Pair {
        client: Sctp::new(settings(true)),
        server: Sctp::new(settings(false)),
        now,
        header: vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0],
        tsn: 0,
    };
    if feed.byte() & 1 == 0 {
        pair.client.start();
        for _ in 0..4 {
            pair.exchange(0);
        }
        assert!(pair.server.is_up(), "nothing stood in the way");
    }
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        pair.step(&mut feed);
    }
}

impl Pair {
    fn step(&mut self, feed: &mut Feed<'_>) {
        let (what, stream) = (feed.byte(), u16::from(feed.byte() & 0x3f));
        match what % 12 {
            0..=3 => self.forge(feed, what),
            4 => {
                let _ = self.server.handle_packet(self.now, feed.bytes());
            }
            5 => {
                let open = open(feed);
                let _ = if what & 0x80 == 0 { self.client.open(&open) } else { self.server.open(&open) };
            }
            6 => {
                let message = Bytes::copy_from_slice(feed.bytes());
                let kind = if what & 0x80 == 0 { Kind::User(Ppid::Binary) } else { Kind::Dcep };
                if !self.client.is_full(stream) {
                    let _ = self.client.write(stream, kind, &message, true);
                }
            }
            7 => {
                let message = Bytes::copy_from_slice(&feed.bytes().repeat(8));
                if !self.server.is_full(stream) {
                    let _ = self.server.write(stream, Kind::User(Ppid::Binary), &message, what & 0x80 == 0);
                }
            }
            8 => self.client.close(stream),
            9 => self.server.close(stream),
            10 => {
                self.now += Duration::from_millis(u64::from(feed.byte()) * 20);
                self.client.handle_timeout(self.now);
                self.server.handle_timeout(self.now);
            }
            _ => self.exchange(what),
        }
        self.read();
    }

    /// Hands packets over, but for those of the bits that are set.
    fn exchange(&mut self, lost: u8) {
        for (i, packet) in take(&mut self.client, self.now).into_iter().enumerate() {
            self.note(&packet);
            if lost >> (i % 8) & 1 == 0 {
                let _ = self.server.handle_packet(self.now, &packet);
            }
        }
        for packet in take(&mut self.server, self.now) {
            let _ = self.client.handle_packet(self.now, &packet);
        }
    }

    /// Keeps what a forger would have to know.
    fn note(&mut self, packet: &[u8]) {
        if let Some(header) = packet.get(..HEADER_LEN) {
            self.header = header.to_vec();
        }
        if let Some([0, _, _, _, a, b, c, d]) = packet.get(HEADER_LEN..HEADER_LEN + 8) {
            self.tsn = u32::from_be_bytes([*a, *b, *c, *d]).wrapping_add(1);
        }
    }

    /// A packet with the client's ports and tag, and a good checksum: a chunk whose length is right, or anything.
    fn forge(&mut self, feed: &mut Feed<'_>, what: u8) {
        let mut packet = self.header.clone();
        for _ in 0..=what >> 6 {
            let (kind, flags) = (feed.byte(), feed.byte());
            let value = feed.bytes();
            packet.extend_from_slice(&[kind, flags]);
            packet.extend_from_slice(&((value.len() + 4) as u16).to_be_bytes());
            // Data is of use only near where the client is.
            if let (0, [ahead, rest @ ..]) = (kind, value) {
                let tsn = self.tsn.wrapping_add(u32::from(*ahead));
                packet.extend_from_slice(&tsn.to_be_bytes());
                packet.extend_from_slice(rest.get(3..).unwrap_or_default());
            } else {
                packet.extend_from_slice(value);
            }
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        seal(&mut packet);
        let _ = self.server.handle_packet(self.now, &packet);
    }

    /// Reads what has come, as the engine does.
    fn read(&mut self) {
        for side in [&mut self.server, &mut self.client] {
            while let Some(event) = side.poll_event() {
                let SctpEvent::Readable(stream) = event else { continue };
                while let Some(message) = side.read(stream) {
                    assert!(message.bytes.len() <= MESSAGE_BYTES as usize, "a message longer than is taken");
                    if message.kind == Some(Kind::Dcep) {
                        establishment(&message.bytes);
                    }
                }
            }
        }
    }
}

fn open(feed: &mut Feed<'_>) -> Open {
    let kind = feed.byte();
    let effort = match kind % 3 {
        0 => Effort::Reliable,
        1 => Effort::Retransmits(u32::from(feed.byte())),
        _ => Effort::LifetimeMs(u32::from(feed.byte())),
    };
    let label = String::from_utf8_lossy(feed.bytes()).into_owned();
    Open { delivery: Delivery { ordered: kind & 0x80 == 0, effort }, priority: 256, label, protocol: String::new() }
}

/// Reads a message of the establishment protocol; what is read is written as it was.
///
/// # Panics
/// When it is not.
pub fn establishment(bytes: &[u8]) {
    if let Ok(Dcep::Open(open)) = Dcep::read(bytes, 256, 512) {
        let written = open.write();
        assert_eq!(Dcep::read(&written, 256, 512), Ok(Dcep::Open(open)), "what was written is not what was read");
    }
}
