//! Searches: the curve of every system, its knee, and every load that was tried.

use super::look::{Look, spelled, verdict};
use super::number::{number, short, time_ns};
use super::plot::{Line, Mark, Plot, Scale, lines};
use super::table::{measurements, wide};
use super::verdict::knee;
use crate::load::result::{Level, Outcome, Repeat, ScenarioRun, Search};
use maud::{Markup, html};

/// The part of a scenario's section that searches have; empty without one.
pub(super) fn part(scenario: &ScenarioRun, look: &Look) -> Markup {
    let searches: Vec<(&Outcome, &Search)> =
        scenario.outcomes.iter().filter_map(|outcome| Some((outcome, outcome.search.as_ref()?))).collect();
    if searches.is_empty() {
        return html! {};
    }
    html! {
        (super::scenario::legend(scenario, look))
        p { "A dot is a load that kept the quality, a cross one that did not. The dashed line is the knee: the largest load kept." }
        div.plots { @for plot in plots(&searches, look) { (plot.figure()) } }
        @for (outcome, search) in &searches {
            p.sentence { (knee(&outcome.system, search)) }
            (levels(scenario, outcome, search))
            @let repeats: Vec<(String, &Repeat)> =
                search.levels.iter().map(|level| (format!("{} {}", number(f64::from(level.value)), search.grows), &level.repeat)).collect();
            (measurements(&format!("Every load of {} in {}", outcome.system, scenario.name), &repeats, None))
        }
    }
}

fn plots(searches: &[(&Outcome, &Search)], look: &Look) -> Vec<Plot> {
    let line = |of: fn(&Repeat) -> Option<f64>| -> Vec<Line> {
        let one = |(outcome, search): &(&Outcome, &Search)| {
            let known: Vec<(&Level, f64)> =
                search.levels.iter().filter_map(|level| Some((level, of(&level.repeat)?))).collect();
            let points = known.iter().map(|(level, figure)| (f64::from(level.value), *figure)).collect();
            let tried = Some(known.iter().map(|(level, _)| level.kept).collect());
            Line { points, ink: look.ink(&outcome.system), dashed: false, tried }
        };
        searches.iter().map(one).collect()
    };
    let marks: Vec<Mark> = searches
        .iter()
        .filter_map(|(outcome, search)| {
            let at = f64::from(search.knee.largest?);
            Some(Mark { at, words: format!("{} {}", outcome.system, number(at)), ink: look.ink(&outcome.system) })
        })
        .collect();
    let grows = searches.first().map_or("load", |(_, search)| search.grows.as_str());
    let levels = || searches.iter().flat_map(|(_, search)| &search.levels);
    let x = Scale::linear(levels().map(|level| f64::from(level.value)).fold(1.0, f64::max), short);
    let largest =
        |lines: &[Line]| lines.iter().flat_map(|line| &line.points).map(|(_, figure)| *figure).fold(0.0, f64::max);
    let linear = |title: &str, of: fn(&Repeat) -> Option<f64>, words: fn(f64) -> String| {
        let all = line(of);
        let y = Scale::linear(largest(&all), words);
        lines(&format!("{title}, against {grows}"), &all, &marks, &x, &y)
    };
    let late = line(|repeat| Some(repeat.hold.latency.p99_ns as f64).filter(|ns| *ns > 0.0));
    let y = Scale::log(late.iter().flat_map(|line| &line.points).map(|(_, ns)| *ns), time_ns);
    let plots = [
        lines(&format!("Added latency p99, against {grows}"), &late, &marks, &x, &y),
        linear("Packets lost, %", |repeat| Some(repeat.hold.delivery.loss_pct), short),
        linear(
            "CPU time of the server for each forwarded packet",
            |repeat| Some(repeat.hold.server?.cpu_ns_per_packet),
            time_ns,
        ),
        linear("Cores that the server had busy", |repeat| Some(repeat.hold.server?.cores), short),
        linear("Packets forwarded a second", |repeat| Some(repeat.hold.delivery.packets_per_s), short),
    ];
    plots.into_iter().flatten().collect()
}

fn levels(scenario: &ScenarioRun, outcome: &Outcome, search: &Search) -> Markup {
    let name = format!("Loads tried on {} in {}", outcome.system, scenario.name);
    wide(
        &name,
        &html! {
            table {
                caption { (name) "." }
                thead { tr {
                    th scope="col" { (search.grows) } th.word scope="col" { "Kept" } th scope="col" { "Packets/s" } th scope="col" { "CPU a packet" }
                    th scope="col" { "Cores" } th scope="col" { "p50" } th scope="col" { "p99" } th scope="col" { "Lost" }
                    th scope="col" { "Join p99" } th.word scope="col" { "What broke" } th.word scope="col" { "Clients" }
                } }
                tbody {
                    @for level in &search.levels {
                        @let hold = &level.repeat.hold;
                        tr {
                            th scope="row" { (number(f64::from(level.value))) @if search.knee.largest == Some(level.value) { " ← knee" } }
                            td.word { @if level.kept { span.good { "✓ yes" } } @else { span.bad { "✗ no" } } }
                            td { (number(hold.delivery.packets_per_s)) }
                            td { (hold.server.map_or_else(|| "–".to_owned(), |server| time_ns(server.cpu_ns_per_packet))) }
                            td { (hold.server.map_or_else(|| "–".to_owned(), |server| number(server.cores))) }
                            td { (time_ns(hold.latency.p50_ns as f64)) }
                            td { (time_ns(hold.latency.p99_ns as f64)) }
                            td { (number(hold.delivery.loss_pct)) "\u{a0}%" }
                            td { (time_ns(level.repeat.joins.connected.p99_ns as f64)) }
                            td.word { @if level.broken.is_empty() { "–" } @else { (spelled(&level.broken)) } }
                            td.word { (verdict(level.repeat.validity.valid)) }
                        }
                    }
                }
            }
        },
    )
}
