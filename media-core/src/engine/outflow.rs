//! What goes out to one participant: numbered for his feedback, paced, and as much as his path carries.

use super::echoes::Echoes;
use super::resent::Resent;
use super::rest::Traffic;
use crate::allocate::{Allocator, RateMeter};
use crate::bandwidth::{Admission, Bandwidth, BandwidthLimits, Pacer, ProbeId, Urgency};
use crate::forward::{PathTold, Rewritten, Stamp, set_transport_sequence};
use crate::keys::ConsumerKey;
use crate::transport::srtp::SrtpSender;
use crate::wire::{Outbox, Path};
use std::time::{Duration, Instant};

/// How a receiver lets us know what his path carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Feedback {
    /// Not at all: nothing is held back but what he says himself.
    #[default]
    None,
    /// He estimates (draft-alvestrand-rmcat-remb-03), from our send times.
    Remb,
    /// He reports arrivals, and we estimate (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    Transport,
}

/// Bytes around an RTP payload on the wire, reckoned: IPv4 with UDP (28), RTP (12), extensions (8), and SRTP's tag (16).
const OVERHEAD: usize = 64;

/// What was given leaves at this pace at least, in percent: frames are not all of a size.
const LEAST_PACE_PCT: u64 = 110;

/// Room above what was given, in percent of it, with which nothing needs to be decided anew: more than any plan asks for.
const ROOM_PCT: u64 = 130;

/// One participant's outflow.
#[derive(Debug)]
pub(super) struct Outflow {
    feedback: Feedback,
    /// Packets that left.
    pub(super) went: Traffic,
    pub(super) bandwidth: Bandwidth,
    pub(super) pacer: Pacer<Rewritten>,
    echoes: Echoes,
    pub(super) allocator: Allocator<ConsumerKey>,
    /// What was sent again to him of late.
    pub(super) resent: Resent,
    limits: BandwidthLimits,
    started: Instant,
    sent: RateMeter,
    /// Packets dropped for want of room that were told.
    told_dropped: u64,
    /// When that was last.
    dropped_at: Option<Instant>,
    /// What the last plan costs, and at which target it gets better, in bits a second.
    pub(super) allocated_bps: u64,
    pub(super) needed_bps: u64,
    /// At which target all of it is had.
    pub(super) wanted_bps: u64,
    /// He is shown a screen: its large pictures take their time here rather than before the bottleneck.
    pub(super) has_screen: bool,
    /// Whether it is his turn, of those who share his bottleneck, to find out whether it carries more.
    pub(super) has_turn: bool,
}

/// A datagram for one participant.
#[derive(Debug)]
pub(super) struct Departure<'a> {
    pub(super) now: Instant,
    pub(super) flow: u32,
    pub(super) path: Path,
    pub(super) sender: &'a mut SrtpSender,
    pub(super) urgency: Urgency,
    pub(super) payload_len: usize,
    /// Times that the same datagram leaves again a little later, if it leaves at once.
    pub(super) copies: usize,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is on its way.
    Left,
    /// It is on its way, and with it more than next to nothing: [`Engine::rouse`](super::Engine::rouse) its receiver.
    Roused,
    /// It waits for its turn: see to it that [`Outflow::next_deadline`] is kept.
    Held,
    /// The queue is full, or it could not be written.
    Dropped,
}

impl Outflow {
    pub(super) fn new(limits: BandwidthLimits, now: Instant) -> Self {
        let bandwidth = Bandwidth::new(limits, now);
        Self {
            feedback: Feedback::None,
            went: Traffic::new(),
            pacer: Pacer::new(bandwidth.pacing_bps(), now),
            echoes: Echoes::default(),
            bandwidth,
            allocator: Allocator::new(),
            resent: Resent::default(),
            limits,
            started: now,
            sent: RateMeter::new(),
            told_dropped: 0,
            dropped_at: None,
            allocated_bps: 0,
            needed_bps: 0,
            wanted_bps: 0,
            has_screen: false,
            has_turn: true,
        }
    }

    /// Takes note of how the receiver gives feedback. Another way begins another estimate.
    pub(super) fn expect(&mut self, now: Instant, feedback: Feedback) {
        if self.feedback != feedback {
            let allocator = std::mem::replace(&mut self.allocator, Allocator::new());
            *self = Self { feedback, allocator, went: self.went, ..Self::new(self.limits, now) };
        }
    }

    /// What may be sent, in bits a second.
    pub(super) fn target_bps(&self) -> u64 {
        match self.feedback {
            Feedback::None => self.limits.max_bps,
            Feedback::Remb | Feedback::Transport => self.bandwidth.target_bps(),
        }
    }

    /// What his feedback tells of loss and round trip; `None` where he gives none.
    pub(super) fn path_told(&self, now: Instant) -> Option<PathTold> {
        let told = || PathTold { lost: self.bandwidth.loss_to_repair(now), rtt: self.bandwidth.round_trip() };
        self.gives_feedback().then(told)
    }

