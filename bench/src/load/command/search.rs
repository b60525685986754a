//! `search`: the largest load that keeps a quality, by doubling until it breaks, then halving the gap.

use super::quality::broken;
use super::run::{begin, end, excuse, once};
use super::{Asked, Candidate, Common, lines};
use crate::load::play::Stage;
use crate::load::result::{Knee, Level, Outcome, Search, Validity};
use crate::load::scenario::Scenario;
use anyhow::Result;
use std::time::Instant;

/// A scenario, and how finely its knee is looked for.
#[derive(Debug, Clone, clap::Args)]
pub struct SearchArgs {
    /// Ready scenarios by name (`scenarios` lists them), or files.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// Ends when the gap is this share of the load.
    #[arg(long, default_value_t = 0.1)]
    precision: f64,
    /// A load that breaks is tried once more before it counts as broken: a machine has bad moments.
    #[arg(long, default_value_t = 2)]
    tries: u32,
    #[command(flatten)]
    common: Common,
}

/// Searches, and prints what was found; the last lines are the results.
///
/// # Errors
/// When a scenario or a system is not known, or a file cannot be written. A system that fails is a result.
pub fn search(args: &SearchArgs) -> Result<()> {
    let asked: Vec<Asked> = args.scenarios.iter().map(|name| args.common.scenario(name)).collect::<Result<_>>()?;
    let mut candidates = args.common.candidates()?;
    candidates.retain(|candidate| candidate.system.is_some());
    let stage = args.common.stage()?;
    let mut record = begin(&stage, asked.first().map_or(0, |one| one.scenario.seed));
    let started = Instant::now();
    println!("{}", lines::HEAD);
    let mut order = 0;
    for one in &asked {
        let mut outcomes = Vec::new();
        for candidate in &mut candidates {
            let absent = excuse(candidate, one);
            let search = if absent.is_some() { None } else { Some(climb(one, candidate, &stage, args, &mut order)) };
            outcomes.push(Outcome {
                system: candidate.name.clone(),
                absent,
                repeats: Vec::new(),
                summary: None,
                broken: Vec::new(),
                search,
            });
        }
        record.scenarios.push(one.record(outcomes));
    }
    end(&mut record, candidates, started);
    args.common.write(&record)?;
    println!("\n{}", lines::results(&record));
    Ok(())
}

/// The next load to try, of what is known to keep the quality and what is known not to.
fn next(kept: Option<u32>, broken: Option<u32>, range: (u32, u32), precision: f64) -> Option<u32> {
    let (from, to) = range;
    match (kept, broken) {
        (None, None) => Some(from),
        // Not even the first.
        (None, Some(broken)) => (broken > 1).then_some(broken / 2),
        (Some(kept), None) => (kept < to).then(|| kept.saturating_mul(2).min(to)),
        (Some(kept), Some(broken)) => {
            let gap = broken.saturating_sub(kept);
            (gap > 1 && f64::from(gap) > precision * f64::from(kept)).then(|| kept + gap / 2)
        }
    }
}

/// A load that leaves room: 70 % of the largest.
pub(super) fn comfortable(largest: u32) -> u32 {
    (f64::from(largest) * 0.7).round() as u32
}

/// One load, until it keeps the quality, a few times at most. `None` when it could not be measured.
fn tried(
    grown: &Asked,
    value: u32,
    candidate: &mut Candidate,
    stage: &Stage,
    tries: u32,
    order: &mut u32,
) -> Option<Level> {
    let Scenario { search: range, keep, .. } = grown.scenario;
    let mut last = None;
    for _ in 0..tries.max(1) {
        *order += 1;
        match once(grown, candidate, stage, *order) {
            Ok(repeat) => {
                let title = format!("{}={value}", range.grows.name());
                println!("{}", lines::row(&title, &candidate.name, *order, &repeat));
                let broken = broken(&repeat, &keep);
                let kept = broken.is_empty() && repeat.validity.valid;
                last = Some(Level { value, repeat, kept, broken });
                if kept {
                    break;
                }
            }
            Err(error) => println!("{:<12} {} failed: {error:#}", grown.scenario.name, candidate.name),
        }
    }
    last
}

fn climb(asked: &Asked, candidate: &mut Candidate, stage: &Stage, args: &SearchArgs, order: &mut u32) -> Search {
    let range = asked.scenario.search;
    let mut levels: Vec<Level> = Vec::new();
    let (mut kept, mut not_kept) = (None, None);
    let mut failure = None;
    while let Some(value) = next(kept, not_kept, (range.from, range.to), args.precision) {
        let grown = asked.grown(value);
        if let Err(error) = grown.scenario.check() {
            println!("{} {} = {value}: {error}", asked.scenario.name, range.grows.name());
            failure = Some("limit");
            break;
        }
        let best = tried(&grown, value, candidate, stage, args.tries, order);
        let is_kept = best.as_ref().is_some_and(|level| level.kept);
        levels.extend(best);
        if is_kept { kept = Some(value) } else { not_kept = Some(value) }
    }
    let (enough, tries) = (kept.map(comfortable).filter(|value| *value > 0), args.tries);
    if let Some(value) = enough.filter(|value| levels.iter().all(|level| level.value != *value)) {
        // What a load that leaves room costs and adds: the knee itself is no place to be.
        let grown = asked.grown(value);
        levels.extend(tried(&grown, value, candidate, stage, tries, order));
    }
    levels.sort_by_key(|level| level.value);
    let at = |value: Option<u32>| levels.iter().find(|level| Some(level.value) == value);
    // What breaks at the generator says nothing of the server.
    let validity = at(not_kept).map(|level| &level.repeat.validity).filter(|validity| !validity.valid);
    let generator = |validity: &Validity| validity.reasons.iter().any(|reason| reason.starts_with("generator_"));
    let stopped_by = match (not_kept, failure, validity) {
        (None, _, _) | (_, Some(_), _) => "limit",
        (Some(_), None, Some(validity)) if generator(validity) => "generator",
        (Some(_), None, Some(_)) => "machine",
        (Some(_), None, None) => "server",
    };
    let knee = Knee {
        largest: kept,
        load: at(kept).map(|level| level.repeat.load),
        packets_per_s: at(kept).map_or(0.0, |level| level.repeat.hold.delivery.packets_per_s),
        smallest_broken: not_kept,
        stopped_by: stopped_by.to_owned(),
    };
    Search { grows: range.grows.name().to_owned(), levels, knee }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_knee_is_found_to_the_precision(knee in 1_u32..3_000, from in 1_u32..200) {
            let (mut kept, mut broken) = (None, None);
            let mut tries = 0;
            while let Some(value) = next(kept, broken, (from, 5_000), 0.1) {
                if value <= knee { kept = Some(value) } else { broken = Some(value) }
                tries += 1;
                prop_assert!(tries < 40);
            }
            let kept = kept.expect("one client is always carried");
            prop_assert!(kept <= knee);
            prop_assert!(f64::from(knee - kept) <= 1.0 + 0.1 * f64::from(knee), "{kept} of {knee}");
        }
    }
}
