//! What the WebSocket, HTTP and SDP readers are sent.

use super::case::{Case, Known, cases};
use super::live::{Live, ROOM};
use super::socket::{Outcome, Socket};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a client waits that has said half of something. The server's own time-outs are longer, and tested beside it.
const SILENCE: Duration = Duration::from_millis(300);

/// Every file of the signalling, with the healthy call beside it.
pub(crate) fn play_signalling(live: &mut Live) -> Result<()> {
    let server = live.host.address();
    for case in cases("signalling", "json") {
        frames(&case, server).with_context(|| case.name.clone())?;
        live.goes_on().with_context(|| format!("after {}", case.name))?;
    }
    for case in cases("signalling", "txt") {
        request(&case, server).with_context(|| case.name.clone())?;
        live.goes_on().with_context(|| format!("after {}", case.name))?;
    }
    for case in cases("signalling", "hex") {
        raw_frames(&case, server).with_context(|| case.name.clone())?;
        live.goes_on().with_context(|| format!("after {}", case.name))?;
    }
    ensure!(live.totals().panics == 0, "a media thread panicked");
    let metrics = get(server, "/metrics")?;
    ensure!(metrics.contains("colloquy_defects_total 0"), "a conversation or a request panicked:\n{metrics}");
    Ok(())
}

/// Every offer, by the WebSocket and by WHIP.
pub(crate) fn play_offers(live: &mut Live) -> Result<()> {
    let server = live.host.address();
    for case in cases("sdp", "sdp") {
        by_socket(&case, server).with_context(|| case.name.clone())?;
        by_whip(&case, server).with_context(|| case.name.clone())?;
        live.goes_on().with_context(|| format!("after {}", case.name))?;
    }
    ensure!(live.totals().panics == 0, "a media thread panicked");
    Ok(())
}

/// An offer with the line ends that SDP has.
pub(crate) fn offer(case: &Case) -> String {
    case.text().replace("\r\n", "\n").replace('\n', "\r\n") + "\r\n"
}

fn at_stage(stage: &str, server: SocketAddr) -> Result<Socket> {
    let mut socket = Socket::open(server)?;
    if stage != "silent" {
        socket.ask(&json!({"type":"hello","id":4_000_000,"version":1}))?;
    }
    if stage == "joined" {
        let joined = socket.ask(&json!({"type":"join","id":4_000_001,"room":ROOM,"name":"Mallory"}))?;
        ensure!(joined["type"] == "joined", "{joined}");
    }
    Ok(socket)
}

/// Whether this is one of the outcomes that are expected; errors say what is wrong and what to do.
fn is_expected(case: &Case, outcome: &Outcome) -> bool {
    case.expected().into_iter().any(|expected| match (expected.split_once(' '), outcome) {
        (None, Outcome::Ok) => expected == "ok",
        (Some(("code", wanted)), Outcome::Refused { code, message, remedy }) => {
            code == wanted && !message.is_empty() && !remedy.is_empty()
        }
        (Some(("close", wanted)), Outcome::Closed(code)) => wanted == code.to_string(),
        _ => false,
    })
}

fn frames(case: &Case, server: SocketAddr) -> Result<()> {
    let stage = case.setting("stage").context("no stage")?;
    let mut socket = at_stage(stage, server)?;
    for frame in case.text().split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        let start: String = frame.chars().take(100).collect();
        if frame.is_empty() {
            continue;
        }
        let outcome = socket.try_frame(frame)?;
        ensure!(is_expected(case, &outcome), "{start}: {outcome:?}");
        if matches!(outcome, Outcome::Closed(_)) {
            socket = at_stage(stage, server)?;
        }
    }
    Ok(())
}

/// Says `bytes` on a connection of its own; gives what came back, and whether the server closed.
fn say(server: SocketAddr, bytes: &[u8], half: bool) -> Result<(Vec<u8>, bool)> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    // It may be closed before all is said.
    let said = stream.write_all(bytes);
    if half && said.is_ok() {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok((answer, true)),
            Ok(len) => answer.extend_from_slice(&buffer[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok((answer, false));
            }
            Err(_) => return Ok((answer, true)),
        }
    }
}

