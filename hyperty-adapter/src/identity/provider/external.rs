//! Signing in by another provider.

use super::{Provider, ProviderFault, Visitor};
use crate::identity::account::EmailAddress;
use crate::identity::external::SignInFault;
use crate::identity::oidc::Params;
use crate::identity::persona::display_name;
use crate::identity::secret::Secret;

/// Where a browser is sent.
#[derive(Debug, Clone)]
pub struct ExternalStart {
    /// To the other provider.
    pub location: String,
    /// To be put into a cookie, by which the browser is known again.
    pub browser: Secret,
}

impl From<SignInFault> for ProviderFault {
    fn from(fault: SignInFault) -> Self {
        tracing::info!(%fault, "somebody was not signed in by another provider");
        match fault {
            SignInFault::Unknown => Self::Malformed("There is no such provider."),
            SignInFault::Busy => Self::Busy,
            SignInFault::State => {
                Self::Malformed("This answer is not for this browser, or came too late. Begin again.")
            }
            SignInFault::Refused => Self::External("The other provider did not sign you in."),
            SignInFault::Fetch(_) | SignInFault::Metadata => Self::External(
                "The other provider cannot be reached at this moment. Try again, or sign in another way.",
            ),
            SignInFault::Token(_) | SignInFault::Nonce | SignInFault::Binding => {
                Self::External("The other provider's word is not good. Begin again; if it stays so, tell the operator.")
            }
        }
    }
}

impl Provider {
    /// By whom people may sign in: id and name.
    pub fn external_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.externals.names()
    }

    fn callback(&self, id: &str) -> String {
        format!("{}/identity/external/{id}/callback", self.config.issuer)
    }

    /// Sends somebody to another provider.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn begin_external(&self, id: &str, next: &str, now_s: u64) -> Result<ExternalStart, ProviderFault> {
        let begun = self.externals.begin(&self.fetch, id, &self.callback(id), next, now_s).await;
        let (location, browser) = begun?;
        Ok(ExternalStart { location, browser })
    }

    /// Somebody came back: signs him in, and makes his account where he has none. Gives the session's secret, and where he wanted to go.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn finish_external(
        &self,
        id: &str,
        params: &Params,
        browser: Option<&Secret>,
        visitor: &Visitor,
        now_s: u64,
    ) -> Result<(Secret, String), ProviderFault> {
        let finished = self.externals.finish(&self.fetch, id, &self.callback(id), (params, browser), now_s).await;
        let checked = finished?;
        let claims = &checked.claims;
        let account = match self.store.account_of_subject(&checked.issuer, &claims.sub).await? {
            Some(account) if account.closed_s.is_some() => {
                return Err(ProviderFault::Forbidden("This account is closed."));
            }
            Some(account) => account.id,
            None => {
                let verified = claims.email.as_deref().filter(|_| claims.email_verified == Some(true));
                let email = verified.and_then(|email| EmailAddress::parse(email).ok());
                self.account_for(&checked.issuer, &claims.sub, email, (claims, checked.trust_email), now_s).await?
            }
        };
        let session = self.begin_session(Some(&account), None, id, visitor, now_s).await?;
        Ok((session, checked.next))
    }

    async fn account_for(
        &self,
        issuer: &str,
        subject: &str,
        email: Option<EmailAddress>,
        (claims, trust_email): (&crate::identity::oidc::IdClaims, bool),
        now_s: u64,
    ) -> Result<String, ProviderFault> {
        let existing = match &email {
            Some(email) => self.store.account_of_email(email.as_str()).await?,
            None => None,
        };
        match existing {
            // Whoever runs that provider could otherwise open everybody's account here.
            Some(_) if !trust_email => Err(ProviderFault::Forbidden(
                "There is an account with your e-mail address already: sign in to it by its password.",
            )),
            Some(account) if account.closed_s.is_some() => Err(ProviderFault::Forbidden("This account is closed.")),
            Some(account) => {
                self.store.add_subject(issuer, subject, &account.id).await?;
                Ok(account.id)
            }
            None => {
                let named = [claims.name.as_deref(), claims.preferred_username.as_deref()];
                let name = named.into_iter().flatten().find_map(display_name).unwrap_or_else(|| "Someone".to_owned());
                let email = email.as_ref().map(EmailAddress::as_str);
                self.make_account(email, &name, None, Some((issuer, subject)), now_s).await
            }
        }
    }
}
