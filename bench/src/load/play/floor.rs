//! The floor beside a measurement: a child on the server's core that sends the same packets with nothing but the work that cannot
//! be left out, and sockets like the clients' that take them.

use super::Stage;
use crate::client::RECORDED_MORE_BYTES;
use crate::floor::Flow;
use crate::load::result::FloorCost;
use crate::load::scenario::{Layers, Scenario, VideoSource};
use crate::os;
use crate::sys::{Intake, prepare};
use anyhow::{Context as _, Result, bail};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Sockets at most: packets to more receivers go to them in turn, which costs the sender the same.
const MAX_SINKS: usize = 512;
/// Bytes of payload that a packet of a picture has at most, as the clients' have.
const MAX_PAYLOAD: f64 = 1_150.0;
/// Asked of the kernel for every socket, as the clients do.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What a scenario's publishers send, on average: pictures as many packets together as they have.
pub(super) fn flows(scenario: &Scenario) -> Result<Vec<Flow>> {
    let publishers = scenario.publishers * scenario.rooms;
    // In a meeting nobody receives himself, except where a server sends him his own; that changes the cost of no packet.
    let receivers = scenario.watchers().saturating_sub(u32::from(scenario.meeting)).max(1);
    let loaded = scenario.media.load()?;
    let mut flows = Vec::new();
    let pictures = |bps: f64, bursts_per_s: f64| {
        let frame_bytes = bps / 8.0 / bursts_per_s.max(1.0);
        let burst = (frame_bytes / MAX_PAYLOAD).ceil().max(1.0);
        let payload_bytes = (frame_bytes / burst) as usize;
        Flow { publishers, burst: burst as usize, bursts_per_s, payload_bytes, receivers }
    };
    if let Some(audio) = &scenario.media.audio {
        let speakers = audio.speakers.map_or(scenario.publishers, |speakers| speakers.min(scenario.publishers));
        let publishers = speakers * scenario.rooms;
        let (bursts_per_s, payload_bytes) = match &loaded.sound {
            Some(sound) => {
                let recorded = sound.bits_per_s() / 8.0 / sound.frames_per_s();
                (sound.frames_per_s(), recorded as usize + RECORDED_MORE_BYTES)
            }
            None => (50.0, audio.payload_bytes),
        };
        flows.push(Flow { publishers, burst: 1, bursts_per_s, payload_bytes, receivers });
    }
    match &scenario.media.video {
        Some(VideoSource::Constant(constant)) => {
            let pace = constant.pace();
            let bursts_per_s = 1.0 / pace.interval.as_secs_f64();
            let payload_bytes = pace.payload_bytes;
            flows.push(Flow { publishers, burst: constant.burst, bursts_per_s, payload_bytes, receivers });
        }
        Some(VideoSource::Camera(camera)) => {
            // Of several encodings every viewer has one: the largest.
            let bps = if camera.layers == Layers::One { camera.kbps * 1_000 } else { 2_500_000 };
            flows.push(pictures(bps as f64, f64::from(camera.frames_per_s)));
        }
        Some(VideoSource::Recorded(_)) => {
            flows.extend(loaded.pictures.last().map(|of| pictures(of.script.bits_per_s(), of.script.frames_per_s())));
        }
        None => {}
    }
    Ok(flows)
}

/// Measures it, twice: with segmentation offload, and without.
pub(super) fn measure(scenario: &Scenario, stage: &Stage, profile: &str, time: Duration) -> Result<FloorCost> {
    let sinks = Sinks::open((scenario.watchers() * scenario.rooms) as usize)?;
    let flows = flows(scenario)?;
    let mut child = FloorChild::start(stage, &flows, &sinks.ports, profile)?;
    // The first packets find everything cold.
    child.round(Duration::from_millis(100), "gso")?;
    let (cpu_ns, packets) = child.round(time, "gso")?;
    let bursts = flows.iter().any(|flow| flow.burst > 1);
    let plain = if bursts { Some(child.round(time / 2, "plain")?) } else { None };
    let each = |(cpu_ns, packets): (u64, u64)| cpu_ns as f64 / packets.max(1) as f64;
    Ok(FloorCost {
        cpu_ns_per_packet: each((cpu_ns, packets)),
        plain_cpu_ns_per_packet: Some(plain.map_or(each((cpu_ns, packets)), each)),
        packets,
    })
}

