//! The pipeline of a stream, as `gst-launch-1.0` takes it: the mix is decoded from Opus and encoded as AAC, the canvas passes as it is.

use super::target::Target;
use colloquy_signalling::egress::{EGRESS_H264, EGRESS_OPUS};
use std::path::Path;

/// Seconds of a segment of HLS: as many whole groups of pictures as fit, of which one begins every two seconds or a little later.
pub(super) const SEGMENT_S: u32 = 5;
/// Segments of one run that its program leaves on the disk: twice what a playlist holds, for players that lag.
pub(super) const FILES: usize = 12;
/// What stands in for the files that packets come from, until their numbers are known.
pub(crate) const PICTURES: &str = "{pictures}";
/// The same, of sound.
pub(crate) const SOUND: &str = "{sound}";
/// What tells every second how much has left.
pub(super) const METER: &str = "meter";

/// Encoders of AAC, the best first, and what each is in. All take bits a second.
pub(super) const AAC: [&str; 3] = ["fdkaacenc", "avenc_aac", "voaacenc"];
/// Bits a second of AAC: the mix has 96 kb/s of Opus in stereo at most.
const AAC_BPS: u32 = 128_000;
/// How long packets wait for those before them, in milliseconds, and how late a picture may be drawn on a machine that has much to do.
const JITTER_MS: u32 = 400;

/// Elements that every stream takes, besides an encoder of AAC.
const COMMON: [&str; 12] = [
    "fdsrc",
    "capsfilter",
    "rtpjitterbuffer",
    "rtpopusdepay",
    "opusdec",
    "audioconvert",
    "audioresample",
    "audiotestsrc",
    "audiomixer",
    "aacparse",
    "queue",
    "progressreport",
];

/// What a stream takes besides.
pub(super) fn elements(target: &Target, video: bool) -> impl Iterator<Item = &'static str> {
    let pictures: &[&str] = if video { &["rtph264depay", "h264parse"] } else { &[] };
    let way: &[&str] = match target {
        Target::Hls => &["hlssink2", "mpegtsmux"],
        Target::Srt { .. } => &["mpegtsmux", "srtsink"],
        Target::Rtmp(_) => &["flvmux", "rtmp2sink"],
    };
    COMMON.iter().chain(pictures).chain(way).copied()
}

/// What one run is made of.
#[derive(Debug)]
pub(super) struct Pipeline<'a> {
    pub(super) target: &'a Target,
    pub(super) video: bool,
    pub(super) aac: &'a str,
    /// Where segments go, of HLS.
    pub(super) folder: Option<&'a Path>,
    /// Which run of the stream it is: its segments have names of their own.
    pub(super) run: u32,
}

impl Pipeline<'_> {
    /// The arguments. None of them is read by a shell, and none has white space in it.
    pub(super) fn arguments(&self) -> Vec<String> {
        // Finishes what it writes when it is interrupted, and tells when it runs.
        let mut all: Vec<String> = vec!["-e".to_owned()];
        let mut add = |text: &str| all.extend(text.split_whitespace().map(str::to_owned));
        let (muxed_audio, muxed_video) = match self.target {
            Target::Hls => ("out.audio", "out.video"),
            Target::Srt { .. } | Target::Rtmp(_) => ("mux.", "mux."),
        };
        let (stream_format, picture_format) = match self.target {
            Target::Rtmp(_) => ("raw", "stream-format=avc"),
            Target::Hls | Target::Srt { .. } => ("adts", "stream-format=byte-stream"),
        };
        // Silence holds the time together where nobody speaks and the mix sends nothing.
        add(
            "audiomixer name=voices ! audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved ! queue ! audioconvert !",
        );
        add(&format!(
            "{} bitrate={AAC_BPS} ! aacparse ! audio/mpeg,mpegversion=4,stream-format={stream_format} !",
            self.aac
        ));
        add(&format!("queue ! {}{muxed_audio}", self.meter(Target::Hls == *self.target)));
        add(
            "audiotestsrc is-live=true wave=silence ! audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved ! queue ! voices.",
        );
        add(&format!(
            "{} ! application/x-rtp,media=audio,clock-rate=48000,encoding-name=OPUS,payload={EGRESS_OPUS} !",
            source(SOUND)
        ));
        add(&format!(
            "rtpjitterbuffer latency={JITTER_MS} ! rtpopusdepay ! opusdec ! audioconvert ! audioresample ! queue ! voices."
        ));
        if self.video {
            add(&format!(
                "{} ! application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload={EGRESS_H264} !",
                source(PICTURES)
            ));
            add(&format!(
                "rtpjitterbuffer latency={JITTER_MS} ! rtph264depay wait-for-keyframe=true ! h264parse config-interval=-1 !"
            ));
            add(&format!("video/x-h264,{picture_format},alignment=au ! queue ! {muxed_video}"));
        }
        match self.target {
            Target::Hls => {
                let folder = self.folder.unwrap_or(Path::new("/")).display();
                let run = self.run;
                add(&format!(
                    "hlssink2 name=out target-duration={SEGMENT_S} max-files={FILES} playlist-length={FILES}"
                ));
                all.push(format!("location={folder}/r{run}-%05d.ts"));
                all.push(format!("playlist-location={folder}/r{run}.m3u8"));
            }
            Target::Srt { uri, listens } => {
                let waits = if *listens { "wait-for-connection=false" } else { "auto-reconnect=false" };
                add(&format!("mpegtsmux name=mux alignment=7 ! {}srtsink {waits}", self.meter(true)));
                all.push(format!("uri={uri}"));
            }
            Target::Rtmp(location) => {
                add(&format!("flvmux name=mux streamable=true ! {}rtmp2sink", self.meter(true)));
                all.push(format!("location={location}"));
            }
        }
        all
    }

    fn meter(&self, here: bool) -> String {
        if here {
            format!("progressreport name={METER} update-freq=1 do-query=false format=time silent=false ! ")
        } else {
            String::new()
        }
    }
}

/// Each read of a socket gives one packet.
fn source(file: &str) -> String {
    format!("fdsrc fd={file} blocksize=2048 do-timestamp=true")
}
