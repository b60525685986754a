//! A message's way through the node.

use super::counters::Loss;
use super::fault::{Said, bad_request};
use super::gate::{Decision, Question};
use super::session::{ConnectionId, Dialect, Session, SessionId};
use super::table::NotGiven;
use super::{Asker, Counters, Effect, Flow, GLOBAL_REGISTRY, Limits, Node};
use crate::address::Address;
use crate::envelope::{Envelope, NoMessage, Verb};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use slotmap::{Key, SlotMap};
use std::str;
use std::time::Instant;

/// Who checks that a message is one.
const VALIDATOR: &str = "mn:/validator";
/// Who says no.
const POLICIES: &str = "mn:/policies";
/// Messages that a connection may send without a session: it is for opening one, and no flood is to be answered before.
const MAX_EARLY: u8 = 32;
/// Longest sender whose faulty message is answered.
const MAX_SENDER: usize = crate::address::MAX_ADDRESS;

/// A message on its way.
pub(super) struct Passage<'a> {
    pub(super) now: Instant,
    pub(super) connection: ConnectionId,
    pub(super) dialect: Dialect,
    pub(super) message: &'a Envelope<'a>,
    pub(super) text: &'a Bytes,
}

impl Node {
    /// A client sent a message. What is passed on keeps `text` alive as long as it waits for somebody.
    pub fn receive(&mut self, now: Instant, connection: ConnectionId, text: &Bytes) -> Flow {
        let Some(one) = self.connections.get_mut(connection) else { return Flow::Stop };
        let (dialect, session) = (one.dialect, one.session);
        one.early = one.early.saturating_add(u8::from(session.is_none()));
        let is_idle_talk = one.early > MAX_EARLY;
        self.counters.received += 1;
        self.counters.received_bytes += text.len() as u64;
        if text.len() > self.settings.limits.message_bytes {
            // The wires do not let it come this far.
            self.counters.lose(Loss::Limit);
            return Flow::Stop;
        }
        if session.is_none() && is_idle_talk {
            self.counters.lose(Loss::NotOpen);
            self.effects.push(Effect::Close { connection, why: super::CloseReason::NotOpened });
            return Flow::Stop;
        }
        match str::from_utf8(text).map(Envelope::parse) {
            Ok(Ok(message)) => {
                let passage = Passage { now, connection, dialect, message: &message, text };
                self.admit(&passage, session);
            }
            Ok(Err(error)) => self.malformed(connection, dialect, str::from_utf8(text).unwrap_or_default(), &error),
            Err(_) => self.counters.lose(Loss::Malformed),
        }
        self.pace(now, connection)
    }

    /// A component answers.
    pub fn answer(&mut self, asker: Asker, text: Bytes) {
        if asker.session.is_null() {
            // He is at another node, or was. What a component writes is a message.
            if self.publish(&text).is_ok_and(|receivers| receivers == 0) {
                self.counters.lose(Loss::NoReceiver);
            }
            return;
        }
        let is_there = self.connections.get(asker.connection).is_some_and(|one| one.session == Some(asker.session));
        if is_there {
            self.send(asker.connection, text);
        } else {
            self.give(asker.session, &text);
        }
    }

    /// A component says something of its own: to whoever has or hears the addresses that it is for. Gives how many sessions that were.
    ///
    /// # Errors
    /// [`NoMessage`].
    pub fn publish(&mut self, text: &Bytes) -> Result<usize, NoMessage> {
        let utf8 = str::from_utf8(text).unwrap_or_default();
        let message = Envelope::parse(utf8)?;
        let mut receivers = 0;
        for to in &message.to {
            let text = message.text_for(utf8, to).map_or_else(|| text.clone(), Bytes::from);
            receivers += self.deliver(to, &text);
        }
        Ok(receivers)
    }

    fn pace(&mut self, now: Instant, connection: ConnectionId) -> Flow {
        let Some(one) = self.connections.get(connection) else { return Flow::Stop };
        let Some(session) = one.session.and_then(|session| self.sessions.get_mut(session)) else {
            return Flow::Continue;
        };
        let Limits { messages_per_s, burst_s, .. } = self.settings.limits;
        session.bucket.take(now, messages_per_s, burst_s).map_or(Flow::Continue, |wait| {
            self.counters.paced += 1;
            Flow::Pause(wait)
        })
    }

