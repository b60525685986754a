//! Who somebody is: access tokens, and who is let in without one.

mod caller;
mod keys;
mod mint;
mod token;

pub use caller::{Caller, Door, RoomScope};
pub use keys::KeySet;
pub use mint::mint;
pub use token::{Claims, Grants, MintError};

/// Longest access token, in bytes. Ours have about 300; those of identity providers some 2,000.
pub const TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of the token's maker and of this server may differ, in seconds: for `exp` and for `nbf`.
pub const CLOCK_LEEWAY_S: u64 = 30;
