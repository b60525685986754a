//! What is written into a packet at the moment it leaves.

/// What is written into a packet at the moment it leaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stamp {
    /// For the receiver's transport feedback.
    pub(crate) transport_sequence: Option<u16>,
    /// For the receiver's own estimate, in 24 bits of 2^-18 s.
    pub(crate) send_time: Option<[u8; 3]>,
}

/// Where the first element of the extensions begins: behind the fixed header (we write no CSRCs), profile and length.
const ELEMENT_AT: usize = 16;
/// The profile of the one-byte form (RFC 8285 section 4.2).
const ONE_BYTE_FORM: [u8; 2] = [0xBE, 0xDE];

/// Gives a transport-wide number to a packet that was written with 0 for it, before it is sealed. It is the first of our extensions; a
/// packet that has none stays as it is.
pub(crate) fn set_transport_sequence(packet: &mut [u8], sequence: u16) {
    let has_extensions = packet.first().is_some_and(|first| first & 0x10 != 0);
    let head_len = if packet.get(12..14) == Some(&ONE_BYTE_FORM) { 1 } else { 2 };
    let at = ELEMENT_AT + head_len;
    if let Some(number) = packet.get_mut(at..at + 2).filter(|number| has_extensions && **number == [0, 0]) {
        number.copy_from_slice(&sequence.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colloquy_codecs::rtp::{HeaderFields, write_header};

    #[test]
    fn the_first_element_gets_the_number_in_both_forms() {
        let fields = HeaderFields { marker: false, payload_type: 96, sequence: 1, timestamp: 2, ssrc: 3 };
        for id in [3, 200] {
            let mut packet = Vec::new();
            let elements: [(u8, &[u8]); 2] = [(id, &[0, 0]), (4, b"0")];
            write_header(&mut packet, &fields, elements.into_iter());
            let mut expected = Vec::new();
            write_header(&mut expected, &fields, [(id, &[0xAB, 0xCD][..]), (4, b"0")].into_iter());
            set_transport_sequence(&mut packet, 0xABCD);
            assert_eq!(packet, expected);
        }
    }

    #[test]
    fn other_packets_stay_as_they_are() {
        let fields = HeaderFields { marker: false, payload_type: 96, sequence: 1, timestamp: 2, ssrc: 3 };
        let mut packet = Vec::new();
        write_header(&mut packet, &fields, std::iter::empty::<(u8, &[u8])>());
        packet.extend_from_slice(&[0; 20]);
        let before = packet.clone();
        set_transport_sequence(&mut packet, 7);
        set_transport_sequence(&mut [], 7);
        assert_eq!(packet, before);
    }
}
