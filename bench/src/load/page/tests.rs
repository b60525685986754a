//! The page of made-up runs: that it is one whole, that it tells everything, and that nothing in a file becomes markup.

use super::html;
use crate::load::result::{
    AudienceFigures, Delivery, FloorCost, Generator, Hold, Joins, KeyFrames, Knee, Latencies, Level, LoadShape,
    Machine, Memory, Mixed, Outcome, Repeat, Run, SCHEMA, Sample, ScenarioRun, Search, ServerCost, Signalling, Summary,
    SystemInfo, Validity,
};
use serde_json::Value;

fn latencies(first_ns: u64) -> Latencies {
    let mut histogram = Latencies::recorder();
    for index in 0..20 {
        histogram.saturating_record(first_ns * (10 + 10 * index));
    }
    Latencies::of(&histogram)
}

fn repeat(order: u32, cost: f64) -> Repeat {
    let delivery = Delivery {
        sent: 3_001,
        sent_bytes: 3_600_000,
        expected: 150_050,
        received: 150_040,
        received_bytes: 180_000_000,
        repaired: 7,
        lost: 10,
        loss_pct: 0.0067,
        packets_per_s: 50_013.0,
        by_sequence: false,
    };
    let server = ServerCost {
        cpu_ns: 450_000_000,
        cores: 0.15,
        cpu_ns_per_packet: cost,
        cpu_us_per_participant_s: 812.5,
        switches_per_packet: Some(0.02),
        syscalls_per_packet: Some(0.11),
        instructions_per_packet: Some(9_100.0),
    };
    let sample = |at_s: f64| Sample {
        at_s,
        packets_per_s: 50_000.0 + at_s,
        p50_us: 120.0,
        p99_us: 830.0,
        server_cores: Some(0.16),
        generator_cores: 0.31,
        joins: 2,
        resident_kb: None,
    };
    Repeat {
        order,
        load: LoadShape { rooms: 2, publishers: 3, viewers: 50, streams: 100 },
        warm_up_s: 3.5,
        hold: Box::new(Hold {
            seconds: 3.0,
            delivery,
            latency: latencies(11_000),
            jitter_p50_ms: 0.4,
            jitter_p95_ms: 0.9,
            key_frames: KeyFrames { asked: 4, asked_max_in_500_ms: 1, sent: 5 },
            mixed: None,
            server: Some(server),
            samples: vec![sample(1.0), sample(2.0)],
        }),
        floor: Some(FloorCost { cpu_ns_per_packet: 1_500.0, plain_cpu_ns_per_packet: Some(2_100.0), packets: 88_000 }),
        joins: Joins {
            tried: 53,
            failed: 1,
            failures: vec!["p-7: refused".to_owned()],
            signalled: latencies(20_000),
            connected: latencies(40_000),
            first_media: latencies(90_000),
            busiest_per_s: 41,
        },
        signalling: Some(Signalling {
            requests: latencies(30_000),
            subscriptions: latencies(31_000),
            notices: latencies(33_000),
            frames: 4_711,
        }),
        audience: Some(AudienceFigures {
            changes: 191,
            refused: 2,
            unanswered: 1,
            answers: latencies(34_000),
            sound_begins: latencies(35_000),
            pictures_begin: latencies(36_000),
            ends: latencies(37_000),
            sound_never_began: 3,
            pictures_never_began: 7,
            judged: 88_881,
            not_judged: 17,
            leaked_packets: 4,
            grace_ms: 20.5,
            leaks: vec!["p-1 got sound of p-3".to_owned()],
        }),
        memory: Some(Memory {
            idle_kb: 12_000,
            publishers_kb: 13_100,
            loaded_kb: 20_200,
            after_kb: Some(12_300),
            kb_per_publisher: 366.0,
            kb_per_viewer: 142.0,
        }),
        generator: Generator {
            threads: 2,
            cores: 0.31,
            busiest_share: 0.22,
            lateness: latencies(900),
            frames: 1_200,
            skipped: 1,
            kernel_drops: 6,
            unsent: 8,
        },
        validity: Validity { valid: true, reasons: vec![] },
    }
}

