//! One client's side of socket.io, without a socket: what its packets mean, and what is answered by the protocol itself.

use super::packet::{Event, NotTheProtocol, Packet, event};
use bytes::Bytes;
use std::collections::VecDeque;

/// Answers of the protocol that may wait. Only a client that does not read what it asks for has so many.
const MAX_ANSWERS: usize = 64;

/// By which way packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// By polling; a WebSocket may be asking whether it can take over.
    Polling,
    /// By WebSocket.
    Websocket,
}

/// What follows from a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing more.
    Go,
    /// The WebSocket works: the poll that waits is ended, so that the client can change over.
    Probed,
    /// The WebSocket has taken over.
    Opened,
    /// The client leaves.
    End,
}

/// What a client said and is to be told.
#[derive(Debug)]
pub struct Conversation {
    phase: Phase,
    answers: VecDeque<Bytes>,
}

impl Conversation {
    /// It began; the client gets what it has to know.
    #[must_use]
    pub fn new(phase: Phase, greetings: impl IntoIterator<Item = String>) -> Self {
        Self { phase, answers: greetings.into_iter().map(Bytes::from).collect() }
    }

    /// By which way packets go.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// A packet that came by the way by which they go. Messages for the node are added to `messages`.
    ///
    /// # Errors
    /// [`NotTheProtocol`]: the connection ends.
    pub fn take(&mut self, packet: &Packet<'_>, messages: &mut Vec<Bytes>) -> Result<Step, NotTheProtocol> {
        match packet {
            Packet::Close => return Ok(Step::End),
            Packet::Ping(data) => self.answer(format!("3{data}"))?,
            Packet::Pong | Packet::Noop => {}
            Packet::Upgrade => return Err(NotTheProtocol),
            Packet::Message(text) => {
                let (event, ack) = event(text)?;
                let mut acknowledged = "[]";
                match event {
                    Event::Message(text) => messages.push(Bytes::from(text.into_owned())),
                    Event::Echo(argument) => {
                        self.answer(format!(r#"42["echo",{argument}]"#))?;
                        acknowledged = r#"[null,"Done."]"#;
                    }
                    Event::Disconnect => return Ok(Step::End),
                    Event::Connect("/") | Event::Ignored => {}
                    Event::Connect(namespace) => {
                        let namespace: String =
                            namespace.chars().filter(|c| c.is_ascii_graphic() && *c != ',').collect();
                        self.answer(format!(r#"44{namespace},"Invalid namespace""#))?;
                    }
                }
                if let Some(ack) = ack {
                    self.answer(format!("43{ack}{acknowledged}"))?;
                }
            }
        }
        Ok(Step::Go)
    }

    /// A packet from a WebSocket that wants to take over. Gives what it is answered, if it is.
    ///
    /// # Errors
    /// [`NotTheProtocol`]: the WebSocket ends; polling goes on.
    pub fn probe(&mut self, packet: &Packet<'_>) -> Result<(Step, Option<&'static str>), NotTheProtocol> {
        match (packet, self.phase) {
            (Packet::Ping("probe"), Phase::Polling) => Ok((Step::Probed, Some("3probe"))),
            (Packet::Upgrade, Phase::Polling) => {
                self.phase = Phase::Websocket;
                Ok((Step::Opened, None))
            }
            (Packet::Noop, _) => Ok((Step::Go, None)),
            _ => Err(NotTheProtocol),
        }
    }

    /// The next answer of the protocol itself.
    pub fn next_answer(&mut self) -> Option<Bytes> {
        self.answers.pop_front()
    }

    /// Whether there is one.
    #[must_use]
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    fn answer(&mut self, text: String) -> Result<(), NotTheProtocol> {
        if self.answers.len() >= MAX_ANSWERS {
            return Err(NotTheProtocol);
        }
        self.answers.push_back(text.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(conversation: &mut Conversation, text: &str) -> Result<(Step, Vec<Bytes>), NotTheProtocol> {
        let mut messages = Vec::new();
        let step = conversation.take(&Packet::parse(text)?, &mut messages)?;
        Ok((step, messages))
    }

    fn answers(conversation: &mut Conversation) -> Vec<Bytes> {
        std::iter::from_fn(|| conversation.next_answer()).collect()
    }

    #[test]
    fn a_client_is_answered_by_the_protocol() {
        let mut one = Conversation::new(Phase::Polling, ["0{}".to_owned(), "40".to_owned()]);
        assert_eq!(answers(&mut one), ["0{}", "40"]);
        assert_eq!(take(&mut one, r#"42["message","{}"]"#), Ok((Step::Go, vec!["{}".into()])));
        for (said, answered) in [
            ("2", vec!["3"]),
            (r#"42["echo",{"a":1}]"#, vec![r#"42["echo",{"a":1}]"#]),
            (r#"427["echo",1]"#, vec![r#"42["echo",1]"#, r#"437[null,"Done."]"#]),
            (r#"423["message","{}"]"#, vec!["433[]"]),
            ("40", vec![]),
            ("40/x", vec![r#"44/x,"Invalid namespace""#]),
            ("6", vec![]),
        ] {
            take(&mut one, said).unwrap();
            assert_eq!(answers(&mut one), answered, "{said}");
        }
        for (said, step) in
            [("1", Ok(Step::End)), ("41", Ok(Step::End)), ("5", Err(NotTheProtocol)), ("4x", Err(NotTheProtocol))]
        {
            assert_eq!(take(&mut one, said).map(|(step, _)| step), step, "{said}");
        }
    }

    #[test]
    fn a_websocket_takes_over_once_it_was_probed() {
        let mut one = Conversation::new(Phase::Polling, []);
        let probe = |one: &mut Conversation, text: &str| one.probe(&Packet::parse(text).unwrap());
        assert_eq!(probe(&mut one, "2"), Err(NotTheProtocol));
        assert_eq!(probe(&mut one, "2probe"), Ok((Step::Probed, Some("3probe"))));
        assert_eq!((probe(&mut one, "5"), one.phase()), (Ok((Step::Opened, None)), Phase::Websocket));
        assert_eq!(probe(&mut one, "2probe"), Err(NotTheProtocol), "one took over already");
    }

    #[test]
    fn who_asks_and_does_not_read_is_cut_off() {
        let mut one = Conversation::new(Phase::Websocket, []);
        assert!((0..MAX_ANSWERS).all(|_| take(&mut one, "2").is_ok()));
        assert_eq!(take(&mut one, "2"), Err(NotTheProtocol));
    }
}
