//! Messages as they travel (specs: `messages/readme`): what a node must know of them, read without a copy. A message that is only passed on goes
//! as the text that came, so that members that nobody here knows arrive untouched.

use crate::address::{Address, NoAddress};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use thiserror::Error;

/// Receivers of one message at most.
pub const MAX_RECEIVERS: usize = 64;
/// Addresses in one list at most; less may be allowed.
const MAX_ADDRESSES: usize = 10_000;
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

impl Verb {
    /// Whether its sender waits for an answer that says whether something could be done. Where such a message reaches nobody, that is said;
    /// updates and answers are sent to whoever may be there, and verbs that nobody here knows are none of ours.
    pub(crate) fn wants_an_answer(self) -> bool {
        !matches!(self, Self::Update | Self::Response | Self::Other)
    }
}

impl Envelope<'_> {
    /// Whether an error may be answered. An error that answers an answer is the beginning of a loop; an update is published, but for those that are
    /// for a part of the server: the registry's are requests, and their senders wait.
    pub(crate) fn takes_errors(&self) -> bool {
        let is_servers = |to: &Address<'_>| matches!(to.scheme(), "" | "domain" | "global");
        match self.verb {
            Verb::Response => false,
            Verb::Update => self.to.iter().all(is_servers),
            _ => true,
        }
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
    sender: Cow<'a, str>,
    /// Where the list of receivers stands in the text, if it is a list.
    list: Option<Range<usize>>,
}

/// The members as they come.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    verb: Option<Text<'a>>,
    #[serde(borrow, default)]
    from: Option<Text<'a>>,
    #[serde(borrow, default)]
    to: Option<&'a RawValue>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// A string, copied only if it has escapes.
struct Text<'a>(Cow<'a, str>);

/// One address, or a list of some. Lists in lists count for what is in them, since the originals' conformance tests send such.
#[derive(Debug)]
pub(crate) struct Addresses<'a>(pub(crate) Vec<Cow<'a, str>>);

impl<'a> Envelope<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// [`NoMessage`].
    pub fn parse(text: &'a str) -> Result<Self, NoMessage> {
        // Serde would take a list of the members' values for the members.
        if !text.trim_start().starts_with('{') {
            return Err(NoMessage::Malformed(serde::de::Error::custom("it is no object")));
        }
        let Members { id, verb, from, to, body } = serde_json::from_str(text)?;
        let Text(verb) = verb.ok_or(NoMessage::Lacks("type"))?;
        let Text(sender) = from.ok_or(NoMessage::Lacks("from"))?;
        let raw = to.filter(|to| to.get() != "null").ok_or(NoMessage::Lacks("to"))?;
        let from = Address::read(sender.clone()).map_err(|why| NoMessage::Address("from", why))?;
        let Addresses(receivers) = serde_json::from_str(raw.get())?;
        if receivers.len() > MAX_RECEIVERS {
            return Err(NoMessage::TooManyReceivers);
        }
        let to: Result<Vec<_>, _> = receivers.into_iter().map(Address::read).collect();
        let to = to.map_err(|why| NoMessage::Address("to", why))?;
        if to.is_empty() {
            return Err(NoMessage::Lacks("to"));
        }
        let list = raw.get().starts_with('[').then(|| span(text, raw.get())).flatten();
        let is_id = |id: &&RawValue| {
            let text = id.get();
            text.len() <= MAX_ID
                && text.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
        };
        let id = id.filter(|id| id.get() != "null");
        if id.as_ref().is_some_and(|id| !is_id(id)) {
            return Err(NoMessage::Id);
        }
        let body = body.filter(|body| body.get() != "null");
        Ok(Self { id, verb: Verb::of(&verb), from, to, body, sender, list })
    }

    /// The text for one of several receivers: with him alone in `to`, as clients expect it. None where `to` is one already.
    #[must_use]
    pub fn text_for(&self, text: &str, receiver: &Address<'_>) -> Option<String> {
        let list = self.list.clone()?;
        let (before, after) = (text.get(..list.start)?, text.get(list.end..)?);
        // An address is printable, but may have what JSON escapes.
        let receiver = serde_json::to_string(receiver.as_str()).ok()?;
        Some([before, &receiver, after].concat())
    }

    /// Who sent it, as he writes himself.
    #[must_use]
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// What its body says, as far as a type asks for it; that of no body is that of `{}`.
    ///
    /// # Errors
    /// [`NoMessage::Malformed`].
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, NoMessage> {
        let body = self.body.map_or("{}", RawValue::get);
        // Serde would take a list of the members' values for the members, and who looked at them by their names would have missed them.
        if body.starts_with('[') {
            return Err(NoMessage::Malformed(serde::de::Error::custom("its body is no object")));
        }
        Ok(serde_json::from_str(body)?)
    }

    /// The answer of whoever it was for, as JSON.
    #[must_use]
    pub fn answer(&self, body: &impl Serialize) -> String {
        let from = self.to.first().map_or("", Address::as_str);
        answer(self.id, from, &self.sender, body)
    }

    /// The same by another, who speaks for a part of the node.
    #[must_use]
    pub fn answer_from(&self, from: &str, body: &impl Serialize) -> String {
        answer(self.id, from, &self.sender, body)
    }
}

/// Where in `text` a part of it stands.
fn span(text: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (end <= text.len()).then_some(start..end)
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

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Read)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Addresses<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Addresses<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or a list of addresses")
            }

            fn visit_borrowed_str<E>(self, one: &'de str) -> Result<Self::Value, E> {
                Ok(Addresses(vec![Cow::Borrowed(one)]))
            }

            fn visit_str<E>(self, one: &str) -> Result<Self::Value, E> {
                Ok(Addresses(vec![Cow::Owned(one.to_owned())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut some: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(Addresses(more)) = some.next_element()? {
                    // One too many is enough to be refused.
                    all.extend(more.into_iter().take((MAX_ADDRESSES + 1).saturating_sub(all.len())));
                }
                Ok(Addresses(all))
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
        let text = r#"{"type":"ping","to":["b://d","c://d"],"from":"a://d","x":[1]}"#;
        let one = Envelope::parse(text).unwrap();
        let alone = one.text_for(text, &one.to[1]);
        assert_eq!(alone.as_deref(), Some(r#"{"type":"ping","to":"c://d","from":"a://d","x":[1]}"#));
        let escaped = Envelope::parse(r#"{"type":"ping","from":"a:\/\/d","to":"b:\/\/d"}"#).unwrap();
        assert_eq!((escaped.from.as_str(), escaped.to[0].as_str()), ("a://d", "b://d"));
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
