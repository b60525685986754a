//! The process's DTLS certificate.

use dimpl::DtlsCertificate;
use std::sync::Arc;

/// A self-signed ECDSA P-256 certificate, made anew by every process and kept in memory only (RFC 8827 section 6.5).
#[derive(Debug, Clone)]
pub struct Certificate {
    inner: Arc<DtlsCertificate>,
}

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a DTLS certificate: {0}")]
pub struct CertificateError(String);

impl Certificate {
    /// A new one.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn generate() -> Result<Self, CertificateError> {
        let inner =
            dimpl::certificate::generate_self_signed_certificate().map_err(|e| CertificateError(e.to_string()))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its SHA-256 fingerprint as `a=fingerprint` writes it (RFC 8122 section 5).
    #[must_use]
    pub fn fingerprint_sha256(&self) -> String {
        fingerprint(&aws_lc_rs::digest::SHA256, &self.inner.certificate)
    }

    pub(crate) fn dtls(&self) -> DtlsCertificate {
        (*self.inner).clone()
    }
}

/// The fingerprint of a DER certificate: upper-case hexadecimal, colons between.
pub(crate) fn fingerprint(algorithm: &'static aws_lc_rs::digest::Algorithm, der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(algorithm, der);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}
