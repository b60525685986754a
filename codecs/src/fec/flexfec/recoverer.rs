//! Making lost packets again.

use std::collections::VecDeque;

use super::header::RepairHeader;
use super::parity::{MAX_PROTECTED_LEN, split, xor_recovery};
use super::window::{WINDOW, Window};
use crate::ParseError;
use crate::rtp::FIXED_HEADER_LEN;

/// Repair packets that wait for more of what they protect. Another one pushes the oldest out; there is one to some ten
/// packets, so that these cover more than the window.
pub const MAX_WAITING_REPAIRS: usize = 48;

/// Takes the packets of a stream and its repair packets, and makes lost packets again. Keeps the last
/// [`WINDOW`](super::WINDOW) packets and at most [`MAX_WAITING_REPAIRS`] repair packets.
#[derive(Debug)]
pub struct Recoverer {
    ssrc: u32,
    window: Window,
    repairs: VecDeque<Repair>,
    /// Parities that wait for no more: their memory is used again.
    spare: Vec<Vec<u8>>,
    /// The packet made last.
    recovered: Vec<u8>,
}

#[derive(Debug)]
struct Repair {
    header: RepairHeader,
    /// As the header's mask, of packets that did not come yet.
    missing: u128,
    parity: Vec<u8>,
}

impl Repair {
    /// Whether what it repairs is out of the window when this packet is in it.
    fn is_stale(&self, newest: u16) -> bool {
        let behind = self.header.sequences().map(|sequence| newest.wrapping_sub(sequence) as i16);
        behind.max().is_some_and(|behind| u16::try_from(behind).is_ok_and(|behind| behind >= WINDOW))
    }
}

impl Recoverer {
    /// For the stream that is protected.
    pub fn new(ssrc: u32) -> Recoverer {
        Recoverer { ssrc, window: Window::new(), repairs: VecDeque::new(), spare: Vec::new(), recovered: Vec::new() }
    }

    /// Takes a whole RTP packet, decrypted, as it was when it was protected: with the same extension elements zero. Gives
    /// the packets that can be made with it to `take`, whole RTP packets again. Errs if it is malformed, too long or of
    /// another stream; a duplicate, or one older than the window, is nothing new.
    pub fn add_packet(&mut self, packet: &[u8], take: impl FnMut(&[u8])) -> Result<(), ParseError> {
        let (fixed, _) = split(packet)?;
        if fixed.ssrc != self.ssrc {
            return Err(ParseError::new("RTP packet of another stream", 8));
        }
        if self.keep(fixed.sequence, packet) {
            self.recover_all(take);
        }
        Ok(())
    }

    /// Takes a repair packet's payload, decrypted and without padding, and gives the packets that can be made with it to
    /// `take`. Errs if it is malformed, too long or of another stream.
    pub fn add_repair(&mut self, payload: &[u8], take: impl FnMut(&[u8])) -> Result<(), ParseError> {
        let header = RepairHeader::parse(payload)?;
        let parity = payload.get(header.len..).unwrap_or_default();
        if header.ssrc != self.ssrc {
            return Err(ParseError::new("FlexFEC packet of another stream", 12));
        }
        if parity.len() + FIXED_HEADER_LEN > MAX_PROTECTED_LEN {
            return Err(ParseError::new("FlexFEC packet too long", MAX_PROTECTED_LEN));
        }
        let is_missing = |sequence: &u16| self.window.get(*sequence).is_none();
        let positions = header.sequences().filter(is_missing).filter_map(|sequence| header.position(sequence));
        let missing = positions.fold(0, |missing, position| missing | 1 << position);
        let is_known = self.repairs.iter().any(|repair| repair.header == header);
        if missing == 0 || is_known {
            return Ok(());
        }
        if self.repairs.len() >= MAX_WAITING_REPAIRS {
            self.drop_repair(0);
        }
        let mut place = self.spare.pop().unwrap_or_default();
        place.extend_from_slice(parity);
        self.repairs.push_back(Repair { header, missing, parity: place });
        self.recover_all(take);
        Ok(())
    }

    /// Keeps a packet and strikes it off the repairs' lists; false if it was there or is too old.
    fn keep(&mut self, sequence: u16, packet: &[u8]) -> bool {
        if !self.window.insert(sequence, packet) {
            return false;
        }
        // Numbers come again after 65,536 packets, and mean others then.
        while let Some(stale) = self.repairs.iter().position(|repair| repair.is_stale(sequence)) {
            self.drop_repair(stale);
        }
        for repair in &mut self.repairs {
            if let Some(position) = repair.header.position(sequence) {
                repair.missing &= !(1 << position);
            }
        }
        true
    }

    /// Each round drops a repair, so there are at most [`MAX_WAITING_REPAIRS`].
    fn recover_all(&mut self, mut take: impl FnMut(&[u8])) {
        while let Some(index) = self.repairs.iter().position(|repair| repair.missing.count_ones() <= 1) {
            let sequence = self.recover(index);
            self.drop_repair(index);
            let Some(sequence) = sequence else { continue };
            let packet = std::mem::take(&mut self.recovered);
            if self.keep(sequence, &packet) {
                take(&packet);
            }
            self.recovered = packet;
        }
    }

    /// Makes the one packet that the repair misses; `None` if it misses none, one of the others is gone from
    /// the window, or what comes out is no packet.
    fn recover(&mut self, index: usize) -> Option<u16> {
        let repair = self.repairs.get(index)?;
        let header = &repair.header;
        let missing = header
            .sequences()
            .find(|sequence| header.position(*sequence).is_some_and(|position| repair.missing >> position & 1 == 1))?;
        let mut recovery = header.recovery;
        let packet = &mut self.recovered;
        packet.clear();
        packet.extend_from_slice(&[0; FIXED_HEADER_LEN]);
        packet.extend_from_slice(&repair.parity);
        for sequence in header.sequences().filter(|sequence| *sequence != missing) {
            let (fixed, rest) = split(self.window.get(sequence)?).ok()?;
            if rest.len() > repair.parity.len() {
                return None; // the parity is as long as the longest
            }
            xor_recovery(&mut recovery, fixed.recovery);
            for (place, byte) in packet.iter_mut().skip(FIXED_HEADER_LEN).zip(rest) {
                *place ^= byte;
            }
        }
        let [b0, b1, l0, l1, timestamp @ ..] = recovery;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        if len > repair.parity.len() {
            return None;
        }
        packet.truncate(FIXED_HEADER_LEN + len);
        let ([s0, s1], [t0, t1, t2, t3], [c0, c1, c2, c3]) =
            (missing.to_be_bytes(), timestamp, self.ssrc.to_be_bytes());
        let fixed = [0x80 | b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
        packet.first_chunk_mut::<FIXED_HEADER_LEN>()?.copy_from_slice(&fixed);
        Some(missing)
    }

    fn drop_repair(&mut self, index: usize) {
        if let Some(mut repair) = self.repairs.remove(index) {
            repair.parity.clear();
            self.spare.push(repair.parity); // as many as there were repairs at once
        }
    }
}
