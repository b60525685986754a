//! The policies that are in force, as the node asks them.

use super::cache::Cache;
use super::facts::{Facts, kind};
use super::folder::{self, BadPolicies, Look};
use super::identities::{Claim, Identities, User};
use super::rules::{About, Case, Rules};
use super::when::{Minute, Zone};
use crate::address::Address;
use crate::clock::Clock;
use crate::envelope::Verb;
use crate::node::{ConnectionId, Decision, Gate, Question};
use slotmap::SecondaryMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the folder is looked at. A change is taken when it looked the same twice: after four seconds at most.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What becomes of a message that no policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Otherwise {
    /// It passes, as with the originals: what `permit` says makes no difference.
    #[default]
    Allow,
    /// It does not.
    Deny,
}

/// How policies are set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where they are.
    pub folder: PathBuf,
    /// What becomes of a message that none is about.
    pub otherwise: Otherwise,
    /// Whose time of day they mean.
    pub zone: Zone,
}

/// What was decided, and from what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Policies in force.
    pub policies: usize,
    /// 1 while the folder has something that is no good, and what was there before is in force.
    pub broken: usize,
    /// Times that the folder was read, and taken.
    pub loaded: u64,
    /// Messages that policies were asked about, those of one message with several receivers or addresses by themselves.
    pub asked: u64,
    /// Those that were remembered.
    pub remembered: u64,
    /// Those refused because a policy could not be evaluated, or the body not be read.
    pub failed: u64,
}

/// The policies of a node. Clones are the same ones.
#[derive(Clone)]
pub struct Policies(Arc<Inner>);

struct Inner {
    settings: Settings,
    clock: Clock,
    identities: Box<dyn Identities>,
    state: Mutex<State>,
    watched: Mutex<Watched>,
}

/// What is needed to decide. Locked for each message by one thread alone, which has the node's lock as well; and for a moment when policies are taken.
struct State {
    rules: Arc<Rules>,
    cache: Cache,
    /// Who was verified last on each connection.
    known: SecondaryMap<ConnectionId, Arc<User>>,
    key: String,
    figures: Figures,
}

/// How the folder looked.
#[derive(Debug, Default)]
struct Watched {
    taken: Look,
    last: Look,
    /// What was said of it last.
    complaint: Option<String>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// Who a message is of.
enum Who {
    Nobody,
    Claims,
    Is(Arc<User>),
}

impl Policies {
    /// Reads the folder.
    ///
    /// # Errors
    /// [`BadPolicies`]: a server does not begin with policies that are not what its operator meant.
    pub fn open(settings: Settings, identities: Box<dyn Identities>, clock: Clock) -> Result<Self, BadPolicies> {
        let looks = folder::look(&settings.folder)?;
        let rules = Rules::of(&folder::read(&settings.folder, &looks)?, settings.otherwise)?;
        let figures = Figures { policies: rules.len(), loaded: 1, ..Figures::default() };
        let (known, key) = (SecondaryMap::new(), String::new());
        let state = Mutex::new(State { rules: Arc::new(rules), cache: Cache::default(), known, key, figures });
        let watched = Mutex::new(Watched { taken: looks.clone(), last: looks, complaint: None });
        Ok(Self(Arc::new(Inner { settings, clock, identities, state, watched })))
    }

    /// Looks whether the folder changed, and takes it when it looks as it did the last time, so that nobody is writing to it any more. What is no good
    /// leaves in force what was. `true` when something was taken. Blocks while files are read.
    ///
    /// # Errors
    /// [`BadPolicies`], each time as long as it is so.
    pub fn refresh(&self) -> Result<bool, BadPolicies> {
        let Inner { settings, state, watched, .. } = &*self.0;
        let mut watched = lock(watched);
        let result = folder::look(&settings.folder).and_then(|looks| {
            let (is_taken, is_still) = (looks == watched.taken, looks == watched.last);
            watched.last.clone_from(&looks);
            if is_taken || !is_still {
                return Ok(None);
            }
            let rules = Rules::of(&folder::read(&settings.folder, &looks)?, settings.otherwise)?;
            watched.taken = looks;
            Ok(Some(rules))
        });
        let mut state = lock(state);
        match result {
            Ok(Some(rules)) => {
                state.figures.policies = rules.len();
                (state.figures.loaded, state.figures.broken) = (state.figures.loaded + 1, 0);
                (state.rules, state.cache) = (Arc::new(rules), Cache::default());
                Ok(true)
            }
            Ok(None) => {
                // What was no good was put back as it was.
                if watched.last == watched.taken {
                    state.figures.broken = 0;
                }
                Ok(false)
            }
            Err(why) => {
                state.figures.broken = 1;
                Err(why)
            }
        }
    }

    /// Takes changes of the folder until it is dropped.
    pub async fn watch(self) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let own = self.clone();
            let Ok(result) = tokio::task::spawn_blocking(move || own.refresh()).await else { continue };
            let complaint = result.as_ref().err().map(ToString::to_string);
            let mut watched = lock(&self.0.watched);
            match &result {
                Ok(true) => tracing::info!(policies = self.figures().policies, "policies were taken"),
                Ok(false) => {}
                Err(why) if complaint != watched.complaint => {
                    tracing::error!(%why, "the policies are no good, and those before stay in force");
                }
                Err(_) => {}
            }
            watched.complaint = complaint;
        }
    }

    /// What was decided.
    #[must_use]
    pub fn figures(&self) -> Figures {
        lock(&self.0.state).figures
    }
}

