//! What is played into rooms: who may have it, what the engine is told, and when it is over.

use super::world::{Client, Reply, World, admin, key, moderator, participant, request, token};
use crate::config::AnnouncementConfig;
use crate::{Grants, SignallingConfig};
use serde_json::{Value, json};
use std::time::Duration;

fn open_with(announcements: AnnouncementConfig) -> World {
    World::with(SignallingConfig {
        announcements: AnnouncementConfig { enabled: true, ..announcements },
        ..SignallingConfig::default()
    })
}

fn open() -> World {
    open_with(AnnouncementConfig::default())
}

/// What the engine was told of what is played.
fn told(world: &World) -> Vec<String> {
    let played = |line: &String| line.starts_with("announce") || line.starts_with("hush");
    world.engine.log().into_iter().filter(played).collect()
}

async fn put(world: &World, path: &str, body: Value) -> Reply {
    world.http(request("PUT", path, &[("content-type", "application/json")], &body.to_string())).await
}

async fn hold(by: &mut Client, whom: &str, held: bool) {
    let change = json!({"verb":"hold","participant":whom,"held":held});
    assert_eq!(by.ask(json!({"type":"audience","change":change})).await["type"], "ok");
}

const ALL: &str = "/api/v1/rooms/desk/announcements";
const MUSIC: &str = "/api/v1/rooms/desk/hold-music";

