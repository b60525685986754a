//! The command line.

use crate::commands::{audit, bench, check, mixer, room, stream, token};
use crate::config;
use crate::exit::{EXIT_CODES, Exit, Usage as _, UsageError};
use crate::{serve, tls};
use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "Examples:
  colloquy serve                               a server for this machine: http://localhost:8080
  colloquy --print-config > colloquy.toml      the configuration with its defaults, to edit
  colloquy check --config colloquy.toml        is it right, and can clients reach it?
  colloquy token --room daily --identity anne  lets Anne into the room `daily`
  colloquy room ls                             what is going on in the server";

/// Video calls for many, in one program: a WebRTC server with its page, its API and its tools.
#[derive(Debug, Parser)]
#[command(name = "colloquy", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"), arg_required_else_help = true)]
struct Cli {
    /// The configuration file. Without it, the defaults hold.
    #[arg(short, long, global = true, value_name = "FILE", env = "COLLOQUY_CONFIG")]
    config: Option<PathBuf>,

    /// Prints the annotated configuration file with all defaults.
    #[arg(long)]
    print_config: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server.
    #[command(after_help = format!("{}\n\n{EXIT_CODES}", serve::HELP))]
    Serve,
    /// Tries the configuration, the addresses, the ports and the certificate, and says what it finds.
    #[command(after_help = format!("{}\n\n{EXIT_CODES}", check::HELP))]
    Check(check::Args),
    /// Makes an access token, or a key to make them with.
    #[command(after_help = format!("{}\n\n{EXIT_CODES}", token::HELP))]
    Token(token::Args),
    /// Looks at the rooms of a running server, and acts on them.
    #[command(after_help = format!("{}\n\n{EXIT_CODES}", room::HELP))]
    Room(room::Args),
    /// Says whether an audit file is as it was written.
    #[command(after_help = format!("{}\n\n{EXIT_CODES}", audit::HELP))]
    Audit(audit::Args),
    /// Puts load on a server and measures it: `colloquy bench --help` (the program colloquy-bench).
    Bench(bench::Args),
    /// Decodes and encodes for a server, which starts it.
    #[command(hide = true)]
    Mixer(mixer::Args),
    /// Becomes the program of a stream, for a server, which starts it.
    #[command(hide = true)]
    Stream(stream::Args),
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    tls::install_provider();
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Ok.into(),
        Err(error) => {
            let exit = if error.is::<UsageError>() { Exit::Usage } else { Exit::Failure };
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            exit.into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit> {
    if cli.print_config {
        return print_config();
    }
    let Some(command) = cli.command else {
        Cli::command().print_help()?;
        return Ok(Exit::Usage);
    };
    if let Command::Check(args) = &command
        && args.print
    {
        return print_config();
    }
    if let Command::Token(args) = &command
        && args.new_key
    {
        return token::print_new_key();
    }
    if let Command::Bench(args) = &command {
        return bench::run(args);
    }
    if let Command::Audit(args) = &command {
        return audit::run(args);
    }
    if let Command::Mixer(args) = &command {
        return mixer::run(args);
    }
    if let Command::Stream(args) = &command {
        return stream::run(args);
    }
    let config = config::load(cli.config.as_deref()).usage()?;
    match command {
        Command::Serve => serve::run(&config, cli.config.as_deref()),
        Command::Check(_) => check::run(&config),
        Command::Token(args) => token::run(&args, &config),
        Command::Room(args) => room::run(&args, &config),
        Command::Audit(args) => audit::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Mixer(args) => mixer::run(&args),
        Command::Stream(args) => stream::run(&args),
    }
}

fn print_config() -> Result<Exit> {
    std::io::stdout().write_all(config::REFERENCE.as_bytes())?;
    Ok(Exit::Ok)
}

/// `colloquy room ls | head -1` is no failure of ours.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
