//! The provider's keys: those that it has, those that are due, and those of issuers that are trusted.

use super::{Provider, StartFault, domain_of_trusted};
use crate::identity::assertion::{TrustedIssuer, Verifier};
use crate::identity::jose::{Algorithm, KeyFault, KeyRing, KeySet, SigningKey, Step};
use colloquy_storage::identity::StoredKey;
use std::sync::PoisonError;

impl Provider {
    /// Its keys as they are now.
    #[must_use]
    pub fn ring(&self) -> KeyRing {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What checks assertions, with the keys of all issuers that are trusted.
    pub fn with_verifier<T>(&self, check: impl FnOnce(&Verifier) -> T) -> T {
        check(&self.verifier.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change_verifier<T>(&self, change: impl FnOnce(&mut Verifier) -> T) -> T {
        change(&mut self.verifier.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the keys, makes what is due and forgets what nobody needs any more.
    pub(super) async fn load_keys(&self, now_s: u64) -> Result<(), StartFault> {
        let policy = self.config.lifetimes.rotation();
        let mut ring = self.stored().await?;
        for step in ring.due(&policy, now_s) {
            match step {
                Step::Generate { algorithm, signs_from_s } => {
                    let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
                    let pkcs8 = made.map_err(|_| KeyFault::Crypto)??;
                    let kid = SigningKey::from_pkcs8(algorithm, &pkcs8, signs_from_s)?.public.kid;
                    tracing::info!(kid, algorithm = algorithm.as_str(), signs_from_s, "a signing key was made");
                    let algorithm = algorithm.as_str().to_owned();
                    self.store.add_key(&StoredKey { kid, algorithm, pkcs8, signs_from_s }).await?;
                }
                Step::Drop(kid) => {
                    tracing::info!(kid, "a signing key was forgotten");
                    self.store.drop_key(&kid).await?;
                }
            }
            ring = self.stored().await?;
        }
        let issuer = self.config.issuer.clone();
        let own = TrustedIssuer { domain: self.domain.clone(), issuer, keys: ring.public() };
        self.change_verifier(|verifier| verifier.trust(own));
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    async fn stored(&self) -> Result<KeyRing, StartFault> {
        let mut keys = Vec::new();
        for stored in self.store.keys().await? {
            let Some(algorithm) = Algorithm::parse(&stored.algorithm) else {
                tracing::warn!(
                    kid = stored.kid,
                    "a stored key is of an algorithm that is not known: it is passed over"
                );
                continue;
            };
            keys.push(SigningKey::from_pkcs8(algorithm, &stored.pkcs8, stored.signs_from_s)?);
        }
        Ok(KeyRing::new(keys))
    }

    /// Asks the issuers that are trusted for their keys, where it is time.
    pub(super) async fn refresh_trusted(&self, now_s: u64) {
        for trusted in &self.config.trusted {
            let Some(domain) = domain_of_trusted(&trusted.issuer) else {
                tracing::warn!(issuer = trusted.issuer, "a trusted issuer is no https://host without a path");
                continue;
            };
            let keys = self.externals.keys_of(&self.fetch, &trusted.issuer, trusted.private_network, None, now_s).await;
            match keys {
                Ok(keys) => {
                    let keys: KeySet = (*keys).clone();
                    let issuer = TrustedIssuer { domain, issuer: trusted.issuer.clone(), keys };
                    self.change_verifier(|verifier| verifier.trust(issuer));
                }
                Err(fault) => {
                    tracing::warn!(issuer = trusted.issuer, %fault, "the keys of a trusted issuer are not to be had");
                }
            }
        }
    }
}
