//! How good it looks and sounds where the network is bad: bandwidth, loss and fairness, with clients that see and hear. In virtual
//! time with the server's own engine, and on sockets with a server of its own process and a relay before each viewer.

mod play;
mod plot;
mod report;
mod scenario;
mod sockets;
mod tcp;
#[cfg(test)]
mod tests;
mod world;

pub use report::Figures;
pub use scenario::{Scenario, Stage};

use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is played.
#[derive(Debug, Clone, clap::Args)]
pub struct QualityArgs {
    /// Only these; may be given several times. Without it, all.
    #[arg(long, value_enum)]
    pub only: Vec<Scenario>,
    /// Only in virtual time. Without it and --sockets: both.
    #[arg(long)]
    pub simulated: bool,
    /// Only on sockets, in real time (some two minutes): those that need no bottleneck of several, and no screen.
    #[arg(long)]
    pub sockets: bool,
    /// The server's binary. Without it: `colloquy` beside this program, or what this program has built in.
    #[arg(long, value_name = "FILE")]
    pub server_bin: Option<PathBuf>,
    /// Of everything random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the plots (SVG) and the samples behind them (CSV) go.
    #[arg(long, default_value = "target/bench-quality", value_name = "FOLDER")]
    pub plots: PathBuf,
    /// The figures as JSON, a line for each scenario, instead of RESULT lines.
    #[arg(long)]
    pub json: bool,
}

/// Plays the scenarios and prints a line for each, after all of them were played.
///
/// # Errors
/// When something does not connect, or a plot cannot be written.
pub fn run(args: &QualityArgs) -> Result<()> {
    let stages =
        [(Stage::Simulated, args.simulated, &Scenario::ALL[..]), (Stage::Sockets, args.sockets, &Scenario::ON_SOCKETS)];
    let both = args.simulated == args.sockets;
    std::fs::create_dir_all(&args.plots).with_context(|| format!("{}", args.plots.display()))?;
    let mut lines = Vec::new();
    let mut failed = None;
    for (stage, asked, scenarios) in stages {
        let wanted = |scenario: &&Scenario| (asked || both) && (args.only.is_empty() || args.only.contains(scenario));
        for scenario in scenarios.iter().copied().filter(|scenario| wanted(&scenario)) {
            match play_and_plot(scenario, stage, args) {
                Ok(line) => lines.push(line),
                // What the others came to is still worth knowing.
                Err(error) => failed = Some(error.context(scenario.name_on(stage))),
            }
        }
    }
    if lines.is_empty() && failed.is_none() {
        bail!("none of these is played on sockets");
    }
    lines.iter().for_each(|line| println!("{line}"));
    failed.map_or(Ok(()), Err)
}

fn play_and_plot(scenario: Scenario, stage: Stage, args: &QualityArgs) -> Result<String> {
    let began = Instant::now();
    let (name, length) = (scenario.name_on(stage), scenario.length(stage));
    eprint!("{name:<20} {:>3} s {stage} .. ", length.as_secs());
    let played = match stage {
        Stage::Simulated => play::play(scenario, args.seed, length)?,
        Stage::Sockets => sockets::play(scenario, args.seed, args.server_bin.as_deref())?,
    };
    let path = args.plots.join(format!("{name}.svg"));
    plot::write(&played, &path)?;
    std::fs::write(path.with_extension("csv"), report::csv(&played))?;
    eprintln!("played in {:.1} s; {}", began.elapsed().as_secs_f64(), path.display());
    let figures = report::figures(&played);
    if args.json { Ok(serde_json::to_string(&figures)?) } else { Ok(figures.line()) }
}

/// Plays one for a time of the caller's choice.
///
/// # Errors
/// When something does not connect.
pub fn measure(scenario: Scenario, seed: u64, length: Duration) -> Result<Figures> {
    Ok(report::figures(&play::play(scenario, seed, length)?))
}
