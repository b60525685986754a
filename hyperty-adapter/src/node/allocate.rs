//! Addresses that the node makes (`domain://msg-node.<domain>/address-allocation`, and two older ones).

use super::Node;
use super::counters::Loss;
use super::fault::{Said, bad_request};
use super::route::Passage;
use super::session::{Session, SessionId, uuid};
use super::table::NotGiven;
use crate::address::Address;
use crate::envelope::{Addresses, Verb};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Longest scheme, in bytes.
const MAX_SCHEME: usize = 32;
/// Longest key of an allocation, in bytes.
const MAX_KEY: usize = 512;
/// Schemes whose addresses are not the node's to give.
const OTHERS: [&str; 8] =
    ["runtime", "hyperty-runtime", "domain", "domain-idp", "global", "user", "user-guid", "hyperty-catalogue"];

#[derive(Default, Deserialize)]
struct Value<'a> {
    #[serde(default)]
    number: Option<usize>,
    #[serde(borrow, default, rename = "allocationKey")]
    key: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "childrenResources")]
    children: Option<Addresses<'a>>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    scheme: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    value: Option<Value<'a>>,
    /// Where runtimes of 2016 put it.
    #[serde(borrow, default, rename = "allocationKey")]
    key: Option<Cow<'a, str>>,
    /// An address, or the key of an allocation; the originals' tests send a list with one of them.
    #[serde(borrow, default)]
    resource: Option<Addresses<'a>>,
    #[serde(borrow, default, rename = "childrenResources")]
    children: Option<Addresses<'a>>,
}

#[derive(Serialize)]
struct Allocated<'a> {
    allocated: Vec<&'a str>,
}

/// Why no address was given, or taken back.
enum Refused {
    Invalid(&'static str),
    NotGiven(NotGiven),
}

impl Node {
    /// A message for the allocator at `to`. `scheme` is that of addresses that nobody asks another for.
    pub(super) fn allocate(
        &mut self,
        passage: &Passage<'_>,
        session: SessionId,
        to: &Address<'_>,
        scheme: Option<&str>,
    ) {
        let dialect = passage.dialect;
        let result = match passage.message.read::<Body<'_>>() {
            Err(_) => Err(Refused::Invalid("body has scheme and value, or resource, or childrenResources")),
            Ok(body) => match passage.message.verb {
                Verb::Create => self.give_addresses(session, &body, scheme).map(Some),
                Verb::Delete => self.take_addresses(session, body).map(|()| None),
                _ => Err(Refused::Invalid("addresses are created and deleted")),
            },
        };
        match result {
            Ok(Some(allocated)) => {
                let allocated = allocated.iter().map(AsRef::as_ref).collect();
                self.say(passage, to.as_str(), &Said::ok(dialect).value(Allocated { allocated }));
            }
            Ok(None) => self.say(passage, to.as_str(), &Said::<()>::ok(dialect)),
            Err(Refused::Invalid(why)) => self.refuse(passage, to.as_str(), bad_request(dialect), Loss::Invalid, why),
            Err(Refused::NotGiven(NotGiven::Taken)) => {
                self.refuse(passage, to.as_str(), 403, Loss::Spoofed, &NotGiven::Taken.to_string());
            }
            Err(Refused::NotGiven(why)) => {
                let code = if why == NotGiven::Full { 503 } else { 403 };
                self.refuse(passage, to.as_str(), code, Loss::Limit, &why.to_string());
            }
        }
    }

    fn give_addresses(
        &mut self,
        id: SessionId,
        body: &Body<'_>,
        scheme: Option<&str>,
    ) -> Result<Vec<Arc<str>>, Refused> {
        let value = body.value.as_ref();
        // The older allocator of hyperties gives no others.
        let asked = body.scheme.as_deref().filter(|_| scheme != Some("hyperty"));
        let scheme = asked.or(scheme).unwrap_or("hyperty");
        if scheme.len() > MAX_SCHEME || OTHERS.contains(&scheme) || Address::parse(&format!("{scheme}://d")).is_err() {
            return Err(Refused::Invalid("body.scheme is none that this node gives addresses of"));
        }
        let number = value.and_then(|value| value.number).unwrap_or(1);
        if !(1..=self.settings.limits.addresses_per_message).contains(&number) {
            return Err(Refused::Invalid("body.value.number is none, or more than one message may ask for"));
        }
        let key = value.and_then(|value| value.key.as_deref()).or(body.key.as_deref());
        if key.is_some_and(|key| key.len() > MAX_KEY) {
            return Err(Refused::Invalid("allocationKey is too long"));
        }
        let earlier = |session: &Session| session.keys.as_ref()?.get(key?).cloned();
        if let Some(earlier) = self.sessions.get(id).and_then(earlier) {
            return Ok(earlier);
        }
        let mut allocated: Vec<Arc<str>> = Vec::with_capacity(number);
        for _ in 0..number {
            let address = format!("{scheme}://{}/{}", self.settings.domain, uuid(self.rng.random()));
            if let Err(why) = self.table.allocate(id, &address) {
                allocated.iter().for_each(|address| self.table.give_back(id, address));
                return Err(Refused::NotGiven(why));
            }
            allocated.push(address.into());
        }
        let most = self.settings.limits.allocation_keys_per_session;
        if let (Some(key), Some(session)) = (key, self.sessions.get_mut(id)) {
            let keys = session.keys.get_or_insert_default();
            if keys.len() < most {
                keys.insert(key.into(), allocated.clone());
            }
        }
        Ok(allocated)
    }

    fn take_addresses(&mut self, id: SessionId, body: Body<'_>) -> Result<(), Refused> {
        let in_value = body.value.unwrap_or_default();
        let key = body.key.or(in_value.key);
        let mut addresses: Vec<Cow<'_, str>> = key.into_iter().collect();
        for Addresses(more) in [body.resource, body.children, in_value.children].into_iter().flatten() {
            addresses.extend(more);
        }
        if addresses.is_empty() {
            return Err(Refused::Invalid("No mandatory field 'body.resource' or 'body.childrenResources'"));
        }
        if addresses.len() > self.settings.limits.addresses_per_message {
            return Err(Refused::Invalid("these are more addresses than one message may have"));
        }
        let of_key = |session: &mut Session, key: &str| session.keys.as_mut()?.remove(key);
        for address in addresses {
            if let Some(allocated) = self.sessions.get_mut(id).and_then(|session| of_key(session, &address)) {
                allocated.iter().for_each(|address| self.table.give_back(id, address));
                continue;
            }
            let is_anothers = |owner: Option<SessionId>| owner.is_some_and(|owner| owner != id);
            if is_anothers(self.table.entry(&address).and_then(|entry| entry.owner)) {
                return Err(Refused::NotGiven(NotGiven::Taken));
            }
            // What is not allocated any more, because its session ended, is given back already.
            self.table.give_back(id, &address);
        }
        Ok(())
    }
}
