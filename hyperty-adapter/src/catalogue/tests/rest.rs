//! Each row of the catalogue's REST, good and bad, over a loopback socket.

use super::support::{Folder, Server};
use crate::catalogue::http::Doors;
use crate::catalogue::{Catalogue, Defaults, Kind, Settings};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;

async fn serve(folder: &Folder) -> Server {
    let defaults = Defaults::from([
        (Kind::Hyperty, vec!["Gone".to_owned(), "Talk".to_owned()]),
        (Kind::Schema, vec!["Gone".to_owned()]),
    ]);
    let settings = Settings { defaults, ..folder.settings() };
    Server::new(Doors::new(Arc::new(Catalogue::new(settings).unwrap()))).await
}

const CODE: &str = "function activate() { return 'äöü'; }";

#[tokio::test]
async fn what_is_there_is_got() {
    let folder = Folder::full();
    let server = serve(&folder).await;
    let types = json!([
        "database",
        "dataschema",
        "hyperty",
        "idp-proxy",
        "protocolstub",
        "restart",
        "runtime",
        "sourcepackage"
    ]);
    let rows = [
        ("/.well-known", types.to_string()),
        ("/.well-known/", types.to_string()),
        ("/.well-known/hyperty/Echo/objectName", "Echo".to_owned()),
        ("/.well-known/hyperty/Echo/version", "0.1".to_owned()),
        ("/.well-known/hyperty/Echo/description", "A hyperty".to_owned()),
        ("/.well-known/hyperty/Echo/hypertyType", r#"["audio","video"]"#.to_owned()),
        ("/.well-known/hyperty/Echo/configuration", r#"{"deep":[1,2]}"#.to_owned()),
        ("/.well-known/hyperty/Echo/signature", String::new()),
        (
            "/.well-known/hyperty/Echo/sourcePackageURL",
            "hyperty-catalogue://catalogue.d.test/.well-known/sourcepackage/EchoHyperty".to_owned(),
        ),
        ("/.well-known/hyperty/Echo/sourcePackage/sourceCode", CODE.to_owned()),
        ("/.well-known/hyperty/Echo/sourcePackage/encoding", "UTF-8".to_owned()),
        ("/.well-known/sourcepackage/EchoHyperty/sourceCode", CODE.to_owned()),
        ("/.well-known/sourcepackage/EchoHyperty/sourceCodeClassname", "EchoHyperty".to_owned()),
        ("/.well-known/hyperty/default/objectName", "Talk".to_owned()),
        ("/.well-known/hyperty/Talk/constraints", r#"{"browser":true}"#.to_owned()),
        ("/.well-known/protocolstub/Stub/interworking", "false".to_owned()),
        ("/.well-known/protocolstub/Stub/description", "Of d.test".to_owned()),
        ("/.well-known/protocolstub/Stub/configuration", r#"{"url":"wss://msg-node.d.test/ws"}"#.to_owned()),
        ("/.well-known/protocolstub/Stub/sourcePackage/sourceCode", "dmFyIGE7".to_owned()),
        ("/.well-known/idp-proxy/d.test/version", "2".to_owned()),
        ("/.well-known/idp-proxy/d%2Etest/version", "2".to_owned()),
        ("/.well-known/idp-proxy/default/objectName", "d.test".to_owned()),
        ("/.well-known/dataschema/Thing/sourcePackage/sourceCode", r#"{"type":"object"}"#.to_owned()),
        ("/.well-known/runtime/Far/sourcePackageURL", "https://elsewhere.test/x".to_owned()),
        ("/.well-known/database", r#"["colloquy"]"#.to_owned()),
    ];
    for (path, expected) in rows {
        let reply = server.get(path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, expected.as_str()), "{path}");
        assert_eq!(reply.header("content-type"), "application/json", "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(reply.header("cache-control"), "no-cache", "{path}");
    }
}

#[tokio::test]
async fn lists_have_all_names() {
    let folder = Folder::full();
    let server = serve(&folder).await;
    // What comes with the server is there too, where it was built.
    for (kind, some) in [
        ("hyperty", "Echo"),
        ("hyperty", "Talk"),
        ("dataschema", "Thing"),
        ("protocolstub", "Stub"),
        ("runtime", "Far"),
    ] {
        let names = server.get(&format!("/.well-known/{kind}")).await.json();
        let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(names.contains(&some), "{kind}: {names:?}");
        assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]), "{kind}: {names:?}");
    }
    let packages = server.get("/.well-known/sourcepackage").await.json();
    let packages: Vec<&str> = packages.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(
        packages.iter().filter(|name| name.starts_with("Talk")).count(),
        3,
        "its class, and two that are told apart: {packages:?}"
    );
}

#[tokio::test]
async fn descriptors_and_packages_are_whole() {
    let folder = Folder::full();
    let server = serve(&folder).await;
    let reply = server.get("/.well-known/hyperty/Echo").await;
    let mut descriptor = reply.json();
    let cguid = descriptor["cguid"].take();
    assert_eq!(cguid.as_str().unwrap().len(), 32, "MD5 in hexadecimal digits");
    assert_eq!(server.get("/.well-known/hyperty/Echo/cguid").await.body, cguid.as_str().unwrap());
    let expected = json!({"cguid": null, "version": "0.1", "objectName": "Echo", "description": "A hyperty", "language": "Javascript ECMA6",
        "hypertyType": ["audio", "video"], "dataObjects": [], "constraints": {}, "configuration": {"deep": [1, 2]}, "signature": "",
        "sourcePackageURL": "hyperty-catalogue://catalogue.d.test/.well-known/sourcepackage/EchoHyperty"});
    assert_eq!(descriptor, expected, "what is no field of hyperties is not served");
    let author = std::fs::read_to_string(folder.path().join("hyperty/Echo/description.json")).unwrap();
    let mut names = ["constraints", "dataObjects", "version"];
    names.sort_by_key(|name| author.find(name).unwrap());
    let order: Vec<usize> = names.iter().map(|name| reply.body.find(name).unwrap()).collect();
    assert!(order.is_sorted(), "fields stand in the order of their author: {}", reply.body);

    let expected = json!({"encoding": "UTF-8", "sourceCodeClassname": "EchoHyperty", "sourceCode": CODE, "signature": "",
        "md5": crate::catalogue::integrity::md5_hex(CODE.as_bytes())});
    for path in ["/.well-known/sourcepackage/EchoHyperty", "/.well-known/hyperty/Echo/sourcePackage"] {
        assert_eq!(server.get(path).await.json(), expected, "{path}");
    }
    let stub = server.get("/.well-known/protocolstub/Stub/sourcePackage").await.json();
    assert_eq!((&stub["encoding"], &stub["sourceCode"]), (&json!("base64"), &json!("dmFyIGE7")));
}

#[tokio::test]
async fn what_is_not_there_is_refused_as_originals_do() {
    let folder = Folder::full();
    let server = serve(&folder).await;
    let rows = [
        ("/.well-known/hyperty/None", 500, "Could not find instance: None"),
        ("/.well-known/hyperty/None/version", 500, "Could not find instance: None"),
        (
            "/.well-known/hyperty/Echo/nothing",
            500,
            "invalid resource name 'nothing'. Please use one of the following: [",
        ),
        ("/.well-known/hyperty/None/nothing", 500, "invalid resource name 'nothing'"),
        ("/.well-known/hyperty/Echo/type", 500, "invalid resource name 'type'"),
        ("/.well-known/hyperty/Echo/made", 500, "invalid resource name 'made'"),
        ("/.well-known/hyperty/Echo/version/x", 500, "invalid resource name 'version/x'"),
        ("/.well-known/hyperty/Echo/sourcePackage/x", 500, "invalid resource name 'x'"),
        ("/.well-known/hyperty/Echo/policies", 404, "hyperty/Echo has no policies"),
        ("/.well-known/runtime/Far/sourcePackage", 404, "code elsewhere"),
        ("/.well-known/dataschema/default", 500, "No instance defined as default for type 'dataschema'"),
        ("/.well-known/sourcepackage/default", 500, "Could not find instance: default"),
        ("/.well-known/sourcepackage/None", 500, "Could not find instance: None"),
        ("/.well-known/sourcepackage/Stub/x", 500, "invalid resource name 'x'"),
        ("/.well-known/teapot", 500, "Unknown object type 'teapot', please use one of: [hyperty, "),
        ("/.well-known/teapot/x", 400, "Unknown object type, please use one of: [hyperty, "),
        ("/.well-known/database/x", 404, "Database x not found"),
        ("/.well-known/restart", 403, "by themselves"),
        ("/.well-known/hyperty/..%2f..%2fetc%2fpasswd", 500, "invalid resource name '../etc/passwd'"),
        ("/.well-known/hyperty/%2e%2e", 500, "Could not find instance: .."),
        ("/.well-known/hyperty/%ff", 400, "not UTF-8"),
    ];
    for (path, status, text) in rows {
        let reply = server.get(path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        assert!(reply.body.contains(text), "{path}: {}", reply.body);
        assert!(
            serde_json::from_str::<Value>(&reply.body).is_err(),
            "clients take for failure what is no JSON: {}",
            reply.body
        );
        assert!(reply.header("content-type").starts_with("text/plain"), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
    }
    let reply = server.ask("PATCH", "/.well-known/hyperty/Echo", &[], "").await;
    assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD, POST, PUT, DELETE, OPTIONS"));
    let reply = server.ask("GET", "/.well-known/hyperty/Echo", &[("Host", "a\"b")], "").await;
    assert_eq!(reply.status, 400, "{reply:?}");
}

#[tokio::test]
async fn what_is_posted_chooses() {
    let folder = Folder::full();
    let server = serve(&folder).await;
    let browser = r#"{"constraints":{"browser":true,"mic":true,"onlyAccessToken":true}}"#;
    let node = r#"{"constraints":{"node":true,"browser":false}}"#;
    let rows = [
        ("/.well-known/hyperty/Talk/sourcePackage/sourceCode", browser, 200, "var talk;"),
        ("/.well-known/hyperty/Talk/sourcePackage/sourceCode", node, 200, "var talkOnNode;"),
        ("/.well-known/hyperty/default/constraints", node, 200, r#"{"node":true}"#),
        ("/.well-known/hyperty/Talk/constraints", "", 200, r#"{"browser":true}"#),
        ("/.well-known/hyperty/Talk/constraints", "{}", 200, r#"{"browser":true}"#),
        (
            "/.well-known/hyperty/Talk",
            r#"{"constraints":{}}"#,
            500,
            "Unable to find instance named Talk that matches constraints",
        ),
        ("/.well-known/hyperty/None", browser, 500, "Could not find instance: None"),
        ("/.well-known/hyperty/Talk/version", r#"{"hypertyType":["video","audio","chat"],"version":0.1}"#, 200, "0.1"),
        ("/.well-known/hyperty/Talk/version", r#"{"hypertyType":["video"]}"#, 500, "Unable to find instance"),
        ("/.well-known/hyperty/Talk/version", r#"{"colour":"red"}"#, 500, "Unable to find instance"),
        // One that says nothing of constraints is for everybody.
        ("/.well-known/idp-proxy/d.test/version", browser, 200, "2"),
        ("/.well-known/dataschema/Thing/objectName", browser, 200, "Thing"),
        (
            "/.well-known/hyperty",
            r#"{"hypertyType":["audio"]}"#,
            500,
            "No hyperty instance found that meets the constraints",
        ),
        ("/.well-known/hyperty", r#"{"objectName":"Talk"}"#, 200, r#"["Talk"]"#),
        ("/.well-known/sourcepackage", r#"{"sourceCodeClassname":"Thing"}"#, 200, r#"["Thing"]"#),
        (
            "/.well-known/sourcepackage/Thing/encoding",
            r#"{"encoding":"base64"}"#,
            500,
            "Unable to find instance named Thing",
        ),
        ("/.well-known/hyperty/Talk", "[]", 500, "Unable to handle request"),
        ("/.well-known/hyperty/Talk", "{", 500, "Unable to handle request"),
    ];
    for (path, posted, status, text) in rows {
        let reply = server.post(path, posted).await;
        assert_eq!(reply.status, status, "{path} {posted}: {}", reply.body);
        let is_so = if status == 200 { reply.body == text } else { reply.body.contains(text) };
        assert!(is_so, "{path} {posted}: {}", reply.body);
    }
    let reply = server.post("/.well-known/hyperty/Talk", &format!(r#"{{"x":"{}"}}"#, "y".repeat(20_000))).await;
    assert_eq!(reply.status, 413);
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(server.post("/.well-known/hyperty/Talk", &deep).await.status, 500, "no stack is overflowed");
}

#[tokio::test]
async fn urls_are_of_the_host_that_the_client_knows() {
    let folder = Folder::full();
    let server = serve(&folder).await;
    let path = "/.well-known/hyperty/Echo/sourcePackageURL";
    let rows: [(&[(&str, &str)], &str); 4] = [
        (&[("Host", "127.0.0.1:8080")], "127.0.0.1:8080"),
        (&[("Host", "[::1]:8080")], "[::1]:8080"),
        (&[("X-Forwarded-Host", "catalogue.example.com")], "catalogue.example.com"),
        (&[("X-Forwarded-Host", "catalogue.example.com, inner")], "catalogue.example.com"),
    ];
    for (headers, host) in rows {
        let reply = server.ask("GET", path, headers, "").await;
        assert_eq!(reply.body, format!("hyperty-catalogue://{host}/.well-known/sourcepackage/EchoHyperty"));
        assert!(reply.header("vary").contains("x-forwarded-host"), "{reply:?}");
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let folder = Folder::full();
    let server = serve(&folder).await;
    for path in [
        "/.well-known/hyperty/Echo",
        "/.well-known/hyperty/Echo/cguid",
        "/.well-known/sourcepackage/EchoHyperty",
        "/.well-known/hyperty",
    ] {
        let first = server.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 10, "{path}: {tag}");
        let again = server.ask("GET", path, &[("If-None-Match", &format!("\"other\", W/{tag}"))], "").await;
        assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", tag.as_str()), "{path}");
        let other = server.ask("GET", path, &[("If-None-Match", "\"other\"")], "").await;
        assert_eq!((other.status, other.body), (200, first.body), "{path}");
        let head = server.ask("HEAD", path, &[], "").await;
        assert_eq!((head.status, head.body.as_str(), head.header("etag")), (200, "", tag.as_str()), "{path}");
    }
}

#[tokio::test]
async fn pages_of_anywhere_may_ask_and_may_not_change() {
    let folder = Folder::full();
    let server = serve(&folder).await;
    let headers = [
        ("Origin", "https://a.test"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let reply = server.ask("OPTIONS", "/.well-known/hyperty/Echo", &headers, "").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, "*"));
    let methods = reply.header("access-control-allow-methods");
    assert!(methods.contains("POST") && !methods.contains("PUT") && !methods.contains("DELETE"), "{methods}");
}

#[tokio::test]
async fn others_have_their_paths_beside_it() {
    let folder = Folder::full();
    let proxy = json!({"version": "1", "objectName": "own", "description": "x", "language": "javascript"});
    folder.object("idp-proxy/own", proxy, "Own", Some("x"));
    let others = Router::new()
        .route("/", get(|| async { "page" }))
        .route("/.well-known/openid-configuration", get(|| async { "oidc" }))
        .route("/.well-known/idp-proxy/{protocol}", get(|| async { "of WebRTC" }));
    let server = Server::beside(Doors::new(folder.catalogue()), others, &["colloquy", "default", "own"]).await;
    let rows = [
        ("GET", "/", 200, "page"),
        ("GET", "/.well-known/openid-configuration", 200, "oidc"),
        ("GET", "/.well-known/webfinger", 404, ""),
        ("GET", "/.well-known/hypertyx", 404, ""),
        ("GET", "/.well-known/hyperty/Echo/version", 200, "0.1"),
        ("GET", "/.well-known/hyperty", 200, "Echo"),
        ("GET", "/.well-known/sourcepackage/EchoHyperty/sourceCode", 200, CODE),
        // Browsers look for protocols, runtimes for domains, and both for `default`.
        ("GET", "/.well-known/idp-proxy/colloquy", 200, "of WebRTC"),
        ("HEAD", "/.well-known/idp-proxy/colloquy", 200, ""),
        ("GET", "/.well-known/idp-proxy/default", 200, "of WebRTC"),
        ("POST", "/.well-known/idp-proxy/default", 200, "d.test"),
        ("POST", "/.well-known/idp-proxy/default/version", 200, "2"),
        ("GET", "/.well-known/idp-proxy/default/version", 200, "2"),
        ("GET", "/.well-known/idp-proxy/d.test/objectName", 200, "d.test"),
        ("GET", "/.well-known/idp-proxy/d.test", 200, "d.test"),
        ("GET", "/.well-known/idp-proxy/own", 200, "objectName"),
        ("GET", "/.well-known/idp-proxy/none", 500, "Could not find instance: none"),
        ("GET", "/.well-known/idp-proxy", 200, "d.test"),
        ("POST", "/.well-known/idp-proxy/", 200, "d.test"),
    ];
    for (method, path, status, text) in rows {
        let reply = server.ask(method, path, &[], "").await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
        assert!(reply.body.contains(text), "{method} {path}: {}", reply.body);
    }
}
