//! Signed tokens (JWT, RFC 7519) and the keys they are signed with. Two algorithms only, ES256 and RS256, and a key has one of them: what a
//! token says of itself chooses a key by its name and nothing else.

mod key;
mod public;
mod ring;
mod token;

pub use key::{KeyFault, SigningKey};
pub use public::{Algorithm, KeySet, PublicKey};
pub use ring::{KeyRing, RotationPolicy, Step};
pub use token::{Audience, Expect, MAX_TOKEN_BYTES, TokenFault, verify};
