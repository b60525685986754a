//! Colloquy by its own WebSocket protocol (`docs/src/api/websocket.md`), as browsers speak it: hello, join, offer, and a subscription for
//! each place. What it takes is noted, and so is how soon others are told.

use super::lobby::{Lobby, enters_as};
use super::places::Places;
use super::socket::{Message, Socket, Sockets};
use super::{Act, Acted, Participant, Published, Stay};
use crate::load::fleet::{Desk, Line};
use crate::load::result::{Latencies, Signalling};
use crate::load::scenario::Duty;
use anyhow::{Context as _, Result, bail};
use colloquy_media_core::api::PeerId;
use hdrhistogram::Histogram;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What `hello` says of us.
const CLIENT: &str = "colloquy-bench";
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
    /// Where everybody has a part.
    lobby: Option<Lobby>,
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
        Ok(Self { sockets: Sockets::new()?, url, book: Arc::new(Mutex::new(Book::new())), lobby: None })
    }

    /// Where everybody has a part.
    pub(in crate::load) fn with_lobby(self, lobby: Option<Lobby>) -> Self {
        Self { lobby, ..self }
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
        if let Some((lobby, duty)) = self.lobby.as_ref().zip(who.duty) {
            return self.take_part(who, (lobby, duty), desk);
        }
        let line = desk.publisher()?;
        let (mut session, _) = self.join(&who.room_name(), &who.name())?;
        session.offer(&line, json!({ "sources": sources(who) }))?;
        Ok(Box::new(session))
    }

    /// Lets somebody in who publishes, and watches by the same client whomever he is told of.
    fn take_part(&self, who: &Participant, (lobby, duty): (&Lobby, Duty), desk: &Desk) -> Result<Box<dyn Stay>> {
        let [audio, video] = [who.audio, who.video].map(|there| if there { lobby.others } else { 0 });
        let line = desk.participant(audio, video)?;
        let places = Places::new(u32::from(who.audio) + u32::from(who.video), audio, video);
        let hello = json!({ "type": "hello", "version": 1, "client": CLIENT, "token": lobby.token(who, duty)? });
        let join = json!({ "type": "join", "room": who.room_name(), "name": who.name(), "as": enters_as(duty) });
        let (mut session, _) = self.come_in(hello, join, Some(places))?;
        session.offer(&line, json!({ "sources": sources(who) }))?;
        Ok(Box::new(session))
    }

    /// Lets somebody in who publishes sound and hears the others as one mix, by the same client.
    pub(in crate::load) fn talk(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        let line = desk.participant(1, 0)?;
        let (mut session, _) = self.join(&who.room_name(), &who.name())?;
        session.offer(&line, json!({ "sources": { "0": "microphone" } }))?;
        session.hear_mix("1")?;
        Ok(Box::new(session))
    }

    /// Lets somebody in who hears all others as one mix.
    pub(in crate::load) fn listen(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        let (mut session, _) = self.join(&who.room_name(), &who.name())?;
        session.offer(&desk.viewer(1, 0)?, json!({}))?;
        session.hear_mix("0")?;
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
        let hello = json!({ "type": "hello", "version": 1, "client": CLIENT });
        self.come_in(hello, json!({ "type": "join", "room": room, "name": name }), None)
    }

    fn come_in(&self, hello: Value, join: Value, places: Option<Places>) -> Result<(Session, Value)> {
        let (sender, answers) = sync_channel(ANSWERS);
        let (book, mut places) = (self.book.clone(), places);
        let taker = move |message: Message| {
            message.to_text().map_or_else(|_| Vec::new(), |text| take(text, &book, &sender, places.as_mut()))
        };
        let socket = self.sockets.open(&self.url, None, Box::new(taker))?;
        let (book, id) = (self.book.clone(), String::new());
        let mut session = Session { socket, answers, book, id, requests: 0 };
        session.ask(hello)?;
        with(&self.book, |book| book.remember(join.get("name").and_then(Value::as_str).unwrap_or_default()));
        let joined = session.ask(join)?;
        let id = joined.get("participant").and_then(Value::as_str).context("the server tells no participant")?;
        id.clone_into(&mut session.id);
        Ok((session, joined))
    }
}

