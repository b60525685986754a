//! Accounts: addresses, short names, passwords, and how often somebody may try. Pure, but for the hashing of passwords.

mod email;
mod password;
mod throttle;

pub use email::{EmailAddress, NoEmail, handle_from};
pub use password::{Hasher, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, WeakPassword, accept_password};
pub use throttle::{Limit, Throttle};
