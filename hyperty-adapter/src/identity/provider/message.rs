//! Who sent a reTHINK message, by the providers of the configuration.

use super::{Provider, lock};
use crate::identity::message::{MessageFault, MessageIdentity, OidcIdp, Sender};
use std::sync::PoisonError;

impl Provider {
    /// Who sent a message with this `body.identity`. It waits for nobody: keys are there, or will be after the next [`Provider::tick`].
    ///
    /// # Errors
    /// [`MessageFault`].
    pub fn sender(&self, identity: &MessageIdentity, now_s: u64) -> Result<Sender, MessageFault> {
        let idps = self.message_idps.read().unwrap_or_else(PoisonError::into_inner);
        let mut senders = lock(&self.senders);
        self.with_verifier(|verifier| senders.sender(identity, verifier, &idps, now_s))
    }

    /// Asks the providers whose ID tokens count for their keys, where it is time.
    pub(super) async fn refresh_message_idps(&self, now_s: u64) {
        let mut idps = Vec::new();
        for one in &self.config.message_idps {
            match self.externals.keys_of(&self.fetch, &one.issuer, one.private_network, None, now_s).await {
                Ok(keys) => idps.push(OidcIdp {
                    domain: one.domain.clone(),
                    issuer: one.issuer.clone(),
                    client_ids: one.client_ids.clone(),
                    keys: (*keys).clone(),
                }),
                Err(fault) => {
                    tracing::warn!(domain = one.domain, %fault, "the keys of an identity provider are not to be had");
                }
            }
        }
        *self.message_idps.write().unwrap_or_else(PoisonError::into_inner) = idps;
    }
}
