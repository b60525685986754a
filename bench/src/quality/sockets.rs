//! Plays a scenario on sockets, in real time: a server of its own process, clients with a socket each, and before each viewer a
//! relay that is his access. The publisher has none: his uplink is good.

use super::play::{Played, SETTLED, Sample, ViewerPlayed};
use super::scenario::{Access, Scenario, Stage};
use crate::call::generator::Generator;
use crate::call::processes::Server;
use crate::client::{Answered, Client, Pace};
use crate::impair::{LinkWish, RateAfter, Relay, RelayOptions, Wish};
use crate::os;
use anyhow::{Context as _, Result, bail, ensure};
use colloquy_media_core::api::{Codec, Layer, MediaKind};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const ROOM: &str = "quality";
/// Between two samples: each asks the server, who has other work.
const SAMPLE: Duration = Duration::from_millis(200);
/// How long the publisher sends before somebody joins, so that the server knows his rates.
const AHEAD: Duration = Duration::from_secs(1);
/// A join that takes longer has failed: DTLS repeats what was lost after one second, two, four.
const PATIENCE: Duration = Duration::from_secs(20);
/// The server's core; the load and the relays have the next one.
const CORE: usize = 0;

/// Somebody who watches.
struct Viewer {
    /// In the generator.
    index: usize,
    /// As the server calls him.
    participant: String,
    audio_mid: String,
    video_mid: String,
    relay: Relay,
}

/// What is read of the room's figures.
#[derive(Deserialize)]
struct Room {
    participants: Vec<Participant>,
}

#[derive(Deserialize)]
struct Participant {
    participant: String,
    downlink: Option<Downlink>,
    send: Vec<Place>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Downlink {
    target_bps: u64,
    sent_bps: u64,
    acknowledged_bps: u64,
}

#[derive(Deserialize)]
struct Place {
    mid: String,
    layer: Option<Quality>,
    switches: u64,
}

#[derive(Clone, Copy, Deserialize)]
struct Quality {
    encoding: u8,
    spatial: u8,
    temporal: u8,
}

/// Plays it.
pub(super) fn play(scenario: Scenario, seed: u64, server_bin: Option<&Path>) -> Result<Played> {
    let first = os::may_run_first();
    if first {
        // Where that is not allowed, moving freely is worth more than a core that others use too.
        os::stay_on((CORE + 1) % os::cores(), first);
    }
    let server = Server::start(server_bin, CORE, first)?;
    let mut generator = Generator::new()?;
    let media = publish(&mut generator, &server, scenario, seed)?;
    generator.run(AHEAD)?;
    let mut viewers: Vec<Viewer> = Vec::new();
    for access in scenario.viewers(Stage::Sockets) {
        let viewer = watch(&mut generator, &server, &viewers, media, &access, seed)?;
        viewers.push(viewer);
    }
    let start = Instant::now();
    let end = start + scenario.length(Stage::Sockets);
    if let Some(first) = viewers.first() {
        let schedule = scenario.schedule(Stage::Sockets, start).into_iter().map(|step| RateAfter {
            after_ms: u64::try_from((step.at - start).as_millis()).unwrap_or(u64::MAX),
            rate_bps: step.rate_bps.unwrap_or(0),
        });
        let down = LinkWish { schedule: schedule.collect(), ..LinkWish::default() };
        first.relay.change(Wish { down: Some(down), ..Wish::default() });
    }
    // The clients never wait for the server's figures: what comes meanwhile would look late.
    let samples = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| samples(&server, &viewers, start, end));
        generator.run_until(start + SETTLED, |_| false)?;
        for viewer in &viewers {
            generator.client(viewer.index).forget_played(Instant::now());
        }
        generator.run_until(end, |_| false)?;
        sampler.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let viewers = viewers.iter().zip(samples).map(|(viewer, samples)| {
        let client = generator.client(viewer.index);
        ViewerPlayed::new(samples, client, [&viewer.audio_mid, &viewer.video_mid], start..end)
    });
    Ok(Played { scenario, stage: Stage::Sockets, viewers: viewers.collect(), tcp_bps: None })
}

/// The publisher joins by WHIP. Gives the server's media address.
fn publish(generator: &mut Generator, server: &Server, scenario: Scenario, seed: u64) -> Result<SocketAddr> {
    let (video, _) = scenario.video();
    let add = |client: &mut Client| {
        client.publish(Codec::Opus, Pace::OPUS);
        client.publish_video(&video);
    };
    let index = generator.add_as(|config| config.seed = seed.wrapping_mul(1_000), add)?;
    let answer = server.post(&format!("/api/v1/whip/{ROOM}"), &generator.client(index).offer())?;
    let answered = connect(generator, index, &answer)?;
    answered.candidates.iter().find_map(|candidate| udp_address(candidate)).context("the server has no UDP address")
}

