//! Verbs, who may say them, and what each is told: nothing that gives away what he may not know.

use super::world::{Client, World, participant, token};
use crate::{AuditRecord, AuditSink, Grants};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn agent() -> String {
    token("desk", Grants { agent: true, ..participant() })
}

fn supervisor() -> String {
    token("desk", Grants { supervise: true, ..participant() })
}

fn customer() -> String {
    token("desk", participant())
}

async fn joined_as(world: &World, token: &str, post: &str) -> (Client, Value) {
    let mut client = world.socket().await;
    client.ask(json!({"type":"hello","version":1,"token":token})).await;
    let joined = client.ask(json!({"type":"join","room":"desk","name":"n","as":post})).await;
    (client, joined)
}

async fn does(client: &mut Client, change: Value) -> String {
    let answer = client.ask(json!({"type":"audience","change":change})).await;
    answer["code"].as_str().unwrap_or_else(|| answer["type"].as_str().unwrap()).to_owned()
}

fn stands(world: &World) -> usize {
    world.engine.log().iter().filter(|line| line.starts_with("stand ")).count()
}

#[tokio::test(start_paused = true)]
async fn a_monitor_is_nowhere_and_then_heard_by_one_alone() {
    let world = World::guarded();
    let (mut pierre, _) = joined_as(&world, &customer(), "participant").await;
    let (mut anne, _) = joined_as(&world, &agent(), "participant").await;
    pierre.event("participant_joined").await;
    let (mut manuel, joined) = joined_as(&world, &supervisor(), "monitor").await;
    assert_eq!(joined["participants"].as_array().unwrap().len(), 3, "he sees all, himself too");
    assert_eq!(manuel.event("audience").await["you"]["post"], "monitor");
    manuel.publish().await;
    assert_eq!(does(&mut manuel, json!({"verb":"coach","agent":"p2"})).await, "ok");
    let told = anne.event("audience").await;
    assert_eq!(told["others"][0]["participant"], "p3");
    assert_eq!(told["others"][0]["hears"], json!({"gain_db":-3,"pan_pct":-80}));
    assert_eq!(told["others"][0]["sees"], "off");
    // He comes and goes, and the customer hears nothing of it. She hears that Anne speaks, as before.
    drop(manuel);
    assert_eq!(does(&mut anne, json!({"verb":"hold","participant":"p1","held":true})).await, "ok");
    let next = pierre.next_event().await;
    assert_eq!((&next["type"], &next["you"]["held"]), (&json!("audience"), &json!(true)), "{next}");
    assert_eq!(next.get("epoch"), None, "a number that rises tells of others");
}

#[tokio::test(start_paused = true)]
async fn a_side_talk_is_told_to_each_as_it_is_for_him() {
    let world = World::guarded();
    let (mut pierre, _) = joined_as(&world, &customer(), "participant").await;
    let (mut anne, _) = joined_as(&world, &agent(), "participant").await;
    pierre.event("participant_joined").await;
    let (mut manuel, joined) = joined_as(&world, &agent(), "helper").await;
    let known = joined["participants"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap());
    assert_eq!(known.collect::<Vec<_>>(), ["p2", "p3"], "the agent and himself");
    assert_eq!(anne.event("participant_joined").await["participant"]["id"], "p3");
    let told = anne.event("audience").await;
    assert_eq!(
        (&told["you"], &told["others"][0]["hears"]),
        (&Value::Null, &Value::Null),
        "he says nothing yet: {told}"
    );
    assert_eq!(does(&mut anne, json!({"verb":"turn_aside","with":"p3"})).await, "ok");
    // The customer sees her stand still, and learns nothing of whom she turned to.
    let told = pierre.next_event().await;
    assert_eq!(told["type"], "audience");
    assert_eq!(told["others"].as_array().unwrap().len(), 1);
    assert_eq!((&told["others"][0]["sees"], &told["others"][0]["hears"]), (&json!("frozen"), &Value::Null));
    assert_eq!(manuel.event("audience").await["you"]["post"], "wings");
    let told = manuel.event("audience").await;
    assert_eq!((&told["you"]["aside"], told["others"].as_array().unwrap().len()), (&json!("group"), 1));
    assert_eq!(anne.event("audience").await["you"]["aside"], "group");
    assert_eq!(does(&mut anne, json!({"verb":"turn_back"})).await, "ok");
    let told = pierre.next_event().await;
    assert_eq!(told["others"][0]["sees"], "live");
    assert_eq!(told["others"][0]["hears"], json!({"gain_db":0,"pan_pct":0}));
}

