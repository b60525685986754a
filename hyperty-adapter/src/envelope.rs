//! Messages as they travel (specs: `messages/readme`): what a node must know of them, read without a copy. A message that is only passed on goes
//! as the text that came, so that members that nobody here knows arrive untouched.

use crate::address::{Address, NoAddress};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use thiserror::Error;

/// Receivers of one message at most.
pub const MAX_RECEIVERS: usize = 64;
/// Longest `id`, in bytes of JSON: originals count from 1.
const MAX_ID: usize = 64;

/// Why a text is no message.
#[derive(Debug, Error)]
pub enum NoMessage {
    /// It is no JSON object, or a member is of another kind than messages have.
    #[error("a message is not as specs/messages has it: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It has no `from`, `to` or `type`.
    #[error("a message has no {0}")]
    Lacks(&'static str),
    /// Its sender or one of its receivers is no address.
    #[error("{0}: {1}")]
    Address(&'static str, NoAddress),
    /// It is for more than [`MAX_RECEIVERS`].
    #[error("a message has more than {MAX_RECEIVERS} receivers")]
    TooManyReceivers,
    /// Its `id` is neither a number nor a short string.
    #[error("id is neither a number nor a string of up to {MAX_ID} bytes")]
    Id,
}

/// What a message is for. Verbs are compared without regard to case: old runtimes write some in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Makes something: an address, an entry, an invitation.
    Create,
    /// Asks for something.
    Read,
    /// Changes something.
    Update,
    /// Takes something away.
    Delete,
    /// Wants what is published at addresses.
    Subscribe,
    /// Does not want it any more.
    Unsubscribe,
    /// Answers a message.
    Response,
    /// Begins a session.
    Open,
    /// Goes on with a session after its connection was lost.
    Reopen,
    /// Ends a session.
    Close,
    /// Any other: it is passed on.
    Other,
}

impl Verb {
    fn of(text: &str) -> Self {
        const VERBS: [(&str, Verb); 10] = [
            ("update", Verb::Update),
            ("response", Verb::Response),
            ("create", Verb::Create),
            ("read", Verb::Read),
            ("delete", Verb::Delete),
            ("subscribe", Verb::Subscribe),
            ("unsubscribe", Verb::Unsubscribe),
            ("open", Verb::Open),
            ("re-open", Verb::Reopen),
            ("close", Verb::Close),
        ];
        VERBS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map_or(Self::Other, |(_, verb)| *verb)
    }
}

/// A message, as far as a node reads it.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// The sender's number for it, as JSON. Numbers of different senders are the same now and then.
    pub id: Option<&'a RawValue>,
    /// What it is for.
    pub verb: Verb,
    /// Who sent it.
    pub from: Address<'a>,
    /// Whom it is for: one at least.
    pub to: Vec<Address<'a>>,
    /// What it says, as JSON.
    pub body: Option<&'a RawValue>,
    sender: &'a str,
}

/// The members as they come.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    verb: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    from: Option<&'a RawValue>,
    #[serde(borrow, default)]
    to: Option<Receivers<'a>>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// One address, or several.
struct Receivers<'a>(Vec<&'a str>);

impl<'a> Envelope<'a> {
    /// Reads a message. Addresses with escapes (`\u002f`) are not taken: no original writes them.
    ///
    /// # Errors
    /// [`NoMessage`].
    pub fn parse(text: &'a str) -> Result<Self, NoMessage> {
        let Members { id, verb, from, to, body } = serde_json::from_str(text)?;
        let verb = verb.ok_or(NoMessage::Lacks("type"))?;
        let sender: &str = serde_json::from_str(from.ok_or(NoMessage::Lacks("from"))?.get())?;
        let from = Address::parse(sender).map_err(|why| NoMessage::Address("from", why))?;
        let Receivers(to) = to.filter(|to| !to.0.is_empty()).ok_or(NoMessage::Lacks("to"))?;
        if to.len() > MAX_RECEIVERS {
            return Err(NoMessage::TooManyReceivers);
        }
        let to: Result<Vec<_>, _> = to.into_iter().map(Address::parse).collect();
        let to = to.map_err(|why| NoMessage::Address("to", why))?;
        let is_id = |id: &&RawValue| {
            let text = id.get();
            text.len() <= MAX_ID
                && text.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
        };
        let id = id.filter(|id| id.get() != "null");
        if id.as_ref().is_some_and(|id| !is_id(id)) {
            return Err(NoMessage::Id);
        }
        Ok(Self { id, verb: Verb::of(&verb), from, to, body, sender })
    }

