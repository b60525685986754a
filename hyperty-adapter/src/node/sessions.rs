//! How sessions begin, go on and end (`mn:/session`).

use super::counters::Loss;
use super::fault::{Said, bad_request};
use super::gate::{Decision, Question};
use super::route::Passage;
use super::session::{Connection, ConnectionId, Dialect, Session, SessionId, Waiting, uuid};
use super::{CloseReason, Effect, Node, NotConnected, Takeover};
use crate::address::Address;
use crate::envelope::Verb;
use bytes::Bytes;
use rand::RngExt;
use serde::Deserialize;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// The session manager's address.
const MANAGER: &str = "mn:/session";

impl Node {
    /// A client connected. It has to open a session, in time.
    ///
    /// # Errors
    /// [`NotConnected::Full`].
    pub fn connect(
        &mut self,
        now: Instant,
        dialect: Dialect,
        origin: Option<IpAddr>,
    ) -> Result<ConnectionId, NotConnected> {
        let limits = &self.settings.limits;
        if self.connections.len() >= limits.sessions.saturating_add(limits.unopened) {
            self.counters.refused += 1;
            return Err(NotConnected::Full);
        }
        if self.unopened >= limits.unopened {
            self.drop_oldest_unopened();
        }
        let connection = self.connections.insert(Connection { dialect, origin, session: None, early: 0 });
        self.opening.push_back((now + self.settings.limits.open_within, connection));
        self.unopened += 1;
        Ok(connection)
    }

    /// A client connected, and said as whom: it has a session at once.
    ///
    /// # Errors
    /// [`NotConnected`].
    pub fn connect_as(
        &mut self,
        now: Instant,
        dialect: Dialect,
        origin: Option<IpAddr>,
        runtime: &str,
    ) -> Result<ConnectionId, NotConnected> {
        let from = Address::parse(runtime).map_err(|_| NotConnected::NoRuntime)?;
        let runtime = from.runtime().ok_or(NotConnected::NoRuntime)?;
        let manager = Address::parse(MANAGER).map_err(|_| NotConnected::NoRuntime)?;
        let question =
            Question { now, connection: None, runtime, verb: Verb::Open, from: &from, to: &manager, body: None };
        if self.gate.decide(&question) != Decision::Allow {
            self.counters.lose(Loss::Policy);
            return Err(NotConnected::Policy);
        }
        let connection = self.connections.insert(Connection { dialect, origin, session: None, early: 0 });
        self.unopened += 1;
        let session = self.session_for(connection, runtime, origin);
        if let Err(refused) = &session {
            self.unopened -= 1;
            self.connections.remove(connection);
            self.counters.refused += u64::from(*refused == NotConnected::Full);
        }
        self.bring_what_waits(session?);
        Ok(connection)
    }

    /// A connection is gone, and what was to be sent to it and was not. If it was the session's last, it waits for its client.
    pub fn disconnected(&mut self, now: Instant, connection: ConnectionId, unsent: impl IntoIterator<Item = Bytes>) {
        let Some(gone) = self.connections.remove(connection) else { return };
        self.gate.forget(connection);
        let Some(id) = gone.session else {
            self.unopened -= 1;
            return;
        };
        let keep = self.settings.limits.keep;
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.connections.retain(|one| *one != connection);
        if session.connections.is_empty() {
            if keep.is_zero() {
                self.counters.expired += 1;
                return self.end(id);
            }
            let until = now + keep;
            session.waiting = Some(Box::new(Waiting { until, messages: VecDeque::new(), bytes: 0 }));
            self.leaving.push_back((until, id));
            self.table.note(&session.runtime);
        }
        for text in unsent {
            self.give(id, &text);
        }
    }

