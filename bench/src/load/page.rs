//! Runs as one page that needs nothing else.

use super::result::{Run, Spread};
use std::fmt::Write as _;

/// The page.
#[must_use]
pub fn html(runs: &[Run]) -> String {
    let mut page =
        String::from("<!doctype html><meta charset=utf-8><title>Colloquy bench</title><h1>Colloquy bench</h1>");
    for run in runs {
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            page,
            "<h2><code>{}</code></h2><p>{}, {}</p>",
            escaped(&run.command),
            escaped(&run.machine.cpu_model),
            escaped(&run.machine.kernel)
        );
        page.push_str("<table><tr><th>scenario<th>system<th>ns/packet<th>floor<th>p50 us<th>p99 us<th>loss %<th>valid");
        for scenario in &run.scenarios {
            for outcome in &scenario.outcomes {
                let _ = write!(page, "<tr><td>{}<td>{}", escaped(&scenario.name), escaped(&outcome.system));
                let Some(summary) = &outcome.summary else {
                    let _ = write!(page, "<td colspan=6>{}", escaped(outcome.absent.as_deref().unwrap_or("search")));
                    continue;
                };
                let figure = |of: Option<Spread>| of.map_or_else(|| "-".to_owned(), |of| format!("{:.2}", of.median));
                for of in [
                    summary.cpu_ns_per_packet,
                    summary.floor_ns_per_packet,
                    summary.added_p50_us,
                    summary.added_p99_us,
                    summary.loss_pct,
                ] {
                    let _ = write!(page, "<td>{}", figure(of));
                }
                let _ = write!(page, "<td>{}", if summary.valid { "yes" } else { "no" });
            }
        }
        page.push_str("</table>");
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
