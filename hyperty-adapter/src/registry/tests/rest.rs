//! The paths, codes and texts of the original.

use super::{World, escaped, hyperty, object, with};
use crate::registry::rest::Writers;
use serde_json::{Value, json};

const USER: &str = "user://google.com/alice@gmail.com";
const URL: &str = "hyperty://d.test/h1";

fn created() -> (u16, Value) {
    (200, json!({"message": "Hyperty created"}))
}

fn not_found() -> (u16, Value) {
    (404, json!({"message": "Not Found"}))
}

fn path(start: &str, addresses: &[&str]) -> String {
    let all: Vec<String> = addresses.iter().map(|address| escaped(address)).collect();
    format!("{start}/{}", all.join("/"))
}

#[tokio::test]
async fn a_hyperty_is_registered_found_kept_alive_and_unregistered() {
    let world = World::new().await;
    let record = hyperty(&["audio", "video"], 3_600);
    assert_eq!(world.http("PUT", &path("/hyperty/user", &[USER, URL]), &record.to_string()).await, created());
    let date = "2026-11-21T01:19:47Z";
    let shown = with(record, &json!({"hypertyID": URL, "userID": USER, "startingTime": date, "lastModified": date}));
    assert_eq!(world.http("GET", &path("/hyperty/url", &[URL]), "").await, (200, shown.clone()));
    for found in [
        path("/hyperty/user", &[USER]),
        path("/hyperty/email", &["alice@gmail.com"]),
        "/hyperty/email/alice@gmail.com/".to_owned(),
    ] {
        assert_eq!(world.http("GET", &found, "").await, (200, json!({ URL: shown })), "{found}");
    }
    world.pass(60);
    let alive = world.http("PUT", &path("/hyperty/url", &[URL]), "{}").await;
    assert_eq!(alive, (200, json!({"statusChanged": "false", "message": "Keep alive"})));
    let changed = world.http("PUT", &path("/hyperty/url", &[URL]), r#"{"status":"busy","resources":["chat"]}"#).await;
    assert_eq!(changed, (200, json!({"statusChanged": "true", "message": "Hyperty updated"})));
    let news = json!({"status": "busy", "resources": ["chat"], "lastModified": "2026-11-21T01:20:47Z"});
    let shown = with(shown, &news);
    assert_eq!(
        world.http("GET", &path("/hyperty/url", &[URL]), "").await,
        (200, shown.clone()),
        "the rest is as it was"
    );

    let gone = with(shown, &json!({"status": "disconnected"}));
    let deleted = world.http("DELETE", &path("/hyperty/user", &[USER, URL]), "").await;
    assert_eq!(deleted, (200, json!({"message": "Hyperty deleted"})));
    assert_eq!(world.http("GET", &path("/hyperty/url", &[URL]), "").await, (408, gone.clone()), "it can still be read");
    assert_eq!(world.http("GET", &path("/hyperty/user", &[USER]), "").await, (408, json!({ URL: gone })));
    assert_eq!(world.http("GET", "/registry/updated", "").await, (200, json!({ URL: gone })));
    assert_eq!(world.http("GET", "/registry/updated", "").await, (200, json!({})), "reading clears");
    let back = world.http("PUT", &path("/hyperty/url", &[URL]), "{}").await;
    assert_eq!(back, (200, json!({"statusChanged": "true", "message": "Keep alive"})));
    let live = json!({"Storage_type": "Sqlite", "status": "up", "Hyperties_stored": "1"});
    assert_eq!(world.http("GET", "/live", "").await, (200, live));
}

#[tokio::test]
async fn what_is_wrong_or_not_there_is_answered_as_the_original_does() {
    let world = World::new().await;
    let record = hyperty(&["audio"], 3_600);
    for member in ["expires", "dataSchemes", "resources", "runtime", "status", "descriptor"] {
        let mut lacking = record.clone();
        lacking.as_object_mut().unwrap().remove(member);
        let answer = world.http("PUT", &path("/hyperty/user", &[USER, URL]), &lacking.to_string()).await;
        assert_eq!(answer, (400, Value::Null), "without {member}: no, and without a word");
    }
    for member in ["schema", "name", "reporter", "resources", "dataSchemes", "status", "expires", "runtime"] {
        let mut lacking = object("call", 3_600);
        lacking.as_object_mut().unwrap().remove(member);
        let answer =
            world.http("PUT", &path("/hyperty/dataobject", &["connection://d.test/o1"]), &lacking.to_string()).await;
        assert_eq!(answer, (400, Value::Null), "without {member}");
    }
    for body in ["", "x", "[]", "null", r#"{"expires":"soon"}"#, r#"{"resources":"audio"}"#, "{}{}"] {
        assert_eq!(world.http("PUT", &path("/hyperty/user", &[USER, URL]), body).await, (400, Value::Null), "{body}");
    }
    assert_eq!(world.http("PUT", &path("/hyperty/user", &[USER, URL]), &record.to_string()).await, created());
    for (method, path, body) in [
        ("PUT", path("/hyperty/user", &["user://d.test/eve", URL]), record.to_string()),
        ("PUT", path("/hyperty/url", &["hyperty://d.test/other"]), "{}".to_owned()),
        ("PUT", path("/dataobject/url", &[URL]), "{}".to_owned()),
        ("GET", path("/hyperty/url", &["hyperty://d.test/other"]), String::new()),
        ("GET", path("/hyperty/user", &["user://d.test/eve"]), String::new()),
        ("GET", path("/hyperty/guid", &["user-guid://none"]), String::new()),
        ("GET", path("/hyperty/email", &["eve@d.test"]), String::new()),
        ("GET", path("/hyperty/user", &[USER, "hyperty"]), String::new()),
        ("GET", format!("{}?colour=red", path("/hyperty/user", &[USER, "hyperty"])), String::new()),
        ("GET", format!("{}?resources=audio&x=y", path("/hyperty/user", &[USER, "hyperty"])), String::new()),
        ("GET", format!("{}?resources=chat", path("/hyperty/user", &[USER, "hyperty"])), String::new()),
        ("GET", "/hyperty/url/%ff".to_owned(), String::new()),
        ("GET", path("/hyperty/dataobject/url", &["comm://d.test/none"]), String::new()),
        ("DELETE", path("/hyperty/user", &["user://d.test/eve", URL]), String::new()),
        ("DELETE", path("/hyperty/user", &[USER, "hyperty://d.test/other"]), String::new()),
    ] {
        assert_eq!(world.http(method, &path, &body).await, not_found(), "{method} {path}");
    }
}

#[tokio::test]
async fn all_that_is_asked_for_must_be_there() {
    let world = World::new().await;
    for (url, resources) in [
        ("hyperty://d.test/1", &["chat", "video"][..]),
        ("hyperty://d.test/2", &["chat"]),
        ("hyperty://d.test/3", &["voice"]),
    ] {
        world.http("PUT", &path("/hyperty/user", &[USER, url]), &hyperty(resources, 3_600).to_string()).await;
    }
    for (query, expected) in [
        ("resources=chat", vec!["hyperty://d.test/1", "hyperty://d.test/2"]),
        ("resources=chat,video", vec!["hyperty://d.test/1"]),
        ("dataSchemes=connection&resources=voice", vec!["hyperty://d.test/3"]),
        ("dataSchemes=connection,comm", vec![]),
        ("resources=c%68at%2Cvideo", vec!["hyperty://d.test/1"]),
    ] {
        for by in [path("/hyperty/user", &[USER, "hyperty"]), path("/hyperty/email", &["alice@gmail.com", "hyperty"])] {
            let (status, found) = world.http("GET", &format!("{by}?{query}"), "").await;
            let mut found: Vec<&str> =
                found.as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "message").collect();
            found.sort_unstable();
            assert_eq!((status == 200, found), (!expected.is_empty(), expected.clone()), "{by} {query}");
        }
    }
}

