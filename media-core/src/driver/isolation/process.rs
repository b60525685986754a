//! One process: started, spoken to over a pair of sockets, and ended; never left behind, and never waited for by a media thread.

use super::frames::{self, Frames};
use super::words::{Hello, Role};
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// What the socket holds besides the queues, if the system lets it: some 40 packets of pictures fit into what it has by itself.
const SOCKET_BYTES: usize = 1 << 20;
/// What is kept of the environment. Secrets are not for a process that strangers' bytes may take over.
const KEPT: [&str; 2] = ["LD_LIBRARY_PATH", "RUST_BACKTRACE"];
/// How long a process may take to say that it runs.
const TRIAL: Duration = Duration::from_secs(5);

/// How mixers are run in processes of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// The program: one that calls [`run_mixer`](super::run_mixer) when it is given `args`.
    pub program: PathBuf,
    /// What it is given.
    pub args: Vec<OsString>,
    /// Memory that one process may write to, in bytes. One that needs more ends, and is replaced.
    pub memory_bytes: u64,
}

/// A process that runs. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Mutex<Child>,
    pub(super) id: u32,
    pub(super) stream: UnixStream,
}

impl Process {
    /// Starts one, which ends with the calling thread if not before.
    pub(super) fn start(isolation: &Isolation, role: Role) -> io::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        for end in [&stream, &theirs] {
            // A system that has a lower limit takes that.
            let _ = socket2::SockRef::from(end).set_send_buffer_size(SOCKET_BYTES);
        }
        let mut command = Command::new(&isolation.program);
        command.arg0("colloquy").args(&isolation.args).env_clear();
        command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        let child = command.spawn()?;
        let (id, child) = (child.id(), Mutex::new(child));
        let process = Self { child, id, stream };
        let mut hello = Vec::new();
        frames::write(&mut hello, &Hello { role, memory_bytes: isolation.memory_bytes })?;
        (&process.stream).write_all(&hello)?;
        Ok(process)
    }

    /// Ends it, if it has not ended by itself, and says how it ended.
    pub(super) fn end(&self) -> io::Result<ExitStatus> {
        let _ = self.stream.shutdown(Shutdown::Both);
        let mut child = self.child.lock().unwrap_or_else(|e| e.into_inner());
        // By SIGKILL, which nothing can hold up.
        child.kill()?;
        child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Whether processes can be had at all: starts one.
pub(in crate::driver) fn try_out(isolation: &Isolation) -> io::Result<()> {
    let process = Process::start(isolation, Role::Trial)?;
    process.stream.set_read_timeout(Some(TRIAL))?;
    Frames::new(&process.stream).next()
}
