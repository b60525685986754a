//! Authorisation requests.

use super::{Provider, ProviderFault, Who};
use crate::identity::authz::Action;
use crate::identity::jose::{Expect, verify};
use crate::identity::oidc::{
    AuthorizationRequest, Client, Decision, ErrorCode, IdClaims, OAuthError, Refused, Standing, answer, decide,
};
use crate::identity::secret::{Secret, random_id};
use colloquy_storage::identity::{Consent, Grant};

/// What the browser is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Show that the request cannot be answered.
    Page(&'static str),
    /// Go there.
    Redirect(String),
    /// Sign in, and come back with this query.
    Login {
        /// The query of the authorisation request to come back with.
        next: String,
        /// The address that the client thinks of.
        hint: Option<String>,
    },
    /// Ask whether he agrees.
    Consent {
        /// What the client is called.
        client: String,
        /// What it asks for.
        scope: String,
        /// The query to come back with.
        next: String,
    },
}

impl Provider {
    /// Looks at a request.
    ///
    /// # Errors
    /// [`ProviderFault::Storage`].
    pub async fn authorize(&self, query: &str, who: Option<&Who>, now_s: u64) -> Result<Step, ProviderFault> {
        let (request, client) = match self.request(query) {
            Ok(read) => read,
            Err(refused) => return Ok(self.refused(&refused)),
        };
        let standing = match who.and_then(|who| who.account.as_ref().map(|account| (who, account))) {
            // A guest has nothing that a client could be told.
            None => None,
            Some((who, account)) => {
                let consents = self.store.consents(&account.id).await?;
                let consented = consents.into_iter().find(|one| one.client == client.id).map(|one| one.scope);
                let hinted = request.id_token_hint.as_deref().and_then(|hint| self.hinted(hint, &client.id));
                let authenticated_s = who.session.authenticated_s;
                Some((Standing { account: account.id.clone(), authenticated_s, consented, hinted }, who))
            }
        };
        let standing_only = standing.as_ref().map(|(standing, _)| standing);
        Ok(match (decide(&request, client, standing_only, now_s), standing) {
            (Decision::Grant, Some((standing, who))) => {
                Step::Redirect(self.grant(&request, client, &standing, who, now_s).await?)
            }
            (Decision::Refuse(error), _) => Step::Redirect(self.answer(&request, Err(&error))),
            (Decision::Consent(next), _) => Step::Consent { client: client.name.clone(), scope: request.scope, next },
            (Decision::Login(next), _) => Step::Login { next, hint: request.login_hint },
            (Decision::Grant, None) => Step::Page("Nobody is signed in."),
        })
    }

    /// He has said whether he agrees to what `query` asks for. Gives where the browser goes.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn agree(&self, query: &str, who: &Who, agrees: bool, now_s: u64) -> Result<Step, ProviderFault> {
        who.may(Action::Consent)?;
        let account = who.account.as_ref().ok_or(ProviderFault::SignIn)?;
        let (request, client) = match self.request(query) {
            Ok(read) => read,
            Err(refused) => return Ok(self.refused(&refused)),
        };
        if !agrees {
            let error = OAuthError::new(ErrorCode::AccessDenied, "He does not agree.");
            return Ok(Step::Redirect(self.answer(&request, Err(&error))));
        }
        let consents = self.store.consents(&account.id).await?;
        let before = consents.into_iter().find(|one| one.client == client.id).map(|one| one.scope).unwrap_or_default();
        let mut scope: Vec<&str> =
            before.split(' ').chain(request.scope.split(' ')).filter(|s| !s.is_empty()).collect();
        scope.sort_unstable();
        scope.dedup();
        let consent = Consent { client: client.id.clone(), scope: scope.join(" "), granted_s: now_s };
        self.store.consent(&account.id, &consent).await?;
        self.authorize(query, Some(who), now_s).await
    }

    fn request(&self, query: &str) -> Result<(AuthorizationRequest, &Client), Refused> {
        let request = AuthorizationRequest::read(query, &self.clients)?;
        let client = self.clients.get(&request.client).ok_or(Refused::Page("The client is unknown."))?;
        Ok((request, client))
    }

    fn refused(&self, refused: &Refused) -> Step {
        match refused {
            Refused::Page(why) => Step::Page(why),
            Refused::Redirect { redirect_uri, state, error } => {
                Step::Redirect(answer(redirect_uri, state.as_deref(), &self.config.issuer, Err(error)))
            }
        }
    }

    fn answer(&self, request: &AuthorizationRequest, result: Result<&str, &OAuthError>) -> String {
        answer(&request.redirect_uri, request.state.as_deref(), &self.config.issuer, result)
    }

    async fn grant(
        &self,
        request: &AuthorizationRequest,
        client: &Client,
        standing: &Standing,
        who: &Who,
        now_s: u64,
    ) -> Result<String, ProviderFault> {
        let code = Secret::random();
        let lifetimes = &self.config.lifetimes;
        let grant = Grant {
            id: random_id(),
            code: code.digest().as_str().to_owned(),
            code_expires_s: now_s.saturating_add(lifetimes.code_s),
            client: client.id.clone(),
            account: standing.account.clone(),
            session: who.session.id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            scope: request.scope.clone(),
            authenticated_s: standing.authenticated_s,
            expires_s: now_s.saturating_add(lifetimes.grant_s),
            revoked_s: None,
        };
        self.store.add_grant(&grant).await?;
        Ok(self.answer(request, Ok(code.expose())))
    }

    /// Whom an ID token of ours names, also one that has ended.
    pub(super) fn hinted(&self, token: &str, client: &str) -> Option<String> {
        let keys = self.ring().public();
        let expect = Expect { typ: Some("JWT"), issuer: &self.config.issuer, audience: client, now_s: None };
        verify::<IdClaims>(token, &keys, &expect).ok().map(|claims| claims.sub)
    }
}
