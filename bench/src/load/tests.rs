//! The harness against servers that it knows the faults of: it must find them, and its own.

mod centre;

use super::play::{Played, Stage, Unwatched, play};
use super::result::{Machine, Outcome, Run, SCHEMA, ScenarioRun, Signalling, Summary, SystemInfo};
use super::scenario::{JoinBy, Scenario};
use super::system::websocket::WebSocket;
use super::system::{About, Endpoint, Options, Participant, Placement, Published, Running, Stay, System, named};
use crate::host::{Host, HostOptions};
use crate::impair::{Link, LinkWish, Relay, RelayOptions, Wish};
use crate::load::fleet::Desk;
use anyhow::{Context as _, Result};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The real server in this process, made worse by a network in front of it that nobody is told of.
struct Faulty {
    /// What it loses it loses only from [`LATER`] on: a handshake that loses packets waits for seconds.
    down: Link,
}

/// Since the first viewer came; all of them are in by then.
const LATER: Duration = Duration::from_millis(700);

struct Served {
    endpoint: Endpoint,
    about: About,
    _relay: Arc<Mutex<Option<Relay>>>,
    _host: Host,
    _runtime: Runtime,
}

impl System for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn absent(&self) -> Option<String> {
        None
    }

    fn start(&self, _place: &Placement) -> Result<Arc<dyn Running>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let host = runtime.block_on(Host::start(&HostOptions::default()))?;
        let api = format!("http://{}/api/v1", host.address());
        let endpoint = Endpoint::new(format!("{api}/whip/{{room}}"), format!("{api}/whep/{{room}}"));
        let relay = Arc::new(Mutex::new(None::<Relay>));
        let (down, loss, kept) = (self.down.with_loss(0.0), self.down.loss, relay.clone());
        // Viewers are told of the relay instead of the server.
        let endpoint = endpoint.with_answers(move |watches, answer| {
            if !watches {
                return answer;
            }
            let server = answer.lines().find_map(udp_address).expect("the server has a UDP address");
            let mut relay = kept.lock().expect("nobody panicked with it");
            let relay = relay.get_or_insert_with(|| {
                let later = kept.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(LATER);
                    if let Some(relay) = &*later.lock().expect("nobody panicked with it") {
                        let down = Some(LinkWish { loss: Some(loss), ..LinkWish::default() });
                        relay.change(Wish { down, ..Wish::default() });
                    }
                });
                Relay::start(&RelayOptions { down, ..RelayOptions::new(server) }).expect("a port is free")
            });
            let listens = relay.addresses().first().expect("it listens");
            let told = |address: SocketAddr| format!(" {} {} typ ", address.ip(), address.port());
            answer.replace(&told(server), &told(*listens))
        });
        Ok(Arc::new(Served { endpoint, about: About::default(), _relay: relay, _host: host, _runtime: runtime }))
    }
}

fn udp_address(line: &str) -> Option<SocketAddr> {
    let words: Vec<&str> = line.strip_prefix("a=candidate:")?.split(' ').collect();
    let [_, _, "udp", _, ip, port, ..] = words.as_slice() else { return None };
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

impl Running for Served {
    fn about(&self) -> &About {
        &self.about
    }

    fn echoes(&self) -> bool {
        true
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        self.endpoint.publish(who, desk)
    }

    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        self.endpoint.watch(who, whom, desk, true)
    }
}

/// Plays with a server whose viewers have such a link.
fn played(down: Link, changes: &[&str]) -> Played {
    played_on(&Faulty { down }, changes)
}

fn played_on(system: &dyn System, changes: &[&str]) -> Played {
    let text =
        "name = \"test\"\nviewers = 4\n[media.audio]\n[time]\nwarm_up_s = 0.3\nhold_s = 1\n[join]\npatience_s = 8\n";
    let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
    let (scenario, _) = Scenario::read(text, &changes).unwrap();
    let stage = Stage {
        server_core: None,
        first: false,
        threads: 2,
        own_cores: 2,
        own_program: None,
        scratch: std::env::temp_dir(),
        count_calls: false,
    };
    play(system, &scenario, &stage, 0, &mut Unwatched).context("it is played").unwrap()
}

const GOOD: Link = Link { delay: Duration::ZERO, ..Link::GOOD };

