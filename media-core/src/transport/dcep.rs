//! How a data channel is opened (RFC 8832): DATA_CHANNEL_OPEN and DATA_CHANNEL_ACK, read and written.

/// What a DATA_CHANNEL_OPEN says (RFC 8832 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) delivery: Delivery,
    /// RFC 8831 section 6.4: 128 is below normal, 256 normal, 512 high, 1024 extra high.
    pub(crate) priority: u16,
    pub(crate) label: String,
    pub(crate) protocol: String,
}

/// What a channel promises of each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) ordered: bool,
    pub(crate) effort: Effort,
}

/// How hard is tried to deliver a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Until it is there.
    Reliable,
    /// So many retransmissions, then it is given up.
    Retransmits(u32),
    /// So long, then it is given up.
    LifetimeMs(u32),
}

/// A message of the establishment protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Open(Open),
    Ack,
}

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadDcep {
    #[error("the message ends too early")]
    Short,
    #[error("the message is of no known type")]
    UnknownType,
    #[error("the channel type is none of RFC 8832 section 8.2.2")]
    UnknownChannelType,
    #[error("the label or the protocol is no UTF-8")]
    NotUtf8,
    #[error("the label or the protocol is longer than is taken")]
    TooLong,
}

const OPEN: u8 = 0x03;
const ACK: u8 = 0x02;
/// Set in a channel type: messages come as they arrive.
const UNORDERED: u8 = 0x80;
/// The bytes of an OPEN before its label.
const OPEN_HEADER_LEN: usize = 12;

impl Message {
    /// Reads a message whose label has at most `max_label` bytes, and its protocol `max_protocol`.
    pub(crate) fn read(bytes: &[u8], max_label: usize, max_protocol: usize) -> Result<Self, BadDcep> {
        match bytes {
            [] => Err(BadDcep::Short),
            [ACK, ..] => Ok(Self::Ack),
            [OPEN, ..] => Open::read(bytes, max_label, max_protocol).map(Self::Open),
            _ => Err(BadDcep::UnknownType),
        }
    }
}

impl Open {
    fn read(bytes: &[u8], max_label: usize, max_protocol: usize) -> Result<Self, BadDcep> {
        let (header, rest) = bytes.split_first_chunk::<OPEN_HEADER_LEN>().ok_or(BadDcep::Short)?;
        let [_, kind, p0, p1, r0, r1, r2, r3, l0, l1, q0, q1] = *header;
        let parameter = u32::from_be_bytes([r0, r1, r2, r3]);
        let effort = match kind & !UNORDERED {
            0x00 => Effort::Reliable,
            0x01 => Effort::Retransmits(parameter),
            0x02 => Effort::LifetimeMs(parameter),
            _ => return Err(BadDcep::UnknownChannelType),
        };
        let (label_len, protocol_len) =
            (usize::from(u16::from_be_bytes([l0, l1])), usize::from(u16::from_be_bytes([q0, q1])));
        if label_len > max_label || protocol_len > max_protocol {
            return Err(BadDcep::TooLong);
        }
        let (label, rest) = rest.split_at_checked(label_len).ok_or(BadDcep::Short)?;
        let protocol = rest.get(..protocol_len).ok_or(BadDcep::Short)?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| BadDcep::NotUtf8);
        Ok(Self {
            delivery: Delivery { ordered: kind & UNORDERED == 0, effort },
            priority: u16::from_be_bytes([p0, p1]),
            label: text(label)?,
            protocol: text(protocol)?,
        })
    }

    /// The message as it goes out. Texts longer than a length field can say are cut there, which no caller's are.
    pub(crate) fn write(&self) -> Vec<u8> {
        let (kind, parameter) = match self.delivery.effort {
            Effort::Reliable => (0x00, 0),
            Effort::Retransmits(times) => (0x01, times),
            Effort::LifetimeMs(ms) => (0x02, ms),
        };
        let unordered = if self.delivery.ordered { 0 } else { UNORDERED };
        let clip = |text: &str| text.floor_char_boundary(usize::from(u16::MAX));
        let (label, protocol) = (&self.label[..clip(&self.label)], &self.protocol[..clip(&self.protocol)]);
        let mut bytes = Vec::with_capacity(OPEN_HEADER_LEN + label.len() + protocol.len());
        bytes.extend_from_slice(&[OPEN, kind | unordered]);
        bytes.extend_from_slice(&self.priority.to_be_bytes());
        bytes.extend_from_slice(&parameter.to_be_bytes());
        bytes.extend_from_slice(&(label.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&(protocol.len() as u16).to_be_bytes());
        bytes.extend_from_slice(label.as_bytes());
        bytes.extend_from_slice(protocol.as_bytes());
        bytes
    }
}

/// A DATA_CHANNEL_ACK (RFC 8832 section 5.2).
pub(crate) const ACK_MESSAGE: [u8; 1] = [ACK];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn opens() -> impl Strategy<Value = Open> {
        let effort = prop_oneof![
            Just(Effort::Reliable),
            any::<u32>().prop_map(Effort::Retransmits),
            any::<u32>().prop_map(Effort::LifetimeMs)
        ];
        (any::<bool>(), effort, any::<u16>(), "\\PC{0,60}", "\\PC{0,60}").prop_map(
            |(ordered, effort, priority, label, protocol)| Open {
                delivery: Delivery { ordered, effort },
                priority,
                label,
                protocol,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(open in opens()) {
            prop_assert_eq!(Message::read(&open.write(), 256, 256), Ok(Message::Open(open)));
        }

        #[test]
        fn anything_at_all_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Message::read(&bytes, 16, 16);
        }

        #[test]
        fn every_cut_of_an_open_is_refused(open in opens()) {
            let bytes = open.write();
            for end in 0..bytes.len() {
                prop_assert_eq!(Message::read(&bytes[..end], 256, 256), Err(BadDcep::Short));
            }
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let open = Open {
            delivery: Delivery { ordered: true, effort: Effort::Reliable },
            priority: 256,
            label: "chat".into(),
            protocol: String::new(),
        };
        let bytes = open.write();
        assert_eq!(Message::read(&bytes, 3, 0), Err(BadDcep::TooLong));
        assert_eq!(Message::read(&bytes, 4, 0), Ok(Message::Open(open)));
        let mut unknown = bytes.clone();
        unknown[1] = 0x03;
        assert_eq!(Message::read(&unknown, 9, 9), Err(BadDcep::UnknownChannelType));
        let mut torn = bytes.clone();
        torn[12] = 0xff;
        assert_eq!(Message::read(&torn, 9, 9), Err(BadDcep::NotUtf8));
        assert_eq!(Message::read(&[0x01, 0], 9, 9), Err(BadDcep::UnknownType));
        assert_eq!(Message::read(&ACK_MESSAGE, 0, 0), Ok(Message::Ack));
        // RFC 8832 gives lengths of up to 65,535: the message need not have them.
        let mut lying = bytes;
        lying[8..12].copy_from_slice(&[0xff; 4]);
        assert_eq!(Message::read(&lying, usize::MAX, usize::MAX), Err(BadDcep::Short));
    }
}
