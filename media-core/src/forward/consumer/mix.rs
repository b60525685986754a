//! A place that gets what the server mixed.

use super::Consumer;
use crate::forward::producer::SenderClock;
use crate::mix::audio::OutputId;

/// What a place gets of a mix.
#[derive(Debug, Clone, Copy)]
pub(super) struct MixFeed {
    /// Which of the room's mixers, and which of its outputs.
    of: (u64, OutputId),
    /// Packets since it gets this one.
    packets: usize,
    /// The mixer's clock, against ours.
    clock: SenderClock,
}

impl Consumer {
    /// Gets this output from its packet `index` on. Those of one mixer have one clock: from one to the other no timestamp jumps.
    pub(crate) fn take_mix(&mut self, of: (u64, OutputId), index: u64, clock: SenderClock) {
        let before = self.feed.as_ref().map(|feed| feed.of);
        if before != Some(of) {
            if before.is_some_and(|before| before.0 == of.0) && self.sending.is_some() {
                self.runs.splice(0, index);
            } else {
                self.runs.forget_sources();
                self.timeline.forget_publisher();
                self.resplice();
            }
        }
        let packets = self.feed.as_ref().filter(|_| before == Some(of)).map_or(0, |feed| feed.packets + 1);
        let feed = MixFeed { of, packets, clock };
        match &mut self.feed {
            Some(known) => **known = feed,
            none => *none = Some(Box::new(feed)),
        }
    }

    /// Gets no mix any more.
    pub(crate) fn end_mix(&mut self) {
        self.feed = None;
        self.resplice();
    }

    /// Has each packet of the mix told so many times more; none of those that went to others before this place got it.
    pub(crate) fn repeat_mix(&mut self, times: usize) {
        self.repeat(times.min(self.feed.as_ref().map_or(0, |feed| feed.packets)));
    }

    /// The clock of the mix that it gets.
    pub(crate) fn mix_clock(&self) -> Option<SenderClock> {
        self.feed.as_ref().map(|feed| feed.clock)
    }

    /// Packets that it was sent.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }
}
