//! `/stub/connect`.

use crate::wire::client::{Client, Server, Wire, close_code};
use serde_json::json;

#[tokio::test]
async fn the_url_is_the_session() {
    let server = Server::start("d").await;
    let mut alice = Client::open(&server, Wire::NoMatrix, "runtime://d/a").await;
    let allocate = json!({"id": 2, "type": "create", "from": "runtime://d/a/address-allocation", "to": "domain://msg-node.d/address-allocation", "body": {"scheme": "hyperty", "value": {"number": 1}}});
    let answer = alice.ask(&allocate).await;
    assert_eq!((&answer["body"]["code"], &answer["body"]["description"]), (&json!(200), &json!("OK")));
    let address = answer["body"]["value"]["allocated"][0].as_str().unwrap().to_owned();
    // Its connection is lost, and it comes back: what it had is still its own.
    drop(alice);
    server.until(|figures| figures.size.away == 1).await;
    let mut alice = Client::open(&server, Wire::NoMatrix, "runtime://d/a").await;
    let mut bob = Client::open(&server, Wire::NoMatrix, "runtime://d/b").await;
    let ping = json!({"id": 1, "type": "ping", "from": "hyperty://d/b", "to": address});
    bob.send(&ping).await;
    assert_eq!(alice.get().await, ping);
    alice.send(&json!({"cmd": "disconnect", "body": {"runtimeURL": "runtime://d/a"}})).await;
    assert_eq!(close_code(&mut alice.socket).await, Some(1000));
    server.until(|figures| figures.size.sessions == 1).await;
}

#[tokio::test]
async fn other_paths_are_forbidden() {
    let server = Server::start("d").await;
    for path in ["/stub/other", "/stub/", "/stub"] {
        assert_eq!(server.get(path).await.0, 403, "{path}");
    }
    for path in ["/stub/connect", "/stub/connect?runtimeURL=", "/stub/connect?runtimeURL=hyperty%3A%2F%2Fd%2Fh"] {
        let refused = tokio_tungstenite::connect_async(format!("ws://{}{path}", server.address)).await.unwrap_err();
        assert!(refused.to_string().contains("403"), "{path}: {refused}");
    }
}

#[tokio::test]
async fn bad_requests_have_the_originals_code() {
    let server = Server::start("d").await;
    let mut alice = Client::open(&server, Wire::NoMatrix, "runtime://d/a").await;
    let answer = alice.ask(&json!({"id": 1, "type": "subscribe", "from": "runtime://d/a/sm", "to": "domain://msg-node.d/sm", "body": {}})).await;
    assert_eq!(answer["body"]["code"], 400);
}
