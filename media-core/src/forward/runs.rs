//! How a source's numbers become a receiver's when some packets are left out: the receiver sees no hole that we made, and every hole
//! that the network made.

use std::collections::VecDeque;

/// Runs remembered: with three temporal layers at 30 frames a second of which two are left out, 256 are 17 s.
const MAX_RUNS: usize = 256;
/// A hole in the source larger than this is not kept open: nobody repairs it.
const MAX_HOLE: u64 = 512;

/// What is added to a packet's numbers on its way to one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Offsets {
    /// RTP timestamp.
    pub(crate) timestamp: u32,
    /// Picture id (RFC 7741, RFC 9628), modulo its width.
    pub(crate) picture: u16,
    /// TL0PICIDX.
    pub(crate) tl0: u8,
    /// Frame number of a dependency descriptor.
    pub(crate) frame: u16,
}

/// Consecutive packets of one encoding that keep their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Rises with every splice: numbers of the source mean something within one only.
    segment: u32,
    pub(crate) encoding: u8,
    first_source: u64,
    first_out: u64,
    len: u64,
    pub(crate) offsets: Offsets,
}

/// The runs of one receiving place. Each number of the source maps to one of ours at most, and no two to the same.
#[derive(Debug)]
pub(crate) struct Runs {
    runs: VecDeque<Run>,
    segment: u32,
    encoding: u8,
    /// The source's number that this segment began with.
    first_source: u64,
    /// The source's number after the newest in this segment.
    next_source: u64,
    next_out: u64,
    /// Whether the last run goes on: the newest packet was not left out.
    open: bool,
}

impl Runs {
    /// Nothing yet; the first packet gets the number `first_out`.
    pub(crate) fn new(first_out: u64) -> Self {
        let (segment, encoding, first_source, next_source) = (0, 0, 0, 0);
        Self { runs: VecDeque::new(), segment, encoding, first_source, next_source, next_out: first_out, open: false }
    }

    /// Continues with another source, or the same one anew, whose first packet is `source`.
    pub(crate) fn splice(&mut self, encoding: u8, source: u64) {
        self.segment += 1;
        self.encoding = encoding;
        self.first_source = source;
        self.next_source = source;
        self.open = false;
    }

    /// Whether a packet of the source came since the segment began: what was before was not for this receiver.
    pub(crate) fn includes(&self, source: u64) -> bool {
        source >= self.first_source
    }

    /// Whether the packet is the newest of this segment so far.
    #[inline]
    pub(crate) fn is_newest(&self, source: u64) -> bool {
        source >= self.next_source
    }

    /// Our number for a packet that is forwarded with `offsets` if it is the newest; an older one has those of its run. `None`: it is
    /// too late, or was before the splice.
    #[inline]
    pub(crate) fn forward(&mut self, source: u64, offsets: Offsets) -> Option<(u64, Offsets)> {
        let Some(hole) = source.checked_sub(self.next_source) else { return self.late(source) };
        match self.runs.back_mut().filter(|run| self.open && run.offsets == offsets && hole <= MAX_HOLE) {
            Some(run) => {
                run.len += hole + 1;
                self.next_out += hole + 1;
            }
            None => {
                let kept = if hole <= MAX_HOLE { hole } else { 0 };
                self.begin(source - kept, kept + 1, offsets);
            }
        }
        self.next_source = source + 1;
        self.open = true;
        Some((self.next_out - 1, offsets))
    }

    /// Leaves a packet out. Gives a number that was kept for it because it came late: something empty must fill it.
    #[inline]
    pub(crate) fn skip(&mut self, source: u64, offsets: Offsets) -> Option<(u64, Offsets)> {
        let Some(hole) = source.checked_sub(self.next_source) else { return self.late(source) };
        if (1..=MAX_HOLE).contains(&hole) {
            match self.runs.back_mut().filter(|_| self.open) {
                Some(run) => {
                    run.len += hole;
                    self.next_out += hole;
                }
                None => self.begin(source - hole, hole, offsets),
            }
        }
        self.next_source = source + 1;
        self.open = false;
        None
    }

    fn begin(&mut self, first_source: u64, len: u64, offsets: Offsets) {
        if self.runs.len() >= MAX_RUNS {
            self.runs.pop_front();
        }
        let run = Run {
            segment: self.segment,
            encoding: self.encoding,
            first_source,
            first_out: self.next_out,
            len,
            offsets,
        };
        self.next_out += len;
        self.runs.push_back(run);
    }

