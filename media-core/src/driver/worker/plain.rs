//! A worker's participants by plain RTP: ports that come and go.

use super::Worker;
use crate::api::Command;
use crate::driver::media_engine::refusal::{Refusal, refuse};
use crate::driver::plain::PlainSocket;
use crate::driver::station::Arrival;
use std::time::Instant;

impl Worker {
    /// Somebody is connected by plain RTP.
    pub(super) fn open_plain(&mut self, now: Instant, sockets: Vec<PlainSocket>, command: Command) {
        let opened: Vec<_> = sockets.iter().map(PlainSocket::local).collect();
        for socket in sockets {
            let registered = self.plain.borrow_mut().open(socket, self.poll.registry());
            if let Err(error) = registered {
                tracing::error!(%error, "cannot wait for a port of plain RTP");
                opened.iter().for_each(|local| self.plain.borrow_mut().close(local));
                return refuse(command, Refusal::Busy);
            }
        }
        self.station.command(now, command);
    }

    /// Reads those of their ports where something waits.
    pub(super) fn receive_plain(&mut self) {
        let ready = self.plain.borrow().ready();
        for _ in 0..ready {
            let Some((token, port)) = self.plain.borrow_mut().next_ready() else { continue };
            let arrived = Instant::now();
            self.station.expect(Arrival::Alone);
            let station = &mut self.station;
            if port.receive(|path, bytes| station.datagram(arrived, path, bytes)) {
                self.plain.borrow_mut().readable(token);
            }
            self.settle(arrived);
        }
    }
}