    fn admit(&mut self, passage: &Passage<'_>, session: Option<SessionId>) {
        let Passage { dialect, message, .. } = passage;
        if *dialect == Dialect::Vertx && message.id.is_none() && message.takes_errors() {
            return self.refuse(passage, VALIDATOR, 500, Loss::Malformed, "No mandatory field 'id'");
        }
        if let [to] = message.to.as_slice()
            && to.is_session_manager()
        {
            return self.manage(passage, session);
        }
        let Some(session) = session else {
            return self.refuse(passage, "mn:/session", 403, Loss::NotOpen, "open a session first");
        };
        match self.may_speak(session, &message.from, message.verb) {
            Ok(()) => {}
            Err(NotGiven::Taken) => {
                tracing::debug!("a message from an address of another was refused");
                return self.refuse(passage, POLICIES, 403, Loss::Spoofed, "from is the address of another");
            }
            Err(limit) => {
                let code = if limit == NotGiven::Full { 503 } else { 403 };
                return self.refuse(passage, POLICIES, code, Loss::Limit, &limit.to_string());
            }
        }
        for to in &message.to {
            self.pass(passage, session, to);
        }
    }

    /// Whether a session may send from an address. What is nobody's yet is its own from then on: it gets the answers.
    fn may_speak(&mut self, session: SessionId, from: &Address<'_>, verb: Verb) -> Result<(), NotGiven> {
        if let Some(runtime) = from.runtime() {
            if self.sessions.get(session).is_some_and(|own| *own.runtime == *runtime) {
                return Ok(());
            }
            if self.runtimes.contains_key(runtime) || self.is_elsewhere(runtime) {
                return Err(NotGiven::Taken);
            }
        }
        if let Some(tie) = self.table.tie(session, from.as_str()) {
            // An observer answers from where it heard a question (`<object>/children/`). It cannot ask from there what another owns, so
            // that nothing that was delivered can be sent on as it came: a loop between nodes ends at its first turn.
            let is_nobodys = || {
                self.table.entry(from.as_str()).is_none_or(|entry| entry.owner.is_none())
                    && !self.is_elsewhere(from.as_str())
                    && !self.is_elsewhere(from.root())
            };
            let may = tie.owns || verb == Verb::Response || is_nobodys();
            return if may { Ok(()) } else { Err(NotGiven::Taken) };
        }
        if matches!(from.scheme(), "" | "domain" | "global") || self.component(from).is_some() {
            return Err(NotGiven::Taken);
        }
        let root = from.root();
        if root.len() < from.as_str().len() {
            match self.table.entry(root).and_then(|entry| entry.owner) {
                Some(owner) if owner == session => return Ok(()),
                Some(_) => return Err(NotGiven::Taken),
                None if self.is_elsewhere(root) => return Err(NotGiven::Taken),
                None => {}
            }
        }
        self.own(session, from.as_str())
    }

    /// One message for one receiver.
    fn pass(&mut self, passage: &Passage<'_>, session: SessionId, to: &Address<'_>) {
        let Passage { now, message, .. } = passage;
        let question = Question {
            now: *now,
            connection: Some(passage.connection),
            runtime: self.sessions.get(session).map_or("", |session| &*session.runtime),
            verb: message.verb,
            from: &message.from,
            to,
            body: message.body,
        };
        if let Decision::Deny(why) = self.gate.decide(&question) {
            return self.refuse(passage, POLICIES, 403, Loss::Policy, &why);
        }
        if matches!(to.scheme(), "domain" | "global" | "") {
            return self.serve(passage, session, to);
        }
        let text = match str::from_utf8(passage.text).ok().and_then(|text| message.text_for(text, to)) {
            Some(own) => Bytes::from(own),
            None => passage.text.clone(),
        };
        if self.deliver(to, &text) > 0 {
            return;
        }
        if let Some(component) = self.component(to) {
            return self.hand(component, passage, session, text);
        }
        // What is published may have nobody who hears it. Who asks one alone is told that he is not there.
        if message.verb.wants_an_answer() && matches!(to.scheme(), "hyperty" | "runtime") && !is_published(to) {
            return self.refuse(passage, to.as_str(), 404, Loss::NoReceiver, "nobody has this address");
        }
        self.counters.lose(Loss::NoReceiver);
    }

