//! Writing transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1).

use super::feedback::begin_feedback;
use super::framing::{FORMAT_TRANSPORT_WIDE, TRANSPORT_LAYER_FEEDBACK, finish};

/// One feedback packet with its headers below stays within the 1200 bytes that every path takes.
const MAX_PACKET_LEN: usize = 1200;
/// The resolution of deltas.
const TICK_US: u64 = 250;
/// The reference time counts 64 ms.
const TICKS_PER_REFERENCE: u64 = 256;
/// The longest run of one chunk: 13 bits.
const MAX_RUN: u16 = 0x1FFF;

/// Losses told before the first arrival: more is an outage, of which the sender knows.
const MAX_MISSING_BEFORE: u64 = 1_024;

/// Symbols as on the wire (3.1.1).
const LOST: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;

/// Appends one feedback packet on `arrivals`: (transport sequence with cycles, arrival in microseconds since any epoch),
/// ascending by sequence; gaps are told as losses, and so is what lies between `next`, the first one that was told of by no packet
/// yet, and the first arrival (as far as the format can say; a `next` past the first arrival counts for nothing).
///
/// Returns how many of `arrivals` went in, at least one unless there are none (then nothing is written). The packet ends
/// before an arrival whose delta does not fit 16 bits of 250 us, which is out of order, or with which the packet would
/// be longer than 1200 bytes or tell of more than 65535 packets: call again with the rest and the next `feedback_count`.
pub fn write_transport_feedback(
    out: &mut Vec<u8>,
    sender_ssrc: u32,
    media_ssrc: u32,
    feedback_count: u8,
    next: u64,
    arrivals: &[(u64, u64)],
) -> usize {
    let Some(&(first, first_us)) = arrivals.first() else { return 0 };
    let base = if first.checked_sub(next).is_some_and(|missing| missing <= MAX_MISSING_BEFORE) { next } else { first };
    let reference = first_us / TICK_US / TICKS_PER_REFERENCE;
    let deltas = Deltas { arrivals: arrivals.iter(), previous_ticks: reference * TICKS_PER_REFERENCE };

    let format = (TRANSPORT_LAYER_FEEDBACK, FORMAT_TRANSPORT_WIDE);
    let start = begin_feedback(out, format, sender_ssrc, media_ssrc);
    out.extend_from_slice(&((base & 0xFFFF) as u16).to_be_bytes());
    let count_at = out.len();
    out.extend_from_slice(&[0; 2]);
    let [.., r0, r1, r2] = reference.to_be_bytes();
    out.extend_from_slice(&[r0, r1, r2, feedback_count]);

    let (taken, status_count) = write_chunks(out, start, base, deltas.clone());
    for (_, delta) in deltas.take(taken) {
        match u8::try_from(delta) {
            Ok(small) => out.push(small),
            Err(_) => out.extend_from_slice(&delta.to_be_bytes()),
        }
    }
    let place = out.get_mut(count_at..count_at + 2).expect("two bytes were reserved above");
    place.copy_from_slice(&status_count.to_be_bytes());
    finish(out, start);
    taken
}

/// Appends status chunks for as many deltas as fit; returns how many, and how many statuses with the losses between.
fn write_chunks(out: &mut Vec<u8>, start: usize, base: u64, deltas: Deltas<'_>) -> (usize, u16) {
    let mut chunk = PendingChunk::default();
    let (mut taken, mut status_count, mut deltas_len) = (0, 0_u16, 0);
    for (sequence, delta) in deltas {
        let symbol = if u8::try_from(delta).is_ok() { SMALL } else { LARGE };
        let count = sequence.checked_sub(base).and_then(|position| u16::try_from(position.checked_add(1)?).ok());
        let Some(count) = count.filter(|count| *count > status_count) else { break };
        let lost = count - 1 - status_count;

        // At worst the losses take a chunk for the rest before them, their runs and one for what is left over; then
        // there are this one's chunk, its delta, and padding.
        let chunks_len = 2 * (usize::from(lost / MAX_RUN) + 4);
        let with_this = out.len() - start + chunks_len + deltas_len + usize::from(symbol) + 3;
        if with_this > MAX_PACKET_LEN {
            break;
        }
        chunk.push_losses(out, lost);
        chunk.push(out, symbol);
        deltas_len += usize::from(symbol); // a symbol is the length of its delta
        status_count = count;
        taken += 1;
    }
    chunk.flush(out);
    (taken, status_count)
}

