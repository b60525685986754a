//! What is seen while it runs: a bar for the step, and under it how things stand.

use crate::load::play::Watcher;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A bar with a line. On what is no terminal nothing is shown.
pub(super) struct Bar {
    bar: ProgressBar,
    title: String,
}

impl Bar {
    pub(super) fn new(title: &str) -> Self {
        let bar = ProgressBar::new(1);
        if let Ok(style) = ProgressStyle::with_template("{prefix:32} [{bar:24}] {pos}/{len} {elapsed}\n  {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, title: title.to_owned() }
    }
}

impl Watcher for Bar {
    fn step(&mut self, what: &str, of: u64) {
        self.bar.set_prefix(format!("{} {what}", self.title));
        self.bar.set_length(of.max(1));
        self.bar.set_position(0);
        self.bar.set_message(String::new());
    }

    fn done(&mut self, count: u64, line: &str) {
        self.bar.set_position(count);
        if !line.is_empty() {
            self.bar.set_message(line.to_owned());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
