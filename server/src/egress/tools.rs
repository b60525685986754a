//! What GStreamer has on this machine.

use super::pipeline::{self, AAC};
use super::target::Target;
use colloquy_signalling::egress::EgressError;
use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long it may take to list them. The first time on a machine every plugin is looked into.
const LIST_TIMEOUT: Duration = Duration::from_secs(9);
/// Longest list, in bytes: Debian's whole has some 100 kB.
const LIST_BYTES: u64 = 4 << 20;

/// What elements are in, by the names of Debian's packages. What is not named is in the first.
const PACKAGES: [(&str, &[&str]); 4] = [
    ("gstreamer1.0-plugins-base", &["opusdec", "audioconvert", "audioresample", "audiotestsrc", "audiomixer"]),
    (
        "gstreamer1.0-plugins-good",
        &["rtpjitterbuffer", "rtpopusdepay", "rtph264depay", "aacparse", "progressreport", "flvmux"],
    ),
    ("gstreamer1.0-plugins-bad", &["h264parse", "mpegtsmux", "hlssink2", "srtsink", "rtmp2sink"]),
    ("gstreamer1.0-tools", &[]),
];

/// The elements that there are.
#[derive(Debug, Clone)]
pub(super) struct Tools(HashSet<String>);

impl Tools {
    /// Asks GStreamer. May take seconds.
    pub(super) fn look(launch: &Path) -> Result<Self, EgressError> {
        let text = list(launch).map_err(|why| {
            let why = format!("GStreamer is not to be had on this server ({why}).");
            let remedy = "Its operator can install gstreamer1.0-tools and the plugins base, good and bad, or name the \
                          program in egress.program.";
            EgressError::Unavailable(why, remedy.to_owned())
        })?;
        // As `coreelements:  fdsrc: Filedescriptor Source`.
        let names = text.lines().filter_map(|line| line.split(':').nth(1)).map(|name| name.trim().to_owned());
        Ok(Self(names.collect()))
    }

    /// The encoder of AAC for a stream, when all that it takes is there.
    pub(super) fn fit(&self, target: &Target, video: bool) -> Result<&'static str, EgressError> {
        if let Some(missing) = pipeline::elements(target, video).find(|name| !self.0.contains(*name)) {
            let package = PACKAGES.iter().find(|(_, elements)| elements.contains(&missing));
            let package = package.map_or("gstreamer1.0-plugins-base", |(package, _)| *package);
            let why = format!("GStreamer has no {missing} on this server.");
            return Err(EgressError::Unavailable(why, format!("Its operator can install {package}.")));
        }
        AAC.into_iter().find(|name| self.0.contains(*name)).ok_or_else(|| {
            let why = "GStreamer has no encoder of AAC on this server.".to_owned();
            let remedy =
                "Its operator can install gstreamer1.0-plugins-bad (voaacenc) or gstreamer1.0-libav (avenc_aac).";
            EgressError::Unavailable(why, remedy.to_owned())
        })
    }
}

/// The program that lists, which is where the one that runs pipelines is.
fn inspector(launch: &Path) -> PathBuf {
    let name = launch.file_name().and_then(|name| name.to_str()).unwrap_or("gst-launch-1.0");
    launch.with_file_name(name.replacen("launch", "inspect", 1))
}

fn list(launch: &Path) -> Result<String, String> {
    let program = inspector(launch);
    let named = |what: &str| format!("{}: {what}", program.display());
    let mut command = Command::new(&program);
    super::process::surroundings(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| named(&error.kind().to_string()))?;
    let Some(stdout) = child.stdout.take() else { return Err(named("no output")) };
    let (done, waiting) = sync_channel(1);
    let reader = std::thread::Builder::new().name("egress-list".to_owned()).spawn(move || {
        let mut text = String::new();
        let read = stdout.take(LIST_BYTES).read_to_string(&mut text);
        drop(done.send(read.map(|_| text)));
    });
    let answer = reader.map_err(|error| named(&error.kind().to_string())).and_then(|_| {
        let text = waiting.recv_timeout(LIST_TIMEOUT).map_err(|_| named("it does not answer"))?;
        text.map_err(|error| named(&error.kind().to_string()))
    });
    // One that has answered ends by itself, and has nothing more to say.
    let _ = child.kill();
    let _ = child.wait();
    answer
}
