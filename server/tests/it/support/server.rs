//! A running server.

use super::command;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything of a server may take in a test on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of its own ports, ended with the test.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    port: u16,
    /// What it said until it was ready.
    pub(crate) said: String,
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Server {
    /// Starts a server on `port`, media on the ports above, and waits until it is ready.
    pub(crate) fn start(port: u16, variables: &[(&str, &str)]) -> Self {
        Self::start_logged(port, variables, Stdio::inherit())
    }

    /// The same, with its log where it is wanted.
    pub(crate) fn start_logged(port: u16, variables: &[(&str, &str)], log: Stdio) -> Self {
        let mut child = command()
            .arg("serve")
            .env("COLLOQUY__HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .env("COLLOQUY__MEDIA__PORT", (port + 1).to_string())
            .env("COLLOQUY__MEDIA__WORKERS", "1")
            .env("COLLOQUY__LOG__LEVEL", "warn")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        let (sender, lines) = channel();
        let out = child.stdout.take().expect("it is piped");
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut server = Self { child, lines, port, said: String::new() };
        while !server.said.contains("Media is forwarded") {
            let line = server.lines.recv_timeout(PATIENCE).expect("it becomes ready");
            server.said.push_str(&line);
            server.said.push('\n');
        }
        server
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        self.request(&format!("GET {path}"), headers, "")
    }

    /// Asks by another host name.
    pub(crate) fn get_at(&self, host: &str, path: &str) -> Answer {
        self.request_at(host, &format!("GET {path}"), "", "")
    }

    /// Asks with a body of JSON.
    pub(crate) fn ask(&self, method: &str, path: &str, json: &str) -> Answer {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", json.len());
        self.request(&format!("{method} {path}"), &headers, json)
    }

    /// How many files and sockets it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count()
    }

    /// The processes that it has started and that are, or have become, this program.
    pub(crate) fn children(&self, program: &str) -> Vec<u32> {
        let parent = format!(" {} ", self.child.id());
        let processes = std::fs::read_dir("/proc").expect("there are processes").flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        // As `4711 (gst-launch-1.0) S 4700 …`: the name, cut after 15 bytes, the state, the parent.
        let is_one = |id: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let name: String = program.chars().take(15).collect();
            let rest = stat.split_once(&format!("({name}) ")).map_or("", |(_, rest)| rest);
            !rest.starts_with('Z') && rest.get(1..).is_some_and(|rest| rest.starts_with(&parent))
        };
        numbers.filter(is_one).collect()
    }

    fn request(&self, line: &str, headers: &str, body: &str) -> Answer {
        self.request_at("localhost", line, headers, body)
    }

    fn request_at(&self, host: &str, line: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time is set");
        write!(stream, "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n{body}")
            .expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head ends");
        let head = String::from_utf8(answer[..end].to_vec()).expect("a head is ASCII");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Answer { status, head, body: answer[end + 4..].to_vec() }
    }

    /// Its URL as its identity provider has it.
    pub(crate) fn named(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The URL of the server.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = std::process::Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
