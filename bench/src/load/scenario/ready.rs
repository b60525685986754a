//! The ready scenarios: files of `bench/scenarios`, built in.

/// A ready scenario.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

macro_rules! ready {
    ($($name:literal),* $(,)?) => {
        /// All of them, from the plain to the hard.
        pub const READY: &[Ready] =
            &[$(Ready { name: $name, text: include_str!(concat!("../../../scenarios/", $name, ".toml")) }),*];
    };
}

ready!(
    "forward",
    "burst",
    "webinar",
    "meeting",
    "audio",
    "audio-mix",
    "rooms",
    "simulcast",
    "recorded",
    "churn",
    "storm",
    "herd",
    "websocket",
    "centre",
    "lossy",
    "idle",
    "cycles"
);
