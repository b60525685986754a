//! A flow that follows losses: slow start, then Reno or CUBIC (RFC 5681, RFC 9438), with selective acknowledgements and no
//! retransmissions (what is sent again does not matter here).

use super::link::OnLink;
use std::collections::{BTreeMap, VecDeque};

const PACKET: usize = 1_500;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rule {
    Reno,
    Cubic,
}

pub(super) struct Tcp {
    flow: usize,
    rule: Rule,
    pub(super) start_us: u64,
    window: f64,
    threshold: f64,
    next: u64,
    /// Sent and not acknowledged: number to time.
    in_flight: BTreeMap<u64, u64>,
    acks: VecDeque<(u64, u64)>,
    recover: u64,
    rtt_us: f64,
    last_max: f64,
    epoch_us: u64,
    reno_window: f64,
    pub(super) received_bytes: u64,
}

impl Tcp {
    pub(super) fn new(flow: usize, rule: Rule, start_us: u64) -> Self {
        Self {
            flow,
            rule,
            start_us,
            window: 10.0,
            threshold: f64::MAX,
            next: 0,
            in_flight: BTreeMap::new(),
            acks: VecDeque::new(),
            recover: 0,
            rtt_us: 0.0,
            last_max: 0.0,
            epoch_us: 0,
            reno_window: 0.0,
            received_bytes: 0,
        }
    }

    pub(super) fn receive(&mut self, packet: OnLink, arrived_us: u64) {
        self.received_bytes += packet.wire_bytes as u64;
        self.acks.push_back((arrived_us + 20_000, packet.number));
    }

    pub(super) fn step(&mut self, now_us: u64, out: &mut Vec<OnLink>) {
        if now_us < self.start_us {
            return;
        }
        while let Some((_, number)) = self.acks.pop_front_if(|(at, _)| *at <= now_us) {
            self.on_ack(now_us, number);
        }
        if self.in_flight.first_key_value().is_some_and(|(_, sent)| now_us - sent > 1_500_000) {
            self.in_flight.clear();
            self.threshold = self.window / 2.0;
            self.window = 2.0;
        }
        while (self.in_flight.len() as f64) < self.window {
            self.in_flight.insert(self.next, now_us);
            out.push(OnLink { flow: self.flow, number: self.next, wire_bytes: PACKET });
            self.next += 1;
        }
    }

    fn on_ack(&mut self, now_us: u64, number: u64) {
        let Some(sent_us) = self.in_flight.remove(&number) else { return };
        let sample = (now_us - sent_us) as f64;
        self.rtt_us = if self.rtt_us == 0.0 { sample } else { 0.875 * self.rtt_us + 0.125 * sample };
        if self.window < self.threshold {
            self.window += 1.0;
        } else {
            self.avoid(now_us);
        }
        // Three later ones are here: those before are lost.
        let lost: Vec<_> = self.in_flight.range(..number.saturating_sub(3)).map(|(lost, _)| *lost).collect();
        let has_new = lost.iter().any(|lost| *lost >= self.recover);
        for lost in lost {
            self.in_flight.remove(&lost);
        }
        if has_new {
            self.recover = self.next;
            // Fast convergence (RFC 9438 section 4.7), as Linux has it.
            let is_squeezed = self.window < self.last_max;
            self.last_max = self.window * if is_squeezed { 0.85 } else { 1.0 };
            self.epoch_us = now_us;
            self.window = (self.window * if self.rule == Rule::Reno { 0.5 } else { 0.7 }).max(2.0);
            self.threshold = self.window;
            self.reno_window = self.window;
        }
    }

    fn avoid(&mut self, now_us: u64) {
        if self.rule == Rule::Reno {
            self.window += 1.0 / self.window;
            return;
        }
        self.reno_window += 0.53 / self.window;
        let k = ((self.last_max - self.threshold).max(0.0) / 0.4).cbrt();
        let t = (now_us - self.epoch_us) as f64 / 1e6 + self.rtt_us / 1e6;
        let cubic = (0.4 * (t - k).powi(3) + self.last_max).min(1.5 * self.window);
        if cubic > self.window {
            self.window += (cubic - self.window) / self.window;
        }
        self.window = self.window.max(self.reno_window);
    }
}
