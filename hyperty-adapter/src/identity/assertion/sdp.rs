//! `a=identity` (RFC 8827 section 5): an assertion and who made it, as base64 of JSON.

use super::fingerprint::{Fingerprint, MAX_FINGERPRINTS, NoFingerprint};
use super::verify::AssertionFault;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

/// Longest value of `a=identity`, in bytes.
pub const MAX_ATTRIBUTE_BYTES: usize = 32 * 1024;

/// Browsers pad, others do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An identity provider, as descriptions and messages name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idp {
    /// Its host, with a port if that is not 443.
    pub domain: String,
    /// Which of its proxies: the last part of `/.well-known/idp-proxy/<protocol>`.
    #[serde(default = "default_protocol")]
    pub protocol: String,
}

fn default_protocol() -> String {
    "default".to_owned()
}

/// What `a=identity` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityAttribute {
    /// Who made the assertion.
    pub idp: Idp,
    /// The assertion itself: a text that its maker understands.
    pub assertion: String,
}

impl IdentityAttribute {
    /// The value of the attribute, with or without `a=identity:` before it. Extensions after it are passed over.
    ///
    /// # Errors
    /// [`AssertionFault::Malformed`].
    pub fn parse(value: &str) -> Result<Self, AssertionFault> {
        if value.len() > MAX_ATTRIBUTE_BYTES {
            return Err(AssertionFault::Malformed("a=identity is longer than 32 KiB"));
        }
        let value = value.trim();
        let value = value.strip_prefix("a=identity:").unwrap_or(value);
        let encoded = value.split([' ', ';']).next().unwrap_or_default();
        let json = BASE64.decode(encoded).map_err(|_| AssertionFault::Malformed("a=identity is no base64"))?;
        serde_json::from_slice(&json).map_err(|_| AssertionFault::Malformed("a=identity is no {idp, assertion}"))
    }

    /// The value of the attribute, without `a=identity:`.
    #[must_use]
    pub fn emit(&self) -> String {
        // Texts can be written.
        BASE64.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// What of a description is about who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdpIdentity<'a> {
    /// The value of `a=identity`, if there is one.
    pub identity: Option<&'a str>,
    /// All fingerprints: of the session and of each medium.
    pub fingerprints: Vec<Fingerprint>,
}

impl<'a> SdpIdentity<'a> {
    /// Reads a description. `a=identity` stands before the first medium, and once (RFC 8827 section 5).
    ///
    /// # Errors
    /// [`AssertionFault`], where it is not so, or where a fingerprint is none.
    pub fn parse(sdp: &'a str) -> Result<Self, AssertionFault> {
        let mut found = Self { identity: None, fingerprints: Vec::new() };
        let mut in_media = false;
        for line in sdp.lines().map(str::trim_end) {
            in_media |= line.starts_with("m=");
            if let Some(value) = line.strip_prefix("a=identity:") {
                if in_media || found.identity.is_some() {
                    return Err(AssertionFault::Malformed("a=identity stands once, before the first m= line"));
                }
                found.identity = Some(value);
            } else if let Some(value) = line.strip_prefix("a=fingerprint:") {
                let fingerprint = Fingerprint::parse(value)?;
                // The same in every medium, mostly.
                if !found.fingerprints.contains(&fingerprint) {
                    if found.fingerprints.len() == MAX_FINGERPRINTS {
                        return Err(NoFingerprint::Count.into());
                    }
                    found.fingerprints.push(fingerprint);
                }
            }
        }
        Ok(found)
    }
}
