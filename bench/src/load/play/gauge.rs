//! What processes take of the machine, read from `/proc`.

use crate::os;
use std::collections::{HashMap, HashSet};
use std::fs::read_to_string;

/// Processes whose figures are added up.
#[derive(Debug, Clone)]
pub(super) struct Gauge {
    pids: Vec<u32>,
    /// Those that they have started, and that are there when it is looked, count as well.
    with_children: bool,
}

/// A moment's figures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading {
    /// CPU time of all threads so far.
    pub(super) cpu_ns: u64,
    /// Their context switches so far.
    pub(super) switches: u64,
}

impl Gauge {
    /// A server's, with whatever it has started: mixers have processes of their own.
    pub(super) fn new(pids: Vec<u32>) -> Self {
        Self { pids, with_children: true }
    }

    /// This process, without the server that it may have started.
    pub(super) fn own() -> Self {
        Self { pids: vec![std::process::id()], with_children: false }
    }

    /// There is something to be read.
    pub(super) fn is_known(&self) -> bool {
        !self.pids.is_empty()
    }

    /// The processes, as they are now.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut all = self.pids.clone();
        let mut next = 0;
        while let Some(pid) = all.get(next).copied().filter(|_| self.with_children) {
            all.extend(children(pid));
            next += 1;
        }
        all
    }

    /// Every thread: its number, its CPU time and the time that it had to wait for a core.
    pub(super) fn threads(&self) -> Vec<(u32, u64, u64)> {
        self.pids().into_iter().flat_map(os::threads_ns).collect()
    }

    pub(super) fn read(&self) -> Reading {
        let pids = self.pids();
        Reading {
            cpu_ns: pids.iter().map(|pid| os::process_cpu_ns(*pid)).sum(),
            switches: pids.iter().map(|pid| switches(*pid)).sum(),
        }
    }

    /// What is resident, in kB.
    pub(super) fn resident_kb(&self) -> u64 {
        let of = |pid: &u32| field(&read_to_string(format!("/proc/{pid}/status")).unwrap_or_default(), "VmRSS:");
        self.pids().iter().filter_map(of).sum()
    }

    /// Proportional set size in kB, or what is resident where that cannot be read.
    pub(super) fn memory_kb(&self) -> u64 {
        let of = |pid: &u32| {
            let rollup = read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            field(&rollup, "Pss:")
        };
        self.pids().iter().map(of).sum::<Option<u64>>().unwrap_or_else(|| self.resident_kb())
    }
}

/// How long the busiest thread waited for a core that somebody else had: all of its waiting, less what the process's other threads
/// ran meanwhile.
pub(super) fn kept_waiting_ns(before: &[(u32, u64, u64)], after: &[(u32, u64, u64)]) -> u64 {
    let earlier: HashMap<u32, (u64, u64)> = before.iter().map(|(id, cpu, wait)| (*id, (*cpu, *wait))).collect();
    let since = |(id, cpu, wait): &(u32, u64, u64)| {
        let (cpu_before, wait_before) = earlier.get(id).copied().unwrap_or_default();
        (cpu.saturating_sub(cpu_before), wait.saturating_sub(wait_before))
    };
    let all: Vec<(u64, u64)> = after.iter().map(since).collect();
    let Some((busiest, waited)) = all.iter().copied().max() else { return 0 };
    let others = all.iter().map(|(cpu, _)| cpu).sum::<u64>() - busiest;
    waited.saturating_sub(others)
}

/// What a process has started and what is there yet (proc_pid_task_children(5)).
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Voluntary and other switches of all threads (proc_pid_status(5)).
fn switches(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of = |status: String| {
        field(&status, "voluntary_ctxt_switches:").unwrap_or(0)
            + field(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0)
    };
    tasks.filter_map(|task| read_to_string(task.path().join("status")).ok()).map(of).sum()
}

/// The number after a name that begins a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Datagrams that the kernel dropped because these local UDP ports were not read in time: the last column of `/proc/net/udp`.
pub(super) fn udp_drops(ports: &HashSet<u16>) -> u64 {
    let table = read_to_string("/proc/net/udp").unwrap_or_default();
    let lines = table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_whitespace();
        let port = u16::from_str_radix(columns.nth(1)?.rsplit(':').next()?, 16).ok()?;
        Some((port, columns.last()?.parse::<u64>().ok()?))
    });
    lines.filter(|(port, _)| ports.contains(port)).map(|(_, drops)| drops).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_ones_own_threads_is_nobodys_fault() {
        let before = [(1, 100, 10), (2, 50, 5)];
        assert_eq!(kept_waiting_ns(&before, &[(1, 1_100, 410), (2, 350, 900)]), 100);
        assert_eq!(kept_waiting_ns(&before, &[(1, 1_100, 110), (2, 350, 900)]), 0);
        assert_eq!(kept_waiting_ns(&before, &[]), 0);
    }

    #[test]
    fn this_process_can_be_read() {
        let gauge = Gauge::own();
        assert!(gauge.memory_kb() > 1_000);
        let reading = gauge.read();
        assert!(reading.cpu_ns > 0 && reading.switches > 0 && !gauge.threads().is_empty());
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let with_children = Gauge::new(gauge.pids.clone());
        assert!(with_children.pids().contains(&child.id()) && !gauge.pids().contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!with_children.pids().contains(&child.id()));
        assert_eq!(field("a: 1\nPss:   17 kB\n", "Pss:"), Some(17));
    }
}
