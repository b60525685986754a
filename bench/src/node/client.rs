//! A session over a WebSocket that costs the load next to nothing: frames are made once, and of those that come only the heads are read.

use super::DOMAIN;
use anyhow::{Context as _, Result, bail};
use mio::net::TcpStream;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a server may take to answer while a session is opened.
const ANSWER: Duration = Duration::from_secs(10);
/// Bytes read at once.
const READ: usize = 64 * 1024;

/// One session.
pub(super) struct Client {
    pub(super) socket: TcpStream,
    /// What came and is no whole frame yet.
    partial: Vec<u8>,
    /// What is to be sent and did not fit.
    backlog: Vec<u8>,
}

/// The hyperty of the session with this number.
pub(super) fn hyperty(number: usize) -> String {
    format!("hyperty://{DOMAIN}/00000000-0000-4000-8000-{number:012}")
}

/// A text frame of a client, with a mask of zeros: it costs the server what any other does.
pub(super) fn frame(text: &str) -> Vec<u8> {
    let len = text.len();
    let mut frame = vec![0x81];
    match u16::try_from(len) {
        Ok(short) if short < 126 => frame.push(0x80 | u8::try_from(short).unwrap_or(0)),
        Ok(short) => {
            frame.push(0x80 | 126);
            frame.extend(short.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// A message of so many bytes from one session to another.
pub(super) fn message(from: usize, to: usize, stamp: u64, bytes: usize) -> String {
    let (from, to) = (hyperty(from), hyperty(to));
    let head =
        format!(r#"{{"id":1,"type":"execute","from":"{from}","to":"{to}","body":{{"stamp":"{stamp:020}","value":""#);
    let tail = r#""}}"#;
    let padding = bytes.saturating_sub(head.len() + tail.len());
    [&head, &"x".repeat(padding), tail].concat()
}

/// When a message was sent, as it says itself.
pub(super) fn stamp(frame: &[u8]) -> Option<u64> {
    const KEY: &[u8] = br#""stamp":""#;
    let at = frame.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    std::str::from_utf8(frame.get(at..at + 20)?).ok()?.parse().ok()
}

impl Client {
    /// Opens a session that is subscribed to its hyperty.
    pub(super) fn open(server: SocketAddr, number: usize) -> Result<Self> {
        let mut socket = std::net::TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER))?;
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_exact(&mut byte).context("the server does not answer")?;
            head.extend(byte);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            bail!("no WebSocket: {}", String::from_utf8_lossy(&head).lines().next().unwrap_or_default());
        }
        let runtime = format!("runtime://{DOMAIN}/{number}");
        let open = format!(r#"{{"id":1,"type":"open","from":"{runtime}","to":"mn:/session"}}"#);
        let subscribe = format!(
            r#"{{"id":2,"type":"subscribe","from":"{runtime}/sm","to":"domain://msg-node.{DOMAIN}/sm","body":{{"resources":["{}"]}}}}"#,
            hyperty(number)
        );
        socket.write_all(&[frame(&open), frame(&subscribe)].concat())?;
        let mut answers = Vec::new();
        let mut buffer = [0; 1024];
        while answers.windows(10).filter(|window| window == br#""code":200"#).count() < 2 {
            let len = socket.read(&mut buffer).context("a session is not opened")?;
            if len == 0 {
                bail!("a session was closed");
            }
            answers.extend_from_slice(buffer.get(..len).unwrap_or_default());
        }
        socket.set_nonblocking(true)?;
        Ok(Self { socket: TcpStream::from_std(socket), partial: Vec::new(), backlog: Vec::new() })
    }

    /// Sends, as far as the server takes it; the rest follows.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if self.backlog.is_empty() {
            let sent = write(&mut self.socket, bytes)?;
            self.backlog.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        } else {
            self.backlog.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Sends what did not fit before.
    pub(super) fn resume(&mut self) -> Result<()> {
        let sent = write(&mut self.socket, &self.backlog)?;
        self.backlog.drain(..sent);
        Ok(())
    }

    /// Reads what there is, and shows each text frame.
    pub(super) fn read(&mut self, scratch: &mut Vec<u8>, mut each: impl FnMut(&[u8])) -> Result<()> {
        loop {
            scratch.clear();
            scratch.extend_from_slice(&self.partial);
            let kept = scratch.len();
            scratch.resize(kept + READ, 0);
            let len = match self.socket.read(scratch.get_mut(kept..).unwrap_or_default()) {
                Ok(0) => bail!("the server closed a session"),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            scratch.truncate(kept + len);
            let mut rest = scratch.as_slice();
            while let Some((kind, payload, after)) = split(rest) {
                if kind == 0x81 {
                    each(payload);
                }
                rest = after;
            }
            self.partial.clear();
            self.partial.extend_from_slice(rest);
            if len < READ {
                return Ok(());
            }
        }
    }
}

fn write(socket: &mut TcpStream, bytes: &[u8]) -> Result<usize> {
    let mut sent = 0;
    while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
        match socket.write(rest) {
            Ok(len) => sent += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}

/// The first frame of a server: its first byte, its payload, and what comes after it.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, short) = (*bytes.first()?, usize::from(*bytes.get(1)? & 0x7f));
    let (len, start): (usize, usize) = match short {
        126 => (usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (short, 2),
    };
    let payload = bytes.get(start..start.checked_add(len)?)?;
    Some((kind, payload, bytes.get(start + len..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_size_and_its_stamp() {
        let text = message(1, 9_999, 123, 500);
        assert_eq!((text.len(), stamp(text.as_bytes())), (500, Some(123)));
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        assert_eq!(frame(&text).len(), 500 + 8);
    }

    #[test]
    fn frames_are_split() {
        let bytes = [&[0x81, 2][..], b"ab", &[0x89, 0], &[0x81, 126, 0, 3], b"abc", &[0x81, 5], b"a"].concat();
        let (kind, payload, rest) = split(&bytes).unwrap();
        assert_eq!((kind, payload), (0x81, &b"ab"[..]));
        let (kind, payload, rest) = split(rest).unwrap();
        assert_eq!((kind, payload), (0x89, &b""[..]));
        let (kind, payload, rest) = split(rest).unwrap();
        assert_eq!((kind, payload), (0x81, &b"abc"[..]));
        assert_eq!(split(rest), None);
    }
}
