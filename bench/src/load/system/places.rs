//! The places of one who receives whomever he is told of, as a page keeps them: each has a place of its own, which is pointed at its track
//! as soon as he is told of it, and is kept for it while he is not, since people come into sight again.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Numbers of these requests begin here: those before are of whoever owns the socket.
const FIRST: u32 = 1 << 20;

struct Place {
    mid: u32,
    kind: &'static str,
    /// The track that it is kept for.
    track: Option<String>,
    /// The server was told so, and he was told of the track ever since.
    pointed: bool,
}

/// Somebody's places, all negotiated or none.
pub(super) struct Places {
    /// His own id, when he has joined.
    own: Option<String>,
    /// His offer was answered.
    open: bool,
    places: Vec<Place>,
    /// Whose track each is, and of which kind, as long as he may know.
    known: HashMap<String, (String, String)>,
    asked: HashMap<u32, Instant>,
    next: u32,
}

impl Places {
    /// From a mid on, first those for sound.
    pub(super) fn new(first_mid: u32, audio: u32, video: u32) -> Self {
        let kinds = (0..audio).map(|_| "audio").chain((0..video).map(|_| "video"));
        let places = (first_mid..).zip(kinds).map(|(mid, kind)| Place { mid, kind, track: None, pointed: false });
        let places = places.collect();
        Self { own: None, open: false, places, known: HashMap::new(), asked: HashMap::new(), next: FIRST }
    }

    /// Whether an answer is to a request that was made here. Gives how long it took.
    pub(super) fn answered(&mut self, id: u32, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.asked.remove(&id)?))
    }

    /// Takes a frame of the server. Gives what is to be asked for.
    pub(super) fn take(&mut self, frame: &Value, now: Instant) -> Vec<Value> {
        let text = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        match text(frame, "type").as_str() {
            "joined" => {
                self.own = Some(text(frame, "participant"));
                for participant in frame.get("participants").and_then(Value::as_array).into_iter().flatten() {
                    self.meet(participant);
                }
            }
            "participant_joined" => self.meet(frame.get("participant").unwrap_or(&Value::Null)),
            "participant_left" => {
                let gone = text(frame, "participant");
                let tracks: Vec<String> =
                    self.known.iter().filter(|(_, (of, _))| *of == gone).map(|(track, _)| track.clone()).collect();
                tracks.iter().for_each(|track| self.lose(track));
            }
            "track_published" => self.learn(frame.get("track").unwrap_or(&Value::Null)),
            "track_unpublished" => self.lose(&text(frame, "track")),
            "answer" => self.open = true,
            _ => {}
        }
        if self.open { self.point(now) } else { Vec::new() }
    }

    fn meet(&mut self, participant: &Value) {
        let tracks = participant.get("tracks").and_then(Value::as_array).into_iter().flatten();
        tracks.for_each(|track| self.learn(track));
    }

    fn learn(&mut self, track: &Value) {
        let field = |name: &str| Some(track.get(name)?.as_str()?.to_owned());
        let (Some(id), Some(of), Some(kind)) = (field("id"), field("participant"), field("kind")) else { return };
        if self.own.as_ref() != Some(&of) {
            self.known.insert(id, (of, kind));
        }
    }

    fn lose(&mut self, track: &str) {
        self.known.remove(track);
        for place in self.places.iter_mut().filter(|place| place.track.as_deref() == Some(track)) {
            place.pointed = false;
        }
    }

    /// Points what is to be pointed. Of a track without a place nothing is asked for: there is one for everybody.
    fn point(&mut self, now: Instant) -> Vec<Value> {
        let mut requests = Vec::new();
        for (track, (_, kind)) in &self.known {
            let is_its = |place: &Place| place.track.as_ref() == Some(track);
            let index = self.places.iter().position(is_its);
            let index = index.or_else(|| self.places.iter().position(|p| p.track.is_none() && p.kind == kind));
            let Some(place) = index.and_then(|index| self.places.get_mut(index)) else { continue };
            if std::mem::replace(&mut place.pointed, true) {
                continue;
            }
            place.track = Some(track.clone());
            let id = self.next;
            self.next += 1;
            self.asked.insert(id, now);
            requests.push(json!({ "type": "subscribe", "id": id, "mid": place.mid.to_string(), "track": track }));
        }
        requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mids(requests: &[Value]) -> Vec<(&str, &str)> {
        let text = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).map(str::len).is_some();
        assert!(requests.iter().all(|request| text(request, "mid") && text(request, "track")));
        let mut mids: Vec<_> =
            requests.iter().map(|r| (r["mid"].as_str().unwrap(), r["track"].as_str().unwrap())).collect();
        mids.sort_unstable();
        mids
    }

    #[test]
    fn whoever_comes_into_sight_has_his_place_and_has_it_again() {
        let (mut places, now) = (Places::new(2, 2, 2), Instant::now());
        let track = |id: &str, of: &str, kind: &str| json!({ "id": id, "participant": of, "kind": kind });
        let joined = json!({ "type": "joined", "id": 2, "participant": "p1", "participants": [
            { "id": "p1", "tracks": [track("t0", "p1", "audio")] },
            { "id": "p2", "tracks": [track("t1", "p2", "audio"), track("t2", "p2", "video")] },
        ] });
        assert!(places.take(&joined, now).is_empty(), "there is no place before the answer");
        let asked = places.take(&json!({ "type": "answer", "id": 3, "sdp": "" }), now);
        assert_eq!(mids(&asked), [("2", "t1"), ("4", "t2")]);
        let id = u32::try_from(asked[0]["id"].as_u64().unwrap()).unwrap();
        assert_eq!(places.answered(id, now + Duration::from_millis(3)), Some(Duration::from_millis(3)));
        assert_eq!((places.answered(id, now), places.answered(3, now)), (None, None));
        let comes = json!({ "type": "participant_joined", "participant": { "id": "p3", "tracks": [track("t3", "p3", "audio")] } });
        assert_eq!(mids(&places.take(&comes, now)), [("3", "t3")]);
        assert!(places.take(&json!({ "type": "participant_left", "participant": "p3" }), now).is_empty());
        assert_eq!(mids(&places.take(&comes, now)), [("3", "t3")]);
        let more = json!({ "type": "track_published", "track": track("t9", "p4", "audio") });
        assert!(places.take(&more, now).is_empty(), "both places for sound are kept for others");
    }
}
