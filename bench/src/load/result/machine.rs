//! What a run was measured on.

use serde::{Deserialize, Serialize};

/// The machine and its state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// As `/proc/cpuinfo` names it.
    pub cpu_model: String,
    /// That this process may use.
    pub cores: usize,
    /// Memory in all.
    pub memory_kb: u64,
    /// `/proc/sys/kernel/osrelease`.
    pub kernel: String,
    /// `PRETTY_NAME` of `/etc/os-release`.
    pub system: String,
    /// Load averages of 1, 5 and 15 minutes before the run.
    pub load_before: [f64; 3],
    /// And after it.
    pub load_after: [f64; 3],
    /// The core that servers and floor had; `None` where they were not pinned.
    pub server_core: Option<usize>,
    /// The core that clients had.
    pub load_core: Option<usize>,
    /// Both ran before the other work of their cores (`SCHED_FIFO`).
    pub first: bool,
}
