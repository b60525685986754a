//! Repair packets (FlexFEC) toward one receiver of video: made while he loses packets far away, as many as he needs, and no more than was
//! set aside for them.
//!
//! What is protected is what he is sent, after rewriting. Elements of the header extension that are written when a packet leaves count
//! as zeros, as libwebrtc has it on both sides: the transport-wide number and the absolute send time.

use super::redundancy::Redundancy;
use crate::negotiate::{Extension, ExtensionIds};
use colloquy_codecs::fec::flexfec::RepairEncoder;
use colloquy_codecs::rtp::RtpHeader;
use std::time::{Duration, Instant};

const LEVELS: usize = 4;
/// Loss from which so many repair packets are made, 0 to 1, and how many that are, in percent of the packets. One repair packet makes
/// good one loss among those that it protects: at each step some three of four losses. The rest is asked for again.
const STEPS: [f32; LEVELS] = [0.02, 0.05, 0.10, 0.18];
const REPAIRS_PCT: [u32; LEVELS] = [10, 20, 34, 50];
/// Where the round trip is shorter, what is sent again comes before a picture is missed: at the usual 30 a second, one that is 150 ms
/// late is a freeze (W3C webrtc-stats), and the second request must be answered by then.
const FAR: Duration = Duration::from_millis(80);
/// And it stays far until here.
const NEAR: Duration = Duration::from_millis(60);
/// At the end of a picture a repair packet is made if so much of it is due, in percent: it then waits for no other picture.
const EARLY_PCT: u32 = 70;
/// Packets that one protects at most. libwebrtc remembers 48.
const MAX_BLOCK: u32 = 24;
/// Longer packets go unprotected: the repair packet is some 40 bytes longer, and must fit into any MTU.
const MAX_PACKET_LEN: usize = 1_300;

/// What a receiver's reports tell of his path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathTold {
    /// The loss that is worth making good, 0 to 1: `None` where only what is reported of a stream tells.
    pub(crate) lost: Option<f32>,
    /// The round trip, where it is known.
    pub(crate) rtt: Option<Duration>,
}

/// The protection of one place.
#[derive(Debug)]
pub(crate) struct Protection {
    /// Never changes: its numbers go on as long as the keys do.
    pub(crate) ssrc: u32,
    /// `None` while the receiver does not take repair packets.
    payload_type: Option<u8>,
    index: u64,
    need: Redundancy,
    is_far: bool,
    granted_pct: u32,
    /// How much of the next repair packet is due, in percent; early ones are paid back.
    due_pct: i64,
    is_due: bool,
    encoder: RepairEncoder,
    /// The newest packet's number.
    newest: Option<u64>,
    scratch: Vec<u8>,
    made: u64,
}

impl Protection {
    /// Nothing is protected yet. The first repair packet gets the number `first`.
    pub(crate) fn new(ssrc: u32, first: u64) -> Self {
        Self {
            ssrc,
            payload_type: None,
            index: first,
            need: Redundancy::with_steps(&STEPS),
            is_far: false,
            granted_pct: 0,
            due_pct: 0,
            is_due: false,
            encoder: RepairEncoder::new(),
            newest: None,
            scratch: Vec::new(),
            made: 0,
        }
    }

    /// Takes note of the payload type of repair packets; `None` where the receiver does not take them any more.
    pub(crate) fn negotiated(&mut self, payload_type: Option<u8>) {
        self.payload_type = payload_type;
        if payload_type.is_none() {
            self.drop_repair();
        }
    }

    /// Takes what the receiver reported: what of this stream was lost, 0 to 1, and what is known of the path.
    pub(crate) fn on_report(&mut self, now: Instant, fraction_lost: f32, told: PathTold) {
        self.need.on_loss(now, told.lost.unwrap_or(fraction_lost), 1.0);
        let edge = if self.is_far { NEAR } else { FAR };
        self.is_far = told.rtt.is_some_and(|rtt| rtt >= edge);
    }

    /// Repair packets that would help, in percent of the packets.
    pub(crate) fn wanted_pct(&self) -> u32 {
        let level = self.need.level().checked_sub(1).filter(|_| self.is_far && self.payload_type.is_some());
        level.and_then(|level| REPAIRS_PCT.get(level).copied()).unwrap_or(0)
    }

    /// Sets how many are made, in percent of the packets.
    pub(crate) fn grant(&mut self, pct: u32) {
        self.granted_pct = pct;
        if pct == 0 {
            self.drop_repair();
        }
    }

    /// Takes a packet as it was written for the receiver.
    #[inline]
    pub(crate) fn add(&mut self, index: u64, ends_picture: bool, ids: &ExtensionIds, packet: &[u8]) {
        if self.granted_pct > 0 && self.payload_type.is_some() {
            self.protect(index, ends_picture, ids, packet);
        }
    }

