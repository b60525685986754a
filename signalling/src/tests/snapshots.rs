//! Still pictures: who may have them, and in what form they come.

use super::world::{Client, Reply, World, admin, moderator, participant, request, token};
use crate::Grants;
use serde_json::{Value, json};

const SIZE: &str = "size=full";

fn supervisor() -> Grants {
    Grants { supervise: true, ..participant() }
}

async fn joins(world: &World, grants: Grants, options: Value) -> (Client, String) {
    let mut client = world.greeted_by(&token("desk", grants)).await;
    let mut join = json!({"type":"join","room":"desk","name":"n"});
    join.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let joined = client.ask(join).await;
    assert_eq!(joined["type"], "joined", "{joined}");
    (client, joined["resume_token"].as_str().unwrap().to_owned())
}

async fn shows(world: &World, by: &str, who: &str, query: &str) -> Reply {
    let path = format!("/api/v1/rooms/desk/participants/{who}/snapshot?{query}");
    world.http(request("GET", &path, &[("authorization", &format!("Bearer {by}"))], "")).await
}

async fn wall(world: &World, by: &str, query: &str) -> Value {
    let path = format!("/api/v1/rooms/desk/thumbnails?{query}");
    let reply = world.http(request("GET", &path, &[("authorization", &format!("Bearer {by}"))], "")).await;
    assert_eq!(reply.header("cache-control"), "private, no-cache");
    reply.json()
}

