//! One scenario of one run: plots, the table of systems, and everything by itself.

use super::figures::{changed, signals};
use super::look::{FLOOR, Look, letter, many, spelled};
use super::number::{duration, number, short, time_ns};
use super::plot::{Bar, Line, Plot, Scale, Span, bars, lines, spans};
use super::{search, table};
use crate::load::result::{Latencies, Outcome, Repeat, Sample, ScenarioRun, Spread, Summary};
use maud::{Markup, html};

/// A scenario's section. `run` is its number where there are several runs.
pub(super) fn section(scenario: &ScenarioRun, run: Option<usize>, id: &str, look: &Look) -> Markup {
    let plots = plots(scenario, look);
    html! {
        section aria-labelledby=(id) {
            h2 #(id) { @if let Some(run) = run { "Run " (letter(run)) ": " } "Scenario " (scenario.name) }
            p { (scenario.about) }
            @if !scenario.changed.is_empty() {
                p.notes { "Played otherwise than its file says; changed: " code { (scenario.changed.join(" ")) } }
            }
            @if let Some(first) = scenario.outcomes.iter().find_map(|outcome| outcome.repeats.first()) { (shape(first, scenario)) }
            @for outcome in &scenario.outcomes {
                @if let Some(why) = &outcome.absent { p.notes { (look.named(&outcome.system)) ": no figures. " (why) } }
            }
            @for outcome in scenario.outcomes.iter().filter(|outcome| outcome.mixes()) {
                p.notes { (look.named(&outcome.system)) ": latency and loss are not measurable: it mixes, and sends everybody one stream instead of one of each." }
            }
            @for outcome in &scenario.outcomes { (kept(outcome, look)) }
            @if !plots.is_empty() {
                (legend(scenario, look))
                div.plots { @for plot in &plots { (plot.figure()) } }
            }
            (table::systems(scenario, look))
            (search::part(scenario, look))
            @for outcome in scenario.outcomes.iter().filter(|outcome| !outcome.repeats.is_empty()) {
                @let repeats: Vec<(String, &Repeat)> =
                    outcome.repeats.iter().enumerate().map(|(index, r)| (format!("repeat {}", index + 1), r)).collect();
                @let pooled = outcome.summary.as_ref().map(|summary| &summary.latency);
                (table::measurements(&format!("Every measurement of {} in {}", outcome.system, scenario.name), &repeats, pooled))
            }
            details {
                summary { "The scenario’s file" }
                pre tabindex="0" { code { (scenario.text) } }
            }
        }
    }
}

/// Whether the scenario's quality was kept, where it is judged by it, and what leaked.
fn kept(outcome: &Outcome, look: &Look) -> Markup {
    let leaks = || outcome.repeats.iter().filter_map(|repeat| repeat.audience.as_ref()).flat_map(|of| &of.leaks);
    let leaked = outcome.summary.as_ref().and_then(|summary| summary.leaked_packets);
    html! {
        @if !outcome.broken.is_empty() {
            p.notes { (look.named(&outcome.system)) ": " span.bad { "✗ the quality was not kept: " (spelled(&outcome.broken)) } }
        } @else if let Some(leaked) = leaked {
            p.notes { (look.named(&outcome.system)) ": " span.good { "✓ the quality was kept" } "; " (many(leaked as usize, "packet")) " leaked." }
        }
        @if leaks().next().is_some() {
            p.notes { "Leaked:" }
            ul { @for leak in leaks() { li { (leak) } } }
        }
    }
}

/// How much was played.
fn shape(repeat: &Repeat, scenario: &ScenarioRun) -> Markup {
    let load = &repeat.load;
    let turns = scenario.outcomes.iter().map(|outcome| outcome.repeats.len()).max().unwrap_or(0);
    html! {
        p.facts {
            (many(load.rooms as usize, "room")) ", " (many(load.publishers as usize, "publisher")) ", "
            (many(load.viewers as usize, "viewer")) ", " (many(load.streams as usize, "stream")) " to viewers; "
            (duration(repeat.hold.seconds)) " under load after " (duration(repeat.warm_up_s)) " of warm-up that is left out; "
            (many(turns, "measurement")) " of each system, in turns."
        }
    }
}

/// Which colour is whose.
pub(super) fn legend(scenario: &ScenarioRun, look: &Look) -> Markup {
    html! {
        p.legend {
            @for outcome in scenario.outcomes.iter().filter(|outcome| outcome.absent.is_none() && outcome.system != FLOOR) { (look.named(&outcome.system)) }
        }
    }
}

