//! Connecting participants by plain RTP: the ports are bound here, and given to the worker of the room.

use super::refusal::{Refusal, refuse};
use super::{MediaEngine, Message};
use crate::api::{Command, PeerId, PlainAnswer, PlainAsk, PlainError, Reply};
use crate::driver::plain::Ports;

impl MediaEngine {
    /// Connects a participant by plain RTP, at ports of ours that are free. They are free again when he has gone.
    pub fn plain(&self, peer: PeerId, ask: PlainAsk, reply: Reply<Result<PlainAnswer, PlainError>>) {
        self.connect(self.plain.as_ref(), peer, ask, reply);
    }

    /// Connects a program of this machine that the server runs itself: at loopback ports of its own, to nothing but loopback addresses.
    pub fn plain_here(&self, peer: PeerId, ask: PlainAsk, reply: Reply<Result<PlainAnswer, PlainError>>) {
        self.connect(self.programs.as_ref(), peer, ask, reply);
    }

    fn connect(
        &self,
        ports: Option<&Ports>,
        peer: PeerId,
        ask: PlainAsk,
        reply: Reply<Result<PlainAnswer, PlainError>>,
    ) {
        let Some(ports) = ports else { return reply.send(Err(PlainError::Disabled)) };
        let (sockets, place) = match ports.open(&ask) {
            Ok(opened) => opened,
            Err(why) => return reply.send(Err(why)),
        };
        let command = Command::Plain { peer, ask, place, reply };
        let directory = self.directory();
        let Some(worker) = directory.worker_of_peer(peer).and_then(|worker| self.workers.get(worker)) else {
            drop(directory);
            return refuse(command, Refusal::Unknown);
        };
        // Sent under the lock, as all that is for one room.
        let refused = worker.post(Message::Plain { sockets, command });
        drop(directory);
        if let Some(Message::Plain { command, .. }) = refused {
            refuse(command, Refusal::Busy);
        }
    }
}