/// Arrivals as (sequence, ticks since the one before); ends where the ticks do not fit. Ticks are counted from the
/// epoch, so that rounding does not add up.
#[derive(Clone)]
struct Deltas<'a> {
    arrivals: std::slice::Iter<'a, (u64, u64)>,
    previous_ticks: u64,
}

impl Iterator for Deltas<'_> {
    type Item = (u64, i16);

    fn next(&mut self) -> Option<(u64, i16)> {
        let &(sequence, us) = self.arrivals.next()?;
        let ticks = us / TICK_US;
        // A time is at most 2^64 / 250 ticks, so both are far below 2^63.
        let delta = i16::try_from(ticks.cast_signed() - self.previous_ticks.cast_signed()).ok()?;
        self.previous_ticks = ticks;
        Some((sequence, delta))
    }
}

/// Symbols that are not written yet, because the next one may still go into the same chunk.
#[derive(Default)]
struct PendingChunk {
    /// The first 14 symbols; a longer chunk is a run of the first one.
    symbols: [u8; 14],
    len: u16,
    has_large: bool,
    is_mixed: bool,
}

impl PendingChunk {
    fn push_losses(&mut self, out: &mut Vec<u8>, mut count: u16) {
        while count > 0 {
            let room = if self.is_run_of(LOST) { MAX_RUN - self.len } else { 0 };
            let bulk = room.min(count - 1);
            self.len += bulk;
            self.push(out, LOST);
            count -= bulk + 1;
        }
    }

    fn push(&mut self, out: &mut Vec<u8>, symbol: u8) {
        if !self.has_room_for(symbol) {
            self.write_full(out);
        }
        if self.len > 0 && self.symbols.first() != Some(&symbol) {
            self.is_mixed = true;
        }
        if let Some(place) = self.symbols.get_mut(usize::from(self.len)) {
            *place = symbol;
        }
        self.has_large |= symbol == LARGE;
        self.len += 1;
    }

    /// Already longer than a vector, so that only runs are possible.
    fn is_run_of(&self, symbol: u8) -> bool {
        self.len >= 14 && !self.is_mixed && self.symbols.first() == Some(&symbol)
    }

    fn has_room_for(&self, symbol: u8) -> bool {
        match self.len {
            0..7 => true,
            7..14 if !self.has_large && symbol != LARGE => true,
            _ => self.len < MAX_RUN && !self.is_mixed && self.symbols.first() == Some(&symbol),
        }
    }

    /// Writes the chunk that the next symbol does not fit in; with two-bit vectors, up to six symbols stay.
    fn write_full(&mut self, out: &mut Vec<u8>) {
        let chunk = std::mem::take(self);
        if !chunk.is_mixed || chunk.len >= 14 {
            chunk.flush(out);
            return;
        }
        let (first, rest) = chunk.symbols.split_at(7);
        write_vector(out, 0b11, 2, first);
        for &symbol in rest.iter().take(usize::from(chunk.len - 7)) {
            self.push(out, symbol);
        }
    }

    /// Writes all that is left, in one chunk: more than seven symbols with a large one among them never wait.
    fn flush(self, out: &mut Vec<u8>) {
        let symbols = self.symbols.get(..usize::from(self.len)).unwrap_or(&self.symbols);
        match self.len {
            0 => {}
            len if !self.is_mixed => {
                let [symbol, ..] = self.symbols;
                out.extend_from_slice(&(u16::from(symbol) << 13 | len).to_be_bytes());
            }
            1..=7 => write_vector(out, 0b11, 2, symbols),
            _ => write_vector(out, 0b10, 1, symbols),
        }
    }
}

/// A status vector chunk (3.1.4): its two-bit tag, and symbols from the highest bit down; missing ones are zeros beyond
/// the packet's status count.
fn write_vector(out: &mut Vec<u8>, tag: u16, bits_each: u32, symbols: &[u8]) {
    let mut word = tag << 14;
    let mut shift = 14;
    for &symbol in symbols {
        shift -= bits_each;
        word |= u16::from(symbol) << shift;
    }
    out.extend_from_slice(&word.to_be_bytes());
}
