//! What came of it, in sentences, before any table: who costs what, and whether it may be believed.

use super::look::{FLOOR, Look, letter, many, reasons, spelled, verdict};
use super::number::{number, time_ns, times};
use super::table::wide;
use crate::load::result::{Outcome, Repeat, Run, ScenarioRun, Search, Spread, Summary};
use maud::{Markup, html};

/// A machine that is busier than this share of its cores before a run has other work to do.
const BUSY_BEFORE: f64 = 0.5;
/// Fewer repeats say little about their spread.
const FEW: usize = 3;

/// The verdict of all runs.
pub(super) fn verdicts(runs: &[Run], look: &Look) -> Markup {
    html! {
        section aria-labelledby="verdict" {
            h2 #verdict { "Verdict" }
            @for (index, run) in runs.iter().enumerate() {
                @if runs.len() > 1 { h3 { "Run " (letter(index)) } }
                (banner(run))
                @for scenario in &run.scenarios { (sentences(scenario)) }
                (overview(run, look))
                (notes(run))
            }
        }
    }
}

/// All measurements of an outcome: repeats, or what a search tried.
fn measured(outcome: &Outcome) -> impl Iterator<Item = &Repeat> {
    let levels = outcome.search.iter().flat_map(|search| &search.levels).map(|level| &level.repeat);
    outcome.repeats.iter().chain(levels)
}

/// The measurements that figures rest on. A search goes on until something breaks, the clients too: only the loads that it says
/// were carried have to be valid.
fn relied(outcome: &Outcome) -> impl Iterator<Item = &Repeat> {
    let levels = outcome.search.iter().flat_map(|search| &search.levels).filter(|level| level.kept);
    outcome.repeats.iter().chain(levels.map(|level| &level.repeat))
}

fn banner(run: &Run) -> Markup {
    let outcomes = || run.scenarios.iter().flat_map(|scenario| scenario.outcomes.iter().map(move |o| (scenario, o)));
    let all = outcomes().flat_map(|(_, outcome)| measured(outcome)).count();
    let broken: Vec<String> = outcomes()
        .filter_map(|(scenario, outcome)| {
            let mut why: Vec<String> =
                relied(outcome).filter(|r| !r.validity.valid).map(|r| reasons(&r.validity)).collect();
            why.extend(
                outcome.summary.iter().filter(|summary| !summary.valid).map(|summary| spelled(&summary.reasons)),
            );
            why.sort();
            why.dedup();
            (!why.is_empty()).then(|| format!("{} on {}: {}", scenario.name, outcome.system, why.join("; ")))
        })
        .collect();
    html! {
        @if all == 0 {
            p.banner.bad { strong { "✗ Nothing was measured." } }
        } @else if broken.is_empty() {
            p.banner.good { strong { "✓ Valid." } " The clients kept up in " (many(all, "measurement")) ": these are figures of the servers." }
        } @else {
            div.banner.bad {
                p { strong { "✗ Not all of it is valid." } " These figures are not those of the servers, and must not be quoted:" }
                ul { @for line in &broken { li { (line) } } }
            }
        }
    }
}

fn median(spread: Option<Spread>) -> Option<f64> {
    spread.map(|spread| spread.median)
}

/// By packets, mixers and forwarders cannot be compared: where one mixes, all are by participants.
fn somebody_mixes(scenario: &ScenarioRun) -> bool {
    scenario.outcomes.iter().any(Outcome::mixes)
}

/// What a system costs, in ns: a forwarded packet, or a participant and second.
fn cost_of(scenario: &ScenarioRun, summary: &Summary) -> Option<f64> {
    if somebody_mixes(scenario) {
        return Some(median(summary.cpu_us_per_participant_s)? * 1e3);
    }
    median(summary.cpu_ns_per_packet)
}

/// Systems with a known cost, the cheapest first. The floor is none.
fn by_cost(scenario: &ScenarioRun) -> Vec<(&str, f64, &Summary)> {
    let with_cost = |outcome: &'_ Outcome| cost_of(scenario, outcome.summary.as_ref()?);
    let systems = scenario.outcomes.iter().filter(|outcome| outcome.system != FLOOR);
    let mut systems: Vec<(&str, f64, &Summary)> = systems
        .filter_map(|outcome| Some((outcome.system.as_str(), with_cost(outcome)?, outcome.summary.as_ref()?)))
        .collect();
    systems.sort_by(|a, b| a.1.total_cmp(&b.1));
    systems
}

fn sentences(scenario: &ScenarioRun) -> Markup {
    let systems = by_cost(scenario);
    html! {
        @if let Some((first, cost, summary)) = systems.first() {
            p.sentence {
                strong { (scenario.name) ": " }
                (first) @if systems.len() > 1 { " costs least, " } @else { " costs " }
                @let mixed = somebody_mixes(scenario);
                strong { (time_ns(*cost)) } " of CPU " @if mixed { "a participant and second" } @else { "a forwarded packet" }
                @if let Some(ratio) = median(summary.ratio).filter(|_| !mixed) { ", " strong { (times(ratio)) } " the floor" }
                @for (name, other, _) in systems.iter().skip(1) {
                    "; " (name) " " (time_ns(*other)) ", " strong { (times(other / cost.max(f64::MIN_POSITIVE))) } " that"
                }
                "."
            }
        }
        @for outcome in scenario.outcomes.iter().filter(|outcome| !outcome.broken.is_empty()) {
            p.sentence { strong { (scenario.name) ": " } span.bad { (outcome.system) " did not keep the quality: " (spelled(&outcome.broken)) } "." }
        }
        @for outcome in &scenario.outcomes {
            @if let Some(search) = &outcome.search { p.sentence { strong { (scenario.name) ": " } (knee(&outcome.system, search)) } }
        }
    }
}

