//! The lines that the demo prints while it runs.

use std::fmt::Display;

use serde_json::Value;

use crate::cli::output::{BAD, BOLD, DIM, Output};

/// Prints the demo's steps on standard error, since they are not data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Story {
    output: Output,
}

impl Story {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    /// Prints the title.
    pub(super) fn title(&self, title: &str) {
        self.output.say(format_args!("{BOLD}{title}{BOLD:#}"));
    }

    /// Prints a step with the version that it made or saw.
    pub(super) fn step(&self, version: &Value, what: &str, told: impl Display) {
        self.line(&format!("v{version}"), what, told);
    }

    /// Prints a step without a version.
    pub(super) fn note(&self, what: &str, told: impl Display) {
        self.line("", what, told);
    }

    /// Prints an intended failure.
    pub(super) fn alarm(&self, what: &str, told: impl Display) {
        self.line("", what, format_args!("{BAD}{told}{BAD:#}"));
    }

    fn line(&self, version: &str, what: &str, told: impl Display) {
        // Padded before styling, because escape sequences count as characters but have no width.
        self.output.say(format_args!("{DIM}{version:>5}{DIM:#}  {what:<23} {told}"));
    }
}
