//! Colloquy by its own WebSocket protocol (`docs/src/api/websocket.md`), as browsers speak it: hello, join, offer, and a subscription for
//! each place. What it takes is noted, and so is how soon others are told.

use super::socket::{Message, Socket, Sockets};
use super::{Participant, Published, Stay};
use crate::load::fleet::{Desk, Line};
use crate::load::result::{Latencies, Signalling};
use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Answers that were not fetched yet: a viewer's subscriptions are asked for all at once, and there are 120 of them at most.
const ANSWERS: usize = 256;
/// Participants whose coming and going is remembered until others are told; notices of more are not measured.
const REMEMBERED: usize = 200_000;

/// The way to one server.
pub(in crate::load) struct WebSocket {
    sockets: Sockets,
    url: String,
    book: Arc<Mutex<Book>>,
}

/// What was measured of all sockets.
struct Book {
    /// When somebody asked to join, by his name, and to leave, by his id.
    asked: HashMap<String, Instant>,
    requests: Histogram<u64>,
    subscriptions: Histogram<u64>,
    notices: Histogram<u64>,
    frames: u64,
}

impl Book {
    fn new() -> Self {
        let [requests, subscriptions, notices] = std::array::from_fn(|_| Latencies::recorder());
        Self { asked: HashMap::new(), requests, subscriptions, notices, frames: 0 }
    }

    fn remember(&mut self, whom: &str) {
        if self.asked.len() < REMEMBERED {
            self.asked.insert(whom.to_owned(), Instant::now());
        }
    }

    /// Somebody was told that somebody came or went.
    fn note(&mut self, whom: &str, at: Instant) {
        if let Some(asked) = self.asked.get(whom) {
            record(&mut self.notices, at.saturating_duration_since(*asked));
        }
    }
}

fn record(to: &mut Histogram<u64>, time: Duration) {
    to.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1));
}

fn with<T>(book: &Mutex<Book>, act: impl FnOnce(&mut Book) -> T) -> T {
    act(&mut book.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A frame, as far as it is looked at here.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: &'a str,
    id: Option<u32>,
    participant: Option<Value>,
}

/// An answer, and when it came.
type Answer = (Instant, u32, Value);

impl WebSocket {
    /// By the address of its endpoint: `ws://host/api/v1/ws`.
    pub(in crate::load) fn new(url: String) -> Result<Self> {
        Ok(Self { sockets: Sockets::new()?, url, book: Arc::new(Mutex::new(Book::new())) })
    }

    /// What was measured so far.
    pub(in crate::load) fn measured(&self) -> Signalling {
        with(&self.book, |book| Signalling {
            requests: Latencies::of(&book.requests),
            subscriptions: Latencies::of(&book.subscriptions),
            notices: Latencies::of(&book.notices),
            frames: book.frames,
        })
    }

    /// Lets a publisher in.
    pub(in crate::load) fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        let line = desk.publisher()?;
        let (mut session, _) = self.join(&who.room_name(), &who.name())?;
        let tracks = [(who.audio, "microphone"), (who.video, "camera")];
        let tracks = tracks.into_iter().filter(|(there, _)| *there).enumerate();
        let sources: Map<String, Value> = tracks.map(|(mid, (_, source))| (mid.to_string(), source.into())).collect();
        session.offer(&line, json!({ "sources": sources }))?;
        Ok(Box::new(session))
    }

    /// Lets a viewer in, under a name that is not that of his publisher's half.
    pub(in crate::load) fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        let (mut session, joined) = self.join(&who.room_name(), &format!("{} watches", who.name()))?;
        let tracks = [("audio", tracks(&joined, whom, "audio")), ("video", tracks(&joined, whom, "video"))];
        for (kind, found) in &tracks {
            let wanted = whom.iter().filter(|one| if *kind == "audio" { one.who.audio } else { one.who.video }).count();
            if found.len() < wanted {
                bail!("{} of {wanted} {kind} tracks are published", found.len());
            }
        }
        let [(_, audio), (_, video)] = &tracks;
        let line = desk.viewer(u32::try_from(audio.len())?, u32::try_from(video.len())?)?;
        session.offer(&line, json!({}))?;
        session.subscribe(audio.iter().chain(video))?;
        Ok(Box::new(session))
    }

    /// Opens a socket and joins by it. Gives what the server says of the room.
    fn join(&self, room: &str, name: &str) -> Result<(Session, Value)> {
        let (sender, answers) = sync_channel(ANSWERS);
        let book = self.book.clone();
        let taker = move |message: Message| {
            if let Ok(text) = message.to_text() {
                take(text, &book, &sender);
            }
            Vec::new()
        };
        let socket = self.sockets.open(&self.url, None, Box::new(taker))?;
        let (book, id) = (self.book.clone(), String::new());
        let mut session = Session { socket, answers, book, id, requests: 0 };
        session.ask(json!({ "type": "hello", "version": 1, "client": "colloquy-bench" }))?;
        with(&self.book, |book| book.remember(name));
        let joined = session.ask(json!({ "type": "join", "room": room, "name": name }))?;
        let id = joined.get("participant").and_then(Value::as_str).context("the server tells no participant")?;
        id.clone_into(&mut session.id);
        Ok((session, joined))
    }
}

