//! What is told while it happens.

use std::fmt::Display;

use serde_json::Value;

use crate::cli::output::{BAD, BOLD, DIM, Output};

/// Tells what happens, on standard error: it is no data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Story {
    output: Output,
}

impl Story {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    /// Says what it is about.
    pub(super) fn title(&self, title: &str) {
        self.output.say(format_args!("{BOLD}{title}{BOLD:#}"));
    }

    /// Tells what made a version, or at which one it was.
    pub(super) fn step(&self, version: &Value, what: &str, told: impl Display) {
        self.line(&format!("v{version}"), what, told);
    }

    /// Tells something that has no version.
    pub(super) fn note(&self, what: &str, told: impl Display) {
        self.line("", what, told);
    }

    /// Tells something that went wrong, as it was meant to.
    pub(super) fn alarm(&self, what: &str, told: impl Display) {
        self.line("", what, format_args!("{BAD}{told}{BAD:#}"));
    }

    fn line(&self, version: &str, what: &str, told: impl Display) {
        // Styled after it is padded: escapes have a length but no width.
        self.output.say(format_args!("{DIM}{version:>5}{DIM:#}  {what:<23} {told}"));
    }
}