fn missing(wall: &Value) -> Vec<&str> {
    let all = wall["thumbnails"].as_array().unwrap().iter();
    all.map(|one| one["missing"].as_str().unwrap_or_else(|| one["participant"].as_str().unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_picture_comes_with_its_age_and_is_not_sent_twice() {
    let world = World::guarded();
    let (mut anne, _) = joins(&world, participant(), json!({})).await;
    let (_bob, bob) = joins(&world, participant(), json!({})).await;
    assert_eq!(shows(&world, &bob, "p1", "").await.problem(), (404, "snapshot.off".into()));
    anne.publish().await;
    let reply = shows(&world, &bob, "p1", "").await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, "p1 Camera 160"));
    assert_eq!((reply.header("content-type"), reply.header("age")), ("image/jpeg", "10"));
    assert_eq!((reply.header("cache-control"), reply.header("vary")), ("private, no-cache", "authorization"));
    assert!(reply.header("last-modified").ends_with(" GMT"));
    assert_eq!(shows(&world, &bob, "p1", SIZE).await.body, "p1 Camera 640");
    let tag = reply.header("etag").to_owned();
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let path = "/api/v1/rooms/desk/participants/p1/snapshot";
        let bearer = format!("Bearer {bob}");
        let headers = [("authorization", bearer.as_str()), ("if-none-match", &known)];
        let again = world.http(request("GET", path, &headers, "")).await;
        assert_eq!((again.status.as_u16(), again.body.as_str(), again.header("etag")), (304, "", tag.as_str()));
    }
    assert_eq!(shows(&world, &bob, "p1", "source=screen").await.problem(), (404, "snapshot.off".into()));
    for bad in ["source=microphone", "source=x", "size=x", "x=1"] {
        assert_eq!(shows(&world, &bob, "p1", bad).await.problem(), (400, "request.malformed".into()), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_in_the_room_looks_and_from_outside_who_may_watch_unseen() {
    let world = World::guarded();
    let (mut anne, _) = joins(&world, participant(), json!({})).await;
    anne.publish().await;
    let of = |grants| token("desk", grants);
    // By the subject of the token that he joined with.
    assert_eq!(shows(&world, &of(participant()), "p1", "").await.status, 200);
    assert_eq!(shows(&world, "x", "p1", "").await.problem(), (401, "auth.invalid".into()));
    assert_eq!(anne.ask(json!({"type":"leave"})).await["type"], "ok");
    let (mut bob, bob_session) = joins(&world, participant(), json!({})).await;
    bob.publish().await;
    let (_carol, carol_session) = {
        let mut carol = world.greeted_by(&token("other", participant())).await;
        let joined = carol.ask(json!({"type":"join","room":"other","name":"n"})).await;
        (carol, joined["resume_token"].as_str().unwrap().to_owned())
    };
    for (by, status) in [
        (bob_session.as_str(), 200),
        (of(supervisor()).as_str(), 200),
        (token("x", admin()).as_str(), 200),
        (token("other", supervisor()).as_str(), 403),
        (token("other", participant()).as_str(), 403),
        (carol_session.as_str(), 403),
        (&format!("{bob_session}x"), 401),
    ] {
        assert_eq!(shows(&world, by, "p2", "").await.status, status, "{by}");
    }
    assert_eq!(bob.ask(json!({"type":"leave"})).await["type"], "ok");
    // He is not there any more, and may not look as if he were.
    let (_dan, _) = joins(&world, participant(), json!({})).await;
    assert_eq!(shows(&world, &bob_session, "p4", "").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_moderator_outside_the_room_does_not_watch_it_unseen() {
    let world = World::new();
    let (mut anne, joined) = world.joined("desk", "Anne").await;
    anne.publish().await;
    // Here, where there are no tokens, the person at this machine may do everything.
    assert_eq!(world.get("/api/v1/rooms/desk/participants/p1/snapshot").await.body, "p1 Camera 160");
    let far = ([192, 0, 2, 1], 9).into();
    let session = format!("Bearer {}", joined["resume_token"].as_str().unwrap());
    let get = |headers: &[(&str, &str)]| request("GET", "/api/v1/rooms/desk/participants/p1/snapshot", headers, "");
    assert_eq!(world.http_from(far, get(&[])).await.problem(), (401, "auth.required".into()));
    assert_eq!(world.http_from(far, get(&[("authorization", &session)])).await.status, 200, "his session says enough");
    let world = World::guarded();
    let (_anne, _) = world.joined_by(&token("desk", participant()), "desk").await;
    let stranger = |grants| {
        let claims = crate::Claims {
            sub: "mona".into(),
            room: Some("desk".into()),
            grants,
            exp: crate::api::unix_now_s() + 600,
            ..crate::Claims::default()
        };
        crate::mint(&super::world::key(), &claims).unwrap()
    };
    assert_eq!(shows(&world, &stranger(moderator()), "p1", "").await.problem(), (403, "auth.forbidden".into()));
    assert_eq!(shows(&world, &stranger(participant()), "p1", "").await.problem(), (403, "auth.forbidden".into()));
    assert_eq!(shows(&world, &stranger(supervisor()), "p1", "").await.problem(), (404, "snapshot.off".into()));
}

#[tokio::test(start_paused = true)]
async fn the_matrix_holds() {
    let world = World::guarded();
    let agent = || Grants { agent: true, ..participant() };
    let (mut pierre, pierre_s) = joins(&world, participant(), json!({})).await;
    let (mut anne, anne_s) = joins(&world, agent(), json!({})).await;
    let (mut manuel, manuel_s) = joins(&world, agent(), json!({"as":"helper"})).await;
    let (mut sofia, sofia_s) = joins(&world, supervisor(), json!({"as":"monitor"})).await;
    for client in [&mut pierre, &mut anne, &mut manuel, &mut sofia] {
        client.publish().await;
    }
    let status = async |by: &str, who: &str| {
        let reply = shows(&world, by, who, "").await;
        if reply.status == 200 { "200".to_owned() } else { reply.problem().1 }
    };
    // The customer does not know of the helper, nor of the monitor.
    assert_eq!(status(&pierre_s, "p2").await, "200");
    assert_eq!(status(&pierre_s, "p1").await, "200", "his own");
    for hidden in ["p3", "p4", "p9"] {
        assert_eq!(status(&pierre_s, hidden).await, "participant.unknown");
    }
    assert_eq!(missing(&wall(&world, &pierre_s, "").await), ["p1", "p2"]);
    // The agent knows of the helper, and does not see him yet.
    assert_eq!(status(&anne_s, "p3").await, "snapshot.withheld");
    assert_eq!(missing(&wall(&world, &anne_s, "").await), ["p1", "p2", "snapshot.withheld"]);
    assert_eq!(status(&manuel_s, "p1").await, "participant.unknown");
    assert_eq!(status(&sofia_s, "p1").await, "200");
    // She turns aside: the customer may have her picture from before, which the engine sees to.
    let turned = anne.ask(json!({"type":"audience","change":{"verb":"turn_aside","with":"p3"}})).await;
    assert_eq!(turned["type"], "ok", "{turned}");
    assert_eq!(status(&pierre_s, "p2").await, "200");
    assert_eq!(status(&anne_s, "p3").await, "200");
    // Who is on hold sees nobody and is seen by nobody, from outside neither.
    anne.ask(json!({"type":"audience","change":{"verb":"hold","participant":"p1","held":true}})).await;
    assert_eq!(status(&pierre_s, "p2").await, "snapshot.withheld");
    assert_eq!(status(&token("desk", supervisor()), "p1").await, "snapshot.withheld");
    assert_eq!(status(&token("x", admin()), "p3").await, "participant.unknown", "from outside, the floor alone");
    // A wall gets thumbnails, whatever is asked for.
    sofia.ask(json!({"type":"audience","change":{"verb":"monitor","wall":true}})).await;
    assert_eq!(shows(&world, &sofia_s, "p2", SIZE).await.body, "p2 Camera 160");
}

#[tokio::test(start_paused = true)]
async fn who_wants_no_pictures_has_none() {
    let world = World::guarded();
    let (mut anne, anne_s) = joins(&world, participant(), json!({"snapshots":false})).await;
    let (mut bob, bob_s) = joins(&world, participant(), json!({"snapshots":true})).await;
    anne.publish().await;
    bob.publish().await;
    for by in [anne_s.as_str(), &bob_s, &token("x", admin())] {
        assert_eq!(shows(&world, by, "p1", "").await.problem(), (403, "snapshot.opted_out".into()));
        assert_eq!(shows(&world, by, "p2", "").await.status, 200);
        assert_eq!(missing(&wall(&world, by, "").await), ["snapshot.opted_out", "p2"]);
    }
    assert!(world.engine.log().iter().all(|line| !line.starts_with("snapshot p1")), "none was made");
    // A broadcast, too; and who watches by WHEP sees what he watches.
    let bearer = |grants| format!("Bearer {}", token("desk", grants));
    let publishes = bearer(Grants { publish: true, ..Grants::default() });
    let watches = bearer(Grants { subscribe: true, ..Grants::default() });
    for (path, by, status) in [
        ("/api/v1/whip/desk?snapshots=false", &publishes, 201),
        ("/api/v1/whip/desk", &publishes, 201),
        ("/api/v1/whip/desk?snapshots=no", &publishes, 400),
        ("/api/v1/whep/desk", &watches, 201),
    ] {
        let headers = [("content-type", "application/sdp"), ("authorization", by.as_str())];
        let reply = world.http(request("POST", path, &headers, "v=0\r\na=sendonly\r\n")).await;
        assert_eq!(reply.status, status, "{path} {reply:?}");
    }
    let viewer = watches.strip_prefix("Bearer ").unwrap();
    assert_eq!(shows(&world, viewer, "p3", "").await.problem(), (403, "snapshot.opted_out".into()));
    assert_eq!(shows(&world, viewer, "p4", "").await.status, 200);
    // Who does not receive sees nobody.
    let deaf = Grants { subscribe: false, ..participant() };
    let (_dan, dan_s) = joins(&world, deaf, json!({})).await;
    assert_eq!(shows(&world, &dan_s, "p2", "").await.problem(), (403, "snapshot.withheld".into()));
}

#[tokio::test(start_paused = true)]
async fn a_wall_is_one_answer_and_what_is_known_is_left_out() {
    let world = World::guarded();
    let mut people = Vec::new();
    for _ in 0..70 {
        people.push(joins(&world, participant(), json!({})).await);
    }
    for (client, _) in people.iter_mut().take(3) {
        client.publish().await;
    }
    let session = people[0].1.clone();
    let first = wall(&world, &session, "").await;
    assert_eq!((&first["width"], &first["height"], &first["next"]), (&json!(160), &json!(90), &json!("p40")));
    let all = first["thumbnails"].as_array().unwrap();
    assert_eq!(all.len(), 64);
    let expected =
        json!({"participant":"p1","name":"n","tag":"0000000000000001","age_ms":10_000,"jpeg":"cDEgQ2FtZXJhIDE2MA=="});
    assert_eq!(all[0], expected);
    assert_eq!(all[3], json!({"participant":"p4","name":"n","missing":"snapshot.off"}));
    let second = wall(&world, &session, "after=p40").await;
    assert_eq!((second["thumbnails"].as_array().unwrap().len(), second.get("next")), (6, None));
    let again = wall(&world, &session, "have=0000000000000001,0000000000000003,x").await;
    let has_bytes = |i: usize| again["thumbnails"][i].get("jpeg").is_some();
    assert_eq!((has_bytes(0), has_bytes(1), has_bytes(2)), (false, true, false));
    assert_eq!(again["thumbnails"][0]["tag"], "0000000000000001");
    // The engine says nothing: the wall does not wait for long, and tells of everybody all the same.
    world.engine.hang(true);
    let stuck = wall(&world, &session, "").await;
    assert_eq!(missing(&stuck)[..2], ["server.busy"; 2]);
}
