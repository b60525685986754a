//! The way out of a client's media: sealed and addressed, in buffers that are used again.

use super::ice::Route;
use super::transmit::Transmit;
use colloquy_media_core::transport::srtp::SrtpSender;
use std::collections::VecDeque;

/// Buffers kept for later packets: as many as a burst has.
const POOL: usize = 64;

/// Datagrams held for a caller who does not ask for them; the newest are dropped beyond it.
const MAX_QUEUED: usize = 4096;

/// Seals and queues.
#[derive(Debug, Default)]
pub(super) struct SrtpOut {
    pub(super) sender: Option<SrtpSender>,
    pub(super) route: Option<Route>,
    pub(super) queue: VecDeque<Transmit>,
    pool: Vec<Vec<u8>>,
}

impl SrtpOut {
    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.pool.pop().unwrap_or_else(|| Vec::with_capacity(1500));
        buffer.clear();
        buffer
    }

    /// Gives a buffer back.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.pool.len() < POOL {
            self.pool.push(buffer);
        }
    }

    pub(super) fn send_rtp(&mut self, mut packet: Vec<u8>, header_len: usize, ssrc: u32, index: u64) {
        let sealed =
            self.sender.as_mut().is_some_and(|sender| sender.seal_rtp(&mut packet, 0, header_len, ssrc, index).is_ok());
        self.send(packet, sealed);
    }

    pub(super) fn send_rtcp(&mut self, mut packet: Vec<u8>) {
        let sealed = self.sender.as_mut().is_some_and(|sender| sender.seal_rtcp(&mut packet, 0).is_ok());
        self.send(packet, sealed);
    }

    /// Sends what needs no sealing.
    pub(super) fn send_plain(&mut self, packet: Vec<u8>, fallback: Option<Route>) {
        if let Some(route) = self.route.or(fallback) {
            self.queue.push_back(Transmit { local: route.local, remote: route.remote, bytes: packet });
        }
    }

    fn send(&mut self, packet: Vec<u8>, sealed: bool) {
        match self.route {
            Some(route) if sealed && self.queue.len() < MAX_QUEUED => {
                self.queue.push_back(Transmit { local: route.local, remote: route.remote, bytes: packet });
            }
            _ => self.recycle(packet),
        }
    }
}
