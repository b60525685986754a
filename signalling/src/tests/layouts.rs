//! Layouts that are arranged for a room's canvases: who may, what the engine is told, how places are pointed at them, and whom one may pin.

use super::world::{Reply, World, admin, key, moderator, participant, request, token};
use crate::{Grants, SignallingConfig};
use colloquy_media_core::api::{CanvasLayout, Event, LayoutId, PauseCause, PeerId, RoomId, Shown, TrackId};
use serde_json::{Value, json};

const ALL: &str = "/api/v1/rooms/desk/layouts";

async fn put(world: &World, name: &str, body: Value) -> Reply {
    let path = format!("{ALL}/{name}");
    world.http(request("PUT", &path, &[("content-type", "application/json")], &body.to_string())).await
}

fn place(x: u16, shows: &str) -> Value {
    json!({"x":x,"y":0,"width":100,"height":1000,"shows":shows})
}

/// What the engine was told of layouts.
fn told(world: &World) -> Vec<String> {
    let arranged = |line: &String| line.starts_with("arrange");
    let short = |line: String| line.split(" Some").next().unwrap_or_default().to_owned();
    world.engine.log().into_iter().filter(arranged).map(short).collect()
}

#[tokio::test(start_paused = true)]
async fn a_layout_from_its_beginning_to_its_end() {
    let world = World::new();
    let (_anne, _) = world.joined("desk", "Anne").await;
    let places = json!({"places":[place(0, "screen"), place(100, "speaker"), place(200, "p1"), {"x":900,"y":950,"width":100,"height":50}]});
    let made = put(&world, "lecture", places.clone()).await;
    assert_eq!(made.status, 201);
    let view = made.json();
    assert_eq!((&view["name"], &view["track"]), (&json!("lecture"), &json!("layout:lecture")));
    assert_eq!(view["places"][2], place(200, "p1"));
    assert_eq!(view["places"][3], json!({"x":900,"y":950,"width":100,"height":50,"shows":"next"}));
    assert_eq!(put(&world, "lecture", json!({"places":[place(0, "next")]})).await.status, 200);
    assert_eq!(put(&world, "Wall_2", places).await.status, 201);
    let names: Vec<_> = world.get(ALL).await.json().as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["lecture", "Wall_2"]);
    assert_eq!(world.get(&format!("{ALL}/lecture")).await.json()["places"], json!([place(0, "next")]));
    assert_eq!(told(&world), ["arrange r1 1", "arrange r1 1", "arrange r1 2"]);
    // Who comes in meanwhile may live on a worker that knows nothing of it.
    let (_bob, _) = world.joined("desk", "Bob").await;
    assert_eq!(told(&world)[3..], ["arrange r1 1", "arrange r1 2"]);
    assert_eq!(world.delete(&format!("{ALL}/lecture")).await.status, 204);
    assert_eq!(told(&world)[5..], ["arrange r1 1 None"]);
    for gone in ["lecture", "nonsense"] {
        assert_eq!(world.get(&format!("{ALL}/{gone}")).await.problem(), (404, "layout.unknown".into()));
        assert_eq!(world.delete(&format!("{ALL}/{gone}")).await.problem(), (404, "layout.unknown".into()));
    }
    // Another of the same name is another.
    assert_eq!(put(&world, "lecture", json!({"places":[place(0, "next")]})).await.status, 201);
    assert_eq!(told(&world)[6..], ["arrange r1 3"]);
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_layout_is_refused_with_cause_and_remedy() {
    let world = World::new();
    let (_anne, _) = world.joined("desk", "Anne").await;
    let one = |body: Value| json!({"places":[body]});
    let sides = |x: u32, y: u32, width: u32, height: u32| one(json!({"x":x,"y":y,"width":width,"height":height}));
    for (name, body, problem) in [
        ("grid", one(place(0, "next")), (400, "protocol.malformed")),
        ("picture_in_picture", one(place(0, "next")), (400, "protocol.malformed")),
        ("mix", one(place(0, "next")), (400, "protocol.malformed")),
        ("a%20b", one(place(0, "next")), (400, "protocol.malformed")),
        (&"x".repeat(33), one(place(0, "next")), (400, "protocol.malformed")),
        ("a", json!({"places":[]}), (400, "protocol.malformed")),
        ("a", json!({"places":vec![place(0, "next"); 17]}), (400, "protocol.malformed")),
        ("a", sides(0, 0, 1001, 100), (400, "protocol.malformed")),
        ("a", sides(901, 0, 100, 100), (400, "protocol.malformed")),
        ("a", sides(0, 0, 49, 100), (400, "protocol.malformed")),
        ("a", one(place(0, "p77")), (404, "participant.unknown")),
        ("a", one(place(0, "Anne")), (404, "participant.unknown")),
        ("a", sides(0, 0, 70_000, 100), (422, "request.malformed")),
        ("a", json!({"places":[{"x":0,"y":0,"width":100,"height":100,"z":1}]}), (422, "request.malformed")),
    ] {
        let refused = put(&world, name, body.clone()).await;
        assert_eq!(refused.problem(), (problem.0, problem.1.into()), "{name} {body}");
        let told = refused.json();
        assert!(!told["remedy"].as_str().unwrap().is_empty() && !told["detail"].as_str().unwrap().is_empty(), "{told}");
    }
    for number in 0..8 {
        assert_eq!(put(&world, &format!("l{number}"), one(place(0, "next"))).await.status, 201);
    }
    assert_eq!(put(&world, "l8", one(place(0, "next"))).await.problem(), (422, "limit.exceeded".into()));
    assert_eq!(put(&world, "l7", one(place(9, "next"))).await.status, 200, "one that is there can be changed");
    let nowhere = "/api/v1/rooms/nowhere/layouts/a";
    let body = one(place(0, "next")).to_string();
    let refused = world.http(request("PUT", nowhere, &[("content-type", "application/json")], &body)).await;
    assert_eq!(refused.problem(), (404, "room.unknown".into()));
}

