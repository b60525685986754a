//! How long packets wait in queues: their delay above the shortest one known.

/// The shortest delay is looked for in this much time, in steps: long enough to outlast a neighbour that keeps the queue full,
/// short enough that a longer path is learnt, and that two clocks which drift apart by 50 ppm are off by 3 ms at most.
const STEP_US: u64 = 10_000_000;
const STEPS: usize = 6;
/// The standing queue is the shortest delay of this much time, twice (the current piece and the one before).
const PIECE_US: u64 = 50_000;
const PIECES: usize = 6;
/// A delay that stays this much the same, microseconds, for this long without losses is no queue, but a longer path: what others
/// send makes a queue of changing length, and a full one loses packets.
const FLAT_US: i64 = 10_000;
const FLAT_FOR_US: u64 = 3_000_000;
/// Of so many packets one may be lost meanwhile.
const FLAT_LOSS: u32 = 50;
/// A packet whose delay is this far from the known shortest is not believed.
const MAX_DELAY_US: i64 = 60_000_000;

/// The queueing delay of a path.
#[derive(Debug)]
pub(super) struct QueueDelay {
    /// Shortest delays of the last steps, arbitrary offset; the first is the current one.
    shortest_us: [i64; STEPS],
    step_since_us: u64,
    pieces: [i64; PIECES],
    piece_since_us: u64,
    last: [i64; 3],
    noise_us: f64,
    flat: Flat,
    /// The shortest delays are kept, however old.
    pub(super) is_held: bool,
}

/// The shortest and the longest of the delays that stood since a time.
#[derive(Debug, Clone, Copy)]
struct Flat {
    since_us: u64,
    shortest_us: i64,
    longest_us: i64,
    arrived: u32,
    missed: u32,
}

impl Flat {
    fn new(since_us: u64) -> Self {
        Self { since_us, shortest_us: UNKNOWN, longest_us: i64::MIN, arrived: 0, missed: 0 }
    }
}

const UNKNOWN: i64 = i64::MAX;

impl QueueDelay {
    pub(super) fn new() -> Self {
        Self {
            shortest_us: [UNKNOWN; STEPS],
            step_since_us: 0,
            pieces: [UNKNOWN; PIECES],
            piece_since_us: 0,
            last: [UNKNOWN; 3],
            noise_us: 0.0,
            flat: Flat::new(0),
            is_held: false,
        }
    }

    fn base(&self) -> Option<i64> {
        self.shortest_us.iter().copied().min().filter(|base| *base != UNKNOWN)
    }

    /// Takes in a packet; its queueing delay in microseconds, or `None` when its times make no sense.
    pub(super) fn on_packet(&mut self, sent_us: u64, arrived_us: u64) -> Option<u64> {
        let delay = i64::try_from(arrived_us).ok()?.checked_sub(i64::try_from(sent_us).ok()?)?;
        if self.base().is_some_and(|base| (delay - base).abs() > MAX_DELAY_US) {
            return None;
        }
        if arrived_us.saturating_sub(self.step_since_us) > STEP_US && !self.is_held {
            self.shortest_us.rotate_right(1);
            self.shortest_us[0] = UNKNOWN;
            self.step_since_us = arrived_us;
        }
        self.shortest_us[0] = self.shortest_us[0].min(delay);
        if arrived_us.saturating_sub(self.piece_since_us) > PIECE_US {
            self.close_piece(arrived_us);
            let passed = arrived_us.saturating_sub(self.piece_since_us) / PIECE_US;
            for _ in 0..passed.min(PIECES as u64) {
                self.pieces.rotate_right(1);
                self.pieces[0] = UNKNOWN;
            }
            self.piece_since_us = arrived_us;
        }
        self.pieces[0] = self.pieces[0].min(delay);
        self.flat.arrived += 1;
        let [newest, middle, _] = self.last;
        if newest != UNKNOWN {
            let change = (delay - newest).unsigned_abs().min(100_000) as f64;
            self.noise_us += (change - self.noise_us) / 256.0;
        }
        self.last = [delay, newest, middle];
        self.above_base(delay)
    }

    /// A packet is missing.
    pub(super) fn on_missed(&mut self) {
        self.flat.missed += 1;
    }

    /// Learns a longer path from the delays that stood, one a piece.
    fn close_piece(&mut self, arrived_us: u64) {
        let [standing_us, ..] = self.pieces;
        let flat = &mut self.flat;
        if standing_us == UNKNOWN {
            return;
        }
        flat.shortest_us = flat.shortest_us.min(standing_us);
        flat.longest_us = flat.longest_us.max(standing_us);
        let may_differ_us = FLAT_US.saturating_add_unsigned(self.noise_us as u64);
        if flat.longest_us - flat.shortest_us > may_differ_us || flat.missed * FLAT_LOSS > flat.arrived + FLAT_LOSS {
            *flat = Flat::new(arrived_us);
        } else if arrived_us.saturating_sub(flat.since_us) > FLAT_FOR_US {
            self.shortest_us = [UNKNOWN; STEPS];
            self.shortest_us[0] = flat.shortest_us;
            *flat = Flat::new(arrived_us);
        }
    }

    fn above_base(&self, delay: i64) -> Option<u64> {
        let base = self.base()?;
        (delay != UNKNOWN).then(|| (delay - base).max(0).unsigned_abs())
    }

    fn shortest_of(&self, delays: &[i64]) -> u64 {
        let shortest = delays.iter().copied().min().unwrap_or(UNKNOWN);
        self.above_base(shortest).unwrap_or(0)
    }

    /// The queue that stood for 50 to 100 ms: the shortest delay of that time, microseconds. Jitter is not in it.
    pub(super) fn standing_us(&self) -> u64 {
        self.shortest_of(&self.pieces[..2])
    }

    /// The shortest of a longer time, microseconds: 250 to 300 ms. No hold-up lasts that long.
    pub(super) fn lasting_us(&self) -> u64 {
        self.shortest_of(&self.pieces)
    }

    /// The queue that the last packets met: the shortest delay of three, microseconds.
    pub(super) fn recent_us(&self) -> u64 {
        self.shortest_of(&self.last)
    }

    /// How much the delay differs from packet to packet, microseconds.
    pub(super) fn noise_us(&self) -> u64 {
        self.noise_us as u64
    }
}
