//! `run`: scenarios on systems, some times over, the systems taking turns.

use super::progress::Bar;
use super::{Asked, Candidate, Common, lines, quality, stage};
use crate::load::play::{self, Stage};
use crate::load::result::{Outcome, Repeat, Run, SCHEMA, ScenarioRun, Summary};
use anyhow::{Context as _, Result, ensure};
use std::time::{Instant, SystemTime};

/// Scenarios, and how they are run.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Ready scenarios by name (`scenarios` lists them), or files.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// Measurements of each system.
    #[arg(long, default_value_t = 3)]
    repeat: u32,
    #[command(flatten)]
    common: Common,
}

/// Runs, and prints what came of it; the last lines are the results.
///
/// # Errors
/// When a scenario or a system is not known, or a file cannot be written; and when packets leaked, as that is a defect. Otherwise a system
/// that fails is a result.
pub fn run(args: &RunArgs) -> Result<()> {
    let asked: Vec<Asked> = args.scenarios.iter().map(|name| args.common.scenario(name)).collect::<Result<_>>()?;
    let mut candidates = args.common.candidates()?;
    let stage = args.common.stage()?;
    let mut record =
        begin(&stage, args.common.seed.unwrap_or_else(|| asked.first().map_or(0, |one| one.scenario.seed)));
    let started = Instant::now();
    for candidate in &candidates {
        if let Some(why) = &candidate.info.absent {
            println!("{} is absent: {why}", candidate.name);
        }
    }
    println!("{}", lines::HEAD);
    let mut order = 0;
    for one in &asked {
        record.scenarios.push(play_all(one, &mut candidates, &stage, args.repeat, &mut order));
    }
    end(&mut record, candidates, started);
    args.common.write(&record)?;
    println!("\n{}", lines::results(&record));
    let outcomes = record.scenarios.iter().flat_map(|scenario| &scenario.outcomes);
    let leaked: u64 = outcomes.filter_map(|outcome| outcome.summary.as_ref()?.leaked_packets).sum();
    ensure!(leaked == 0, "{leaked} packets came to somebody who was not to get them");
    Ok(())
}

/// A run's record, before anything was measured.
pub(super) fn begin(stage: &Stage, seed: u64) -> Run {
    let command: Vec<String> = std::env::args().collect();
    let quoted = |word: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let program = command.first().and_then(|path| path.rsplit('/').next()).unwrap_or("colloquy-bench").to_owned();
    let words = std::iter::once(program).chain(command.iter().skip(1).map(quoted));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Run {
        schema: SCHEMA,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        command: words.collect::<Vec<_>>().join(" "),
        started_unix_s: since.as_secs(),
        took_s: 0.0,
        seed,
        machine: stage::machine(stage),
        systems: Vec::new(),
        scenarios: Vec::new(),
    }
}

pub(super) fn end(record: &mut Run, candidates: Vec<Candidate>, started: Instant) {
    record.systems = candidates.into_iter().map(|candidate| candidate.info).collect();
    record.took_s = started.elapsed().as_secs_f64();
    record.machine.load_after = stage::load();
}

impl Common {
    /// Writes the files that were asked for.
    pub(super) fn write(&self, record: &Run) -> Result<()> {
        if let Some(path) = &self.json {
            let text = serde_json::to_string_pretty(record)?;
            std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        if let Some(path) = &self.html {
            super::report::write(std::slice::from_ref(record), path)?;
        }
        Ok(())
    }
}

/// Why a system has no figures here, if it has none.
pub(super) fn excuse(candidate: &Candidate, asked: &Asked) -> Option<String> {
    let lacks = || {
        let (system, scenario) = (candidate.system.as_ref()?, &asked.scenario);
        let stranger = || "participants join by Colloquy's own WebSocket protocol, which it does not know".to_owned();
        system.lacks(scenario).or_else(|| (!system.joins_by(scenario.join.by)).then(stranger))
    };
    candidate.info.absent.clone().or_else(lacks)
}

fn play_all(asked: &Asked, candidates: &mut [Candidate], stage: &Stage, repeats: u32, order: &mut u32) -> ScenarioRun {
    let outcome = |candidate: &Candidate| Outcome {
        system: candidate.name.clone(),
        absent: excuse(candidate, asked),
        repeats: Vec::new(),
        summary: None,
        broken: Vec::new(),
        search: None,
    };
    let mut outcomes: Vec<Outcome> = candidates.iter().map(outcome).collect();
    for turn in 0..repeats.max(1) {
        for (candidate, outcome) in candidates.iter_mut().zip(&mut outcomes) {
            if outcome.absent.is_some() {
                continue;
            }
            match once(asked, candidate, stage, *order) {
                Ok(repeat) => {
                    println!("{}", lines::row(&asked.scenario.name, &candidate.name, turn + 1, &repeat));
                    lines::notes(&repeat).iter().for_each(|note| println!("{note}"));
                    outcome.repeats.push(repeat);
                }
                Err(error) => {
                    println!("{:<12} {:<10} failed: {error:#}", asked.scenario.name, candidate.name);
                    outcome.absent = Some(format!("failed: {error:#}"));
                }
            }
            *order += 1;
        }
    }
    for outcome in &mut outcomes {
        outcome.summary = Summary::of(&outcome.repeats);
        if asked.scenario.audience.is_some() {
            outcome.broken = quality::broken_in_any(&outcome.repeats, &asked.scenario.keep);
        }
    }
    asked.record(outcomes)
}

/// One measurement. What the system tells of itself is taken over.
pub(super) fn once(asked: &Asked, candidate: &mut Candidate, stage: &Stage, order: u32) -> Result<Repeat> {
    let mut bar = Bar::new(&format!("{} {}", asked.scenario.name, candidate.name));
    let Some(system) = &candidate.system else { return play::floor_alone(&asked.scenario, stage, order) };
    let played = play::play(&**system, &asked.scenario, stage, order, &mut bar)?;
    let info = &mut candidate.info;
    (info.version, info.settings, info.external) = (played.version, played.settings, played.external);
    Ok(played.repeat)
}
