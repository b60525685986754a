//! Other OpenID Connect providers: this server as their client. Rules pure, but for the cache of what they publish; how they are asked is [`Fetch`]'s.

mod fetch;
mod metadata;
mod sign_in;

pub use fetch::{Fetch, FetchFault, HttpFetch};
pub use metadata::Metadata;
pub use sign_in::{Checked, Externals, Pending, SignInFault};
