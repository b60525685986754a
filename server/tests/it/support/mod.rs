//! Runs the binary.

pub(crate) mod client;
pub(crate) mod person;
pub(crate) mod server;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

/// How a run of the binary ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary, with none of our variables of the outer environment.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colloquy"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COLLOQUY")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn run(args: &[&str], variables: &[(&str, &str)]) -> Run {
    let output = command().args(args).envs(variables.iter().copied()).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn colloquy(args: &[&str]) -> Run {
    run(args, &[])
}

/// A file of this name in a folder of the tests' own, and its path.
pub(crate) fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("the folder can be written to");
    path.to_str().expect("a path in UTF-8").to_owned()
}

pub(crate) fn base64url_json(text: &str) -> serde_json::Value {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
}
