//! Answers: pages, documents, redirections, errors.

use super::pages;
use crate::identity::oidc::{ErrorCode, OAuthError};
use crate::identity::provider::ProviderFault;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// A fault, as a page for people.
#[derive(Debug)]
pub(super) struct Failure(pub(super) ProviderFault);

impl<E: Into<ProviderFault>> From<E> for Failure {
    fn from(fault: E) -> Self {
        Self(fault.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        log(&self.0);
        with_retry(&self.0, pages::message("That did not work", &self.0.to_string(), status(&self.0)))
    }
}

/// A fault, as OAuth has it.
#[derive(Debug)]
pub(super) struct OAuthFailure(pub(super) ProviderFault);

impl<E: Into<ProviderFault>> From<E> for OAuthFailure {
    fn from(fault: E) -> Self {
        Self(fault.into())
    }
}

impl IntoResponse for OAuthFailure {
    fn into_response(self) -> Response {
        log(&self.0);
        let error = self.0.into_oauth();
        let mut response = cors(json(&serde_json::json!(error.body())));
        *response.status_mut() = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let challenge = match error.code {
            // RFC 6749 section 5.2 and RFC 6750 section 3.
            ErrorCode::InvalidClient => Some(r#"Basic realm="colloquy""#),
            ErrorCode::InvalidToken => Some(r#"Bearer error="invalid_token""#),
            _ => None,
        };
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// A fault, as a document for scripts.
#[derive(Debug)]
pub(super) struct ScriptFailure(pub(super) ProviderFault);

impl<E: Into<ProviderFault>> From<E> for ScriptFailure {
    fn from(fault: E) -> Self {
        Self(fault.into())
    }
}

impl IntoResponse for ScriptFailure {
    fn into_response(self) -> Response {
        log(&self.0);
        let code = match &self.0 {
            ProviderFault::SignIn => "login_required",
            ProviderFault::OAuth(error) => error.code.as_str(),
            ProviderFault::Forbidden(_) => "access_denied",
            _ => "invalid_request",
        };
        let mut response = cors(json(&serde_json::json!({"error": code, "error_description": self.0.to_string()})));
        *response.status_mut() = status(&self.0);
        with_retry(&self.0, response)
    }
}

pub(super) fn status(fault: &ProviderFault) -> StatusCode {
    StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn log(fault: &ProviderFault) {
    match fault {
        ProviderFault::Storage(error) => tracing::error!(%error, "the identity provider's storage failed"),
        ProviderFault::Key(error) => tracing::error!(%error, "a key of the identity provider failed"),
        _ => {}
    }
}

pub(super) fn with_retry(fault: &ProviderFault, mut response: Response) -> Response {
    let seconds = match fault {
        ProviderFault::TooMany(seconds) => *seconds,
        ProviderFault::Busy | ProviderFault::Storage(_) => 5,
        _ => return response,
    };
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// A document.
pub(super) fn json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// What pages of any site may read. Without credentials: no cookie goes along, what is shown is in the request itself.
pub(super) fn cors(mut response: Response) -> Response {
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// What browsers ask before: everything but `X-Colloquy-Identity`, which only our own pages may send.
pub(super) async fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, accept"),
        (header::ACCESS_CONTROL_MAX_AGE, "3600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Sends a browser there, by GET whatever it came by.
pub(super) fn see(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => {
            Failure(OAuthError::new(ErrorCode::InvalidRequest, "An address cannot be written.").into()).into_response()
        }
    }
}

/// Adds a cookie.
pub(super) fn and_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The header that our own scripts send with cookies: a form cannot, and scripts of other sites are told no.
pub(super) fn is_own_script(headers: &HeaderMap) -> bool {
    headers.contains_key(HeaderName::from_static("x-colloquy-identity"))
}
