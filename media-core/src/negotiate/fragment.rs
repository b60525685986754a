//! `application/trickle-ice-sdpfrag` (RFC 8840 section 9), as WHIP and WHEP use it (RFC 9725 section 4.3).

use super::answer;
use super::offer::BadOffer;
use crate::api::AdvertisedAddress;
use is::IceCreds;

/// What a fragment says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Trickled {
    /// The ICE session that it is about; new ones ask for a restart.
    pub(crate) credentials: Option<IceCreds>,
    pub(crate) candidates: Vec<String>,
}

/// Candidates taken from one fragment.
const MAX_CANDIDATES: usize = 64;

/// Reads a fragment. It is not a whole SDP (no `v=`), only attribute and media lines.
pub(crate) fn read(body: &str, max_bytes: usize) -> Result<Trickled, BadOffer> {
    if body.len() > max_bytes {
        return Err(BadOffer(format!("the fragment is {} bytes long; at most {max_bytes} are taken", body.len())));
    }
    let value =
        |name: &str| body.lines().find_map(|l| l.trim().strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'));
    let credentials = match (value("ice-ufrag"), value("ice-pwd")) {
        (Some(ufrag), Some(pass)) if (4..=256).contains(&ufrag.len()) && (22..=256).contains(&pass.len()) => {
            Some(IceCreds { ufrag: ufrag.to_owned(), pass: pass.to_owned() })
        }
        (None, None) => None,
        _ => return Err(BadOffer("the fragment needs both a=ice-ufrag and a=ice-pwd, or neither".into())),
    };
    let candidates: Vec<_> = body
        .lines()
        .filter_map(|l| l.trim().strip_prefix("a="))
        .filter(|l| l.starts_with("candidate:"))
        .take(MAX_CANDIDATES)
        .map(str::to_owned)
        .collect();
    let said_something = credentials.is_some() || !candidates.is_empty() || body.contains("a=end-of-candidates");
    if !said_something {
        return Err(BadOffer("the fragment has neither candidates nor ICE credentials".into()));
    }
    Ok(Trickled { credentials, candidates })
}

/// The fragment that answers a restart: our new credentials, and where we are.
pub(crate) fn write(ufrag: &str, password: &str, mid: &str, addresses: &[AdvertisedAddress], ice_lite: bool) -> String {
    let mut body = String::new();
    if ice_lite {
        body.push_str("a=ice-lite\r\n");
    }
    body.push_str(&format!(
        "a=ice-options:trickle\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n"
    ));
    answer::candidates(&mut body, addresses);
    body
}
