//! What processes take of the machine, read from `/proc`.

use crate::os;
use std::collections::{HashMap, HashSet};
use std::fs::read_to_string;

/// Processes whose figures are added up. Children that they start later are not among them.
#[derive(Debug, Clone)]
pub(super) struct Gauge {
    pids: Vec<u32>,
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
    pub(super) fn new(pids: Vec<u32>) -> Self {
        Self { pids }
    }

    /// This process.
    pub(super) fn own() -> Self {
        Self { pids: vec![std::process::id()] }
    }

    /// There is something to be read.
    pub(super) fn is_known(&self) -> bool {
        !self.pids.is_empty()
    }

    pub(super) fn pids(&self) -> &[u32] {
        &self.pids
    }

    /// Every thread: its number, its CPU time and the time that it had to wait for a core.
    pub(super) fn threads(&self) -> Vec<(u32, u64, u64)> {
        self.pids.iter().flat_map(|pid| os::threads_ns(*pid)).collect()
    }

    pub(super) fn read(&self) -> Reading {
        Reading {
            cpu_ns: self.pids.iter().map(|pid| os::process_cpu_ns(*pid)).sum(),
            switches: self.pids.iter().map(|pid| switches(*pid)).sum(),
        }
    }

    /// What is resident, in kB.
    pub(super) fn resident_kb(&self) -> u64 {
        let of = |pid: &u32| field(&read_to_string(format!("/proc/{pid}/status")).unwrap_or_default(), "VmRSS:");
        self.pids.iter().filter_map(of).sum()
    }

    /// Proportional set size in kB, or what is resident where that cannot be read.
    pub(super) fn memory_kb(&self) -> u64 {
        let of = |pid: &u32| {
            let rollup = read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            field(&rollup, "Pss:")
        };
        self.pids.iter().map(of).sum::<Option<u64>>().unwrap_or_else(|| self.resident_kb())
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
        assert_eq!(field("a: 1\nPss:   17 kB\n", "Pss:"), Some(17));
    }
}
