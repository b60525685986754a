//! Which hyperty is whose.

use super::{Provider, ProviderFault, Who};
use crate::address::Address;
use crate::identity::authz::Action;
use crate::identity::persona::PersonaKind;
use colloquy_storage::identity::Hyperty;

/// Hyperties of one person at most: a few in each of his devices.
const MAX_HYPERTIES: u32 = 64;
/// How long a hyperty is remembered unless it is told again, in seconds.
const MAX_EXPIRES_S: u64 = 86_400;

impl Provider {
    /// Ties a hyperty of this domain to somebody.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn associate(
        &self,
        who: &Who,
        url: &str,
        (kind, guid): (PersonaKind, Option<&str>),
        expires_in_s: u64,
        now_s: u64,
    ) -> Result<Hyperty, ProviderFault> {
        who.may(Action::Associate)?;
        if kind == PersonaKind::Professional && !who.personas().iter().any(|persona| persona.kind == kind) {
            return Err(ProviderFault::Malformed("You have no professional persona: make one in your account."));
        }
        let not_ours = ProviderFault::Malformed("A hyperty's address is hyperty://, and of this domain.");
        let address = Address::parse(url).ok().filter(|one| one.scheme() == "hyperty" && one.domain() == self.host());
        let address = address.ok_or(not_ours)?;
        let is_guid = |guid: &str| {
            guid.starts_with("user-guid://") && guid.len() <= 256 && guid.bytes().all(|b| b.is_ascii_graphic())
        };
        if guid.is_some_and(|guid| !is_guid(guid)) {
            return Err(ProviderFault::Malformed("A GUID is user-guid://, and what follows."));
        }
        let hyperty = Hyperty {
            url: address.as_str().to_owned(),
            subject: who.subject(),
            persona: kind.as_str().to_owned(),
            guid: guid.map(str::to_owned),
            expires_s: now_s.saturating_add(expires_in_s.clamp(1, MAX_EXPIRES_S)),
        };
        if self.store.associate(&hyperty, MAX_HYPERTIES, now_s).await? {
            return Ok(hyperty);
        }
        Err(ProviderFault::Forbidden("This hyperty is somebody else's, or you have 64 already."))
    }

    /// Whose a hyperty is.
    ///
    /// # Errors
    /// [`ProviderFault::Storage`].
    pub async fn owner_of(&self, url: &str, now_s: u64) -> Result<Option<Hyperty>, ProviderFault> {
        let Ok(address) = Address::parse(url) else { return Ok(None) };
        Ok(self.store.hyperty(address.as_str(), now_s).await?)
    }

    /// The hyperties of somebody.
    ///
    /// # Errors
    /// [`ProviderFault::Storage`].
    pub async fn hyperties(&self, who: &Who, now_s: u64) -> Result<Vec<Hyperty>, ProviderFault> {
        Ok(self.store.hyperties(&who.subject(), now_s).await?)
    }

    /// Unties a hyperty of his.
    ///
    /// # Errors
    /// [`ProviderFault::Storage`].
    pub async fn dissociate(&self, who: &Who, url: &str) -> Result<bool, ProviderFault> {
        let Ok(address) = Address::parse(url) else { return Ok(false) };
        Ok(self.store.dissociate(address.as_str(), &who.subject()).await?)
    }
}