/// A viewer joins by WHEP, through a relay of his own.
fn watch(
    generator: &mut Generator,
    server: &Server,
    there: &[Viewer],
    media: SocketAddr,
    access: &Access,
    seed: u64,
) -> Result<Viewer> {
    let seed = seed.wrapping_mul(1_000).wrapping_add(2 * there.len() as u64 + 1);
    let relay = Relay::start(&RelayOptions { up: access.up, down: access.down, seed, ..RelayOptions::new(media) })?;
    let mut mids = [String::new(), String::new()];
    let index = generator.add_as(
        |config| (config.seed, config.red, config.plays) = (seed, true, true),
        |client| mids = [client.receive(MediaKind::Audio), client.receive(MediaKind::Video)],
    )?;
    let answer = server.post(&format!("/api/v1/whep/{ROOM}"), &generator.client(index).offer())?;
    let listens = relay.addresses().first().context("the relay listens")?;
    connect(generator, index, &redirected(&answer, media, *listens))?;
    let is_new = |who: &Participant| !who.send.is_empty() && there.iter().all(|v| v.participant != who.participant);
    let newcomer = figures(server)?.participants.into_iter().find(is_new);
    let participant = newcomer.context("the server knows the viewer")?.participant;
    let [audio_mid, video_mid] = mids;
    Ok(Viewer { index, participant, audio_mid, video_mid, relay })
}

fn connect(generator: &mut Generator, index: usize, answer: &str) -> Result<Answered> {
    let answered = generator.client(index).accept(Instant::now(), answer)?;
    generator.settle(index);
    if !generator.run_until(Instant::now() + PATIENCE, Client::is_connected)? {
        bail!("client {index} is not connected after {PATIENCE:?}");
    }
    Ok(answered)
}

/// The address of a UDP candidate (RFC 8839 section 5.1): foundation, component, transport, priority, address, port.
fn udp_address(candidate: &str) -> Option<SocketAddr> {
    let mut words = candidate.split(' ').skip(2);
    let is_udp = words.next()?.eq_ignore_ascii_case("udp");
    let (ip, port) = (words.nth(1)?.parse().ok()?, words.next()?.parse().ok()?);
    is_udp.then(|| SocketAddr::new(ip, port))
}

/// The answer with every candidate at one address told to be at another.
fn redirected(answer: &str, from: SocketAddr, to: SocketAddr) -> String {
    let as_told = |address: SocketAddr| format!(" {} {} typ ", address.ip(), address.port());
    answer.replace(&as_told(from), &as_told(to))
}

fn figures(server: &Server) -> Result<Room> {
    server.get(&format!("/api/v1/rooms/{ROOM}/stats"))
}

/// Every viewer's samples until `end`.
fn samples(server: &Server, viewers: &[Viewer], start: Instant, end: Instant) -> Result<Vec<Vec<Sample>>> {
    let mut samples: Vec<Vec<Sample>> = viewers.iter().map(|_| Vec::new()).collect();
    let mut due = start;
    while due < end {
        due += SAMPLE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let room = figures(server)?;
        for (viewer, samples) in viewers.iter().zip(&mut samples) {
            samples.push(sample(&room, viewer, start)?);
        }
    }
    Ok(samples)
}

fn sample(room: &Room, viewer: &Viewer, start: Instant) -> Result<Sample> {
    let counts = viewer.relay.counts();
    // More would mean that he is not told apart, none that he found a way around.
    ensure!(counts.len() == 1, "{} clients pass the relay of {}", counts.len(), viewer.participant);
    let down = counts.first().context("there is one")?.down;
    let known = room.participants.iter().find(|who| who.participant == viewer.participant);
    let known = known.with_context(|| format!("{} is gone", viewer.participant))?;
    let downlink = known.downlink.unwrap_or_default();
    let sent = known.send.iter().find(|place| place.mid == viewer.video_mid);
    let layer = |of: Quality| Layer { encoding: of.encoding, spatial: of.spatial, temporal: of.temporal };
    Ok(Sample {
        at_s: start.elapsed().as_secs_f64(),
        capacity_bps: down.rate_bps,
        target_bps: downlink.target_bps,
        acknowledged_bps: downlink.acknowledged_bps,
        sent_bps: downlink.sent_bps,
        queue_ms: down.queue_ms,
        layer: sent.and_then(|place| place.layer).map(layer),
        switches: sent.map_or(0, |place| place.switches),
        received_bytes: down.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_is_told_of_his_relay_alone() {
        let (server, relay) = ("127.0.0.1:7000".parse().unwrap(), "127.0.0.1:40001".parse().unwrap());
        let answer =
            "a=candidate:1 1 udp 2130706431 127.0.0.1 7000 typ host\r\na=candidate:2 1 tcp 9 127.0.0.1 70 typ host\r\n";
        let redirected = redirected(answer, server, relay);
        assert_eq!(redirected, answer.replace("7000 typ", "40001 typ"));
        let addresses: Vec<_> = redirected.lines().filter_map(udp_address).collect();
        assert_eq!(addresses, [relay]);
        assert!(
            ["", "1 1 udp 1 host 5 typ host", "1 1 udp 1 10.0.0.1", "1 1 udp 1 10.0.0.1 70000 typ"]
                .iter()
                .all(|odd| udp_address(odd).is_none())
        );
    }
}