    /// What its body says, as far as a type asks for it; that of no body is that of `{}`.
    ///
    /// # Errors
    /// [`NoMessage::Malformed`].
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, NoMessage> {
        Ok(serde_json::from_str(self.body.map_or("{}", RawValue::get))?)
    }

    /// The answer of whoever it was for, as JSON.
    #[must_use]
    pub fn answer(&self, body: &impl Serialize) -> String {
        let from = self.to.first().map_or("", Address::as_str);
        answer(self.id, from, self.sender, body)
    }

    /// The same by another, who speaks for a part of the node.
    #[must_use]
    pub fn answer_from(&self, from: &str, body: &impl Serialize) -> String {
        answer(self.id, from, self.sender, body)
    }
}

fn answer(id: Option<&RawValue>, from: &str, to: &str, body: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Answer<'a, B> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        #[serde(rename = "type")]
        verb: &'static str,
        from: &'a str,
        to: &'a str,
        body: &'a B,
    }
    // What is ours to write can be written.
    serde_json::to_string(&Answer { id, verb: "response", from, to, body }).unwrap_or_default()
}

impl<'de: 'a, 'a> Deserialize<'de> for Receivers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Receivers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or a list of addresses")
            }

            fn visit_borrowed_str<E>(self, one: &'de str) -> Result<Self::Value, E> {
                Ok(Receivers(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut some: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = some.next_element::<&'de str>()? {
                    // One too many is enough to be refused.
                    if all.len() <= MAX_RECEIVERS {
                        all.push(one);
                    }
                }
                Ok(Receivers(all))
            }
        }

        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_message_is_read_and_answered() {
        let text = r#"{"id":12,"type":"READ","from":"hyperty-runtime://d/g/registry/","to":"domain://registry.d","x":{"y":1},"body":{"resource":"user://d/a"}}"#;
        let message = Envelope::parse(text).unwrap();
        assert_eq!((message.verb, message.from.as_str()), (Verb::Read, "runtime://d/g/registry/"));
        assert_eq!(message.to.iter().map(Address::as_str).collect::<Vec<_>>(), ["domain://registry.d"]);
        assert_eq!(message.body.unwrap().get(), r#"{"resource":"user://d/a"}"#);
        let answer: serde_json::Value = serde_json::from_str(&message.answer(&json!({"code": 200}))).unwrap();
        let expected = json!({"id":12,"type":"response","from":"domain://registry.d","to":"hyperty-runtime://d/g/registry/","body":{"code":200}});
        assert_eq!(answer, expected, "to whom it came from, as he writes himself");
    }

    #[test]
    fn receivers_are_one_or_some_and_verbs_any() {
        let many = Envelope::parse(r#"{"type":"ping","from":"a://d","to":["b://d","c://d"]}"#).unwrap();
        assert_eq!((many.verb, many.to.len(), many.id.is_none()), (Verb::Other, 2, true));
        let none = Envelope::parse(r#"{"type":"ping","from":"a://d","to":[]}"#);
        assert!(matches!(none, Err(NoMessage::Lacks("to"))), "{none:?}");
        let list = vec!["b://d"; MAX_RECEIVERS + 1];
        let text = json!({"type":"ping","from":"a://d","to":list}).to_string();
        assert!(matches!(Envelope::parse(&text), Err(NoMessage::TooManyReceivers)));
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_cause() {
        for (text, cause) in [
            ("", "is not as specs/messages has it"),
            ("[]", "is not as specs/messages has it"),
            (r#"{"from":"a://d","to":"b://d"}"#, "no type"),
            (r#"{"type":"x","to":"b://d"}"#, "no from"),
            (r#"{"type":"x","from":"a://d"}"#, "no to"),
            (r#"{"type":"x","from":"a","to":"b://d"}"#, "from: an address"),
            (r#"{"type":"x","from":"a://d","to":"b"}"#, "to: an address"),
            (r#"{"type":"x","from":"a://d","to":7}"#, "is not as specs/messages has it"),
            (r#"{"id":{},"type":"x","from":"a://d","to":"b://d"}"#, "id is neither"),
        ] {
            let error = Envelope::parse(text).unwrap_err().to_string();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn anything_at_all_is_survived(text in r#"[{}\[\]",:a-z0-9/\\]{0,80}"#) {
            let _ = Envelope::parse(&text);
        }
    }
}
