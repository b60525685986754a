//! An engine with what it sends through, and the books that only the driver can keep.

use super::composers::ComposePort;
use super::links::Links;
use super::mixers::MixPort;
use super::plain::PlainPorts;
use super::socket::{SendOutcome, UdpSender};
use super::tcp::TcpEgress;
use crate::api::{AdvertisedAddress, Command, DropCause, Event, RoomId, WorkerTotals};
use crate::composer::FromComposer;
use crate::engine::{Engine, LinkMessage, PathChange};
use crate::mixer::FromMixer;
use crate::wire::{Batch, Datagram, MAX_HELD, Outbox, Path, Wire};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Who hears of events; called on the worker's thread, so it must not block.
pub(super) type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// Datagrams held when one arrived alone, as audio does: a flush each 32 cuts the median latency at 50 receivers from 89 us to
/// 51 at no cost.
const HOLD_SINGLE: usize = 32;

/// Datagrams held when many arrived, each of another sender: their receivers' runs would not get longer, and whoever is first waits for the rest.
const HOLD_APART: usize = 512;

/// What arrived at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// One datagram, as of audio: it is answered soon.
    Alone,
    /// Of many senders.
    Apart,
    /// Several of one sender in a row, as of a picture: a receiver's packets run together.
    InARow,
}

/// A worker's sockets, as an outbox sees them.
struct Exits {
    udp: Vec<UdpSender>,
    tcp: Rc<RefCell<TcpEgress>>,
    plain: Rc<RefCell<PlainPorts>>,
    sent: Rc<Cell<SendOutcome>>,
}

impl Wire for Exits {
    fn send(&mut self, batch: &Batch<'_>) {
        let mut outcome = SendOutcome::default();
        for sender in &mut self.udp {
            outcome += sender.send_batch(batch);
        }
        let mut tcp = self.tcp.borrow_mut();
        if !tcp.is_empty() {
            outcome += tcp.send_batch(batch);
        }
        let plain = self.plain.borrow();
        if !plain.is_empty() {
            outcome += plain.send_batch(batch);
        }
        // What no socket owns: a TCP connection that is gone, an address that is ours no more.
        let homeless = (batch.entries().len() as u64).saturating_sub(outcome.packets + outcome.dropped);
        outcome.dropped += homeless;
        outcome += self.sent.get();
        self.sent.set(outcome);
    }
}

/// An engine at work.
pub(super) struct Station {
    engine: Engine,
    outbox: Outbox,
    events: EventSink,
    links: Links,
    mixers: MixPort,
    composers: ComposePort,
    sent: Rc<Cell<SendOutcome>>,
    /// Packets forwarded when the books were last balanced.
    forwarded: u64,
}

impl Station {
    pub(super) fn new(
        engine: Engine,
        udp: Vec<UdpSender>,
        (tcp, plain): (Rc<RefCell<TcpEgress>>, Rc<RefCell<PlainPorts>>),
        events: EventSink,
        links: Links,
        (mixers, composers): (MixPort, ComposePort),
    ) -> Self {
        let sent = Rc::new(Cell::default());
        let outbox = Outbox::new(Box::new(Exits { udp, tcp, plain, sent: Rc::clone(&sent) }));
        Self { engine, outbox, events, links, mixers, composers, sent, forwarded: 0 }
    }

    /// Tells how what comes next arrived, and so how much of what it leads to is held before it leaves.
    pub(super) fn expect(&mut self, arrival: Arrival) {
        self.outbox.hold(match arrival {
            Arrival::Alone => HOLD_SINGLE,
            Arrival::Apart => HOLD_APART,
            Arrival::InARow => MAX_HELD,
        });
    }

    pub(super) fn datagram(&mut self, now: Instant, path: Path, bytes: &mut [u8]) {
        self.engine.handle_datagram(now, Datagram { path, bytes }, &mut self.outbox);
        self.tell();
    }

