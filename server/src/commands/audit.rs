//! `colloquy audit`: looks at audit files.

use crate::audit::Verifier;
use crate::exit::{Exit, Usage as _};
use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::PathBuf;

pub(crate) const HELP: &str =
    "An audit file ([audit] file) has a line for everything that changed what people hear, see and know of each
other, and each line has the hash of the line before. `verify` exits with 3 where a line was changed, taken out,
added or moved. What it cannot see from the file alone is that lines at its end are gone, or that all of it was
written anew: keep the hash that it prints elsewhere, and ask for it with --holds the next time.

Examples:
  colloquy audit verify audit.log
  colloquy audit verify audit.log.2 audit.log.1 audit.log     files that follow each other, the oldest first
  colloquy audit verify --holds 9f86d081884c7d65… audit.log   and is this line still there?";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Says whether anything was changed in files or is missing from them.
    Verify {
        /// The files, the oldest first.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The hash of a line that must be there: one that was printed before.
        #[arg(long, value_name = "HASH")]
        holds: Option<String>,
    },
}

pub(crate) fn run(args: &Args) -> Result<Exit> {
    let What::Verify { files, holds } = &args.what;
    if holds.as_ref().is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(anyhow::anyhow!("--holds takes the 64 digits that `verify` printed")).usage();
    }
    match verify(files, holds.as_deref())? {
        Ok(text) => {
            write!(std::io::stdout(), "{text}")?;
            Ok(Exit::Ok)
        }
        Err(text) => {
            writeln!(std::io::stdout(), "BAD   {text}.")?;
            Ok(Exit::Problem)
        }
    }
}

/// What to say: of files that are whole, and of those that are not.
fn verify(files: &[PathBuf], holds: Option<&str>) -> Result<Result<String, String>> {
    let mut verifier = Verifier::new(holds);
    for path in files {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        if file.metadata().is_ok_and(|about| about.is_dir()) {
            bail!("cannot read {name}: it is a folder");
        }
        let read = verifier.file(BufReader::new(file)).with_context(|| format!("cannot read {name}"))?;
        if let Err(flaw) = read {
            return Ok(Err(format!("{name}: {flaw}")));
        }
    }
    let report = match verifier.finish() {
        Ok(report) => report,
        Err(flaw) => return Ok(Err(flaw.to_string())),
    };
    let Some(last) = report.last else { return Ok(Err("There are no lines".to_owned())) };
    if let Some(hash) = holds.filter(|_| !report.holds) {
        return Ok(Err(format!("No line has the hash {hash}: lines are gone, or all of it was written anew")));
    }
    let mut text =
        format!("ok    {} lines, each follows the one before. The last one's hash:\n      {last}\n", report.lines);
    let mut say = |words: String| text.push_str(&format!("hm    {words}\n"));
    if let Some(first @ 1..) = report.first {
        say(format!("The first line has the number {first}: what was before is in other files."));
    }
    if report.lost > 0 {
        say(format!("{} lines are missing, as the server itself says: the disk did not take them.", report.lost));
    }
    if report.torn > 0 {
        say(format!("{} lines are cut off where a server ended amid them, as the next one says.", report.torn));
    }
    if report.unfinished {
        say("The last line has no end: a server ended amid it, or is writing it.".to_owned());
    }
    Ok(Ok(text))
}
