//! Several runs side by side: what changed, and whether they may be compared at all.

use super::figures::{Better, Figure, all};
use super::look::{FLOOR, Look, letter};
use super::number::{number, time_ns, times};
use super::plot::{Bar, bars};
use super::table::{cell, grouped, head, wide};
use crate::load::result::{Knee, Outcome, Run, ScenarioRun, Spread};
use maud::{Markup, html};

/// Less is no change: two measurements of the same thing differ by as much.
const NOISE: f64 = 0.02;

/// The section; empty for a single run.
pub(super) fn section(runs: &[Run], look: &Look) -> Markup {
    if runs.len() < 2 {
        return html! {};
    }
    let warnings = warnings(runs);
    let pairs = pairs(runs);
    html! {
        section aria-labelledby="compare" {
            h2 #compare { "Runs side by side" }
            ul { @for (index, run) in runs.iter().enumerate() { li { strong { (letter(index)) } ": " code { (run.command) } } } }
            @if !warnings.is_empty() {
                div.banner.bad {
                    p { strong { "✗ These runs differ in more than what was measured:" } }
                    ul { @for warning in &warnings { li { (warning) } } }
                }
            }
            @if pairs.is_empty() { p { "No system was measured in the same scenario twice." } }
            @if pairs.iter().any(|pair| pair.found.iter().flatten().any(|(_, outcome)| outcome.summary.is_some())) {
                p { "The last columns divide a run’s median by that of run A. Where the ranges of the repeats overlap, or medians are within "
                    (number(NOISE * 100.0)) " %, nothing is known to have changed." }
            }
            @for pair in &pairs { (table(pair, runs.len(), look)) }
        }
    }
}

/// A system in a scenario, in those runs that have it.
struct Pair<'a> {
    scenario: &'a str,
    system: &'a str,
    found: Vec<Option<(&'a ScenarioRun, &'a Outcome)>>,
}

fn pairs(runs: &[Run]) -> Vec<Pair<'_>> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        for (scenario, outcome) in run.scenarios.iter().flat_map(|s| s.outcomes.iter().map(move |outcome| (s, outcome)))
        {
            if outcome.summary.is_none() && outcome.search.is_none() {
                continue;
            }
            // A search and repeats of one scenario are no pair.
            let kind = |other: &Outcome| other.search.is_some() == outcome.search.is_some();
            let known = pairs.iter_mut().find(|pair| {
                let same = pair.scenario == scenario.name && pair.system == outcome.system;
                same && pair.found.iter().flatten().all(|(_, other)| kind(other))
            });
            let pair = match known {
                Some(pair) => pair,
                None => {
                    pairs.push(Pair {
                        scenario: &scenario.name,
                        system: &outcome.system,
                        found: vec![None; runs.len()],
                    });
                    let Some(pair) = pairs.last_mut() else { continue };
                    pair
                }
            };
            if let Some(place) = pair.found.get_mut(index) {
                *place = place.or(Some((scenario, outcome)));
            }
        }
    }
    pairs.retain(|pair| pair.found.iter().flatten().count() > 1);
    pairs
}

fn spread(figure: &Figure, found: Option<(&ScenarioRun, &Outcome)>) -> Option<Spread> {
    let (_, outcome) = found?;
    figure.spread(outcome.summary.as_ref()?, &outcome.repeats)
}

fn table(pair: &Pair<'_>, runs: usize, look: &Look) -> Markup {
    let figures: Vec<Figure> = all().into_iter().filter(|figure| figure.main).collect();
    let known = |figure: &Figure| pair.found.iter().filter(|found| spread(figure, **found).is_some()).count() > 1;
    let first = |figure: &Figure| pair.found.first().and_then(|found| spread(figure, *found));
    let name = format!("{} in {}", pair.system, pair.scenario);
    let searched = pair.found.iter().flatten().any(|(_, outcome)| outcome.search.is_some());
    html! {
        h3 { (look.named(pair.system)) " in " (pair.scenario) }
        @if searched {
            (knees(pair))
        } @else {
            @if pair.system != FLOOR { @if let Some(plot) = costs(pair, look) { div.plots { (plot.figure()) } } }
            (wide(&name, &html! {
                table.figures {
                    caption { (name) ": medians, ranges and ratios." }
                    thead { tr {
                        th scope="col" { "Figure" }
                        @for index in 0..runs { th scope="col" { (letter(index)) } }
                        @for index in 1..runs { th scope="col" { (letter(index)) " / A" } }
                    } }
                    (grouped(&figures, 2 * runs - 1, known, |figure| html! {
                        tr {
                            (head(figure))
                            @for found in &pair.found { (cell(figure, spread(figure, *found))) }
                            @for found in pair.found.iter().skip(1) { (change(figure, first(figure), spread(figure, *found))) }
                        }
                    }))
                }
            }))
        }
    }
}

/// A ratio, and what it says.
fn change(figure: &Figure, before: Option<Spread>, after: Option<Spread>) -> Markup {
    let Some((before, after)) = before.zip(after) else { return html! { td.none { "–" } } };
    let ratio = (before.median != 0.0).then(|| after.median / before.median);
    let overlap = after.min <= before.max && before.min <= after.max;
    let near = ratio.map_or(before.median == after.median, |ratio| (ratio - 1.0).abs() < NOISE);
    let grew = after.median > before.median;
    let better = (figure.better == Better::Higher) == grew;
    html! {
        td {
            @match ratio { Some(ratio) => (times(ratio)), None => "–" }
            small {
                @if figure.better == Better::Neither { "" }
                @else if overlap || near { "no change known" }
                @else if better { span.good { "▼ better" } }
                @else { span.bad { "▲ worse" } }
            }
        }
    }
}

