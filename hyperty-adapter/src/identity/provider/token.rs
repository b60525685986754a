//! Tokens: given for codes and refresh tokens, looked at, taken back.

use super::{Provider, ProviderFault};
use crate::identity::jose::{Algorithm, Audience, Expect, KeyFault, verify};
use crate::identity::oidc::{
    ACCESS_TYPE, AccessClaims, Client, Credentials, ErrorCode, IdClaims, OAuthError, Params, Person, TokenRequest,
    half_hash, userinfo, verifier_fits,
};
use crate::identity::secret::{Secret, random_id};
use colloquy_storage::identity::{Account, Grant, Redeemed, Rotated};
use serde_json::{Value, json};
use url::Url;

fn invalid_grant() -> ProviderFault {
    OAuthError::new(ErrorCode::InvalidGrant, "There is no such code or token, or it has been used, or it has ended.")
        .into()
}

impl Provider {
    /// The token endpoint: a form and, if there is one, its `Authorization` header.
    ///
    /// # Errors
    /// [`ProviderFault`], which can be told as OAuth has it.
    pub async fn token(&self, authorization: Option<&str>, form: &str, now_s: u64) -> Result<Value, ProviderFault> {
        let params = Params::parse(form)?;
        let client = Credentials::read(authorization, &params)?.check(&self.clients)?;
        match TokenRequest::read(&params)? {
            TokenRequest::Code { code, redirect_uri, verifier } => {
                let Redeemed::First(grant) = self.store.use_code(code.digest().as_str(), now_s).await? else {
                    return Err(invalid_grant());
                };
                let fits = grant.client == client.id
                    && grant.redirect_uri == redirect_uri
                    && grant.code_expires_s > now_s
                    && grant.revoked_s.is_none()
                    && verifier_fits(&verifier, &grant.challenge);
                if !fits {
                    // Somebody has the code who should not have it.
                    self.store.revoke_grant(&grant.id, now_s).await?;
                    return Err(invalid_grant());
                }
                let refresh = if grant.scope.split(' ').any(|scope| scope == "offline_access") {
                    let refresh = Secret::random();
                    let expires_s = now_s.saturating_add(self.config.lifetimes.refresh_s).min(grant.expires_s);
                    self.store.add_refresh(&grant.id, refresh.digest().as_str(), expires_s).await?;
                    Some(refresh)
                } else {
                    None
                };
                let scope = grant.scope.clone();
                self.tokens(client, &grant, &scope, grant.nonce.as_deref(), refresh, now_s).await
            }
            TokenRequest::Refresh { token, scope } => {
                let new = Secret::random();
                let (old_digest, new_digest) = (token.digest(), new.digest());
                let expires_s = now_s.saturating_add(self.config.lifetimes.refresh_s);
                let turned = (old_digest.as_str(), new_digest.as_str());
                let Rotated::Replaced(grant) = self.store.rotate_refresh(turned, &client.id, expires_s, now_s).await?
                else {
                    return Err(invalid_grant());
                };
                let had = |one: &str| grant.scope.split(' ').any(|scope| scope == one);
                let scope = scope.unwrap_or_else(|| grant.scope.clone());
                if !scope.split(' ').all(had) {
                    return Err(
                        OAuthError::new(ErrorCode::InvalidScope, "The scope is wider than what was granted.").into()
                    );
                }
                // No nonce: it has been seen (OpenID Connect core, section 12.2).
                self.tokens(client, &grant, &scope, None, Some(new), now_s).await
            }
        }
    }

