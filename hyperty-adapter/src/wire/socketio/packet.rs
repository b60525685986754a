//! Packets of engine.io 3 and of socket.io in them, without a socket: `4` + `2["message","..."]`.
//!
//! Sources: engine.io-protocol revision 3, socket.io-protocol revision 4, and what engine.io-parser 1.x and 2.x write, which both call themselves
//! revision 3. They do not agree on text beyond ASCII in polling: 1.x encodes it as UTF-8 once more. What is sent by polling therefore
//! has `\u` escapes only, which both read.

use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Packets in one payload at most.
pub const MAX_PACKETS: usize = 1_000;
/// Digits of a length at most.
const MAX_DIGITS: usize = 9;
/// Digits of an acknowledgement's number at most.
const MAX_ACK: usize = 10;

/// Bytes that are none of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not socket.io over engine.io 3")]
pub struct NotTheProtocol;

/// A packet of engine.io.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The connection ends.
    Close,
    /// Whether the other is there; with `probe`, by a WebSocket that is to take over.
    Ping(&'a str),
    /// The answer.
    Pong,
    /// A packet of socket.io.
    Message(&'a str),
    /// The WebSocket takes over.
    Upgrade,
    /// Nothing, so that a poll ends.
    Noop,
}

impl<'a> Packet<'a> {
    /// Reads one as a WebSocket's text frame has it.
    ///
    /// # Errors
    /// [`NotTheProtocol`].
    pub fn parse(text: &'a str) -> Result<Self, NotTheProtocol> {
        let mut chars = text.chars();
        let kind = chars.next().ok_or(NotTheProtocol)?;
        Ok(match kind {
            '1' => Self::Close,
            '2' => Self::Ping(chars.as_str()),
            '3' => Self::Pong,
            '4' => Self::Message(chars.as_str()),
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            _ => return Err(NotTheProtocol),
        })
    }
}

/// What a packet of socket.io means to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message for the node.
    Message(Cow<'a, str>),
    /// It is to be said back, as JSON.
    Echo(&'a str),
    /// The client leaves.
    Disconnect,
    /// The client asks for a namespace. There is only `/`, in which it is already.
    Connect(&'a str),
    /// Nothing that a node has to do with.
    Ignored,
}

/// An event, and the number under which it is to be acknowledged.
pub type Acknowledged<'a> = (Event<'a>, Option<&'a str>);

/// Reads a packet of socket.io.
///
/// # Errors
/// [`NotTheProtocol`]; binary events are none of ours.
pub fn event(text: &str) -> Result<Acknowledged<'_>, NotTheProtocol> {
    let kind = text.chars().next().ok_or(NotTheProtocol)?;
    let rest = text.get(1..).unwrap_or_default();
    let (namespace, rest) =
        if rest.starts_with('/') { rest.split_once(',').unwrap_or((rest, "")) } else { ("/", rest) };
    match kind {
        '0' => return Ok((Event::Connect(namespace.split('?').next().unwrap_or("/")), None)),
        '1' => return Ok((Event::Disconnect, None)),
        '3' | '4' => return Ok((Event::Ignored, None)),
        '2' => {}
        _ => return Err(NotTheProtocol),
    }
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > MAX_ACK {
        return Err(NotTheProtocol);
    }
    let (ack, list) = rest.split_at(digits);
    let ack = (!ack.is_empty()).then_some(ack);
    let parts: Vec<&RawValue> = serde_json::from_str(list).map_err(|_| NotTheProtocol)?;
    let mut parts = parts.into_iter().map(RawValue::get);
    let name = parts.next().ok_or(NotTheProtocol)?;
    let Some(argument) = parts.next().filter(|_| namespace == "/") else { return Ok((Event::Ignored, ack)) };
    Ok(match name {
        // A message is a string with JSON in it; an object is taken for the same.
        r#""message""# if argument.starts_with('"') => {
            (Event::Message(Cow::Owned(serde_json::from_str(argument).map_err(|_| NotTheProtocol)?)), ack)
        }
        r#""message""# => (Event::Message(Cow::Borrowed(argument)), ack),
        r#""echo""# => (Event::Echo(argument), ack),
        _ => (Event::Ignored, ack),
    })
}

/// A message of the node as a packet: an object, where clients send a string.
#[must_use]
pub fn message(text: &str) -> String {
    [r#"42["message","#, text, "]"].concat()
}

/// Adds a packet to what is answered to a poll. Its text must be JSON but for its first characters, so that it can be escaped.
pub fn add_to_payload(payload: &mut String, packet: &str) {
    let escaped = escape(packet);
    // Characters, bytes and units of UTF-16 are the same then.
    let _ = write!(payload, "{}:{escaped}", escaped.len());
}

/// JSON with everything beyond ASCII as `\u` escapes: it stands only in strings.
fn escape(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii() {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    Cow::Owned(escaped)
}

/// Takes apart what a client posts: `<length>:<packet>`..., lengths in units of UTF-16.
///
/// # Errors
/// [`NotTheProtocol`].
pub fn payload(text: &str) -> Result<Vec<Cow<'_, str>>, NotTheProtocol> {
    let mut packets = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, after) = rest.split_once(':').ok_or(NotTheProtocol)?;
        let units = number(digits.bytes())?;
        let end = end_of(after, units).ok_or(NotTheProtocol)?;
        let (packet, after) = after.split_at_checked(end).ok_or(NotTheProtocol)?;
        if packets.len() == MAX_PACKETS {
            return Err(NotTheProtocol);
        }
        packets.push(encoded_once_more(packet).map_or(Cow::Borrowed(packet), Cow::Owned));
        rest = after;
    }
    Ok(packets)
}

