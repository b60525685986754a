//! FlexFEC as browsers name it: `flexfec-03`, the draft that came before RFC 8627 and differs from it on the wire.

use super::codec::Feedback;
use sdp_types::Media;

/// The encoding name with its clock, in `a=rtpmap`.
const FLEXFEC: &str = "flexfec-03/90000";
/// Longest `a=fmtp` taken: it is given back in the answer. Browsers say `repair-window=10000000`.
const MAX_FMTP_LEN: usize = 64;

/// The repair packets of a media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FecEntry {
    pub(crate) payload_type: u8,
    /// `a=rtpmap`, after the payload type.
    pub(crate) rtpmap: String,
    /// `a=fmtp`, after the payload type; may be empty.
    pub(crate) fmtp: String,
    pub(crate) feedback: Feedback,
}

impl FecEntry {
    /// The first that a section has.
    pub(super) fn read(media: &Media) -> Option<Self> {
        let of = |name: &'static str| {
            media
                .attributes
                .iter()
                .filter(move |a| a.attribute == name)
                .filter_map(|a| a.value.as_deref()?.trim().split_once(' '))
        };
        let (number, rtpmap) = of("rtpmap").find(|(number, map)| {
            map.trim().eq_ignore_ascii_case(FLEXFEC) && media.fmt.split_whitespace().any(|format| format == *number)
        })?;
        let payload_type = number.parse().ok().filter(|pt| *pt < 128u8)?;
        let fmtp = of("fmtp").find(|(of, fmtp)| *of == number && fmtp.len() <= MAX_FMTP_LEN);
        let mut feedback = Feedback::default();
        of("rtcp-fb").filter(|(of, _)| *of == number || *of == "*").for_each(|(_, value)| feedback.add(value));
        // Repair packets are neither asked for again nor decoded.
        let feedback = Feedback { nack: false, pli: false, fir: false, ..feedback };
        let fmtp = fmtp.map(|(_, fmtp)| fmtp.trim().to_owned()).unwrap_or_default();
        Some(Self { payload_type, rtpmap: rtpmap.trim().to_owned(), fmtp, feedback })
    }
}

/// The SSRC of the repair packets for `media_ssrc` (RFC 5956 section 4.3), where the offer names it.
pub(super) fn repair_ssrc(media: &Media, media_ssrc: u32) -> Option<u32> {
    let groups = media.attributes.iter().filter(|a| a.attribute == "ssrc-group").filter_map(|a| a.value.as_deref());
    groups.map(str::split_whitespace).find_map(|mut words| {
        let is_it = words.next() == Some("FEC-FR") && words.next()?.parse() == Ok(media_ssrc);
        words.next()?.parse().ok().filter(|_| is_it)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(lines: &str) -> Media {
        let sdp =
            format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 49\r\n{lines}");
        sdp_types::Session::parse(sdp.as_bytes()).unwrap().medias.remove(0)
    }

    #[test]
    fn it_is_read_as_chromium_writes_it() {
        let lines = "a=rtpmap:49 flexfec-03/90000\r\na=rtcp-fb:49 goog-remb\r\na=rtcp-fb:49 transport-cc\r\na=fmtp:49 repair-window=10000000\r\n";
        let entry = FecEntry::read(&media(lines)).unwrap();
        assert_eq!((entry.payload_type, entry.fmtp.as_str()), (49, "repair-window=10000000"));
        assert!(entry.feedback.transport_cc && !entry.feedback.nack);
        for odd in [
            "a=rtpmap:50 flexfec-03/90000\r\n",
            "a=rtpmap:49 flexfec/90000\r\n",
            "a=rtpmap:49 flexfec-03/8000\r\n",
            "a=rtpmap:49\r\n",
        ] {
            assert_eq!(FecEntry::read(&media(odd)), None, "{odd}");
        }
        let long = format!("a=rtpmap:49 FlexFEC-03/90000\r\na=fmtp:49 {}\r\n", "x".repeat(65));
        assert_eq!(FecEntry::read(&media(&long)).unwrap().fmtp, "");
    }

    #[test]
    fn its_stream_is_found_by_the_one_it_protects() {
        let groups = "a=ssrc-group:FID 1 2\r\na=ssrc-group:FEC-FR 7 8\r\na=ssrc-group:FEC-FR 1 3\r\n";
        assert_eq!(repair_ssrc(&media(groups), 1), Some(3));
        assert_eq!(repair_ssrc(&media(groups), 2), None);
        assert_eq!(
            repair_ssrc(&media("a=ssrc-group:FEC-FR 1\r\na=ssrc-group:FEC-FR\r\na=ssrc-group:FEC-FR 1 x\r\n"), 1),
            None
        );
    }
}