    /// A message for an address of the server itself.
    fn serve(&mut self, passage: &Passage<'_>, session: SessionId, to: &Address<'_>) {
        if let Some(component) = self.component(to) {
            let text = str::from_utf8(passage.text).ok().and_then(|text| passage.message.text_for(text, to));
            return self.hand(component, passage, session, text.map_or_else(|| passage.text.clone(), Bytes::from));
        }
        match to.as_str().strip_prefix(self.names.own.as_str()) {
            Some("sm") => return self.manage_subscriptions(passage, session, to),
            Some("address-allocation") => return self.allocate(passage, session, to, None),
            Some("hyperty-address-allocation") => return self.allocate(passage, session, to, Some("hyperty")),
            Some("object-address-allocation") => return self.allocate(passage, session, to, Some("resource")),
            Some(_) => {
                return self.refuse(passage, to.as_str(), 404, Loss::NoComponent, "this node has no such component");
            }
            None => {}
        }
        let name = to.as_str().trim_end_matches('/');
        if self.is_elsewhere(name)
            && let Ok(name) = Address::parse(name)
        {
            let own = str::from_utf8(passage.text).ok().and_then(|text| passage.message.text_for(text, to));
            let text = own.map_or_else(|| passage.text.clone(), Bytes::from);
            self.forward(&name, &text);
            return;
        }
        if name == self.names.registry {
            return self.refuse(passage, to.as_str(), 504, Loss::NoComponent, "Error contacting the domain registry.");
        }
        let why = if name == GLOBAL_REGISTRY { "Not found" } else { "nobody here answers for this address" };
        self.refuse(passage, to.as_str(), 404, Loss::NoComponent, why);
    }

    pub(super) fn component(&self, to: &Address<'_>) -> Option<super::ComponentId> {
        if self.components.is_empty() {
            return None;
        }
        self.components.get(to.as_str().trim_end_matches('/')).copied()
    }

    fn hand(&mut self, component: super::ComponentId, passage: &Passage<'_>, session: SessionId, text: Bytes) {
        self.counters.handed += 1;
        let asker = Asker { session, connection: passage.connection };
        self.effects.push(Effect::Hand { component, asker, text });
    }

    /// To whoever has or hears an address, here and at other nodes: the same bytes to each. Gives how many sessions and nodes that are.
    pub(super) fn deliver(&mut self, to: &Address<'_>, text: &Bytes) -> usize {
        self.deliver_here(to, text) + self.forward(to, text)
    }

    /// To whoever has or hears an address in a session of this node.
    pub(super) fn deliver_here(&mut self, to: &Address<'_>, text: &Bytes) -> usize {
        let Self { table, sessions, runtimes, effects, counters, settings, waiting_bytes, .. } = self;
        let entry = table.entry(to.as_str());
        // A runtime has all that is below it, also what somebody claimed before it came.
        let runtime = to.runtime().and_then(|runtime| runtimes.get(runtime)).copied();
        let owner = runtime.or_else(|| entry.and_then(|entry| entry.owner));
        let mut post = Post { sessions, effects, counters, limits: &settings.limits, waiting_bytes };
        let hearers = entry.map_or(&[][..], |entry| entry.hearers.as_slice());
        let mut receivers = 0;
        for session in owner.iter().chain(hearers.iter().filter(|hearer| Some(**hearer) != owner)) {
            post.give(*session, text);
            receivers += 1;
        }
        receivers
    }

    /// To one session.
    pub(super) fn give(&mut self, session: SessionId, text: &Bytes) {
        let Self { sessions, effects, counters, settings, waiting_bytes, .. } = self;
        Post { sessions, effects, counters, limits: &settings.limits, waiting_bytes }.give(session, text);
    }