#[tokio::test(start_paused = true)]
async fn who_may_not_is_refused_and_nothing_changes() {
    let world = World::guarded();
    let (mut pierre, _) = joined_as(&world, &customer(), "participant").await;
    let (mut anne, _) = joined_as(&world, &agent(), "participant").await;
    let (refused, answer) = joined_as(&world, &agent(), "monitor").await;
    assert_eq!(answer["code"], "auth.forbidden");
    let (also, answer) = joined_as(&world, &customer(), "helper").await;
    assert_eq!(answer["code"], "auth.forbidden");
    for (change, code) in [
        (json!({"verb":"hold","participant":"p2","held":true}), "auth.forbidden"),
        (json!({"verb":"monitor"}), "auth.forbidden"),
        (json!({"verb":"turn_aside","with":"p2"}), "auth.forbidden"),
        (json!({"verb":"hold","participant":"p77","held":true}), "auth.forbidden"),
        (json!({"verb":"dance"}), "protocol.malformed"),
        (json!({"verb":"hold"}), "protocol.malformed"),
        (json!({"verb":"hold","held":true,"more":1}), "protocol.malformed"),
    ] {
        assert_eq!(does(&mut pierre, change.clone()).await, code, "{change}");
    }
    for (change, code) in [
        (json!({"verb":"coach","agent":"p1"}), "auth.forbidden"),
        (json!({"verb":"turn_aside","with":"p77"}), "participant.unknown"),
        (json!({"verb":"turn_aside","with":"nobody"}), "protocol.malformed"),
        (json!({"verb":"turn_aside","with":"p2"}), "audience.refused"),
        (json!({"verb":"hold","participant":"p1","held":false}), "ok"),
    ] {
        assert_eq!(does(&mut anne, change.clone()).await, code, "{change}");
    }
    assert_eq!(stands(&world), 0, "{:?}", world.engine.log());
    drop((refused, also));
}