/// The same as bytes: `0` for text, a length in decimal digits as bytes, `255`, the packet in UTF-8. What is binary is none of ours.
///
/// # Errors
/// [`NotTheProtocol`].
pub fn binary_payload(bytes: &[u8]) -> Result<Vec<Cow<'_, str>>, NotTheProtocol> {
    let mut packets = Vec::new();
    let mut rest = bytes;
    while let Some((kind, after)) = rest.split_first() {
        let at = after.iter().take(MAX_DIGITS + 1).position(|byte| *byte == 255).ok_or(NotTheProtocol)?;
        let (digits, after) = after.split_at_checked(at).ok_or(NotTheProtocol)?;
        let len = number(digits.iter().map(|digit| digit.saturating_add(b'0')))?;
        let (packet, after) = after.get(1..).and_then(|after| after.split_at_checked(len)).ok_or(NotTheProtocol)?;
        if *kind != 0 || packets.len() == MAX_PACKETS {
            return Err(NotTheProtocol);
        }
        packets.push(Cow::Borrowed(std::str::from_utf8(packet).map_err(|_| NotTheProtocol)?));
        rest = after;
    }
    Ok(packets)
}

fn number(digits: impl ExactSizeIterator<Item = u8>) -> Result<usize, NotTheProtocol> {
    if digits.len() == 0 || digits.len() > MAX_DIGITS {
        return Err(NotTheProtocol);
    }
    digits.into_iter().try_fold(0, |number: usize, digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + usize::from(digit - b'0')),
        _ => Err(NotTheProtocol),
    })
}

