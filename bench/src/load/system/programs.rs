//! Where the programs of others are, and ports for them.

use anyhow::{Context as _, Result, bail};
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What helps where a rival is missing.
pub(super) const REMEDY: &str = "scripts/rivals.sh installs or builds what can be had";

/// Folders above this program that are looked through for `rivals/bin`: a test is in `target/debug/deps`.
const ABOVE: usize = 3;

/// A program: among those that `scripts/rivals.sh` built, or on the path.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap_or_default();
    let built = own.ancestors().skip(1).take(ABOVE).map(|folder| folder.join("rivals/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = built.chain(std::env::split_paths(&path)).collect();
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A free TCP port of this machine. Taken and given back: nobody else here asks for ports meanwhile.
pub(super) fn tcp_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A free UDP port, as [`tcp_port`].
pub(super) fn udp_port() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The address that this machine has on its network. Nothing is sent: a UDP socket is only told whom it would send to.
pub(super) fn own_address() -> Result<Ipv4Addr> {
    // TEST-NET-3 (RFC 5737): nobody's, so that the way there is the usual one.
    const ANYBODY: (Ipv4Addr, u16) = (Ipv4Addr::new(203, 0, 113, 1), 9);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(ANYBODY).context("this machine has no network but itself")?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => bail!("this machine has no IPv4 address"),
    }
}

/// The last word of what `program --version` prints.
pub(super) fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    text.split_whitespace().last().unwrap_or("unknown").trim_start_matches('v').to_owned()
}

/// A setting that is not left at its default: name, value, why.
pub(super) type Setting = (&'static str, String, &'static str);

/// Settings as a report tells them.
pub(super) fn told(what: &str, settings: &[Setting]) -> String {
    let lines = settings.iter().map(|(name, value, why)| format!("{name}={value} ({why})"));
    format!("{what}, defaults but for: {}", lines.collect::<Vec<_>>().join("; "))
}
