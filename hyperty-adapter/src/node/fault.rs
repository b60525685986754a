//! What the node says in its answers, in each original's manner.

use super::session::Dialect;
use serde::Serialize;

/// The body of an answer. Clients of the vertx and nodejs nodes look for `desc`, those of NoMatrix for `description`.
#[derive(Debug, Serialize)]
pub(super) struct Said<'a, V = ()> {
    pub(super) code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) desc: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<V>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "runtimeToken")]
    pub(super) token: Option<&'a str>,
}

impl<'a, V> Said<'a, V> {
    /// It was done.
    pub(super) fn ok(dialect: Dialect) -> Self {
        let description = (dialect == Dialect::NoMatrix).then_some("OK");
        Self { code: 200, desc: None, description, value: None, token: None }
    }

    pub(super) fn value(self, value: V) -> Self {
        Self { value: Some(value), ..self }
    }

    /// It was not done.
    pub(super) fn fault(code: u16, why: &'a str) -> Self {
        Self { code, desc: Some(why), description: Some(why), value: None, token: None }
    }
}

/// The code for a request that cannot be understood: the vertx node knows only one for all.
pub(super) fn bad_request(dialect: Dialect) -> u16 {
    if dialect == Dialect::Vertx { 500 } else { 400 }
}
