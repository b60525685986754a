//! Results as lines: for people while it runs, and one for machines at the end of each.

use crate::load::result::{AudienceFigures, Latencies, Outcome, Repeat, Run, Search, Spread};

/// The head of the table of measurements.
pub(super) const HEAD: &str = "scenario     system     turn  packets/s  ns/packet  floor  ratio  p50 us   p99 us  loss %  server  clients  kB/viewer  join p99 ms";

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// One measurement as a line of the table.
pub(super) fn row(scenario: &str, system: &str, turn: u32, repeat: &Repeat) -> String {
    let hold = &repeat.hold;
    let server = hold.server.map(|server| server.cpu_ns_per_packet);
    let floor = repeat.floor.map(|floor| floor.cpu_ns_per_packet);
    let ratio = server.zip(floor).filter(|(_, floor)| *floor > 0.0).map(|(server, floor)| server / floor);
    let validity = if repeat.validity.valid {
        String::new()
    } else {
        format!("  NOT VALID: {}", repeat.validity.reasons.join(" "))
    };
    format!(
        "{scenario:<12} {system:<10} {turn:>4} {:>10.0} {:>10} {:>6} {:>6} {:>7} {:>8} {:>7} {:>6}% {:>7.0}% {:>10} {:>12}{validity}",
        hold.delivery.packets_per_s,
        number(server, 0),
        number(floor, 0),
        number(ratio, 2),
        number((hold.latency.count > 0).then_some(hold.latency.p50_ns as f64 / 1e3), 0),
        number((hold.latency.count > 0).then_some(hold.latency.p99_ns as f64 / 1e3), 0),
        number(hold.mixed.is_none().then_some(hold.delivery.loss_pct), 3),
        number(hold.server.map(|server| server.cores * 100.0), 0),
        repeat.generator.cores * 100.0,
        number(repeat.memory.map(|memory| memory.kb_per_viewer), 0),
        number((repeat.joins.connected.count > 0).then_some(repeat.joins.connected.p99_ns as f64 / 1e6), 1),
    )
}

/// p50, p95 and p99.
fn ms(of: &Latencies) -> String {
    format!("{:.1} / {:.1} / {:.1} ms", of.p50_ns as f64 / 1e6, of.p95_ns as f64 / 1e6, of.p99_ns as f64 / 1e6)
}

/// What belongs to a measurement and has no column: what joins failed of, how quick signalling was, who got what was not for him.
pub(super) fn notes(repeat: &Repeat) -> Vec<String> {
    let signalling = repeat.signalling.as_ref().map(|s| {
        // Where people come into sight and go out of it, nobody is told of joins alone.
        let told = Some(&s.notices).filter(|notices| notices.count > 0 || repeat.audience.is_none());
        let told = told.map(|notices| format!(", others told {} ({} times)", ms(notices), notices.count));
        format!(
            "    p50 / p95 / p99: joins {}, requests {}, subscriptions {}{}",
            ms(&repeat.joins.signalled),
            ms(&s.requests),
            ms(&s.subscriptions),
            told.unwrap_or_default(),
        )
    });
    let mixed = repeat.hold.mixed.map(|mixed| {
        format!(
            "    latency and loss are not measurable: it mixes; sound heard by {} of {}, {:.1} packets/s each",
            mixed.hearers, mixed.participants, mixed.packets_per_s_each
        )
    });
    let failures = repeat.joins.failures.iter().map(|failure| format!("    join failed: {failure}"));
    let audience = repeat.audience.iter().flat_map(changes);
    failures.chain(mixed).chain(signalling).chain(audience).collect()
}

/// What came of changes of who hears and sees whom.
fn changes(of: &AudienceFigures) -> Vec<String> {
    let mut lines = vec![
        format!(
            "    p50 / p95 / p99: changes answered {} ({} times; refused {}, unanswered {})",
            ms(&of.answers),
            of.changes,
            of.refused,
            of.unanswered,
        ),
        format!(
            "    p50 / p95 / p99: sound begins {}, pictures begin {}, what was taken away ends {}; never began: sound {}, pictures {}",
            ms(&of.sound_begins),
            ms(&of.pictures_begin),
            ms(&of.ends),
            of.sound_never_began,
            of.pictures_never_began,
        ),
        format!("    leaked packets: {} of {} ({} ms of grace)", of.leaked_packets, of.judged, of.grace_ms),
    ];
    lines.extend(of.leaks.iter().map(|leak| format!("    leaked: {leak}")));
    lines
}

/// A reason as one word.
fn word(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    text.chars().take(100).map(plain).collect()
}

