//! A room with a voice and a picture, and whoever takes it apart at the other end.

use crate::support::server::Server;
use serde_json::{Value, json};
use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Elements of the tests' own.
const NEEDED: [&str; 12] = [
    "opusenc",
    "rtpopuspay",
    "vp8enc",
    "rtpvp8pay",
    "tsdemux",
    "flvdemux",
    "openh264dec",
    "faad",
    "hlssink2",
    "srtsrc",
    "rtmp2sink",
    "voaacenc",
];

/// Whether GStreamer is there with all that is needed; else it is said.
pub(super) fn has_gstreamer() -> bool {
    let missing = NEEDED.iter().find(|name| {
        let inspect = Command::new("gst-inspect-1.0").args(["--exists", name]).status();
        !inspect.is_ok_and(|status| status.success())
    });
    if let Some(name) = missing {
        eprintln!("skipped: GStreamer is not installed, or has no {name}");
    }
    missing.is_none()
}

fn variables<'a>(port: &'a [String; 2], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("COLLOQUY__EGRESS__ENABLED", "true"),
        ("COLLOQUY__RTP__ENABLED", "true"),
        ("COLLOQUY__RTP__ALLOW", "[\"127.0.0.0/8\"]"),
        ("COLLOQUY__RTP__PORT_FIRST", &port[0]),
        ("COLLOQUY__RTP__PORT_LAST", &port[1]),
        // As large as is needed to see something.
        ("COLLOQUY__MIX__VIDEO__WIDTH", "320"),
        ("COLLOQUY__MIX__VIDEO__HEIGHT", "180"),
        ("COLLOQUY__MIX__VIDEO__FPS", "15"),
        ("COLLOQUY__MIX__VIDEO__BITRATE_BPS", "300000"),
    ];
    all.extend(more);
    all
}

pub(super) fn server(port: u16, more: &[(&str, &str)]) -> Server {
    let ports = [(port + 4).to_string(), (port + 11).to_string()];
    Server::start(port, &variables(&ports, more))
}

/// The same, whose log is in a file.
pub(super) fn logged_server(port: u16, more: &[(&str, &str)], log: &Path) -> Server {
    let ports = [(port + 4).to_string(), (port + 11).to_string()];
    Server::start_logged(port, &variables(&ports, more), std::fs::File::create(log).unwrap().into())
}

/// A tone and a bright picture in the room, until it is dropped.
pub(super) struct Publisher(Child);

