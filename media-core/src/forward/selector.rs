//! Which packets of a source a receiver gets: one simulcast encoding of it, up to one spatial and one temporal layer.

use super::producer::MediaPacket;
use crate::api::Layer;

/// What is wanted for a receiver, and what he gets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Selector {
    target: Option<Layer>,
    current: Option<Layer>,
    leaving: Leaving,
}

/// How a receiver leaves an encoding for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Leaving {
    /// He gets it until a key frame of the other comes.
    #[default]
    WhenReplaced,
    /// It costs more than he may have: he sees nothing new until then.
    AtOnce,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// He does not get it.
    Drop,
    /// He gets it, with the marker bit if it ends his picture.
    Forward { marker: bool },
    /// With it he begins to get its encoding.
    Splice { marker: bool },
}

impl Selector {
    /// Goes for `target` from the next moment on at which it can; `None` stops at once.
    pub(crate) fn aim(&mut self, target: Option<Layer>, leaving: Leaving) {
        let was_held = self.is_held();
        self.target = target;
        self.leaving = leaving;
        match target {
            None => self.current = None,
            // What he had is behind him: pictures of it were left out, and those that follow need them.
            Some(target) if was_held => match self.current {
                Some(current) if current.encoding == target.encoding => self.current = None,
                _ => self.leaving = Leaving::AtOnce,
            },
            Some(_) => {}
        }
    }

    /// Begins anew with the next key frame.
    pub(crate) fn restart(&mut self) {
        self.current = None;
    }

    pub(crate) fn target(&self) -> Option<Layer> {
        self.target
    }

    pub(crate) fn current(&self) -> Option<Layer> {
        self.current
    }

    /// Whether he gets nothing until another encoding begins.
    #[inline]
    fn is_held(&self) -> bool {
        let leaves = self.current.zip(self.target).is_some_and(|(current, target)| current.encoding != target.encoding);
        leaves && self.leaving == Leaving::AtOnce
    }

    /// The encoding that must send a key frame before the target is reached.
    pub(crate) fn awaits_keyframe(&self) -> Option<u8> {
        let target = self.target?;
        let reached = self.current.is_some_and(|c| c.encoding == target.encoding && c.spatial >= target.spatial);
        (!reached).then_some(target.encoding)
    }

    /// Decides on a packet. `is_newest`: none that came after it was decided on already; only such a one changes anything.
    #[inline]
    pub(crate) fn choose(&mut self, packet: &MediaPacket<'_>, is_newest: bool) -> Choice {
        let Some(target) = self.target else { return Choice::Drop };
        let frame = &packet.frame;
        let begins = packet.encoding == target.encoding && frame.is_keyframe;
        match self.current {
            Some(current) if current.encoding == packet.encoding => {
                if is_newest && packet.starts_picture {
                    self.current = Some(Self::step(current, target, packet));
                }
            }
            _ if begins => {
                self.current = Some(target);
                return Choice::Splice { marker: Self::marker(target, packet) };
            }
            _ => return Choice::Drop,
        }
        let Some(current) = self.current else { return Choice::Drop };
        if self.is_held() || packet.payload.is_empty() || !frame.needed.has(current.spatial, current.temporal) {
            return Choice::Drop;
        }
        Choice::Forward { marker: Self::marker(current, packet) }
    }

    /// One step from `current` towards `target`, as far as this picture allows. Down is always possible: what is left out, nothing
    /// that is kept needs.
    fn step(current: Layer, target: Layer, packet: &MediaPacket<'_>) -> Layer {
        let frame = &packet.frame;
        if target.encoding != current.encoding {
            return current;
        }
        let spatial =
            if target.spatial < current.spatial || frame.is_keyframe { target.spatial } else { current.spatial };
        let temporal = if target.temporal <= current.temporal || frame.is_keyframe {
            target.temporal
        } else {
            // The highest that may be joined here.
            (current.temporal + 1..=target.temporal)
                .rev()
                .find(|t| frame.switch.has(spatial, *t))
                .unwrap_or(current.temporal)
        };
        Layer { spatial, temporal, ..current }
    }

