//! The same full mix over sockets: our server and Janus's AudioBridge under the same clients, taking turns on one core.

use std::process::{Command, Stdio};

/// Participants that a core carries, by what each costs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PerCore {
    /// Our server. `None` where its binary is not there.
    pub(crate) ours: Option<f64>,
    /// The AudioBridge. `None` where there is no Janus.
    pub(crate) bridge: Option<f64>,
}

/// Has so many people talk at once, each of whom hears all others.
pub(crate) fn compare(people: usize, seconds: usize) -> PerCore {
    println!("{people} people over sockets, everybody hears all others:");
    let output = Command::new(env!("CARGO_BIN_EXE_colloquy-bench"))
        .args(["run", "audio-mix", "--system", "colloquy-mix,audiobridge", "--repeat", "3"])
        .args(["--hold", &seconds.to_string(), "--set", &format!("publishers={people}")])
        .stderr(Stdio::inherit())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let results: Vec<&str> = text.lines().filter(|line| line.starts_with("RESULT")).collect();
    results.iter().for_each(|line| println!("  {line}"));
    let of = |system: &str| {
        let line = results.iter().find(|line| line.contains(&format!(" system={system} ")))?;
        let field = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        // A run that heard nobody, or in which the clients were too slow, measured something else.
        let heard_by_all = field("sound_heard_by")? == format!("{people}of{people}");
        let cost_us: f64 = field("cpu_us_per_participant_s")?.parse().ok()?;
        (heard_by_all && field("valid")? == "yes").then(|| 1e6 / cost_us)
    };
    PerCore { ours: of("colloquy-mix"), bridge: of("audiobridge") }
}
