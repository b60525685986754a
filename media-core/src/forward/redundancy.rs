//! How much a receiver is told twice, the more he loses: packets of audio, again with those after them (RFC 2198) or as they are; and
//! of video repair packets (FlexFEC).

use std::time::{Duration, Instant};

/// Times that one may be told again at most: 30 % random loss then takes less than one in a hundred.
pub(crate) const MAX_REDUNDANCY: usize = 3;
/// Loss from which audio is told so many times more, 0 to 1: what remains is under 0.4 %, 0.4 % and 1 % of the packets.
const STEPS: [f32; MAX_REDUNDANCY] = [0.02, 0.06, 0.16];
/// Loss must stay under this part of a step for so long before less is repeated.
const RELAX_PART: f32 = 0.5;
const RELAX_AFTER: Duration = Duration::from_secs(10);
/// Weight of a report in the loss that is reckoned with when it rises; falls are followed more slowly.
const RISE: f32 = 0.4;
const FALL: f32 = 0.25;
/// A report of so many packets, a second of audio, has its full weight; one of fewer tells less.
const FULL_REPORT: f32 = 50.0;
/// So many times what is lost in spite of copies may be lost of what is sent once, beyond what was when it was.
const MOST_HIDDEN: f32 = 4.0;
/// So long after a report of packets that were sent once, reports of others are not needed.
const PLAIN_FOR: Duration = Duration::from_secs(10);

/// What a report tells of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// 0 to 1.
    pub(crate) fraction_lost: f32,
    /// Packets that it is about.
    pub(crate) packets: u32,
    /// How many times more each of them was sent: it is lost only if all are.
    pub(crate) copies: usize,
}

/// How much one receiver needs, in steps of his loss: up at once, down slowly.
#[derive(Debug)]
pub(crate) struct Redundancy {
    /// Loss from which each level is needed, 0 to 1.
    steps: &'static [f32],
    loss: f32,
    level: usize,
    /// Since when less would do.
    lower_since: Option<Instant>,
    /// What he last told of packets that were sent once, 0 to 1, and when.
    plain: f32,
    plain_at: Option<Instant>,
}

impl Redundancy {
    /// For audio: the level is the number of times that each packet is told again. All that he is sent takes the same path, so that
    /// what he loses of any of it counts.
    pub(crate) fn of_audio() -> Self {
        Self::with_steps(&STEPS)
    }

    /// None is needed yet.
    pub(crate) fn with_steps(steps: &'static [f32]) -> Self {
        Self { steps, loss: 0.0, level: 0, lower_since: None, plain: 0.0, plain_at: None }
    }

    /// Takes what the receiver reported of one stream.
    pub(crate) fn on_report(&mut self, now: Instant, told: &Told) {
        if told.packets == 0 {
            return;
        }
        if told.copies == 0 {
            self.plain_at = Some(now);
        } else if self.plain_at.is_some_and(|at| now.saturating_duration_since(at) < PLAIN_FOR) {
            return;
        }
        // Of copies some ms apart each is lost by itself, but where the path loses in bursts: then not much more is lost of what is sent
        // once.
        let by_itself = told.fraction_lost.powf(1.0 / (1 + told.copies) as f32);
        let loss = by_itself.min(MOST_HIDDEN * told.fraction_lost + self.plain);
        if told.copies == 0 {
            self.plain = told.fraction_lost;
        }
        self.on_loss(now, loss, (told.packets as f32 / FULL_REPORT).min(1.0));
    }

    /// Takes a measure of loss, 0 to 1, that says so much, 0 to 1.
    pub(crate) fn on_loss(&mut self, now: Instant, loss: f32, says: f32) {
        let weight = if loss > self.loss { RISE } else { FALL };
        self.loss += weight * says * (loss - self.loss);
        let wanted = self.steps.iter().filter(|step| self.loss >= **step).count();
        let bearable = self.steps.iter().filter(|step| self.loss >= **step * RELAX_PART).count();
        if wanted > self.level {
            (self.level, self.lower_since) = (wanted, None);
        } else if bearable >= self.level {
            self.lower_since = None;
        } else if now.saturating_duration_since(*self.lower_since.get_or_insert(now)) >= RELAX_AFTER {
            (self.level, self.lower_since) = (bearable, None);
        }
    }

    /// How many of the steps are reached.
    #[inline]
    pub(crate) fn level(&self) -> usize {
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(fraction_lost: f32) -> Told {
        Told { fraction_lost, packets: 250, copies: 0 }
    }

    #[test]
    fn follows_loss_up_at_once_and_down_slowly() {
        let start = Instant::now();
        let mut redundancy = Redundancy::of_audio();
        let mut report = |second: u64, loss: f32| {
            redundancy.on_report(start + Duration::from_secs(second), &plain(loss));
            redundancy.level()
        };
        assert_eq!((0..5).map(|s| report(s, 0.0)).max(), Some(0));
        assert_eq!((report(5, 0.10), report(6, 0.10)), (1, 2));
        assert_eq!((7..12).map(|s| report(s, 0.30)).last(), Some(3));
        assert_eq!(report(12, 0.0), 3);
        let levels: Vec<_> = (13..60).map(|s| report(s, 0.0)).collect();
        assert!(levels[..9].iter().all(|level| *level == 3), "{levels:?}");
        assert_eq!(levels.last(), Some(&0));
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0]));
    }
    #[test]
    fn copies_that_help_are_not_taken_for_a_better_path() {
        let start = Instant::now();
        let mut redundancy = Redundancy::of_audio();
        let mut levels = Vec::new();
        for report in 0..60 {
            // Ten in a hundred are lost: one in a hundred of those that are sent twice, and of 250 one in a thousand is seldom one.
            let remains = [0.1, 0.01, if report % 4 == 0 { 0.004 } else { 0.0 }, 0.0][redundancy.level()];
            let told = Told { fraction_lost: remains, packets: 250, copies: redundancy.level() };
            redundancy.on_report(start + Duration::from_secs(5 * report), &told);
            levels.push(redundancy.level());
        }
        assert!(levels[2..].iter().all(|level| (1..=2).contains(level)), "{levels:?}");
        for second in 300..340 {
            redundancy
                .on_report(start + Duration::from_secs(second), &Told { copies: redundancy.level(), ..plain(0.0) });
        }
        assert_eq!(redundancy.level(), 0);
    }

    #[test]
    fn what_is_sent_once_tells_more_than_what_is_sent_often() {
        let start = Instant::now();
        let mut redundancy = Redundancy::of_audio();
        for second in 0..60 {
            let now = start + Duration::from_secs(second);
            redundancy.on_report(now, &Told { packets: 60, ..plain(0.1) });
            redundancy.on_report(now, &Told { fraction_lost: 0.0, packets: 50, copies: redundancy.level() });
            redundancy.on_report(now, &Told { packets: 0, ..plain(0.0) });
            assert_eq!(redundancy.level(), if second < 3 { redundancy.level() } else { 2 });
        }
    }
}