fn plots(scenario: &ScenarioRun, look: &Look) -> Vec<Plot> {
    let systems: Vec<(&Outcome, &Summary)> = scenario
        .outcomes
        .iter()
        .filter(|outcome| outcome.system != FLOOR)
        .filter_map(|outcome| Some((outcome, outcome.summary.as_ref()?)))
        .collect();
    let of = |figure: &dyn Fn(&Outcome, &Summary) -> Option<Spread>| -> Vec<Bar> {
        let bar = |(outcome, summary): &(&Outcome, &Summary)| {
            Some(Bar {
                name: outcome.system.clone(),
                figure: figure(outcome, summary)?,
                ink: look.ink(&outcome.system),
            })
        };
        systems.iter().filter_map(bar).collect()
    };
    let over =
        |outcome: &Outcome, of: &dyn Fn(&Repeat) -> Option<f64>| Spread::of(outcome.repeats.iter().filter_map(of));
    let floors = systems.iter().filter_map(|(_, summary)| Some(summary.floor_ns_per_packet?.median));
    let floor = Spread::of(floors).map(|floor| ("floor", floor.median));
    let server =
        |of: fn(&crate::load::result::ServerCost) -> Option<f64>| move |r: &Repeat| of(r.hold.server.as_ref()?);
    // A mixer sends one packet where others send many.
    let per_packet = |o: &Outcome, s: &Summary| s.cpu_ns_per_packet.filter(|_| !o.mixes());
    let mut plots = vec![
        bars("CPU time of the server for each forwarded packet", &of(&per_packet), floor, time_ns),
        bars(
            "CPU time of the server for each participant and second, µs",
            &of(&|_, s| s.cpu_us_per_participant_s),
            None,
            number,
        ),
        latencies(&systems, look),
        joins("Time to join: p50, p95, p99", &systems, look, |r| &r.joins.connected),
        joins("Time to the first key frame: p50, p95, p99", &systems, look, |r| &r.joins.first_media),
        joins("Time until others are told of a join: p50, p95, p99", &systems, look, |r| signals(r, |s| &s.notices)),
        joins("Time to subscribe to a track: p50, p95, p99", &systems, look, |r| signals(r, |s| &s.subscriptions)),
        joins("Time from a change of the audience to its answer: p50, p95, p99", &systems, look, |r| {
            changed(r, |of| &of.answers)
        }),
        joins("Time until sound begins that is newly heard: p50, p95, p99", &systems, look, |r| {
            changed(r, |of| &of.sound_begins)
        }),
        joins("Time until a picture begins that is newly seen: p50, p95, p99", &systems, look, |r| {
            changed(r, |of| &of.pictures_begin)
        }),
        joins("Time until the last packet of what is heard or seen no more: p50, p95, p99", &systems, look, |r| {
            changed(r, |of| &of.ends)
        }),
        bars("Memory of the server for each viewer, kB", &of(&|_, s| s.mem_kb_per_viewer), None, number),
        bars("Memory of the server for each publisher, kB", &of(&|_, s| s.mem_kb_per_publisher), None, number),
        bars("Packets that never came, % of those due", &of(&|_, s| s.loss_pct), None, number),
        bars(
            "Jitter that 95 in 100 streams stay under, ms",
            &of(&|o, _| over(o, &|r| Some(r.hold.jitter_p95_ms))),
            None,
            number,
        ),
        bars(
            "Context switches for each forwarded packet",
            &of(&|o, _| over(o, &server(|s| s.switches_per_packet))),
            None,
            number,
        ),
        bars(
            "System calls for each forwarded packet",
            &of(&|o, _| over(o, &server(|s| s.syscalls_per_packet))),
            None,
            number,
        ),
        bars(
            "Key frames asked of publishers under load",
            &of(&|o, _| over(o, &|r| Some(r.hold.key_frames.asked as f64))),
            None,
            number,
        ),
    ];
    plots.extend(timelines(&systems, look));
    plots.into_iter().flatten().collect()
}

fn latencies(systems: &[(&Outcome, &Summary)], look: &Look) -> Option<Plot> {
    let with = || systems.iter().filter(|(_, summary)| summary.latency.count > 0);
    let line = |(outcome, summary): &(&Outcome, &Summary)| Line {
        points: curve(&summary.latency),
        ink: look.ink(&outcome.system),
        dashed: false,
        tried: None,
    };
    let all: Vec<Line> = with().map(line).collect();
    let x = Scale::shares(with().map(|(_, summary)| summary.latency.count).max()?);
    let y = Scale::log(all.iter().flat_map(|line| &line.points).map(|(_, ns)| *ns), time_ns);
    lines("Added latency that a share of all packets stays under", &all, &[], &x, &y)
}

