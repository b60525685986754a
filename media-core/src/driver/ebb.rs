//! When memory that participants left behind goes back to the system.
//!
//! The allocator keeps what was freed, for whoever comes next: after 400 participants 23 MB, in pages of which hardly one is in use. To
//! have it look for such pages costs milliseconds, in which a thread that allocates may have to wait; so it does when many have gone.

use super::sys;

/// So many must have gone since there were most: a few leave and come all the time, and hold little.
const LEAST: u64 = 32;

/// Watches how many there are.
#[derive(Debug, Default)]
pub(super) struct Ebb {
    /// The most since memory was given back.
    peak: u64,
}

impl Ebb {
    /// Takes note of how many participants there are, and gives memory back if half of those there were have gone.
    pub(super) fn note(&mut self, participants: u64) {
        if self.has_fallen(participants) {
            sys::give_memory_back();
            tracing::debug!(participants, "memory of those who have gone was given back");
        }
    }

    fn has_fallen(&mut self, participants: u64) -> bool {
        self.peak = self.peak.max(participants);
        let gone = self.peak - participants;
        let fallen = gone >= LEAST && gone >= participants;
        if fallen {
            self.peak = participants;
        }
        fallen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_many_must_have_gone_since_the_last_time() {
        let mut ebb = Ebb::default();
        let counts = [0, 500, 400, 251, 250, 250, 200, 126, 125, 1_000, 0, 31, 0, 32, 0];
        let fallen: Vec<u64> = counts.into_iter().filter(|count| ebb.has_fallen(*count)).collect();
        assert_eq!(fallen, [250, 125, 0, 0]);
    }

    #[test]
    fn it_can_be_asked_for_at_any_time() {
        let mut ebb = Ebb::default();
        [100, 0, 100, 0].into_iter().for_each(|count| ebb.note(count));
    }
}
