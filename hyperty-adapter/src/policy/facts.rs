//! What a message is in a policy's eyes.

use crate::address::Address;
use crate::envelope::Addresses;
use crate::registry::record::email;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Kinds of resources that an invitation may name and policies see; more cannot be decided about.
const MAX_TYPES: usize = 64;

/// What policies may want to know of a body.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    /// `body.identity`, if it has an assertion.
    pub(super) identity: Option<&'a RawValue>,
    /// What is subscribed to, where the message is for a subscription manager.
    pub(super) subscribed: Vec<Address<'a>>,
    pub(super) types: Vec<Cow<'a, str>>,
    pub(super) qos: Option<Cow<'a, str>>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) owner: Option<Cow<'a, str>>,
    pub(super) guid: Option<Cow<'a, str>>,
}

/// The body cannot be read one way alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

// A member that is there twice is an error: who reads the message next might take the other one.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    identity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    attribute: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resources: Option<&'a RawValue>,
    #[serde(borrow, default)]
    subscribe: Option<&'a RawValue>,
    #[serde(borrow, default)]
    unsubscribe: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Value<'a> {
    #[serde(borrow, default)]
    resources: Option<&'a RawValue>,
    #[serde(borrow, default)]
    qos: Option<&'a RawValue>,
    #[serde(borrow, default)]
    url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user: Option<&'a RawValue>,
    #[serde(borrow, default)]
    guid: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Identity<'a> {
    #[serde(borrow, default)]
    assertion: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Texts<'a>(#[serde(borrow)] Vec<Cow<'a, str>>);

impl<'a> Facts<'a> {
    /// Reads a body for a message to `to`.
    pub(super) fn read(body: Option<&'a RawValue>, to: &Address<'_>) -> Result<Self, Unreadable> {
        let mut facts = Self::default();
        // Some readers would take a list of the members' values for the members.
        if body.is_some_and(|body| body.get().starts_with('[')) {
            return Err(Unreadable);
        }
        let Some(body) = body.and_then(object::<Body<'_>>).transpose()? else { return Ok(facts) };
        let Body { identity, value, attribute, resource, resources, subscribe, unsubscribe } = body;
        if let Some(claim) = identity
            && let Some(Identity { assertion }) = object(claim).transpose()?
        {
            facts.identity = assertion.filter(|assertion| assertion.get().starts_with('"')).map(|_| claim);
        }
        if is_subscription_manager(to) {
            for list in [resources, subscribe, unsubscribe].into_iter().flatten() {
                let Addresses(some) = serde_json::from_str(list.get()).map_err(|_| Unreadable)?;
                let some: Result<Vec<_>, _> = some.into_iter().map(Address::read).collect();
                facts.subscribed.extend(some.map_err(|_| Unreadable)?);
            }
        }
        facts.subject = resource.and_then(text).transpose()?;
        // One member of a registration may be changed by its name.
        if attribute.and_then(text).transpose()?.is_some_and(|attribute| attribute == "guid") {
            facts.guid = value.and_then(text).transpose()?;
        }
        let Some(Value { resources, qos, url, user, guid }) = value.and_then(object).transpose()? else {
            return Ok(facts);
        };
        if facts.subject.is_none() {
            facts.subject = url.and_then(text).transpose()?;
        }
        facts.qos = qos.and_then(text).transpose()?;
        facts.owner = user.and_then(text).transpose()?;
        facts.guid = guid.and_then(text).transpose()?;
        if let Some(list) = resources.filter(|list| list.get().starts_with('[')) {
            let Texts(types) = serde_json::from_str(list.get()).map_err(|_| Unreadable)?;
            if types.len() > MAX_TYPES {
                return Err(Unreadable);
            }
            facts.types = types;
        }
        Ok(facts)
    }

    /// His e-mail whom a registration is for, by the registry's own rule.
    pub(super) fn owner_email(&self) -> Option<&str> {
        self.owner.as_deref().map(email)
    }
}

/// What an object says, where it is one; anything else has nothing to say.
fn object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<Result<T, Unreadable>> {
    json.get().starts_with('{').then(|| serde_json::from_str(json.get()).map_err(|_| Unreadable))
}

fn text(json: &RawValue) -> Option<Result<Cow<'_, str>, Unreadable>> {
    #[derive(Deserialize)]
    struct One<'a>(#[serde(borrow)] Cow<'a, str>);
    json.get().starts_with('"').then(|| serde_json::from_str(json.get()).map(|One(text)| text).map_err(|_| Unreadable))
}

fn is_subscription_manager(to: &Address<'_>) -> bool {
    to.scheme() == "domain" && to.path() == "/sm"
}

/// What an address is of, as policies call it.
pub(super) fn kind(address: &Address<'_>) -> &'static str {
    match address.scheme() {
        "" => "session",
        "domain" if address.domain().starts_with("msg-node.") => "node",
        "domain" if address.domain().starts_with("registry.") => "registry",
        "domain" => "component",
        "global" => "global-registry",
        "runtime" => "runtime",
        "hyperty" => "hyperty",
        "user" | "user-guid" => "user",
        _ => "object",
    }
}