    async fn tokens(
        &self,
        client: &Client,
        grant: &Grant,
        scope: &str,
        nonce: Option<&str>,
        refresh: Option<Secret>,
        now_s: u64,
    ) -> Result<Value, ProviderFault> {
        let account = self.open_account(&grant.account).await?.ok_or_else(invalid_grant)?;
        let lifetimes = &self.config.lifetimes;
        let ring = self.ring();
        let signer = |algorithm| ring.signer(algorithm, now_s).ok_or(KeyFault::Crypto);
        let access = AccessClaims {
            iss: self.config.issuer.clone(),
            aud: Audience::One(self.config.issuer.clone()),
            sub: account.id.clone(),
            client_id: client.id.clone(),
            scope: scope.to_owned(),
            iat: now_s,
            exp: now_s.saturating_add(lifetimes.access_s),
            jti: random_id(),
            grant: grant.id.clone(),
        };
        let access = signer(Algorithm::Es256)?.sign(ACCESS_TYPE, &access)?;
        let may = |one: &str| scope.split(' ').any(|granted| granted == one);
        let person = person(&account);
        let email = person.email.filter(|_| may("email"));
        let id = IdClaims {
            iss: self.config.issuer.clone(),
            sub: person.account,
            aud: Audience::One(client.id.clone()),
            exp: now_s.saturating_add(lifetimes.id_token_s),
            iat: now_s,
            auth_time: Some(grant.authenticated_s),
            nonce: nonce.map(str::to_owned),
            azp: None,
            at_hash: Some(half_hash(&access)),
            sid: Some(grant.session.clone()),
            email_verified: email.is_some().then_some(true),
            email,
            name: Some(person.name).filter(|_| may("profile")),
            preferred_username: Some(person.handle).filter(|_| may("profile")),
        };
        let id = signer(client.id_token_algorithm)?.sign("JWT", &id)?;
        let mut answer = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": lifetimes.access_s, "id_token": id, "scope": scope,
        });
        if let Some(refresh) = refresh {
            answer["refresh_token"] = json!(refresh.expose());
        }
        Ok(answer)
    }

    pub(super) async fn open_account(&self, id: &str) -> Result<Option<Account>, ProviderFault> {
        Ok(self.store.account(id).await?.filter(|account| account.closed_s.is_none()))
    }

    /// What an access token allows, and whose it is; it ends with its grant, whatever it says itself.
    ///
    /// # Errors
    /// `invalid_token`.
    pub async fn bearer(&self, token: &str, now_s: u64) -> Result<(AccessClaims, Account), ProviderFault> {
        let invalid = || OAuthError::new(ErrorCode::InvalidToken, "The access token is not good, or has ended.");
        let issuer = self.config.issuer.as_str();
        let expect = Expect { typ: Some(ACCESS_TYPE), issuer, audience: issuer, now_s: Some(now_s) };
        let claims: AccessClaims = verify(token, &self.ring().public(), &expect).map_err(|_| invalid())?;
        let grant = self.store.grant(&claims.grant).await?.filter(|grant| grant.revoked_s.is_none());
        let account = self.open_account(&claims.sub).await?;
        match (grant, account) {
            (Some(_), Some(account)) => Ok((claims, account)),
            _ => Err(invalid().into()),
        }
    }

    /// What is known of whom an access token speaks for.
    ///
    /// # Errors
    /// `invalid_token`.
    pub async fn userinfo(&self, token: &str, now_s: u64) -> Result<Value, ProviderFault> {
        let (claims, account) = self.bearer(token, now_s).await?;
        Ok(userinfo(&person(&account), &claims.scope, self.host()))
    }

    /// Takes back what a token was given with (RFC 7009). A token that is not known is no error.
    ///
    /// # Errors
    /// `invalid_client`.
    pub async fn revoke(&self, authorization: Option<&str>, form: &str, now_s: u64) -> Result<(), ProviderFault> {
        let params = Params::parse(form)?;
        let client = Credentials::read(authorization, &params)?.check(&self.clients)?;
        let token = params.get("token").ok_or(OAuthError::new(ErrorCode::InvalidRequest, "There is no token."))?;
        let grant = match Secret::parse(token) {
            Some(refresh) => self.store.family_of_refresh(refresh.digest().as_str()).await?,
            None => self.bearer(token, now_s).await.ok().map(|(claims, _)| claims.grant),
        };
        if let Some(id) = grant
            && self.store.grant(&id).await?.is_some_and(|grant| grant.client == client.id)
        {
            self.store.revoke_grant(&id, now_s).await?;
        }
        Ok(())
    }

    /// Where a browser goes after its session was ended by a client (OpenID Connect RP-initiated logout), if that is registered; and whether the
    /// client has shown that it knows who is signed in, without which he is asked first.
    #[must_use]
    pub fn after_sign_out(&self, params: &Params, account: Option<&str>) -> (Option<String>, bool) {
        let hint = params.get("id_token_hint");
        // The audience of the hint names the client, where client_id does not.
        let id = params.get("client_id").map(str::to_owned).or_else(|| hint.and_then(audience_of));
        let Some(client) = id.as_deref().and_then(|id| self.clients.get(id)) else { return (None, false) };
        let hinted = hint.and_then(|hint| self.hinted(hint, &client.id));
        let knows = hinted.is_some() && hinted.as_deref() == account;
        let uri = params.get("post_logout_redirect_uri").filter(|uri| client.leads_to(uri));
        let Some(mut url) = uri.and_then(|uri| Url::parse(uri).ok()) else { return (None, knows) };
        if let Some(state) = params.get("state") {
            url.query_pairs_mut().append_pair("state", state);
        }
        (Some(url.into()), knows)
    }
}

fn audience_of(token: &str) -> Option<String> {
    use base64::Engine as _;
    let payload = token.split('.').nth(1)?;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("aud")?.as_str().map(str::to_owned)
}

fn person(account: &Account) -> Person {
    Person {
        account: account.id.clone(),
        handle: account.handle.clone(),
        name: account.name.clone(),
        email: account.email.clone(),
    }
}
