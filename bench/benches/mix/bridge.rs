//! The same full mix over sockets: our server and Janus's AudioBridge under the same clients, each on one core. First one room, taking turns;
//! then so many rooms that either has about two thirds of its core to do. A core with little to do is woken for every packet, one with much takes
//! many at once, and one that is full mixes what happens to be there: what a participant costs is neither told by the first nor by the last.

use std::process::{Command, Stdio};

/// Participants that a core carries, by what each costs where two thirds of it are in use.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PerCore {
    /// Our server. `None` where its binary is not there.
    pub(crate) ours: Option<f64>,
    /// The AudioBridge. `None` where there is no Janus.
    pub(crate) bridge: Option<f64>,
}

/// Which part of its core a system is to use.
const WANTED: f64 = 2.0 / 3.0;
/// Rooms of our server to begin with, and of the AudioBridge.
const FIRST: [usize; 2] = [6, 2];

/// Has so many people in each room talk at once, each of whom hears all others of it.
pub(crate) fn compare(people: usize, seconds: usize) -> PerCore {
    println!("{people} people over sockets, everybody hears all others:");
    for line in results(&["colloquy-mix", "audiobridge"], people, 1, seconds) {
        println!("  {line}");
    }
    println!("rooms of {people}, two thirds of a core in use:");
    let [ours, bridge] = FIRST;
    PerCore {
        ours: per_core("colloquy-mix", people, ours, seconds),
        bridge: per_core("audiobridge", people, bridge, seconds),
    }
}

/// How many people a core carries. Where the machine is another than the first number of rooms is for, a second one is tried.
fn per_core(system: &str, people: usize, rooms: usize, seconds: usize) -> Option<f64> {
    let measure = |rooms: usize| {
        let lines = results(&[system], people, rooms, seconds);
        let line = lines.first()?;
        let cost = cost(line, people * rooms);
        let used = cost.map(|cost| cost * (people * rooms) as f64 / 1e6);
        println!("  {rooms} rooms, {:.0} % of the core: {line}", used.unwrap_or(f64::NAN) * 100.0);
        Some((cost?, used?))
    };
    let (cost, used) = measure(rooms)?;
    let better = ((rooms as f64 * WANTED / used).round() as usize).max(1);
    let cost = if better == rooms { cost } else { measure(better).map_or(cost, |(cost, _)| cost) };
    Some(1e6 / cost)
}

/// What a participant costs, in µs a second. A run that was not heard by all, or in which the clients were too slow, measured something else.
fn cost(line: &str, people: usize) -> Option<f64> {
    let field = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let heard_by_all = field("sound_heard_by")? == format!("{people}of{people}");
    let cost = field("cpu_us_per_participant_s")?.parse().ok()?;
    (heard_by_all && field("valid")? == "yes").then_some(cost)
}

fn results(systems: &[&str], people: usize, rooms: usize, seconds: usize) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_colloquy-bench"))
        .args(["run", "audio-mix", "--system", &systems.join(","), "--repeat", "3", "--hold", &seconds.to_string()])
        .args(["--set", &format!("publishers={people}"), "--set", &format!("rooms={rooms}")])
        .stderr(Stdio::inherit())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("RESULT")).map(str::to_owned).collect()
}
