//! GStreamer's webrtcbin as a peer: published and received by other code than ours, and really decoded.

use anyhow::{Context as _, Result, ensure};
use colloquy_bench::host::{Host, HostOptions};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/gstreamer/peer.py");

/// Whether the peer can run here; without it the test is passed over, unless it must not be.
fn is_installed() -> bool {
    let checked = Command::new(PYTHON).args([SCRIPT, "check"]).output();
    if checked.as_ref().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let why = checked.map_or_else(|e| e.to_string(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
    assert!(
        std::env::var_os("COLLOQUY_REQUIRE_PEERS").is_none_or(|value| value != "1"),
        "GStreamer's peer cannot run: {why}; scripts/setup.sh installs what it needs"
    );
    eprintln!("SKIPPED: GStreamer's peer cannot run here: {why}");
    false
}

struct Peer(Child);

impl Peer {
    fn start(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(PYTHON);
        command.arg(SCRIPT).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    /// Reads what it says until a line holds `wanted`.
    fn wait_for(&mut self, wanted: &str) -> Result<()> {
        let output = self.0.stdout.take().context("its output is a pipe")?;
        let mut said = Vec::new();
        let mut lines = BufReader::new(output);
        loop {
            let mut line = String::new();
            ensure!(lines.read_line(&mut line)? > 0, "it ended without {wanted}: {said:?}");
            let found = line.contains(wanted);
            said.push(line);
            if found {
                self.0.stdout = Some(lines.into_inner());
                return Ok(());
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn webrtcbin_publishes_and_receives() {
    if !is_installed() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let played: Result<()> = runtime.block_on(async {
        let host = Host::start(&HostOptions::default()).await?;
        let address = host.address();
        tokio::task::spawn_blocking(move || {
            let mut publisher = Peer::start(&["publish", &format!("http://{address}/api/v1/whip/gst")])?;
            publisher.wait_for("\"connected\"")?;
            let mut viewer = Peer::start(&["watch", &format!("http://{address}/api/v1/whep/gst"), "30"])?;
            viewer.wait_for("\"decoded\"")?;
            Ok(())
        })
        .await?
    });
    played.unwrap();
}