    /// RFC 9628 section 4.2, AV1 section 4.2: the marker is on the last packet of the picture as its receiver gets it.
    fn marker(layer: Layer, packet: &MediaPacket<'_>) -> bool {
        packet.marker || (packet.frame.ends_layer && packet.frame.spatial == layer.spatial && packet.is_layered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::frame::{Frame, Qualities};
    use crate::forward::tests as sample;

    fn layer(encoding: u8, temporal: u8) -> Option<Layer> {
        Some(Layer { encoding, spatial: 0, temporal })
    }

    fn key(encoding: u8) -> MediaPacket<'static> {
        MediaPacket { encoding, ..sample::packet() }
    }

    fn delta(encoding: u8, temporal: u8, switch: Qualities) -> MediaPacket<'static> {
        let frame =
            Frame { temporal, is_keyframe: false, needed: Qualities::from(0, temporal), switch, ..Frame::WHOLE };
        MediaPacket { frame, ..key(encoding) }
    }

    #[test]
    fn an_encoding_begins_at_its_key_frame_and_the_old_one_goes_on_until_then() {
        let mut selector = Selector::default();
        selector.aim(layer(2, 2), Leaving::WhenReplaced);
        assert_eq!(selector.choose(&delta(2, 0, Qualities::NONE), true), Choice::Drop);
        assert_eq!(selector.awaits_keyframe(), Some(2));
        assert_eq!(selector.choose(&key(2), true), Choice::Splice { marker: false });
        selector.aim(layer(0, 2), Leaving::WhenReplaced);
        assert_eq!(selector.awaits_keyframe(), Some(0));
        assert_eq!(selector.choose(&delta(2, 2, Qualities::NONE), true), Choice::Forward { marker: false });
        assert_eq!(selector.choose(&delta(0, 0, Qualities::NONE), true), Choice::Drop);
        assert_eq!(selector.choose(&key(0), true), Choice::Splice { marker: false });
        assert_eq!(selector.choose(&delta(2, 0, Qualities::NONE), true), Choice::Drop);
    }

    #[test]
    fn a_temporal_layer_is_left_at_the_next_picture_and_joined_where_a_picture_says_so() {
        let mut selector = Selector::default();
        selector.aim(layer(0, 2), Leaving::WhenReplaced);
        selector.choose(&key(0), true);
        selector.aim(layer(0, 0), Leaving::WhenReplaced);
        assert_eq!(selector.choose(&delta(0, 2, Qualities::NONE), true), Choice::Drop);
        selector.aim(layer(0, 2), Leaving::WhenReplaced);
        assert_eq!(selector.choose(&delta(0, 2, Qualities::NONE), true), Choice::Drop);
        assert_eq!(selector.choose(&delta(0, 1, Qualities::one(0, 1)), true), Choice::Forward { marker: false });
        assert_eq!(selector.choose(&delta(0, 2, Qualities::NONE), true), Choice::Drop, "not joined yet");
        assert_eq!(selector.choose(&delta(0, 2, Qualities::one(0, 2)), true), Choice::Forward { marker: false });
    }

    #[test]
    fn what_was_left_at_once_is_not_taken_up_again_without_a_key_frame() {
        let mut selector = Selector::default();
        selector.aim(layer(2, 2), Leaving::WhenReplaced);
        selector.choose(&key(2), true);
        selector.aim(layer(0, 2), Leaving::AtOnce);
        assert_eq!(selector.choose(&delta(2, 0, Qualities::NONE), true), Choice::Drop);
        selector.aim(layer(1, 2), Leaving::WhenReplaced);
        assert_eq!(selector.choose(&delta(2, 0, Qualities::NONE), true), Choice::Drop, "still more than he may have");
        selector.aim(layer(2, 2), Leaving::WhenReplaced);
        assert_eq!(selector.awaits_keyframe(), Some(2));
        assert_eq!(selector.choose(&delta(2, 0, Qualities::NONE), true), Choice::Drop);
        assert_eq!(selector.choose(&key(2), true), Choice::Splice { marker: false });
    }
}