    /// What may be sent once a queue has drained, in bits a second.
    pub(super) fn drained_bps(&self) -> u64 {
        match self.feedback {
            Feedback::Transport => self.bandwidth.drained_bps(),
            Feedback::None | Feedback::Remb => self.target_bps(),
        }
    }

    /// Whether the target is well above what was given.
    pub(super) fn has_room(&self) -> bool {
        self.target_bps() >= self.allocated_bps / 100 * ROOM_PCT
    }

    /// Whether he reports arrivals.
    pub(super) fn gives_feedback(&self) -> bool {
        self.feedback == Feedback::Transport
    }

    pub(super) fn sent_bps(&mut self, now: Instant) -> u64 {
        self.sent.bps(now)
    }

    /// Sends a packet that `write` appends, or holds it until its turn comes.
    #[inline]
    pub(super) fn send(
        &mut self,
        departure: Departure<'_>,
        out: &mut Outbox,
        write: impl FnOnce(Stamp, &mut Vec<u8>) -> Option<Rewritten>,
    ) -> Sent {
        let Departure { now, flow, path, sender, urgency, payload_len, copies } = departure;
        let wire_bytes = payload_len + OVERHEAD;
        let admission = match self.feedback {
            Feedback::None => Admission::Now(None),
            Feedback::Remb | Feedback::Transport => self.pacer.admit(now, urgency, wire_bytes),
        };
        if admission == Admission::Full {
            self.told_dropped += 1;
            self.dropped_at = Some(now);
            return Sent::Dropped;
        }
        let is_numbered = self.feedback == Feedback::Transport;
        // What waits gets its number when it leaves.
        let sequence = match admission {
            Admission::Now(_) => is_numbered.then(|| self.bandwidth.next_sequence()),
            Admission::Wait | Admission::Full => is_numbered.then_some(0),
        };
        let stamp = Stamp {
            transport_sequence: sequence.map(|s| s as u16),
            send_time: (self.feedback == Feedback::Remb).then(|| self.send_time(now)),
        };
        match admission {
            Admission::Now(probe) => {
                let echoes = &mut self.echoes;
                let seal = |buffer: &mut Vec<u8>| {
                    let start = buffer.len();
                    let new = write(stamp, buffer)?;
                    sender.seal_rtp(buffer, start, new.header_len, new.ssrc, new.index).ok()?;
                    echoes.keep(now, copies, buffer.get(start..)?, sequence, wire_bytes);
                    Some(())
                };
                if out.push(flow, path, seal).is_none() {
                    return Sent::Dropped;
                }
                self.left(now, sequence, wire_bytes, probe);
                if self.went.count() { Sent::Roused } else { Sent::Left }
            }
            Admission::Wait => {
                let is_held = self.pacer.hold(urgency, wire_bytes, |buffer| write(stamp, buffer));
                if is_held { Sent::Held } else { Sent::Dropped }
            }
            Admission::Full => Sent::Dropped,
        }
    }

    fn left(&mut self, now: Instant, sequence: Option<u64>, wire_bytes: usize, probe: Option<ProbeId>) {
        self.sent.add(now, wire_bytes);
        if let Some(sequence) = sequence {
            self.bandwidth.on_sent(now, sequence, wire_bytes, probe);
        }
    }

    /// 24 bits of 2^-18 s since we began.
    fn send_time(&self, now: Instant) -> [u8; 3] {
        let micros = now.saturating_duration_since(self.started).as_micros() as u64;
        let [.., a, b, c] = ((micros << 18) / 1_000_000).to_be_bytes();
        [a, b, c]
    }

    /// Sends what waited and may leave now.
    pub(super) fn release(
        &mut self,
        now: Instant,
        flow: u32,
        (path, sender): (Path, &mut SrtpSender),
        out: &mut Outbox,
    ) {
        while let Some(queued) = self.pacer.poll(now) {
            let (held, wire_bytes, probe) = (queued.note, queued.wire_bytes, queued.probe);
            let sequence = (self.feedback == Feedback::Transport).then(|| self.bandwidth.next_sequence());
            let pushed = out.push(flow, path, |buffer| {
                let start = buffer.len();
                buffer.extend_from_slice(queued.bytes);
                if let Some(sequence) = sequence {
                    set_transport_sequence(buffer.get_mut(start..)?, sequence as u16);
                }
                sender.seal_rtp(buffer, start, held.header_len, held.ssrc, held.index).ok()
            });
            if pushed.is_some() {
                self.left(now, sequence, wire_bytes, probe);
            }
        }
    }

    /// Sends again what is to be sent again now. It is paid for, and never waits, as what it is a copy of.
    pub(super) fn echo(&mut self, now: Instant, flow: u32, path: Path, out: &mut Outbox) {
        while let Some(echo) = self.echoes.poll(now) {
            let pushed = out.push(flow, path, |buffer| {
                buffer.extend_from_slice(&echo.bytes);
                Some(())
            });
            if pushed.is_some() {
                self.pacer.charge_aside(now, echo.wire_bytes);
                self.sent.add(now, echo.wire_bytes);
                self.bandwidth.on_sent_again(now, echo.sequence, echo.wire_bytes);
            }
            self.echoes.put_back(now, echo);
        }
    }

