//! A TCP or TLS connection of a client.

use crate::turn::{Frames, NotTurn};
use mio::Token;
use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

/// Bytes that wait for a client who reads too slowly: half a second of a good picture. What comes on top is dropped, as a network
/// would do, since media that is late is of no use.
const MAX_WAITING_BYTES: usize = 256 * 1024;

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client is gone.
    Gone,
    /// He speaks no TLS or no TURN.
    Rubbish,
}

/// One connection.
pub(super) struct Stream {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    frames: Frames,
    /// What the socket did not take yet, from `written` on.
    waiting: Vec<u8>,
    written: usize,
    pub(super) token: Token,
    /// When it was last of use: it has an allocation, or has just come.
    pub(super) useful: Instant,
}

impl Stream {
    pub(super) fn new(
        socket: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        token: Token,
        now: Instant,
    ) -> Result<Self, rustls::Error> {
        let tls = tls.map(ServerConnection::new).transpose()?.map(Box::new);
        Ok(Self { socket, tls, frames: Frames::default(), waiting: Vec::new(), written: 0, token, useful: now })
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Whether TLS is still being set up: what comes next may cost a signature.
    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Reads once. False when there is no more for now.
    pub(super) fn read(&mut self, space: &mut [u8]) -> Result<bool, End> {
        let len = match self.socket.read(space) {
            Ok(0) => return Err(End::Gone),
            Ok(len) => len,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(_) => return Err(End::Gone),
        };
        let Some(tls) = &mut self.tls else {
            self.frames.push(space.get(..len).unwrap_or_default());
            return Ok(true);
        };
        let result = decrypt(tls, space.get(..len).unwrap_or_default(), &mut self.frames);
        // Also an alert, where it failed.
        self.encrypted();
        self.flush();
        result.map(|()| true)
    }

    /// The next whole message.
    pub(super) fn take(&mut self) -> Result<Option<&[u8]>, NotTurn> {
        self.frames.take()
    }

    /// Sends a message; false when too many wait already.
    pub(super) fn send(&mut self, message: &[u8]) -> bool {
        if self.waiting.len() - self.written > MAX_WAITING_BYTES {
            return false;
        }
        match &mut self.tls {
            // It takes all: it has no limit of its own.
            Some(tls) => drop(tls.writer().write_all(message)),
            None => self.waiting.extend_from_slice(message),
        }
        self.encrypted();
        self.flush();
        true
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) {
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(len) if len > 0 => self.written += len,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // What is wrong shows when it is read.
                _ => break,
            }
        }
        if self.written == self.waiting.len() {
            self.waiting.clear();
            self.written = 0;
        } else if self.written > MAX_WAITING_BYTES / 2 {
            self.waiting.drain(..self.written);
            self.written = 0;
        }
    }

    fn encrypted(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        while tls.wants_write() {
            if tls.write_tls(&mut self.waiting).is_err() {
                break;
            }
        }
    }
}

fn decrypt(tls: &mut ServerConnection, mut bytes: &[u8], frames: &mut Frames) -> Result<(), End> {
    while !bytes.is_empty() {
        match tls.read_tls(&mut bytes) {
            Ok(len) if len > 0 => {}
            _ => return Err(End::Rubbish),
        }
        let state = tls.process_new_packets().map_err(|_| End::Rubbish)?;
        let mut plain = vec![0; state.plaintext_bytes_to_read()];
        if tls.reader().read_exact(&mut plain).is_err() {
            return Err(End::Rubbish);
        }
        frames.push(&plain);
        if state.peer_has_closed() {
            return Err(End::Gone);
        }
    }
    Ok(())
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}