/// Looks at a frame: an answer is for the one who waits, of events the comings and goings are measured.
fn take(text: &str, book: &Mutex<Book>, answers: &SyncSender<Answer>) {
    let at = Instant::now();
    let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else { return };
    with(book, |book| {
        book.frames += 1;
        let whom = frame.participant.as_ref().filter(|_| frame.id.is_none());
        match (frame.kind, whom) {
            ("participant_joined", Some(whom)) => {
                book.note(whom.get("name").and_then(Value::as_str).unwrap_or_default(), at);
            }
            ("participant_left", Some(whom)) => book.note(whom.as_str().unwrap_or_default(), at),
            _ => {}
        }
    });
    if let Some((id, value)) = frame.id.zip(serde_json::from_str(text).ok()) {
        // One who has given up waiting fetches none.
        let _ = answers.try_send((at, id, value));
    }
}

/// The tracks of one kind that these publish.
fn tracks(joined: &Value, whom: &[Published], kind: &str) -> Vec<String> {
    let text = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let items = |of: &Value, field: &str| of.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for participant in items(joined, "participants") {
        let name = text(&participant, "name");
        if whom.iter().any(|one| one.who.name() == name) {
            let tracks = items(&participant, "tracks").into_iter().filter(|track| text(track, "kind") == kind);
            found.extend(tracks.map(|track| text(&track, "id")));
        }
    }
    found
}

/// Somebody's socket, once he has joined.
struct Session {
    socket: Socket,
    answers: Receiver<Answer>,
    book: Arc<Mutex<Book>>,
    id: String,
    requests: u32,
}

impl Session {
    /// Sends a request. Gives its number.
    fn send(&mut self, mut request: Value) -> Result<u32> {
        self.requests += 1;
        if let Some(fields) = request.as_object_mut() {
            fields.insert("id".to_owned(), self.requests.into());
        }
        self.socket.send(Message::text(request.to_string()))?;
        Ok(self.requests)
    }

    /// The next answer.
    fn answer(&self) -> Result<Answer> {
        let (at, id, answer) = self.answers.recv_timeout(PATIENCE).context("the server does not answer")?;
        if answer.get("type").and_then(Value::as_str) == Some("error") {
            let field = |name| answer.get(name).and_then(Value::as_str).unwrap_or_default();
            bail!("the server refuses: {} {}", field("code"), field("message"));
        }
        Ok((at, id, answer))
    }

    fn ask(&mut self, request: Value) -> Result<Value> {
        let sent = Instant::now();
        let id = self.send(request)?;
        loop {
            let (at, of, answer) = self.answer()?;
            if of == id {
                with(&self.book, |book| record(&mut book.requests, at.saturating_duration_since(sent)));
                return Ok(answer);
            }
        }
    }

    fn offer(&mut self, line: &Line, mut request: Value) -> Result<()> {
        if let Some(fields) = request.as_object_mut() {
            fields.insert("type".to_owned(), "offer".into());
            fields.insert("sdp".to_owned(), line.offer()?.into());
        }
        let answer = self.ask(request)?;
        line.accept(answer.get("sdp").and_then(Value::as_str).context("the server tells no answer")?)
    }

    /// Points place after place at a track; all at once, as a page does.
    fn subscribe<'a>(&mut self, tracks: impl Iterator<Item = &'a String>) -> Result<()> {
        let mut asked = HashMap::new();
        for (mid, track) in tracks.enumerate() {
            let sent = Instant::now();
            let id = self.send(json!({ "type": "subscribe", "mid": mid.to_string(), "track": track }))?;
            asked.insert(id, sent);
        }
        while !asked.is_empty() {
            let (at, id, _) = self.answer()?;
            if let Some(sent) = asked.remove(&id) {
                with(&self.book, |book| record(&mut book.subscriptions, at.saturating_duration_since(sent)));
            }
        }
        Ok(())
    }
}

impl Stay for Session {
    fn leave(mut self: Box<Self>) -> Result<()> {
        with(&self.book, |book| book.remember(&self.id));
        self.ask(json!({ "type": "leave" }))?;
        self.socket.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comings_and_goings_are_measured_and_answers_handed_on() {
        let book = Mutex::new(Book::new());
        let (sender, answers) = sync_channel(1);
        with(&book, |book| {
            book.remember("p-1");
            book.remember("p1f");
        });
        for text in [
            r#"{"type":"participant_joined","participant":{"id":"p1f","name":"p-1","state":"connecting","tracks":[]}}"#,
            r#"{"type":"participant_joined","participant":{"id":"p9","name":"somebody else"}}"#,
            r#"{"type":"participant_left","participant":"p1f","reason":"left"}"#,
            r#"{"type":"speakers","speakers":[],"dominant":null}"#,
            r#"{"type":"joined","id":2,"participant":"p1f"}"#,
            "no JSON",
        ] {
            take(text, &book, &sender);
        }
        assert_eq!(with(&book, |book| (book.notices.len(), book.frames)), (2, 5));
        assert_eq!(answers.try_recv().map(|(_, id, _)| id), Ok(2));
    }

    #[test]
    fn a_viewer_finds_the_tracks_of_those_he_watches() {
        let who = |number| Participant { room: 0, number, audio: true, video: false };
        let whom = [Published { who: who(1), id: String::new() }];
        let track = |id: &str, kind: &str| json!({ "id": id, "kind": kind });
        let joined = json!({ "participants": [
            { "name": "p-1", "tracks": [track("t1", "audio"), track("t2", "video")] },
            { "name": "p-1 watches", "tracks": [] },
            { "name": "p-2", "tracks": [track("t3", "audio")] },
        ] });
        assert_eq!(tracks(&joined, &whom, "audio"), ["t1"]);
    }
}
