//! One stream: a thread that starts its program, looks after it, starts it again when it ends, and says how it is.

use super::pipeline::Pipeline;
use super::process::Run;
use super::target::{Target, Way};
use super::tries::Tries;
use super::window::Window;
use super::{EgressSettings, faults};
use colloquy_signalling::egress::{EgressFault, EgressFeed, EgressReport, EgressSink, EgressState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often a program is looked after.
const LOOK: Duration = Duration::from_millis(100);
/// How often figures are told.
const TELL: Duration = Duration::from_secs(1);
/// Nothing left for so long: the program is started again. A segment takes four seconds, and a program and a connection some to begin.
const STALLED: Duration = Duration::from_secs(25);

/// Where the packets of a stream come in: sockets of ours, which each run of its program reads. So no port is free in between that
/// another program could take, and nobody else's packets are heard.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) sound: UdpSocket,
    pub(super) pictures: Option<UdpSocket>,
    /// Reports come here, and are not read: when it is full they are dropped.
    pub(super) reports: UdpSocket,
}

impl Sockets {
    pub(super) fn bind(video: bool) -> io::Result<Self> {
        let any = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        Ok(Self { sound: any()?, pictures: video.then(any).transpose()?, reports: any()? })
    }

    /// Takes what comes from the room from now on, and nothing from elsewhere.
    fn open(&self, feed: &EgressFeed) -> io::Result<()> {
        self.sound.connect(feed.audio)?;
        let both = self.pictures.as_ref().zip(feed.video);
        both.map_or(Ok(()), |(socket, from): (&UdpSocket, SocketAddr)| socket.connect(from))
    }

    /// Takes nothing, and throws away what has come. A program that is not playing yet has no clock, and would take what comes then for what is
    /// due in hours.
    fn close(&self) -> io::Result<()> {
        // From there nothing is ever sent.
        let nobody = self.reports.local_addr()?;
        self.sound.connect(nobody)?;
        self.pictures.as_ref().map_or(Ok(()), |socket| socket.connect(nobody))?;
        let mut buffer = [0; 2_048];
        for socket in [Some(&self.sound), self.pictures.as_ref()].into_iter().flatten() {
            // The program shares the socket, and waits for packets.
            if socket.set_nonblocking(true).is_ok() {
                while socket.recv(&mut buffer).is_ok() {}
            }
            socket.set_nonblocking(false)?;
        }
        Ok(())
    }
}

/// A stream that may begin.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) way: Way,
    pub(super) video: bool,
    pub(super) aac: &'static str,
    pub(super) sockets: Sockets,
    pub(super) window: Option<Arc<Window>>,
}

/// A stream that runs.
pub(super) struct Stream {
    prepared: Prepared,
    settings: Arc<EgressSettings>,
    sink: EgressSink,
    report: EgressReport,
    told: EgressReport,
    told_at: Instant,
    /// Seconds that earlier runs gave.
    before_s: u64,
}

/// How a run ended.
enum End {
    /// As was asked for.
    Asked,
    /// By itself, or because nothing came from it.
    Unasked { fault: EgressFault, something_came: bool },
}

impl Stream {
    pub(super) fn new(prepared: Prepared, settings: Arc<EgressSettings>, sink: EgressSink) -> Self {
        let report = EgressReport {
            state: EgressState::Starting,
            restarts: 0,
            fault: None,
            seconds: None,
            segments: None,
            bytes: None,
        };
        Self { prepared, settings, sink, told: report.clone(), report, told_at: Instant::now(), before_s: 0 }
    }

    /// Runs until it is told to end, or given up. Whoever drops the other end of `orders` ends it too.
    pub(super) fn run(mut self, feed: &EgressFeed, orders: &Receiver<()>) {
        let mut tries = Tries::default();
        for run in 1.. {
            let End::Unasked { fault, something_came } = self.once(run, feed, orders) else { return };
            let shown = self.prepared.way.shown.as_deref().unwrap_or("players");
            tracing::warn!(to = shown, "a stream broke off: {}", fault.message);
            self.report.fault = Some(fault);
            let Some(wait) = tries.ended(something_came) else {
                self.report.state = EgressState::Failed;
                return self.tell();
            };
            self.report.state = EgressState::Retrying;
            self.tell();
            match orders.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => self.report.restarts += 1,
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// One run of its program.
    fn once(&mut self, number: u32, feed: &EgressFeed, orders: &Receiver<()>) -> End {
        let Prepared { way, video, aac, sockets, window } = &self.prepared;
        if let Some(window) = window {
            window.begin_run(number);
        }
        let folder = window.as_ref().map(|window| window.folder());
        let pipeline = Pipeline { target: &way.target, video: *video, aac, folder, run: number };
        let ends = (&sockets.sound, sockets.pictures.as_ref());
        let began = Instant::now();
        let start = |()| Run::start(&self.settings.program, &pipeline.arguments(), ends, &way.secrets);
        let mut run = match sockets.close().and_then(start) {
            Ok(run) => run,
            Err(error) => return End::Unasked { fault: faults::unstartable(&error), something_came: false },
        };
        let segments_before = self.report.segments.unwrap_or(0);
        let mut last_segment = (segments_before, began);
        let mut is_open = false;
        loop {
            match orders.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    run.finish();
                    return End::Asked;
                }
            }
            let ended = run.ended();
            if !is_open && run.said().plays {
                is_open = self.prepared.sockets.open(feed).is_ok();
            }
            let (seconds, left_at) = run.said().left();
            self.report.seconds = Some(self.before_s + seconds);
            if let Some(window) = &self.prepared.window {
                let (segments, bytes) = window.look();
                (self.report.segments, self.report.bytes) = (Some(segments), Some(bytes));
                if segments > last_segment.0 {
                    last_segment = (segments, Instant::now());
                }
            }
            let something_came = match self.prepared.way.target {
                Target::Hls => last_segment.0 > segments_before,
                // A call is taken to be made until it has not been answered in three seconds (`SRTO_CONNTIMEO`).
                Target::Srt { listens: false, .. } => seconds >= 4,
                Target::Srt { listens: true, .. } | Target::Rtmp(_) => seconds >= 1,
            };
            let alive_at = if self.prepared.window.is_some() { Some(last_segment.1) } else { left_at };
            let is_stalled = alive_at.unwrap_or(began).elapsed() > STALLED;
            let fault = match ended {
                Ok(None) if is_stalled => Some(faults::stalled(STALLED)),
                Ok(None) => None,
                Ok(Some(status)) => {
                    run.hear_out();
                    Some(faults::ended(status, &run.said().lines))
                }
                Err(error) => Some(faults::unstartable(&error)),
            };
            if let Some(fault) = fault {
                self.before_s += seconds;
                return End::Unasked { fault, something_came };
            }
            if something_came {
                self.report.state = EgressState::Running;
            }
            let is_news = self.report.state != self.told.state || self.told_at.elapsed() >= TELL;
            if is_news && self.report != self.told {
                self.tell();
            }
        }
    }

    fn tell(&mut self) {
        (self.told, self.told_at) = (self.report.clone(), Instant::now());
        (self.sink)(self.report.clone());
    }
}
