//! Resets of streams that cross each other (RFC 6525), with one of them deferred.
//!
//! Who is asked to reset streams before all their data has come answers "in progress", and is asked again. A request of his own
//! carries the number of the last request that he knows, which the library fills in and reads as RFC 6525 section 5.2.2 (E1) has
//! it: as an answer that it was carried out. The next request then finds the deferred one in its way, is refused, and so is each
//! that comes after, for ever: channels that are closed stay open at the other end. usrsctp reads it that way too. So the number
//! in such a request is made to be that of the request before, which says nothing.
//!
//! Of ours it is known which is deferred; of the client's it is not, as his answer may have got lost. His numbers are made to say nothing, always:
//! where an answer is missing he is asked again, and answers.

use super::census::chunks;
use super::resets::{RECONFIG, RESET_REQUEST, RESPONSE, parameters, word};

/// The answer to a request that is deferred (RFC 6525 section 4.4).
const IN_PROGRESS: u32 = 6;
/// Where the checksum of a packet is.
const CHECKSUM: std::ops::Range<usize> = 8..12;

/// What we have deferred.
#[derive(Debug, Default)]
pub(super) struct Deferred(Option<u32>);

impl Deferred {
    /// Looks at a packet of ours. Gives the packet that should go in its place.
    pub(super) fn mend(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        mend(packet, |kind, number, second| {
            match kind {
                RESPONSE if second == IN_PROGRESS => self.0 = Some(number),
                RESPONSE if self.0 == Some(number) => self.0 = None,
                _ => {}
            }
            kind == RESET_REQUEST && self.0 == Some(second)
        })
    }
}

/// Looks at a packet of the client. Gives the packet that should be taken in its place: one of which no request answers anything.
pub(super) fn unanswering(packet: &[u8]) -> Option<Vec<u8>> {
    mend(packet, |kind, _, _| kind == RESET_REQUEST)
}

/// Makes requests say nothing of which `is_misread` says so, by a parameter's kind and its first two words; `None` where there are none.
fn mend(packet: &[u8], mut is_misread: impl FnMut(u16, u32, u32) -> bool) -> Option<Vec<u8>> {
    let mut mended = None;
    for chunk in chunks(packet).map_while(|chunk| chunk).filter(|chunk| chunk.kind == RECONFIG) {
        for (kind, value) in parameters(chunk.value).map_while(|parameter| parameter) {
            let Some((number, rest)) = word(value) else { continue };
            let Some((second, _)) = word(rest).filter(|(second, _)| is_misread(kind, number, *second)) else {
                continue;
            };
            // `rest` is a part of the packet.
            let at = rest.as_ptr() as usize - packet.as_ptr() as usize;
            let copy = mended.get_or_insert_with(|| packet.to_vec());
            if let Some(field) = copy.get_mut(at..at + 4) {
                field.copy_from_slice(&second.wrapping_sub(1).to_be_bytes());
            }
        }
    }
    mended.as_mut().into_iter().for_each(|packet| seal(packet));
    mended
}

/// Gives a packet its checksum (RFC 9260 appendix A). Bit by bit, as it is done for few packets.
pub(crate) fn seal(packet: &mut [u8]) {
    let Some(field) = packet.get_mut(CHECKSUM) else { return };
    field.fill(0);
    let step = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
    let crc = !packet.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step));
    if let Some(field) = packet.get_mut(CHECKSUM) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(parameters: &[(u16, &[u32])]) -> Vec<u8> {
        let mut bytes = vec![0; 12];
        bytes.extend_from_slice(&[RECONFIG, 0, 0, 0]);
        for (kind, words) in parameters {
            bytes.extend_from_slice(&kind.to_be_bytes());
            bytes.extend_from_slice(&(words.len() as u16 * 4 + 4).to_be_bytes());
            words.iter().for_each(|word| bytes.extend_from_slice(&word.to_be_bytes()));
        }
        let len = (bytes.len() - 12) as u16;
        bytes[14..16].copy_from_slice(&len.to_be_bytes());
        seal(&mut bytes);
        bytes
    }

    #[test]
    fn a_request_answers_no_request_that_is_deferred() {
        let request = |answered| packet(&[(RESET_REQUEST, &[9, answered, 100])]);
        let mut deferred = Deferred::default();
        assert_eq!(deferred.mend(&request(5)), None);
        assert_eq!(deferred.mend(&packet(&[(RESPONSE, &[5, IN_PROGRESS])])), None);
        assert_eq!(deferred.mend(&request(5)), Some(request(4)));
        assert_eq!(deferred.mend(&request(4)), None);
        // Carried out at last.
        assert_eq!(deferred.mend(&packet(&[(RESPONSE, &[5, 1]), (RESET_REQUEST, &[9, 5, 100])])), None);
        assert_eq!(deferred.mend(&request(5)), None);
        // Both at once.
        let both = |answered| packet(&[(RESPONSE, &[0, IN_PROGRESS]), (RESET_REQUEST, &[9, answered, 100])]);
        assert_eq!(deferred.mend(&both(0)), Some(both(u32::MAX)));
    }

    #[test]
    fn a_request_of_the_client_answers_nothing_whether_he_has_said_that_he_defers_or_not() {
        let request = |answered| packet(&[(RESET_REQUEST, &[9, answered, 100])]);
        assert_eq!(unanswering(&request(5)), Some(request(4)));
        assert_eq!(unanswering(&packet(&[(RESPONSE, &[5, 1])])), None, "an answer is left as it is");
        let both = |answered| packet(&[(RESPONSE, &[5, 1]), (RESET_REQUEST, &[9, answered, 100])]);
        assert_eq!(unanswering(&both(5)), Some(both(4)));
    }

    proptest! {
        #[test]
        fn anything_at_all_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut deferred = Deferred(Some(0));
            for mended in [deferred.mend(&bytes), unanswering(&bytes)] {
                prop_assert!(mended.is_none_or(|mended| mended.len() == bytes.len()));
            }
        }
    }
}
