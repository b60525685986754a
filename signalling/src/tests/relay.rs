//! The engine's own TURN server: who gets credentials for it.

use super::world::{World, request, token};
use crate::Grants;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_welcome_brings_credentials_for_the_one_who_came() {
    let world = World::new();
    world.engine.relay();
    let mut client = world.socket().await;
    let welcome = client.ask(json!({"type":"hello","version":1})).await;
    let server = &welcome["ice_servers"][0];
    assert_eq!(server["urls"][0], "turn:192.0.2.7:3478?transport=udp");
    assert!(server["username"].as_str().unwrap().starts_with("1700000000:socket-"), "{server}");
    let metrics = world.get("/metrics").await.body;
    assert!(metrics.contains("colloquy_turn_allocations 3"), "{metrics}");
    assert!(metrics.contains(r#"colloquy_turn_refused_total{cause="peer"} 0"#), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_token_names_whose_allocations_are_counted() {
    let world = World::guarded();
    world.engine.relay();
    let mut stranger = world.socket().await;
    let welcome = stranger.ask(json!({"type":"hello","version":1})).await;
    assert_eq!(welcome["ice_servers"], json!([]), "who may not come in gets none");
    let mut anne = world.socket().await;
    let welcome = anne.ask(json!({"type":"hello","version":1,"token":token("anne", Grants::default())})).await;
    assert_eq!(welcome["ice_servers"][0]["username"], "1700000000:anne");
}

#[tokio::test(start_paused = true)]
async fn whip_gets_them_as_a_link() {
    let world = World::new();
    world.engine.relay();
    let sdp = [("content-type", "application/sdp")];
    let started = world.http(request("POST", "/api/v1/whip/show", &sdp, "v=0\r\na=sendonly\r\n")).await;
    assert_eq!(started.status, 201, "{started:?}");
    let link = started.header("link");
    assert!(
        link.starts_with(r#"<turn:192.0.2.7:3478?transport=udp>; rel="ice-server"; username="1700000000:p"#),
        "{link}"
    );
}
