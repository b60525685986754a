//! When packets were sent and captured, and their numbers on the path.

/// The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 2): two bytes, or four in
/// version 2, whose last two ask for feedback and are not looked at.
pub fn transport_sequence(element: &[u8]) -> Option<u16> {
    let (&[high, low] | &[high, low, _, _]) = element else { return None };
    Some(u16::from_be_bytes([high, low]))
}

/// When the packet left (`http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`): 24 bits of seconds on the sender's
/// clock, 18 of them below the point, so that it wraps after 64 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    /// `None` unless the element is three bytes long.
    pub fn parse(element: &[u8]) -> Option<AbsSendTime> {
        let &[high, middle, low] = element else { return None };
        Some(AbsSendTime(u32::from_be_bytes([0, high, middle, low])))
    }

    /// Of microseconds since any beginning, rounded down to a tick of 3.8 µs.
    pub fn from_us(us: u64) -> AbsSendTime {
        const WRAP_US: u64 = 64_000_000;
        AbsSendTime((((us % WRAP_US) << 18) / 1_000_000) as u32) // below 2^24
    }

    /// Ticks of 2^-18 s, 0..2^24.
    pub fn ticks(self) -> u32 {
        self.0
    }

    /// Microseconds from `earlier` to this, rounded down: -32 s to 32 s, the nearer way around.
    pub fn us_since(self, earlier: AbsSendTime) -> i64 {
        let ticks = (self.0.wrapping_sub(earlier.0) << 8) as i32 >> 8; // sign of 24 bits
        (i64::from(ticks) * 1_000_000) >> 18
    }

    /// The element's contents.
    pub fn to_bytes(self) -> [u8; 3] {
        let [_, high, middle, low] = self.0.to_be_bytes();
        [high, middle, low]
    }
}

/// When the frame was captured (`http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsCaptureTime {
    /// NTP time on the capturer's clock: seconds since 1900 in the upper 32 bits, fractions in the lower.
    pub ntp: u64,
    /// How far the capturer's clock is ahead of the clock of who sent this, as far as he knows; in 2^-32 s.
    pub clock_offset: Option<i64>,
}

impl AbsCaptureTime {
    /// `None` unless the element is 8 or 16 bytes long.
    pub fn parse(element: &[u8]) -> Option<AbsCaptureTime> {
        let (ntp, offset) = element.split_first_chunk::<8>()?;
        let clock_offset = match offset.len() {
            0 => None,
            _ => Some(i64::from_be_bytes(offset.try_into().ok()?)),
        };
        Some(AbsCaptureTime { ntp: u64::from_be_bytes(*ntp), clock_offset })
    }

    /// Writes the element's contents to the beginning of `place` and gives them back.
    pub fn write<'a>(&self, place: &'a mut [u8; 16]) -> &'a [u8] {
        let (ntp, offset) = place.split_at_mut(8);
        ntp.copy_from_slice(&self.ntp.to_be_bytes());
        offset.copy_from_slice(&self.clock_offset.unwrap_or_default().to_be_bytes());
        if self.clock_offset.is_some() { place } else { place.get(..8).unwrap_or_default() }
    }
}