#[test]
fn a_good_server_is_reported_as_good() {
    let repeat = played(GOOD, &["publishers=2", "meeting=true"]).repeat;
    let (hold, joins) = (&repeat.hold, &repeat.joins);
    // Two publishers of 50 packets a second, to six viewers: the two see themselves, too.
    assert!(hold.delivery.sent.abs_diff(100) <= 2, "{:?}", hold.delivery);
    assert_eq!(hold.delivery.expected, hold.delivery.sent * 6);
    assert_eq!((hold.delivery.lost, joins.failed, joins.tried), (0, 0, 8), "{:?}", joins.failures);
    assert_eq!(hold.latency.count, hold.delivery.expected);
    assert!((2..=6).contains(&joins.first_media.count), "{joins:?}");
    assert!(hold.server.is_none() && repeat.memory.is_none(), "it runs elsewhere");
}

#[test]
fn the_first_second_and_the_key_frames_are_of_the_time_under_load() {
    let changes = ["viewers=1", "media.video.camera.kbps=300", "time.warm_up_s=1", "time.hold_s=1.2", "churn.per_s=2"];
    let hold = played(GOOD, &changes).repeat.hold;
    let rate = hold.delivery.packets_per_s;
    let samples: Vec<f64> = hold.samples.iter().map(|sample| sample.packets_per_s).collect();
    assert!(samples.iter().all(|sample| *sample < rate * 1.5), "{samples:?} of {rate}");
    // Two come: a picture in thirty a second is a key frame for each, and every packet of sound would be one.
    assert!((1..=6).contains(&hold.key_frames.sent), "{:?}", hold.key_frames);
}

#[test]
fn a_recording_is_replayed_round_after_round() {
    // The first second and a half of the ready one.
    let path = std::env::temp_dir().join(format!("colloquy-short-{}.webm", std::process::id()));
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/media/talk.webm")).unwrap();
    std::fs::write(&path, &whole[..45_000]).unwrap();
    let (sound, pictures) =
        (format!("media.audio.recording={path:?}"), format!("media.video.recorded.files=[{path:?}]"));
    let changes = ["viewers=2", sound.as_str(), pictures.as_str(), "time.warm_up_s=1", "time.hold_s=2"];
    let repeat = played(GOOD, &changes).repeat;
    std::fs::remove_file(&path).unwrap();
    let (hold, delivery) = (&repeat.hold, repeat.hold.delivery);
    // On a busy machine the last ones may come too late to be counted.
    assert!(delivery.expected == delivery.sent * 2 && delivery.lost * 20 < delivery.expected, "{delivery:?}");
    // 50 packets of sound a second and 30 pictures, the largest of them of some packets.
    assert!((150..500).contains(&delivery.sent) && (30_000..200_000).contains(&delivery.sent_bytes), "{delivery:?}");
    assert!(repeat.joins.first_media.count == 2 && repeat.generator.skipped == 0, "{repeat:?}");
    // Timestamps that began anew with the recording would be a jitter of a sixteenth of its length.
    assert!(hold.jitter_p95_ms < 50.0, "{}", hold.jitter_p95_ms);
    // Two rounds have two key frames at least, whoever asks for more.
    assert!((1..=8).contains(&hold.key_frames.sent), "{:?}", hold.key_frames);
}

#[test]
fn a_lossy_server_is_reported_as_lossy() {
    // Once a viewer has told what he loses, the server sends sound up to four times, which makes a tenth of a half.
    let repeat = played(Link { loss: 0.5, ..GOOD }, &["viewers=20"]).repeat;
    let delivery = repeat.hold.delivery;
    assert!((4.0..55.0).contains(&delivery.loss_pct), "a tenth to a half of a thousand are lost: {delivery:?}");
    assert_eq!(delivery.lost + delivery.received, delivery.expected);
}

#[test]
fn a_slow_server_is_reported_as_slow() {
    let repeat = played(Link { delay: Duration::from_millis(80), ..GOOD }, &[]).repeat;
    let latency = &repeat.hold.latency;
    assert!((80_000_000..200_000_000).contains(&latency.p50_ns), "{latency:?}");
    assert!(latency.min_ns >= 80_000_000, "nothing is faster than it can be: {latency:?}");
    assert_eq!(repeat.hold.delivery.lost, 0);
}

#[test]
fn an_overloaded_generator_says_that_it_is() {
    let load = ["media.video.constant={packets_per_s=100000,packet_bytes=200}", "viewers=8", "time.hold_s=0.5"];
    let repeat = played(GOOD, &load).repeat;
    assert!(!repeat.validity.valid);
    let reasons = &repeat.validity.reasons;
    assert!(reasons.iter().all(|reason| reason.starts_with("generator_")), "{reasons:?}");
}

/// The real server in this process, joined by its WebSocket.
struct BySocket;

struct Talked {
    websocket: WebSocket,
    about: About,
    _host: Host,
    _runtime: Runtime,
}

