//! Whether an assertion is good, and for whom it speaks.

use super::claims::{ASSERTION_AUDIENCE, ASSERTION_TYPE, AssertionClaims};
use super::fingerprint::{Fingerprint, NoFingerprint, fingerprints_of};
use super::revoked::Revocations;
use super::sdp::{IdentityAttribute, SdpIdentity};
use crate::identity::jose::{Expect, KeySet, TokenFault, verify};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use thiserror::Error;

/// Issuers that are trusted at most.
pub const MAX_ISSUERS: usize = 256;

/// Why an assertion is not taken. Each says what to do with the call: all of them refuse the claimed name, and
/// [`AssertionFault::WrongFingerprint`] refuses the call, as somebody stands between the two.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssertionFault {
    /// It is not as RFC 8827 has it.
    #[error("the assertion is malformed: {0}")]
    Malformed(&'static str),
    /// A fingerprint in the description or in the assertion is none.
    #[error(transparent)]
    Fingerprint(#[from] NoFingerprint),
    /// Nobody here trusts its maker.
    #[error("the identity provider {0:?} is not one that this server trusts")]
    UnknownIssuer(String),
    /// Its token is not good. [`TokenFault::UnknownKey`] may be mended by asking the issuer for its keys again.
    #[error("the assertion of {issuer} is not good: {fault}")]
    Token {
        /// Whose.
        issuer: String,
        /// Why.
        fault: TokenFault,
    },
    /// It is for other media: the description was changed on its way, or the assertion is another call's.
    #[error("the assertion is for another DTLS fingerprint: somebody may stand between the two")]
    WrongFingerprint,
    /// It was revoked.
    #[error("the assertion was revoked")]
    Revoked,
    /// It speaks for a name that is not its issuer's.
    #[error("the assertion speaks for a name that is not of its issuer's domain")]
    ForeignName,
    /// It does not have the nonce that was asked for.
    #[error("the claim has not the nonce that was asked for")]
    Nonce,
}

/// An issuer that is trusted, with its keys as they were last seen.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    /// Its host as `a=identity` names it, with a port if that is not 443.
    pub domain: String,
    /// Its `iss`.
    pub issuer: String,
    /// Its keys.
    pub keys: KeySet,
}

/// Somebody whose name is as good as his issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIdentity {
    /// The issuer's domain.
    pub domain: String,
    /// All that was asserted.
    pub claims: AssertionClaims,
}

/// Checks assertions. Pure: it has the keys that it was given, and is told the time.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    issuers: Vec<TrustedIssuer>,
    /// What was revoked.
    pub revocations: Revocations,
}

impl Verifier {
    /// Trusts an issuer, or takes its new keys. Beyond [`MAX_ISSUERS`] it changes nothing and says so.
    pub fn trust(&mut self, issuer: TrustedIssuer) -> bool {
        if let Some(known) = self.issuers.iter_mut().find(|one| one.issuer == issuer.issuer) {
            *known = issuer;
            return true;
        }
        if self.issuers.len() == MAX_ISSUERS {
            return false;
        }
        self.issuers.push(issuer);
        true
    }

    /// The sender of a description, if he says who he is: his assertion must be for all the fingerprints in it.
    ///
    /// # Errors
    /// [`AssertionFault`].
    pub fn verify_sdp(&self, sdp: &str, now_s: u64) -> Result<Option<VerifiedIdentity>, AssertionFault> {
        let SdpIdentity { identity, fingerprints } = SdpIdentity::parse(sdp)?;
        identity.map(|identity| self.verify_assertion(identity, &fingerprints, now_s)).transpose()
    }

