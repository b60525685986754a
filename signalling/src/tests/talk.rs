//! A call as it should be.

use super::world::World;
use crate::SignallingConfig;
use colloquy_media_core::api::{CloseCause, Event, JoinError, PeerId, RoomId, Speaker, TransportState};
use colloquy_media_core::audience::Circle;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn two_people_meet_publish_and_watch_each_other() {
    let world = World::new();
    let mut anne = world.socket().await;
    let welcome = anne.ask(json!({"type":"hello","version":1,"client":"test"})).await;
    assert_eq!(
        (&welcome["type"], &welcome["version"], &welcome["resume_window_s"]),
        (&json!("welcome"), &json!(1), &json!(30))
    );
    assert_eq!(welcome["limits"], json!({"frame_bytes":131_072,"sdp_bytes":65_536,"name_chars":64}));
    let joined = anne.ask(json!({"type":"join","room":"daily","name":"Anne"})).await;
    assert_eq!(
        joined["participants"],
        json!([{"id":"p1","name":"Anne","state":"connecting","moderator":true,"tracks":[]}])
    );
    assert_eq!(joined["permissions"], json!({"publish":true,"subscribe":true}));

    let (mut bob, joined) = world.joined("daily", "Bob").await;
    assert_eq!(joined["moderator"], false);
    assert_eq!(joined["participants"].as_array().unwrap().len(), 2);
    let event = anne.event("participant_joined").await;
    assert_eq!((&event["participant"]["id"], &event["participant"]["name"]), (&json!("p2"), &json!("Bob")));

    let (_, camera) = anne.publish().await;
    world.engine.transport(PeerId(1), TransportState::Connected);
    assert_eq!(anne.event("transport").await["state"], "connected");
    assert_eq!(bob.event("track_published").await["track"]["source"], "microphone");
    let track = bob.event("track_published").await["track"].clone();
    let expected = json!({"id":camera,"participant":"p1","kind":"video","source":"camera","muted":false,
        "mute":{"by_self":false,"by_moderator":false}});
    assert_eq!(track, expected);
    assert_eq!(bob.event("participant_state").await["state"], "connected");

    assert_eq!(bob.ask(json!({"type":"subscribe","mid":"0","track":camera})).await["type"], "ok");
    assert_eq!(bob.ask(json!({"type":"subscribe","mid":"0","track":null})).await["type"], "ok");
    assert_eq!(bob.ask(json!({"type":"candidate","candidate":"","mid":"0"})).await["type"], "ok");
    assert!(world.engine.log().contains(&"candidate p2 ".to_owned()));
    let stats = bob.ask(json!({"type":"stats"})).await;
    assert_eq!((&stats["type"], &stats["rtt_ms"]), (&json!("stats"), &json!(1.5)));

    // Who comes later is told all of it at once.
    let (_carol, joined) = world.joined("daily", "Carol").await;
    assert_eq!(joined["participants"][0]["tracks"].as_array().unwrap().len(), 2);
    assert_eq!(joined["participants"][0]["state"], "connected");

    assert_eq!(anne.ask(json!({"type":"leave"})).await["type"], "ok");
    let left = bob.event("participant_left").await;
    assert_eq!((&left["participant"], &left["reason"]), (&json!("p1"), &json!("left")));
    // And in again, by the same socket, as somebody new.
    let again = anne.ask(json!({"type":"join","room":"daily","name":"Anne"})).await;
    assert_eq!((&again["participant"], &again["moderator"]), (&json!("p4"), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn rooms_hear_nothing_of_each_other() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("b", "Bob").await;
    let (microphone, _) = bob.publish().await;
    assert_eq!(anne.refused(json!({"type":"subscribe","mid":"0","track":microphone})).await, "track.unknown");
    assert_eq!(anne.refused(json!({"type":"mute","track":microphone,"muted":true})).await, "track.unknown");
    assert_eq!(anne.refused(json!({"type":"kick","participant":"p2"})).await, "participant.unknown");
    assert!(anne.events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn speakers_and_quality_are_told() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let speakers = vec![Speaker { peer: PeerId(1), level_dbov: 20 }];
    world.engine.emit(Event::Speakers { room: RoomId(1), circle: Circle(0), speakers, dominant: Some(PeerId(1)) });
    world.engine.emit(Event::Quality { room: RoomId(1), peer: PeerId(1), score: 4 });
    let event = anne.event("speakers").await;
    assert_eq!(event["dominant"], "p1");
    assert!((event["speakers"][0]["level"].as_f64().unwrap() - 0.1).abs() < 1e-6);
    assert_eq!(anne.event("quality").await["score"], 4);
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_ends_is_told_to_all_and_to_himself() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("a", "Bob").await;
    world.engine.transport(PeerId(2), TransportState::Connected);
    world.engine.transport(PeerId(2), TransportState::Disconnected);
    assert_eq!(anne.event("participant_state").await["state"], "connected");
    assert_eq!(anne.event("participant_state").await["state"], "reconnecting");
    assert_eq!(bob.event("transport").await["state"], "connected");
    assert_eq!(bob.event("transport").await["state"], "disconnected");
    world.engine.close(PeerId(2), CloseCause::TimedOut);
    assert_eq!(anne.event("participant_left").await["reason"], "failed");
    assert_eq!(bob.event("removed").await["reason"], "failed");
    // The socket stays, in no room.
    assert_eq!(bob.refused(json!({"type":"stats"})).await, "protocol.unexpected");
    assert_eq!(bob.ask(json!({"type":"join","room":"a","name":"Bob"})).await["type"], "joined");
}

#[tokio::test(start_paused = true)]
async fn who_the_engine_does_not_admit_was_never_there() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let mut bob = world.greeted().await;
    world.engine.refuse_joins(Some(JoinError::Busy));
    assert_eq!(bob.refused(json!({"type":"join","room":"a","name":"Bob"})).await, "server.busy");
    world.engine.refuse_joins(None);
    world.engine.hang(true);
    assert_eq!(bob.refused(json!({"type":"join","room":"b","name":"Bob"})).await, "server.busy");
    world.engine.hang(false);
    // The place is given back, the room that was opened for him is gone, and the engine is told to forget him.
    assert_eq!(world.get("/api/v1/rooms/b").await.problem(), (404, "room.unknown".into()));
    assert_eq!(world.get("/api/v1/rooms/a").await.json()["participants"], 1);
    assert!(world.engine.log().contains(&"leave p2".to_owned()));
    assert!(anne.events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_while_joining_leaves_nothing_behind() {
    let world = World::new();
    let mut bob = world.greeted().await;
    world.engine.hang(true);
    bob.send(r#"{"type":"join","id":9,"room":"b","name":"Bob"}"#).await;
    drop(bob);
    tokio::time::sleep(std::time::Duration::from_secs(40)).await;
    assert!(world.signalling.is_idle());
}

#[tokio::test(start_paused = true)]
async fn limits_hold() {
    let config = r#"{"limits":{"participants_per_room":1,"rooms":2,"sessions":2,"sockets":4}}"#;
    let world = World::with(serde_json::from_str::<SignallingConfig>(config).unwrap());
    let (_anne, _) = world.joined("a", "Anne").await;
    let mut bob = world.greeted().await;
    assert_eq!(bob.refused(json!({"type":"join","room":"a","name":"Bob"})).await, "room.full");
    assert_eq!(bob.ask(json!({"type":"join","room":"b","name":"Bob"})).await["type"], "joined");
    let mut carol = world.greeted().await;
    assert_eq!(carol.refused(json!({"type":"join","room":"c","name":"Carol"})).await, "server.busy");
    let _fourth = world.socket().await;
    assert_eq!(world.socket_with(&[]).await.err().map(|s| s.as_u16()), Some(503));
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_takes_nobody_in_and_says_so() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let mut bob = world.greeted().await;
    assert!(!world.signalling.is_idle());
    assert_eq!(world.get("/readyz").await.status, 200);
    world.signalling.drain(60);
    assert_eq!(anne.event("draining").await["seconds"], 60);
    assert_eq!(bob.refused(json!({"type":"join","room":"a","name":"Bob"})).await, "server.draining");
    assert_eq!(world.get("/readyz").await.problem(), (503, "server.draining".into()));
    let mut late = world.greeted().await;
    assert!(late.event("draining").await["seconds"].as_u64().unwrap() <= 60);
    assert_eq!(anne.ask(json!({"type":"leave"})).await["type"], "ok");
    assert!(world.signalling.is_idle());
    world.signalling.stop();
    assert_eq!(anne.closed().await, 1012);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_engine_is_not_ready() {
    let world = World::new();
    world.engine.hang(true);
    assert_eq!(world.get("/readyz").await.problem(), (503, "server.busy".into()));
    assert_eq!(world.get("/healthz").await.status, 200);
}
