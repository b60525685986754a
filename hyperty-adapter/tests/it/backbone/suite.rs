//! What holds for whichever way there is between nodes.

use super::ways::{NatsServer, Way};
use crate::node::world::{message, subscribe};
use crate::wire::client::{Client, Server, Wire};
use colloquy_hyperty_adapter::backbone::{InProcess, Nats};
use colloquy_hyperty_adapter::node::{GONE_AFTER, Loss, NodeId};
use serde_json::json;
use std::time::Instant;

/// Nodes of one domain that know each other.
struct Nodes<W: Way> {
    way: W,
    servers: Vec<Server>,
    members: Vec<W::Member>,
}

impl<W: Way> Nodes<W> {
    async fn start(count: usize) -> Self {
        let mut nodes = Self { way: W::start().await, servers: Vec::new(), members: Vec::new() };
        for _ in 0..count {
            nodes.add().await;
        }
        nodes.know(count - 1).await;
        nodes
    }

    async fn add(&mut self) {
        let server = Server::start("d").await;
        self.members.push(self.way.join(&server).await);
        self.servers.push(server);
    }

    async fn know(&self, others: usize) {
        for server in &self.servers {
            server.until(|figures| figures.size.nodes == others && figures.is_backbone_up).await;
        }
    }

    /// Waits until a node knows that so many addresses are elsewhere, and the registry, which each of these nodes has.
    async fn knows(&self, node: usize, addresses: usize) {
        let registry = |nodes: usize| usize::from(nodes > 0);
        let server = &self.servers[node];
        server.until(|figures| figures.size.remote_addresses == addresses + registry(figures.size.nodes)).await;
    }
}

async fn messages_and_subscriptions_cross<W: Way>() {
    let nodes = Nodes::<W>::start(3).await;
    let mut alice = Client::open(&nodes.servers[0], Wire::Vertx, "runtime://d/a").await;
    let mut bob = Client::open(&nodes.servers[1], Wire::SocketIo, "runtime://d/b").await;
    let mut carol = Client::open(&nodes.servers[2], Wire::NoMatrix, "runtime://d/c").await;
    for (client, name) in [(&mut bob, "b"), (&mut carol, "c")] {
        let own = format!("hyperty://d/{name}");
        assert_eq!(client.ask(&subscribe(name, &["comm://d/o/changes", &own])).await["body"]["code"], 200);
    }
    // Two runtimes, two hyperties, and what both hear.
    nodes.knows(0, 5).await;
    for number in 0..50 {
        let mut update = message("update", "comm://d/o", "comm://d/o/changes");
        update["body"] = json!(number);
        alice.send(&update).await;
        for observer in [&mut bob, &mut carol] {
            assert_eq!(observer.get().await["body"], number, "each once, and in order");
        }
    }
    // There and back.
    let question = message("create", "hyperty://d/alice", "runtime://d/b/x");
    alice.send(&question).await;
    assert_eq!(bob.get().await, question);
    // At once: whose it is was told before the question.
    let answer = message("response", "runtime://d/b/x", "hyperty://d/alice");
    bob.send(&answer).await;
    assert_eq!(alice.get().await, answer);
    // A megabyte is too much for a NATS server that nobody told otherwise; what is shorter passes.
    let mut long = question.clone();
    long["body"] = json!("x".repeat(700_000));
    alice.send(&long).await;
    assert_eq!(bob.get().await, long);
}

async fn an_address_has_one_owner<W: Way>() {
    let nodes = Nodes::<W>::start(2).await;
    let mut alice = Client::open(&nodes.servers[0], Wire::Vertx, "runtime://d/a").await;
    let mut mallory = Client::open(&nodes.servers[1], Wire::Vertx, "runtime://d/m").await;
    alice.ask(&subscribe("a", &["comm://d/o", "comm://d/o/subscription"])).await;
    nodes.knows(1, 3).await;
    let forged = mallory.ask(&message("create", "comm://d/o", "runtime://d/a/x")).await;
    assert_eq!((&forged["body"]["code"], &forged["from"]), (&json!(403), &json!("mn:/policies")));
    assert_eq!(mallory.ask(&subscribe("m", &["comm://d/o/subscription"])).await["body"]["code"], 403);
    alice.gets_nothing().await;
    // When its owner is gone it is nobody's.
    alice.send(&json!({"id": 9, "type": "close", "from": "runtime://d/a", "to": "mn:/session"})).await;
    nodes.knows(1, 0).await;
    assert_eq!(mallory.ask(&subscribe("m", &["comm://d/o/subscription"])).await["body"]["code"], 200);
}

