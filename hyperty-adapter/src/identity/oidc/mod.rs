//! OpenID Connect (core 1.0) over OAuth 2.0 (RFC 6749, with the advice of RFC 9700): the rules, pure. Only the authorisation code flow is there, and
//! never without PKCE (RFC 7636) by S256.

mod claims;
mod client;
mod decide;
mod discovery;
mod error;
mod params;
mod request;
mod token;

pub use claims::{ACCESS_TYPE, AccessClaims, IdClaims, Person, half_hash, userinfo};
pub use client::{BadClient, Client, Clients};
pub use decide::{Decision, Standing, decide};
pub use discovery::{Paths, document};
pub use error::{ErrorCode, OAuthError};
pub use params::{MAX_QUERY_BYTES, Params};
pub use request::{AuthorizationRequest, Prompt, Refused, answer};
pub use token::{Credentials, TokenRequest, verifier_fits};