    /// Closes what opened no session in time, and ends sessions whose clients did not come back.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, connection)) = self.opening.pop_front_if(|(until, _)| *until <= now) {
            self.close_unopened(connection);
        }
        while let Some((_, id)) = self.leaving.pop_front_if(|(until, _)| *until <= now) {
            let waiting = self.sessions.get(id).and_then(|session| session.waiting.as_ref());
            if waiting.is_some_and(|waiting| waiting.until <= now) {
                self.counters.expired += 1;
                self.end(id);
            }
        }
        self.look_at_nodes(now);
    }

    /// A message for the session manager.
    pub(super) fn manage(&mut self, passage: &Passage<'_>, session: Option<SessionId>) {
        let Passage { connection, dialect, message, .. } = passage;
        let to = message.to.first().map_or(MANAGER, Address::as_str);
        if to != MANAGER {
            return self.refuse(passage, to, 404, Loss::NoComponent, "this node has no such component");
        }
        let Some(runtime) = message.from.runtime() else {
            let why = "from is not of the form runtime://domain/id";
            return self.refuse(passage, MANAGER, bad_request(*dialect), Loss::Invalid, why);
        };
        match message.verb {
            Verb::Open => self.open(passage, session, runtime),
            // A client of the nodejs node has no token.
            Verb::Reopen if *dialect == Dialect::Nodejs => self.open(passage, session, runtime),
            Verb::Reopen => self.reopen(passage, session, runtime),
            Verb::Close => match session {
                Some(id) if self.sessions.get(id).is_some_and(|own| *own.runtime == *runtime) => {
                    self.counters.closed += 1;
                    self.end(id);
                }
                Some(_) => self.refuse(passage, MANAGER, 403, Loss::Spoofed, "this is not your session"),
                None => self.effects.push(Effect::Close { connection: *connection, why: CloseReason::Asked }),
            },
            _ => self.refuse(
                passage,
                MANAGER,
                bad_request(*dialect),
                Loss::Invalid,
                "sessions are opened, re-opened and closed",
            ),
        }
    }

    /// A client that goes by another way than `close` (NoMatrix's `disconnect`).
    pub(super) fn leaves(&mut self, connection: ConnectionId, text: &str) -> bool {
        #[derive(Deserialize)]
        struct Command<'a> {
            cmd: &'a str,
            #[serde(borrow)]
            body: Named<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Named<'a> {
            #[serde(rename = "runtimeURL")]
            runtime_url: &'a str,
        }
        let Ok(Command { cmd: "disconnect", body }) = serde_json::from_str(text) else { return false };
        let Some(id) = self.connections.get(connection).and_then(|one| one.session) else { return false };
        let named = Address::parse(body.runtime_url).ok();
        let named = named.as_ref().and_then(Address::runtime);
        if self.sessions.get(id).is_none_or(|own| named != Some(&own.runtime)) {
            return false;
        }
        self.counters.closed += 1;
        self.end(id);
        true
    }

    fn open(&mut self, passage: &Passage<'_>, session: Option<SessionId>, runtime: &str) {
        let Passage { connection, dialect, .. } = passage;
        if let Decision::Deny(why) = self.ask_policy(passage, runtime) {
            return self.refuse(passage, "mn:/policies", 403, Loss::Policy, &why);
        }
        let is_other = |id| self.sessions.get(id).is_some_and(|own: &Session| *own.runtime != *runtime);
        if session.is_some_and(is_other) {
            return self.refuse(
                passage,
                MANAGER,
                403,
                Loss::Spoofed,
                "this connection has opened a session of another runtime",
            );
        }
        let origin = self.connections.get(*connection).and_then(|one| one.origin);
        let id = match self.session_for(*connection, runtime, origin) {
            Ok(id) => id,
            Err(refused) => {
                let code = if refused == NotConnected::Full { 503 } else { 403 };
                let why = if refused == NotConnected::Full { Loss::Limit } else { Loss::Spoofed };
                return self.refuse(passage, MANAGER, code, why, &refused.to_string());
            }
        };
        let token = self.sessions.get(id).map(|session| uuid(session.token));
        let token = token.as_deref().filter(|_| *dialect == Dialect::Vertx);
        self.say(passage, MANAGER, &Said::<()> { token, ..Said::ok(*dialect) });
        self.bring_what_waits(id);
    }

    fn reopen(&mut self, passage: &Passage<'_>, session: Option<SessionId>, runtime: &str) {
        let Passage { connection, dialect, message, .. } = passage;
        let given = message.from.as_str().get(runtime.len()..).unwrap_or_default().trim_matches('/');
        let id = self.runtimes.get(runtime).copied();
        let known = id.filter(|id| self.sessions.get(*id).is_some_and(|session| uuid(session.token) == given));
        let Some(id) = known.filter(|id| session.is_none_or(|session| session == *id)) else {
            self.counters.resume_refused += 1;
            let why = "Reconnection fail. Incorrect runtime token!";
            return self.refuse(passage, MANAGER, 500, Loss::Invalid, why);
        };
        if let Decision::Deny(why) = self.ask_policy(passage, runtime) {
            return self.refuse(passage, "mn:/policies", 403, Loss::Policy, &why);
        }
        self.attach(id, *connection);
        self.say(passage, MANAGER, &Said::<()>::ok(*dialect));
        self.bring_what_waits(id);
    }

    /// What the policy says to a message that begins a session, or goes on with one.
    fn ask_policy(&self, passage: &Passage<'_>, runtime: &str) -> Decision {
        let Passage { now, connection, message, .. } = passage;
        let to = message.to.first().unwrap_or(&message.from);
        let (verb, from, body) = (message.verb, &message.from, message.body);
        self.gate.decide(&Question { now: *now, connection: Some(*connection), runtime, verb, from, to, body })
    }

    /// The session of a runtime, old or new, with this connection.
    fn session_for(
        &mut self,
        connection: ConnectionId,
        runtime: &str,
        origin: Option<IpAddr>,
    ) -> Result<SessionId, NotConnected> {
        if let Some(id) = self.runtimes.get(runtime).copied() {
            let session = self.sessions.get(id);
            let is_its_own = session.is_some_and(|session| session.connections.contains(&connection));
            let may = is_its_own
                || match self.settings.takeover {
                    Takeover::Always => true,
                    Takeover::SameAddress => session.is_some_and(|session| session.origin == origin),
                    Takeover::Never => false,
                };
            if may {
                self.attach(id, connection);
                return Ok(id);
            }
            self.counters.resume_refused += 1;
            if session.is_some_and(|session| !session.connections.is_empty()) {
                return Err(NotConnected::InUse);
            }
            // Nobody is there whom it could take anything from, and nothing of the other's is given.
            self.end(id);
        }
        // At another node it is connected, and this one knows nothing that would prove that it is the same client. Who is away there is given up there.
        if self.is_connected_elsewhere(runtime) {
            self.counters.resume_refused += 1;
            return Err(NotConnected::InUse);
        }
        if self.sessions.len() >= self.settings.limits.sessions {
            return Err(NotConnected::Full);
        }
        let runtime: Arc<str> = runtime.into();
        let id = self.sessions.insert(Session::new(runtime.clone(), self.rng.random(), origin));
        self.table.note(&runtime);
        self.runtimes.insert(runtime, id);
        self.counters.opened += 1;
        self.attach(id, connection);
        Ok(id)
    }

    fn attach(&mut self, id: SessionId, connection: ConnectionId) {
        let Some(one) = self.connections.get_mut(connection) else { return };
        if one.session == Some(id) {
            return;
        }
        self.unopened -= usize::from(one.session.is_none());
        one.session = Some(id);
        let origin = one.origin;
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.origin = origin;
        session.connections.push(connection);
        self.counters.resumed += u64::from(session.connections.len() > 1 || session.waiting.is_some());
        if session.connections.len() > self.settings.limits.connections_per_session.max(1) {
            let oldest = session.connections.remove(0);
            self.let_go(oldest, CloseReason::Replaced);
        }
    }

    /// What came while a client was away, in order.
    fn bring_what_waits(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let (Some(waiting), Some(to)) = (session.waiting.take(), session.connections.last().copied()) else { return };
        self.waiting_bytes -= waiting.bytes;
        self.table.note(&session.runtime);
        for text in waiting.messages {
            self.send(to, text);
        }
    }

    pub(super) fn end(&mut self, id: SessionId) {
        self.table.forget(id);
        let Some(session) = self.sessions.remove(id) else { return };
        self.runtimes.remove(&session.runtime);
        self.table.note(&session.runtime);
        if let Some(waiting) = session.waiting {
            self.waiting_bytes -= waiting.bytes;
            for _ in 0..waiting.messages.len() {
                self.counters.lose(Loss::Expired);
            }
        }
        for connection in session.connections {
            self.let_go(connection, CloseReason::Asked);
        }
    }

    /// Closes a connection that belongs to no session any more.
    fn let_go(&mut self, connection: ConnectionId, why: CloseReason) {
        if let Some(one) = self.connections.get_mut(connection) {
            one.session = None;
            self.unopened += 1;
            self.effects.push(Effect::Close { connection, why });
        }
    }

    fn close_unopened(&mut self, connection: ConnectionId) -> bool {
        let is_unopened = self.connections.get(connection).is_some_and(|one| one.session.is_none());
        if is_unopened {
            self.effects.push(Effect::Close { connection, why: CloseReason::NotOpened });
        }
        is_unopened
    }

    fn drop_oldest_unopened(&mut self) {
        while let Some((_, connection)) = self.opening.pop_front() {
            if self.close_unopened(connection) {
                self.counters.refused += 1;
                return;
            }
        }
    }
}
