//! Passive ICE-TCP (RFC 6544): the receiving half here, the sending half in [`egress`], joined by the streams they share.

mod egress;
pub(super) mod framing;

pub(super) use egress::TcpEgress;

use super::stun;
use crate::wire::{Path, household};
use framing::Frames;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Connections of one worker at most; one more is closed as it comes. TCP is what few clients fall back to.
pub(super) const MAX_CONNECTIONS: usize = 1_024;

/// A connection on which no authentic check came by then is closed. A client's first follows at once.
const UNPROVEN: Duration = Duration::from_secs(10);

/// A proven connection that has sent nothing for so long is closed. Consent checks come every 5 s (RFC 7675).
const SILENCE: Duration = Duration::from_secs(60);

/// How often late connections are looked for.
pub(super) const SWEEP: Duration = Duration::from_secs(1);

/// Tokens from here on are connections; each is given once.
const FIRST_CONNECTION: usize = 1_024;

/// A connection on its way to the worker that owns its session, with what was read of it.
#[derive(Debug)]
pub(super) struct Stray {
    stream: TcpStream,
    path: Path,
    read: Vec<u8>,
}

/// What to do with a connection, by its first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is ours.
    Here,
    /// It belongs to another worker.
    Worker(u8),
}

struct Connection {
    stream: Rc<TcpStream>,
    path: Path,
    frames: Frames,
    /// When the last frame came; before it is proven, when the connection did.
    heard: Instant,
    /// Its first frame was one for us.
    admitted: bool,
    /// ICE validated its path.
    proven: bool,
    /// Waits in the queue of those to be read.
    ready: bool,
}

/// The listeners of a worker, and the receiving halves of its connections.
pub(super) struct TcpIngress {
    listeners: Vec<TcpListener>,
    /// Connections wait to be accepted, perhaps.
    acceptable: bool,
    /// Accepting failed; the next sweep tries again.
    accept_later: bool,
    connections: FxHashMap<Token, Connection>,
    ready: VecDeque<Token>,
    next_token: usize,
    registry: Registry,
    egress: Rc<RefCell<TcpEgress>>,
    /// As [`Limits::tcp_unproven_per_address`](crate::api::Limits::tcp_unproven_per_address).
    unproven_per_address: usize,
    /// Closed as they came.
    refused: u64,
}

impl TcpIngress {
    /// Listens; events of listeners have `listener_token`, those of connections tokens for which [`is_connection`] holds.
    pub(super) fn new(
        mut listeners: Vec<TcpListener>,
        listener_token: Token,
        registry: Registry,
        egress: Rc<RefCell<TcpEgress>>,
        unproven_per_address: usize,
    ) -> io::Result<Self> {
        for listener in &mut listeners {
            registry.register(listener, listener_token, Interest::READABLE)?;
        }
        Ok(Self {
            acceptable: !listeners.is_empty(),
            listeners,
            accept_later: false,
            connections: FxHashMap::default(),
            ready: VecDeque::new(),
            next_token: FIRST_CONNECTION,
            registry,
            egress,
            unproven_per_address,
            refused: 0,
        })
    }

    /// A listener has something to accept.
    pub(super) fn listener_ready(&mut self) {
        self.acceptable = true;
    }

    /// A connection has something to read, or room to write.
    pub(super) fn connection_ready(&mut self, event: &mio::event::Event) {
        let Some(connection) = self.connections.get_mut(&event.token()) else { return };
        if event.is_writable() {
            self.egress.borrow_mut().writable(&connection.path);
        }
        if (event.is_readable() || event.is_read_closed() || event.is_error()) && !connection.ready {
            connection.ready = true;
            self.ready.push_back(event.token());
        }
    }