/// What machines read of one system in one scenario.
pub(super) fn result(scenario: &str, outcome: &Outcome) -> String {
    let system = &outcome.system;
    if let Some(why) = &outcome.absent {
        return format!("RESULT scenario={scenario} system={system} absent={}", word(why));
    }
    if let Some(search) = &outcome.search {
        return found(scenario, system, search);
    }
    let Some(summary) = &outcome.summary else {
        return format!("RESULT scenario={scenario} system={system} absent=no_measurement");
    };
    let figure = |spread: Option<Spread>, digits: usize| {
        spread.map_or_else(|| "none".to_owned(), |spread| format!("{:.digits$}", spread.median))
    };
    let mixed = outcome.repeats.iter().find_map(|repeat| repeat.hold.mixed);
    let mixed = mixed.map(|mixed| format!(" mixes=yes sound_heard_by={}of{}", mixed.hearers, mixed.participants));
    let leaked = summary.leaked_packets.map(|packets| {
        let broken =
            if outcome.broken.is_empty() { String::new() } else { format!(" broken={}", outcome.broken.join(",")) };
        format!(" leaked_packets={packets} kept={}{broken}", if broken.is_empty() { "yes" } else { "no" })
    });
    let more: String = [
        ("cpu_us_per_participant_s", summary.cpu_us_per_participant_s),
        ("subscribe_p99_ms", summary.subscribe_p99_ms),
        ("notice_p99_ms", summary.notice_p99_ms),
        ("verb_p50_ms", summary.verb_p50_ms),
        ("verb_p95_ms", summary.verb_p95_ms),
        ("verb_p99_ms", summary.verb_p99_ms),
        ("effect_p99_ms", summary.effect_p99_ms),
    ]
    .into_iter()
    .filter_map(|(name, spread)| Some(format!(" {name}={:.1}", spread?.median)))
    .chain(mixed)
    .chain(leaked)
    .collect();
    let reasons = if summary.valid { String::new() } else { format!(" reason={}", summary.reasons.join(",")) };
    format!(
        "RESULT scenario={scenario} system={system} cpu_ns_per_packet={} floor_ns_per_packet={} ratio={} added_p50_us={} added_p99_us={} loss_pct={} mem_kb_per_viewer={} join_p99_ms={} joins_failed={} packets_per_s={}{more} valid={}{reasons}",
        figure(summary.cpu_ns_per_packet, 0),
        figure(summary.floor_ns_per_packet, 0),
        figure(summary.ratio, 2),
        figure(summary.added_p50_us, 0),
        figure(summary.added_p99_us, 0),
        figure(summary.loss_pct, 3),
        figure(summary.mem_kb_per_viewer, 0),
        figure(summary.join_p99_ms, 1),
        summary.joins_failed,
        figure(summary.packets_per_s, 0),
        if summary.valid { "yes" } else { "no" },
    )
}

fn found(scenario: &str, system: &str, search: &Search) -> String {
    let knee = &search.knee;
    let largest = knee.largest.map_or_else(|| "none".to_owned(), |largest| largest.to_string());
    let level = search.levels.iter().find(|level| Some(level.value) == knee.largest);
    let cpu = level.and_then(|level| level.repeat.hold.server).map(|server| server.cpu_ns_per_packet);
    let us = |ns: u64| ns as f64 / 1e3;
    let comfortable = knee.largest.map(super::search::comfortable);
    let comfortable = search.levels.iter().find(|level| Some(level.value) == comfortable).map(|level| {
        let latency = &level.repeat.hold.latency;
        format!(
            " at_70_percent={} added_p50_us={:.0} added_p99_us={:.0}",
            level.value,
            us(latency.p50_ns),
            us(latency.p99_ns)
        )
    });
    let valid = search.levels.iter().filter(|level| level.kept).all(|level| level.repeat.validity.valid);
    format!(
        "RESULT scenario={scenario} system={system} search={} largest={largest} packets_per_s={:.0} cpu_ns_per_packet={}{} stopped_by={} valid={}",
        search.grows,
        knee.packets_per_s,
        number(cpu, 0),
        comfortable.unwrap_or_default(),
        knee.stopped_by,
        if valid && !matches!(knee.stopped_by.as_str(), "generator" | "machine") { "yes" } else { "no" },
    )
}

/// Every result of a run, one on each line.
pub(super) fn results(run: &Run) -> String {
    let all = run.scenarios.iter().flat_map(|scenario| scenario.outcomes.iter().map(|o| result(&scenario.name, o)));
    all.collect::<Vec<_>>().join("\n")
}
