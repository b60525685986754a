//! Whose datagram, of which protocol: RFC 7983 by the first byte, RFC 5761 between RTP and RTCP.

/// The protocol of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// The protocol that the first bytes tell; `None` for those that are not ours.
#[inline]
pub(crate) fn protocol(bytes: &[u8]) -> Option<Protocol> {
    match *bytes {
        [0..=3, ..] => Some(Protocol::Stun),
        [20..=63, ..] => Some(Protocol::Dtls),
        // RFC 5761 section 4: RTCP packet types 192 to 223 are payload types 64 to 95 with the marker bit.
        [128..=191, 192..=223, ..] => Some(Protocol::Rtcp),
        [128..=191, _, ..] => Some(Protocol::Rtp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_protocol() {
        for first in 0..=255u8 {
            let expected = match first {
                0..=3 => Some(Protocol::Stun),
                20..=63 => Some(Protocol::Dtls),
                128..=191 => Some(Protocol::Rtp),
                _ => None,
            };
            assert_eq!(protocol(&[first, 96]), expected, "first byte {first}");
        }
        assert_eq!(protocol(&[128, 200]), Some(Protocol::Rtcp));
        assert_eq!(protocol(&[128, 191]), Some(Protocol::Rtp));
        assert_eq!(protocol(&[128, 224]), Some(Protocol::Rtp));
        assert_eq!(protocol(&[128]), None);
        assert_eq!(protocol(&[]), None);
    }
}