    /// Accepts what waits.
    pub(super) fn accept(&mut self, now: Instant) {
        if !std::mem::take(&mut self.acceptable) {
            return;
        }
        for i in 0..self.listeners.len() {
            loop {
                match self.listeners[i].accept() {
                    Ok((stream, remote)) if !self.has_room_for(remote) => {
                        self.refused += 1;
                        drop(stream);
                    }
                    Ok((stream, remote)) => {
                        let Ok(local) = stream.local_addr() else { continue };
                        // Media must not wait for the acknowledgement of media.
                        let _ = stream.set_nodelay(true);
                        let _ = self
                            .adopt(Stray { stream, path: Path { local, remote, tcp: true }, read: Vec::new() }, now);
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
                    Err(error) => {
                        // Out of descriptors or memory.
                        tracing::warn!(%error, "cannot accept TCP connections");
                        self.accept_later = true;
                        break;
                    }
                }
            }
        }
    }

    /// Whether one more of this address may come. There are few connections, and new ones are rare.
    fn has_room_for(&self, remote: SocketAddr) -> bool {
        let host = household(remote.ip());
        let of_his = |c: &&Connection| !c.proven && household(c.path.remote.ip()) == host;
        self.connections.len() < MAX_CONNECTIONS
            && (self.unproven_per_address == 0
                || self.connections.values().filter(of_his).count() < self.unproven_per_address)
    }

    /// How many were refused since this was asked last.
    pub(super) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Takes in a connection, from a listener or from another worker.
    pub(super) fn adopt(&mut self, stray: Stray, now: Instant) -> io::Result<()> {
        if self.connections.len() >= MAX_CONNECTIONS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let Stray { mut stream, path, read } = stray;
        let token = Token(self.next_token);
        self.next_token += 1;
        self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let mut frames = Frames::new();
        frames.space()[..read.len()].copy_from_slice(&read);
        frames.wrote(read.len());
        let stream = Rc::new(stream);
        self.egress.borrow_mut().open(path, Rc::clone(&stream));
        let connection = Connection { stream, path, frames, heard: now, admitted: false, proven: false, ready: true };
        self.connections.insert(token, connection);
        self.ready.push_back(token);
        Ok(())
    }

    /// Whether connections wait to be read.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether there are connections at all, which want to be swept.
    pub(super) fn wants_sweep(&self) -> bool {
        self.accept_later || !self.connections.is_empty()
    }

    /// Reads once from the next connection that has something. Whole frames wait in it for [`take`](Self::take).
    pub(super) fn receive(&mut self) -> Option<Token> {
        let token = self.ready.pop_front()?;
        let connection = self.connections.get_mut(&token)?;
        let space = connection.frames.space();
        if space.is_empty() {
            // Another worker read this far; its frames come first.
            self.ready.push_back(token);
            return Some(token);
        }
        match (&*connection.stream).read(space) {
            Ok(len) if len > 0 => {
                connection.frames.wrote(len);
                self.ready.push_back(token);
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => connection.ready = false,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => self.ready.push_back(token),
            Ok(_) | Err(_) => {
                self.close(token);
                return None;
            }
        }
        Some(token)
    }

    /// Hands over the whole frames of a connection. Its first decides where it belongs, by `admit`; one of another worker is
    /// returned with that worker's number.
    pub(super) fn take(
        &mut self,
        token: Token,
        now: Instant,
        admit: impl FnOnce(&[u8]) -> Admission,
        mut each: impl FnMut(Path, &mut [u8]),
    ) -> Option<(u8, Stray)> {
        let connection = self.connections.get_mut(&token)?;
        if !connection.admitted {
            match connection.frames.peek() {
                Ok(None) => return None,
                Ok(Some(first)) if stun::is_binding_request(first) => match admit(first) {
                    Admission::Here => connection.admitted = true,
                    Admission::Worker(worker) => return Some((worker, self.part_with(token)?)),
                },
                // Nobody who speaks ICE begins otherwise.
                _ => {
                    self.close(token);
                    return None;
                }
            }
        }
        let path = connection.path;
        loop {
            match connection.frames.take() {
                Ok(Some(frame)) => {
                    if connection.proven {
                        connection.heard = now;
                    }
                    each(path, frame);
                }
                Ok(None) => return None,
                Err(framing::TooLong) => {
                    self.close(token);
                    return None;
                }
            }
        }
    }

    /// ICE validated a connection's path, or lets go of it.
    pub(super) fn prove(&mut self, path: &Path, proven: bool, now: Instant) {
        // There are few, and this is rare.
        for connection in self.connections.values_mut().filter(|connection| connection.path == *path) {
            connection.proven = proven;
            connection.heard = now;
        }
    }

    /// Closes those that are late, and accepts again if that failed.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.acceptable |= std::mem::take(&mut self.accept_later);
        let late = |c: &Connection| now.duration_since(c.heard) > if c.proven { SILENCE } else { UNPROVEN };
        let tokens: Vec<Token> = self.connections.iter().filter(|(_, c)| late(c)).map(|(token, _)| *token).collect();
        for token in tokens {
            self.close(token);
        }
    }

    fn part_with(&mut self, token: Token) -> Option<Stray> {
        let Connection { stream, path, frames, .. } = self.remove(token)?;
        let stream = Rc::into_inner(stream)?;
        Some(Stray { stream, path, read: frames.pending().to_vec() })
    }

    fn close(&mut self, token: Token) {
        if let Some(connection) = self.remove(token) {
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Forgets a connection in both halves, so that its stream has one owner.
    fn remove(&mut self, token: Token) -> Option<Connection> {
        let mut connection = self.connections.remove(&token)?;
        self.egress.borrow_mut().forget(&connection.path);
        if let Some(stream) = Rc::get_mut(&mut connection.stream) {
            let _ = self.registry.deregister(stream);
        }
        Some(connection)
    }
}

/// Whether a token is a connection's.
pub(super) fn is_connection(token: Token) -> bool {
    token.0 >= FIRST_CONNECTION
}

#[cfg(test)]
mod tests;
