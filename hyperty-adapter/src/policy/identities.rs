//! Who a message is of: what policies must know of identities, and nothing else.

use crate::address::Address;
use serde_json::value::RawValue;
use std::sync::Arc;

/// What a message says about who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// `body.identity`, as JSON, with an `assertion`.
    pub identity: &'a RawValue,
    /// The runtime whose session it came by.
    pub runtime: &'a str,
    /// The message's sender.
    pub from: &'a Address<'a>,
    /// Now, in ms since 1970.
    pub now_ms: i64,
}

/// Somebody whose identity is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The domain that vouches for him.
    pub issuer: String,
    /// `user://issuer/name`.
    pub url: String,
    /// His e-mail, if the issuer says that it is his.
    pub email: Option<String>,
    /// `user-guid://…`, if it is bound to his key.
    pub guid: Option<String>,
    /// How long this may be relied on without asking again, in ms since 1970.
    pub until_ms: i64,
}

/// Whoever verifies identities.
pub trait Identities: Send + Sync {
    /// Who it is, if that is verified.
    ///
    /// Called under the lock of the node, for each message that has an assertion: it must be quick and wait for nobody. An issuer whose keys are not
    /// here yet is asked elsewhere; until then the answer is none. An assertion can be shown by whoever received one: that `runtime` or
    /// `from` are those whom it is of is the implementer's to see to.
    fn verified(&self, claim: &Claim<'_>) -> Option<Arc<User>>;
}

/// Verifies nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoIdentities;

impl Identities for NoIdentities {
    fn verified(&self, _: &Claim<'_>) -> Option<Arc<User>> {
        None
    }
}
