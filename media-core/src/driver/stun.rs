//! As much of STUN (RFC 8489) as it takes to see for which worker a binding request is, without believing any of it.

/// The worker-marking characters that ICE username fragments of ours begin with: `A` is worker 0.
pub(super) const WORKER_MARKS: std::ops::RangeInclusive<u8> = b'A'..=b'Z';

const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const USERNAME: [u8; 2] = [0x00, 0x06];

/// Whether these are the first bytes of a STUN binding request.
pub(super) fn is_binding_request(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES && bytes[..2] == BINDING_REQUEST && bytes[4..8] == MAGIC_COOKIE
}

/// The worker that a binding request is for, by its USERNAME: `<our fragment>:<theirs>` (RFC 8445 section 7.2.2).
pub(super) fn worker_of(bytes: &[u8]) -> Option<u8> {
    if !is_binding_request(bytes) {
        return None;
    }
    let mut rest = bytes.get(HEADER_BYTES..)?;
    loop {
        let (kind, len) = (rest.get(..2)?, rest.get(2..4)?);
        let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
        if kind == USERNAME {
            let mark = rest.get(4..4 + len)?.first()?;
            return WORKER_MARKS.contains(mark).then(|| mark - WORKER_MARKS.start());
        }
        // Attributes are padded to four bytes.
        rest = rest.get(4 + len.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A binding request with a USERNAME behind another attribute, and no integrity.
    pub(in crate::driver) fn request(username: &str) -> Vec<u8> {
        let mut attributes = vec![0x80, 0x22, 0, 3, b'x', b'y', b'z', 0];
        attributes.extend_from_slice(&USERNAME);
        attributes.extend_from_slice(&(username.len() as u16).to_be_bytes());
        attributes.extend_from_slice(username.as_bytes());
        attributes.resize(attributes.len().next_multiple_of(4), 0);
        let mut bytes = BINDING_REQUEST.to_vec();
        bytes.extend_from_slice(&(attributes.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&MAGIC_COOKIE);
        bytes.extend_from_slice(&[7; 12]);
        bytes.extend_from_slice(&attributes);
        bytes
    }

    #[test]
    fn the_username_names_the_worker() {
        for (username, worker) in
            [("Axyz:abcd", Some(0)), ("Cxyz:abcd", Some(2)), ("Z:a", Some(25)), ("a:A", None), ("", None)]
        {
            assert_eq!(worker_of(&request(username)), worker, "{username}");
        }
    }

    #[test]
    fn cut_and_foreign_bytes_name_none() {
        let whole = request("Bxyz:abcd");
        for len in 0..whole.len() - 4 {
            assert_eq!(worker_of(&whole[..len]), None, "{len} bytes");
        }
        let mut response = whole;
        response[0] = 1;
        assert_eq!(worker_of(&response), None);
        assert_eq!(worker_of(&[128; 200]), None);
    }
}