fn request(case: &Case, server: SocketAddr) -> Result<()> {
    let request = case.text().replace("\r\n", "\n").replace('\n', "\r\n");
    let (answer, closed) = say(server, request.as_bytes(), false)?;
    // RFC 9113 section 3.4: a server's first frame is SETTINGS: type 4, no acknowledgement, of stream 0, and whole settings of 6 bytes each.
    let begins_with_settings = matches!(answer[..], [0, 0, len, 4, 0, 0, 0, 0, 0, ..] if len % 6 == 0);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let met = case.expected().into_iter().any(|expected| match expected.split_once(' ') {
        Some(("status", wanted)) => wanted == status,
        None if expected == "closed" => closed && answer.is_empty(),
        None if expected == "silent" => answer.is_empty(),
        None if expected == "settings" => begins_with_settings,
        _ => false,
    });
    let start: String = answer.chars().take(400).collect();
    ensure!(met, "closed {closed}: {start}");
    if let Some(absent) = case.setting("names").and_then(|names| names.strip_prefix('!')) {
        ensure!(!answer.to_ascii_lowercase().contains(absent), "{absent} in {start}");
    }
    Ok(())
}

/// How a WebSocket is opened by hand.
const UPGRADE: &str = "GET /api/v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn raw_frames(case: &Case, server: SocketAddr) -> Result<()> {
    for packet in case.packets(&Known::default()) {
        let said = [UPGRADE.as_bytes(), &packet].concat();
        let (answer, closed) = say(server, &said, false)?;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("there is an answer")? + 4;
        ensure!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        let close = match answer[end..] {
            [0x88, len, high, low, ..] if len >= 2 => Some(u16::from_be_bytes([high, low])),
            _ => None,
        };
        let met = case.expected().into_iter().any(|expected| match expected.split_once(' ') {
            Some(("close", wanted)) => close.is_some_and(|code| code.to_string() == wanted),
            _ => expected == "closed" && closed,
        });
        ensure!(met, "{:02x?}: closed {closed}, {:02x?}", &packet[..packet.len().min(32)], &answer[end..]);
        if case.is_cut() {
            for len in 0..packet.len() {
                say(server, &said[..UPGRADE.len() + len], true)?;
            }
        }
    }
    Ok(())
}

fn get(server: SocketAddr, path: &str) -> Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    Ok(String::from_utf8_lossy(&say(server, request.as_bytes(), false)?.0).into_owned())
}

/// Whether a refusal was expected, and names what is wrong.
pub(crate) fn judge_offer(case: &Case, refused: Option<&str>) -> Result<()> {
    let expected = case.expected();
    match refused {
        None => ensure!(expected.contains(&"taken"), "it was taken"),
        Some(text) => {
            ensure!(expected.contains(&"refuse"), "it was refused: {text}");
            let word = case.setting("names").unwrap_or_default();
            ensure!(text.contains(word), "{word} is not in: {text}");
        }
    }
    Ok(())
}

fn by_socket(case: &Case, server: SocketAddr) -> Result<()> {
    let mut socket = at_stage("joined", server)?;
    let frame = json!({"type":"offer","id":5,"sdp":offer(case)}).to_string();
    match socket.try_frame(&frame)? {
        Outcome::Ok => judge_offer(case, None),
        // Too long for a frame, and so said by the close code alone.
        Outcome::Closed(1009) => judge_offer(case, Some(case.setting("names").unwrap_or_default())),
        Outcome::Closed(code) => anyhow::bail!("closed with {code}"),
        Outcome::Refused { code, message, remedy } => {
            ensure!(matches!(code.as_str(), "sdp.rejected" | "limit.exceeded"), "{code}: {message}");
            ensure!(!remedy.is_empty());
            let long = if code == "limit.exceeded" { " (too long)" } else { "" };
            judge_offer(case, Some(&format!("{message}{long}")))
        }
    }
}

fn by_whip(case: &Case, server: SocketAddr) -> Result<()> {
    let sdp = offer(case);
    let head = format!(
        "POST /api/v1/whip/{ROOM}-whip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n",
        sdp.len()
    );
    let (answer, closed) = say(server, &[head.as_bytes(), sdp.as_bytes()].concat(), false)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let taken = status == "201";
    let expected = case.expected();
    ensure!(
        if taken { expected.contains(&"taken") } else { expected.contains(&"refuse") },
        "closed {closed}: {answer}"
    );
    ensure!(taken || matches!(status, "400" | "406" | "413" | "422") || closed, "{answer}");
    Ok(())
}
