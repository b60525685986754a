//! What the harness asks of the machine: cores, priorities, CPU time.

use std::path::Path;
use std::process::{Command, Stdio};

/// CPU time of all threads of a process so far, in nanoseconds: the first number of each `schedstat`.
pub(crate) fn process_cpu_ns(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.map(|task| schedstat_ns(&task.path().join("schedstat"))).sum()
}

/// Memory that a process has now, in KiB: `VmRSS` of its `status`.
pub(crate) fn process_rss_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What the scheduler tells of each thread of a process so far: its number, its CPU time, and the time that it was ready to run
/// and had to wait, in nanoseconds: the first two numbers of its `schedstat`.
pub(crate) fn threads_ns(pid: u32) -> Vec<(u32, u64, u64)> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let mut numbers = text.split_whitespace().map(str::parse);
        let (cpu, wait) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some((task.file_name().to_str()?.parse().ok()?, cpu, wait))
    };
    tasks.filter_map(of).collect()
}

/// CPU time of this thread so far, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    schedstat_ns(Path::new("/proc/thread-self/schedstat"))
}

fn schedstat_ns(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Datagrams that the kernel dropped because these local UDP ports were not read in time: the last column of `/proc/net/udp`.
pub(crate) fn udp_drops(ports: &[u16]) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let lines = table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_whitespace();
        let port = u16::from_str_radix(columns.nth(1)?.rsplit(':').next()?, 16).ok()?;
        Some((port, columns.last()?.parse::<u64>().ok()?))
    });
    lines.filter(|(port, _)| ports.contains(port)).map(|(_, drops)| drops).sum()
}

/// The cores of this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A command that runs a program on one core, before other work of that core when that is allowed.
pub(crate) fn on_core(core: usize, first: bool, program: &Path) -> Command {
    let mut command = if first { Command::new("chrt") } else { Command::new("taskset") };
    if first {
        command.args(["-f", "10", "taskset"]);
    }
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Puts all threads of this process on one core, before other work of that core when `first`. Tells whether it could be done.
pub(crate) fn stay_on(core: usize, first: bool) -> bool {
    let pid = std::process::id().to_string();
    let quiet = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let pinned = quiet(Command::new("taskset").args(["-a", "-c", "-p", &core.to_string(), &pid]));
    pinned && (!first || quiet(Command::new("chrt").args(["-a", "-f", "-p", "10", &pid])))
}

/// Puts all threads of this process on every core but one, before other work when `first`. Tells whether it could be done.
pub(crate) fn stay_off(core: usize, cores: usize, first: bool) -> bool {
    let pid = std::process::id().to_string();
    let others: Vec<String> = (0..cores).filter(|other| *other != core).map(|core| core.to_string()).collect();
    let quiet = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let pinned = quiet(Command::new("taskset").args(["-a", "-c", "-p", &others.join(","), &pid]));
    pinned && (!first || quiet(Command::new("chrt").args(["-a", "-f", "-p", "10", &pid])))
}

/// The cores of the machine, those that this process may not use included.
pub(crate) fn all_cores() -> usize {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines().filter(|line| line.starts_with("processor")).count().max(1)
}

/// Whether programs may be run before others.
pub(crate) fn may_run_first() -> bool {
    let mut command = Command::new("chrt");
    command.args(["-f", "10", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Asks a process to end (SIGTERM).
pub(crate) fn ask_to_end(pid: u32) {
    crate::sys::terminate(pid);
}

/// This thread, as the system numbers threads.
pub(crate) fn thread_id() -> u32 {
    let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
}

/// CPU time of one of this process's threads so far, in nanoseconds.
pub(crate) fn own_thread_cpu_ns(thread: u32) -> u64 {
    schedstat_ns(Path::new(&format!("/proc/self/task/{thread}/schedstat")))
}
