//! Who hears what (`domain://msg-node.<domain>/sm`).

use super::Node;
use super::counters::Loss;
use super::fault::{Said, bad_request};
use super::route::{Passage, is_published};
use super::session::SessionId;
use super::table::NotGiven;
use crate::address::Address;
use crate::envelope::{Addresses, Verb};
use serde::Deserialize;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    resources: Option<Addresses<'a>>,
    /// What `resources` was called in 2016.
    #[serde(borrow, default)]
    subscribe: Option<Addresses<'a>>,
    /// The same, of those who leave; some used `subscribe` for that too.
    #[serde(borrow, default)]
    unsubscribe: Option<Addresses<'a>>,
}

/// Why nothing was subscribed.
enum Refused {
    Invalid(&'static str),
    Forbidden(NotGiven),
}

impl Node {
    /// A message for the subscription manager. Either all of its addresses are subscribed to, or none.
    pub(super) fn manage_subscriptions(&mut self, passage: &Passage<'_>, session: SessionId, to: &Address<'_>) {
        let dialect = passage.dialect;
        let result =
            read(passage, self.settings.limits.addresses_per_message).and_then(|(verb, addresses)| match verb {
                Verb::Subscribe => self.subscribe(session, &addresses),
                _ => {
                    addresses.iter().for_each(|address| self.table.leave(session, address.as_str()));
                    Ok(())
                }
            });
        match result {
            Ok(()) => self.say(passage, to.as_str(), &Said::<()>::ok(dialect)),
            Err(Refused::Invalid(why)) => self.refuse(passage, to.as_str(), bad_request(dialect), Loss::Invalid, why),
            Err(Refused::Forbidden(NotGiven::Taken)) => {
                self.refuse(passage, to.as_str(), 403, Loss::Spoofed, &NotGiven::Taken.to_string());
            }
            Err(Refused::Forbidden(why)) => {
                let code = if why == NotGiven::Full { 503 } else { 403 };
                self.refuse(passage, to.as_str(), code, Loss::Limit, &why.to_string());
            }
        }
    }

    fn subscribe(&mut self, session: SessionId, addresses: &[Address<'_>]) -> Result<(), Refused> {
        let mut done = Vec::new();
        for address in addresses {
            let before = self.table.tie(session, address.as_str()).unwrap_or_default();
            if before.hears {
                continue;
            }
            done.push((address, before.owns));
            if let Err(why) = self.hear(session, address) {
                for (address, was_owned) in done {
                    if was_owned {
                        self.table.leave(session, address.as_str());
                    } else {
                        self.table.give_back(session, address.as_str());
                    }
                }
                return Err(why);
            }
        }
        Ok(())
    }

    fn hear(&mut self, session: SessionId, address: &Address<'_>) -> Result<(), Refused> {
        if address.as_str().contains('*') {
            return Err(Refused::Invalid("addresses are subscribed to one by one, without wildcards"));
        }
        if matches!(address.scheme(), "" | "domain" | "global") || self.components.contains_key(address.as_str()) {
            return Err(Refused::Forbidden(NotGiven::Taken));
        }
        let runtime = address.runtime().and_then(|runtime| self.runtimes.get(runtime));
        let is_anothers = match runtime {
            Some(owner) => *owner != session,
            None => address.runtime().is_some_and(|runtime| self.is_elsewhere(runtime)),
        };
        if is_anothers && !is_published(address) {
            return Err(Refused::Forbidden(NotGiven::Taken));
        }
        // Clients make their own addresses, and claim them by subscribing.
        if address.is_private() && address.runtime().is_none() {
            self.own(session, address.as_str()).map_err(Refused::Forbidden)?;
        }
        self.table.hear(session, address.as_str()).map_err(Refused::Forbidden)
    }
}

fn read<'a>(passage: &Passage<'a>, most: usize) -> Result<(Verb, Vec<Address<'a>>), Refused> {
    let verb = passage.message.verb;
    let body: Body<'a> =
        passage.message.read().map_err(|_| Refused::Invalid("body.resources is a list of addresses"))?;
    let Body { resources, subscribe, unsubscribe } = body;
    let old = match verb {
        Verb::Subscribe => subscribe,
        Verb::Unsubscribe => unsubscribe.or(subscribe),
        _ => return Err(Refused::Invalid("addresses are subscribed to and unsubscribed from")),
    };
    let Addresses(addresses) = match (resources, old) {
        (Some(addresses), None) | (None, Some(addresses)) => addresses,
        (Some(_), Some(_)) => {
            return Err(Refused::Invalid("You cant use field 'body.resources' and 'body.subscribe' at the same time"));
        }
        (None, None) => return Err(Refused::Invalid("No mandatory field 'body.resources' or 'body.subscribe'")),
    };
    if addresses.len() > most {
        return Err(Refused::Invalid("these are more addresses than one message may have"));
    }
    let addresses: Result<_, _> = addresses.into_iter().map(Address::read).collect();
    Ok((verb, addresses.map_err(|_| Refused::Invalid("one of body.resources is no address"))?))
}
