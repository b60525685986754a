//! What an authorisation request leads to.

use super::client::Client;
use super::error::{ErrorCode, OAuthError};
use super::request::{AuthorizationRequest, Prompt};

/// Who is in front of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// His account.
    pub account: String,
    /// When he proved who he is, in seconds since 1970.
    pub authenticated_s: u64,
    /// What he has let this client do before.
    pub consented: Option<String>,
    /// Whom an ID token of the request names, if there was a good one.
    pub hinted: Option<String>,
}

/// What happens now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// He says who he is, and comes back with this query.
    Login(String),
    /// He is asked whether he agrees, and comes back with this query.
    Consent(String),
    /// The client gets its code.
    Grant,
    /// The client is told that it gets none.
    Refuse(OAuthError),
}

/// Decides. `None` is somebody who is not signed in.
#[must_use]
pub fn decide(request: &AuthorizationRequest, client: &Client, who: Option<&Standing>, now_s: u64) -> Decision {
    let prompt = request.prompt;
    let asked_again = Prompt { login: true, select_account: true, ..Prompt::default() };
    let is_other = |who: &Standing| who.hinted.as_ref().is_some_and(|hinted| *hinted != who.account);
    let is_stale =
        |who: &Standing| request.max_age_s.is_some_and(|max_age| now_s.saturating_sub(who.authenticated_s) > max_age);
    let who = who.filter(|who| !is_other(who) && !is_stale(who) && !prompt.login && !prompt.select_account);
    let Some(who) = who else {
        if prompt.none {
            return Decision::Refuse(OAuthError::new(
                ErrorCode::LoginRequired,
                "He is not signed in, or too long ago.",
            ));
        }
        return Decision::Login(request.continuation(asked_again));
    };
    let agreed = who.consented.as_deref().is_some_and(|before| covers(before, &request.scope));
    if (client.first_party || agreed) && !prompt.consent {
        return Decision::Grant;
    }
    if prompt.none {
        return Decision::Refuse(OAuthError::new(ErrorCode::ConsentRequired, "He has not agreed to that yet."));
    }
    Decision::Consent(request.continuation(Prompt { consent: true, ..asked_again }))
}

fn covers(before: &str, scope: &str) -> bool {
    scope.split(' ').all(|one| before.split(' ').any(|known| known == one))
}