struct FloorChild(Child, BufReader<std::process::ChildStdout>);

impl FloorChild {
    fn start(stage: &Stage, flows: &[Flow], ports: &[u16], profile: &str) -> Result<Self> {
        let joined = |texts: Vec<String>| texts.join(",");
        let program = stage.own_program.as_deref().context("this program is not the bench")?;
        let mut command = match stage.server_core {
            Some(core) => os::on_core(core, stage.first, program),
            None => Command::new(program),
        };
        command.args(["flows", "--profile", profile]);
        command.args(["--flows", &joined(flows.iter().map(Flow::to_string).collect())]);
        command.args(["--ports", &joined(ports.iter().map(u16::to_string).collect())]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("the floor does not start")?;
        let out = child.stdout.take().context("its output is a pipe")?;
        Ok(Self(child, BufReader::new(out)))
    }

    fn round(&mut self, time: Duration, way: &str) -> Result<(u64, u64)> {
        let stdin = self.0.stdin.as_mut().context("its input is a pipe")?;
        writeln!(stdin, "go {} {way}", time.as_millis())?;
        stdin.flush()?;
        let mut line = String::new();
        self.1.read_line(&mut line)?;
        let mut numbers = line.trim().split(' ').map(str::parse);
        let (Some(Ok(cpu_ns)), Some(Ok(packets))) = (numbers.next(), numbers.next()) else {
            bail!("the floor says {line:?}");
        };
        Ok((cpu_ns, packets))
    }
}

impl Drop for FloorChild {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sockets that are read and forgotten, by a thread.
struct Sinks {
    ports: Vec<u16>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Sinks {
    fn open(count: usize) -> Result<Self> {
        let mut poll = Poll::new()?;
        let mut sockets = Vec::new();
        for index in 0..count.clamp(1, MAX_SINKS) {
            let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_nonblocking(true)?;
            let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
            prepare(&socket);
            let mut socket = UdpSocket::from_std(socket);
            poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
            sockets.push(socket);
        }
        let ports = sockets.iter().map(|socket| Ok(socket.local_addr()?.port())).collect::<Result<_>>()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let thread = std::thread::Builder::new().name("sinks".to_owned()).spawn(move || {
            let (mut intake, mut events) = (Intake::new(), Events::with_capacity(MAX_SINKS));
            while !stopping.load(Ordering::Relaxed) {
                if poll.poll(&mut events, Some(Duration::from_millis(50))).is_err() {
                    continue;
                }
                for event in &events {
                    let Some(socket) = sockets.get(event.token().0) else { continue };
                    while intake.receive(socket.as_raw_fd()).is_ok_and(|count| count > 0) {}
                }
            }
        })?;
        Ok(Self { ports, stop, thread: Some(thread) })
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_have_a_floor_of_their_own_sizes() {
        let text = "name = \"x\"\nviewers = 3\n[media.audio]\nrecording = \"talk\"\n[media.video.recorded]\nfiles = [\"talk\"]\n";
        let flows = flows(&Scenario::read(text, &[]).unwrap().0).unwrap();
        let [sound, pictures] = flows.as_slice() else { panic!("{flows:?}") };
        assert!((45.0..55.0).contains(&sound.bursts_per_s) && (80..200).contains(&sound.payload_bytes), "{sound:?}");
        assert!((25.0..35.0).contains(&pictures.bursts_per_s) && pictures.receivers == 3, "{pictures:?}");
        let bps = pictures.bursts_per_s * pictures.burst as f64 * pictures.payload_bytes as f64 * 8.0;
        assert!((150_000.0..300_000.0).contains(&bps), "{bps}");
    }
}