fn costs(pair: &Pair<'_>, look: &Look) -> Option<super::plot::Plot> {
    let of = |(index, found): (usize, &Option<(&ScenarioRun, &Outcome)>)| {
        let figure = found.as_ref()?.1.summary.as_ref()?.cpu_ns_per_packet?;
        Some(Bar { name: letter(index), figure, ink: look.ink(pair.system) })
    };
    let all: Vec<Bar> = pair.found.iter().enumerate().filter_map(of).collect();
    let floors = pair.found.iter().flatten().filter_map(|(_, o)| Some(o.summary.as_ref()?.floor_ns_per_packet?.median));
    let floor = Spread::of(floors).map(|floor| ("floor", floor.median));
    bars("CPU time of the server for each forwarded packet, run by run", &all, floor, time_ns)
}

/// Searches of one scenario in several runs.
fn knees(pair: &Pair<'_>) -> Markup {
    let first = pair.found.first().and_then(knee).and_then(|(knee, _)| knee.largest).filter(|largest| *largest > 0);
    html! {
        (wide("Knees", &html! {
            table {
                caption { "The largest loads that kept the quality." }
                thead { tr { th scope="col" { "Run" } th scope="col" { "Largest load" } th scope="col" { "Packets/s" } th.word scope="col" { "Stopped by" } th scope="col" { "/ A" } } }
                tbody {
                    @for (index, found) in pair.found.iter().enumerate() {
                        @if let Some((knee, grows)) = knee(found) {
                            tr {
                                th scope="row" { (letter(index)) }
                                td { @match knee.largest { Some(largest) => { (number(f64::from(largest))) " " (grows) }, None => "none" } }
                                td { (number(knee.packets_per_s)) }
                                td.word { (knee.stopped_by) }
                                td { @match knee.largest.zip(first) { Some((now, first)) => (times(f64::from(now) / f64::from(first))), None => "–" } }
                            }
                        }
                    }
                }
            }
        }))
    }
}

fn knee<'a>(found: &Option<(&ScenarioRun, &'a Outcome)>) -> Option<(&'a Knee, &'a str)> {
    let search = found.as_ref()?.1.search.as_ref()?;
    Some((&search.knee, &search.grows))
}

/// What makes runs hard to compare.
fn warnings(runs: &[Run]) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut differ = |what: String, values: Vec<String>| {
        if values.windows(2).any(|two| matches!(two, [a, b] if a != b)) {
            warnings.push(format!("{what}: {}", values.join(" / ")));
        }
    };
    let each = |of: &dyn Fn(&Run) -> String| runs.iter().map(of).collect::<Vec<_>>();
    differ("processor".to_owned(), each(&|run| run.machine.cpu_model.clone()));
    differ("cores".to_owned(), each(&|run| run.machine.cores.to_string()));
    differ("memory in kB".to_owned(), each(&|run| run.machine.memory_kb.to_string()));
    differ("kernel".to_owned(), each(&|run| run.machine.kernel.clone()));
    differ("system".to_owned(), each(&|run| run.machine.system.clone()));
    differ("the server's core".to_owned(), each(&|run| core(run.machine.server_core)));
    differ("run before other work".to_owned(), each(&|run| if run.machine.first { "yes" } else { "no" }.to_owned()));
    differ("version of the harness".to_owned(), each(&|run| run.harness.clone()));
    differ("seed".to_owned(), each(&|run| run.seed.to_string()));
    for (name, of) in systems(runs) {
        let versions = of.iter().map(|system| system.version.clone()).collect();
        differ(format!("version of {name}"), versions);
    }
    for (name, of) in systems(runs) {
        let settings: Vec<String> = of.iter().map(|system| without_ports(&system.settings)).collect();
        if settings.windows(2).any(|two| matches!(two, [a, b] if a != b)) {
            warnings.push(format!("settings of {name}: not the same, see below"));
        }
    }
    for pair in pairs(runs) {
        let texts: Vec<&str> = pair.found.iter().flatten().map(|(scenario, _)| scenario.text.as_str()).collect();
        let what = format!("scenario {}", pair.scenario);
        let told = warnings.iter().any(|warning| warning.starts_with(&what));
        if !told && texts.windows(2).any(|two| matches!(two, [a, b] if a != b)) {
            warnings.push(format!("{what}: its files differ"));
        }
    }
    warnings
}

/// Settings without the ports that were free by chance: numbers of Linux's range for them (ip(7), `ip_local_port_range`).
fn without_ports(settings: &str) -> String {
    let free = |number: &str| number.parse().is_ok_and(|port: u32| (32_768..=60_999).contains(&port));
    let parts = settings.split_inclusive(|c: char| !c.is_ascii_digit());
    let part = |part: &str| {
        let number = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        if free(number) { format!("port{}", part.strip_prefix(number).unwrap_or_default()) } else { part.to_owned() }
    };
    parts.map(part).collect()
}

/// A core's number, or that it was left free.
pub(super) fn core(core: Option<usize>) -> String {
    core.map_or_else(|| "any".to_owned(), |core| core.to_string())
}

/// Every system that more than one run has, with what each run says of it.
fn systems(runs: &[Run]) -> Vec<(&str, Vec<&crate::load::result::SystemInfo>)> {
    let mut systems: Vec<(&str, Vec<&crate::load::result::SystemInfo>)> = Vec::new();
    for system in runs.iter().flat_map(|run| &run.systems).filter(|system| system.absent.is_none()) {
        match systems.iter_mut().find(|(name, _)| *name == system.name) {
            Some((_, known)) => known.push(system),
            None => systems.push((&system.name, vec![system])),
        }
    }
    systems
}
