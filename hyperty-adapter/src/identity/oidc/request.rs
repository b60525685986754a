//! Authorisation requests (OpenID Connect core, section 3.1.2.1), and how they are answered.

use super::client::{Client, Clients};
use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use url::Url;

/// Longest state and nonce, in bytes: they come back in addresses and tokens.
const MAX_ECHO_BYTES: usize = 4_096;

/// Whether, and about what, somebody is to be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Nothing: an answer without a page.
    pub none: bool,
    /// Who he is, although he is signed in.
    pub login: bool,
    /// Whether he agrees, although he has.
    pub consent: bool,
    /// As whom he will go on.
    pub select_account: bool,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// `client_id`, which is registered.
    pub client: String,
    /// Where to answer: one of the client's.
    pub redirect_uri: String,
    /// What it is given, if he agrees.
    pub scope: String,
    /// To be sent back as it is.
    pub state: Option<String>,
    /// To be put into the ID token.
    pub nonce: Option<String>,
    /// The challenge that the verifier must fit.
    pub challenge: String,
    /// What he is to be asked.
    pub prompt: Prompt,
    /// How long ago he may have proved who he is, in seconds.
    pub max_age_s: Option<u64>,
    /// Whom the client thinks that he is.
    pub login_hint: Option<String>,
    /// An ID token of whom the client thinks that he is.
    pub id_token_hint: Option<String>,
    /// The query, to come back with after he has signed in.
    pub params: Params,
}

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// To the person: nobody knows whether the address in the request is the client's, so nothing is sent there (RFC 6749 section 4.1.2.1).
    Page(&'static str),
    /// To the client.
    Redirect {
        /// Where.
        redirect_uri: String,
        /// Its state.
        state: Option<String>,
        /// Why.
        error: OAuthError,
    },
}

impl AuthorizationRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn read(query: &str, clients: &Clients) -> Result<Self, Refused> {
        let params = Params::parse(query).map_err(|error| Refused::Page(error.description))?;
        let client = params.get("client_id").and_then(|id| clients.get(id));
        let client =
            client.ok_or(Refused::Page("The site that sent you here is not registered: its client_id is unknown."))?;
        let redirect_uri = params.get("redirect_uri").filter(|uri| client.redirects_to(uri));
        let redirect_uri = redirect_uri.ok_or(Refused::Page(
            "The site that sent you here wants the answer at an address that is not registered for it.",
        ))?;
        let redirect_uri = redirect_uri.to_owned();
        let state = params.get("state").map(str::to_owned);
        if state.as_ref().is_some_and(|state| state.len() > MAX_ECHO_BYTES) {
            let error = OAuthError::new(ErrorCode::InvalidRequest, "The state is longer than 4,096 bytes.");
            return Err(Refused::Redirect { redirect_uri, state: None, error });
        }
        Self::rest(&params, client, redirect_uri.clone(), state.clone()).map_err(|error| Refused::Redirect {
            redirect_uri,
            state,
            error,
        })
    }

    fn rest(params: &Params, client: &Client, redirect_uri: String, state: Option<String>) -> Result<Self, OAuthError> {
        let invalid = |description| OAuthError::new(ErrorCode::InvalidRequest, description);
        if params.get("request").is_some() {
            return Err(OAuthError::new(ErrorCode::RequestNotSupported, "Request objects are not taken."));
        }
        if params.get("request_uri").is_some() {
            return Err(OAuthError::new(ErrorCode::RequestUriNotSupported, "Addresses of requests are not taken."));
        }
        match params.get("response_type") {
            Some("code") => {}
            Some(_) => {
                return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, "Only response_type=code is there."));
            }
            None => return Err(invalid("There is no response_type.")),
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("Only response_mode=query is there."));
        }
        // Without a method it would be plain (RFC 7636 section 4.3), which is not taken.
        if params.get("code_challenge_method") != Some("S256") {
            return Err(invalid("PKCE is required: code_challenge, with code_challenge_method=S256."));
        }
        let challenge = params.get("code_challenge").filter(|text| is_challenge(text));
        let challenge = challenge.ok_or_else(|| invalid("A code_challenge of S256 is 43 characters of base64url."))?;
        let nonce = params.get("nonce").map(str::to_owned);
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_ECHO_BYTES) {
            return Err(invalid("The nonce is longer than 4,096 bytes."));
        }
        let max_age_s: Option<u64> = params
            .get("max_age")
            .map(str::parse)
            .transpose()
            .map_err(|_| invalid("max_age is no number of seconds."))?;
        let mut prompt = prompt(params.get("prompt"))?;
        // "Now" would have passed again by the time that he comes back.
        prompt.login |= max_age_s == Some(0);
        Ok(Self {
            client: client.id.clone(),
            redirect_uri,
            scope: client.scope(params.text("scope"))?,
            state,
            nonce,
            challenge: challenge.to_owned(),
            prompt,
            max_age_s: max_age_s.filter(|max_age| *max_age > 0),
            login_hint: params.get("login_hint").filter(|hint| hint.len() <= 254).map(str::to_owned),
            id_token_hint: params.get("id_token_hint").map(str::to_owned),
            params: params.clone(),
        })
    }

    /// The query to come back with once he has done what he was asked for: asked again for it, he would never arrive.
    #[must_use]
    pub fn continuation(&self, done: Prompt) -> String {
        let left = Prompt {
            none: false,
            login: self.prompt.login && !done.login,
            consent: self.prompt.consent && !done.consent,
            select_account: self.prompt.select_account && !done.select_account,
        };
        let words = [(left.login, "login"), (left.consent, "consent"), (left.select_account, "select_account")];
        let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
        let words = words.join(" ");
        let next = self.params.clone().with("prompt", Some(words.as_str()).filter(|words| !words.is_empty()));
        // It was asked for as `login`, and is done.
        let next = if next.get("max_age") == Some("0") { next.with("max_age", None) } else { next };
        next.to_query()
    }
}

fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn prompt(text: Option<&str>) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::default();
    for word in text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            _ => return Err(OAuthError::new(ErrorCode::InvalidRequest, "prompt has a word that is not known.")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, "prompt=none stands alone."));
    }
    Ok(prompt)
}

/// Where a browser is sent with an answer. The issuer goes with it, so that a client of several providers knows whose it is (RFC 9207).
#[must_use]
pub fn answer(redirect_uri: &str, state: Option<&str>, issuer: &str, result: Result<&str, &OAuthError>) -> String {
    // Registered addresses can be read.
    let Ok(mut url) = Url::parse(redirect_uri) else { return issuer.to_owned() };
    {
        let mut query = url.query_pairs_mut();
        match result {
            Ok(code) => query.append_pair("code", code),
            Err(error) => {
                query.append_pair("error", error.code.as_str()).append_pair("error_description", error.description)
            }
        };
        if let Some(state) = state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer);
    }
    url.into()
}