fn outcome(system: &str, cost: f64) -> Outcome {
    let repeats = vec![repeat(0, cost), repeat(2, cost * 1.1)];
    Outcome {
        system: system.to_owned(),
        absent: None,
        summary: Summary::of(&repeats),
        repeats,
        broken: vec!["leaked_packets_4_over_0".to_owned()],
        search: None,
    }
}

fn scenario(name: &str, outcomes: Vec<Outcome>) -> ScenarioRun {
    let about = "Some look, some speak.".to_owned();
    let changed = vec!["viewers=50".to_owned()];
    ScenarioRun { name: name.to_owned(), about, changed, text: format!("name = \"{name}\"\n"), outcomes }
}

fn info(name: &str, absent: Option<&str>) -> SystemInfo {
    let (version, settings) = (format!("{name} 1.2.3"), format!("{name}.conf\nworkers = 1\nlog = warn"));
    SystemInfo { name: name.to_owned(), version, settings, external: false, absent: absent.map(str::to_owned) }
}

fn run(scenarios: Vec<ScenarioRun>) -> Run {
    Run {
        schema: SCHEMA,
        harness: "0.1.0".to_owned(),
        command: "colloquy-bench run webinar --seed 7".to_owned(),
        started_unix_s: 1_795_276_800,
        took_s: 61.0,
        seed: 7,
        machine: Machine {
            cpu_model: "A processor".to_owned(),
            cores: 4,
            memory_kb: 8_000_000,
            kernel: "6.1.0".to_owned(),
            system: "An operating system".to_owned(),
            load_before: [0.1, 0.2, 0.3],
            load_after: [1.1, 1.2, 1.3],
            server_core: Some(0),
            load_core: Some(1),
            first: true,
        },
        systems: vec![info("colloquy", None), info("janus", None), info("livekit", Some("there is no Go"))],
        scenarios,
    }
}

fn searched() -> Outcome {
    let level = |value: u32, kept: bool| Level {
        value,
        repeat: repeat(value, 2_000.0),
        kept,
        broken: if kept { vec![] } else { vec!["p99_ms_12.000_over_5".to_owned()] },
    };
    let knee = Knee {
        largest: Some(100),
        load: Some(LoadShape { rooms: 1, publishers: 6, viewers: 97, streams: 194 }),
        packets_per_s: 30_500.0,
        smallest_broken: Some(200),
        stopped_by: "server".to_owned(),
    };
    let search = Search {
        grows: "viewers".to_owned(),
        levels: vec![level(50, true), level(100, true), level(200, false)],
        knee,
    };
    Outcome {
        system: "colloquy".to_owned(),
        absent: None,
        repeats: vec![],
        summary: None,
        broken: Vec::new(),
        search: Some(search),
    }
}

fn sample() -> Run {
    let absent = Outcome {
        absent: Some("there is no Go".to_owned()),
        repeats: vec![],
        summary: None,
        ..outcome("livekit", 1.0)
    };
    run(vec![
        scenario("webinar", vec![outcome("colloquy", 2_310.0), outcome("janus", 8_100.0), absent]),
        scenario("herd", vec![searched()]),
    ])
}