    /// The value of `a=identity` beside the fingerprints of the same description, or of the DTLS handshake.
    ///
    /// # Errors
    /// [`AssertionFault`].
    pub fn verify_assertion(
        &self,
        sdp_identity: &str,
        fingerprints: &[Fingerprint],
        now_s: u64,
    ) -> Result<VerifiedIdentity, AssertionFault> {
        let IdentityAttribute { idp, assertion } = IdentityAttribute::parse(sdp_identity)?;
        let issuer = self.issuers.iter().find(|one| one.domain.eq_ignore_ascii_case(&idp.domain));
        let issuer = issuer.ok_or_else(|| AssertionFault::UnknownIssuer(shorten(&idp.domain)))?;
        let verified = self.check(issuer, &assertion, now_s)?;
        covers(&verified.claims.contents, fingerprints)?;
        Ok(verified)
    }

    /// A signed claim: the bare token, for browsers without `setIdentityProvider`. With `nonce`, it must be the answer to that one.
    ///
    /// # Errors
    /// [`AssertionFault`].
    pub fn verify_claim(
        &self,
        claim: &str,
        fingerprints: &[Fingerprint],
        nonce: Option<&str>,
        now_s: u64,
    ) -> Result<VerifiedIdentity, AssertionFault> {
        let verified = self.verify_contents(claim, now_s)?;
        if nonce.is_some() && verified.claims.nonce.as_deref() != nonce {
            return Err(AssertionFault::Nonce);
        }
        covers(&verified.claims.contents, fingerprints)?;
        Ok(verified)
    }

    /// What a token asserts, whatever it is: what `validateAssertion` of an IdP proxy asks. Who checks it against a fingerprint is the browser.
    ///
    /// # Errors
    /// [`AssertionFault`].
    pub fn verify_contents(&self, assertion: &str, now_s: u64) -> Result<VerifiedIdentity, AssertionFault> {
        let named = issuer_of(assertion).ok_or(AssertionFault::Malformed("it is no token with an issuer"))?;
        let issuer = self.issuers.iter().find(|one| one.issuer == named);
        let issuer = issuer.ok_or_else(|| AssertionFault::UnknownIssuer(shorten(&named)))?;
        self.check(issuer, assertion, now_s)
    }

    fn check(&self, issuer: &TrustedIssuer, token: &str, now_s: u64) -> Result<VerifiedIdentity, AssertionFault> {
        let expect = Expect {
            typ: Some(ASSERTION_TYPE),
            issuer: &issuer.issuer,
            audience: ASSERTION_AUDIENCE,
            now_s: Some(now_s),
        };
        let claims: AssertionClaims = verify(token, &issuer.keys, &expect)
            .map_err(|fault| AssertionFault::Token { issuer: issuer.issuer.clone(), fault })?;
        let host = match issuer.domain.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            Some(_) | None => issuer.domain.as_str(),
        };
        let of_its_own = claims.identity.rsplit_once('@').is_some_and(|(_, tail)| tail.eq_ignore_ascii_case(host));
        if !of_its_own {
            return Err(AssertionFault::ForeignName);
        }
        if self.revocations.is_revoked(&claims.iss, &claims.sub, &claims.jti, claims.iat) {
            return Err(AssertionFault::Revoked);
        }
        Ok(VerifiedIdentity { domain: issuer.domain.clone(), claims })
    }
}

/// Every fingerprint that media may come from must have been asserted (RFC 8827 section 5.6.4.2). None at all proves nothing.
fn covers(contents: &str, fingerprints: &[Fingerprint]) -> Result<(), AssertionFault> {
    let asserted = fingerprints_of(contents)?;
    if fingerprints.is_empty() {
        return Err(NoFingerprint::Count.into());
    }
    if fingerprints.iter().all(|one| asserted.contains(one)) { Ok(()) } else { Err(AssertionFault::WrongFingerprint) }
}

/// Whom a token says it is from. Not believed: it chooses whose keys it must pass.
fn issuer_of(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    if token.len() > crate::identity::jose::MAX_TOKEN_BYTES {
        return None;
    }
    let payload = token.split('.').nth(1)?;
    let Issuer { iss } = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Some(iss)
}

/// A stranger's text, short enough for an error.
fn shorten(text: &str) -> String {
    text.chars().take(128).collect()
}
