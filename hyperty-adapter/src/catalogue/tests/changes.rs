//! Objects that are bad, that change while they are served, and that are put and deleted.

use super::support::{Folder, Server, hyperty};
use crate::catalogue::http::{Change, Doors, Verdict};
use crate::catalogue::{Catalogue, Files, Kind, Limits, NoChange, Settings};
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

fn flaw(catalogue: &Catalogue, place: &str) -> Option<String> {
    catalogue.snapshot().flaws().iter().find(|flaw| flaw.place == place).map(|flaw| flaw.why.clone())
}

fn version(catalogue: &Catalogue, name: &str) -> Option<String> {
    let all = catalogue.snapshot();
    all.lookup(Kind::Hyperty, name, None).ok()?.get("version").and_then(Value::as_str).map(str::to_owned)
}

#[test]
fn a_bad_object_takes_no_other_away() {
    let folder = Folder::new();
    folder.object("hyperty/Good", hyperty("Good", &json!({})), "Good", Some("x"));
    let with = |change: &dyn Fn(&mut Value)| {
        let mut description = hyperty("Bad", &json!({}));
        change(&mut description);
        description
    };
    let rows: [(&str, Value, &str); 7] = [
        (
            "Type",
            with(&|bad| bad["type"] = json!("Communicator")),
            "remove `type`, and name the resources in `hypertyType`",
        ),
        ("Lacks", with(&|bad| drop(bad.as_object_mut().unwrap().remove("dataObjects"))), "`dataObjects` is missing"),
        (
            "Nameless",
            with(&|bad| bad["objectName"] = json!("a/../b")),
            "`objectName` is \"a/../b\": use up to 128 letters",
        ),
        ("Default", with(&|bad| bad["objectName"] = json!("default")), "not `default`"),
        ("Number", with(&|bad| bad["description"] = json!(7)), "`description` is not a text"),
        ("Version", with(&|bad| bad["version"] = json!([])), "`version` is not a text"),
        ("Array", json!([]), "not a JSON object"),
    ];
    for (name, description, _) in &rows {
        folder.object(&format!("hyperty/{name}"), description.clone(), name, Some("x"));
    }
    folder.file("hyperty/Twice/description.json", r#"{"version":"1","version":"2"}"#);
    folder.file("hyperty/Broken/description.json", r#"{"version":"#);
    folder.file("hyperty/Long/description.json", &format!(r#"{{"x":"{}"}}"#, "y".repeat(300_000)));
    folder.file("hyperty/Codeless/description.json", &hyperty("Codeless", &json!({})).to_string());
    folder.object("hyperty/Classless", hyperty("Classless", &json!({})), "", Some("x"));
    folder.object("hyperty/Sourceless", hyperty("Sourceless", &json!({})), "Sourceless", None);
    folder.object("hyperty/Digest", hyperty("Digest", &json!({})), "Digest", Some("x"));
    folder.file(
        "hyperty/Digest/sourcePackage.json",
        r#"{"sourceCodeClassname":"Digest","md5":"00000000000000000000000000000000"}"#,
    );
    folder.object("hyperty/Base64", hyperty("Base64", &json!({})), "Base64", None);
    folder.file(
        "hyperty/Base64/sourcePackage.json",
        r#"{"encoding":"base64","sourceCodeClassname":"Base64","sourceCode":"%%%"}"#,
    );
    folder.object("hyperty/Latin", hyperty("Latin", &json!({})), "Latin", None);
    fs::write(folder.path().join("hyperty/Latin/sourceCode.js"), b"\xff\xfe").unwrap();
    let schema = json!({"type": "x", "version": "1", "objectName": "S", "description": "", "language": ""});
    folder.object("dataschema/S", schema, "S", Some("no schema"));
    folder.file("hyperty/Empty/README", "no descriptor");
    folder.object("hyperty/default", hyperty("Any", &json!({})), "Any", Some("x"));
    folder.object("teapots/Any", hyperty("Any", &json!({})), "Any", Some("x"));

    let catalogue = folder.catalogue();
    assert_eq!(version(&catalogue, "Good").as_deref(), Some("0.1"), "{:#?}", catalogue.snapshot().flaws());
    for (name, _, why) in &rows {
        let said = flaw(&catalogue, &format!("hyperty/{name}")).unwrap_or_else(|| panic!("{name} is taken"));
        assert!(said.contains(why), "{name}: {said}");
    }
    for (place, why) in [
        ("hyperty/Twice", "`version` is there twice"),
        ("hyperty/Broken", "not a JSON object"),
        ("hyperty/Long", "is longer than is taken"),
        ("hyperty/Codeless", "put `sourcePackage.json` beside it"),
        ("hyperty/Classless", "`sourceCodeClassname` is \"\""),
        ("hyperty/Sourceless", "put it into a file `sourceCode.js`"),
        ("hyperty/Digest", "the code was changed or cut"),
        ("hyperty/Base64", "not base64"),
        ("hyperty/Latin", "not UTF-8"),
        ("dataschema/S", "which is a JSON object"),
        ("hyperty/Empty", "description.json is missing"),
        ("hyperty/default", "the default is configured"),
        ("teapots", "no type of objects"),
    ] {
        let said = flaw(&catalogue, place).unwrap_or_else(|| panic!("{place} is taken"));
        assert!(said.contains(why), "{place}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let (folder, outside) = (Folder::new(), Folder::new());
    outside.object("hyperty/Out", hyperty("Out", &json!({})), "Out", Some("secret"));
    folder.object("hyperty/In", hyperty("In", &json!({})), "In", None);
    symlink(outside.path().join("hyperty/Out/sourceCode.js"), folder.path().join("hyperty/In/sourceCode.js")).unwrap();
    symlink(outside.path().join("hyperty/Out"), folder.path().join("hyperty/Out")).unwrap();
    // Mounted configurations are made of links within the folder.
    folder.object("hyperty/Near", hyperty("Near", &json!({})), "Near", None);
    folder.file(".data/code", "near");
    symlink("../../.data/code", folder.path().join("hyperty/Near/sourceCode.js")).unwrap();
    let catalogue = folder.catalogue();
    for place in ["hyperty/In", "hyperty/Out"] {
        assert!(
            flaw(&catalogue, place).is_some_and(|why| why.contains("link out of the catalogue's folder")),
            "{place}"
        );
    }
    assert_eq!(version(&catalogue, "Near").as_deref(), Some("0.1"));
    assert_eq!(version(&catalogue, "Out"), None);
}

#[test]
fn there_is_a_bound_to_everything() {
    let folder = Folder::new();
    for number in 0..6 {
        folder.object(
            &format!("hyperty/H{number}"),
            hyperty(&format!("H{number}"), &json!({})),
            "H",
            Some("xxxxxxxxxx"),
        );
    }
    let few = Settings { limits: Limits { objects: 4, ..Limits::default() }, ..folder.settings() };
    let catalogue = Catalogue::new(few).unwrap();
    assert!(flaw(&catalogue, "hyperty/H5").is_some_and(|why| why.contains("more objects than are taken")));
    assert!(version(&catalogue, "H3").is_some() && version(&catalogue, "H5").is_none());
    let files = Files::new(
        hyperty("More", &json!({})).to_string(),
        Some(r#"{"sourceCodeClassname":"M"}"#.into()),
        Some("x".into()),
    );
    assert!(matches!(catalogue.put(Kind::Hyperty, "More", &files), Err(NoChange::Full)));

    let small = Settings { limits: Limits { total_bytes: 900, ..Limits::default() }, ..folder.settings() };
    let catalogue = Catalogue::new(small).unwrap();
    assert!(
        flaw(&catalogue, "hyperty/H5").is_some_and(|why| why.contains("all files together")),
        "{:?}",
        catalogue.snapshot().flaws()
    );
    assert!(version(&catalogue, "H0").is_some());

    let nowhere = Settings { folder: Some(folder.path().join("none")), ..Settings::of("d.test") };
    assert!(
        Catalogue::new(nowhere).unwrap_err().to_string().contains("create it, or take it out of the configuration")
    );
}

#[test]
fn changes_are_taken_when_nobody_writes_any_more() {
    let folder = Folder::full();
    let catalogue = folder.catalogue();
    let before = catalogue.snapshot();
    let cguid =
        |name: &str| catalogue.snapshot().lookup(Kind::Hyperty, name, None).map(|object| object.cguid().to_owned());
    let (echo, talk) = (cguid("Echo").unwrap(), cguid("Talk").unwrap());
    assert!(!catalogue.look().unwrap() && !catalogue.look().unwrap(), "nothing changed");

    // Half of it is written, then all of it: in between it looks different each time.
    folder.file("hyperty/New/description.json", "{\"half");
    assert!(!catalogue.look().unwrap(), "somebody may be writing");
    folder.object("hyperty/New", hyperty("New", &json!({})), "New", Some("var fresh;"));
    assert!(!catalogue.look().unwrap(), "somebody still may");
    assert_eq!(version(&catalogue, "New"), None);
    assert!(catalogue.look().unwrap());
    assert_eq!(version(&catalogue, "New").as_deref(), Some("0.1"));
    assert!(!catalogue.look().unwrap());
    assert!(before.lookup(Kind::Hyperty, "New", None).is_err(), "whoever holds a snapshot sees no change");

    // Only code: clients that have the descriptor see that it is another.
    folder.file("hyperty/Echo/sourceCode.js", "function activate() { return 'other'; }");
    assert!(!catalogue.look().unwrap() && catalogue.look().unwrap());
    assert_ne!(cguid("Echo").unwrap(), echo);
    assert_eq!(cguid("Talk").unwrap(), talk, "what did not change has the digest that it had");

    // What became bad is served as it was.
    folder.file("hyperty/Echo/description.json", "{");
    let echo = cguid("Echo").unwrap();
    assert!(!catalogue.look().unwrap() && catalogue.look().unwrap());
    assert_eq!(cguid("Echo").unwrap(), echo);
    let flaws = catalogue.snapshot().flaws().to_vec();
    assert!(flaws.iter().any(|flaw| flaw.place == "hyperty/Echo" && flaw.has_older), "{flaws:?}");

    // What is gone is gone.
    fs::remove_dir_all(folder.path().join("hyperty/Echo")).unwrap();
    assert!(!catalogue.look().unwrap() && catalogue.look().unwrap());
    assert!(cguid("Echo").is_err() && catalogue.snapshot().flaws().is_empty());
}

#[tokio::test]
async fn the_folder_is_watched() {
    let folder = Folder::full();
    let catalogue = folder.catalogue();
    let watch = tokio::spawn(Arc::clone(&catalogue).watch(Duration::from_millis(5)));
    folder.object("hyperty/New", hyperty("New", &json!({})), "New", Some("x"));
    let seen = async {
        while version(&catalogue, "New").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.expect("it is seen");
    watch.abort();
}

fn put_body(version: &str) -> String {
    let mut description = hyperty("Put", &json!({}));
    description["version"] = json!(version);
    json!({"description": description, "sourcePackage": {"sourceCodeClassname": "Put"}, "sourceCode": format!("var v = {version};")}).to_string()
}

#[tokio::test]
async fn nobody_changes_anything_unless_somebody_says_who_may() {
    let folder = Folder::full();
    let server = Server::new(Doors::new(folder.catalogue())).await;
    for method in ["PUT", "DELETE"] {
        let reply = server.ask(method, "/.well-known/hyperty/Echo", &[], &put_body("1")).await;
        assert_eq!(reply.status, 403, "{method}: {reply:?}");
        assert!(reply.body.contains("configure who may"), "{reply:?}");
    }
    assert_eq!(server.get("/.well-known/hyperty/Echo/version").await.body, "0.1");
}

#[tokio::test]
async fn objects_are_put_and_deleted_as_files() {
    let folder = Folder::full();
    let gate = Arc::new(|parts: &axum::http::request::Parts, change: Change<'_>| {
        match (parts.headers.get("authorization").and_then(|value| value.to_str().ok()), change) {
            (Some("Bearer operator"), _) => Verdict::Allowed,
            (Some("Bearer author"), Change::Put(Kind::Hyperty, "Put")) => Verdict::Allowed,
            (Some(_), _) => Verdict::Forbidden("Ask an operator.".to_owned()),
            (None, _) => Verdict::Unauthorised("Send a token.".to_owned()),
        }
    });
    let server = Server::new(Doors::new(folder.catalogue()).gate(gate)).await;
    let operator = [("Authorization", "Bearer operator")];
    let rows = [
        ("PUT", "/.well-known/hyperty/Put", None, put_body("1"), 401, "Send a token."),
        ("PUT", "/.well-known/hyperty/Put", Some("Bearer other"), put_body("1"), 403, "Ask an operator."),
        ("PUT", "/.well-known/hyperty/Put", Some("Bearer author"), put_body("1"), 204, ""),
        ("PUT", "/.well-known/hyperty/Put", Some("Bearer author"), put_body("2"), 204, ""),
        ("DELETE", "/.well-known/hyperty/Put", Some("Bearer author"), String::new(), 403, "Ask an operator."),
        ("PUT", "/.well-known/hyperty/Other", Some("Bearer operator"), put_body("1"), 400, "`objectName` is \"Put\""),
        ("PUT", "/.well-known/hyperty/Put", Some("Bearer operator"), "{}".to_owned(), 400, "description"),
        (
            "PUT",
            "/.well-known/hyperty/Put",
            Some("Bearer operator"),
            r#"{"description":{}}"#.to_owned(),
            422,
            "`hypertyType` is missing",
        ),
        ("PUT", "/.well-known/hyperty/..%2fPut", Some("Bearer operator"), put_body("1"), 400, "whole object"),
        ("PUT", "/.well-known/hyperty/%2ePut", Some("Bearer operator"), put_body("1"), 400, "not beginning with a dot"),
        ("PUT", "/.well-known/hyperty/default", Some("Bearer operator"), put_body("1"), 400, "not `default`"),
        ("PUT", "/.well-known/hyperty/Put/version", Some("Bearer operator"), put_body("1"), 400, "whole object"),
        (
            "PUT",
            "/.well-known/sourcepackage/Put",
            Some("Bearer operator"),
            put_body("1"),
            400,
            "put what they belong to",
        ),
        ("DELETE", "/.well-known/hyperty/None", Some("Bearer operator"), String::new(), 404, "no such object"),
    ];
    for (method, path, token, body, status, text) in rows {
        let headers: Vec<(&str, &str)> = token.map(|token| ("Authorization", token)).into_iter().collect();
        let reply = server.ask(method, path, &headers, &body).await;
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        assert!(reply.body.contains(text), "{method} {path}: {reply:?}");
    }
    assert_eq!(server.get("/.well-known/hyperty/Put/version").await.body, "2");
    assert_eq!(server.get("/.well-known/hyperty/Put/sourcePackage/sourceCode").await.body, "var v = 2;");
    let place = folder.path().join("hyperty/Put");
    assert_eq!(fs::read_to_string(place.join("sourceCode.js")).unwrap(), "var v = 2;");
    let left: Vec<_> =
        fs::read_dir(folder.path().join("hyperty")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "nothing half-written stays: {left:?}");
    assert_eq!(server.ask("DELETE", "/.well-known/hyperty/Put", &operator, "").await.status, 204);
    assert_eq!(server.get("/.well-known/hyperty/Put").await.status, 500);
    assert!(!place.exists());
}

#[test]
fn without_a_folder_nothing_is_put() {
    let catalogue = Catalogue::new(Settings::of("d.test")).unwrap();
    let files = Files::new("{}".to_owned(), None, None);
    assert!(matches!(catalogue.put(Kind::Hyperty, "X", &files), Err(NoChange::NoFolder)));
    assert!(matches!(catalogue.delete(Kind::Hyperty, "X"), Err(NoChange::NoFolder)));
}

#[test]
fn what_a_crash_left_is_swept() {
    let folder = Folder::full();
    let half = folder.path().join("hyperty/.colloquy-Echo-0123456789abcdef");
    fs::create_dir(&half).unwrap();
    let old = folder.path().join("hyperty/.colloquy-Talk-0123456789abcdef-old");
    fs::rename(folder.path().join("hyperty/Talk"), &old).unwrap();
    let catalogue = folder.catalogue();
    assert!(!half.exists() && !old.exists());
    assert!(version(&catalogue, "Talk").is_some() && version(&catalogue, "Echo").is_some());
}