    /// How large a payload of filler is due, in bytes: to find out what the path carries, or that it reports at all.
    pub(super) fn filler_due(&mut self, now: Instant) -> Option<usize> {
        match self.pacer.padding_due(now) {
            0 => None,
            bytes => Some(bytes.saturating_sub(OVERHEAD).max(1)),
        }
    }

    /// Sends filler that `write` appends. `false` when there was nothing to write.
    pub(super) fn send_filler(
        &mut self,
        departure: Departure<'_>,
        out: &mut Outbox,
        write: impl FnOnce(Stamp, &mut Vec<u8>) -> Option<Rewritten>,
    ) -> bool {
        let Departure { now, flow, path, sender, payload_len, .. } = departure;
        let sequence = self.bandwidth.next_sequence();
        let stamp = Stamp { transport_sequence: Some(sequence as u16), send_time: None };
        let pushed = out.push(flow, path, |buffer: &mut Vec<u8>| {
            let start = buffer.len();
            let new = write(stamp, buffer)?;
            sender.seal_rtp(buffer, start, new.header_len, new.ssrc, new.index).ok()
        });
        if pushed.is_some() {
            let wire_bytes = payload_len + OVERHEAD;
            let probe = self.pacer.on_padding(now, wire_bytes);
            self.left(now, Some(sequence), wire_bytes, probe);
        }
        pushed.is_some()
    }

    /// Does what is due, and begins a probe if one is.
    pub(super) fn tick(&mut self, now: Instant) {
        self.bandwidth.handle_timeout(now);
        if self.feedback == Feedback::Transport
            && self.has_turn
            && let Some(probe) = self.bandwidth.poll_probe(now)
        {
            self.pacer.start_probe(now, probe);
        }
        // What was given leaves, even where it is more than the target: a queue here would only make it late.
        // Who does not report arrivals cannot tell what became of a burst.
        self.pacer.set_allowance(if self.gives_feedback() { self.bandwidth.burst_bytes() } else { 0 });
        let least_bps = self.allocated_bps / 100 * LEAST_PACE_PCT;
        self.pacer.set_rate(now, self.bandwidth.pacing_bps().max(least_bps));
        if self.has_screen && self.gives_feedback() {
            self.pacer.spread(now, self.bandwidth.target_bps(), self.bandwidth.proven_burst_bytes());
        } else {
            self.pacer.spread_no_more();
        }
    }

    /// He is to be shown nothing: nothing is worth finding out about his path.
    pub(super) fn wants_nothing(&mut self) {
        (self.allocated_bps, self.needed_bps, self.wanted_bps) = (0, 0, 0);
        self.bandwidth.set_demand(0, 0, 0);
    }

    /// What waits of these streams is not for him any more. It was not sealed yet, so no nonce is spent: its numbers stay unused. Gives
    /// how many packets there were.
    pub(super) fn forget_streams(&mut self, ssrcs: [u32; 2]) -> u64 {
        self.pacer.purge(|held| ssrcs.contains(&held.ssrc))
    }

    /// What waits is of no use any more: there is no way to him.
    pub(super) fn forget_held(&mut self) {
        self.pacer.clear();
        self.echoes.clear();
    }

    /// Packets that were dropped while they waited, since this was asked last.
    pub(super) fn take_dropped(&mut self, now: Instant) -> u64 {
        let dropped = self.pacer.stats().dropped;
        let new = dropped.saturating_sub(std::mem::replace(&mut self.told_dropped, dropped));
        if new > 0 {
            self.dropped_at = Some(now);
        }
        new
    }

    /// Whether all that was sent since then is known to arrive: his path loses nothing, and nothing was dropped here.
    pub(super) fn has_lost_nothing_since(&self, at: Instant) -> bool {
        let is_clean = self.gives_feedback() && self.bandwidth.stats().loss <= 0.0;
        is_clean && self.dropped_at.is_none_or(|dropped| dropped < at)
    }

    /// When this wants attention next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let bandwidth = self.bandwidth.next_deadline().filter(|_| self.feedback == Feedback::Transport);
        [self.pacer.next_deadline(), bandwidth, self.echoes.next_deadline()].into_iter().flatten().min()
    }

    /// For how long nothing was learnt of the path since the beginning: the receiver may have nothing to report yet.
    pub(super) fn is_unheard(&self, now: Instant) -> bool {
        /// A receiver who says nothing for this long will not.
        const PATIENCE: Duration = Duration::from_secs(5);
        self.feedback == Feedback::Transport
            && self.bandwidth.stats().acknowledged_bps == 0
            && now.saturating_duration_since(self.started) < PATIENCE
    }
}
