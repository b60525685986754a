//! Whole conversations, as original clients have them, played over each wire.
//!
//! A line of a corpus is `<client> > <message>` for what a client sends and `<client> < <message>` for what it must get next, as it was sent.
//! `<client> opens <runtime> at <domain>` begins a session; `<client> < .. as sent` is the message of the line before. Who is not named gets
//! nothing.

use crate::wire::client::{Client, Server, WIRES, Wire};
use serde_json::Value;
use std::collections::HashMap;

async fn play(corpus: &str, wire: Wire) {
    let mut servers: HashMap<String, Server> = HashMap::new();
    let mut clients: HashMap<String, Client> = HashMap::new();
    let mut sent = Value::Null;
    let mut lines = 0;
    for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        lines += 1;
        let mut words = line.splitn(3, ' ');
        let (name, verb, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        if verb == "opens" {
            let (runtime, domain) = rest.split_once(" at ").unwrap();
            if !servers.contains_key(domain) {
                servers.insert(domain.to_owned(), Server::start(domain).await);
            }
            clients.insert(name.to_owned(), Client::open(&servers[domain], wire, runtime).await);
            continue;
        }
        let client = clients.get_mut(name).unwrap();
        match (verb, rest) {
            (">", text) => {
                sent = serde_json::from_str(text).unwrap_or_else(|error| panic!("{line}: {error}"));
                client.send(&sent).await;
            }
            ("<", "as sent") => assert_eq!(client.get().await, sent, "{wire:?}: {line}"),
            ("<", text) => {
                let expected: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{line}: {error}"));
                let mut got = client.get().await;
                // NoMatrix says "OK" beside 200.
                if got["body"]["description"] == "OK" {
                    got["body"].as_object_mut().unwrap().remove("description");
                }
                assert_eq!(got, expected, "{wire:?}: {line}");
            }
            _ => panic!("{line}"),
        }
    }
    assert!(lines > 10, "the corpus is there");
    for client in clients.values_mut() {
        client.gets_nothing().await;
    }
    for server in servers.values() {
        let lost = server.hub.figures().counters.lost;
        assert_eq!(lost.iter().sum::<u64>(), 0, "{wire:?}: nothing was refused: {lost:?}");
    }
}

macro_rules! conversations {
    ($($name:ident: $file:literal,)*) => {$(
        #[tokio::test]
        async fn $name() {
            for wire in WIRES {
                play(include_str!(concat!("../corpus/", $file)), wire).await;
            }
        }
    )*};
}

conversations! {
    two_register_find_each_other_and_call: "call.txt",
    two_of_two_domains_call: "interdomain.txt",
    presence_and_a_hyperty_of_the_server: "presence.txt",
    a_group_talks: "group.txt",
    clients_of_2016_allocate: "allocation.txt",
}
