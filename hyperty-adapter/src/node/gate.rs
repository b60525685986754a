//! Where policies are asked. The rules of the node itself (whose addresses are whose) hold before any of them.

use super::session::ConnectionId;
use crate::address::Address;
use crate::envelope::Verb;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::time::Instant;

/// What a policy is asked about: one message for one receiver.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// When. A policy that needs the time of day takes it from a clock of its own that is told the same time.
    pub now: Instant,
    /// The connection that it came by; none where a client names its runtime when it connects.
    pub connection: Option<ConnectionId>,
    /// The runtime whose session sent the message; its domain is the sender's.
    pub runtime: &'a str,
    /// What the message is for.
    pub verb: Verb,
    /// Who sent it. The address is the session's, or nobody's yet.
    pub from: &'a Address<'a>,
    /// Whom it is for.
    pub to: &'a Address<'a>,
    /// What it says, as JSON: `identity`, `resource` and the rest.
    pub body: Option<&'a RawValue>,
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may pass.
    Allow,
    /// It may not, and this is why: the sender is told.
    Deny(Cow<'static, str>),
}

/// A policy. Asked once for each message and receiver, also for those that open a session, so it must be quick, and must not wait.
pub trait Gate: Send + Sync {
    /// Whether this may pass.
    fn decide(&self, question: &Question<'_>) -> Decision;

    /// A connection is gone: what was remembered of it is of no use any more.
    fn forget(&self, _connection: ConnectionId) {}
}

/// Lets everything pass that the node's own rules do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl Gate for Open {
    fn decide(&self, _: &Question<'_>) -> Decision {
        Decision::Allow
    }
}
