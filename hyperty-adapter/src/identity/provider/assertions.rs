//! Assertions: made, looked at, taken back.

use super::{Provider, ProviderFault, Who, lock};
use crate::identity::assertion::{
    ASSERTION_AUDIENCE, ASSERTION_TYPE, AssertionClaims, AssertionFault, MAX_CONTENTS, VerifiedIdentity,
};
use crate::identity::authz::{Action, Role, allowed};
use crate::identity::jose::{Algorithm, KeyFault};
use crate::identity::oidc::AccessClaims;
use crate::identity::persona::PersonaKind;
use crate::identity::secret::{Secret, random_id};
use colloquy_storage::identity::{Consent, Revocation, Session};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

/// Tickets at once.
const MAX_TICKETS: usize = 10_000;
/// How long a ticket is good, in seconds.
const TICKET_S: u64 = 120;
/// Longest origin and nonce.
const MAX_WORD: usize = 512;
/// Sites that somebody lets assert his identity at most.
const MAX_SITES: usize = 100;

/// What is to be asserted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssertRequest {
    /// What the browser wants signed: its fingerprints, or a reTHINK runtime's public key.
    pub contents: String,
    /// The page that asks, as the browser tells.
    #[serde(default)]
    pub origin: Option<String>,
    /// What whoever will check it has asked for.
    #[serde(default)]
    pub nonce: Option<String>,
    /// As whom; private, if nothing is said.
    #[serde(default)]
    pub persona: Option<PersonaKind>,
    /// The organisation of the professional persona, where there are several.
    #[serde(default)]
    pub organisation: Option<String>,
    /// A ticket, where there is no cookie.
    #[serde(default)]
    pub ticket: Option<String>,
}

/// Who asks for an assertion, and how he showed it.
#[derive(Debug, Clone)]
pub enum Asker {
    /// By the cookie of his browser: the page that asks must be one that he lets.
    Cookie(Who),
    /// By a ticket, which he got when he signed in for just that.
    Ticket(Who),
    /// By a client's access token with the scope `webrtc`.
    Client(AccessClaims, Who),
}

/// An assertion, with what reTHINK runtimes want to know beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asserted {
    /// The assertion.
    pub assertion: String,
    /// All of it.
    pub claims: AssertionClaims,
    /// As section 5.1 of the reference of reTHINK has it.
    pub profile: Value,
}

impl Provider {
    /// A ticket for whoever has signed in at a proxy's wish: good once, for two minutes.
    ///
    /// # Errors
    /// [`ProviderFault::Busy`].
    pub fn ticket(&self, who: &Who, now_s: u64) -> Result<Secret, ProviderFault> {
        let mut tickets = lock(&self.tickets);
        if tickets.len() >= MAX_TICKETS {
            tickets.retain(|_, (_, expires_s)| *expires_s > now_s);
            if tickets.len() >= MAX_TICKETS {
                return Err(ProviderFault::Busy);
            }
        }
        let ticket = Secret::random();
        tickets.insert(ticket.digest(), (who.session.digest.clone(), now_s.saturating_add(TICKET_S)));
        Ok(ticket)
    }

    /// Whose a ticket is. It is used up.
    ///
    /// # Errors
    /// [`ProviderFault::SignIn`].
    pub async fn use_ticket(&self, ticket: &str, now_s: u64) -> Result<Who, ProviderFault> {
        let ticket = Secret::parse(ticket).ok_or(ProviderFault::SignIn)?;
        let taken = lock(&self.tickets).remove(&ticket.digest()).filter(|(_, expires_s)| *expires_s > now_s);
        let (session, _) = taken.ok_or(ProviderFault::SignIn)?;
        self.who_of_digest(&session, now_s).await?.ok_or(ProviderFault::SignIn)
    }

