//! Servers without tokens, and pages of strangers.

use super::world::{World, admin, moderator, participant, request, token};
use crate::SignallingConfig;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn without_keys_only_this_machine_is_let_in() {
    let world = World::new();
    let far = ([192, 0, 2, 1], 9).into();
    let list = || request("GET", "/api/v1/rooms", &[], "");
    assert_eq!(world.http(list()).await.status, 200);
    assert_eq!(world.http_from(far, list()).await.problem(), (401, "auth.required".into()));
    // Through a proxy on this machine, or by a name that a stranger points here.
    for header in [("x-forwarded-for", "192.0.2.1"), ("host", "rebind.example:8080")] {
        let reply = world.http(request("GET", "/api/v1/rooms", &[header], "")).await;
        assert_eq!(reply.problem(), (401, "auth.required".into()));
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    let mut far = world.socket_with(&[("x-forwarded-for", "192.0.2.1")]).await.unwrap();
    far.ask(json!({"type":"hello","version":1})).await;
    assert_eq!(far.refused(json!({"type":"join","room":"a","name":"n"})).await, "auth.required");
}

#[tokio::test(start_paused = true)]
async fn an_open_server_lets_everybody_join_and_nobody_administer() {
    let world = World::with(SignallingConfig { open_access: true, ..SignallingConfig::default() });
    let far = ([192, 0, 2, 1], 9).into();
    let get = |path| request("GET", path, &[], "");
    assert_eq!(world.http_from(far, get("/api/v1/rooms")).await.problem(), (403, "auth.forbidden".into()));
    assert_eq!(world.http_from(far, get("/metrics")).await.problem(), (403, "auth.forbidden".into()));
    let mut guest = world.socket_with(&[("x-forwarded-for", "192.0.2.1")]).await.unwrap();
    guest.ask(json!({"type":"hello","version":1})).await;
    let joined = guest.ask(json!({"type":"join","room":"a","name":"n"})).await;
    assert_eq!(joined["moderator"], true);
    let (_, joined) = world.joined("a", "Second").await;
    assert_eq!(joined["moderator"], false);
}

#[tokio::test(start_paused = true)]
async fn with_keys_each_role_has_its_routes_also_on_this_machine() {
    let world = World::guarded();
    let (mut anne, _) = world.joined_by(&token("a", participant()), "a").await;
    let (microphone, _) = anne.publish().await;
    anne.event("track_published").await;
    let mute = format!("/api/v1/rooms/a/participants/p1/tracks/{microphone}/mute");
    // Columns: no token, participant of a, moderator of a, moderator of b, admin.
    let table: [(&str, &str, &str, [u16; 5]); 11] = [
        ("GET", "/api/v1/rooms", "", [401, 403, 403, 403, 200]),
        ("POST", "/api/v1/rooms", r#"{"name":"z"}"#, [401, 403, 403, 403, 201]),
        ("GET", "/api/v1/rooms/a", "", [401, 403, 200, 403, 200]),
        ("GET", "/api/v1/rooms/a/participants", "", [401, 403, 200, 403, 200]),
        ("GET", "/api/v1/rooms/a/participants/p1", "", [401, 403, 200, 403, 200]),
        ("GET", "/api/v1/rooms/a/stats", "", [401, 403, 200, 403, 200]),
        ("PUT", &mute, r#"{"muted":true}"#, [401, 403, 200, 403, 200]),
        ("GET", "/api/v1/stats", "", [401, 403, 403, 403, 200]),
        // From this machine the counters are open.
        ("GET", "/metrics", "", [200; 5]),
        ("DELETE", "/api/v1/rooms/a/participants/p9", "", [401, 403, 404, 403, 404]),
        ("DELETE", "/api/v1/rooms/q", "", [401, 403, 403, 403, 404]),
    ];
    let tokens = [
        None,
        Some(token("a", participant())),
        Some(token("a", moderator())),
        Some(token("b", moderator())),
        Some(token("x", admin())),
    ];
    for (method, path, body, expected) in table {
        let mut got = [0; 5];
        for (got, token) in got.iter_mut().zip(&tokens) {
            let bearer = token.as_ref().map(|token| format!("Bearer {token}"));
            let mut headers = vec![("content-type", "application/json")];
            headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
            *got = world.http(request(method, path, &headers, body)).await.status.as_u16();
        }
        assert_eq!(got, expected, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_in_addresses_are_not_looked_at() {
    let world = World::guarded();
    let path = format!("/api/v1/rooms?token={0}&access_token={0}", token("a", admin()));
    assert_eq!(world.get(&path).await.problem(), (401, "auth.required".into()));
}

#[tokio::test(start_paused = true)]
async fn metrics_are_for_this_machine_and_for_admins() {
    let world = World::guarded();
    let far = ([192, 0, 2, 1], 9).into();
    let get = |bearer: &str| request("GET", "/metrics", &[("authorization", bearer)], "");
    assert_eq!(world.http_from(far, get("")).await.problem().0, 401);
    assert_eq!(world.http_from(far, get(&format!("Bearer {}", token("a", moderator())))).await.problem().0, 403);
    assert_eq!(world.http_from(far, get(&format!("Bearer {}", token("a", admin())))).await.status, 200);
    let open = World::with(SignallingConfig { public_metrics: true, ..SignallingConfig::default() });
    assert_eq!(open.http_from(far, get("")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn pages_of_strangers_open_no_socket() {
    let config =
        SignallingConfig { allowed_origins: vec!["https://app.example.org".into()], ..SignallingConfig::default() };
    let world = World::with(config);
    for good in ["http://localhost", "https://app.example.org"] {
        assert!(world.socket_with(&[("origin", good)]).await.is_ok(), "{good}");
    }
    for bad in ["https://evil.example", "null", "http://localhost.evil.example"] {
        assert_eq!(world.socket_with(&[("origin", bad)]).await.err().map(|s| s.as_u16()), Some(403), "{bad}");
    }
}
