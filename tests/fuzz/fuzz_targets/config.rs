#![no_main]

//! Configuration files, and environment variables over them: read, or refused with a place and a reason.

use colloquy_server::config::{Environment, from_parts};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (file, environment) = text.split_once('\0').unwrap_or((text, ""));
    let variables = environment.lines().take(16).filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (format!("COLLOQUY__{name}"), value.to_owned()));
    match from_parts(Some(("fuzz.toml", file)), &Environment::new(variables)) {
        Ok(config) => drop(config.validate()),
        Err(mistake) => assert!(!mistake.to_string().is_empty()),
    }
});