#[tokio::test(start_paused = true)]
async fn an_announcement_from_its_beginning_to_its_end() {
    let world = open();
    let (mut anne, _) = world.joined("desk", "Anne").await;
    let begun = world.post(ALL, json!({"file":"welcome.wav"})).await;
    assert_eq!((begun.status.as_u16(), begun.header("location")), (201, "/api/v1/rooms/desk/announcements/a1"));
    let expected =
        json!({"id":"a1","file":"welcome.wav","to":"floor","gain_db":0,"repeat":false,"length_ms":5000,"age_ms":0});
    assert_eq!(begun.json(), expected);
    let text = world.post(ALL, json!({"text":"Hold the line.","to":"p1","gain_db":-6,"repeat":true})).await.json();
    assert_eq!((&text["text"], &text["to"], &text["length_ms"]), (&json!("Hold the line."), &json!("p1"), &json!(280)));
    assert_eq!(told(&world), ["announce r1 a1 Floor 0 Once", "announce r1 a2 One(p1) -6 Endless"]);
    anne.idle(Duration::from_secs(2)).await;
    let list = world.get(ALL).await.json();
    assert_eq!((&list[0]["id"], &list[0]["age_ms"], &list[1]["id"]), (&json!("a1"), &json!(2000), &json!("a2")));
    // Who comes in meanwhile may live on a worker that knows nothing of it.
    let (_bob, _) = world.joined("desk", "Bob").await;
    assert_eq!(told(&world)[2..], ["announce r1 a1 Floor 0 Once", "announce r1 a2 One(p1) -6 Endless"]);
    anne.idle(Duration::from_secs(4)).await;
    assert_eq!(world.get(ALL).await.json().as_array().unwrap().len(), 1, "the first is over");
    assert_eq!(world.delete(&format!("{ALL}/a2")).await.status, 204);
    assert_eq!(told(&world)[4..], ["hush r1 a2"]);
    assert_eq!(world.get(ALL).await.json(), json!([]));
    for gone in ["a1", "a2", "nonsense"] {
        assert_eq!(world.delete(&format!("{ALL}/{gone}")).await.problem(), (404, "announcement.unknown".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_over_a_socket() {
    let world = open();
    let mut anne = world.socket().await;
    let welcome = anne.ask(json!({"type":"hello","version":1})).await;
    assert_eq!(welcome["announcements"], true, "a client has a place for it");
    anne.ask(json!({"type":"join","room":"desk","name":"Anne"})).await;
    let begun = anne.ask(json!({"type":"announce","file":"news.ogg","to":"held","repeat":true})).await;
    assert_eq!((&begun["type"], &begun["announcement"]["id"]), (&json!("announced"), &json!("a1")), "{begun}");
    let list = anne.ask(json!({"type":"announcements"})).await;
    assert_eq!(list["announcements"][0]["file"], "news.ogg");
    assert_eq!(anne.ask(json!({"type":"hush","announcement":"a1"})).await["type"], "ok");
    assert_eq!(anne.refused(json!({"type":"hush","announcement":"a1"})).await, "announcement.unknown");
    assert_eq!(told(&world), ["announce r1 a1 Held 0 Endless", "hush r1 a1"]);
    // A server that plays nothing says nothing of it.
    let mut plain = World::new().socket().await;
    assert_eq!(plain.ask(json!({"type":"hello","version":1})).await.get("announcements"), None);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_moderate_has_nothing_played() {
    let announcements = AnnouncementConfig { enabled: true, ..AnnouncementConfig::default() };
    let world = World::with(SignallingConfig { keys: vec![key()], announcements, ..SignallingConfig::default() });
    let (mut customer, _) = world.joined_by(&token("desk", participant()), "desk").await;
    for ask in [
        json!({"type":"announce","file":"a.wav"}),
        json!({"type":"hush","announcement":"a1"}),
        json!({"type":"announcements"}),
    ] {
        assert_eq!(customer.refused(ask).await, "auth.forbidden");
    }
    let agent = Grants { agent: true, ..participant() };
    let by = |token: String| ("authorization", format!("Bearer {token}"));
    for (token, status) in [
        (token("desk", participant()), 403),
        (token("other", moderator()), 403),
        (token("desk", moderator()), 201),
        (token("desk", agent), 201),
        (token("*", admin()), 201),
    ] {
        let (name, value) = by(token);
        let headers = [(name, value.as_str()), ("content-type", "application/json")];
        let reply = world.http(request("POST", ALL, &headers, r#"{"file":"a.wav"}"#)).await;
        assert_eq!(reply.status, status, "{reply:?}");
        for (method, path, body) in
            [("GET", ALL, ""), ("GET", MUSIC, ""), ("PUT", MUSIC, r#"{"file":null}"#), ("DELETE", MUSIC, "")]
        {
            let reply = world.http(request(method, path, &headers, body)).await;
            assert_eq!(reply.status == 403, status == 403, "{method} {path}: {reply:?}");
        }
    }
    // A monitor is nobody whom a moderator could name.
    let supervisor = Grants { supervise: true, ..participant() };
    let mut sofia = world.greeted_by(&token("desk", supervisor)).await;
    sofia.ask(json!({"type":"join","room":"desk","name":"n","as":"monitor"})).await;
    let (mut anne, _) = world.joined_by(&token("desk", moderator()), "desk").await;
    assert_eq!(anne.refused(json!({"type":"announce","file":"a.wav","to":"p2"})).await, "participant.unknown");
    assert_eq!(anne.refused(json!({"type":"announce","file":"a.wav","to":"p77"})).await, "participant.unknown");
    assert_eq!(anne.ask(json!({"type":"announce","file":"a.wav","to":"p1"})).await["type"], "announced");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_played_is_a_problem_with_a_remedy() {
    let world = open();
    let (_anne, _) = world.joined("desk", "Anne").await;
    let long = "x".repeat(1_001);
    for (body, expected) in [
        (json!({}), (400, "protocol.malformed")),
        (json!({"file":"a.wav","text":"both"}), (400, "protocol.malformed")),
        (json!({"file":""}), (400, "protocol.malformed")),
        (json!({"file":"a\n.wav"}), (400, "protocol.malformed")),
        (json!({"text":"  "}), (400, "protocol.malformed")),
        (json!({"text":"bell\u{7}"}), (400, "protocol.malformed")),
        (json!({"text":long}), (422, "limit.exceeded")),
        (json!({"file":"a.wav","gain_db":13}), (400, "protocol.malformed")),
        (json!({"file":"a.wav","gain_db":-61}), (400, "protocol.malformed")),
        (json!({"file":"a.wav","to":"everybody"}), (404, "participant.unknown")),
        (json!({"file":"a.wav","to":"p9"}), (404, "participant.unknown")),
        (json!({"file":"a.wav","volume":3}), (422, "request.malformed")),
        (json!({"file":"missing.wav"}), (404, "sound.unknown")),
    ] {
        let (status, code) = world.post(ALL, body.clone()).await.problem();
        assert_eq!((status, code.as_str()), expected, "{body}");
    }
    world.engine.fall_silent();
    assert_eq!(world.post(ALL, json!({"text":"Hello"})).await.problem(), (404, "sound.disabled".into()));
    let nowhere = world.post("/api/v1/rooms/none/announcements", json!({"file":"a.wav"})).await;
    assert_eq!(nowhere.problem(), (404, "room.unknown".into()));
    assert_eq!(put(&world, MUSIC, json!({})).await.problem(), (422, "request.malformed".into()));
    assert_eq!(put(&world, MUSIC, json!({"file":"missing.wav"})).await.problem(), (404, "sound.unknown".into()));
    assert_eq!(told(&world), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_room_has_so_many_at_once_and_so_many_a_minute() {
    let world = open_with(AnnouncementConfig { per_room: 2, per_minute_per_room: 5, ..AnnouncementConfig::default() });
    let (mut anne, _) = world.joined("desk", "Anne").await;
    for _ in 0..2 {
        assert_eq!(world.post(ALL, json!({"file":"a.wav"})).await.status, 201);
    }
    assert_eq!(world.post(ALL, json!({"file":"a.wav"})).await.problem(), (422, "limit.exceeded".into()));
    anne.idle(Duration::from_secs(6)).await;
    for _ in 0..3 {
        let id = world.post(ALL, json!({"file":"a.wav"})).await.json()["id"].as_str().unwrap().to_owned();
        world.delete(&format!("{ALL}/{id}")).await;
    }
    assert_eq!(world.post(ALL, json!({"file":"a.wav"})).await.problem(), (429, "rate.exceeded".into()));
    anne.idle(Duration::from_secs(20)).await;
    assert_eq!(world.post(ALL, json!({"file":"a.wav"})).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn hold_music_plays_while_somebody_is_on_hold() {
    let world = open_with(AnnouncementConfig { hold_music: Some("moh.ogg".into()), ..AnnouncementConfig::default() });
    let (mut anne, _) = world.joined("desk", "Anne").await;
    let (bob, _) = world.joined("desk", "Bob").await;
    let state = async || world.get(MUSIC).await.json();
    assert_eq!(state().await, json!({"file":"moh.ogg","own":false,"playing":false}));
    hold(&mut anne, "p2", true).await;
    assert_eq!(told(&world), ["announce r1 a1 Held 0 Endless"]);
    assert_eq!(state().await["playing"], true);
    assert_eq!(world.get(ALL).await.json(), json!([]), "it is no announcement");
    hold(&mut anne, "p1", true).await;
    hold(&mut anne, "p2", false).await;
    assert_eq!(told(&world).len(), 1, "Anne is still on hold");
    hold(&mut anne, "p1", false).await;
    assert_eq!(told(&world)[1..], ["hush r1 a1"]);
    // The room's own, changed while it is heard; nothing; and the server's again.
    hold(&mut anne, "p2", true).await;
    assert_eq!(
        put(&world, MUSIC, json!({"file":"waltz.wav"})).await.json(),
        json!({"file":"waltz.wav","own":true,"playing":true})
    );
    assert_eq!(put(&world, MUSIC, json!({"file":null})).await.json(), json!({"own":true,"playing":false}));
    assert_eq!(world.delete(MUSIC).await.status, 204);
    assert_eq!(state().await, json!({"file":"moh.ogg","own":false,"playing":true}));
    let announced = |id: u32| format!("announce r1 a{id} Held 0 Endless");
    let expected = [announced(2), "hush r1 a2".into(), announced(3), "hush r1 a3".into(), announced(4)];
    assert_eq!(told(&world)[2..], expected);
    // He leaves while he is on hold.
    world.delete("/api/v1/rooms/desk/participants/p2").await;
    assert_eq!(told(&world)[7..], ["hush r1 a4"]);
    drop(bob);
}
