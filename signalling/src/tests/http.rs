//! The HTTP API's form: rooms, problems, the document, the counters.

use super::world::{World, request};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_room_from_its_creation_to_its_end() {
    let world = World::new();
    let created = world.post("/api/v1/rooms", json!({"name":"board","max_participants":2})).await;
    assert_eq!((created.status.as_u16(), created.header("location")), (201, "/api/v1/rooms/board"));
    let expected = json!({"name":"board","participants":0,"max_participants":2,"permanent":true});
    assert_eq!(created.json(), expected);
    assert_eq!(world.get("/api/v1/rooms").await.json(), json!([expected]));
    assert_eq!(world.post("/api/v1/rooms", json!({"name":"board"})).await.problem(), (409, "room.exists".into()));
    assert_eq!(world.get("/api/v1/rooms/board/stats").await.json(), json!({"room":"board","participants":[]}));

    let (mut anne, _) = world.joined("board", "Anne").await;
    let (_bob, _) = world.joined("board", "Bob").await;
    let mut carol = world.greeted().await;
    assert_eq!(carol.refused(json!({"type":"join","room":"board","name":"Carol"})).await, "room.full");
    let (microphone, _) = anne.publish().await;
    anne.event("track_published").await;

    let people = world.get("/api/v1/rooms/board/participants").await.json();
    assert_eq!((&people[0]["name"], &people[1]["name"]), (&json!("Anne"), &json!("Bob")));
    assert_eq!(world.get("/api/v1/rooms/board/participants/p1").await.json(), people[0]);
    let path = format!("/api/v1/rooms/board/participants/p1/tracks/{microphone}/mute");
    let put = |path: &str, body: &str| request("PUT", path, &[("content-type", "application/json")], body);
    let muted = world.http(put(&path, r#"{"muted":true}"#)).await.json();
    assert_eq!(muted["mute"], json!({"by_self":false,"by_moderator":true}));
    assert_eq!(anne.event("track_muted").await["track"], muted);
    // A track is found by its owner only.
    let of_bob = format!("/api/v1/rooms/board/participants/p2/tracks/{microphone}/mute");
    assert_eq!(world.http(put(&of_bob, r#"{"muted":true}"#)).await.problem(), (404, "track.unknown".into()));
    let stats = world.get("/api/v1/rooms/board/stats").await.json();
    assert_eq!(stats["participants"][0]["srtp_profile"], "SRTP_AEAD_AES_128_GCM");
    let server = world.get("/api/v1/stats").await.json();
    assert_eq!(
        (&server["rooms"], &server["sessions"], &server["workers"][0]["packets_in"]),
        (&json!(1), &json!(2), &json!(7))
    );

    assert_eq!(world.delete("/api/v1/rooms/board/participants/p2").await.status, 204);
    assert_eq!(
        world.delete("/api/v1/rooms/board/participants/p2").await.problem(),
        (404, "participant.unknown".into())
    );
    assert_eq!(anne.ask(json!({"type":"leave"})).await["type"], "ok");
    // It was made to stay.
    assert_eq!(world.get("/api/v1/rooms/board").await.json()["participants"], 0);
    assert_eq!(world.delete("/api/v1/rooms/board").await.status, 204);
    assert_eq!(world.delete("/api/v1/rooms/board").await.problem(), (404, "room.unknown".into()));
}

#[tokio::test(start_paused = true)]
async fn every_error_is_a_problem() {
    let world = World::new();
    let json_type = ("content-type", "application/json");
    let long = "x".repeat(70_000);
    for (method, path, headers, body, expected) in [
        ("GET", "/nothing", vec![], "", (404, "request.not_found")),
        ("PUT", "/api/v1/rooms", vec![], "", (405, "request.method")),
        ("POST", "/api/v1/rooms", vec![], "{}", (415, "request.media_type")),
        ("POST", "/api/v1/rooms", vec![json_type], "{", (400, "request.malformed")),
        ("POST", "/api/v1/rooms", vec![json_type], r#"{"name":"a","x":1}"#, (422, "request.malformed")),
        ("POST", "/api/v1/rooms", vec![json_type], r#"{"name":"a b"}"#, (400, "protocol.malformed")),
        ("POST", "/api/v1/rooms", vec![json_type], r#"{"name":"a","max_participants":0}"#, (400, "protocol.malformed")),
        ("POST", "/api/v1/rooms", vec![json_type], &long, (413, "request.too_large")),
        ("GET", "/api/v1/rooms/a%2Fb", vec![], "", (400, "protocol.malformed")),
        ("GET", "/api/v1/rooms/%FF", vec![], "", (400, "request.malformed")),
        ("GET", "/api/v1/ws", vec![], "", (400, "request.malformed")),
    ] {
        let reply = world.http(request(method, path, &headers, body)).await;
        let (status, code) = reply.problem();
        assert_eq!((status, code.as_str()), expected, "{method} {path} {reply:?}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    let reply = world.http(request("PUT", "/api/v1/rooms", &[], "")).await;
    assert!(reply.header("allow").contains("POST"));
    let ids: std::collections::HashSet<String> = [world.get("/healthz").await, world.get("/healthz").await]
        .iter()
        .map(|r| r.header("x-request-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let world = World::new();
    let endless = axum::body::Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>());
    let request =
        axum::http::Request::post("/api/v1/rooms").header("content-type", "application/json").body(endless).unwrap();
    assert_eq!(world.http(request).await.problem(), (408, "request.timeout".into()));
}

#[tokio::test(start_paused = true)]
async fn the_document_has_every_route_and_schema() {
    let document = World::new().get("/api/v1/openapi.json").await.json();
    let methods = |path: &str| {
        let path = &document["paths"][path];
        ["get", "post", "put", "patch", "delete", "options"]
            .into_iter()
            .filter(|m| path[m].is_object())
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (path, expected) in [
        ("/api/v1/ws", "get"),
        ("/api/v1/rooms", "get post"),
        ("/api/v1/rooms/{room}", "get delete"),
        ("/api/v1/rooms/{room}/participants", "get"),
        ("/api/v1/rooms/{room}/participants/{participant}", "get delete"),
        ("/api/v1/rooms/{room}/participants/{participant}/tracks/{track}/mute", "put"),
        ("/api/v1/rooms/{room}/stats", "get"),
        ("/api/v1/rooms/{room}/announcements", "get post"),
        ("/api/v1/rooms/{room}/announcements/{announcement}", "delete"),
        ("/api/v1/rooms/{room}/hold-music", "get put delete"),
        ("/api/v1/rooms/{room}/egress", "get post"),
        ("/api/v1/rooms/{room}/egress/{egress}", "get delete"),
        ("/api/v1/stats", "get"),
        ("/api/v1/openapi.json", "get"),
        ("/api/v1/whip/{room}", "post options"),
        ("/api/v1/whip-sessions/{session}", "patch delete options"),
        ("/api/v1/whep/{room}", "post options"),
        ("/api/v1/whep/{room}/{participant}", "post options"),
        ("/api/v1/whep/{room}/{participant}/{track}", "post options"),
        ("/api/v1/whep-sessions/{session}", "patch delete options"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ] {
        assert_eq!(methods(path), expected, "{path}");
    }
    // Every schema that is named is there.
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(schemas.contains_key(name), "{name}");
    }
    for name in [
        "Problem",
        "RoomView",
        "ParticipantView",
        "TrackView",
        "CreateRoom",
        "SetMute",
        "AnnouncementWish",
        "AnnouncementView",
        "SetHoldMusic",
        "HoldMusicView",
        "EgressWish",
        "EgressView",
        "RoomStatsView",
        "ServerStatsView",
    ] {
        assert!(schemas.contains_key(name), "{name}");
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[tokio::test(start_paused = true)]
async fn the_counters_count() {
    let world = World::new();
    let (_anne, joined) = world.joined("a", "Anne").await;
    let mut bob = world.greeted().await;
    bob.ask(json!({"type":"resume","resume_token":joined["resume_token"]})).await;
    let mut carol = world.greeted().await;
    carol.refused(json!({"type":"join","room":"","name":"x"})).await;
    world.get("/nothing/at/all").await;
    let text = world.get("/metrics").await.body;
    for line in [
        r#"colloquy_worker_packets_in_total{worker="0"} 7"#,
        r#"colloquy_worker_drops_total{worker="0",cause="replayed"} 0"#,
        r#"colloquy_worker_transit_seconds_bucket{le="0.0001",worker="0"} 3"#,
        r#"colloquy_worker_transit_seconds_bucket{le="+Inf",worker="0"} 3"#,
        r#"colloquy_joins_total{result="ok"} 1"#,
        r#"colloquy_joins_total{result="protocol.malformed"} 1"#,
        "colloquy_join_seconds_count 1",
        r#"colloquy_resumes_total{result="ok"} 1"#,
        "colloquy_sessions 1",
        "colloquy_rooms 1",
        r#"colloquy_ws_frames_total{direction="in"} 6"#,
        r#"colloquy_engine_events_dropped_total{kind="lossy"} 0"#,
        r#"colloquy_http_requests_total{route="unmatched",method="GET",status="404"} 1"#,
        r#"colloquy_http_requests_total{route="/api/v1/ws",method="GET",status="101"} 3"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
