//! Fields that begin and end anywhere in a byte, and numbers of variable length. Everything ends in `None` where the bytes end.

/// Leading zeros of a number of variable length (Exp-Golomb, uvlc) that still fits 32 bits.
const MAX_LEADING_ZEROS: u32 = 31;

/// Reads bit fields, the most significant bit first, and cannot run over the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits of the first of `bytes` that were read, 0..=7.
    used: u32,
    /// Zero bytes before the first of `bytes`, where an emulation prevention byte may stand behind two.
    zeros: Option<u8>,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, used: 0, zeros: None }
    }

    /// Reads an H.264 NAL unit's bytes: a 3 behind two zeros is there only so that no start code comes about (H.264 section 7.4.1).
    pub(super) fn of_nal_unit(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, used: 0, zeros: Some(0) }
    }

    pub(super) fn bit(&mut self) -> Option<bool> {
        let (&byte, rest) = self.bytes.split_first()?;
        if self.used == 0
            && let Some(zeros) = &mut self.zeros
        {
            if *zeros >= 2 && byte == 3 {
                *zeros = 0;
                self.bytes = rest;
                return self.bit(); // once: no zeros stand before it now
            }
            *zeros = if byte == 0 { zeros.saturating_add(1) } else { 0 };
        }
        let bit = byte << self.used & 0x80 != 0;
        self.used += 1;
        if self.used == 8 {
            (self.bytes, self.used) = (rest, 0);
        }
        Some(bit)
    }

    /// A number of at most 32 bits.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32);
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// Passes over bits.
    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.bit()?;
        }
        Some(())
    }

    /// ue(v) of H.264 (section 9.1), uvlc() of AV1 (section 4.10.3): a number of variable length.
    pub(super) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > MAX_LEADING_ZEROS {
                return None;
            }
        }
        let rest = self.bits(zeros)?;
        Some((1_u32 << zeros) - 1 + rest) // at most twice 2^31 - 1
    }

    /// The same, if it is no more than `most`.
    pub(super) fn at_most(&mut self, most: u32) -> Option<u32> {
        self.unsigned().filter(|value| *value <= most)
    }

    /// se(v) of H.264 (section 9.1.1): 0, 1, -1, 2, -2 and so on.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }
}
