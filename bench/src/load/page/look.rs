//! What has one look all over the page: a system's colour, a run's letter, whether something is valid.

use super::plot::{Ink, SERIES};
use crate::load::result::{Run, SystemInfo, Validity};
use maud::{Markup, html};

/// The name of the floor among the systems.
pub(super) const FLOOR: &str = "floor";

/// Which system has which colour, the same in all runs.
#[derive(Debug, Clone)]
pub(super) struct Look {
    systems: Vec<String>,
}

impl Look {
    /// In the order in which they come.
    pub(super) fn of(runs: &[Run]) -> Self {
        let mut systems: Vec<String> = Vec::new();
        let outcomes = runs.iter().flat_map(|run| &run.scenarios).flat_map(|scenario| &scenario.outcomes);
        for outcome in outcomes {
            if outcome.system != FLOOR && !systems.contains(&outcome.system) {
                systems.push(outcome.system.clone());
            }
        }
        Self { systems }
    }

    /// What a system is drawn in.
    pub(super) fn ink(&self, system: &str) -> Ink {
        let index = self.systems.iter().position(|known| known == system);
        index.map_or(Ink::Floor, |index| Ink::Series((index % usize::from(SERIES)) as u8))
    }

    /// A system's name beside its colour.
    pub(super) fn named(&self, system: &str) -> Markup {
        let colour = format!("background:var({})", self.ink(system).variable());
        html! { span.system { span.swatch style=(colour) {} (system) } }
    }
}

/// What a run is called where there are several: A, B, ..
pub(super) fn letter(run: usize) -> String {
    u8::try_from(run)
        .ok()
        .filter(|run| *run < 26)
        .map_or_else(|| format!("run {}", run + 1), |run| char::from(b'A' + run).to_string())
}

/// A system with its version, which some begin with their name.
pub(super) fn versioned(system: &SystemInfo) -> String {
    let version = system.version.strip_prefix(system.name.as_str()).map_or(system.version.as_str(), str::trim_start);
    format!("{} {version}", system.name).trim_end().to_owned()
}

/// Valid or not, in a word, a sign and a colour.
pub(super) fn verdict(valid: bool) -> Markup {
    html! {
        @if valid { span.good { "✓ valid" } } @else { span.bad { "✗ not valid" } }
    }
}

/// Why a measurement is not valid, in words.
pub(super) fn reasons(validity: &Validity) -> String {
    spelled(&validity.reasons)
}

/// Reasons are words with underscores, for machines.
pub(super) fn spelled(reasons: &[String]) -> String {
    reasons.iter().map(|reason| reason.replace('_', " ")).collect::<Vec<_>>().join("; ")
}

/// So many of something.
pub(super) fn many(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