    fn late(&self, source: u64) -> Option<(u64, Offsets)> {
        let run = self
            .runs
            .iter()
            .rev()
            .take_while(|run| run.segment == self.segment)
            .find(|run| run.first_source <= source)?;
        let ahead = source - run.first_source;
        (ahead < run.len).then(|| (run.first_out + ahead, run.offsets))
    }

    /// The newest number that was given.
    pub(crate) fn newest(&self) -> Option<(u64, u64, Run)> {
        let run = self.runs.back()?;
        let ahead = run.len.checked_sub(1)?;
        Some((run.first_source + ahead, run.first_out + ahead, *run))
    }

    /// The source's number of one of ours, by its low 16 bits, and the run that it is of.
    pub(crate) fn source_of(&self, sequence: u16) -> Option<(u64, u64, Run)> {
        let newest = self.next_out.checked_sub(1)?;
        let ago = (newest as u16).wrapping_sub(sequence);
        if ago >= 0x8000 {
            return None;
        }
        let out = newest.checked_sub(u64::from(ago))?;
        let run = self.runs.iter().rev().find(|run| run.first_out <= out)?;
        let ahead = out - run.first_out;
        (ahead < run.len).then(|| (run.first_source + ahead, out, *run))
    }

    /// Numbers of the source that was shown are no longer good to ask it for packets: it is gone, or starts over.
    pub(crate) fn forget_sources(&mut self) {
        self.runs.clear();
        self.segment += 1;
        self.open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONE: Offsets = Offsets { timestamp: 0, picture: 0, tl0: 0, frame: 0 };

    fn at(runs: &mut Runs, source: u64) -> Option<u64> {
        runs.forward(source, NONE).map(|(out, _)| out)
    }

    #[test]
    fn what_is_left_out_leaves_no_hole_and_what_is_lost_does() {
        let mut runs = Runs::new(100);
        runs.splice(0, 10);
        assert_eq!(at(&mut runs, 10), Some(100));
        assert_eq!(runs.skip(11, NONE), None);
        assert_eq!(at(&mut runs, 12), Some(101));
        assert_eq!(at(&mut runs, 15), Some(104), "13 and 14 may still come");
        assert_eq!(at(&mut runs, 13), Some(102));
        assert_eq!(runs.skip(14, NONE), Some((103, NONE)), "a number was kept for it");
        assert_eq!(runs.skip(11, NONE), None);
        assert_eq!(runs.skip(18, NONE), None);
        assert_eq!(at(&mut runs, 19), Some(107), "16 and 17 may still come");
        assert_eq!(at(&mut runs, 17), Some(106));
        assert_eq!(at(&mut runs, 9), None, "before the splice");
        assert_eq!(runs.source_of(106).map(|(source, out, run)| (source, out, run.encoding)), Some((17, 106, 0)));
        runs.splice(2, 7_000);
        assert_eq!(at(&mut runs, 7_000), Some(108));
        assert_eq!(at(&mut runs, 19), None, "of another source");
        assert_eq!(runs.source_of(104).map(|(source, ..)| source), Some(15), "it can be sent again");
        assert_eq!(at(&mut runs, 100_000), Some(109), "a hole that large is a jump");
        assert_eq!(runs.source_of(110), None);
        runs.splice(0, 0);
        assert_eq!((at(&mut runs, 0), at(&mut runs, 2), at(&mut runs, 1)), (Some(110), Some(112), Some(111)));
    }

    proptest! {
        /// Whatever comes in whatever order, and whatever is left out: no number is given twice, and each leads back to its packet.
        #[test]
        fn numbers_are_given_once(steps in prop::collection::vec((0u64..400, 0u8..4, any::<bool>()), 1..600)) {
            let mut runs = Runs::new(60_000);
            let (mut given, mut seen) = (std::collections::HashSet::new(), std::collections::HashSet::new());
            runs.splice(0, 0);
            let mut base = 0;
            for (source, kind, left_out) in steps {
                if kind == 3 && source < 4 {
                    base += 1_000;
                    runs.splice(kind, base);
                    seen.clear();
                }
                let source = base + source;
                if !seen.insert(source) {
                    continue;
                }
                let offsets = Offsets { picture: u16::from(kind), ..NONE };
                let out = if left_out { runs.skip(source, offsets) } else { runs.forward(source, offsets) };
                if let Some((out, _)) = out {
                    prop_assert!(given.insert(out), "{} twice", out);
                    let known = runs.source_of(out as u16);
                    prop_assert!(known.is_none_or(|(back, number, _)| (back, number) == (source, out)));
                }
                prop_assert!(runs.runs.len() <= MAX_RUNS);
            }
        }
    }
}
