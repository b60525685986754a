//! Who somebody is, as somebody else vouches: by a stand-in for whoever checks proofs.

use super::world::{Client, World, request};
use crate::{Finding, IdentityDemand, IdentityPort, IdentityView, Proof, SignallingConfig, TrustColour};
use colloquy_media_core::api::{PeerId, TransportState};
use serde_json::{Value, json};
use std::sync::Arc;

/// Vouches for what it is told to: `good`, `guest`, `stolen`; a claim must have the nonce of its connection in it.
struct Notary;

impl IdentityPort for Notary {
    fn issuer(&self) -> &'static str {
        "https://id.example"
    }

    fn check(&self, proof: &Proof<'_>) -> Option<Finding> {
        let said = proof.claim.or_else(|| proof.sdp.split("a=identity:").nth(1)?.split("\r\n").next())?;
        let (word, nonce) = said.split_once(' ').unwrap_or((said, ""));
        let is_here = proof.claim.is_none() || proof.nonce.is_none_or(|asked| asked == nonce);
        let colour = match word {
            "good" if is_here => TrustColour::Green,
            "guest" => TrustColour::Yellow,
            _ => TrustColour::Red,
        };
        let view = IdentityView {
            colour,
            reason: format!("It is {word}."),
            identity: (colour == TrustColour::Green).then(|| "anne@id.example".to_owned()),
            acting_as: None,
        };
        Some(Finding { view, refuses: word == "stolen" || !is_here })
    }
}

fn world(demand: IdentityDemand) -> World {
    let world = World::with(SignallingConfig { identity: demand, ..SignallingConfig::default() });
    world.signalling.identify_by(Arc::new(Notary));
    world
}

/// Somebody in a room, with the nonce that he was told.
async fn joined(world: &World) -> (Client, String) {
    let mut client = world.socket().await;
    let welcome = client.ask(json!({"type":"hello","version":1})).await;
    let nonce = welcome["identity"]["nonce"].as_str().unwrap_or_default().to_owned();
    assert_eq!(client.ask(json!({"type":"join","room":"a","name":"Anne"})).await["type"], "joined");
    (client, nonce)
}

fn offer(certificate: &str, claim: Option<&str>) -> Value {
    let sdp = format!("v=0\r\na=fingerprint:sha-256 {certificate}\r\na=sendonly\r\n");
    json!({"type":"offer","sdp":sdp,"identity":claim})
}

async fn known(world: &World) -> Value {
    let all = world.get("/api/v1/rooms/a/participants").await.json();
    assert_eq!(all[0]["id"], "p1", "{all}");
    all[0]["identity"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_name_is_shown_once_its_media_is_up() {
    let world = world(IdentityDemand::Accepted);
    let (mut anne, nonce) = joined(&world).await;
    let (mut bob, bobs_nonce) = joined(&world).await;
    let claim = format!("good {nonce}");
    assert_eq!(anne.ask(offer("AA", Some(&claim))).await["type"], "answer");
    assert_eq!(known(&world).await, Value::Null, "whoever sent it may have heard it from another");
    world.engine.transport(PeerId(1), TransportState::Connected);
    let told = bob.event("identity").await;
    assert_eq!((&told["participant"], &told["identity"]["colour"]), (&json!("p1"), &json!("green")));
    assert_eq!(anne.event("identity").await, told, "he is told himself");
    assert_eq!(known(&world).await["identity"], "anne@id.example");
    let (mut clara, _) = joined(&world).await;
    let again = clara.ask(json!({"type":"stats"})).await;
    assert_eq!(again["type"], "stats");

    // Who signs in later, on the same media, is shown at once.
    assert_eq!(bob.ask(offer("DD", None)).await["type"], "answer");
    world.engine.transport(PeerId(2), TransportState::Connected);
    assert_eq!(bob.ask(offer("DD", Some(&format!("good {bobs_nonce}")))).await["type"], "answer");
    assert_eq!(bob.event("identity").await["participant"], "p2");

    // With the same certificate it stays, also without a proof; with another one it goes.
    assert_eq!(anne.ask(offer("AA", None)).await["type"], "answer");
    assert_eq!(known(&world).await["colour"], "green");
    assert_eq!(anne.ask(offer("BB", None)).await["type"], "answer");
    assert_eq!(bob.event("identity").await["identity"], Value::Null);
    world.engine.transport(PeerId(1), TransportState::Connected);
    assert_eq!(known(&world).await, Value::Null);
    // And what was proven of one certificate is not of the next.
    assert_eq!(anne.ask(offer("CC", Some(&claim))).await["type"], "answer");
    assert_eq!(known(&world).await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_proof_for_other_media_is_refused() {
    let world = world(IdentityDemand::Accepted);
    let (mut anne, nonce) = joined(&world).await;
    assert_eq!(anne.refused(offer("AA", Some("stolen"))).await, "identity.refused");
    assert_eq!(anne.refused(offer("AA", Some("good of-another-connection"))).await, "identity.refused");
    let long = "x".repeat(crate::CLAIM_BYTES + 1);
    assert_eq!(anne.refused(offer("AA", Some(&long))).await, "protocol.malformed");
    let sdp = "v=0\r\na=identity:stolen\r\na=sendonly\r\n";
    assert_eq!(anne.refused(json!({"type":"offer","sdp":sdp})).await, "identity.refused");
    assert!(!world.engine.log().iter().any(|line| line.starts_with("offer")), "the engine saw none of them");
    // It is not the end of him.
    assert_eq!(anne.ask(offer("AA", Some(&format!("good {nonce}")))).await["type"], "answer");
}

#[tokio::test(start_paused = true)]
async fn what_is_required_is_asked_for_at_every_door() {
    let world = world(IdentityDemand::Required);
    let (mut anne, nonce) = joined(&world).await;
    assert_eq!(anne.refused(offer("AA", None)).await, "identity.required");
    assert_eq!(anne.refused(offer("AA", Some(&format!("guest {nonce}")))).await, "identity.required");
    assert_eq!(anne.ask(offer("AA", Some(&format!("good {nonce}")))).await["type"], "answer");
    let post = async |claim: Option<&str>, sdp: &str| {
        let mut headers = vec![("content-type", "application/sdp")];
        headers.extend(claim.map(|claim| ("colloquy-identity", claim)));
        world.http(request("POST", "/api/v1/whip/b", &headers, sdp)).await
    };
    let plain = "v=0\r\na=sendonly\r\n";
    assert_eq!(post(None, plain).await.problem(), (403, "identity.required".into()));
    assert_eq!(post(Some("stolen"), plain).await.problem(), (403, "identity.refused".into()));
    assert_eq!(post(Some(&"x".repeat(crate::CLAIM_BYTES + 1)), plain).await.problem().0, 400);
    assert_eq!(post(Some("good"), plain).await.status, 201);
    assert_eq!(post(None, "v=0\r\na=identity:good\r\na=sendonly\r\n").await.status, 201);
    assert_eq!(world.get("/api/v1/rooms/b").await.json()["participants"], 2, "nobody is left of those refused");
}

#[tokio::test(start_paused = true)]
async fn what_is_ignored_is_not_looked_at() {
    let world = world(IdentityDemand::Ignored);
    let (mut anne, nonce) = joined(&world).await;
    assert_eq!(nonce, "", "nobody is told how");
    assert_eq!(anne.ask(offer("AA", Some("stolen"))).await["type"], "answer");
    world.engine.transport(PeerId(1), TransportState::Connected);
    assert_eq!(known(&world).await, Value::Null);
}
