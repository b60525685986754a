//! Who does next to nothing: he is looked after less often.

/// Packets each way between two regular turns that are next to nothing: a publisher who keeps a path open, or a still screen. Speech has
/// five times as many in a second.
const FEW: u8 = 10;

/// What went one way, to or from a participant, since his last regular turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    /// Packets that are still few.
    left: u8,
}

impl Traffic {
    /// Nothing.
    pub(super) fn new() -> Self {
        Self { left: FEW }
    }

    /// Counts a packet. Says so when it is the one with which it is no longer next to nothing.
    #[inline]
    pub(super) fn count(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.left == 0
    }

    /// Whether it was next to nothing.
    pub(super) fn is_quiet(self) -> bool {
        self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenth_packet_is_no_longer_next_to_nothing() {
        let mut traffic = Traffic::new();
        let told: Vec<_> = (1..=20).filter(|_| traffic.count()).collect();
        assert_eq!((told, traffic.is_quiet()), (vec![10], false));
        let mut traffic = Traffic::new();
        assert!((1..10).all(|_| !traffic.count()) && traffic.is_quiet());
    }
}
