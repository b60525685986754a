//! Setting the stage: cores and priorities, and what the machine is.

use super::Common;
use crate::load::play::Stage;
use crate::load::result::Machine;
use crate::os;
use anyhow::Result;
use std::fs::read_to_string;

impl Common {
    /// Takes the cores, and says so.
    pub(super) fn stage(&self) -> Result<Stage> {
        // A socket each; what is not given is told by the first client too many.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let cores = os::cores();
        let wanted = cores > 1 && !self.unpinned;
        let first = wanted && !self.share_cores && os::may_run_first();
        let server_core = self.core % cores.max(1);
        let pinned = wanted && os::stay_off(server_core, cores, first);
        if !pinned {
            eprintln!("Servers and clients have no cores of their own: the figures will be less steady.");
        }
        let own_cores = if pinned { cores - 1 } else { cores };
        Ok(Stage {
            server_core: pinned.then_some(server_core),
            first: first && pinned,
            threads: self.threads.unwrap_or(own_cores).clamp(1, 64),
            own_cores,
            own_program: Some(std::env::current_exe()?),
            scratch: std::env::temp_dir(),
            count_calls: !self.no_calls,
        })
    }
}

/// What the machine is, before a run.
pub(super) fn machine(stage: &Stage) -> Machine {
    let cpu = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    let memory = read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let system = read_to_string("/etc/os-release").unwrap_or_default();
    let system = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Machine {
        cpu_model: model.map(|(_, name)| name.trim().to_owned()).unwrap_or_default(),
        cores: os::all_cores(),
        memory_kb: memory.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0),
        kernel: read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        system: system.map(|name| name.trim_matches('"').to_owned()).unwrap_or_default(),
        load_before: load(),
        load_after: [0.0; 3],
        server_core: stage.server_core,
        load_core: stage.server_core.map(|core| (core + 1) % os::all_cores().max(1)),
        first: stage.first,
    }
}

/// Load averages of 1, 5 and 15 minutes.
pub(super) fn load() -> [f64; 3] {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    let mut numbers = text.split(' ').map(|number| number.parse().unwrap_or(0.0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0.0))
}