/// Where so many units of UTF-16 end.
fn end_of(text: &str, units: usize) -> Option<usize> {
    // A unit is at least a byte of UTF-8.
    if text.get(..units).is_some_and(str::is_ascii) {
        return Some(units);
    }
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

/// What engine.io-parser 1.x encoded as UTF-8 once more, decoded: characters that are all bytes, and as bytes are UTF-8 again. Text of a
/// later client that looks the same (`Ã©`) is misread, in polling only; nobody writes it.
fn encoded_once_more(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_and_events_are_read() {
        let text = r#"2["message","{\"type\":\"ping\"}"]"#;
        let framed = format!("4{text}");
        assert_eq!(Packet::parse(&framed), Ok(Packet::Message(text)));
        assert_eq!(event(text), Ok((Event::Message(r#"{"type":"ping"}"#.into()), None)));
        for (text, expected) in [
            (r#"2["message",{"type":"ping"}]"#, (Event::Message(r#"{"type":"ping"}"#.into()), None)),
            (r#"2/,17["message","{}"]"#, (Event::Message("{}".into()), Some("17"))),
            (r#"25["echo",[1, 2]]"#, (Event::Echo("[1, 2]"), Some("5"))),
            (r#"2["other",1]"#, (Event::Ignored, None)),
            (r#"2["message"]"#, (Event::Ignored, None)),
            (r#"2/room,["message","{}"]"#, (Event::Ignored, None)),
            ("0", (Event::Connect("/"), None)),
            ("0/room?a=b", (Event::Connect("/room"), None)),
            ("1", (Event::Disconnect, None)),
            ("31[]", (Event::Ignored, None)),
        ] {
            assert_eq!(event(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "2",
            "2{}",
            "2[]",
            "2[\"message\"",
            "51-[\"message\",{}]",
            "9",
            "299999999999[\"message\",1]",
            "2[\"message\",\"\\x\"]",
        ] {
            assert_eq!(event(text), Err(NotTheProtocol), "{text}");
        }
        for (text, expected) in [
            ("1", Packet::Close),
            ("2probe", Packet::Ping("probe")),
            ("3", Packet::Pong),
            ("5", Packet::Upgrade),
            ("6", Packet::Noop),
        ] {
            assert_eq!(Packet::parse(text), Ok(expected));
        }
        for text in ["", "7", "x", "0{}", "b4abc"] {
            assert_eq!(Packet::parse(text), Err(NotTheProtocol), "{text}");
        }
    }

    #[test]
    fn payloads_of_each_kind_are_read() {
        assert_eq!(payload("2:40").unwrap(), ["40"]);
        assert_eq!(payload("1:22:404:42[]").unwrap(), ["2", "40", "42[]"]);
        // Units of UTF-16, as a later client counts; and bytes as characters, as an earlier one writes the same.
        assert_eq!(payload("6:4\"é😀\"1:2").unwrap(), ["4\"é😀\"", "2"]);
        assert_eq!(payload("9:4\"Ã©\u{f0}\u{9f}\u{98}\u{80}\"").unwrap(), ["4\"é😀\""]);
        let mut bytes = vec![0, 2, 255];
        bytes.extend(b"40");
        bytes.extend([0, 1, 0, 255]);
        bytes.extend("4\"é-----\"".as_bytes());
        assert_eq!(binary_payload(&bytes).unwrap(), ["40", "4\"é-----\""]);
        for bad in ["x", "1", "1:", "2:4", ":4", "-1:4", "1x:4", "9999999999:4", "1:😀"] {
            assert_eq!(payload(bad), Err(NotTheProtocol), "{bad}");
        }
        for bad in [&[0][..], &[0, 255], &[1, 1, 255, 4], &[0, 2, 255, b'4'], &[0, 12, 255, b'4'], &[0, 1, 255, 0xff]] {
            assert_eq!(binary_payload(bad), Err(NotTheProtocol), "{bad:?}");
        }
        assert!(payload(&"1:6".repeat(MAX_PACKETS)).is_ok());
        assert_eq!(payload(&"1:6".repeat(MAX_PACKETS + 1)), Err(NotTheProtocol));
    }

    proptest! {
        /// What is sent is read again as it was, however it is framed.
        #[test]
        fn what_is_framed_is_read_again(texts in proptest::collection::vec(".{0,30}", 0..5)) {
            let mut sent = String::new();
            let messages: Vec<String> = texts.iter().map(|text| message(&serde_json::to_string(text).unwrap())).collect();
            messages.iter().for_each(|message| add_to_payload(&mut sent, message));
            prop_assert!(sent.is_ascii());
            let packets = payload(&sent).unwrap();
            prop_assert_eq!(packets.len(), texts.len());
            for (packet, text) in packets.iter().zip(&texts) {
                let Ok(Packet::Message(inner)) = Packet::parse(packet) else { panic!("{packet}") };
                prop_assert_eq!(event(inner).unwrap().0, Event::Message(text.into()));
            }
        }

        #[test]
        fn a_clients_payload_is_read(texts in proptest::collection::vec("[a-z\u{100}-\u{10ffff}]{1,30}", 0..5)) {
            let posted: String = texts.iter().map(|text| format!("{}:{text}", text.encode_utf16().count())).collect();
                        let mut bytes = Vec::new();
            for text in &texts {
                bytes.push(0);
                bytes.extend(text.len().to_string().bytes().map(|digit| digit - b'0'));
                bytes.push(255);
                bytes.extend(text.bytes());
            }
            prop_assert_eq!(payload(&posted).unwrap(), texts.as_slice());
            prop_assert_eq!(binary_payload(&bytes).unwrap(), texts);
        }

        #[test]
        fn anything_at_all_is_survived(text in r#"[0-9:\[\]"/,a-e😀]{0,40}"#, bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for packet in payload(&text).unwrap_or_default() {
                let _ = Packet::parse(&packet);
            }
            let _ = (event(&text), binary_payload(&bytes));
        }
    }
}
