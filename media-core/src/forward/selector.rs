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
        self.target = target;
        self.leaving = leaving;
        if target.is_none() {
            self.current = None;
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
        let held = self.leaving == Leaving::AtOnce && current.encoding != target.encoding;
        if held || packet.payload.is_empty() || !frame.needed.has(current.spatial, current.temporal) {
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
