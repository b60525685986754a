//! The reTHINK message node: what a routed message costs, what 10,000 sessions cost, and how long messages take among them.

mod client;
mod crowd;
mod flood;

use crate::call::processes::Server;
use crate::os;
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::time::Duration;

/// How the node is loaded.
#[derive(Debug, Clone, clap::Args)]
pub struct NodeArgs {
    /// Bytes of a message.
    #[arg(long, default_value_t = 500)]
    pub message_bytes: usize,
    /// Senders of the first part, each with a receiver of its own.
    #[arg(long, default_value_t = 64)]
    pub pairs: usize,
    /// Messages of each sender that may be under way.
    #[arg(long, default_value_t = 64)]
    pub window: usize,
    /// Seconds of the first part, after one to warm up.
    #[arg(long, default_value_t = 5.0)]
    pub flood_s: f64,
    /// Sessions of the second part.
    #[arg(long, default_value_t = 10_000)]
    pub sessions: usize,
    /// Messages a second among them.
    #[arg(long, default_value_t = 5_000)]
    pub messages_per_s: u32,
    /// Seconds of the second part.
    #[arg(long, default_value_t = 10.0)]
    pub crowd_s: f64,
    /// The server's binary. Without it: `colloquy` beside this program.
    #[arg(long, value_name = "FILE")]
    pub server_bin: Option<PathBuf>,
    /// The server's core. The load comes from the next one.
    #[arg(long, default_value_t = 0)]
    pub core: usize,
    /// Do not run server and load before the other work of their cores, even where that is allowed.
    #[arg(long)]
    pub share_cores: bool,
}

/// The domain that is served.
const DOMAIN: &str = "bench.test";

/// Nobody is read from later, whatever he sends: it is the node that is measured.
const SETTINGS: [(&str, &str); 3] = [
    ("COLLOQUY__RETHINK__DOMAIN", DOMAIN),
    ("COLLOQUY__RETHINK__LIMITS__MESSAGES_PER_S", "1000000"),
    ("COLLOQUY__RETHINK__LIMITS__OPEN_WITHIN_S", "60"),
];

/// Messages of the smallest size that has room for what is measured.
const MIN_BYTES: usize = 250;

/// Loads a node and prints what came of it; the last line is the result.
///
/// # Errors
/// When the server or a client does not come up.
pub fn run(args: &NodeArgs) -> Result<()> {
    if args.message_bytes < MIN_BYTES || args.message_bytes > 60_000 {
        bail!("--message-bytes must be from {MIN_BYTES} to 60000");
    }
    if args.pairs == 0 || args.window == 0 || args.sessions < 2 || args.messages_per_s == 0 {
        bail!("there is nothing to measure without pairs, a window, two sessions and messages");
    }
    let beside = std::env::current_exe()?.with_file_name("colloquy");
    let binary = args.server_bin.clone().unwrap_or(beside);
    if !binary.is_file() {
        bail!("{} is not there: cargo build --release -p colloquy-server, or --server-bin", binary.display());
    }
    // Before this process is kept to one core.
    println!("A registry, without a node and on all cores:");
    let registry = crate::registry::measure()?;
    rlimit::increase_nofile_limit(u64::MAX).context("the limit of open files could not be raised")?;
    let first = !args.share_cores && os::may_run_first();
    let own_core = (args.core + 1) % os::cores();
    os::stay_on(own_core, first);
    println!("Server on core {}, load from core {own_core}. Messages of {} bytes.", args.core, args.message_bytes);

    let flood = {
        let server = Server::start_with(Some(&binary), args.core, first, &SETTINGS)?;
        flood::run(args, &server)?
    };
    println!(
        "{} pairs: {:.0} messages/s routed in {:.2} s of the server's CPU time a second: {:.2} us a message",
        args.pairs,
        flood.delivered as f64 / flood.wall.as_secs_f64(),
        flood.cpu.as_secs_f64() / flood.wall.as_secs_f64(),
        flood.cpu.as_secs_f64() * 1e6 / flood.delivered as f64,
    );
    let server = Server::start_with(Some(&binary), args.core, first, &SETTINGS)?;
    let crowd = crowd::run(args, &server)?;
    println!(
        "{} sessions: {:.1} KB each; {} messages at {}/s, {} late or lost: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms; {:.0} us of CPU time a message",
        args.sessions,
        crowd.kb_per_session,
        crowd.sent,
        args.messages_per_s,
        crowd.missing,
        crowd.p50_ms,
        crowd.p99_ms,
        crowd.max_ms,
        crowd.cpu.as_secs_f64() * 1e6 / crowd.sent.max(1) as f64,
    );
    if crowd.missing > 0 {
        bail!("{} of {} messages did not arrive", crowd.missing, crowd.sent);
    }
    let per_core = flood.delivered as f64 / flood.cpu.as_secs_f64();
    println!(
        "RESULT messages_per_s_per_core={per_core:.0} p99_ms_10k_sessions={:.3} kb_per_session={:.1} registry_p99_ms_100k={:.3}",
        crowd.p99_ms, crowd.kb_per_session, registry.p99_ms,
    );
    Ok(())
}

/// What the first part gives.
struct Flood {
    delivered: u64,
    cpu: Duration,
    wall: Duration,
}

/// What the second part gives.
struct Crowd {
    kb_per_session: f64,
    sent: u64,
    missing: u64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    cpu: Duration,
}
