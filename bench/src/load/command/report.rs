//! `report`: pages of runs that were measured before.

use crate::load::page;
use crate::load::result::{Run, SCHEMA};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

/// Files of runs.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// What `run` and `search` wrote with --json.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The page.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Makes one page of several runs.
///
/// # Errors
/// When a file is no run, or the page cannot be written.
pub fn report(args: &ReportArgs) -> Result<()> {
    let runs: Vec<Run> = args.files.iter().map(|path| read(path)).collect::<Result<_>>()?;
    write(&runs, &args.output)
}

fn read(path: &Path) -> Result<Run> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let run: Run = serde_json::from_str(&text).with_context(|| format!("{} is no run", path.display()))?;
    ensure!(run.schema == SCHEMA, "{}: schema {}, this program knows {SCHEMA}", path.display(), run.schema);
    Ok(run)
}

/// Writes the page.
pub(super) fn write(runs: &[Run], path: &Path) -> Result<()> {
    std::fs::write(path, page::html(runs)).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("The page: {}", path.display());
    Ok(())
}
