//! Who comes into a contact centre as what: its parts are told by access tokens (`docs/src/api/tokens.md`), signed with a key that is
//! made for one run.

use super::Participant;
use crate::host;
use crate::load::scenario::Duty;
use anyhow::{Context as _, Result};
use aws_lc_rs::rand;
use colloquy_signalling::{Claims, Grants, KeyConfig, mint};
use std::time::SystemTime;

/// How long a token is good for, in seconds: the longest scenario, and some.
const GOOD_FOR_S: u64 = 2 * 86_400;

/// A server's key, and how many others are in a room.
#[derive(Debug, Clone)]
pub(in crate::load) struct Lobby {
    key: KeyConfig,
    /// Places that everybody has of each kind.
    pub(in crate::load) others: u32,
}

impl Lobby {
    /// With a key that nobody else has.
    pub(in crate::load) fn new(others: u32) -> Result<Self> {
        let mut bytes = [0_u8; 32];
        rand::fill(&mut bytes).ok().context("this machine has no random numbers")?;
        let key = host::key(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        Ok(Self { key, others })
    }

    /// The secret of the key.
    pub(in crate::load) fn secret(&self) -> &str {
        self.key.secret.as_deref().unwrap_or_default()
    }

    /// The key as the server's configuration has it.
    pub(in crate::load) fn setting(&self) -> String {
        let (kid, secret) = (&self.key.kid, self.secret());
        format!("[{{kid=\"{kid}\",algorithm=\"HS256\",secret=\"{secret}\"}}]")
    }

    /// What lets somebody in.
    pub(in crate::load) fn token(&self, who: &Participant, duty: Duty) -> Result<String> {
        let grants = Grants {
            join: true,
            publish: true,
            subscribe: true,
            agent: matches!(duty, Duty::Agent | Duty::Colleague),
            supervise: duty == Duty::Supervisor,
            ..Grants::default()
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let (sub, room) = (who.name(), Some(who.room_name()));
        Ok(mint(&self.key, &Claims { sub, room, grants, exp: now + GOOD_FOR_S, ..Claims::default() })?)
    }
}

/// What somebody comes in as: `as` of `join`.
pub(in crate::load) fn enters_as(duty: Duty) -> &'static str {
    match duty {
        Duty::Customer | Duty::Agent => "participant",
        Duty::Supervisor => "monitor",
        Duty::Colleague => "helper",
    }
}
