//! Why something was not done.

use crate::identity::account::{NoEmail, WeakPassword};
use crate::identity::jose::KeyFault;
use crate::identity::oidc::{BadClient, ErrorCode, OAuthError};
use crate::identity::persona::NoPersona;
use colloquy_storage::StorageError;
use thiserror::Error;

/// Why the provider does not start.
#[derive(Debug, Error)]
pub enum StartFault {
    /// Its issuer.
    #[error("identity.issuer {0:?} is no https://host without a path and a slash at the end (http:// is for loopback)")]
    Issuer(String),
    /// A client.
    #[error("identity.clients: {0}")]
    Client(#[from] BadClient),
    /// Another provider.
    #[error("identity.providers: {0}")]
    External(String),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a request was refused. The words are for people and tell nobody what he may not know.
#[derive(Debug, Error)]
pub enum ProviderFault {
    /// The storage failed.
    #[error("Something went wrong in this server. Try again in a moment.")]
    Storage(#[from] StorageError),
    /// A key failed.
    #[error("Something went wrong in this server. Try again in a moment.")]
    Key(#[from] KeyFault),
    /// Too many do the same.
    #[error("Too many people are signing in at this moment. Try again in a few seconds.")]
    Busy,
    /// He has tried too often; the seconds until the next.
    #[error("That was tried too often. Try again in {0} seconds.")]
    TooMany(u64),
    /// Address or password: nobody is told which.
    #[error("The e-mail address or the password is wrong.")]
    WrongPassword,
    /// He is not signed in.
    #[error("Sign in first.")]
    SignIn,
    /// He may not.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The link.
    #[error("This link has been used or is too old. Ask for a new one.")]
    Link,
    /// What he has typed.
    #[error(transparent)]
    Email(#[from] NoEmail),
    /// What he has typed.
    #[error(transparent)]
    Password(#[from] WeakPassword),
    /// What he has typed.
    #[error(transparent)]
    Persona(#[from] NoPersona),
    /// What was asked cannot be.
    #[error("{0}")]
    Malformed(&'static str),
    /// Another provider has not answered as it should.
    #[error("{0}")]
    External(&'static str),
    /// As OAuth tells it.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
}

impl ProviderFault {
    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Storage(_) | Self::Busy => 503,
            Self::Key(_) => 500,
            Self::TooMany(_) => 429,
            Self::WrongPassword | Self::SignIn => 401,
            Self::Forbidden(_) => 403,
            Self::External(_) => 502,
            Self::Link | Self::Email(_) | Self::Password(_) | Self::Persona(_) | Self::Malformed(_) => 400,
            Self::OAuth(error) => error.code.status(),
        }
    }

    /// The same as OAuth tells it.
    #[must_use]
    pub fn into_oauth(self) -> OAuthError {
        match self {
            Self::OAuth(error) => error,
            Self::Storage(_) | Self::Busy | Self::TooMany(_) => {
                OAuthError::new(ErrorCode::TemporarilyUnavailable, "The server has too much to do.")
            }
            Self::Key(_) => OAuthError::new(ErrorCode::ServerError, "A key of the server failed."),
            _ => OAuthError::new(ErrorCode::InvalidRequest, "The request is not understood."),
        }
    }
}