    /// Takes a word of another worker's engine.
    pub(super) fn link(&mut self, now: Instant, from: u8, word: LinkMessage) {
        self.engine.handle_link(now, from, word, &mut self.outbox);
        self.tell();
    }

    /// Takes a word of a mixer.
    pub(super) fn mixed(&mut self, now: Instant, word: FromMixer) {
        self.engine.handle_mixer(now, word, &mut self.outbox);
        self.tell();
    }

    /// Takes a word of a composer.
    pub(super) fn composed(&mut self, now: Instant, word: FromComposer) {
        self.engine.handle_composer(now, word, &mut self.outbox);
        self.tell();
    }

    /// Somebody is about to join a room that another worker has.
    pub(super) fn share(&mut self, room: RoomId, with: u8, epoch: u64) {
        self.engine.share_room(room, with, epoch);
        self.tell();
    }

    pub(super) fn command(&mut self, now: Instant, command: Command) {
        self.outbox.hold(HOLD_APART);
        self.engine.handle_command(now, command, &mut self.outbox);
        self.tell();
    }

    pub(super) fn set_addresses(&mut self, now: Instant, addresses: Vec<AdvertisedAddress>) {
        self.engine.set_addresses(now, addresses, &mut self.outbox);
        self.tell();
    }

    /// Does what is due.
    pub(super) fn timeout(&mut self, now: Instant) {
        self.outbox.hold(HOLD_APART);
        self.engine.handle_timeout(now, &mut self.outbox);
        self.tell();
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.engine.next_deadline()
    }

    pub(super) fn poll_path(&mut self) -> Option<PathChange> {
        self.engine.poll_path()
    }

    pub(super) fn dropped(&mut self, cause: DropCause) {
        self.engine.totals_mut().dropped(cause);
    }

    pub(super) fn tcp_refused(&mut self, connections: u64) {
        self.engine.totals_mut().tcp_refused += connections;
    }

    pub(super) fn panicked(&mut self) {
        self.engine.totals_mut().panics += 1;
    }

    pub(super) fn totals(&mut self) -> &WorkerTotals {
        self.engine.totals()
    }

    /// Sends what is held.
    pub(super) fn flush(&mut self) {
        self.outbox.flush();
    }

    /// Sends what is held and balances the books of what arrived at `arrived`.
    pub(super) fn settle(&mut self, arrived: Instant) {
        self.outbox.flush();
        let sent = self.sent.take();
        let totals = self.engine.totals_mut();
        totals.send_calls += sent.calls;
        totals.packets_out += sent.packets;
        totals.bytes_out += sent.bytes;
        totals.drops[DropCause::SendBufferFull as usize] += sent.dropped;
        let forwarded = totals.forwarded.saturating_sub(self.forwarded);
        self.forwarded = totals.forwarded;
        if forwarded > 0 {
            let transit_us = u64::try_from(arrived.elapsed().as_micros()).unwrap_or(u64::MAX);
            totals.transited(transit_us, forwarded);
        }
    }

    /// The words of other workers, and for them.
    pub(super) fn links(&mut self) -> &mut Links {
        &mut self.links
    }

    /// What mixers say.
    pub(super) fn mixers(&self) -> &MixPort {
        &self.mixers
    }

    /// What composers say.
    pub(super) fn composers(&self) -> &ComposePort {
        &self.composers
    }

    fn tell(&mut self) {
        while let Some(word) = self.engine.poll_mix() {
            if self.mixers.send(word).is_err() {
                self.engine.totals_mut().dropped(DropCause::QueueFull);
            }
        }
        while let Some(word) = self.engine.poll_compose() {
            if self.composers.send(word).is_err() {
                self.engine.totals_mut().dropped(DropCause::QueueFull);
            }
        }
        // Before the events: who acts on one must find everything known everywhere.
        while let Some((to, word)) = self.engine.poll_link() {
            let dropped = self.links.send(to, word);
            self.engine.totals_mut().drops[DropCause::QueueFull as usize] += dropped;
        }
        while let Some(event) = self.engine.poll_event() {
            (self.events)(event);
        }
    }
}