impl Publisher {
    pub(super) fn start(server: &Server, hz: u32) -> Self {
        let wish = json!({"name": "stage", "audio": {"direction": "sendonly"}, "video": {"direction": "sendonly", "codec": "vp8"}, "timeout_s": 120});
        let answer = server.ask("POST", "/api/v1/rooms/daily/rtp", &wish.to_string());
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        let one: Value = serde_json::from_slice(&answer.body).unwrap();
        let port = |kind: &str| one[kind]["rtp"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        Self(launch(&format!(
            "audiotestsrc is-live=true freq={hz} volume=0.3 ! audio/x-raw,rate=48000,channels=1 ! opusenc ! rtpopuspay pt=111 ! \
             udpsink host=127.0.0.1 port={} sync=false \
             videotestsrc is-live=true pattern=smpte ! video/x-raw,width=320,height=180,framerate=15/1 ! \
             vp8enc deadline=1 keyframe-max-dist=15 ! rtpvp8pay pt=96 picture-id-mode=2 ! udpsink host=127.0.0.1 port={} sync=false",
            port("audio"),
            port("video")
        )))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Somebody who takes a transport stream, and keeps it.
pub(super) struct Receiver {
    program: Child,
    file: PathBuf,
}

impl Receiver {
    pub(super) fn start(file: &Path, source: &str) -> Self {
        let program =
            launch(&format!("{source} ! filesink location={} buffer-mode=unbuffered sync=false", file.display()));
        Self { program, file: file.to_owned() }
    }

    /// Ends it, and looks into what came.
    pub(super) fn finish(mut self) -> Found {
        drop(self.program.kill());
        drop(self.program.wait());
        Found::of("tsdemux", &self.file)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

/// What a stream holds.
#[derive(Debug)]
pub(super) struct Found {
    /// Seconds of sound, and how loud the tone is in their second half, 1 being the loudest there is.
    seconds: f64,
    tone: f64,
    elsewhere: f64,
    /// Pictures, and the mean and the spread of the brightness of the last.
    pictures: usize,
    brightness: f64,
    spread: f64,
}

/// The sides of decoded pictures.
const SIDES: (usize, usize) = (320, 180);

impl Found {
    pub(super) fn in_transport_stream(file: &Path, bytes: &[u8]) -> Self {
        std::fs::write(file, bytes).unwrap();
        Self::of("tsdemux", file)
    }

    pub(super) fn in_flv(file: &Path, bytes: &[u8]) -> Self {
        std::fs::write(file, bytes).unwrap();
        Self::of("flvdemux", file)
    }

    fn of(demux: &str, file: &Path) -> Self {
        let (sound, pictures) = (file.with_extension("pcm"), file.with_extension("gray"));
        let mut program = launch(&format!(
            "filesrc location={} ! {demux} name=d \
             d. ! queue max-size-bytes=0 max-size-buffers=0 max-size-time=0 ! aacparse ! faad ! audioconvert ! audioresample ! \
             audio/x-raw,format=S16LE,rate=48000,channels=1 ! filesink location={} sync=false async=false \
             d. ! queue max-size-bytes=0 max-size-buffers=0 max-size-time=0 ! h264parse ! openh264dec ! videoconvert ! videoscale ! \
             video/x-raw,format=GRAY8,width={},height={} ! filesink location={} sync=false async=false",
            file.display(),
            sound.display(),
            SIDES.0,
            SIDES.1,
            pictures.display()
        ));
        let deadline = Instant::now() + Duration::from_secs(60);
        while program.try_wait().unwrap().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(program.kill());
        drop(program.wait());
        let samples: Vec<f64> = std::fs::read(&sound)
            .unwrap_or_default()
            .as_chunks::<2>()
            .0
            .iter()
            .map(|two| f64::from(i16::from_le_bytes(*two)) / 32_768.0)
            .collect();
        let all = std::fs::read(&pictures).unwrap_or_default();
        let size = SIDES.0 * SIDES.1;
        let last = all.chunks_exact(size).last().unwrap_or_default();
        let count = last.len().max(1) as f64;
        let brightness = last.iter().map(|p| f64::from(*p)).sum::<f64>() / count;
        let spread = (last.iter().map(|p| (f64::from(*p) - brightness).powi(2)).sum::<f64>() / count).sqrt();
        let half = &samples[samples.len() / 2..];
        Self {
            seconds: samples.len() as f64 / 48_000.0,
            tone: loudness(half, super::TONE_HZ),
            elsewhere: loudness(half, super::TONE_HZ * 1.7),
            pictures: all.len() / size,
            brightness,
            spread,
        }
    }

    /// The tone is heard, and nothing else; and there are pictures, which are not black.
    pub(super) fn assert_is_the_room(&self, what: &str) {
        eprintln!("{what}: {self:?}");
        assert!(self.seconds > 2.0 && self.tone > 0.05 && self.elsewhere < 0.02, "{what}: {self:?}");
        assert!(self.pictures > 20 && self.brightness > 40.0 && self.spread > 20.0, "{what}: {self:?}");
    }
}

/// Removes what looking into a stream has left.
pub(super) fn forget_decoded(folder: &Path) {
    for name in ["all.ts", "all.pcm", "all.gray"] {
        drop(std::fs::remove_file(folder.join(name)));
    }
}

pub(super) fn kill(process: u32) {
    assert!(Command::new("kill").args(["-s", "KILL", &process.to_string()]).status().unwrap().success());
}

/// Whether a process is there, and no mere name of one that nobody has waited for.
pub(super) fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn launch(elements: &str) -> Child {
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "-e"]).args(elements.split_whitespace());
    command.stdout(Stdio::null()).spawn().expect("gst-launch-1.0 runs")
}

fn loudness(samples: &[f64], hz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (i, sample) in samples.iter().enumerate() {
        let turn = TAU * hz * i as f64 / 48_000.0;
        re += sample * turn.cos();
        im += sample * turn.sin();
    }
    2.0 * f64::hypot(re, im) / samples.len().max(1) as f64
}
