//! One publisher, many viewers, over real sockets, ICE, DTLS and SRTP: what forwarding costs, beside its floor, and what it adds.

pub(crate) mod generator;
mod join;
pub(crate) mod processes;
mod report;

use crate::client::Pace;
use crate::os;
use anyhow::{Context as _, Result, bail};
use generator::Generator;
use indicatif::{ProgressBar, ProgressStyle};
use processes::{FloorChild, Server};
use report::{Report, Round};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is called, and how hard.
#[derive(Debug, Clone, clap::Args)]
pub struct CallArgs {
    /// Viewers of the one publisher.
    #[arg(long, default_value_t = 50)]
    pub viewers: usize,
    /// Packets that the publisher sends in a second.
    #[arg(long, default_value_t = 1_000)]
    pub packets_per_s: u32,
    /// Bytes of a packet as the publisher sends it: RTP header and payload, without what SRTP adds.
    #[arg(long, default_value_t = 1_200)]
    pub packet_bytes: usize,
    /// Packets that leave the publisher together, as those of a picture do.
    #[arg(long, default_value_t = 1)]
    pub burst: usize,
    /// Rounds; in each the server is measured, then the floor.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds of the server in each round; the floor gets half as many.
    #[arg(long, default_value_t = 4.0)]
    pub round_s: f64,
    /// The server's binary. Without it: `colloquy` beside this program, or what this program has built in.
    #[arg(long, value_name = "FILE")]
    pub server_bin: Option<PathBuf>,
    /// The server's core. The load comes from the next one.
    #[arg(long, default_value_t = 0)]
    pub core: usize,
    /// Do not run server and load before the other work of their cores, even where that is allowed.
    #[arg(long)]
    pub share_cores: bool,
}

/// RTP header, one-byte extension block with a transport sequence number and a MID of one character, padded.
const HEADER_BYTES: usize = 12 + 4 + 8;

/// Time for ICE and DTLS of everyone to calm down, caches to fill, and the first reports to be exchanged.
const WARM_UP: Duration = Duration::from_secs(3);

/// What is still under way when a round ends.
const DRAIN: Duration = Duration::from_millis(300);

/// Runs the call and prints what came of it; the last line is the result.
///
/// # Errors
/// When the server or a client does not come up.
pub fn run(args: &CallArgs) -> Result<()> {
    if args.burst == 0 || args.viewers == 0 || args.packet_bytes <= HEADER_BYTES + 64 {
        bail!("a call needs viewers, packets and bytes: at least one, one and {}", HEADER_BYTES + 65);
    }
    let first = !args.share_cores && os::may_run_first();
    let own_core = (args.core + 1) % os::cores();
    if !os::stay_on(own_core, first) {
        eprintln!("This process cannot be kept on core {own_core}; the figures will be less steady.");
    }
    let server = Server::start(args.server_bin.as_deref(), args.core, first)?;
    println!(
        "Server: {}, on core {}{}. Load: {} packets/s of {} bytes{} to {} viewers, from core {own_core}.",
        server.name(),
        args.core,
        if first { ", before other work (SCHED_FIFO)" } else { "" },
        args.packets_per_s,
        args.packet_bytes,
        if args.burst > 1 { format!(" in bursts of {}", args.burst) } else { String::new() },
        args.viewers
    );

    let mut generator = Generator::new()?;
    let pace = Pace {
        interval: Duration::from_secs_f64(args.burst as f64 / f64::from(args.packets_per_s)),
        packets: args.burst,
        payload_bytes: args.packet_bytes - HEADER_BYTES,
        large_key_frames: false,
    };
    let mut report = Report::default();
    let bar = progress("Joining", args.viewers as u64);
    join::publisher(&mut generator, &server, pace)?;
    for _ in 0..args.viewers {
        report.joins.push(join::viewer(&mut generator, &server)?);
        bar.inc(1);
    }
    join::pictures(&mut generator, &mut report.joins)?;
    bar.finish();
    let profile = generator.srtp_profile().context("nobody has keys")?;
    let sinks = generator.add_sinks(args.viewers)?;
    let mut floor = FloorChild::start(args, pace, &sinks, profile, first)?;

    let bar = progress("Warming up and measuring", args.rounds as u64 + 1);
    generator.run(WARM_UP)?;
    floor.round(Duration::from_millis(200), &mut generator)?;
    bar.inc(1);
    generator.note_drops();
    for _ in 0..args.rounds {
        report.rounds.push(measure(args, &server, &mut generator, &mut floor, &mut report.latency)?);
        bar.inc(1);
    }
    bar.finish();
    report.kernel_drops = generator.note_drops();
    report.profile = profile;
    report.print(args);
    Ok(())
}

/// One round: the server under load, then silence, then the floor.
fn measure(
    args: &CallArgs,
    server: &Server,
    generator: &mut Generator,
    floor: &mut FloorChild,
    latency: &mut hdrhistogram::Histogram<u64>,
) -> Result<Round> {
    generator.pause(false);
    // The first packets after the silence wake everything up.
    generator.run(Duration::from_millis(200))?;
    generator.begin();
    let (started, cpu_before, own_before) = (Instant::now(), server.cpu_ns(), os::process_cpu_ns(std::process::id()));
    generator.run(Duration::from_secs_f64(args.round_s))?;
    generator.pause(true);
    let (wall, own_after) = (started.elapsed(), os::process_cpu_ns(std::process::id()));
    generator.run(DRAIN)?;
    let cpu_ns = server.cpu_ns() - cpu_before;
    let counted = generator.end(latency);
    let floor = floor.round(Duration::from_secs_f64(args.round_s / 2.0), generator)?;
    Ok(Round {
        cpu_ns,
        counted,
        floor,
        load_busy: (own_after - own_before) as f64 / wall.as_nanos() as f64,
        server_busy: cpu_ns as f64 / wall.as_nanos() as f64,
    })
}

fn progress(what: &'static str, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} [{bar:40}] {pos}/{len} {elapsed}");
    let bar = ProgressBar::new(steps).with_message(what);
    if let Ok(style) = style { bar.with_style(style.progress_chars("=> ")) } else { bar }
}