impl Gate for Policies {
    fn decide(&self, question: &Question<'_>) -> Decision {
        let mut state = lock(&self.0.state);
        let state = &mut *state;
        let rules = state.rules.clone();
        let Some(about) = rules.about(question.verb) else {
            // Nobody looks at this message, but it may say whose the others are.
            if question.verb == Verb::Open || question.verb == Verb::Reopen {
                self.who(question, &Facts::read(question.body, question.to).unwrap_or_default(), &mut state.known);
            }
            return Decision::Allow;
        };
        state.figures.asked += 1;
        let Ok(facts) = Facts::read(question.body, question.to) else {
            state.figures.failed += 1;
            return Decision::Deny(
                "its body cannot be read by the policies about it: a member is there twice, or is no text".into(),
            );
        };
        let Ok(runtime) = Address::parse(question.runtime) else {
            state.figures.failed += 1;
            return Decision::Deny("the session has no runtime".into());
        };
        let who = if about.needs.user { self.who(question, &facts, &mut state.known) } else { Who::Nobody };
        let minute = if about.needs.time {
            self.0.settings.zone.minute(self.0.clock.now_ms())
        } else {
            Minute { of_day: 0, weekday: "monday", date: 0 }
        };
        let (user, identity) = match &who {
            Who::Nobody => (None, "none"),
            Who::Claims => (None, "claimed"),
            Who::Is(user) => (Some(&**user), "verified"),
        };
        let Question { from, to, .. } = question;
        let case = Case { runtime: &runtime, from, to, resource: to, user, identity, facts: &facts, minute };
        if facts.subscribed.is_empty() {
            return state.decide(&rules, about, &case, question.verb);
        }
        for resource in &facts.subscribed {
            let denied = state.decide(&rules, about, &Case { resource, ..case }, question.verb);
            if denied != Decision::Allow {
                return denied;
            }
        }
        Decision::Allow
    }

    fn forget(&self, connection: ConnectionId) {
        lock(&self.0.state).known.remove(connection);
    }
}

impl Policies {
    /// By the message itself, or else by the last one of its connection that proved something. Who shows what does not prove anything is nobody.
    fn who(
        &self,
        question: &Question<'_>,
        facts: &Facts<'_>,
        known: &mut SecondaryMap<ConnectionId, Arc<User>>,
    ) -> Who {
        let now_ms = self.0.clock.now_ms();
        let Question { runtime, from, .. } = *question;
        let Some(identity) = facts.identity else {
            let earlier = question.connection.and_then(|connection| known.get(connection));
            return earlier.filter(|user| user.until_ms > now_ms).map_or(Who::Nobody, |user| Who::Is(user.clone()));
        };
        match self
            .0
            .identities
            .verified(&Claim { identity, runtime, from, now_ms })
            .filter(|user| user.until_ms > now_ms)
        {
            None => Who::Claims,
            Some(user) => {
                if let Some(connection) = question.connection {
                    known.insert(connection, user.clone());
                }
                Who::Is(user)
            }
        }
    }
}

impl State {
    fn decide(&mut self, rules: &Rules, about: &About, case: &Case<'_>, verb: Verb) -> Decision {
        write_key(&mut self.key, about, case, verb);
        if let Some(decision) = self.cache.get(&self.key) {
            self.figures.remembered += 1;
            return decision;
        }
        let (decision, has_failed) = rules.decide(about, case);
        self.figures.failed += u64::from(has_failed);
        self.cache.put(&self.key, &decision);
        decision
    }
}

/// All that the policies in question look at. No part of it can be taken for another: each has its length before it.
fn write_key(key: &mut String, about: &About, case: &Case<'_>, verb: Verb) {
    let Case { runtime, from, to, resource, user, identity, facts, minute } = case;
    let needs = &about.needs;
    key.clear();
    let mut put = |is_needed: bool, parts: &[Option<&str>]| {
        for part in parts.iter().filter(|_| is_needed) {
            // Writing to a string cannot fail.
            let _ = match part {
                Some(part) => write!(key, "{}:{part}", part.len()),
                None => write!(key, "-"),
            };
        }
    };
    let number = (verb as u8).to_string();
    put(true, &[Some(&number), Some(kind(resource)), Some(resource.scheme())]);
    put(needs.user, &[Some(identity)]);
    if let Some(User { issuer, url, email, guid, .. }) = user.filter(|_| needs.user) {
        put(true, &[Some(issuer), Some(url), email.as_deref(), guid.as_deref()]);
    }
    put(needs.runtime, &[Some(runtime.as_str())]);
    put(needs.domain, &[Some(runtime.domain()), Some(resource.domain()), Some(from.domain())]);
    put(needs.address, &[Some(resource.as_str())]);
    put(needs.from, &[Some(from.as_str())]);
    put(needs.to, &[Some(to.as_str())]);
    put(needs.qos, &[facts.qos.as_deref()]);
    put(needs.subject, &[facts.subject.as_deref()]);
    put(needs.owner, &[facts.owner.as_deref(), facts.guid.as_deref()]);
    for one in facts.types.iter().filter(|_| needs.types) {
        put(true, &[Some(one)]);
    }
    if needs.time {
        let (minute, date) = (minute.of_day.to_string(), minute.date.to_string());
        put(true, &[Some(&minute), Some(&date)]);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a defect left is whole: a decision is remembered after it was made, and policies are taken at once.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
