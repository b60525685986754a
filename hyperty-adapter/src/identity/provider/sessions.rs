//! Who is in front of a browser.

use super::{Provider, ProviderFault};
use crate::identity::authz::{Action, Role, allowed};
use crate::identity::oidc::Person;
use crate::identity::persona::{Persona, PersonaKind};
use crate::identity::secret::{Secret, random_id};
use colloquy_storage::identity::{Account, Session};
use std::net::IpAddr;

/// How often a session's use is noted, in seconds.
const TOUCH_S: u64 = 300;
/// What is kept of a browser's name for itself, in characters.
const AGENT_CHARS: usize = 200;

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The address.
    pub address: IpAddr,
    /// `User-Agent`.
    pub agent: String,
    /// The session that the browser has now. Its owner goes on with it when he signs in again; when somebody else does, it ends.
    pub current: Option<Session>,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Who {
    /// His session.
    pub session: Session,
    /// His account; a guest has none.
    pub account: Option<Account>,
}

impl Who {
    /// What he is to the provider.
    #[must_use]
    pub fn role(&self) -> Role {
        match &self.account {
            None => Role::Guest,
            Some(account) if account.administrator => Role::Administrator,
            Some(_) => Role::Member,
        }
    }

    /// Refuses what he may not do.
    ///
    /// # Errors
    /// [`ProviderFault::Forbidden`].
    pub fn may(&self, action: Action) -> Result<(), ProviderFault> {
        if allowed(self.role(), action) {
            return Ok(());
        }
        Err(ProviderFault::Forbidden("You may not do that with this account."))
    }

    /// What he is known by for ever; a guest, as long as his session.
    #[must_use]
    pub fn subject(&self) -> String {
        self.account.as_ref().map_or_else(|| format!("guest-{}", self.session.id), |account| account.id.clone())
    }

    /// What is known of him.
    #[must_use]
    pub fn person(&self) -> Person {
        match &self.account {
            Some(account) => Person {
                account: account.id.clone(),
                handle: account.handle.clone(),
                name: account.name.clone(),
                email: account.email.clone(),
            },
            None => Person {
                account: self.subject(),
                handle: self.subject(),
                name: self.session.guest_name.clone().unwrap_or_default(),
                email: None,
            },
        }
    }

    /// His personas: the private one first, which everybody has.
    #[must_use]
    pub fn personas(&self) -> Vec<Persona> {
        let stored = self.account.as_ref().map(|account| account.personas.as_str()).unwrap_or("[]");
        let mut all: Vec<Persona> = serde_json::from_str(stored).unwrap_or_default();
        all.retain(|persona| persona.kind == PersonaKind::Professional);
        all.insert(0, Persona::private(&self.person().name));
        all
    }
}

impl Provider {
    /// Begins a session, and gives the secret that goes into a cookie.
    pub(super) async fn begin_session(
        &self,
        account: Option<&str>,
        guest_name: Option<String>,
        method: &str,
        visitor: &Visitor,
        now_s: u64,
    ) -> Result<Secret, ProviderFault> {
        let secret = Secret::random();
        let lifetimes = &self.config.lifetimes;
        let lives_s = if account.is_some() { lifetimes.session_s } else { lifetimes.guest_s };
        let expires_s = now_s.saturating_add(lives_s);
        if let Some(current) = &visitor.current {
            let is_his = account.is_some() && current.account.as_deref() == account;
            let digest = secret.digest();
            if is_his && self.store.renew_session(&current.digest, digest.as_str(), now_s, expires_s).await? {
                return Ok(secret);
            }
            if !is_his {
                self.store.sign_out(&current.digest, now_s).await?;
            }
        }
        let session = Session {
            digest: secret.digest().as_str().to_owned(),
            id: random_id(),
            account: account.map(str::to_owned),
            guest_name,
            method: method.to_owned(),
            agent: visitor.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect(),
            address: visitor.address.to_canonical().to_string(),
            authenticated_s: now_s,
            seen_s: now_s,
            expires_s,
        };
        self.store.add_session(&session).await?;
        Ok(secret)
    }

    /// Whose session a secret opens.
    ///
    /// # Errors
    /// [`ProviderFault::Storage`].
    pub async fn who(&self, secret: &Secret, now_s: u64) -> Result<Option<Who>, ProviderFault> {
        self.who_of_digest(secret.digest().as_str(), now_s).await
    }

    pub(super) async fn who_of_digest(&self, digest: &str, now_s: u64) -> Result<Option<Who>, ProviderFault> {
        let Some(session) = self.store.session(digest, now_s).await? else { return Ok(None) };
        let mut account = match &session.account {
            None => None,
            Some(id) => match self.store.account(id).await?.filter(|account| account.closed_s.is_none()) {
                None => return Ok(None),
                account => account,
            },
        };
        if let Some(account) = &mut account {
            // Whom the configuration names is one from then on, also when he had an account before.
            let email = account.email.as_deref();
            account.administrator |= email.is_some_and(|email| self.config.is_administrator(email));
        }
        // A guest's ends when it was said to.
        if account.is_some() && now_s.saturating_sub(session.seen_s) >= TOUCH_S {
            let expires_s = now_s.saturating_add(self.config.lifetimes.session_s);
            self.store.touch_session(&session.digest, now_s, expires_s).await?;
        }
        Ok(Some(Who { session, account }))
    }

    /// Ends the session of a secret.
    ///
    /// # Errors
    /// [`ProviderFault::Storage`].
    pub async fn sign_out(&self, secret: &Secret, now_s: u64) -> Result<(), ProviderFault> {
        Ok(self.store.sign_out(secret.digest().as_str(), now_s).await?)
    }

    /// Where somebody is signed in.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn sessions(&self, who: &Who, now_s: u64) -> Result<Vec<Session>, ProviderFault> {
        who.may(Action::OwnSessions)?;
        match &who.account {
            None => Ok(vec![who.session.clone()]),
            Some(account) => Ok(self.store.sessions(&account.id, now_s).await?),
        }
    }

    /// Ends one of his sessions.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn end_session(&self, who: &Who, id: &str, now_s: u64) -> Result<bool, ProviderFault> {
        who.may(Action::OwnSessions)?;
        let Some(account) = &who.account else { return Ok(false) };
        Ok(self.store.end_session(&account.id, id, now_s).await?)
    }

    /// Ends all of his sessions but this one, and what programs may do for him; what was asserted of him until now is not good any more.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn end_other_sessions(&self, who: &Who, now_s: u64) -> Result<(), ProviderFault> {
        who.may(Action::OwnSessions)?;
        if let Some(account) = &who.account {
            self.store.end_sessions(&account.id, Some(&who.session.digest), now_s).await?;
            self.revoke_assertions_of(&account.id, now_s).await?;
        }
        Ok(())
    }
}
