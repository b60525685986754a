//! What a process does to itself, or has the system do to it.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::str::SplitAsciiWhitespace;
use std::time::{Duration, Instant};

/// What a process may have of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) enum Limit {
    /// Bytes of memory that it may write to: unlike addresses, of which the allocator reserves 64 MB for each thread without use.
    Memory,
    /// Open files.
    Files,
}

/// Limits this process, for good.
pub(in crate::driver) fn limit(what: Limit, most: u64) -> io::Result<()> {
    let resource = match what {
        Limit::Memory => libc::RLIMIT_DATA,
        Limit::Files => libc::RLIMIT_NOFILE,
    };
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the kernel only reads the structure, which outlives the call.
    checked(unsafe { libc::setrlimit(resource, &raw const limit) })
}

/// Has this process end with the thread that started it, and gain no rights by whatever it runs.
pub(in crate::driver) fn depend() -> io::Result<()> {
    let (signal, yes, no): (libc::c_ulong, libc::c_ulong, libc::c_ulong) = (libc::SIGKILL as libc::c_ulong, 1, 0);
    // SAFETY: neither request takes a pointer.
    unsafe {
        checked(libc::prctl(libc::PR_SET_PDEATHSIG, signal, no, no, no))?;
        checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, no, no, no))
    }
}

/// What this process is called where processes are listed: up to 15 bytes.
pub(in crate::driver) fn call_process(name: &CStr) {
    let none: libc::c_ulong = 0;
    // SAFETY: the kernel reads up to the zero that ends the name, or 16 bytes of it, and it outlives the call.
    let _ = unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), none, none, none) };
}

/// Closes what this process was left open by whoever started it. To be called before it opens anything itself.
pub(in crate::driver) fn close_what_was_inherited() {
    const FIRST: libc::c_uint = libc::STDERR_FILENO as libc::c_uint + 1;
    // SAFETY: takes no pointer; of this process' own files there are none yet. A kernel that does not know it (before 5.9) leaves them open.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) };
}

/// Has what asks a server to end pass this process by: it is for the one that started it, which may want it until the last call has ended.
pub(in crate::driver) fn outlast_requests_to_end() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: no handler is set that could run: the signals are ignored.
        let _ = unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Has this process end by its first fault, as if it were not Rust, which looks first whether it was a stack that was too small.
pub(in crate::driver) fn end_by_faults() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: no handler is set that could run: the system's own way is.
        let _ = unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// The monotonic clock, which all processes of a machine share: since some moment of the past.
pub(in crate::driver) fn monotonic() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes to a structure that outlives the call. It cannot fail: every Linux has this clock.
    let _ = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The same moment by the clock of this process and by that of the machine.
pub(in crate::driver) fn both_clocks() -> (Instant, Duration) {
    // Read around it, so that being preempted in between shifts it by half of that.
    let before = monotonic();
    let here = Instant::now();
    (here, before + monotonic().saturating_sub(before) / 2)
}

/// What another process does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) struct Pulse {
    /// One of its threads has a core, or waits for one.
    pub(in crate::driver) wants_core: bool,
    /// What it has used of the cores since it began.
    pub(in crate::driver) used: Duration,
}

/// Looks at another process, as proc(5) has it; `None` where nothing is to be learned of it.
pub(in crate::driver) fn pulse(process: u32) -> Option<Pulse> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let stats = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    let wants_core =
        stats.into_iter().any(|stat| fields_of(&stat).is_some_and(|mut fields| fields.next() == Some("R")));
    // Fields 14 and 15, of which the first after the name is the third.
    let whole = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let ticks: u64 = fields_of(&whole)?.skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    // SAFETY: takes no pointer.
    let ticks_per_second =
        u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok().filter(|ticks| *ticks > 0)?;
    Some(Pulse { wants_core, used: Duration::from_millis(ticks * 1_000 / ticks_per_second) })
}

/// What follows the name, which may hold anything.
fn fields_of(stat: &str) -> Option<SplitAsciiWhitespace<'_>> {
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace())
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    struct Running(Child);

    impl Running {
        fn shell(script: &str) -> Self {
            Self(Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap())
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn wait_for(process: &Running, what: &str, is_it: impl Fn(Pulse) -> bool) {
        let began = Instant::now();
        while !is_it(pulse(process.0.id()).unwrap()) {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_another_process_does_is_seen() {
        let waits = Running::shell("read word");
        wait_for(&waits, "it waits for a word", |pulse| !pulse.wants_core);
        let spins = Running::shell("while :; do :; done");
        wait_for(&spins, "it spins", |pulse| pulse.wants_core && pulse.used >= Duration::from_millis(50));
        let nobody = Running::shell("exit");
        let id = nobody.0.id();
        drop(nobody);
        assert_eq!(pulse(id), None);
    }
}
