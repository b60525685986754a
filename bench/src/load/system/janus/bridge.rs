//! Janus's AudioBridge: everybody sends his sound and receives one mix of the others', by one section of one client.

use super::session::Session;
use super::{Gateway, message};
use crate::load::fleet::Desk;
use crate::load::system::{About, Participant, Published, Running, Stay};
use anyhow::Result;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// The plugin.
pub(super) const PLUGIN: &str = "janus.plugin.audiobridge";

/// Makes a room that mixes at the rate that browsers' Opus has.
fn create(number: u32) -> Value {
    json!({
        "request": "create", "room": message::room(number), "permanent": false, "is_private": true,
        "sampling_rate": 48_000,
    })
}

fn join(who: &Participant, muted: bool) -> Value {
    json!({ "request": "join", "room": message::room(who.room), "display": who.name(), "muted": muted })
}

/// Janus with its AudioBridge.
pub(super) struct Bridge(pub(super) Gateway);

impl Bridge {
    fn enter(&self, who: &Participant, muted: bool, offer: &str) -> Result<(Session, String)> {
        let mut session = Session::open(&self.0.sockets, &self.0.url, PLUGIN)?;
        self.0.room(who.room, &create(who.room), &mut session)?;
        session.tell(&join(who, muted), None)?;
        let configure = json!({ "request": "configure", "muted": muted });
        let answered = session.tell(&configure, Some(message::jsep("offer", offer)))?;
        let answer = message::description(&answered, "answer")?.to_owned();
        Ok((session, answer))
    }
}

impl Running for Bridge {
    fn about(&self) -> &About {
        &self.0.about
    }

    fn mixes(&self) -> bool {
        true
    }

    fn clients_at(&self) -> Ipv4Addr {
        self.0.address
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        let line = desk.talker()?;
        let (session, answer) = self.enter(who, false, &line.offer()?)?;
        line.accept(&answer)?;
        Ok(Box::new(session))
    }

    fn watch(&self, who: &Participant, _whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        let line = desk.viewer(1, 0)?;
        let (session, answer) = self.enter(who, true, &line.offer()?)?;
        line.accept(&answer)?;
        Ok(Box::new(session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_muted() {
        let who = Participant { room: 0, number: 4, audio: false, video: false, duty: None };
        assert_eq!(join(&who, true)["muted"], true);
        assert_eq!((create(0)["room"].clone(), create(0)["sampling_rate"].clone()), (1.into(), 48_000.into()));
    }
}