    /// For whom a client asks, by its access token.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn asker_of_token(&self, token: &str, now_s: u64) -> Result<Asker, ProviderFault> {
        let (claims, account) = self.bearer(token, now_s).await?;
        if !claims.may("webrtc") {
            return Err(ProviderFault::Forbidden("The access token has not the scope webrtc."));
        }
        let session = Session {
            digest: String::new(),
            id: claims.grant.clone(),
            account: Some(account.id.clone()),
            guest_name: None,
            method: "client".to_owned(),
            agent: String::new(),
            address: String::new(),
            authenticated_s: claims.iat,
            seen_s: now_s,
            expires_s: claims.exp,
        };
        Ok(Asker::Client(claims, Who { session, account: Some(account) }))
    }

    /// Whether a page may have his identity asserted without asking him (again).
    ///
    /// # Errors
    /// [`ProviderFault::Storage`].
    pub async fn lets_site(&self, who: &Who, origin: &str) -> Result<bool, ProviderFault> {
        let allowed = &self.config.assertion_origins;
        if origin == self.config.issuer || allowed.iter().any(|one| one == origin) {
            return Ok(true);
        }
        // A guest has nowhere to keep that he was asked.
        let Some(account) = &who.account else { return Ok(false) };
        let client = site(origin);
        Ok(self.store.consents(&account.id).await?.iter().any(|one| one.client == client))
    }

    /// He lets a page do that.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn let_site(&self, who: &Who, origin: &str, now_s: u64) -> Result<(), ProviderFault> {
        who.may(Action::Consent)?;
        let account = who.account.as_ref().ok_or(ProviderFault::SignIn)?;
        let is_origin = Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin);
        if !is_origin || origin.len() > MAX_WORD {
            return Err(ProviderFault::Malformed("That is no site: https://host, with a port if it has one."));
        }
        let consents = self.store.consents(&account.id).await?;
        if consents.iter().filter(|one| one.client.starts_with("site ")).count() >= MAX_SITES {
            return Err(ProviderFault::Forbidden("You let 100 sites do that already: take it back from one."));
        }
        let consent = Consent { client: site(origin), scope: "assert".to_owned(), granted_s: now_s };
        Ok(self.store.consent(&account.id, &consent).await?)
    }

    /// What he has let programs and sites do.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn consents(&self, who: &Who) -> Result<Vec<Consent>, ProviderFault> {
        let Some(account) = &who.account else { return Ok(Vec::new()) };
        Ok(self.store.consents(&account.id).await?)
    }

    /// Takes that back.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn take_back(&self, who: &Who, client: &str, now_s: u64) -> Result<(), ProviderFault> {
        who.may(Action::Consent)?;
        let account = who.account.as_ref().ok_or(ProviderFault::SignIn)?;
        Ok(self.store.revoke_client(&account.id, client, now_s).await?)
    }

    /// Makes an assertion.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn assert(&self, asker: &Asker, request: &AssertRequest, now_s: u64) -> Result<Asserted, ProviderFault> {
        let (who, role) = match asker {
            Asker::Cookie(who) | Asker::Ticket(who) => (who, who.role()),
            Asker::Client(_, who) => (who, Role::Client),
        };
        let is_word = |word: &Option<String>| word.as_ref().is_none_or(|word| word.len() <= MAX_WORD);
        if request.contents.is_empty() || request.contents.len() > MAX_CONTENTS {
            return Err(ProviderFault::Malformed("What is to be asserted has 1 to 4,096 bytes."));
        }
        if !is_word(&request.origin) || !is_word(&request.nonce) || !is_word(&request.organisation) {
            return Err(ProviderFault::Malformed("origin, nonce and organisation have 512 bytes at most."));
        }
        if let (Asker::Cookie(who), Some(origin)) = (asker, &request.origin)
            && !self.lets_site(who, origin).await?
        {
            return Err(ProviderFault::SignIn);
        }
        let kind = request.persona.unwrap_or(PersonaKind::Private);
        let action = match kind {
            PersonaKind::Private => Action::Assert,
            PersonaKind::Professional => Action::AssertProfessional,
        };
        if !allowed(role, action) {
            return Err(ProviderFault::Forbidden("You may not have that asserted."));
        }
        let mut personas = who.personas().into_iter().filter(|persona| persona.kind == kind);
        let wanted = request.organisation.as_ref().filter(|_| kind == PersonaKind::Professional);
        let persona = personas.find(|one| wanted.is_none_or(|wanted| one.organisation.as_ref() == Some(wanted)));
        let persona = persona.ok_or(ProviderFault::Malformed("You have no such persona: make it in your account."))?;
        let person = who.person();
        let guest = who.account.is_none();
        let email = person.email.clone().filter(|_| persona.shows_email);
        let claims = AssertionClaims {
            iss: self.config.issuer.clone(),
            aud: ASSERTION_AUDIENCE.to_owned(),
            sub: person.account.clone(),
            identity: format!("{}@{}", person.handle, self.host()),
            iat: now_s,
            exp: now_s.saturating_add(self.config.lifetimes.assertion_s).min(if guest {
                who.session.expires_s
            } else {
                u64::MAX
            }),
            jti: random_id(),
            contents: request.contents.clone(),
            origin: request.origin.clone(),
            nonce: request.nonce.clone(),
            persona,
            email,
            guest,
        };
        let ring = self.ring();
        let signer = ring.signer(Algorithm::Es256, now_s).ok_or(KeyFault::Crypto)?;
        let assertion = signer.sign(ASSERTION_TYPE, &claims)?;
        let profile = profile(&claims, &person.handle, self.host());
        Ok(Asserted { assertion, claims, profile })
    }

    /// What a token asserts, if it is good.
    ///
    /// # Errors
    /// [`AssertionFault`].
    pub fn validate(&self, assertion: &str, now_s: u64) -> Result<VerifiedIdentity, AssertionFault> {
        self.with_verifier(|verifier| verifier.verify_contents(assertion, now_s))
    }

    /// What reTHINK runtimes are told about whom an assertion speaks for.
    #[must_use]
    pub fn profile_of(&self, verified: &VerifiedIdentity) -> Value {
        let (handle, host) = verified.claims.identity.rsplit_once('@').unwrap_or((&verified.claims.identity, ""));
        profile(&verified.claims, handle, host)
    }

    /// Takes one assertion of his own back.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn revoke_assertion(&self, who: &Who, assertion: &str, now_s: u64) -> Result<(), ProviderFault> {
        let Ok(verified) = self.validate(assertion, now_s) else { return Ok(()) };
        let claims = verified.claims;
        let is_own = claims.iss == self.config.issuer && claims.sub == who.subject();
        if !is_own {
            who.may(Action::RevokeOthers)?;
        }
        let revocation = Revocation {
            subject: claims.sub,
            jti: claims.jti.clone(),
            revoked_s: now_s,
            forget_s: claims.exp.saturating_add(120),
        };
        self.store.revoke_assertions(&revocation).await?;
        self.change_verifier(|verifier| verifier.revocations.revoke(&claims.jti, revocation.forget_s, now_s));
        Ok(())
    }

    /// Takes back all that was asserted of somebody until now.
    pub(super) async fn revoke_assertions_of(&self, subject: &str, now_s: u64) -> Result<(), ProviderFault> {
        let lifetime_s = self.config.lifetimes.assertion_s.saturating_add(120);
        let forget_s = now_s.saturating_add(lifetime_s);
        let revocation = Revocation { subject: subject.to_owned(), jti: String::new(), revoked_s: now_s, forget_s };
        self.store.revoke_assertions(&revocation).await?;
        let issuer = &self.config.issuer;
        self.change_verifier(|verifier| verifier.revocations.revoke_subject(issuer, subject, lifetime_s, now_s));
        Ok(())
    }

    pub(super) async fn load_revocations(&self, now_s: u64) -> Result<(), colloquy_storage::StorageError> {
        let stored = self.store.revocations(now_s).await?;
        let issuer = &self.config.issuer;
        self.change_verifier(|verifier| {
            for one in &stored {
                if one.jti.is_empty() {
                    let lifetime_s = one.forget_s.saturating_sub(one.revoked_s);
                    verifier.revocations.revoke_subject(issuer, &one.subject, lifetime_s, one.revoked_s);
                } else {
                    verifier.revocations.revoke(&one.jti, one.forget_s, now_s);
                }
            }
        });
        Ok(())
    }
}

/// The name under which it is kept that he lets a site: no client's id has a space.
fn site(origin: &str) -> String {
    format!("site {origin}")
}

/// A profile as reTHINK runtimes have it. Where the address is not shown, the identity stands in for it: runtimes cannot do without.
fn profile(claims: &AssertionClaims, handle: &str, host: &str) -> Value {
    json!({
        "sub": claims.sub,
        "name": claims.persona.name,
        "given_name": claims.persona.name,
        "preferred_username": handle,
        "email": claims.email.as_ref().unwrap_or(&claims.identity),
        "email_verified": claims.email.is_some(),
        "userURL": format!("user://{host}/{handle}"),
        "persona": claims.persona,
        "guest": claims.guest,
    })
}
