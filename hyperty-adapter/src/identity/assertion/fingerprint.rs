//! Fingerprints of certificates (RFC 8122), as SDP and as assertions carry them.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// Fingerprints in one description or one assertion at most: browsers have one.
pub const MAX_FINGERPRINTS: usize = 16;

/// The hashes that are taken, with their lengths in bytes. MD5 and SHA-1 are not: RFC 8122 section 5 forbids the first, collisions the second.
const HASHES: [(&str, usize); 3] = [("sha-256", 32), ("sha-384", 48), ("sha-512", 64)];

/// Why something is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoFingerprint {
    /// Its hash is not sha-256, sha-384 or sha-512.
    #[error("a fingerprint's hash is none of sha-256, sha-384, sha-512")]
    Hash,
    /// Its digest is not pairs of hexadecimal digits with colons between them, as many as its hash has bytes.
    #[error(
        "a fingerprint's digest is not as many pairs of hexadecimal digits as its hash has bytes, with colons between"
    )]
    Digest,
    /// There is none, or there are more than [`MAX_FINGERPRINTS`].
    #[error("there are no fingerprints, or more than {MAX_FINGERPRINTS}")]
    Count,
    /// What is asserted does not name any, in the form `{"fingerprint":[{"algorithm":..,"digest":..}]}`.
    #[error("what is asserted is no {{\"fingerprint\":[{{\"algorithm\":..,\"digest\":..}}]}}")]
    Contents,
}

/// The hash of a certificate. Equal ones are of the same certificate, however they were written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    hash: &'static str,
    digest: Vec<u8>,
}

impl Fingerprint {
    /// By a hash's name and `AB:CD:..`, in any case.
    ///
    /// # Errors
    /// [`NoFingerprint`].
    pub fn new(hash: &str, digest: &str) -> Result<Self, NoFingerprint> {
        let known = HASHES.iter().find(|(name, _)| name.eq_ignore_ascii_case(hash));
        let (hash, len) = known.copied().ok_or(NoFingerprint::Hash)?;
        // Checked before anything is collected: a digest may be as long as its SDP.
        if digest.len() != len * 3 - 1 {
            return Err(NoFingerprint::Digest);
        }
        let pair = |pair: &str| -> Option<u8> {
            let [high, low] = pair.as_bytes() else { return None };
            (high.is_ascii_hexdigit() && low.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok())?
        };
        let digest: Option<Vec<u8>> = digest.split(':').map(pair).collect();
        digest.filter(|bytes| bytes.len() == len).map(|digest| Self { hash, digest }).ok_or(NoFingerprint::Digest)
    }

    /// The value of `a=fingerprint:`.
    ///
    /// # Errors
    /// [`NoFingerprint`].
    pub fn parse(value: &str) -> Result<Self, NoFingerprint> {
        let (hash, digest) = value.trim().split_once(' ').ok_or(NoFingerprint::Digest)?;
        Self::new(hash, digest.trim())
    }

    /// The hash of a certificate in DER, by SHA-256.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Self {
        Self { hash: "sha-256", digest: crate::identity::secret::sha256(der).to_vec() }
    }

    /// The digest as `AB:CD:..`.
    #[must_use]
    pub fn digest(&self) -> String {
        self.digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.hash, self.digest())
    }
}

#[derive(Serialize, Deserialize)]
struct Contents {
    fingerprint: OneOrMore,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    More(Vec<Entry>),
    /// Drafts had one.
    One(Entry),
}

#[derive(Serialize, Deserialize)]
struct Entry {
    algorithm: String,
    digest: String,
}

/// What a browser has asserted (RFC 8827 section 5.6.4): the fingerprints in it.
///
/// # Errors
/// [`NoFingerprint`].
pub fn fingerprints_of(contents: &str) -> Result<Vec<Fingerprint>, NoFingerprint> {
    let Contents { fingerprint } = serde_json::from_str(contents).map_err(|_| NoFingerprint::Contents)?;
    let entries = match fingerprint {
        OneOrMore::More(entries) => entries,
        OneOrMore::One(entry) => vec![entry],
    };
    if entries.is_empty() || entries.len() > MAX_FINGERPRINTS {
        return Err(NoFingerprint::Count);
    }
    entries.iter().map(|entry| Fingerprint::new(&entry.algorithm, &entry.digest)).collect()
}

/// The same the other way: what is to be asserted for these.
#[must_use]
pub fn contents_of(fingerprints: &[Fingerprint]) -> String {
    let entry = |one: &Fingerprint| Entry { algorithm: one.hash.to_owned(), digest: one.digest() };
    let contents = Contents { fingerprint: OneOrMore::More(fingerprints.iter().map(entry).collect()) };
    // Texts can be written.
    serde_json::to_string(&contents).unwrap_or_default()
}
