//! Fields that begin and end anywhere in a byte, the most significant bit first.

use crate::ParseError;

/// Reads bit fields and cannot run over the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits. Goes only past bits that were there.
    position: usize,
}

impl<'a> BitReader<'a> {
    /// A reader of what comes after the first `len` bytes, which may not be there.
    pub(super) fn behind(bytes: &'a [u8], len: usize) -> BitReader<'a> {
        BitReader { bytes, position: 8 * len }
    }

    pub(super) fn error(&self, what: &'static str) -> ParseError {
        ParseError::new(what, self.position / 8)
    }

    /// f(1) (A.8.2).
    pub(super) fn bit(&mut self) -> Result<bool, ParseError> {
        let byte = self.bytes.get(self.position / 8).ok_or(self.error("dependency descriptor cut"))?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Ok(bit == 1)
    }

    /// f(count) (A.8.2), of at most 32 bits.
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, ParseError> {
        debug_assert!(count <= 32);
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Ok(value)
    }

    /// f(count) of at most 8 bits.
    pub(super) fn byte(&mut self, count: u32) -> Result<u8, ParseError> {
        debug_assert!(count <= 8);
        self.bits(count).map(|value| value as u8) // no more bits than fit
    }

    /// ns(n) (A.8.2): a number below `n`, which is not 0; small ones may take a bit less.
    pub(super) fn non_symmetric(&mut self, n: u32) -> Result<u32, ParseError> {
        let (width, short) = non_symmetric_shape(n);
        let value = self.bits(width - 1)?;
        if value < short { Ok(value) } else { Ok((value << 1) - short + u32::from(self.bit()?)) }
    }
}

/// The width in bits of ns(n)'s longer codes, and how many numbers have a shorter one.
fn non_symmetric_shape(n: u32) -> (u32, u32) {
    debug_assert!((1..=64).contains(&n));
    let width = u32::BITS - n.leading_zeros();
    (width, (1 << width) - n)
}

/// Appends bit fields; the last byte is filled up with zeros.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits of the last byte that are not used yet, 0..=7.
    free: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> BitWriter<'a> {
        BitWriter { out, free: 0 }
    }

    pub(super) fn bit(&mut self, bit: bool) {
        if self.free == 0 {
            self.out.push(0);
            self.free = 8;
        }
        self.free -= 1;
        if let Some(last) = self.out.last_mut() {
            *last |= u8::from(bit) << self.free;
        }
    }

    /// The lowest `count` bits of `value`.
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        (0..count).rev().for_each(|at| self.bit(value >> at & 1 == 1));
    }

    /// The inverse of [`BitReader::non_symmetric`]: `value` is below `n`.
    pub(super) fn non_symmetric(&mut self, value: u32, n: u32) {
        let (width, short) = non_symmetric_shape(n);
        if value < short {
            self.bits(value, width - 1);
        } else {
            self.bits(value + short, width);
        }
    }
}
