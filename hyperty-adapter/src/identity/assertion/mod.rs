//! Assertions: somebody's name, signed by his identity provider together with the DTLS fingerprints of his media (W3C WebRTC identity, RFC 8827
//! section 5.6). Whoever has the signalling between two people can swap the fingerprint in an SDP, and the media is his; the assertion he cannot
//! swap with it.
//!
//! Firefox asks for one by `setIdentityProvider` and puts it into its SDP as `a=identity`. Other browsers do not know of that: their page asks the
//! provider for the same thing as a [signed claim](Verifier::verify_claim). Both end in one function.

mod claims;
mod fingerprint;
mod revoked;
mod sdp;
#[cfg(test)]
mod tests;
mod verify;

pub use claims::{ASSERTION_AUDIENCE, ASSERTION_TYPE, AssertionClaims, MAX_CONTENTS};
pub use fingerprint::{Fingerprint, MAX_FINGERPRINTS, NoFingerprint, contents_of, fingerprints_of};
pub use revoked::{MAX_REVOCATIONS, Revocations};
pub use sdp::{IdentityAttribute, Idp, MAX_ATTRIBUTE_BYTES, SdpIdentity};
pub use verify::{AssertionFault, MAX_ISSUERS, TrustedIssuer, VerifiedIdentity, Verifier};
