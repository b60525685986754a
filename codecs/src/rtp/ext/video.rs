//! What senders say about how video is to be shown.

/// The bounds of the receiver's delay from capture to display
/// (`http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// In units of 10 ms, 0..=4095.
    pub min_10ms: u16,
    /// In units of 10 ms, `min_10ms`..=4095.
    pub max_10ms: u16,
}

impl PlayoutDelay {
    /// `None` unless the element is three bytes long and the minimum not above the maximum.
    pub fn parse(element: &[u8]) -> Option<PlayoutDelay> {
        let &[high, middle, low] = element else { return None };
        let min_10ms = u16::from_be_bytes([high, middle]) >> 4;
        let max_10ms = u16::from_be_bytes([middle & 0x0F, low]);
        (min_10ms <= max_10ms).then_some(PlayoutDelay { min_10ms, max_10ms })
    }

    /// The element's contents; values past 4095 become 4095.
    pub fn to_bytes(self) -> [u8; 3] {
        let (min, max) = (self.min_10ms.min(0x0FFF), self.max_10ms.min(0x0FFF));
        let ([m0, m1], [x0, x1]) = ((min << 4).to_be_bytes(), max.to_be_bytes());
        [m0, m1 | x0, x1]
    }
}

/// How far clockwise a receiver has to turn the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Not at all.
    None,
    /// 90 degrees.
    Quarter,
    /// 180 degrees.
    Half,
    /// 270 degrees.
    ThreeQuarters,
}

/// Coordination of video orientation (`urn:3gpp:video-orientation`; 3GPP TS 26.114 7.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoOrientation {
    /// C: the camera looks away from the user.
    pub is_back_camera: bool,
    /// F: the picture is to be mirrored.
    pub is_flipped: bool,
    /// R1 R0.
    pub rotation: Rotation,
}

impl VideoOrientation {
    /// `None` unless the element is one byte long. The upper half of it is reserved and not looked at.
    pub fn parse(element: &[u8]) -> Option<VideoOrientation> {
        let &[byte] = element else { return None };
        let rotation = match byte & 0x03 {
            0 => Rotation::None,
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            _ => Rotation::ThreeQuarters,
        };
        Some(VideoOrientation { is_back_camera: byte & 0x08 != 0, is_flipped: byte & 0x04 != 0, rotation })
    }

    /// The element's contents.
    pub fn to_bytes(self) -> [u8; 1] {
        [u8::from(self.is_back_camera) << 3 | u8::from(self.is_flipped) << 2 | self.rotation as u8]
    }
}

/// The element if its length is one that a colour space has: 4 bytes, or 28 with HDR metadata
/// (`http://www.webrtc.org/experiments/rtp-hdrext/color-space`). Only carried: no one here looks inside.
pub fn color_space(element: &[u8]) -> Option<&[u8]> {
    matches!(element.len(), 4 | 28).then_some(element)
}