async fn nodes_come_and_go<W: Way>() {
    let mut nodes = Nodes::<W>::start(2).await;
    let mut alice = Client::open(&nodes.servers[0], Wire::Vertx, "runtime://d/a").await;
    let mut bob = Client::open(&nodes.servers[1], Wire::Vertx, "runtime://d/b").await;
    nodes.add().await;
    nodes.know(2).await;
    nodes.knows(2, 2).await;
    let mut carol = Client::open(&nodes.servers[2], Wire::Vertx, "runtime://d/c").await;
    carol.send(&message("ping", "hyperty://d/c", "runtime://d/a/x")).await;
    assert_eq!(alice.get().await["from"], "hyperty://d/c");
    // It says that it goes.
    let member = nodes.members.pop().unwrap();
    nodes.way.leave(&nodes.servers[2], member).await;
    nodes.knows(0, 1).await;
    assert_eq!(alice.ask(&message("create", "hyperty://d/a", "runtime://d/c/x")).await["body"]["code"], 404);
    // One that says nothing is found out.
    drop(nodes.members.pop());
    let start = Instant::now();
    nodes.knows(0, 0).await;
    assert!(start.elapsed() < GONE_AFTER * 2, "{:?}", start.elapsed());
    assert_eq!(nodes.servers[0].hub.figures().counters.nodes_lost, 1);
    bob.gets_nothing().await;
}

async fn without_the_way_each_node_goes_on_alone<W: Way>() {
    let nodes = Nodes::<W>::start(2).await;
    let mut alice = Client::open(&nodes.servers[0], Wire::Vertx, "runtime://d/a").await;
    let mut other = Client::open(&nodes.servers[0], Wire::Vertx, "runtime://d/o").await;
    let mut bob = Client::open(&nodes.servers[1], Wire::Vertx, "runtime://d/b").await;
    nodes.knows(0, 1).await;
    nodes.way.cut().await;
    nodes.servers[0].until(|figures| !figures.is_backbone_up).await;
    // Locally nothing changed.
    alice.send(&message("ping", "hyperty://d/a", "runtime://d/o/x")).await;
    assert_eq!(other.get().await["from"], "hyperty://d/a");
    // What is for the other node is lost, and counted.
    alice.send(&message("ping", "hyperty://d/a", "runtime://d/b/x")).await;
    nodes.servers[0].until(|figures| figures.counters.lost(Loss::Backbone) == 1).await;
    nodes.knows(0, 0).await;
    assert_eq!(alice.ask(&message("create", "hyperty://d/a", "runtime://d/b/x")).await["body"]["code"], 404);
    // Meanwhile both go on.
    bob.ask(&subscribe("b", &["comm://d/new/changes"])).await;
    nodes.way.mend().await;
    nodes.knows(0, 2).await;
    alice.send(&message("update", "hyperty://d/a", "comm://d/new/changes")).await;
    assert_eq!(bob.get().await["to"], "comm://d/new/changes", "and nothing old");
}

/// The same for each way.
macro_rules! suite {
    ($way:ident: $kind:ty) => {
        mod $way {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn messages_and_subscriptions_cross() {
                super::messages_and_subscriptions_cross::<$kind>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_address_has_one_owner() {
                super::an_address_has_one_owner::<$kind>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn nodes_come_and_go() {
                super::nodes_come_and_go::<$kind>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn without_the_way_each_node_goes_on_alone() {
                super::without_the_way_each_node_goes_on_alone::<$kind>().await;
            }
        }
    };
}

suite!(in_process: InProcess);
suite!(nats: NatsServer);

#[tokio::test]
async fn a_server_that_is_not_there_yet_keeps_nobody_from_starting() {
    let server = Server::start("d").await;
    let _member = Nats::join(&server.hub, NodeId(1), "nats://127.0.0.1:9").await.unwrap();
    let mut alice = Client::open(&server, Wire::Vertx, "runtime://d/a").await;
    let ping = message("ping", "hyperty://d/a", "runtime://d/a/x");
    assert_eq!(alice.ask(&ping).await, ping);
    assert!(!server.hub.figures().is_backbone_up);
    let bad = Nats::join(&server.hub, NodeId(1), "http://user:secret@x").await.unwrap_err().to_string();
    assert!(bad.contains("nats://nats.example.com:4222") && !bad.contains("secret"), "{bad}");
}