#[tokio::test]
async fn objects_are_found_by_address_reporter_and_name_also_when_they_are_gone() {
    let world = World::new().await;
    let put = path("/hyperty/dataobject", &["connection://d.test/o1"]);
    let done = (200, json!({"message": "Data object created"}));
    assert_eq!(world.http("PUT", &put, &object("call", 10).to_string()).await, done);
    let keep = world.http("PUT", &path("/dataobject/url", &["connection://d.test/o1"]), "{}").await;
    assert_eq!(keep, (200, json!({"message": "Keep alive"})));
    let update = world.http("PUT", &path("/dataobject/url", &["connection://d.test/o1"]), r#"{"name":"talk"}"#).await;
    assert_eq!(update, (200, json!({"message": "data object updated"})));
    world.pass(11);
    let (status, one) = world.http("GET", &path("/hyperty/dataobject/url", &["connection://d.test/o1"]), "").await;
    assert_eq!((status, &one["status"], &one["url"]), (200, &json!("disconnected"), &json!("connection://d.test/o1")));
    for by in [
        path("/hyperty/dataobject/reporter", &["hyperty://d.test/h1"]),
        path("/hyperty/dataobject/name", &["talk"]),
        format!("{}?resources=audio", path("/hyperty/dataobject/name", &["talk", "do"])),
        format!("{}?dataSchemes=connection", path("/hyperty/dataobject/reporter", &["hyperty://d.test/h1", "do"])),
    ] {
        assert_eq!(world.http("GET", &by, "").await, (200, json!({"connection://d.test/o1": one})), "{by}");
    }
    assert_eq!(
        world.http("GET", &path("/hyperty/dataobject/name", &["call"]), "").await,
        not_found(),
        "it is called otherwise now"
    );
}

#[tokio::test]
async fn guids_lead_to_whoever_registered_with_them() {
    let world = World::new().await;
    let guid = "user-guid://k4Yg-_3";
    let record = with(hyperty(&["audio"], 3_600), &json!({ "guid": guid }));
    world.http("PUT", &path("/hyperty/user", &[USER, URL]), &record.to_string()).await;
    let (status, found) = world.http("GET", &path("/hyperty/guid", &[guid]), "").await;
    assert_eq!((status, &found[URL]["guid"]), (200, &json!(guid)));
}

#[tokio::test]
async fn a_registry_that_is_only_read_over_http_says_so() {
    let world = World::new().await;
    let refused = (401, json!({"message": "Unauthorized."}));
    for (method, path) in [
        ("PUT", path("/hyperty/user", &[USER, URL])),
        ("PUT", path("/hyperty/url", &[URL])),
        ("DELETE", path("/hyperty/user", &[USER, URL])),
        ("PUT", path("/hyperty/dataobject", &["comm://d.test/o"])),
        ("PUT", path("/dataobject/url", &["comm://d.test/o"])),
        ("GET", "/registry/updated".to_owned()),
    ] {
        let answer = world.http_as(Writers::Nobody, method, &path, &hyperty(&[], 1).to_string()).await;
        assert_eq!(answer, refused, "{method} {path}");
    }
    assert_eq!(world.http_as(Writers::Nobody, "GET", "/live", "").await.0, 200);
}
