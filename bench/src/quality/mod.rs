//! How good it looks and sounds where the network is bad: bandwidth, loss and fairness, in virtual time, with the server's own
//! engine and clients that see and hear.

mod play;
mod plot;
mod report;
mod scenario;
mod tcp;
#[cfg(test)]
mod tests;
mod world;

pub use report::Figures;
pub use scenario::Scenario;

use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is played.
#[derive(Debug, Clone, clap::Args)]
pub struct QualityArgs {
    /// Only these; may be given several times. Without it, all.
    #[arg(long, value_enum)]
    pub only: Vec<Scenario>,
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
    let scenarios = if args.only.is_empty() { Scenario::ALL.to_vec() } else { args.only.clone() };
    std::fs::create_dir_all(&args.plots).with_context(|| format!("{}", args.plots.display()))?;
    let mut lines = Vec::new();
    let mut failed = None;
    for scenario in scenarios {
        match play_and_plot(scenario, args) {
            Ok(line) => lines.push(line),
            // What the others came to is still worth knowing.
            Err(error) => failed = Some(error.context(scenario.name())),
        }
    }
    lines.iter().for_each(|line| println!("{line}"));
    failed.map_or(Ok(()), Err)
}

fn play_and_plot(scenario: Scenario, args: &QualityArgs) -> Result<String> {
    let began = Instant::now();
    eprint!("{:<14} {:>3} s of virtual time .. ", scenario.name(), scenario.length().as_secs());
    let played = play::play(scenario, args.seed, scenario.length())?;
    let path = args.plots.join(format!("{}.svg", scenario.name()));
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
