//! One worker's share of the server, whole and without a socket: datagrams, commands and time go in; datagrams, events and
//! the next deadline come out.

use crate::api::{Command, EngineConfig, Event, WorkerTotals};
use crate::transport::Certificate;
use crate::wire::{Datagram, Outbox};
use std::time::Instant;

/// The engine of one worker. Told the time with everything; reads no clock.
#[derive(Debug)]
pub struct Engine {
    totals: WorkerTotals,
}

impl Engine {
    /// An engine with no rooms. All workers of a process share one certificate.
    #[must_use]
    pub fn new(_config: EngineConfig, _certificate: Certificate, _now: Instant) -> Self {
        unreachable!()
    }

    /// Takes a datagram that arrived at `now`.
    pub fn handle_datagram(&mut self, _now: Instant, _datagram: Datagram<'_>, _out: &mut Outbox) {}

    /// Carries out a command.
    pub fn handle_command(&mut self, _now: Instant, _command: Command, _out: &mut Outbox) {}

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, _now: Instant, _out: &mut Outbox) {}

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next; `None` when nothing is going on.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// The next thing that happened, in order. Drain it after every `handle_*`.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// The worker's counts; the driver adds what only it sees (send calls, transit times).
    pub fn totals_mut(&mut self) -> &mut WorkerTotals {
        &mut self.totals
    }
}