impl System for BySocket {
    fn name(&self) -> &'static str {
        "by-socket"
    }

    fn absent(&self) -> Option<String> {
        None
    }

    fn start(&self, _place: &Placement) -> Result<Arc<dyn Running>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let host = runtime.block_on(Host::start(&HostOptions::default()))?;
        let websocket = WebSocket::new(format!("ws://{}/api/v1/ws", host.address()))?;
        Ok(Arc::new(Talked { websocket, about: About::default(), _host: host, _runtime: runtime }))
    }
}

impl Running for Talked {
    fn about(&self) -> &About {
        &self.about
    }

    fn signalling(&self) -> Option<Signalling> {
        Some(self.websocket.measured())
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        self.websocket.publish(who, desk)
    }

    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        self.websocket.watch(who, whom, desk)
    }
}

#[test]
fn signalling_by_the_websocket_is_measured() {
    let changes = [
        "publishers=2",
        "meeting=true",
        "viewers=3",
        "media.video.camera.kbps=100",
        "churn.per_s=3",
        "time.warm_up_s=1",
    ];
    // The paths of those who stay are measured by then, and nothing is left out for want of room.
    let repeat = played_on(&BySocket, &changes).repeat;
    assert_eq!(repeat.joins.failed, 0, "{:?}", repeat.joins.failures);
    // Those of the meeting do not watch themselves: 2 watch one, 3 watch two, each with sound and pictures; some come later.
    let signalling = repeat.signalling.expect("it is looked at");
    assert!(signalling.subscriptions.count >= 2 * 2 + 3 * 4, "{signalling:?}");
    // The second one of the room was told of to one, the seventh to six; those who come and go during the hold beside it.
    assert!((1 + 2 + 3 + 4 + 5 + 6..80).contains(&signalling.notices.count), "{signalling:?}");
    assert!(signalling.requests.count >= 7 * 3 && signalling.frames > signalling.notices.count);
    assert!(signalling.notices.p99_ns < 2_000_000_000, "{signalling:?}");
    assert!(repeat.hold.delivery.loss_pct < 5.0 && repeat.hold.delivery.received > 100, "{:?}", repeat.hold.delivery);
}

#[test]
fn strangers_to_the_websocket_are_told_as_absent() {
    let is = |name: &str| named(name, &Options::default()).unwrap().joins_by(JoinBy::Websocket);
    assert!(is("colloquy") && is("host"));
    assert!(!is("janus") && !is("livekit") && !is("whip=http://a/p,http://a/w"));
}

/// The same but for the last bit of numbers, which reading JSON may change.
fn alike(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (one, other) {
        (Array(one), Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Object(one), Object(other)) => {
            one.len() == other.len() && one.iter().all(|(key, value)| other.get(key).is_some_and(|o| alike(value, o)))
        }
        (Number(one), Number(other)) => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= one.abs() * 1e-12,
            _ => one == other,
        },
        _ => one == other,
    }
}

#[test]
fn a_result_is_written_and_read_again() {
    let played = played(GOOD, &["time.hold_s=0.3"]);
    let repeats = vec![played.repeat];
    let summary = Summary::of(&repeats);
    let outcome =
        Outcome { system: "faulty".to_owned(), absent: None, repeats, summary, broken: Vec::new(), search: None };
    let info = SystemInfo {
        name: "faulty".to_owned(),
        version: played.version,
        settings: played.settings,
        external: played.external,
        absent: None,
    };
    let run = Run {
        schema: SCHEMA,
        harness: "0".to_owned(),
        command: "colloquy-bench run".to_owned(),
        started_unix_s: 1,
        took_s: 1.5,
        seed: 1,
        machine: Machine::default(),
        systems: vec![info],
        scenarios: vec![ScenarioRun {
            name: "test".to_owned(),
            about: String::new(),
            changed: vec!["time.hold_s=0.3".to_owned()],
            text: String::new(),
            outcomes: vec![outcome],
        }],
    };
    let text = serde_json::to_string_pretty(&run).unwrap();
    let longest = text.lines().filter(|line| line.contains("\"buckets\"")).map(str::len).max();
    assert!(longest > Some(40) && text.lines().count() < 250, "a histogram is one line: {text}");
    let again: Run = serde_json::from_str(&text).unwrap();
    assert!(alike(&serde_json::to_value(&again).unwrap(), &serde_json::to_value(&run).unwrap()), "{again:?} {run:?}");
    let latency = &again.scenarios[0].outcomes[0].repeats[0].hold.latency;
    assert_eq!(latency.histogram().len(), latency.count, "the buckets hold everything");
    let page = super::page::html(&[again]);
    assert!(page.contains("faulty") && page.contains("changed: <code>time.hold_s=0.3</code>"));
}
