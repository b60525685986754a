//! Tables of figures: systems side by side, and every measurement by itself.

use super::figures::{Figure, all};
use super::look::{Look, reasons, verdict};
use super::number::{number, time_ns, times};
use crate::load::result::{Latencies, Outcome, Repeat, ScenarioRun, Spread, Summary};
use maud::{Markup, html};

/// A table that is moved sideways where the screen is narrow, by keys too.
pub(super) fn wide(name: &str, table: &Markup) -> Markup {
    html! { div.wide role="group" tabindex="0" aria-label=(name) { (table) } }
}

/// A figure in the digits of its unit.
pub(super) fn figure(figure: &Figure, value: f64) -> String {
    if figure.unit == "×" { times(value) } else { number(value) }
}

/// A cell: the median, and the range where there is one.
pub(super) fn cell(of: &Figure, spread: Option<Spread>) -> Markup {
    html! {
        @match spread {
            None => td.none { "–" },
            Some(spread) => td {
                (figure(of, spread.median))
                @if spread.max != spread.min {
                    small { (figure(of, spread.min)) " – " (figure(of, spread.max)) }
                }
            },
        }
    }
}

/// A table's first cell: what it is, in which unit.
pub(super) fn head(of: &Figure) -> Markup {
    html! {
        th scope="row" { (of.name) @if !of.unit.is_empty() && of.unit != "×" { span.unit { " " (of.unit) } } }
    }
}

/// Rows with headings between the groups. What no column knows is left out.
pub(super) fn grouped(
    figures: &[Figure],
    columns: usize,
    known: impl Fn(&Figure) -> bool,
    row: impl Fn(&Figure) -> Markup,
) -> Markup {
    let shown: Vec<&Figure> = figures.iter().filter(|figure| known(figure)).collect();
    html! {
        @for group in shown.chunk_by(|a, b| a.group == b.group) {
            tbody {
                @if let Some(first) = group.first() {
                    tr.group { th colspan=(columns + 1) scope="rowgroup" { span { (first.group) } } }
                }
                @for figure in group { (row(figure)) }
            }
        }
    }
}

/// Systems side by side in one scenario.
pub(super) fn systems(scenario: &ScenarioRun, look: &Look) -> Markup {
    let measured: Vec<(&Outcome, &Summary)> =
        scenario.outcomes.iter().filter_map(|outcome| Some((outcome, outcome.summary.as_ref()?))).collect();
    if measured.is_empty() {
        return html! {};
    }
    let figures: Vec<Figure> = all().into_iter().filter(|figure| figure.main).collect();
    let spread = |figure: &Figure, (outcome, summary): &(&Outcome, &Summary)| figure.spread(summary, &outcome.repeats);
    let known = |figure: &Figure| measured.iter().any(|one| spread(figure, one).is_some());
    let name = format!("Figures of {}", scenario.name);
    wide(
        &name,
        &html! {
            table.figures {
                caption { "Median of the repeats, and below it the smallest and the largest. “–” is not measured. Joins that failed are those of all repeats." }
                thead {
                    tr {
                        th scope="col" { "Figure" }
                        @for (outcome, summary) in &measured {
                            th scope="col" {
                                (look.named(&outcome.system))
                                small { (verdict(summary.valid)) }
                            }
                        }
                    }
                }
                (grouped(&figures, measured.len(), known, |figure| html! {
                    tr { (head(figure)) @for one in &measured { (cell(figure, spread(figure, one))) } }
                }))
            }
        },
    )
}

/// Every measurement of a system: repeats, or the loads of a search. Each has a name.
pub(super) fn measurements(title: &str, repeats: &[(String, &Repeat)], pooled: Option<&Latencies>) -> Markup {
    let figures = all();
    let known = |figure: &Figure| repeats.iter().any(|(_, repeat)| figure.of(repeat).is_some());
    html! {
        details {
            summary { (title) }
            @if let Some(pooled) = pooled.filter(|pooled| pooled.count > 0) { p { "Latencies of all repeats together: " (told(pooled)) } }
            @for (name, repeat) in repeats {
                @if !repeat.validity.valid { p.bad { "✗ " (name) " is not valid: " (reasons(&repeat.validity)) "." } }
                @if repeat.hold.delivery.by_sequence {
                    p { (name) ": what was due is counted by sequence numbers, because a server may leave layers out." }
                }
                @if !repeat.joins.failures.is_empty() {
                    p { (name) ", joins that failed: " }
                    ul { @for failure in &repeat.joins.failures { li { (failure) } } }
                }
            }
            (wide(title, &html! {
                table.figures {
                    caption { "Each measurement by itself, in the order of the columns’ numbers." }
                    thead {
                        tr {
                            th scope="col" { "Figure" }
                            @for (name, repeat) in repeats {
                                th scope="col" { (name) small { "no. " (u64::from(repeat.order) + 1) " of the run" } small { (verdict(repeat.validity.valid)) } }
                            }
                        }
                    }
                    (grouped(&figures, repeats.len(), known, |figure| html! {
                        tr {
                            (head(figure))
                            @for (_, repeat) in repeats {
                                @match figure.of(repeat) {
                                    None => td.none { "–" },
                                    Some(value) => td { (self::figure(figure, value)) },
                                }
                            }
                        }
                    }))
                }
            }))
        }
    }
}

fn told(latencies: &Latencies) -> String {
    let parts = [
        ("smallest", latencies.min_ns as f64),
        ("mean", latencies.mean_ns),
        ("p50", latencies.p50_ns as f64),
        ("p95", latencies.p95_ns as f64),
        ("p99", latencies.p99_ns as f64),
        ("p99.9", latencies.p999_ns as f64),
        ("largest", latencies.max_ns as f64),
    ];
    let parts: Vec<String> = parts.iter().map(|(name, ns)| format!("{name} {}", time_ns(*ns))).collect();
    format!("{} of {} packets.", parts.join(", "), number(latencies.count as f64))
}
