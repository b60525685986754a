//! WHIP and WHEP, by the letter of RFC 9725.

use super::world::{Reply, World, key, participant, request, token};
use crate::{Grants, IceServer, SignallingConfig};
use colloquy_media_core::api::TrackId;
use serde_json::json;

const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAG: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");
const OFFER: &str = "v=0\r\na=sendonly\r\n";

async fn post(world: &World, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    world.http(request("POST", path, headers, body)).await
}

async fn patch(world: &World, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    world.http(request("PATCH", path, headers, body)).await
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_from_start_to_end() {
    let turn = IceServer {
        urls: vec!["turn:t.example.org".into()],
        username: Some("u".into()),
        credential: Some("p\"w".into()),
    };
    let stun = IceServer { urls: vec!["stun:s.example.org".into()], username: None, credential: None };
    let world = World::with(SignallingConfig { ice_servers: vec![stun, turn], ..SignallingConfig::default() });
    let (mut anne, _) = world.joined("show", "Anne").await;
    let started = post(&world, "/api/v1/whip/show", &[SDP], OFFER).await;
    assert_eq!(started.status, 201, "{started:?}");
    assert_eq!(started.header("content-type"), "application/sdp");
    assert_eq!(started.header("accept-patch"), "application/trickle-ice-sdpfrag");
    assert_eq!(started.header("etag"), "\"u0\"");
    let links: Vec<_> = started.headers.get_all("link").iter().map(|v| v.to_str().unwrap()).collect();
    let expected = [
        r#"<stun:s.example.org>; rel="ice-server""#,
        r#"<turn:t.example.org>; rel="ice-server"; username="u"; credential="p\"w"; credential-type="password""#,
    ];
    assert_eq!(links, expected);
    let session = started.header("location").to_owned();
    assert!(session.strip_prefix("/api/v1/whip-sessions/").unwrap().len() >= 22);
    assert_eq!(anne.event("participant_joined").await["participant"]["name"], "Broadcast");
    assert_eq!(anne.event("track_published").await["track"]["participant"], "p2");

    let trickle = "a=ice-ufrag:old\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n";
    let current = ("if-match", "\"u0\"");
    assert_eq!(patch(&world, &session, &[FRAG, current], trickle).await.status, 204);
    assert_eq!(patch(&world, &session, &[FRAG], trickle).await.problem(), (428, "request.unconditional".into()));
    assert_eq!(patch(&world, &session, &[SDP, current], trickle).await.problem(), (415, "request.media_type".into()));
    for stale in ["\"u9\"", "u0", "W/\"u0\"", ""] {
        let reply = patch(&world, &session, &[FRAG, ("if-match", stale)], trickle).await;
        assert_eq!(reply.problem(), (412, "request.stale".into()), "{stale}");
    }
    let restart = patch(&world, &session, &[FRAG, ("if-match", "*")], "a=ice-ufrag:new\r\na=ice-pwd:x\r\n").await;
    assert_eq!((restart.status.as_u16(), restart.header("etag")), (200, "\"u1\""));
    assert_eq!(restart.header("content-type"), "application/trickle-ice-sdpfrag");
    assert!(restart.body.contains("a=ice-ufrag:u1"));
    assert_eq!(patch(&world, &session, &[FRAG, current], trickle).await.problem().0, 412);
    assert_eq!(patch(&world, &session, &[FRAG, ("if-match", "\"x\", \"u1\"")], trickle).await.status, 204);

    assert_eq!(world.get(&session).await.problem(), (405, "request.method".into()));
    assert_eq!(world.delete(&session).await.status, 200);
    assert_eq!(anne.event("participant_left").await["reason"], "left");
    assert_eq!(world.delete(&session).await.problem(), (404, "request.not_found".into()));
    assert_eq!(patch(&world, &session, &[FRAG, current], trickle).await.problem().0, 404);
}

#[tokio::test(start_paused = true)]
async fn offers_that_are_none() {
    let world = World::new();
    let whip = "/api/v1/whip/show";
    assert_eq!(post(&world, whip, &[], OFFER).await.problem(), (415, "request.media_type".into()));
    assert_eq!(post(&world, whip, &[("content-type", "application/json")], "{}").await.problem().0, 415);
    assert_eq!(post(&world, whip, &[("content-type", "Application/SDP; charset=utf-8")], OFFER).await.status, 201);
    assert_eq!(post(&world, whip, &[SDP], "").await.problem(), (400, "sdp.rejected".into()));
    assert_eq!(post(&world, whip, &[SDP], "hello").await.problem(), (400, "sdp.rejected".into()));
    let bad = format!("v=0\r\n{}", crate::testing::BAD_SDP);
    assert_eq!(post(&world, whip, &[SDP], &bad).await.problem(), (422, "sdp.rejected".into()));
    assert_eq!(
        post(&world, whip, &[SDP, ("accept", "text/html")], OFFER).await.problem(),
        (406, "request.not_acceptable".into())
    );
    assert_eq!(post(&world, whip, &[SDP, ("accept", "text/html, */*;q=0.1")], OFFER).await.status, 201);
    assert_eq!(post(&world, whip, &[SDP], &"v=0".repeat(30_000)).await.problem().0, 413);
    assert_eq!(post(&world, "/api/v1/whip/a%20b", &[SDP], OFFER).await.problem().0, 400);
    assert_eq!(world.get(whip).await.problem().0, 405);
    // Those that failed left nobody behind.
    assert_eq!(world.get("/api/v1/rooms/show").await.json()["participants"], 2);
}

#[tokio::test(start_paused = true)]
async fn watching_takes_somebody_who_publishes() {
    let world = World::new();
    assert_eq!(post(&world, "/api/v1/whep/show", &[SDP], "v=0").await.problem(), (404, "room.unknown".into()));
    let (mut anne, _) = world.joined("show", "Anne").await;
    let silent = post(&world, "/api/v1/whep/show", &[SDP], "v=0").await;
    assert_eq!(silent.problem(), (409, "room.silent".into()));
    assert_eq!(silent.header("retry-after"), "5");
    let (microphone, camera) = anne.publish().await;
    anne.event("track_published").await;
    anne.event("track_published").await;
    let mix = TrackId::MIX;
    let place = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
    for (path, shows) in [
        ("/api/v1/whep/show".to_owned(), format!("InOrder([{microphone}, {camera}])")),
        ("/api/v1/whep/show?audio=mix".to_owned(), format!("InOrder([{mix}, {microphone}, {camera}])")),
        ("/api/v1/whep/show?audio=forward".to_owned(), format!("InOrder([{microphone}, {camera}])")),
        ("/api/v1/whep/show/p1?audio=auto".to_owned(), format!("InOrder([{mix}, {microphone}, {camera}])")),
        ("/api/v1/whep/show/p1".to_owned(), format!("InOrder([{microphone}, {camera}])")),
        (format!("/api/v1/whep/show/p1/{camera}"), format!("InOrder([{camera}])")),
    ] {
        let started = post(&world, &path, &[SDP], place).await;
        assert_eq!(started.status, 201, "{path}");
        assert!(started.header("location").starts_with("/api/v1/whep-sessions/"));
        assert!(world.engine.log().last().unwrap().ends_with(&shows), "{:?}", world.engine.log());
    }
    let (mut ben, _) = world.joined("show", "Ben").await;
    let (voice, picture) = ben.publish().await;
    ben.event("track_published").await;
    ben.event("track_published").await;
    for (places, shows) in [
        (1, format!("InOrder([{mix}, {microphone}, {camera}, {voice}, {picture}])")),
        (2, format!("InOrder([{microphone}, {camera}, {voice}, {picture}])")),
    ] {
        let offer = format!("v=0\r\n{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(places));
        assert_eq!(post(&world, "/api/v1/whep/show", &[SDP], &offer).await.status, 201);
        assert!(world.engine.log().last().unwrap().ends_with(&shows), "{places} places: {:?}", world.engine.log());
    }
    let grid = TrackId::GRID;
    let speaker = TrackId::SPEAKER;
    let all = format!("{microphone}, {camera}, {voice}, {picture}");
    for (query, places, shows) in [
        ("", 1, format!("InOrder([{grid}, {all}])")),
        ("", 2, format!("InOrder([{all}])")),
        ("?video=forward", 1, format!("InOrder([{all}])")),
        ("?video=composite", 2, format!("InOrder([{grid}, {all}])")),
        ("?video=composite&layout=grid", 1, format!("InOrder([{grid}, {all}])")),
        ("?layout=speaker&audio=mix", 1, format!("InOrder([{mix}, {speaker}, {all}])")),
        ("?layout=presentation&pin=p1", 1, format!("InOrder([{}, {all}])", TrackId::PRESENTATION)),
        ("?layout=picture_in_picture", 1, format!("InOrder([{}, {all}])", TrackId::PICTURE_IN_PICTURE)),
        ("/p1", 1, format!("InOrder([{microphone}, {camera}])")),
    ] {
        let offer = format!("v=0\r\n{}", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(places));
        assert_eq!(post(&world, &format!("/api/v1/whep/show{query}"), &[SDP], &offer).await.status, 201, "{query}");
        assert!(world.engine.log().last().unwrap().ends_with(&shows), "{query}: {:?}", world.engine.log());
    }
    let log = world.engine.log();
    let pinned = log.iter().position(|line| line.starts_with("pin ")).unwrap();
    assert!(log[pinned].ends_with(" Some(p1)") && log[pinned + 1].starts_with("offer "), "before he sees anything");
    assert_eq!(log.iter().filter(|line| line.starts_with("pin ")).count(), 1);
    for query in [
        "?video=mix",
        "?video=forward&layout=grid",
        "/p1?video=composite",
        "?pin=p1",
        "?pin=p1&layout=grid",
        "?video=composite&pin=p1",
        "?layout=grid&layout=speaker",
    ] {
        let refused = post(&world, &format!("/api/v1/whep/show{query}"), &[SDP], "v=0").await;
        assert_eq!(refused.problem(), (400, "protocol.malformed".into()), "{query}");
    }
    for (query, code) in [
        ("?layout=round", "layout.unknown"),
        ("?layout=", "layout.unknown"),
        ("?layout=speaker&pin=p77", "participant.unknown"),
        ("?layout=speaker&pin=Anne", "participant.unknown"),
    ] {
        let refused = post(&world, &format!("/api/v1/whep/show{query}"), &[SDP], "v=0").await;
        assert_eq!(refused.problem(), (404, code.into()), "{query}");
        assert!(!refused.json()["remedy"].as_str().unwrap().is_empty());
    }
    assert_eq!(
        post(&world, "/api/v1/whep/show/p77", &[SDP], "v=0").await.problem(),
        (404, "participant.unknown".into())
    );
    assert_eq!(
        post(&world, "/api/v1/whep/show?audio=loud", &[SDP], "v=0").await.problem(),
        (400, "protocol.malformed".into())
    );
    assert_eq!(post(&world, "/api/v1/whep/show/p1/t77", &[SDP], "v=0").await.problem(), (404, "track.unknown".into()));
    assert_eq!(post(&world, "/api/v1/whep/show/p2", &[SDP], "v=0").await.problem(), (409, "room.silent".into()));
}

#[tokio::test(start_paused = true)]
async fn sessions_belong_to_those_who_started_them() {
    let world = World::guarded();
    let auth = |token: &str| format!("Bearer {token}");
    let publisher = auth(&token("show", Grants { publish: true, ..Grants::default() }));
    let viewer = auth(&token("show", Grants { subscribe: true, ..Grants::default() }));
    assert_eq!(post(&world, "/api/v1/whip/show", &[SDP], OFFER).await.problem(), (401, "auth.required".into()));
    assert_eq!(post(&world, "/api/v1/whip/show", &[SDP, ("authorization", &viewer)], OFFER).await.problem().0, 403);
    assert_eq!(post(&world, "/api/v1/whip/other", &[SDP, ("authorization", &publisher)], OFFER).await.problem().0, 403);
    let started = post(&world, "/api/v1/whip/show", &[SDP, ("authorization", &publisher)], OFFER).await;
    let session = started.header("location").to_owned();
    let end = |bearer: &str| request("DELETE", &session, &[("authorization", bearer)], "");

    let claims = |sub: &str, grants| crate::Claims {
        sub: sub.into(),
        room: Some("show".into()),
        grants,
        exp: crate::api::unix_now_s() + 60,
        ..Default::default()
    };
    let stranger = auth(&crate::mint(&key(), &claims("bob", participant())).unwrap());
    assert_eq!(world.http(request("DELETE", &session, &[], "")).await.problem().0, 401);
    assert_eq!(world.http(end(&stranger)).await.problem(), (403, "auth.forbidden".into()));
    assert_eq!(world.http(end(&publisher)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn pages_elsewhere_ask_first() {
    let config =
        SignallingConfig { whip_origins: vec!["https://app.example.org".into()], ..SignallingConfig::default() };
    let world = World::with(config);
    let ask = |origin: &'static str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        request("OPTIONS", "/api/v1/whip/show", &headers, "")
    };
    let yes = world.http(ask("https://app.example.org")).await;
    assert_eq!((yes.status.as_u16(), yes.header("accept-post")), (204, "application/sdp"));
    assert_eq!(yes.header("access-control-allow-origin"), "https://app.example.org");
    assert!(yes.header("access-control-allow-headers").contains("If-Match"));
    assert!(yes.header("access-control-allow-methods").contains("PATCH"));
    let no = world.http(ask("https://evil.example")).await;
    assert!(!no.headers.contains_key("access-control-allow-origin"));
    // Errors must be readable, too.
    let error = post(&world, "/api/v1/whip/show", &[("origin", "https://app.example.org")], "").await;
    assert_eq!(error.header("access-control-allow-origin"), "https://app.example.org");
    assert!(error.header("access-control-expose-headers").contains("Location"));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_can_be_kicked_and_counted() {
    let world = World::new();
    let (mut anne, _) = world.joined("show", "Anne").await;
    let started = post(&world, "/api/v1/whip/show", &[SDP], OFFER).await;
    assert_eq!(anne.ask(json!({"type":"kick","participant":"p2"})).await["type"], "ok");
    assert_eq!(world.delete(started.header("location")).await.problem().0, 404);
    assert_eq!(world.engine.peers().len(), 1);
}
