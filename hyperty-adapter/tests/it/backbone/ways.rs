//! The ways: within this process, and over a NATS server of our own.

use crate::wire::client::{SOON, Server};
use colloquy_hyperty_adapter::backbone::{InProcess, Nats};
use colloquy_hyperty_adapter::node::NodeId;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A way between nodes, as the suite sees it.
pub(super) trait Way {
    /// What a node is a member by: dropped, it is one no longer.
    type Member;
    async fn start() -> Self;
    async fn join(&self, server: &Server) -> Self::Member;
    /// It goes, and says so.
    async fn leave(&self, server: &Server, member: Self::Member);
    /// Nothing gets through any more.
    async fn cut(&self);
    /// It does again.
    async fn mend(&self);
}

fn id() -> NodeId {
    NodeId(rand::random())
}

impl Way for InProcess {
    type Member = Member;

    async fn start() -> Self {
        Self::default()
    }

    async fn join(&self, server: &Server) -> Member {
        Member(InProcess::join(self, &server.hub, id()))
    }

    async fn leave(&self, server: &Server, member: Member) {
        server.hub.leave();
        drop(member);
    }

    async fn cut(&self) {
        InProcess::cut(self, true);
    }

    async fn mend(&self) {
        InProcess::cut(self, false);
    }
}

pub(super) struct Member(JoinHandle<()>);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A NATS server, ended with the test.
pub(super) struct NatsServer {
    port: u16,
    child: Mutex<Child>,
}

impl NatsServer {
    fn spawn(port: u16) -> Child {
        let command = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        command.expect("nats-server runs: scripts/setup.sh test installs it")
    }

    async fn listens(&self) {
        let start = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(start.elapsed() < SOON, "nats-server does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn end(&self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Way for NatsServer {
    type Member = Nats;

    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { port, child: Mutex::new(Self::spawn(port)) };
        server.listens().await;
        server
    }

    async fn join(&self, server: &Server) -> Nats {
        Nats::join(&server.hub, id(), &format!("nats://127.0.0.1:{}", self.port)).await.unwrap()
    }

    async fn leave(&self, _: &Server, member: Nats) {
        member.leave().await;
    }

    async fn cut(&self) {
        self.end();
    }

    async fn mend(&self) {
        *self.child.lock().unwrap() = Self::spawn(self.port);
        self.listens().await;
    }
}
