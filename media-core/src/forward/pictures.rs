//! Numbers inside the payload and the dependency descriptor, kept going when sources are switched and pictures left out.

use super::frame::Frame;
use super::runs::Offsets;

/// What a receiver was told last.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    picture: Option<u16>,
    tl0: Option<u8>,
    frame: Option<u16>,
    /// The source's number of the picture that was left out last.
    left_out: Option<u16>,
}

impl Pictures {
    /// What to add from the packet on that begins another source: its numbers follow the last ones.
    pub(crate) fn splice(&mut self, frame: &Frame, offsets: &mut Offsets) {
        self.left_out = None;
        let follow = |last: Option<u16>, now: Option<u16>| match (last, now) {
            (Some(last), Some(now)) => last.wrapping_add(1).wrapping_sub(now),
            _ => 0,
        };
        offsets.picture = follow(self.picture, frame.picture_id.map(|id| id.value));
        offsets.frame = follow(self.frame, frame.number);
        offsets.tl0 = match (self.tl0, frame.tl0_pic_idx) {
            (Some(last), Some(now)) => last.wrapping_add(1).wrapping_sub(now.value),
            _ => 0,
        };
    }

    /// Notes the newest packet as it was sent.
    #[inline]
    pub(crate) fn sent(&mut self, frame: &Frame, offsets: &Offsets) {
        if let Some(id) = frame.picture_id {
            self.picture = Some(id.value.wrapping_add(offsets.picture));
        }
        if let Some(index) = frame.tl0_pic_idx {
            self.tl0 = Some(index.value.wrapping_add(offsets.tl0));
        }
        if let Some(number) = frame.number {
            let number = number.wrapping_add(offsets.frame);
            // Frames of one picture come in the order of their numbers; a step back is no progress.
            if self.frame.is_none_or(|last| (number.wrapping_sub(last) as i16) > 0) {
                self.frame = Some(number);
            }
        }
    }

    /// Notes that the newest packet is left out: where pictures are counted, those after it move up.
    #[inline]
    pub(crate) fn left_out(&mut self, frame: &Frame, offsets: &mut Offsets) {
        if let Some(id) = frame.picture_id.filter(|_| frame.counts_pictures)
            && self.left_out != Some(id.value)
        {
            self.left_out = Some(id.value);
            offsets.picture = offsets.picture.wrapping_sub(1);
        }
    }
}
