//! What is said to Janus and its VideoRoom, and what is read of its answers.

use crate::load::system::{Participant, Published};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// The plugin.
pub(super) const PLUGIN: &str = "janus.plugin.videoroom";

/// The plugin's number of a room: it takes none that is 0.
pub(super) fn room(number: u32) -> u64 {
    u64::from(number) + 1
}

/// The plugin's number of a publisher.
pub(super) fn feed(who: &Participant) -> u64 {
    who.number + 1
}

/// Makes a room. Without a cap on bit rates, which would be written into what publishers are told, and without key frames asked for
/// every so often.
pub(super) fn create(number: u32, publishers: u32) -> Value {
    json!({
        "request": "create", "room": room(number), "permanent": false, "is_private": true, "publishers": publishers,
        "bitrate": 0, "fir_freq": 0, "audiocodec": "opus", "videocodec": "vp8,vp9,av1",
    })
}

/// Joins as a publisher; goes with an offer.
pub(super) fn publish(who: &Participant) -> Value {
    json!({
        "request": "joinandconfigure", "ptype": "publisher", "room": room(who.room), "id": feed(who),
        "display": who.name(),
    })
}

/// Joins as a subscriber of all streams of these; an offer comes back.
pub(super) fn subscribe(who: &Participant, whom: &[Published]) -> Value {
    let streams: Vec<Value> = whom.iter().map(|one| json!({ "feed": feed(&one.who) })).collect();
    json!({ "request": "join", "ptype": "subscriber", "room": room(who.room), "streams": streams })
}

/// Begins; goes with the answer to the offer.
pub(super) fn start() -> Value {
    json!({ "request": "start" })
}

/// A description as Janus takes it, whole: nothing is trickled. Our encodings are offered from the smallest up, of which Janus, who
/// takes the first for the largest, wants to be told.
pub(super) fn jsep(kind: &str, sdp: &str) -> Value {
    json!({ "type": kind, "sdp": sdp, "trickle": false, "rid_order": "lmh" })
}

/// The transaction that a message answers. `None` where it only says that an answer will come, or answers nothing.
pub(super) fn answers(message: &Value) -> Option<&str> {
    let transaction = message.get("transaction")?.as_str()?;
    (message.get("janus")?.as_str()? != "ack").then_some(transaction)
}

/// Refusals of Janus and of its plugin.
pub(super) fn check(message: &Value) -> Result<()> {
    if let Some(error) = message.get("error") {
        bail!("Janus refuses: {}", error.get("reason").unwrap_or(error));
    }
    if let Some(error) = message.pointer("/plugindata/data/error") {
        bail!("its plugin refuses: {error}");
    }
    Ok(())
}

/// The number of what was made.
pub(super) fn made(message: &Value) -> Result<u64> {
    message.pointer("/data/id").and_then(Value::as_u64).context("Janus tells no number")
}

/// The description that an answer brings.
pub(super) fn description<'a>(message: &'a Value, kind: &str) -> Result<&'a str> {
    let jsep = message.get("jsep").filter(|jsep| jsep.get("type").and_then(Value::as_str) == Some(kind));
    let sdp = jsep.and_then(|jsep| jsep.get("sdp")).and_then(Value::as_str);
    sdp.with_context(|| format!("Janus tells no {kind}: {message}"))
}

/// An offer that leaves the DTLS handshake to Janus. Janus drops a ClientHello that comes before its own ICE is done; a browser sends
/// the next one after 50 ms, our client, by RFC 6347 section 4.2.4.1, after a second, which would be counted as Janus's.
pub(super) fn janus_begins(offer: &str) -> String {
    offer.replace("a=setup:actpass", "a=setup:active")
}

/// Its version, and the libraries that matter to what is measured.
pub(super) fn version(info: &Value) -> String {
    let text = |pointer: &str| info.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let libraries = ["libnice", "libsrtp", "crypto"].map(|name| text(&format!("/dependencies/{name}")).to_owned());
    let libraries: Vec<String> = libraries.into_iter().filter(|name| !name.is_empty()).collect();
    format!("{} ({})", text("/version_string"), libraries.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_is_no_answer_and_refusals_are_told() {
        assert_eq!(answers(&json!({"janus": "ack", "transaction": "3"})), None);
        assert_eq!(answers(&json!({"janus": "webrtcup", "sender": 1})), None);
        assert_eq!(answers(&json!({"janus": "event", "transaction": "3"})), Some("3"));
        let refused = json!({"janus": "error", "error": {"code": 403, "reason": "no"}});
        assert!(check(&refused).is_err_and(|error| error.to_string().contains("no")));
        let full = json!({"plugindata": {"data": {"videoroom": "event", "error_code": 432, "error": "full"}}});
        assert!(check(&full).is_err_and(|error| error.to_string().contains("full")));
        assert!(check(&json!({"janus": "success"})).is_ok());
    }

    #[test]
    fn a_description_of_the_other_kind_is_not_taken() {
        let event = json!({"jsep": {"type": "offer", "sdp": "v=0"}});
        assert_eq!(description(&event, "offer").ok(), Some("v=0"));
        assert!(description(&event, "answer").is_err());
    }

    #[test]
    fn the_handshake_is_left_to_janus() {
        assert_eq!(janus_begins("a=setup:actpass\r\n"), "a=setup:active\r\n");
        assert_eq!(jsep("offer", "v=0")["rid_order"], "lmh");
    }

    #[test]
    fn a_viewer_asks_for_those_who_publish() {
        let who = |number| Participant { room: 2, number, audio: true, video: true, duty: None };
        let whom = [0, 4].map(|number| Published { who: who(number), id: String::new() });
        let asked = subscribe(&who(9), &whom);
        assert_eq!(asked["room"], 3);
        assert_eq!(asked["streams"], json!([{ "feed": 1 }, { "feed": 5 }]));
        assert_eq!(publish(&who(4))["id"], 5);
    }
}
