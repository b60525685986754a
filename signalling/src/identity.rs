//! Who somebody in a call is, where somebody else vouches for him: the port to whoever can check that. Nothing here knows how a proof looks; what is
//! decided here is what follows from one.
//!
//! A proof is about the fingerprints of an offer (RFC 8827 section 5.6): whoever brings another's does not get past the DTLS handshake. So what was
//! found is shown to others only once the media is up.

use crate::error::{ErrorCode, Refusal};
use crate::wire::IdentityView;
use serde::Deserialize;

/// Longest signed claim, in bytes.
pub const CLAIM_BYTES: usize = 16 * 1024;

/// What is made of what clients say of who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityDemand {
    /// Nothing.
    Ignored,
    /// It is checked, and shown to others. Who says nothing comes in as well.
    #[default]
    Accepted,
    /// No media without somebody who is trusted here and vouches for it.
    Required,
}

/// What a client says of who he is.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// His offer. It may have `a=identity`.
    pub sdp: &'a str,
    /// A signed claim beside it.
    pub claim: Option<&'a str>,
    /// What the claim must have in it: it was made for this connection. Without one, where there was no occasion to tell him.
    pub nonce: Option<&'a str>,
}

/// What was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What others are shown.
    pub view: IdentityView,
    /// The media is not of the one whom the proof names: somebody may stand between.
    pub refuses: bool,
}

/// Whoever can check proofs.
pub trait IdentityPort: Send + Sync {
    /// The address of the identity provider that clients are to ask for proofs.
    fn issuer(&self) -> &str;

    /// What a proof is worth; `None` of one who says nothing. Must not block.
    fn check(&self, proof: &Proof<'_>) -> Option<Finding>;
}

/// What is known of who somebody is, by the offer whose certificates it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identified {
    /// `None`: nobody vouches for him.
    pub(crate) view: Option<IdentityView>,
    /// The fingerprints of that offer, as they were written.
    pub(crate) certificates: Vec<String>,
    /// The handshake has shown that they are his.
    pub(crate) proven: bool,
}

/// Decides on an offer: what is known of who made it, or why it is refused. `held` is what is known already; it stays with an offer of the same
/// certificates that brings no proof of its own.
pub(crate) fn decide(
    demand: IdentityDemand,
    sdp: &str,
    finding: Option<Finding>,
    held: Option<&Identified>,
) -> Result<Identified, Refusal> {
    let certificates = certificates(sdp);
    let same = held.filter(|held| held.certificates == certificates);
    let view = match finding {
        Some(finding) if finding.refuses => {
            return Err(Refusal::new(ErrorCode::IdentityRefused, finding.view.reason));
        }
        Some(finding) => Some(finding.view),
        None => same.and_then(|held| held.view.clone()),
    };
    if demand == IdentityDemand::Required && !view.as_ref().is_some_and(IdentityView::is_verified) {
        let nobody = "This server takes media only of people for whom somebody vouches, and nobody does for you.";
        let reason = view.map_or_else(|| nobody.to_owned(), |view| view.reason);
        return Err(Refusal::new(ErrorCode::IdentityRequired, reason));
    }
    Ok(Identified { view, certificates, proven: same.is_some_and(|held| held.proven) })
}

/// The lines that say which certificates media may come with. Only ever compared with those of another offer of the same client.
fn certificates(sdp: &str) -> Vec<String> {
    let mut all: Vec<String> =
        sdp.lines().filter_map(|line| line.strip_prefix("a=fingerprint:")).map(|line| line.trim().to_owned()).collect();
    all.sort_unstable();
    all.dedup();
    all
}
