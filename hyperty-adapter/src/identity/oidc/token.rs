//! Requests for tokens (RFC 6749 sections 4.1.3 and 6), and whose they are.

use super::client::{Client, Clients};
use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use crate::identity::secret::{Secret, same, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// What a client wants tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// A code.
    Code {
        /// The code.
        code: Secret,
        /// Where it was sent.
        redirect_uri: String,
        /// What the challenge was made of.
        verifier: String,
    },
    /// A refresh token.
    Refresh {
        /// The token.
        token: Secret,
        /// What of the scope it wants; nothing is all.
        scope: Option<String>,
    },
}

/// How a client said who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    id: String,
    secret: Option<String>,
}

impl Credentials {
    /// By `Authorization: Basic` (RFC 6749 section 2.3.1) or in the form, and never both.
    ///
    /// # Errors
    /// `invalid_request` or `invalid_client`.
    pub fn read(authorization: Option<&str>, params: &Params) -> Result<Self, OAuthError> {
        let invalid = |description| OAuthError::new(ErrorCode::InvalidClient, description);
        let in_form = params.get("client_secret").map(str::to_owned);
        let Some(authorization) = authorization else {
            let id = params.get("client_id").ok_or_else(|| invalid("There is no client_id."))?;
            return Ok(Self { id: id.to_owned(), secret: in_form });
        };
        if in_form.is_some() {
            return Err(OAuthError::new(ErrorCode::InvalidRequest, "The client says who it is in two ways."));
        }
        let malformed = || invalid("The Authorization header is no Basic with an id and a secret.");
        let (scheme, encoded) = authorization.split_once(' ').ok_or_else(malformed)?;
        let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.filter(|_| scheme.eq_ignore_ascii_case("basic")).ok_or_else(malformed)?;
        let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
        // Both are form-encoded before they are joined.
        let plain = |text: &str| {
            let pair = format!("x={text}");
            url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let id = plain(id);
        if params.get("client_id").is_some_and(|in_form| in_form != id) {
            return Err(invalid("The client names itself twice, and differently."));
        }
        Ok(Self { id, secret: Some(plain(secret)).filter(|secret| !secret.is_empty()) })
    }

    /// The client, if it is the one.
    ///
    /// # Errors
    /// `invalid_client`, without a word of what is wrong.
    pub fn check<'a>(&self, clients: &'a Clients) -> Result<&'a Client, OAuthError> {
        let client = clients.get(&self.id).filter(|client| match &self.secret {
            None => client.is_public(),
            Some(secret) => client.has_secret(secret),
        });
        client.ok_or(OAuthError::new(ErrorCode::InvalidClient, "The client is unknown, or its secret is wrong."))
    }
}

impl TokenRequest {
    /// Reads a form.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub fn read(params: &Params) -> Result<Self, OAuthError> {
        let missing = |description| OAuthError::new(ErrorCode::InvalidRequest, description);
        let unknown =
            || OAuthError::new(ErrorCode::InvalidGrant, "There is no such code or token, or it has been used.");
        match params.get("grant_type") {
            Some("authorization_code") => {
                let code = params.get("code").ok_or_else(|| missing("There is no code."))?;
                let redirect_uri = params.get("redirect_uri").ok_or_else(|| missing("There is no redirect_uri."))?;
                let verifier = params.get("code_verifier").ok_or_else(|| missing("There is no code_verifier."))?;
                let code = Secret::parse(code).ok_or_else(unknown)?;
                Ok(Self::Code { code, redirect_uri: redirect_uri.to_owned(), verifier: verifier.to_owned() })
            }
            Some("refresh_token") => {
                let token = params.get("refresh_token").ok_or_else(|| missing("There is no refresh_token."))?;
                let token = Secret::parse(token).ok_or_else(unknown)?;
                Ok(Self::Refresh { token, scope: params.get("scope").map(str::to_owned) })
            }
            Some(_) => Err(OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                "Only authorization_code and refresh_token are there.",
            )),
            None => Err(missing("There is no grant_type.")),
        }
    }
}

/// Whether a verifier is what a challenge was made of (RFC 7636 section 4.6).
#[must_use]
pub fn verifier_fits(verifier: &str, challenge: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(good)
        && same(&URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())), challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_fits_and_nothing_else() {
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(verifier_fits(verifier, challenge));
        assert!(!verifier_fits(challenge, challenge), "plain");
        assert!(!verifier_fits(&verifier[1..], challenge) && !verifier_fits("", challenge));
        assert!(!verifier_fits(&"é".repeat(30), challenge));
    }

    #[test]
    fn clients_say_who_they_are_in_one_way() {
        let read = |header: Option<&str>, form: &str| Credentials::read(header, &Params::parse(form).unwrap());
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let is = |id: &str, secret: Option<&str>| Ok(Credentials { id: id.into(), secret: secret.map(str::to_owned) });
        assert_eq!(read(None, "client_id=a"), is("a", None));
        assert_eq!(read(Some(&basic("a%3A:b+c")), ""), is("a:", Some("b c")));
        assert_eq!(read(Some(&basic("a:")), "client_id=a"), is("a", None));
        for (header, form, code) in [
            (None, "", ErrorCode::InvalidClient),
            (Some(basic("a:b")), "client_id=a&client_secret=b", ErrorCode::InvalidRequest),
            (Some(basic("a:b")), "client_id=c", ErrorCode::InvalidClient),
            (Some("Bearer x".into()), "", ErrorCode::InvalidClient),
            (Some("Basic ???".into()), "", ErrorCode::InvalidClient),
            (Some(basic("nothing")), "", ErrorCode::InvalidClient),
        ] {
            assert_eq!(read(header.as_deref(), form).unwrap_err().code, code, "{header:?} {form}");
        }
    }
}
