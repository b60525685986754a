//! Errors of the HTTP API: `application/problem+json` (RFC 9457), with the codes of the WebSocket API.

use crate::error::{ErrorCode, Refusal};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of problems.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// How soon a client that was told to come again should, in seconds.
const RETRY_AFTER_S: &str = "5";

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// What programs decide by, such as `room.full`.
    pub code: &'static str,
    /// A few words that never change.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code.as_str(),
            title: refusal.code.title(),
            status: refusal.code.status(),
            detail: refusal.message,
            remedy: refusal.remedy.into_owned(),
        }
    }
}

impl Problem {
    pub(super) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Refusal::new(code, detail).into()
    }

    /// The problem under another status, where a protocol asks for one.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status: status.as_u16(), ..self }
    }

    /// What stands for a status that a layer below gave without a problem.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => (ErrorCode::RequestNotFound, "There is nothing at this address."),
            StatusCode::METHOD_NOT_ALLOWED => (ErrorCode::RequestMethod, "This address does not take this method."),
            StatusCode::PAYLOAD_TOO_LARGE => (ErrorCode::RequestTooLarge, "The body is longer than this server takes."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                (ErrorCode::RequestMediaType, "This address takes another media type.")
            }
            StatusCode::REQUEST_TIMEOUT => (ErrorCode::RequestTimeout, "The request took too long."),
            s if s.is_server_error() => (ErrorCode::ServerDefect, "Something went wrong in this server."),
            _ => (ErrorCode::RequestMalformed, "The request cannot be understood."),
        };
        Self::new(code, detail).with_status(status)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).expect("strings and a number");
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = if self.code == ErrorCode::AuthRequired.as_str() {
                "Bearer"
            } else {
                r#"Bearer error="invalid_token""#
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
            || self.code == ErrorCode::RoomSilent.as_str()
        {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}
