//! Moderators, and those who would like to be.

use super::world::{World, moderator, participant, token};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn mutes_add_up_and_only_a_moderator_lifts_his_own() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("a", "Bob").await;
    let (microphone, _) = bob.publish().await;
    let mute = |muted| json!({"type":"mute","track":microphone,"muted":muted});

    assert_eq!(bob.ask(mute(true)).await["type"], "ok");
    let told = anne.event("track_muted").await["track"].clone();
    assert_eq!((&told["muted"], &told["mute"]), (&json!(true), &json!({"by_self":true,"by_moderator":false})));
    assert_eq!(bob.event("track_muted").await["track"], told);

    assert_eq!(anne.ask(mute(true)).await["type"], "ok");
    assert_eq!(bob.event("track_muted").await["track"]["mute"], json!({"by_self":true,"by_moderator":true}));
    // He lifts his own; the moderator's stays.
    assert_eq!(bob.ask(mute(false)).await["type"], "ok");
    let told = bob.event("track_muted").await["track"].clone();
    assert_eq!((&told["muted"], &told["mute"]), (&json!(true), &json!({"by_self":false,"by_moderator":true})));
    assert_eq!(anne.ask(mute(false)).await["type"], "ok");
    assert_eq!(bob.event("track_muted").await["track"]["muted"], false);
    let log = world.engine.log();
    let mutes: Vec<_> = log.iter().filter(|line| line.starts_with("mute")).map(String::as_str).collect();
    assert_eq!(
        mutes,
        ["mute p2 t1 true false", "mute p2 t1 true true", "mute p2 t1 false true", "mute p2 t1 false false"]
    );
}

#[tokio::test(start_paused = true)]
async fn participants_do_not_moderate() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("a", "Bob").await;
    let (microphone, _) = anne.publish().await;
    assert_eq!(bob.refused(json!({"type":"mute","track":microphone,"muted":true})).await, "auth.forbidden");
    assert_eq!(bob.refused(json!({"type":"kick","participant":"p1"})).await, "auth.forbidden");
    assert_eq!(bob.refused(json!({"type":"kick","participant":"p77"})).await, "auth.forbidden");
    assert_eq!(anne.refused(json!({"type":"mute","track":"t77","muted":true})).await, "track.unknown");
    assert_eq!(anne.refused(json!({"type":"mute","track":"../x","muted":true})).await, "track.unknown");
    assert_eq!(anne.refused(json!({"type":"kick","participant":"nobody"})).await, "participant.unknown");
    assert!(!world.engine.log().iter().any(|line| line.starts_with("mute")));
}

#[tokio::test(start_paused = true)]
async fn who_is_kicked_is_told_and_may_not_go_on() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (mut bob, joined) = world.joined("a", "Bob").await;
    assert_eq!(anne.ask(json!({"type":"kick","participant":"p2","reason":"noise"})).await["type"], "ok");
    let removed = bob.event("removed").await;
    assert_eq!(removed["reason"], "kicked");
    assert!(removed["message"].as_str().unwrap().contains("noise"));
    assert_eq!(anne.event("participant_left").await["reason"], "kicked");
    for late in [
        json!({"type":"candidate","candidate":""}),
        json!({"type":"subscribe","mid":"0","track":null}),
        json!({"type":"offer","sdp":"v=0"}),
        json!({"type":"leave"}),
    ] {
        assert_eq!(bob.refused(late).await, "protocol.unexpected");
    }
    assert_eq!(bob.refused(json!({"type":"resume","resume_token":joined["resume_token"]})).await, "resume.unknown");
}

#[tokio::test(start_paused = true)]
async fn with_tokens_the_grant_makes_the_moderator() {
    let world = World::guarded();
    let (mut first, joined) = world.joined_by(&token("a", participant()), "a").await;
    assert_eq!(joined["moderator"], false);
    let (mut chair, joined) = world.joined_by(&token("a", moderator()), "a").await;
    assert_eq!(joined["moderator"], true);
    assert_eq!(first.refused(json!({"type":"kick","participant":"p2"})).await, "auth.forbidden");
    assert_eq!(chair.ask(json!({"type":"kick","participant":"p1"})).await["type"], "ok");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_closed_removes_everyone() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("a", "Bob").await;
    assert_eq!(world.delete("/api/v1/rooms/a").await.status, 204);
    assert_eq!(anne.event("removed").await["reason"], "room_closed");
    assert_eq!(bob.event("removed").await["reason"], "room_closed");
    assert!(bob.events().await.is_empty());
    assert!(world.engine.peers().is_empty() && world.signalling.is_idle());
}
