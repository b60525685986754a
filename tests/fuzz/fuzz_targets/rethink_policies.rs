#![no_main]

//! What reTHINK clients send, line by line, to a message node with the policies that come with the server, where nobody's identity can be verified: whatever
//! it is, no registration under an e-mail or a GUID gets to the registry.

use colloquy_hyperty_adapter::clock::Clock;
use colloquy_hyperty_adapter::node::{ComponentId, Dialect, Effect, Node, Settings};
use colloquy_hyperty_adapter::policy::{self, NoIdentities, Otherwise, Policies, Zone};
use std::path::PathBuf;
use std::time::Instant;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let now = Instant::now();
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/policies"));
    let settings = policy::Settings { folder, otherwise: Otherwise::Allow, zone: Zone::default() };
    let policies = Policies::open(settings, Box::new(NoIdentities), Clock::from_fn(|| 1_795_435_200_000)).unwrap();
    let mut node = Node::new(Settings::new("d"), Box::new(policies), [1; 32]);
    node.mount("domain://registry.d", ComponentId(0));
    let mallory = node.connect_as(now, Dialect::NoMatrix, None, "runtime://d/mallory").unwrap();
    for line in text.lines().take(64) {
        node.receive(now, mallory, &line.to_owned().into());
        for effect in node.drain() {
            let Effect::Hand { text, .. } = effect else { continue };
            // Another reader than the policies', which takes the last of several members.
            let message: serde_json::Value = serde_json::from_slice(&text).expect("what is handed is a message");
            let changes = ["create", "update", "delete"].iter().any(|verb| message["type"].as_str().is_some_and(|one| one.eq_ignore_ascii_case(verb)));
            let value = &message["body"]["value"];
            assert!(!changes || !(value["user"].is_string() || value["guid"].is_string()), "registered: {message}");
        }
    }
});
