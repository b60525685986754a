//! The commands: `run`, `search`, `scenarios`, `report`.

mod lines;
mod progress;
mod quality;
mod report;
mod run;
mod search;
mod stage;

pub use report::{ReportArgs, report};
pub use run::{RunArgs, run};
pub use search::{SearchArgs, search};

use super::result::{Outcome, ScenarioRun, SystemInfo};
use super::scenario::{READY, Scenario};
use super::system::{self, Options, System};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

/// What all measuring commands take.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// Systems, taking turns: colloquy, host (its parts inside this program), whip=PUBLISH_URL,WATCH_URL (one that runs elsewhere;
    /// alone in its --system; COLLOQUY_BENCH_TOKEN has its access token), floor (nothing but the work that cannot be left out).
    #[arg(long = "system", value_name = "NAME,..", default_value = "colloquy,floor")]
    systems: Vec<String>,
    /// Changes a scenario: NAME=VALUE, as media.video.camera.kbps=800. May be given again.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Seconds of each measurement, instead of the scenario's.
    #[arg(long, value_name = "S")]
    hold: Option<f64>,
    /// Seed of everything random, instead of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Writes everything that was measured.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a page that shows it.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Colloquy's binary. Without it: the one beside this program.
    #[arg(long, value_name = "FILE")]
    server_bin: Option<PathBuf>,
    /// The server's core; the clients have the others.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Threads that play clients. Without it: one for each core that they have.
    #[arg(long)]
    threads: Option<usize>,
    /// Leave servers and clients on whatever core the system gives them.
    #[arg(long)]
    unpinned: bool,
    /// Do not run them before the other work of their cores, even where that is allowed.
    #[arg(long)]
    share_cores: bool,
    /// Do not count system calls (a second more for each measurement).
    #[arg(long)]
    no_calls: bool,
}

/// The variable with what servers that run elsewhere are shown.
const TOKEN: &str = "COLLOQUY_BENCH_TOKEN";

/// A scenario, and its text as it is played.
pub(super) struct Asked {
    pub(super) scenario: Scenario,
    pub(super) text: String,
    /// What the command line changed.
    pub(super) changed: Vec<String>,
}

impl Asked {
    /// With another value of what a search makes larger.
    fn grown(&self, value: u32) -> Self {
        Self { scenario: self.scenario.grown(value), text: String::new(), changed: Vec::new() }
    }

    /// What a run tells of it.
    fn record(&self, outcomes: Vec<Outcome>) -> ScenarioRun {
        let Scenario { name, about, .. } = &self.scenario;
        let (name, about, changed, text) = (name.clone(), about.clone(), self.changed.clone(), self.text.clone());
        ScenarioRun { name, about, changed, text, outcomes }
    }
}

/// A system that was asked for. `floor` is none, but stands among them.
pub(super) struct Candidate {
    pub(super) name: String,
    /// `None` for the floor.
    pub(super) system: Option<Box<dyn System>>,
    pub(super) info: SystemInfo,
}

impl Common {
    fn scenario(&self, name: &str) -> Result<Asked> {
        let mut changes = self.set.clone();
        changes.extend(self.hold.map(|s| format!("time.hold_s={s:?}")));
        changes.extend(self.seed.map(|seed| format!("seed={seed}")));
        let text = match READY.iter().find(|ready| ready.name == name) {
            Some(ready) => ready.text.to_owned(),
            None if Path::new(name).is_file() => std::fs::read_to_string(name)?,
            None => {
                let names: Vec<&str> = READY.iter().map(|ready| ready.name).collect();
                bail!("{name:?} is neither a file nor a ready scenario: {}", names.join(", "));
            }
        };
        let (mut scenario, text) = Scenario::read(&text, &changes).with_context(|| format!("scenario {name}"))?;
        scenario.media.look_beside(Path::new(name).parent().unwrap_or(Path::new("")));
        // What cannot be played is better told now than after an hour.
        scenario.media.load().with_context(|| format!("scenario {name}"))?;
        if !changes.is_empty() {
            println!("{}, changed: {}", scenario.name, changes.join(" "));
        }
        Ok(Asked { scenario, text, changed: changes })
    }

    fn candidates(&self) -> Result<Vec<Candidate>> {
        // Not on the command line, which is written into the results.
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let options = Options { server_bin: self.server_bin.clone(), token };
        let mut candidates = Vec::new();
        // The addresses of `whip=` have a comma of their own.
        let names = self
            .systems
            .iter()
            .flat_map(|names| if names.contains('=') { vec![names.as_str()] } else { names.split(',').collect() });
        for name in names.map(str::trim) {
            let floor = name == "floor";
            let system = if floor { None } else { Some(system::named(name, &options)?) };
            let name = system.as_ref().map_or("floor", |system| system.name()).to_owned();
            let absent = system.as_ref().and_then(|system| system.absent());
            let settings = if floor {
                "one open, and for each receiver a copy, a seal and a batched send; segmentation offload where a publisher sends several packets at once".to_owned()
            } else {
                String::new()
            };
            let version = if floor { env!("CARGO_PKG_VERSION").to_owned() } else { String::new() };
            let info = SystemInfo { name: name.clone(), version, settings, external: false, absent };
            candidates.push(Candidate { name, system, info });
        }
        Ok(candidates)
    }
}

/// Lists the ready scenarios.
///
/// # Errors
/// Never; it is a command as the others are.
pub fn scenarios() -> Result<()> {
    println!("Ready scenarios; `run NAME` plays one, and `--set NAME=VALUE` changes it. A file is played just so.\n");
    for ready in READY {
        let (scenario, _) = Scenario::read(ready.text, &[])?;
        println!("{:<10} {}", ready.name, scenario.about);
    }
    println!("\nTheir files are in bench/scenarios, and are the reference of what a scenario may say.");
    Ok(())
}