#[tokio::test(start_paused = true)]
async fn who_knows_of_a_newcomer_is_told_what_he_is() {
    let world = World::guarded();
    let (mut pierre, _) = joined_as(&world, &customer(), "participant").await;
    let (_manuel, _) = joined_as(&world, &supervisor(), "announced_monitor").await;
    assert_eq!(pierre.next_event().await["type"], "participant_joined");
    let told = pierre.next_event().await;
    assert_eq!(told["others"][0]["monitor"], true, "{told}");
    let (_anne, _) = joined_as(&world, &agent(), "participant").await;
    assert_eq!(pierre.next_event().await["type"], "participant_joined");
    assert_eq!(pierre.events().await, Vec::<Value>::new(), "she is plain: there is nothing to tell");
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_told_how_things_stand() {
    let world = World::guarded();
    let (pierre, joined) = joined_as(&world, &customer(), "participant").await;
    let (mut anne, _) = joined_as(&world, &agent(), "participant").await;
    assert_eq!(does(&mut anne, json!({"verb":"hold","participant":"p1","held":true})).await, "ok");
    drop(pierre);
    let mut again = world.greeted_by(&customer()).await;
    let resumed = again.ask(json!({"type":"resume","resume_token":joined["resume_token"]})).await;
    assert_eq!(resumed["type"], "joined");
    let told = again.event("audience").await;
    assert_eq!(told["you"]["held"], true);
    assert_eq!(told["others"][0]["hears"], Value::Null);
}

/// Keeps what is written down.
#[derive(Default)]
struct Book(Mutex<Vec<Value>>);

impl AuditSink for Book {
    fn keep(&self, record: AuditRecord) -> bool {
        self.0.lock().unwrap().push(serde_json::to_value(record).unwrap());
        true
    }
}

impl Book {
    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_done_and_what_is_refused_is_written_down() {
    let world = World::guarded();
    let book = Arc::new(Book::default());
    world.signalling.audit_to(book.clone());
    let (mut pierre, _) = joined_as(&world, &customer(), "participant").await;
    let (mut anne, _) = joined_as(&world, &agent(), "participant").await;
    assert_eq!(book.take(), Vec::<Value>::new(), "they came in like everybody");
    let (_refused, _) = joined_as(&world, &agent(), "monitor").await;
    let [line] = <[Value; 1]>::try_from(book.take()).unwrap();
    assert_eq!(
        (&line["outcome"], &line["actor"]),
        (&json!("auth.forbidden"), &json!({"subject":"anne","role":"agent"}))
    );
    assert_eq!(line["change"], json!({"verb":"enter","as":"monitor"}));

    let (mut manuel, _) = joined_as(&world, &supervisor(), "monitor").await;
    does(&mut manuel, json!({"verb":"coach","agent":"p2"})).await;
    let [came, coached] = <[Value; 2]>::try_from(book.take()).unwrap();
    assert_eq!((&came["room"], &came["change"]["verb"]), (&json!("desk"), &json!("enter")));
    assert_eq!((&came["moved"][0]["before"], &came["moved"][0]["after"]["post"]), (&Value::Null, &json!("monitor")));
    assert_eq!(coached["change"], json!({"verb":"coach","participant":"p3","agent":"p2"}));
    assert_eq!((&coached["outcome"], &coached["actor"]["participant"]), (&json!("done"), &json!("p3")));
    assert_eq!(coached["moved"][0]["before"]["line"], "listening");
    assert_eq!(coached["moved"][0]["after"]["agent"], "p2");
    assert!(coached["epoch"].as_u64() > came["epoch"].as_u64());

    // The agent goes: whoever coached her is silent from then on, and that stands there too.
    anne.ask(json!({"type":"leave"})).await;
    let [left] = <[Value; 1]>::try_from(book.take()).unwrap();
    assert_eq!((&left["change"]["verb"], left["moved"].as_array().unwrap().len()), (&json!("leave"), 2));
    assert_eq!(left["moved"][1]["after"]["line"], "listening");

    // Who asks again and again for what he may not does not fill a disk.
    for _ in 0..100 {
        does(&mut pierre, json!({"verb":"monitor"})).await;
        pierre.idle(Duration::from_millis(50)).await;
    }
    let told: Vec<_> = book.take().iter().map(|line| line["refusals"].as_u64().unwrap()).collect();
    assert_eq!(told, (1..=16).chain([32, 64]).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn who_was_taken_over_comes_back_by_himself_once() {
    let world = World::guarded();
    let (mut pierre, _) = joined_as(&world, &customer(), "participant").await;
    let (mut anne, _) = joined_as(&world, &agent(), "participant").await;
    let (mut sofia, _) = joined_as(&world, &supervisor(), "monitor").await;
    assert_eq!(does(&mut anne, json!({"verb":"barge"})).await, "auth.forbidden");
    assert_eq!(does(&mut sofia, json!({"verb":"take_over","from":"p2"})).await, "ok");
    let told = anne.event("audience").await;
    assert_eq!((&told["you"]["post"], &told["you"]["taken_over"]), (&json!("monitor"), &json!(true)));
    assert_eq!(pierre.event("participant_left").await["participant"], "p2");
    assert_eq!(does(&mut anne, json!({"verb":"coach","agent":"p3"})).await, "auth.forbidden", "no more than that");
    assert_eq!(does(&mut anne, json!({"verb":"turn_back"})).await, "ok");
    let told = anne.event("audience").await;
    assert_eq!((&told["you"]["post"], told["you"].get("taken_over")), (&json!("floor"), None));
    assert_eq!(pierre.event("participant_joined").await["participant"]["id"], "p3");
    assert_eq!(pierre.event("participant_joined").await["participant"]["id"], "p2");
    assert_eq!(does(&mut sofia, json!({"verb":"monitor"})).await, "ok");
    assert_eq!(does(&mut sofia, json!({"verb":"turn_back"})).await, "ok");
    assert_eq!(sofia.event("audience").await["you"]["post"], "monitor", "as she came");
    assert_eq!(sofia.event("audience").await["you"]["post"], "floor", "as she had taken over");
    assert_eq!(sofia.event("audience").await["you"]["post"], "monitor");
    assert_eq!(sofia.events().await, Vec::<Value>::new(), "who became a monitor by himself stays one");
}

#[tokio::test(start_paused = true)]
async fn who_is_let_in_on_monitors_is_told_to_monitors_alone() {
    let world = World::guarded();
    let (mut pierre, _) = joined_as(&world, &customer(), "participant").await;
    let (mut anne, _) = joined_as(&world, &agent(), "participant").await;
    pierre.event("participant_joined").await;
    let (mut sofia, _) = joined_as(&world, &supervisor(), "monitor").await;
    assert_eq!(does(&mut anne, json!({"verb":"confide","participant":"p2","insider":true})).await, "auth.forbidden");
    assert_eq!(does(&mut sofia, json!({"verb":"confide","participant":"p2","insider":true})).await, "ok");
    sofia.event("audience").await;
    let told = sofia.event("audience").await;
    assert_eq!((&told["others"][0]["participant"], &told["others"][0]["insider"]), (&json!("p2"), &json!(true)));
    assert_eq!(anne.event("audience").await["you"]["insider"], true);
    assert_eq!(pierre.events().await, Vec::<Value>::new());
    assert_eq!(does(&mut sofia, json!({"verb":"monitor","wall":true})).await, "ok");
    let told = sofia.event("audience").await;
    assert_eq!((&told["you"]["wall"], &told["others"][0]["sees"]), (&json!(true), &json!("thumbnail")));
}

/// With whom somebody is told that he is in an aside, the next time.
async fn company(client: &mut Client) -> Vec<String> {
    loop {
        let told = client.event("audience").await;
        if let Some(with) = told["you"]["with"].as_array() {
            return with.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn those_in_an_aside_are_told_who_is_in_it() {
    let world = World::guarded();
    let (mut pierre, _) = joined_as(&world, &customer(), "participant").await;
    let (mut anne, _) = joined_as(&world, &agent(), "participant").await;
    let (mut manuel, _) = joined_as(&world, &agent(), "helper").await;
    let (mut claire, _) = joined_as(&world, &agent(), "participant").await;
    pierre.events().await;
    assert_eq!(does(&mut anne, json!({"verb":"turn_aside","with":"p3"})).await, "ok");
    assert_eq!(company(&mut anne).await, ["p3"]);
    assert_eq!(does(&mut claire, json!({"verb":"turn_aside","with":"p2"})).await, "ok");
    assert_eq!(company(&mut anne).await, ["p3", "p4"]);
    assert_eq!(company(&mut manuel).await, ["p2"]);
    assert_eq!(company(&mut manuel).await, ["p2", "p4"]);
    claire.ask(json!({"type":"leave"})).await;
    assert_eq!(company(&mut anne).await, ["p3"]);
    // The customer is told neither who nor how many.
    for told in pierre.events().await {
        assert!(told.get("you").is_none() && !told.to_string().contains("p3"), "{told}");
    }
}
