//! A bottleneck: one queue in front of a rate, then a delay with jitter and losses.

use std::collections::VecDeque;

/// xorshift64*: the same numbers in every run.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// 0.0..1.0.
    pub(super) fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A packet on the link: whose, which one, and its size with headers.
#[derive(Clone, Copy)]
pub(super) struct OnLink {
    pub(super) flow: usize,
    pub(super) number: u64,
    pub(super) wire_bytes: usize,
}

pub(super) struct Link {
    /// Bits/s; 0 is without limit.
    pub(super) rate_bps: f64,
    /// What the queue holds, as time at the rate.
    pub(super) queue_ms: f64,
    pub(super) loss: f64,
    pub(super) jitter_ms: f64,
    pub(super) delay_ms: f64,
    /// Lost without a queue above this rate; 0 is none. Bits/s.
    pub(super) policer_bps: f64,
    /// The mean time between two stalls, and the longest; 0 is none. What would get through in one does so at its end, at once.
    pub(super) stall_every_ms: f64,
    pub(super) stall_ms: f64,
    next_stall_us: u64,
    stalls_until_us: u64,
    tokens: f64,
    queue: VecDeque<OnLink>,
    queued_bytes: usize,
    /// Bytes of the head that are out already.
    head_sent: f64,
    pub(super) random: Random,
}

impl Link {
    pub(super) fn new(rate_bps: f64, queue_ms: f64) -> Self {
        Self {
            rate_bps,
            queue_ms,
            loss: 0.0,
            jitter_ms: 0.0,
            delay_ms: 20.0,
            policer_bps: 0.0,
            stall_every_ms: 0.0,
            stall_ms: 0.0,
            next_stall_us: 0,
            stalls_until_us: 0,
            tokens: 0.0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            head_sent: 0.0,
            random: Random::new(7),
        }
    }

    /// How long a packet that comes now waits.
    pub(super) fn wait_ms(&self) -> f64 {
        if self.rate_bps > 0.0 { self.queued_bytes as f64 * 8e3 / self.rate_bps } else { 0.0 }
    }

    pub(super) fn push(&mut self, packet: OnLink) {
        if self.policer_bps > 0.0 {
            if self.tokens < packet.wire_bytes as f64 {
                return;
            }
            self.tokens -= packet.wire_bytes as f64;
        }
        if self.rate_bps <= 0.0 || self.wait_ms() < self.queue_ms {
            self.queued_bytes += packet.wire_bytes;
            self.queue.push_back(packet);
        }
    }

    /// Lets a time step pass; `deliver` is told each packet that gets through and when it arrives, in microseconds.
    pub(super) fn step(&mut self, now_us: u64, step_us: u64, mut deliver: impl FnMut(OnLink, u64)) {
        if self.stall_every_ms > 0.0 && now_us >= self.next_stall_us {
            self.stalls_until_us = now_us + (self.random.unit() * self.stall_ms * 1e3) as u64;
            self.next_stall_us = self.stalls_until_us + (2.0 * self.random.unit() * self.stall_every_ms * 1e3) as u64;
        }
        self.tokens = (self.tokens + self.policer_bps / 8e6 * step_us as f64).min(15_000.0);
        let per_us = if self.rate_bps > 0.0 { self.rate_bps / 8e6 } else { f64::INFINITY };
        let mut left = per_us * step_us as f64;
        while let Some(head) = self.queue.front().copied() {
            let rest = head.wire_bytes as f64 - self.head_sent;
            if rest > left {
                self.head_sent += left;
                break;
            }
            if left.is_finite() {
                left -= rest;
            }
            self.head_sent = 0.0;
            self.queue.pop_front();
            self.queued_bytes -= head.wire_bytes;
            let out_us = if left.is_finite() { now_us + step_us - (left / per_us) as u64 } else { now_us };
            let jitter_us = self.random.unit() * self.jitter_ms * 1e3;
            if self.random.unit() >= self.loss {
                deliver(head, out_us.max(self.stalls_until_us) + (self.delay_ms * 1e3 + jitter_us) as u64);
            }
        }
    }
}
