//! The house rules that a compiler does not know: dependencies point down only, third-party crates stay in the rooms that
//! own them, and pure code is told the time.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Our crates, and how high each stands. An arrow may only point to a lower one.
const FLOORS: [(&str, u8); 8] = [
    ("colloquy-codecs", 0),
    ("colloquy-media-core", 1),
    ("colloquy-storage", 1),
    ("colloquy-signalling", 2),
    ("colloquy-hyperty-adapter", 3),
    ("colloquy-server", 4),
    // Nothing of the product uses these two; the tests use the client of the bench.
    ("colloquy-bench", 5),
    ("colloquy-tests", 6),
];

/// These may use anything.
const FREE: [&str; 2] = ["colloquy-bench", "colloquy-tests"];

/// What only some of the others may use, as a prefix of the crate's name.
const OWNED: [(&str, &[&str]); 9] = [
    ("axum", &["colloquy-signalling", "colloquy-hyperty-adapter", "colloquy-server"]),
    ("anyhow", &["colloquy-server"]),
    ("webrtc", &[]),
    ("gstreamer", &["colloquy-media-core"]),
    ("quinn", &["colloquy-media-core"]),
    ("mio", &["colloquy-media-core"]),
    ("sqlx", &["colloquy-storage"]),
    ("rusqlite", &["colloquy-storage"]),
    ("object_store", &["colloquy-storage"]),
];

/// Crates whose code is pure, and the folders in them that are not: sockets, threads and clocks live there.
const PURE: [(&str, &[&str]); 3] = [
    ("codecs", &[]),
    ("media-core", &["driver", "gst", "mixer", "relay"]),
    ("hyperty-adapter", &["wire", "clock", "registry/edge", "catalogue/store", "identity"]),
];

/// What pure code does not do.
const IMPURE: [&str; 8] = [
    "Instant::now",
    "SystemTime::now",
    "thread_rng",
    "rand::rng()",
    "thread::spawn",
    "thread::sleep",
    "UdpSocket::bind",
    "TcpListener::bind",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The members of the workspace, each with the names of all that it depends on, for tests and builds too.
fn members() -> Vec<(String, Vec<String>)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).current_dir(root());
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let name = |of: &Value| of["name"].as_str().expect("everything has a name").to_owned();
    let list = |of: &Value| of.as_array().expect("a list").clone();
    list(&metadata["packages"])
        .iter()
        .map(|package| (name(package), list(&package["dependencies"]).iter().map(name).collect()))
        .collect()
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(member, _)| *member == name).map(|(_, floor)| *floor)
}

#[test]
fn no_arrow_between_the_crates_points_up() {
    let mut wrong = Vec::new();
    for (member, dependencies) in members() {
        let Some(own) = floor(&member) else {
            wrong.push(format!("{member} has no floor in this test: decide where it stands"));
            continue;
        };
        for dependency in dependencies {
            if floor(&dependency).is_some_and(|other| other >= own) {
                wrong.push(format!("{member} -> {dependency} points up"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn third_party_crates_stay_with_their_owners() {
    let mut wrong = Vec::new();
    for (member, dependencies) in members().into_iter().filter(|(member, _)| !FREE.contains(&member.as_str())) {
        for dependency in dependencies {
            for (crate_prefix, owners) in OWNED {
                if dependency.starts_with(crate_prefix) && !owners.contains(&member.as_str()) {
                    wrong.push(format!("{member} uses {dependency}, which is only for {owners:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_code_reads_no_clock_and_opens_no_socket() {
    let mut wrong = Vec::new();
    for (member, edges) in PURE {
        let source = root().join(member).join("src");
        let edges: Vec<PathBuf> = edges.iter().map(|edge| source.join(edge)).collect();
        let mut files = Vec::new();
        rust_files(&source, &mut files);
        assert!(!files.is_empty(), "{member} has no sources?");
        for file in files {
            let is_edge = edges.iter().any(|edge| file.starts_with(edge) || file == edge.with_extension("rs"));
            if !is_edge && !is_test(&file) {
                look_for_impurity(&file, &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "take `now` and `rng` as arguments instead:\n{}", wrong.join("\n"));
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A file or a folder of tests within the sources.
fn is_test(file: &Path) -> bool {
    let is = |part: &str| part == "tests" || part == "tests.rs" || part == "testing" || part == "testing.rs";
    file.components().any(|part| part.as_os_str().to_str().is_some_and(is))
}

fn look_for_impurity(file: &Path, wrong: &mut Vec<String>) {
    let text = fs::read_to_string(file).expect("sources are UTF-8");
    // Unit tests stand at the end of a file, and start from some time of the real clock.
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    for (index, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for word in IMPURE.iter().filter(|word| line.contains(**word)) {
            wrong.push(format!("{}:{}: {word}", file.display(), index + 1));
        }
    }
}
