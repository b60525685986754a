//! The sending half of TCP connections.

use super::framing::LENGTH_BYTES;
use crate::driver::SendOutcome;
use crate::wire::{Batch, Path};
use mio::net::TcpStream;
use rustc_hash::FxHashMap;
use std::io::{self, Write};
use std::net::Shutdown;
use std::rc::Rc;

/// Bytes that wait for a slow connection at most, 2 s of 1 Mb/s. What comes on top is dropped, as a full socket buffer would.
const MAX_QUEUED: usize = 256 * 1024;

struct Outlet {
    stream: Rc<TcpStream>,
    queue: Vec<u8>,
    /// Bytes of the queue that are written.
    written: usize,
    /// Got frames in this batch.
    touched: bool,
}

/// The sending halves of a worker's TCP connections, by path.
#[derive(Default)]
pub(in crate::driver) struct TcpEgress {
    outlets: FxHashMap<Path, Outlet>,
    touched: Vec<Path>,
}

impl TcpEgress {
    pub(super) fn open(&mut self, path: Path, stream: Rc<TcpStream>) {
        self.outlets.insert(path, Outlet { stream, queue: Vec::new(), written: 0, touched: false });
    }

    pub(super) fn forget(&mut self, path: &Path) {
        self.outlets.remove(path);
    }

    /// Whether there are no connections.
    pub(in crate::driver) fn is_empty(&self) -> bool {
        self.outlets.is_empty()
    }

    /// The connection has room again.
    pub(super) fn writable(&mut self, path: &Path) {
        if let Some(outlet) = self.outlets.get_mut(path) {
            outlet.write();
        }
    }

    /// Sends the datagrams of a batch that go by TCP, each connection's in one call.
    pub(in crate::driver) fn send_batch(&mut self, batch: &Batch<'_>) -> SendOutcome {
        let mut outcome = SendOutcome::default();
        for entry in batch.entries().iter().filter(|entry| entry.path.tcp) {
            let bytes = batch.bytes(entry);
            match self.outlets.get_mut(&entry.path) {
                Some(outlet) if outlet.has_room(bytes.len()) => {
                    outlet.push(bytes);
                    outcome.packets += 1;
                    outcome.bytes += bytes.len() as u64;
                    if !std::mem::replace(&mut outlet.touched, true) {
                        self.touched.push(entry.path);
                    }
                }
                _ => outcome.dropped += 1,
            }
        }
        for path in self.touched.drain(..) {
            if let Some(outlet) = self.outlets.get_mut(&path) {
                outlet.touched = false;
                outcome.calls += outlet.write();
            }
        }
        outcome
    }
}

impl Outlet {
    fn has_room(&self, len_bytes: usize) -> bool {
        self.queue.len() - self.written + LENGTH_BYTES + len_bytes <= MAX_QUEUED
    }

    /// Queues a frame; its length fits two bytes, being at most [`MAX_DATAGRAM`](crate::wire::MAX_DATAGRAM).
    fn push(&mut self, bytes: &[u8]) {
        self.queue.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        self.queue.extend_from_slice(bytes);
    }

    /// Writes what the connection takes; tells how many calls that took.
    fn write(&mut self) -> u64 {
        let mut calls = 0;
        while self.written < self.queue.len() {
            calls += 1;
            match (&*self.stream).write(&self.queue[self.written..]) {
                Ok(len) if len > 0 => self.written += len,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Ok(_) | Err(_) => {
                    // The receiving half hears of it, and closes.
                    let _ = self.stream.shutdown(Shutdown::Both);
                    self.written = self.queue.len();
                }
            }
        }
        if self.written == self.queue.len() {
            self.queue.clear();
            self.written = 0;
        } else if self.written > MAX_QUEUED / 2 {
            self.queue.drain(..self.written);
            self.written = 0;
        }
        calls
    }
}
