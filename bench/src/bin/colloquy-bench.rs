//! The load harness of Colloquy.

use anyhow::Result;
use clap::{Parser, Subcommand};
use colloquy_bench::call::{self, CallArgs};
use colloquy_bench::floor::{self, FloorArgs, FlowsArgs};
use colloquy_bench::host::{self, Host, HostOptions};
use colloquy_bench::impair::{self, ImpairArgs};
use colloquy_bench::load::command::{self, ReportArgs, RunArgs, SearchArgs};
use colloquy_bench::node::{self, NodeArgs};
use colloquy_bench::quality::{self, QualityArgs};
use std::net::SocketAddr;
use std::process::ExitCode;

/// Puts load on a Colloquy server, and measures what it costs.
#[derive(Debug, Parser)]
#[command(name = "colloquy-bench", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays scenarios on servers that take turns, and measures what they cost and what they add.
    Run(RunArgs),
    /// The largest load that keeps a quality.
    Search(SearchArgs),
    /// Lists the ready scenarios.
    Scenarios,
    /// Makes one page of runs that were measured before.
    Report(ReportArgs),
    /// One publisher to many viewers: CPU a packet beside its floor, added latency, loss, time to join. About a minute.
    Call(CallArgs),
    /// Bandwidth, loss and fairness: what viewers see and hear over bad links, in virtual time (some seconds each) and on sockets
    /// (two minutes in all).
    Quality(QualityArgs),
    /// The reTHINK message node: CPU time a message, memory a session, latency among 10,000 sessions. Half a minute.
    Node(NodeArgs),
    /// A bad network between clients and a server, in user space: loss, delay, jitter, rate; changed while it runs.
    Impair(ImpairArgs),
    /// A child of `call`.
    #[command(hide = true)]
    Floor(FloorArgs),
    /// A child of `run`.
    #[command(hide = true)]
    Flows(FlowsArgs),
    /// A child of `call` and `run`, where there is no server to be found.
    #[command(hide = true)]
    Host {
        /// Where its HTTP is.
        #[arg(long)]
        listen: SocketAddr,
    },
}

fn main() -> ExitCode {
    // For WHIP by HTTPS; it fails only when there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match dispatch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<()> {
    match Cli::parse().command {
        Command::Run(args) => command::run(&args),
        Command::Search(args) => command::search(&args),
        Command::Scenarios => command::scenarios(),
        Command::Report(args) => command::report(&args),
        Command::Call(args) => call::run(&args),
        Command::Quality(args) => quality::run(&args),
        Command::Node(args) => node::run(&args),
        Command::Impair(args) => impair::run(&args),
        Command::Floor(args) => floor::child(args),
        Command::Flows(args) => floor::flows_child(&args),
        Command::Host { listen } => serve(listen),
    }
}

fn serve(listen: SocketAddr) -> Result<()> {
    let keys = std::env::var(host::KEY_VARIABLE).map(host::key).into_iter().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let _host = Host::start(&HostOptions { listen, keys, ..HostOptions::default() }).await?;
        std::future::pending::<()>().await;
        Ok(())
    })
}
