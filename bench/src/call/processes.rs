//! The processes that are measured: the server, and the floor.

use super::generator::Generator;
use super::{CallArgs, Pace};
use crate::floor::FloorRound;
use crate::os;
use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long the server may take to come up.
const START: Duration = Duration::from_secs(15);

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    name: String,
    address: SocketAddr,
    agent: ureq::Agent,
}

impl Server {
    /// Starts it on a core; without a binary it is `colloquy` beside this program, or what this program has built in.
    pub(crate) fn start(binary: Option<&Path>, core: usize, first: bool) -> Result<Self> {
        Self::start_with(binary, core, first, &[])
    }

    /// The same, with more of its configuration.
    pub(crate) fn start_with(
        binary: Option<&Path>,
        core: usize,
        first: bool,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        // Taken and given back: nobody else here asks for ports.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let media_port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let own = std::env::current_exe()?;
        let beside = own.with_file_name("colloquy");
        let binary = binary.map(Path::to_owned).or_else(|| Some(beside).filter(|path| path.is_file()));
        let (name, mut command) = match &binary {
            Some(binary) => {
                let mut command = os::on_core(core, first, binary);
                command.arg("serve");
                (binary.display().to_string(), command)
            }
            None => {
                let mut command = os::on_core(core, first, &own);
                command.args(["host", "--listen", &address.to_string()]);
                ("the parts built into this program".to_owned(), command)
            }
        };
        command
            .env("COLLOQUY__HTTP__LISTEN", address.to_string())
            .env("COLLOQUY__MEDIA__PORT", media_port.to_string())
            .env("COLLOQUY__MEDIA__WORKERS", "1")
            .env("COLLOQUY__MEDIA__BIND", "[\"127.0.0.1\"]")
            .env("COLLOQUY__MEDIA__INCLUDE_LOOPBACK", "always")
            .env("COLLOQUY__LOG__LEVEL", "warn")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command.spawn().with_context(|| format!("{name} does not start"))?;
        // Waiting is bounded for every request: this thread is also the clients' clock.
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build();
        let mut server = Self { child, name, address, agent: config.into() };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let until = Instant::now() + START;
        let url = format!("http://{}/healthz", self.address);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once: {status}", self.name);
            }
            if self.agent.get(&url).call().is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} is not ready after {START:?}", self.name)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Posts an offer; gives the answer.
    pub(crate) fn post(&self, path: &str, offer: &str) -> Result<String> {
        let request =
            self.agent.post(format!("http://{}{path}", self.address)).header("content-type", "application/sdp");
        let mut response = request.send(offer).with_context(|| format!("POST {path}"))?;
        Ok(response.body_mut().read_to_string()?)
    }

    /// Gets what is JSON.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.agent.get(format!("http://{}{path}", self.address));
        let text = request.call().with_context(|| format!("GET {path}"))?.body_mut().read_to_string()?;
        serde_json::from_str(&text).with_context(|| format!("GET {path}"))
    }

    /// Where its HTTP is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Memory that it has now, in KiB.
    pub(crate) fn rss_kb(&self) -> u64 {
        os::process_rss_kb(self.child.id())
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu_ns(&self) -> u64 {
        os::process_cpu_ns(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The floor's process, on the server's core.
pub(super) struct FloorChild {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl FloorChild {
    pub(super) fn start(args: &CallArgs, pace: Pace, ports: &[u16], profile: &str, first: bool) -> Result<Self> {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let mut command = os::on_core(args.core, first, &std::env::current_exe()?);
        command.args(["floor", "--ports", &ports.join(","), "--burst", &args.burst.to_string()]);
        command.args(["--bursts-per-s", &(f64::from(args.packets_per_s) / args.burst as f64).to_string()]);
        command.args(["--payload-bytes", &pace.payload_bytes.to_string(), "--profile", profile]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("the floor does not start")?;
        let stdout = child.stdout.take().context("its output is a pipe")?;
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { stdin: child.stdin.take(), child, answers })
    }

    /// Has it run for `time`, while `generator` reads what it sends.
    pub(super) fn round(&mut self, time: Duration, generator: &mut Generator) -> Result<FloorRound> {
        let stdin = self.stdin.as_mut().context("its input is a pipe")?;
        writeln!(stdin, "go {}", time.as_millis())?;
        stdin.flush()?;
        let until = Instant::now() + time * 3 + Duration::from_secs(5);
        while Instant::now() < until {
            generator.run(Duration::from_millis(20))?;
            if let Ok(line) = self.answers.try_recv() {
                let mut numbers = line.split(' ').map(str::parse);
                if let (Some(Ok(cpu_ns)), Some(Ok(packets))) = (numbers.next(), numbers.next()) {
                    return Ok(FloorRound { cpu_ns, packets });
                }
                bail!("the floor says {line:?}");
            }
        }
        bail!("the floor does not answer")
    }
}

impl Drop for FloorChild {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