    pub(super) fn send(&mut self, to: ConnectionId, text: Bytes) {
        self.counters.sent += 1;
        self.counters.sent_bytes += text.len() as u64;
        self.effects.push(Effect::Send { to, text });
    }

    /// Answers whoever sent a message.
    pub(super) fn say(&mut self, passage: &Passage<'_>, from: &str, body: &impl Serialize) {
        let text = passage.message.answer_from(from, body);
        self.send(passage.connection, text.into());
    }

    /// Counts why a message goes no further, and says so where that is no answer to an answer.
    pub(super) fn refuse(&mut self, passage: &Passage<'_>, from: &str, code: u16, why: Loss, text: &str) {
        self.counters.lose(why);
        if passage.message.takes_errors() {
            self.say(passage, from, &Said::<()>::fault(code, text));
        }
    }

    /// What is no message is answered as far as it says whom.
    fn malformed(&mut self, connection: ConnectionId, dialect: Dialect, text: &str, error: &NoMessage) {
        #[derive(Deserialize)]
        struct Loose<'a> {
            #[serde(borrow, default)]
            id: Option<&'a RawValue>,
            #[serde(borrow, default)]
            from: Option<&'a RawValue>,
            #[serde(borrow, default, rename = "type")]
            verb: Option<&'a RawValue>,
        }
        if dialect == Dialect::NoMatrix && self.leaves(connection, text) {
            return;
        }
        self.counters.lose(Loss::Malformed);
        let Ok(loose) = serde_json::from_str::<Loose<'_>>(text) else { return };
        let is_answer =
            |verb: &RawValue| matches!(verb.get().to_ascii_lowercase().as_str(), r#""response""# | r#""update""#);
        if loose.verb.is_some_and(is_answer) {
            return;
        }
        let from = loose.from.filter(|from| from.get().starts_with('"') && from.get().len() <= MAX_SENDER);
        let Some(from) = from else { return };
        let id = loose.id.filter(|id| id.get().len() <= MAX_SENDER);
        let why = match error {
            NoMessage::Lacks(member) => format!("No mandatory field '{member}'"),
            other => other.to_string(),
        };
        #[derive(Serialize)]
        struct Answer<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a RawValue>,
            #[serde(rename = "type")]
            verb: &'static str,
            from: &'static str,
            to: &'a RawValue,
            body: Said<'a>,
        }
        let body = Said::fault(bad_request(dialect), &why);
        let answer = Answer { id, verb: "response", from: VALIDATOR, to: from, body };
        if let Ok(text) = serde_json::to_string(&answer) {
            self.send(connection, text.into());
        }
    }
}

/// What is published at: any number may hear it, or nobody.
pub(super) fn is_published(to: &Address<'_>) -> bool {
    let path = to.path().trim_end_matches('/');
    ["/registration", "/status", "/changes", "/children"].iter().any(|end| path.ends_with(end))
}

/// The way to sessions, apart from the tables that say to which.
struct Post<'a> {
    sessions: &'a mut SlotMap<SessionId, Session>,
    effects: &'a mut Vec<Effect>,
    counters: &'a mut Counters,
    limits: &'a Limits,
    waiting_bytes: &'a mut usize,
}

impl Post<'_> {
    fn give(&mut self, session: SessionId, text: &Bytes) {
        let Some(session) = self.sessions.get_mut(session) else { return };
        if let Some(to) = session.connections.last() {
            self.counters.sent += 1;
            self.counters.sent_bytes += text.len() as u64;
            self.effects.push(Effect::Send { to: *to, text: text.clone() });
            return;
        }
        let Some(waiting) = &mut session.waiting else { return };
        let fits = waiting.messages.len() < self.limits.waiting_messages
            && waiting.bytes + text.len() <= self.limits.waiting_bytes
            && *self.waiting_bytes + text.len() <= self.limits.waiting_bytes_total;
        if !fits {
            return self.counters.lose(Loss::QueueFull);
        }
        waiting.bytes += text.len();
        *self.waiting_bytes += text.len();
        waiting.messages.push_back(text.clone());
        self.counters.kept += 1;
    }
}
