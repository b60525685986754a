//! A lost socket is not a lost call.

use super::world::World;
use serde_json::json;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_lost_socket_is_resumed_with_the_same_identity() {
    let world = World::new();
    let (mut anne, joined) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("a", "Bob").await;
    let (microphone, _) = anne.publish().await;
    let token = joined["resume_token"].as_str().unwrap().to_owned();
    drop(anne);
    assert_eq!(
        bob.event("participant_state").await,
        json!({"type":"participant_state","participant":"p1","state":"reconnecting"})
    );
    // What happens meanwhile is in the snapshot.
    bob.publish().await;

    let mut anne = world.greeted().await;
    let again = anne.ask(json!({"type":"resume","resume_token":token})).await;
    assert_eq!(
        (&again["type"], &again["participant"], &again["moderator"]),
        (&json!("joined"), &json!("p1"), &json!(true))
    );
    assert_eq!(again["participants"][0]["tracks"][0]["id"], microphone);
    assert_eq!(again["participants"][1]["tracks"].as_array().unwrap().len(), 2);
    assert_eq!(bob.event("participant_state").await["state"], "connecting");
    assert!(!world.engine.log().contains(&"leave p1".to_owned()));

    // The token is spent, and the new one is another.
    let mut thief = world.greeted().await;
    assert_eq!(thief.refused(json!({"type":"resume","resume_token":token})).await, "resume.unknown");
    assert_ne!(again["resume_token"], json!(token));
    assert_eq!(anne.ask(json!({"type":"mute","track":microphone,"muted":true})).await["type"], "ok");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_held_moves_to_the_new_socket() {
    let world = World::new();
    let (mut old, joined) = world.joined("a", "Anne").await;
    let mut new = world.greeted().await;
    let again = new.ask(json!({"type":"resume","resume_token":joined["resume_token"]})).await;
    assert_eq!(again["participant"], "p1");
    assert_eq!(old.closed().await, 4001);
    // The end of the old socket does not take the session with it.
    drop(old);
    new.idle(Duration::from_secs(60)).await;
    assert_eq!(new.ask(json!({"type":"stats"})).await["type"], "stats");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_in_time_is_lost() {
    let world = World::new();
    let (anne, joined) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("a", "Bob").await;
    drop(anne);
    assert_eq!(bob.event("participant_state").await["state"], "reconnecting");
    bob.idle(Duration::from_secs(25)).await;
    assert!(bob.events().await.is_empty());
    assert_eq!(bob.event("participant_left").await["reason"], "lost");
    assert!(world.engine.log().contains(&"leave p1".to_owned()));
    let mut late = world.greeted().await;
    assert_eq!(late.refused(json!({"type":"resume","resume_token":joined["resume_token"]})).await, "resume.unknown");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_none_resume_nothing() {
    let world = World::new();
    let (_anne, joined) = world.joined("a", "Anne").await;
    let token = joined["resume_token"].as_str().unwrap();
    // At least 128 bits of it are secret.
    assert!(token.split_once('.').unwrap().1.len() >= 22);
    let mut thief = world.greeted().await;
    for bad in
        ["", ".", "p1", "p1.", "p2.x", &token[..token.len() - 1], &format!("{token}x"), &token.replace("p1", "p01x")]
    {
        assert_eq!(thief.refused(json!({"type":"resume","resume_token":bad})).await, "resume.unknown", "{bad}");
    }
    let left = world.joined("a", "Bob").await;
    let (mut bob, joined) = left;
    bob.ask(json!({"type":"leave"})).await;
    assert_eq!(thief.refused(json!({"type":"resume","resume_token":joined["resume_token"]})).await, "resume.unknown");
}

#[tokio::test(start_paused = true)]
async fn the_last_one_takes_the_room_with_him() {
    let world = World::new();
    let (anne, _) = world.joined("a", "Anne").await;
    drop(anne);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(world.signalling.is_idle());
    assert_eq!(world.get("/api/v1/rooms").await.json(), json!([]));
    assert!(world.engine.log().ends_with(&["leave p1".to_owned(), "close r1".to_owned()]));
    // The name opens another room.
    world.joined("a", "Anne").await;
    assert!(world.engine.log().contains(&"join r2 p2".to_owned()));
}