/// What a search found, in a sentence.
pub(super) fn knee(system: &str, search: &Search) -> Markup {
    let knee = &search.knee;
    html! {
        @match knee.largest {
            Some(largest) => {
                (system) " carries " strong { (number(f64::from(largest))) " " (search.grows) }
                " (" (number(knee.packets_per_s)) " packets/s"
                @if let Some(load) = knee.load {
                    ", " (many(load.rooms as usize, "room")) ", " (many(load.publishers as usize, "publisher")) ", "
                    (many(load.viewers as usize, "viewer")) ", " (many(load.streams as usize, "stream"))
                }
                ")"
            },
            None => { (system) " keeps the quality at none of the loads tried" },
        }
        @if let Some(broken) = knee.smallest_broken { "; not " (number(f64::from(broken))) }
        @match knee.stopped_by.as_str() {
            "server" => { "." },
            "generator" => { ". " span.bad { "The clients stopped it" } ": the server may carry more." },
            "limit" => { ". The scenario’s limit stopped it: the server may carry more." },
            other => { ". Stopped by " (other) "." },
        }
    }
}

fn overview(run: &Run, look: &Look) -> Markup {
    let shown = |outcome: &&Outcome| outcome.summary.is_some() || outcome.absent.is_some();
    let any = run.scenarios.iter().flat_map(|scenario| &scenario.outcomes).any(|outcome| outcome.summary.is_some());
    let figure =
        |spread: Option<Spread>, words: fn(f64) -> String| median(spread).map_or_else(|| "–".to_owned(), words);
    html! {
        @if any {
            (wide("All scenarios and systems", &html! {
                table.overview {
                    caption { "All scenarios and systems: medians of the repeats." }
                    thead { tr {
                        th scope="col" { "System" } th scope="col" { "CPU a packet" } th scope="col" { "× floor" }
                        th scope="col" { "× cheapest" } th scope="col" { "p50" } th scope="col" { "p99" } th scope="col" { "Lost" }
                        th scope="col" { "Joins failed" } th scope="col" { "A viewer" } th.word scope="col" { "Valid" }
                    } }
                    @for scenario in &run.scenarios {
                        tbody {
                            tr.group { th colspan="10" scope="rowgroup" { span { (scenario.name) } } }
                            @let cheapest = by_cost(scenario).first().map(|(_, cost, _)| *cost).filter(|cost| *cost > 0.0);
                            @for outcome in scenario.outcomes.iter().filter(shown) {
                                tr {
                                    th scope="row" { (look.named(&outcome.system)) }
                                    @if let Some(summary) = &outcome.summary {
                                        @let cost = cost_of(scenario, summary);
                                        @let against = cost.zip(cheapest).filter(|_| outcome.system != FLOOR).map(|(cost, least)| cost / least);
                                        @let us = |us: f64| time_ns(us * 1e3);
                                        // A floor adds no latency, loses nothing and lets nobody in.
                                        @let served = summary.latency.count > 0 || outcome.system != FLOOR;
                                        td { (figure(summary.cpu_ns_per_packet.filter(|_| !outcome.mixes()), time_ns)) }
                                        td { (figure(summary.ratio, times)) }
                                        td { (against.map_or_else(|| "–".to_owned(), times)) }
                                        td { (figure(summary.added_p50_us.filter(|_| summary.latency.count > 0), us)) }
                                        td { (figure(summary.added_p99_us.filter(|_| summary.latency.count > 0), us)) }
                                        td { (figure(summary.loss_pct.filter(|_| served), |pct| format!("{}\u{a0}%", number(pct)))) }
                                        td { @if served { (number(summary.joins_failed as f64)) } @else { "–" } }
                                        td { (figure(summary.mem_kb_per_viewer, |kb| format!("{}\u{a0}kB", number(kb)))) }
                                        td.word { (verdict(summary.valid)) }
                                    } @else {
                                        td.word colspan="8" { span.bad { "absent: " } (outcome.absent.as_deref().unwrap_or_default()) }
                                        td.word { "–" }
                                    }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}

/// What a reader must know before he believes a figure.
fn notes(run: &Run) -> Markup {
    let machine = &run.machine;
    let [before, ..] = machine.load_before;
    let mut notes: Vec<String> = Vec::new();
    if before > BUSY_BEFORE * machine.cores as f64 {
        notes.push(format!(
            "The machine was busy before the run: load average {before:.2} on {}. Figures of latency suffer most.",
            many(machine.cores, "core")
        ));
    }
    if machine.server_core.is_none() {
        notes.push("Servers and clients shared their cores: figures are less steady.".to_owned());
    }
    let repeats =
        run.scenarios.iter().flat_map(|s| &s.outcomes).map(|o| o.repeats.len()).filter(|count| *count > 0).min();
    if let Some(repeats) = repeats.filter(|repeats| *repeats < FEW) {
        notes.push(format!("Only {} of each: the spread says little.", many(repeats, "measurement")));
    }
    for system in &run.systems {
        if let Some(why) = &system.absent {
            notes.push(format!("{} is absent: {why}", system.name));
        }
    }
    for scenario in &run.scenarios {
        for outcome in &scenario.outcomes {
            let known = run.systems.iter().any(|system| system.name == outcome.system && system.absent.is_some());
            if let Some(why) = outcome.absent.as_ref().filter(|_| !known) {
                notes.push(format!("{} has no figures of {}: {why}", outcome.system, scenario.name));
            }
        }
    }
    html! {
        @if !notes.is_empty() { ul.notes { @for note in &notes { li { (note) } } } }
    }
}
