//! The media section of data channels (RFC 8841): one for each DTLS association.

use super::OfferedSection;
use super::answer::line;
use sdp_types::Media;

/// What a section of data channels offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DataSection {
    pub(crate) sctp_port: u16,
    /// Longest message that the client takes, in bytes; 0 is any.
    pub(crate) max_message_bytes: u32,
}

/// Our own port: there is nothing else in the association to tell apart.
const SCTP_PORT: u16 = 5_000;
/// RFC 8841 section 6.1: what is taken without the attribute.
const DEFAULT_MAX_MESSAGE: u32 = 64 * 1024;

impl DataSection {
    /// Reads a section; `None` for one of other things, one that the client ended, and the `DTLS/SCTP 5000` of drafts.
    pub(super) fn read(media: &Media) -> Option<Self> {
        let attribute = |name: &str| media.attributes.iter().find(|a| a.attribute == name);
        let value = |name: &str| attribute(name)?.value.as_deref().map(str::trim);
        let is_data = media.media == "application"
            && matches!(media.proto.as_str(), "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP")
            && media.fmt.trim() == "webrtc-datachannel";
        let is_alive = media.port != 0 || attribute("bundle-only").is_some();
        // Port 0 is how an association is closed (RFC 8841 section 5.2).
        let sctp_port = value("sctp-port")?.parse().ok().filter(|port| *port != 0);
        let max_message_bytes = match value("max-message-size") {
            // More than we could ever send is as good as any.
            Some(text) => text.parse::<u64>().ok()?.try_into().unwrap_or(0),
            None => DEFAULT_MAX_MESSAGE,
        };
        sctp_port.filter(|_| is_data && is_alive).map(|sctp_port| Self { sctp_port, max_message_bytes })
    }

    /// Leaves all but the first section to be refused.
    pub(super) fn keep_first(sections: &mut [OfferedSection]) {
        sections.iter_mut().filter(|s| s.data.is_some()).skip(1).for_each(|s| s.data = None);
    }
}

/// What an answer says of the association.
pub(super) fn lines(sdp: &mut String, max_message_bytes: u32) {
    line(sdp, format_args!("a=sctp-port:{SCTP_PORT}"));
    line(sdp, format_args!("a=max-message-size:{max_message_bytes}"));
}
