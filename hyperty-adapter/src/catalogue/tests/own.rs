//! What comes with this server. Where the objects were not built (`make web`), there is nothing to be tested.

use super::support::{Folder, Server, hyperty};
use crate::catalogue::http::Doors;
use crate::catalogue::{Catalogue, Kind, Origin, Places, Settings};
use serde_json::{Value, json};
use std::sync::Arc;

fn own() -> Option<Catalogue> {
    let places = Places { node: "wss://d.test:8443/ws".to_owned(), ..Places::of("d.test") };
    let catalogue = Catalogue::new(Settings { places, ..Settings::of("d.test") }).unwrap();
    assert_eq!(catalogue.snapshot().flaws(), [], "what we give away is good");
    (!catalogue.snapshot().is_empty()).then_some(catalogue)
}

#[tokio::test]
async fn a_runtime_finds_all_that_it_looks_for() {
    let Some(catalogue) = own() else { return };
    let server = Server::new(Doors::new(Arc::new(catalogue))).await;
    let posted = r#"{"constraints":{"browser":true,"windowSandbox":true,"onlyAccessToken":true}}"#;
    let schema = "hyperty-catalogue://catalogue.d.test/.well-known/dataschema/Connection";
    let rows = [
        ("protocolstub/default", "configuration", json!({"url": "wss://d.test:8443/ws"})),
        ("idp-proxy/default", "objectName", json!("d.test")),
        ("idp-proxy/d.test", "configuration", json!({"domain": "d.test", "provider": "https://d.test"})),
        ("runtime/Runtime", "runtimeType", json!("browser")),
        ("hyperty/Connector", "dataObjects", json!([schema])),
        ("hyperty/GroupChatManager", "hypertyType", json!(["chat"])),
        ("hyperty/UserAvailabilityReporter", "hypertyType", json!(["availability_context"])),
        ("hyperty/UserAvailabilityObserver", "dataObjects", json!([])),
        ("dataschema/Connection", "objectName", json!("Connection")),
        ("dataschema/Communication", "objectName", json!("Communication")),
        ("dataschema/Context", "objectName", json!("Context")),
    ];
    for (path, field, expected) in rows {
        // As runtimes of 2018 do: two probes, the descriptor, and then the code where it says.
        let path = format!("/.well-known/{path}");
        let cguid = server.post(&format!("{path}/cguid"), posted).await.body;
        assert_eq!(server.post(&format!("{path}/version"), posted).await.body, "1.0", "{path}");
        let descriptor = server.post(&path, posted).await.json();
        assert_eq!((&descriptor["cguid"], &descriptor[field]), (&json!(cguid), &expected), "{path}");
        let url = descriptor["sourcePackageURL"]
            .as_str()
            .and_then(|url| url.strip_prefix("hyperty-catalogue://catalogue.d.test"));
        let package = server.get(url.expect("the code is here")).await.json();
        let code = package["sourceCode"].as_str().unwrap();
        assert_eq!(package["md5"], json!(crate::catalogue::integrity::md5_hex(code.as_bytes())), "{path}");
        if path.contains("dataschema") {
            let schema: Value = serde_json::from_str(code).unwrap();
            let scheme = &schema["properties"]["scheme"]["constant"];
            assert!(["connection", "comm", "context"].iter().any(|known| scheme == known), "{path}: {scheme}");
        } else {
            let global = if path.contains("runtime") { "var Runtime" } else { "var activate" };
            assert!(code.starts_with(global), "{path}: {}", &code[..40]);
        }
    }
}

#[test]
fn an_object_of_the_operator_hides_ours_and_gives_it_back() {
    let Some(ours) = own() else { return };
    let folder = Folder::new();
    folder.object("hyperty/Ours", hyperty("Connector", &json!({})), "Other", Some("var other;"));
    let catalogue = folder.catalogue();
    let origin =
        |catalogue: &Catalogue| catalogue.snapshot().lookup(Kind::Hyperty, "Connector", None).unwrap().origin();
    assert_eq!((origin(&ours), origin(&catalogue)), (Origin::BuiltIn, Origin::Folder));
    catalogue.delete(Kind::Hyperty, "Ours").unwrap();
    assert_eq!(origin(&catalogue), Origin::BuiltIn);
}
