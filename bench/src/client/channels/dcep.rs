//! The messages that open a channel (RFC 8832 section 5), as a client has them: written again here, so that a mistake of the
//! server's is not made on both sides.

use super::{ChannelConfig, Effort};
use bytes::Bytes;

/// DATA_CHANNEL_ACK.
pub(super) const ACK: [u8; 1] = [2];
const OPEN: u8 = 3;
/// Set in the channel type of an unordered channel.
const UNORDERED: u8 = 0x80;

/// What came.
pub(super) enum Message {
    Open(ChannelConfig),
    Ack,
}

/// A DATA_CHANNEL_OPEN of normal priority.
pub(super) fn write(config: &ChannelConfig) -> Bytes {
    let (kind, parameter) = match config.effort {
        Effort::Reliable => (0, 0),
        Effort::Retransmits(times) => (1, times),
        Effort::LifetimeMs(ms) => (2, ms),
    };
    let mut bytes = vec![OPEN, if config.ordered { kind } else { kind | UNORDERED }];
    bytes.extend_from_slice(&256_u16.to_be_bytes());
    bytes.extend_from_slice(&parameter.to_be_bytes());
    for text in [&config.label, &config.protocol] {
        bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
    }
    bytes.extend_from_slice(config.label.as_bytes());
    bytes.extend_from_slice(config.protocol.as_bytes());
    bytes.into()
}

/// Reads what the server says; `None` for what makes no sense.
pub(super) fn read(bytes: &[u8]) -> Option<Message> {
    let (&[what, kind, _, _, p0, p1, p2, p3, l0, l1, q0, q1], rest) = match bytes {
        [2, ..] => return Some(Message::Ack),
        _ => bytes.split_first_chunk::<12>()?,
    };
    let parameter = u32::from_be_bytes([p0, p1, p2, p3]);
    let effort = match kind & !UNORDERED {
        0 => Effort::Reliable,
        1 => Effort::Retransmits(parameter),
        2 => Effort::LifetimeMs(parameter),
        _ => return None,
    };
    let (label, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
    let protocol = rest.get(..usize::from(u16::from_be_bytes([q0, q1])))?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let config =
        ChannelConfig { label: text(label)?, protocol: text(protocol)?, ordered: kind & UNORDERED == 0, effort };
    (what == OPEN).then_some(Message::Open(config))
}