#[tokio::test(start_paused = true)]
async fn places_are_pointed_at_a_layout_by_its_name_and_at_nobody_unknown() {
    let world = World::new();
    let (mut anne, joined) = world.joined("desk", "Anne").await;
    let (_bob, _) = world.joined("desk", "Bob").await;
    put(&world, "lecture", json!({"places":[place(0, "next")]})).await;
    let lecture = CanvasLayout::Custom(LayoutId(1)).track();
    assert_eq!(anne.ask(json!({"type":"subscribe","mid":"3","track":"layout:lecture"})).await["type"], "ok");
    let offer = json!({"type":"offer","sdp":"v=0","subscriptions":{"4":"layout:lecture","5":"presentation"}});
    assert_eq!(anne.ask(offer).await["type"], "answer");
    let pin = json!({"type":"subscribe","mid":"3","track":"speaker","pin":"p2"});
    assert_eq!(anne.ask(pin).await["type"], "ok");
    let log = world.engine.log();
    let expected = [
        "pin p1 None".to_owned(),
        format!("subscribe p1 3 Some({lecture})"),
        format!("offer p1 ByMid([(\"4\", {lecture}), (\"5\", {})])", TrackId::PRESENTATION),
        "pin p1 Some(p2)".to_owned(),
        format!("subscribe p1 3 Some({})", TrackId::SPEAKER),
    ];
    assert_eq!(log[log.len() - 5..], expected);
    for (wish, code) in [
        (json!({"track":"layout:other"}), "layout.unknown"),
        (json!({"track":"layout:"}), "layout.unknown"),
        (json!({"track":"lecture"}), "track.unknown"),
        (json!({"track":"grid","pin":"p2"}), "protocol.malformed"),
        (json!({"track":"mix","pin":"p2"}), "protocol.malformed"),
        (json!({"track":null,"pin":"p2"}), "protocol.malformed"),
        (json!({"track":"speaker","pin":"p77"}), "participant.unknown"),
        (json!({"track":"speaker","pin":"Bob"}), "participant.unknown"),
    ] {
        let mut request = json!({"type":"subscribe","mid":"3"});
        request.as_object_mut().unwrap().extend(wish.as_object().unwrap().clone());
        assert_eq!(anne.refused(request.clone()).await, code, "{request}");
    }
    anne.events().await;
    // What comes there is told by its name, and after it is no more, as the grid that it is then.
    let shown = |track| Event::Shown {
        room: RoomId(1),
        peer: PeerId(1),
        mid: "3".to_owned(),
        track,
        shown: Shown::Paused(PauseCause::Bandwidth),
    };
    world.engine.emit(shown(lecture));
    assert_eq!(anne.event("shown").await["track"], "layout:lecture");
    world.engine.emit(shown(TrackId::GRID));
    assert_eq!(anne.event("shown").await["track"], "grid");
    world.engine.emit(shown(TrackId::PICTURE_IN_PICTURE));
    assert_eq!(anne.event("shown").await["track"], "picture_in_picture");
    drop(joined);
}

#[tokio::test(start_paused = true)]
async fn only_who_moderates_arranges_and_nobody_names_whom_he_may_not_know() {
    let world = World::with(SignallingConfig { keys: vec![key()], ..SignallingConfig::default() });
    let (mut anne, _) = world.joined_by(&token("desk", moderator()), "desk").await;
    let agent = Grants { agent: true, ..participant() };
    let body = json!({"places":[place(0, "next")]}).to_string();
    let path = format!("{ALL}/a");
    for (token, status) in [
        (token("desk", participant()), 403),
        (token("other", moderator()), 403),
        (token("desk", moderator()), 201),
        (token("desk", agent), 200),
        (token("*", admin()), 200),
    ] {
        let value = format!("Bearer {token}");
        let headers = [("authorization", value.as_str()), ("content-type", "application/json")];
        assert_eq!(world.http(request("PUT", &path, &headers, &body)).await.status, status);
        for (method, path) in [("GET", ALL), ("GET", path.as_str()), ("DELETE", "/api/v1/rooms/desk/layouts/b")] {
            let reply = world.http(request(method, path, &headers, "")).await;
            assert_eq!(reply.status == 403, status == 403, "{method} {path}: {reply:?}");
        }
    }
    // A monitor is nobody whom a moderator could name.
    let supervisor = Grants { supervise: true, ..participant() };
    let mut sofia = world.greeted_by(&token("desk", supervisor)).await;
    let joined = sofia.ask(json!({"type":"join","room":"desk","name":"n","as":"monitor"})).await;
    assert_eq!(joined["participant"], "p2");
    let value = format!("Bearer {}", token("*", admin()));
    let headers = [("authorization", value.as_str()), ("content-type", "application/json")];
    let body = json!({"places":[place(0, "p2")]}).to_string();
    let refused = world.http(request("PUT", &path, &headers, &body)).await;
    assert_eq!(refused.problem(), (404, "participant.unknown".into()));
    let pin = json!({"type":"subscribe","mid":"3","track":"speaker","pin":"p2"});
    assert_eq!(anne.refused(pin).await, "participant.unknown");
    let pin = json!({"type":"subscribe","mid":"3","track":"speaker","pin":"p1"});
    assert_eq!(anne.ask(pin).await["type"], "ok", "oneself");
}
