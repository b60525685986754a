//! Streams of rooms: who may have them, who is told, and when they are over.

use super::world::{World, admin, moderator, participant, request, token};
use crate::egress::{EgressFault, EgressReport, EgressState};
use serde_json::json;

const ALL: &str = "/api/v1/rooms/desk/egress";

fn told(world: &World) -> Vec<String> {
    let words = ["prepare", "feed", "start", "stop", "close"];
    let is_of_streams = |line: &String| words.iter().any(|word| line.starts_with(word));
    world.engine.log().into_iter().filter(is_of_streams).collect()
}

fn report(state: EgressState) -> EgressReport {
    EgressReport { state, restarts: 0, fault: None, seconds: Some(3), segments: None, bytes: None }
}

#[tokio::test(start_paused = true)]
async fn a_stream_from_its_beginning_to_its_end() {
    let world = World::new();
    assert_eq!(world.post(ALL, json!({"kind":"hls"})).await.problem(), (404, "room.unknown".into()));
    let (mut anne, joined) = world.joined("desk", "Anne").await;
    assert!(joined.get("streamed").is_none());
    let begun = world.post(ALL, json!({"kind":"hls"})).await;
    assert_eq!(begun.status, 201);
    let one = begun.json();
    let id = one["id"].as_str().unwrap();
    assert_eq!(begun.header("location"), format!("{ALL}/{id}"));
    assert_eq!(
        (&one["name"], &one["state"], &one["layout"], &one["playlist"]),
        (&json!("HLS"), &json!("starting"), &json!("grid"), &json!(format!("/hls/{id}/room.m3u8")))
    );
    assert_eq!(anne.event("streamed").await["streamed"], true);
    assert_eq!(told(&world)[0], "prepare Hls desk");
    assert!(told(&world)[1].starts_with("feed p2 ") && told(&world)[2] == "start", "{:?}", told(&world));

    // It is nobody: not in the list, not in the numbers; but everybody knows that the room is streamed.
    let (_bob, joined) = world.joined("desk", "Bob").await;
    assert_eq!((&joined["streamed"], joined["participants"].as_array().unwrap().len()), (&json!(true), 2));
    let room = world.get("/api/v1/rooms/desk").await.json();
    assert_eq!((&room["participants"], &room["streamed"]), (&json!(2), &json!(true)));
    assert_eq!(world.get("/api/v1/rooms/desk/participants").await.json().as_array().unwrap().len(), 2);
    assert_eq!(world.get("/api/v1/rooms/desk/participants/p2").await.problem(), (404, "participant.unknown".into()));
    let change = json!({"verb":"turn_aside","with":"p2"});
    assert_eq!(anne.refused(json!({"type":"audience","change":change})).await, "participant.unknown");

    world.engine.report_streams(&report(EgressState::Running));
    let seen = world.get(&format!("{ALL}/{id}")).await.json();
    assert_eq!((&seen["state"], &seen["seconds"]), (&json!("running"), &json!(3)));
    assert_eq!(world.delete(&format!("{ALL}/{id}")).await.status, 204);
    assert_eq!(world.delete(&format!("{ALL}/{id}")).await.problem(), (404, "egress.unknown".into()));
    assert_eq!(anne.event("streamed").await["streamed"], false);
    assert_eq!(told(&world).last().unwrap(), "stop");
    assert!(world.engine.log().contains(&"leave p2".to_owned()));
    let events = anne.events().await;
    assert!(!events.iter().any(|event| event.to_string().contains("p2")), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_stays_in_the_list_and_lets_its_participant_go() {
    let world = World::new();
    let (mut anne, _) = world.joined("desk", "Anne").await;
    let one = world.post(ALL, json!({"kind":"rtmp","url":"rtmp://host/app/secret"})).await.json();
    assert!(!one.to_string().contains("secret"));
    let fault = EgressFault { message: "It broke.".into(), remedy: "Mend it.".into() };
    let retrying = EgressReport { restarts: 1, fault: Some(fault), ..report(EgressState::Retrying) };
    world.engine.report_streams(&retrying);
    let seen = &world.get(ALL).await.json()[0];
    assert_eq!((&seen["restarts"], &seen["error"]["remedy"]), (&json!(1), &json!("Mend it.")));
    world.engine.report_streams(&report(EgressState::Failed));
    assert_eq!(anne.event("streamed").await["streamed"], true);
    assert_eq!(anne.event("streamed").await["streamed"], false);
    let seen = &world.get(ALL).await.json()[0];
    assert_eq!((&seen["state"], &seen["error"]["message"]), (&json!("failed"), &json!("It broke.")));
    assert!(world.engine.log().contains(&"leave p2".to_owned()));
    world.engine.report_streams(&report(EgressState::Running));
    assert_eq!(world.get(ALL).await.json()[0]["state"], "failed", "over is over");
    // Of those that are over, few are kept.
    for _ in 0..20 {
        assert_eq!(world.post(ALL, json!({"kind":"hls"})).await.status, 201);
        world.engine.report_streams(&report(EgressState::Failed));
    }
    assert_eq!(world.get(ALL).await.json().as_array().unwrap().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_stream_keeps_no_room_open_and_no_server() {
    let world = World::new();
    let (mut anne, _) = world.joined("desk", "Anne").await;
    assert_eq!(world.post(ALL, json!({"kind":"hls"})).await.status, 201);
    assert!(!world.signalling.is_idle());
    anne.ask(json!({"type":"leave"})).await;
    assert_eq!(told(&world)[3..], ["stop", "close r1"]);
    assert_eq!(world.get("/api/v1/rooms").await.json(), json!([]));
    // One that was made to stay is streamed on, and holds up no end of the server.
    assert_eq!(world.post("/api/v1/rooms", json!({"name":"desk"})).await.status, 201);
    assert_eq!(world.post(ALL, json!({"kind":"hls"})).await.status, 201);
    assert!(world.signalling.is_idle());
    world.signalling.drain(60);
    assert_eq!(world.post(ALL, json!({"kind":"hls"})).await.problem(), (503, "server.draining".into()));
    world.signalling.stop();
    assert_eq!(told(&world).last().unwrap(), "stop");
}

#[tokio::test(start_paused = true)]
async fn who_may_and_what_cannot_be() {
    let world = World::guarded();
    let (_anne, _) = world.joined_by(&token("desk", participant()), "desk").await;
    let ask = async |who: &str, body: &str| {
        let bearer = format!("Bearer {who}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        world.http(request("POST", ALL, &headers, body)).await
    };
    let hls = r#"{"kind":"hls"}"#;
    assert_eq!(ask(&token("desk", participant()), hls).await.problem(), (403, "auth.forbidden".into()));
    assert_eq!(ask(&token("other", moderator()), hls).await.problem(), (403, "auth.forbidden".into()));
    assert_eq!(ask(&token("desk", admin()), hls).await.status, 201);
    let moderator = token("desk", moderator());
    assert_eq!(ask(&moderator, hls).await.status, 201);
    for (body, status, code) in [
        (r#"{"kind":"hls","url":"rtmp://a/b/c"}"#, 422, "egress.rejected"),
        (r#"{"kind":"rtmp"}"#, 422, "egress.rejected"),
        (r#"{"kind":"hls","video":false,"layout":"grid"}"#, 422, "egress.rejected"),
        (r#"{"kind":"rtmp","url":"rtmp://denied/b/c"}"#, 403, "egress.denied"),
        (r#"{"kind":"hls","name":""}"#, 400, "protocol.malformed"),
    ] {
        assert_eq!(ask(&moderator, body).await.problem(), (status, code.to_owned()), "{body}");
    }
    let away = world.http(request("POST", ALL, &[("content-type", "application/json")], hls)).await;
    assert_eq!(away.problem(), (401, "auth.required".into()));
}