/// Elements as they open, with the depth; fails where they do not close as they should.
fn elements(page: &str) -> Vec<(usize, String)> {
    const VOID: [&str; 5] = ["meta", "link", "br", "hr", "img"];
    let (mut open, mut all, mut rest) = (Vec::<&str>::new(), Vec::new(), page);
    while let Some((_, from)) = rest.split_once('<') {
        let (tag, after) = from.split_once('>').expect("every < has its >");
        assert!(!tag.contains('<'), "< within {tag}");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before {}", rest.get(..60).unwrap_or(rest));
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if name.starts_with('!') {
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        all.push((open.len(), name.to_owned()));
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    all
}

fn count(page: &str, name: &str) -> usize {
    elements(page).iter().filter(|(_, element)| element == name).count()
}

#[test]
fn a_page_is_whole() {
    for runs in [vec![], vec![sample()], vec![sample(), sample(), sample()]] {
        let page = html(&runs);
        assert_eq!((count(&page, "h1"), count(&page, "main")), (1, 1));
        let tables = count(&page, "table");
        assert_eq!(count(&page, "caption"), tables, "a table without a caption");
        assert_eq!(
            (count(&page, "svg"), count(&page, "figcaption")),
            (page.matches("role=\"img\"").count(), count(&page, "figure"))
        );
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert_eq!(ids.iter().filter(|id| **id == target).count(), 1, "#{target}");
        }
    }
}

#[test]
fn of_a_mixer_it_says_what_cannot_be_measured() {
    let mut mixer = outcome("audiobridge", 9_000.0);
    for repeat in &mut mixer.repeats {
        let (participants, hearers, echoed) = (23, 22, 0);
        repeat.hold.mixed = Some(Mixed { participants, hearers, echoed, packets_per_s_each: 49.5, sounding_pct: 98.5 });
        repeat.hold.latency = Latencies::default();
    }
    mixer.summary = Summary::of(&mixer.repeats);
    let page = html(&[run(vec![scenario("audio-mix", vec![outcome("colloquy", 2_310.0), mixer])])]);
    assert!(page.contains("not measurable: it mixes") && page.contains("Those who hear sound"));
    assert!(page.contains("98.5") && page.contains("49.5"));
    assert!(page.contains("a participant and second") && !page.contains("of CPU a forwarded packet"));
}

#[test]
fn its_structure_is_as_it_was() {
    let page = html(&[sample()]);
    let headings: Vec<&str> =
        page.split("<h2 id=\"").skip(1).filter_map(|rest| rest.split('>').nth(1)?.split('<').next()).collect();
    assert_eq!(
        headings,
        [
            "Verdict",
            "Scenario webinar",
            "Scenario herd",
            "The same again",
            "Systems and their settings",
            "How to read this page",
            "What is not measured"
        ]
    );
    let figures: Vec<&str> = page.split("<figcaption>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert_eq!(
        figures,
        [
            "CPU time of the server for each forwarded packet",
            "CPU time of the server for each participant and second, µs",
            "Added latency that a share of all packets stays under",
            "Time to join: p50, p95, p99",
            "Time to the first key frame: p50, p95, p99",
            "Time until others are told of a join: p50, p95, p99",
            "Time to subscribe to a track: p50, p95, p99",
            "Time from a change of the audience to its answer: p50, p95, p99",
            "Time until sound begins that is newly heard: p50, p95, p99",
            "Time until a picture begins that is newly seen: p50, p95, p99",
            "Time until the last packet of what is heard or seen no more: p50, p95, p99",
            "Memory of the server for each viewer, kB",
            "Memory of the server for each publisher, kB",
            "Packets that never came, % of those due",
            "Jitter that 95 in 100 streams stay under, ms",
            "Context switches for each forwarded packet",
            "System calls for each forwarded packet",
            "Key frames asked of publishers under load",
            "Packets forwarded a second, over the time under load",
            "Added latency over the time under load: p99, dashed p50",
            "Cores busy: server, dashed the clients",
            "Joins done a second",
            "Added latency p99, against viewers",
            "Packets lost, %, against viewers",
            "CPU time of the server for each forwarded packet, against viewers",
            "Cores that the server had busy, against viewers",
            "Packets forwarded a second, against viewers",
        ]
    );
}

#[test]
fn the_verdict_says_who_costs_what() {
    let words = text(&html(&[sample()]));
    assert!(words.contains("webinar: colloquy costs least, 2.43 µs of CPU a forwarded packet, 1.62 × the floor; janus 8.51 µs, 3.51 × that."), "{words}");
    assert!(words.contains("herd: colloquy carries 100 viewers (30,500 packets/s"), "{words}");
    assert!(words.contains("✓ Valid.") && words.contains("livekit is absent: there is no Go"));
}

#[test]
fn what_leaked_is_told_before_any_table() {
    let page = text(&html(&[sample()]));
    let told = page.find("webinar: colloquy did not keep the quality: leaked packets 4 over 0").expect("it is told");
    assert!(told < page.find("All scenarios and systems").expect("the tables follow"), "{page}");
    assert!(page.contains("p-1 got sound of p-3"));
    let mut run = sample();
    run.scenarios[0].outcomes.iter_mut().for_each(|outcome| outcome.broken.clear());
    let page = text(&html(&[run]));
    assert!(!page.contains("did not keep") && page.contains("✓ the quality was kept"));
}

#[test]
fn what_is_not_valid_is_told_first() {
    let mut run = sample();
    let why = Validity { valid: false, reasons: vec!["generator_busy_93_percent".to_owned()] };
    run.scenarios[0].outcomes[1].repeats[0].validity = why;
    let page = text(&html(&[run]));
    let told = page.find("✗ Not all of it is valid.").expect("it is told");
    assert!(told < page.find("costs least").expect("the verdict follows"));
    assert!(page.contains("webinar on janus: generator busy 93 percent") && !page.contains("✓ Valid."));
}

#[test]
fn runs_side_by_side_say_what_changed_and_what_else_differs() {
    let (before, mut after) = (sample(), sample());
    after.machine.kernel = "6.2.0".to_owned();
    after.systems[0].version = "1.3.0".to_owned();
    after.systems[1].settings = "janus.conf\nworkers = 2".to_owned();
    after.scenarios[0].outcomes[0] = outcome("colloquy", 4_620.0);
    let words = text(&html(&[before.clone(), after]));
    for part in [
        "kernel: 6.1.0 / 6.2.0",
        "version of colloquy: colloquy 1.2.3 / 1.3.0",
        "settings of janus: not the same",
        "2.00 × ▲ worse",
        "1.00 × no change known",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let mut other_ports = before;
    other_ports.systems[0].settings = "--listen 127.0.0.1:40001 (a free port), workers = 1".to_owned();
    let mut ports = other_ports.clone();
    ports.systems[0].settings = "--listen 127.0.0.1:40002 (a free port), workers = 1".to_owned();
    assert!(!text(&html(&[other_ports, ports])).contains("These runs differ"));
}

#[test]
fn nothing_is_asked_of_anybody() {
    let page = html(&[sample(), sample()]);
    for word in ["http:", "https:", "//", "<script", "<iframe", "@import", "url(", " src="] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(html(&[sample()]).len() < 400_000, "a page of two scenarios stays small");
}

/// Words without markup, as a reader has them.
fn text(page: &str) -> String {
    let body = page.split_once("</style>").map_or(page, |(_, body)| body);
    let mut words = String::new();
    for part in body.split('<').skip(1) {
        let (tag, after) = part.split_once('>').unwrap_or(("", part));
        // Words of one line go on behind these.
        if !["strong", "/strong", "span", "/span", "code", "/code"].contains(&tag.split(' ').next().unwrap_or_default())
        {
            words.push(' ');
        }
        words.push_str(after);
    }
    words.split(['\n', ' ', '\u{a0}']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The places of all values of a JSON tree that are no trees themselves.
fn leaves(tree: &Value, at: &str, all: &mut Vec<String>) {
    match tree {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), all)),
        Value::Array(values) => values.iter().enumerate().for_each(|(index, value)| {
            leaves(value, &format!("{at}/{index}"), all);
        }),
        _ => all.push(at.to_owned()),
    }
}

/// The page, after a value of the run's JSON became another. `None` when that is no run.
fn page_with(run: &Value, place: &str, replace: impl Fn(&Value) -> Option<Value>) -> Option<String> {
    let mut changed = run.clone();
    let leaf = changed.pointer_mut(place)?;
    *leaf = replace(leaf)?;
    Some(html(&[serde_json::from_value::<Run>(changed).ok()?]))
}

/// A run with as little as shows everything of a scenario: every page of it is made in no time. The first was repeated, the second
/// searched.
fn small(scenario: usize) -> Value {
    let mut run = sample();
    run.systems.truncate(1);
    run.scenarios = run.scenarios.drain(scenario..=scenario).collect();
    let outcomes = &mut run.scenarios[0].outcomes;
    outcomes.truncate(1);
    outcomes[0].repeats.truncate(1);
    if let Some(search) = &mut outcomes[0].search {
        search.levels.remove(0);
        search.levels.truncate(1);
    }
    serde_json::to_value(&run).expect("a run is JSON")
}

#[test]
fn every_figure_of_the_file_is_on_the_page() {
    let changed = |value: &Value| match value {
        Value::Number(number) if number.is_u64() => Some(Value::from(number.as_u64()? * 2 + 1)),
        Value::Number(number) => Some(Value::from(number.as_f64()? * 2.0 + 1.0)),
        Value::String(text) => Some(Value::from(format!("{text}-changed"))),
        Value::Bool(is) => Some(Value::from(!is)),
        _ => None,
    };
    // Buckets are drawn, not told, and only those above the median. A load of a search is told as a repeat is.
    let left_out =
        |place: &str| place.contains("/buckets/") || place.contains("/levels/") && place.contains("/repeat/");
    let mut silent = Vec::new();
    for run in [small(0), small(1)] {
        let page = html(&[serde_json::from_value(run.clone()).expect("it was one")]);
        let mut places = Vec::new();
        leaves(&run, "", &mut places);
        assert!(places.len() > 100, "{}", places.len());
        let quiet = |place: &String| page_with(&run, place, changed).is_some_and(|changed| changed == page);
        silent.extend(places.into_iter().filter(|place| !left_out(place)).filter(quiet));
    }
    assert!(silent.is_empty(), "these change nothing: {silent:#?}");
}

#[test]
fn nothing_in_a_file_becomes_markup() {
    const EVIL: &str = "<b onclick='x'>&\"</b></svg></style>";
    let run = serde_json::to_value(sample()).expect("a run is JSON");
    let mut places = Vec::new();
    leaves(&run, "", &mut places);
    let (mut changed, mut texts) = (run.clone(), 0);
    for place in &places {
        if let Some(leaf @ Value::String(_)) = changed.pointer_mut(place) {
            // Names stay different from each other, so that systems and scenarios do.
            *leaf = Value::from(format!("{}{EVIL}", leaf.as_str().unwrap_or_default()));
            texts += 1;
        }
    }
    let run: Run = serde_json::from_value(changed).expect("texts may be any");
    let page = html(&[run.clone(), run]);
    elements(&page);
    assert!(texts > 30 && !page.contains("<b "), "{texts}");
    assert!(page.contains("&lt;b onclick="));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]
    #[test]
    fn figures_of_any_size_make_a_page(index in 0_usize..2_000, figure in proptest::num::f64::ANY, count: u64) {
        let run = small(index % 2);
        let mut places = Vec::new();
        leaves(&run, "", &mut places);
        let place = &places[index % places.len()];
        let other = |value: &Value| match value {
            Value::Number(number) if number.is_u64() => Some(Value::from(count)),
            Value::Number(_) => serde_json::Number::from_f64(figure).map(Value::Number),
            _ => None,
        };
        if let Some(page) = page_with(&run, place, other) {
            elements(&page);
        }
    }
}
