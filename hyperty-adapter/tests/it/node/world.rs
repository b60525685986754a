//! A node, and clients that keep what they get.

use bytes::Bytes;
use colloquy_hyperty_adapter::node::{
    Asker, CloseReason, ComponentId, ConnectionId, Dialect, Effect, Flow, Gate, Loss, Node, Open, Settings, To,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

pub(crate) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(crate) const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

pub(crate) struct World {
    pub(crate) node: Node,
    pub(crate) now: Instant,
    inboxes: HashMap<ConnectionId, Vec<Bytes>>,
    pub(crate) closed: HashMap<ConnectionId, CloseReason>,
    pub(crate) handed: Vec<(ComponentId, Asker, Value)>,
    /// What other nodes are told.
    pub(crate) told: Vec<(To, Bytes)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new("d");
        change(&mut settings);
        Self::gated(settings, Open)
    }

    pub(crate) fn gated(settings: Settings, gate: impl Gate + 'static) -> Self {
        let node = Node::new(settings, Box::new(gate), [1; 32]);
        let (inboxes, closed, handed, told) = (HashMap::new(), HashMap::new(), Vec::new(), Vec::new());
        Self { node, now: Instant::now(), inboxes, closed, handed, told }
    }

    pub(crate) fn drain(&mut self) {
        for effect in self.node.drain() {
            match effect {
                Effect::Send { to, text } => self.inboxes.entry(to).or_default().push(text),
                Effect::Close { connection, why } => drop(self.closed.insert(connection, why)),
                Effect::Hand { component, asker, text } => {
                    self.handed.push((component, asker, serde_json::from_slice(&text).unwrap()));
                }
                Effect::Tell { to, frame } => self.told.push((to, frame)),
            }
        }
    }

    pub(crate) fn connect(&mut self, dialect: Dialect) -> ConnectionId {
        let connection = self.node.connect(self.now, dialect, Some(HOME)).unwrap();
        self.drain();
        connection
    }

    /// A session of `runtime://d/<name>`.
    pub(crate) fn open(&mut self, name: &str) -> ConnectionId {
        self.open_as(Dialect::Vertx, &format!("runtime://d/{name}"))
    }

    pub(crate) fn open_as(&mut self, dialect: Dialect, runtime: &str) -> ConnectionId {
        let connection = self.connect(dialect);
        let answer = self.ask(connection, &json!({"id": 1, "type": "open", "from": runtime, "to": "mn:/session"}));
        assert_eq!(answer["body"]["code"], 200, "{answer}");
        connection
    }

    pub(crate) fn send(&mut self, from: ConnectionId, message: &Value) -> Flow {
        self.send_text(from, &message.to_string())
    }

    pub(crate) fn send_text(&mut self, from: ConnectionId, text: &str) -> Flow {
        let flow = self.node.receive(self.now, from, &Bytes::copy_from_slice(text.as_bytes()));
        self.drain();
        flow
    }

    /// Sends, and gives the one answer.
    pub(crate) fn ask(&mut self, from: ConnectionId, message: &Value) -> Value {
        let before = self.got(from).len();
        assert_eq!(before, 0, "nothing came that nobody looked at");
        self.send(from, message);
        let mut got = self.got(from);
        assert_eq!(got.len(), 1, "one answer to {message}: {got:?}");
        got.remove(0)
    }

    /// The code of the answer.
    pub(crate) fn code(&mut self, from: ConnectionId, message: &Value) -> u64 {
        let answer = self.ask(from, message);
        assert_eq!(
            (&answer["id"], &answer["to"], &answer["type"]),
            (&message["id"], &message["from"], &json!("response"))
        );
        answer["body"]["code"].as_u64().unwrap()
    }

    pub(crate) fn texts(&mut self, of: ConnectionId) -> Vec<Bytes> {
        self.inboxes.remove(&of).unwrap_or_default()
    }

    /// What came since it was last asked.
    pub(crate) fn got(&mut self, of: ConnectionId) -> Vec<Value> {
        self.texts(of).iter().map(|text| serde_json::from_slice(text).unwrap()).collect()
    }

    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        let unsent = self.texts(connection);
        self.node.disconnected(self.now, connection, unsent);
        self.drain();
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.node.handle_timeout(self.now);
        self.drain();
    }

    pub(crate) fn lost(&self, why: Loss) -> u64 {
        self.node.counters().lost(why)
    }
}

pub(crate) fn subscribe(runtime: &str, resources: &[&str]) -> Value {
    json!({"id": 10, "type": "subscribe", "from": format!("runtime://d/{runtime}/sm"), "to": "domain://msg-node.d/sm",
        "body": {"resources": resources}})
}

pub(crate) fn unsubscribe(runtime: &str, resources: &[&str]) -> Value {
    let mut message = subscribe(runtime, resources);
    message["type"] = json!("unsubscribe");
    message
}

pub(crate) fn message(verb: &str, from: &str, to: &str) -> Value {
    json!({"id": 7, "type": verb, "from": from, "to": to, "body": {"value": "x", "via": "y"}, "unknown": [1, {"z": null}]})
}
