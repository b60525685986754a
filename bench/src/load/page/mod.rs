//! Runs as one page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! [`html`] is the only door. `verdict` says what came of it, `compare` sets runs side by side, `scenario` and `search` show one
//! scenario each, `about` tells on what and how; `figures` knows the figures, `table` and `plot` show them. All text comes through
//! `maud` or `plotters`, which escape it: what a JSON file says is never markup.

mod about;
mod compare;
mod figures;
mod look;
mod number;
mod plot;
mod scenario;
mod search;
mod table;
#[cfg(test)]
mod tests;
mod verdict;

use super::result::Run;
use look::{Look, letter, versioned};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// The page of some runs.
#[must_use]
pub fn html(runs: &[Run]) -> String {
    let look = Look::of(runs);
    let title = title(runs);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // A page without an icon makes browsers ask for one.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(plot::rules())) }
            }
            body {
                header { h1 { (title) } @for (index, run) in runs.iter().enumerate() { (line(run, (runs.len() > 1).then_some(index))) } (contents(runs)) }
                main {
                    (verdict::verdicts(runs, &look))
                    (compare::section(runs, &look))
                    @for (number, run) in runs.iter().enumerate() {
                        @for (index, scenario) in run.scenarios.iter().enumerate() {
                            (scenario::section(scenario, (runs.len() > 1).then_some(number), &anchor(number, index), &look))
                        }
                    }
                    (about::sections(runs))
                    (about::reading(runs))
                }
            }
        }
    };
    page.into_string()
}

fn title(runs: &[Run]) -> String {
    let mut names: Vec<&str> =
        runs.iter().flat_map(|run| &run.scenarios).map(|scenario| scenario.name.as_str()).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(*name));
    if names.is_empty() { "Load test".to_owned() } else { format!("Load test: {}", names.join(", ")) }
}

/// A run in a line: when, how long, on what.
fn line(run: &Run, number: Option<usize>) -> Markup {
    html! {
        p.facts {
            @if let Some(number) = number { strong { (letter(number)) } " · " }
            (number::date(run.started_unix_s)) " · " (number::duration(run.took_s)) " · "
            @for system in &run.systems { (versioned(system)) " · " }
            (run.machine.cpu_model)
        }
    }
}

fn anchor(run: usize, scenario: usize) -> String {
    format!("s{run}-{scenario}")
}

fn contents(runs: &[Run]) -> Markup {
    html! {
        nav aria-label="On this page" {
            ul {
                li { a href="#verdict" { "Verdict" } }
                @if runs.len() > 1 { li { a href="#compare" { "Side by side" } } }
                @for (number, run) in runs.iter().enumerate() {
                    @for (index, scenario) in run.scenarios.iter().enumerate() {
                        li { a href={ "#" (anchor(number, index)) } { @if runs.len() > 1 { (letter(number)) " " } (scenario.name) } }
                    }
                }
                li { a href="#again" { "The same again" } }
                li { a href="#systems" { "Settings" } }
                li { a href="#reading" { "How to read" } }
                li { a href="#not-measured" { "Not measured" } }
            }
        }
    }
}
