//! Who makes an offer.

use super::Signalling;
use crate::error::Refusal;
use crate::identity::{Identified, IdentityDemand, Proof, decide};
use crate::wire::IdentityOffer;
use colloquy_media_core::api::PeerId;

impl Signalling {
    /// Looks at what an offer says of who made it, before the engine sees it. Gives what is known of him from then on.
    pub(super) fn identify_media(
        &self,
        peer: Option<PeerId>,
        proof: &Proof<'_>,
    ) -> Result<Option<Identified>, Refusal> {
        let demand = self.config.identity;
        if demand == IdentityDemand::Ignored {
            return Ok(None);
        }
        let finding = self.identity.get().and_then(|port| port.check(proof));
        let held = peer.and_then(|peer| self.read(|house| house.identity(peer).cloned()));
        decide(demand, proof.sdp, finding, held.as_ref())
            .map(Some)
            .inspect_err(|refusal| tracing::info!(code = %refusal.code, "an offer was refused for who made it"))
    }

    /// What somebody who has just connected needs to prove who he is.
    pub(crate) fn identity_offer(&self, nonce: &str) -> Option<IdentityOffer> {
        let required = match self.config.identity {
            IdentityDemand::Ignored => return None,
            IdentityDemand::Accepted => false,
            IdentityDemand::Required => true,
        };
        let issuer = self.identity.get()?.issuer().to_owned();
        Some(IdentityOffer { required, issuer, nonce: nonce.to_owned() })
    }
}
