//! Who somebody is, as others are told.

use serde::Serialize;
use utoipa::ToSchema;

/// Who vouches for somebody, and how far that is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IdentityView {
    /// `green`: an identity provider that this server trusts vouches for him. `yellow`: nobody who is trusted here does. `red`: a provider has
    /// taken its word back, or the proof is not good.
    pub colour: TrustColour,
    /// Why, in words for people.
    pub reason: String,
    /// Who he is, as the provider knows him: `anne@meet.example.org`. Only where it vouches for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// As whom he acts: his name, with what he is at work where he acts for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<String>,
}

/// How far a name is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustColour {
    /// Somebody who is trusted vouches for it.
    Green,
    /// Nobody who is trusted does.
    Yellow,
    /// Something is wrong with it.
    Red,
}

impl IdentityView {
    /// Whether somebody who is trusted here vouches for him.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.colour == TrustColour::Green
    }
}

/// What a client needs to prove who he is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IdentityOffer {
    /// Nothing goes without it.
    pub(crate) required: bool,
    /// Whom to ask for a proof.
    pub(crate) issuer: String,
    /// What must be in it.
    pub(crate) nonce: String,
}
