//! The long-term credential mechanism (RFC 8489 section 9.2.4).

use super::super::counters::Refused;
use super::super::credentials::User;
use super::super::message::{Class, Message, attribute};
use super::super::policy::Now;
use super::super::write::Writer;
use super::{Flow, Outside, TurnServer};
use aws_lc_rs::hmac;

/// Who asks, after he has shown that he knows the password.
pub(super) struct Known {
    pub(super) user: User,
    pub(super) key: hmac::Key,
}

/// What a stranger is told.
enum Challenge {
    Unauthenticated,
    Incomplete,
    Stale,
    Wrong,
}

impl TurnServer {
    /// Sees who asks. Whoever has not shown it is answered here, as far as he has answers left.
    pub(super) fn authenticate(
        &mut self,
        flow: Flow,
        message: &Message<'_>,
        now: Now,
        world: &mut impl Outside,
    ) -> Option<Known> {
        match self.identify(flow, message, now) {
            Ok(known) => Some(known),
            Err(challenge) => {
                self.challenge(flow, message, &challenge, now, world);
                None
            }
        }
    }

    fn identify(&self, flow: Flow, message: &Message<'_>, now: Now) -> Result<Known, Challenge> {
        if !message.has_integrity() {
            return Err(Challenge::Unauthenticated);
        }
        let (Some(username), Some(_), Some(nonce)) = (message.username, message.realm, message.nonce) else {
            return Err(Challenge::Incomplete);
        };
        if !self.nonces.holds(nonce, flow.remote.ip(), now.unix_s) {
            return Err(Challenge::Stale);
        }
        let allocation = self.by_flow.get(&flow).and_then(|relay| self.allocations.get(*relay));
        let (user, key) = match allocation.filter(|allocation| *allocation.username == *username) {
            Some(allocation) => (allocation.user.clone(), allocation.key.clone()),
            None => self.credentials.look_up(username, now.unix_s).ok_or(Challenge::Wrong)?,
        };
        if message.is_signed_with(&key) { Ok(Known { user, key }) } else { Err(Challenge::Wrong) }
    }

    fn challenge(
        &mut self,
        flow: Flow,
        message: &Message<'_>,
        challenge: &Challenge,
        now: Now,
        world: &mut impl Outside,
    ) {
        let (code, why) = match challenge {
            Challenge::Unauthenticated => (401, Refused::Unauthenticated),
            Challenge::Incomplete => (400, Refused::BadRequest),
            Challenge::Stale => (438, Refused::StaleNonce),
            Challenge::Wrong => (401, Refused::Credentials),
        };
        self.refuse(why);
        if !self.strangers.may_answer(flow.remote.ip(), now.instant) {
            return self.refuse(Refused::Rationed);
        }
        let nonce = self.nonces.issue(flow.remote.ip(), now.unix_s);
        let mut writer = Writer::new(&mut self.out, message.method, Class::Failure, message.id);
        writer.error(code);
        if code != 400 {
            writer.attribute(attribute::REALM, self.credentials.realm().as_bytes());
            writer.attribute(attribute::NONCE, &nonce);
        }
        writer.finish(None);
        world.to_client(flow, &self.out);
    }
}