    fn protect(&mut self, index: u64, ends_picture: bool, ids: &ExtensionIds, packet: &[u8]) {
        // One that comes late was asked for again already.
        if self.newest.is_some_and(|newest| index <= newest) || packet.len() > MAX_PACKET_LEN {
            return;
        }
        self.newest = Some(index);
        let Ok(header) = RtpHeader::parse(packet) else { return };
        self.scratch.clear();
        self.scratch.extend_from_slice(packet);
        let [sequence, time] = [Extension::TransportSequence, Extension::AbsSendTime].map(|element| ids.get(element));
        header.clear_elements(&mut self.scratch, |id| [sequence, time].contains(&Some(id)));
        if self.encoder.add(&self.scratch).is_err() {
            // Behind a large hole: a block begins with this one.
            self.encoder.clear();
            let _ = self.encoder.add(&self.scratch);
        }
        self.due_pct = (self.due_pct + i64::from(self.granted_pct)).min(200);
        let enough = if ends_picture { EARLY_PCT } else { 100 };
        self.is_due = self.due_pct >= i64::from(enough) || self.encoder.packets() >= MAX_BLOCK;
    }

    /// The length of the repair packet's payload, if one is to be sent now.
    #[inline]
    pub(crate) fn due_len(&self) -> Option<usize> {
        self.is_due.then(|| self.encoder.max_len()).filter(|len| *len > 0)
    }

    /// Its number, payload type and SSRC; it is then to be written.
    pub(super) fn next(&mut self) -> Option<(u64, u8)> {
        let payload_type = self.payload_type?;
        self.index += 1;
        Some((self.index - 1, payload_type))
    }

    /// Appends the repair packet's payload.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        self.is_due = false;
        self.due_pct -= 100;
        let written = self.encoder.finish(out);
        self.made += u64::from(written);
        written
    }

    /// What was protected goes without repair.
    pub(crate) fn drop_repair(&mut self) {
        self.encoder.clear();
        (self.is_due, self.due_pct) = (false, 0);
    }

    /// Repair packets made.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colloquy_codecs::rtp::{HeaderFields, write_header};

    fn packet(sequence: u16) -> Vec<u8> {
        let fields = HeaderFields { marker: false, payload_type: 96, sequence, timestamp: 1, ssrc: 7 };
        let mut packet = Vec::new();
        write_header(&mut packet, &fields, std::iter::empty::<(u8, &[u8])>());
        packet.extend_from_slice(&[0xa5; 100]);
        packet
    }

    /// Repair packets for 1,000 packets in pictures of four.
    fn made(protection: &mut Protection) -> u64 {
        let before = protection.made();
        for index in 0..1_000u64 {
            protection.add(index + before * 10_000, index % 4 == 3, &ExtensionIds::default(), &packet(index as u16));
            if protection.due_len().is_some() {
                assert!(protection.next().is_some() && protection.write(&mut Vec::new()));
            }
        }
        protection.made() - before
    }

    #[test]
    fn as_many_are_made_as_were_granted() {
        let mut protection = Protection::new(1, 0);
        protection.grant(50);
        assert_eq!(made(&mut protection), 0, "the receiver takes none");
        protection.negotiated(Some(49));
        for pct in [50, 34, 20, 10] {
            protection.grant(pct);
            let made = made(&mut protection);
            assert!(made.abs_diff(u64::from(pct) * 10) <= 5, "{made} at {pct} %");
        }
        protection.grant(0);
        assert_eq!(made(&mut protection), 0);
    }

    #[test]
    fn they_are_wanted_where_loss_meets_distance() {
        let start = Instant::now();
        let mut protection = Protection::new(1, 0);
        protection.negotiated(Some(49));
        let mut second = 0;
        let mut told = |fraction_lost: f32, rtt_ms: Option<u64>| {
            second += 1;
            let rtt = rtt_ms.map(Duration::from_millis);
            protection.on_report(start + Duration::from_secs(second), fraction_lost, PathTold { lost: None, rtt });
            protection.wanted_pct()
        };
        assert_eq!((0..9).map(|_| told(0.1, Some(50))).max(), Some(0), "what is sent again comes in time");
        assert_eq!(told(0.1, None), 0);
        assert_eq!(
            (told(0.1, Some(79)), told(0.1, Some(80)), told(0.1, Some(61)), told(0.1, Some(59))),
            (0, 20, 20, 0)
        );
        assert_eq!((0..9).map(|_| told(0.3, Some(200))).last(), Some(50));
        assert_eq!((0..60).map(|_| told(0.0, Some(200))).last(), Some(0));
    }
}