/// Looks at a frame: an answer is for the one who waits, of events the comings and goings are measured, and places are pointed. Gives
/// what is sent in reply.
fn take(text: &str, book: &Mutex<Book>, answers: &SyncSender<Answer>, places: Option<&mut Places>) -> Vec<Message> {
    let at = Instant::now();
    let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else { return Vec::new() };
    with(book, |book| {
        book.frames += 1;
        // In a contact centre people come into sight and go out of it all the time.
        let whom = frame.participant.as_ref().filter(|_| frame.id.is_none() && places.is_none());
        match (frame.kind, whom) {
            ("participant_joined", Some(whom)) => {
                book.note(whom.get("name").and_then(Value::as_str).unwrap_or_default(), at);
            }
            ("participant_left", Some(whom)) => book.note(whom.as_str().unwrap_or_default(), at),
            _ => {}
        }
    });
    if frame.id.is_none() && places.is_none() {
        return Vec::new();
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let mut wishes = Vec::new();
    if let Some(places) = places {
        if let Some(took) = frame.id.and_then(|id| places.answered(id, at)) {
            with(book, |book| record(&mut book.subscriptions, took));
            return Vec::new();
        }
        wishes = places.take(&value, at);
    }
    if let Some(id) = frame.id {
        // One who has given up waiting fetches none.
        let _ = answers.try_send((at, id, value));
    }
    wishes.into_iter().map(|wish| Message::text(wish.to_string())).collect()
}

/// What each of somebody's tracks is of, by mid.
fn sources(who: &Participant) -> Map<String, Value> {
    let tracks = [(who.audio, "microphone"), (who.video, "camera")];
    let tracks = tracks.into_iter().filter(|(there, _)| *there).enumerate();
    tracks.map(|(mid, (_, source))| (mid.to_string(), source.into())).collect()
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

/// Why a request was refused, if this answer says so.
fn refusal(answer: &Value) -> Option<String> {
    let field = |name| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    (field("type") == "error").then(|| format!("{} {}", field("code"), field("message")))
}

/// A change as the protocol has it.
fn change(act: Act) -> Value {
    match act {
        Act::Coach(agent) => json!({ "verb": "coach", "agent": agent.to_string() }),
        Act::Listen => json!({ "verb": "listen" }),
        Act::TurnAside(with) => json!({ "verb": "turn_aside", "with": with.to_string() }),
        Act::TurnBack => json!({ "verb": "turn_back" }),
        Act::Hold(whom) => json!({ "verb": "hold", "participant": whom.to_string(), "held": true }),
        Act::TakeBack(whom) => json!({ "verb": "hold", "participant": whom.to_string(), "held": false }),
    }
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
        if let Some(why) = refusal(&answer) {
            bail!("the server refuses: {why}");
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

    /// Has a place receive the mix of all others.
    fn hear_mix(&mut self, mid: &str) -> Result<()> {
        self.ask(json!({ "type": "subscribe", "mid": mid, "track": "mix" }))?;
        self.ask(json!({ "type": "audio", "mode": "mix" })).map(drop)
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
    fn peer(&self) -> Option<PeerId> {
        self.id.parse().ok()
    }

    fn act(&mut self, act: Act) -> Result<Acted> {
        let asked = Instant::now();
        let id = self.send(json!({ "type": "audience", "change": change(act) }))?;
        loop {
            let (answered, of, answer) = self.answers.recv_timeout(PATIENCE).context("the server does not answer")?;
            if of == id {
                return Ok(Acted { asked, answered, refused: refusal(&answer) });
            }
        }
    }

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
            assert!(take(text, &book, &sender, None).is_empty());
        }
        assert_eq!(with(&book, |book| (book.notices.len(), book.frames)), (2, 5));
        assert_eq!(answers.try_recv().map(|(_, id, _)| id), Ok(2));
    }

    #[test]
    fn a_viewer_finds_the_tracks_of_those_he_watches() {
        let who = |number| Participant { room: 0, number, audio: true, video: false, duty: None };
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