/// Share of all values and the largest of them, from half on.
fn curve(latencies: &Latencies) -> Vec<(f64, f64)> {
    let all: u64 = latencies.buckets.iter().fold(0, |all, (_, count)| all.saturating_add(*count));
    let mut points = vec![(0.5, latencies.p50_ns as f64)];
    let mut seen = 0_u64;
    for (ns, count) in &latencies.buckets {
        seen = seen.saturating_add(*count);
        // All of them are less than any share that an axis shows: one less is what can be told.
        let share = if seen < all { seen as f64 / all as f64 } else { 1.0 - 0.5 / all.max(1) as f64 };
        if share > 0.5 {
            points.push((share, *ns as f64));
        }
    }
    points
}

fn joins(title: &str, systems: &[(&Outcome, &Summary)], look: &Look, of: fn(&Repeat) -> &Latencies) -> Option<Plot> {
    let median = |outcome: &Outcome, part: fn(&Latencies) -> u64| {
        let known = outcome.repeats.iter().map(of).filter(|latencies| latencies.count > 0);
        Some(Spread::of(known.map(|latencies| part(latencies) as f64))?.median)
    };
    let span = |(outcome, _): &(&Outcome, &Summary)| {
        let parts_ns = [median(outcome, |l| l.p50_ns)?, median(outcome, |l| l.p95_ns)?, median(outcome, |l| l.p99_ns)?];
        Some(Span { name: outcome.system.clone(), parts_ns, ink: look.ink(&outcome.system) })
    };
    spans(title, &systems.iter().filter_map(span).collect::<Vec<_>>())
}

/// The time under load, second by second: every repeat has a line.
fn timelines(systems: &[(&Outcome, &Summary)], look: &Look) -> Vec<Option<Plot>> {
    let repeats =
        || systems.iter().flat_map(|(outcome, _)| outcome.repeats.iter().map(|r| (look.ink(&outcome.system), r)));
    let samples = || repeats().flat_map(|(_, repeat)| &repeat.hold.samples);
    let end = samples().map(|sample| sample.at_s).fold(0.0, f64::max);
    if end <= 0.0 {
        return Vec::new();
    }
    let x = Scale::until(end, |s| format!("{}\u{a0}s", short(s)));
    let line = |dashed: bool, of: fn(&Sample) -> Option<f64>| {
        repeats().map(move |(ink, repeat)| {
            let points = repeat.hold.samples.iter().filter_map(|sample| Some((sample.at_s, of(sample)?))).collect();
            Line { points, ink, dashed, tried: None }
        })
    };
    let plot = |title: &str, all: Vec<Line>, y: Scale| lines(title, &all, &[], &x, &y);
    let most = |of: fn(&Sample) -> f64| samples().map(of).fold(0.0, f64::max);
    let latencies = || samples().flat_map(|sample| [sample.p50_us * 1e3, sample.p99_us * 1e3]);
    let cores = most(|sample| sample.server_cores.unwrap_or(0.0).max(sample.generator_cores));
    let joined = most(|sample| f64::from(sample.joins));
    vec![
        plot(
            "Packets forwarded a second, over the time under load",
            line(false, |sample| Some(sample.packets_per_s)).collect(),
            Scale::linear(most(|sample| sample.packets_per_s), short),
        ),
        plot(
            "Added latency over the time under load: p99, dashed p50",
            line(false, |sample| Some(sample.p99_us * 1e3).filter(|ns| *ns > 0.0))
                .chain(line(true, |sample| Some(sample.p50_us * 1e3).filter(|ns| *ns > 0.0)))
                .collect(),
            Scale::log(latencies(), time_ns),
        ),
        plot(
            "Cores busy: server, dashed the clients",
            line(false, |sample| sample.server_cores)
                .chain(line(true, |sample| Some(sample.generator_cores)))
                .collect(),
            Scale::linear(cores, short),
        ),
        if joined > 0.0 {
            plot(
                "Joins done a second",
                line(false, |sample| Some(f64::from(sample.joins))).collect(),
                Scale::linear(joined, short),
            )
        } else {
            None
        },
    ]
}
