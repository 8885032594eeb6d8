//! A method: its name, its params, and its measure.

use std::fmt::Debug;

use super::Context;
use super::params::{Param, Params};
use super::pattern::PathPattern;
use super::work::{Stop, Work};
use crate::model::refusal::Violation;

/// A way to measure a constraint.
#[derive(Debug)]
pub struct Method {
    /// Its name, as in `validation.method`.
    pub name: &'static str,
    /// The condition that it measures, in one line.
    pub description: &'static str,
    /// Its params.
    pub params: &'static [Param],
    /// The numbers that it measures, for targets.
    pub metrics: &'static [&'static str],
    pub(super) build: fn(&Params<'_>) -> Built,
}

/// A measure built from params, or their violations.
pub(super) type Built = Result<Box<dyn Measure>, Vec<Violation>>;

/// A method with its params, ready to measure.
pub(super) trait Measure: Debug + Send + Sync {
    /// Measures, and returns one reading for each file, or a single one without a path.
    fn measure(&self, work: &mut Work<'_>) -> Result<Vec<Reading>, Stop>;

    /// Returns what keeps the server from measuring it, such as a command that the user does not allow.
    fn hindrance(&self, _context: &Context<'_>) -> Option<String> {
        None
    }
}

/// The result for one file, or for the whole.
#[derive(Debug)]
pub(super) struct Reading {
    /// The file, if the path is a glob.
    pub(super) path: Option<String>,
    pub(super) found: Result<Found, Stop>,
}

/// The measured outcome, details and numbers.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) holds: bool,
    pub(super) details: String,
    pub(super) numbers: Vec<(&'static str, f64)>,
}

impl Found {
    pub(super) fn satisfied(details: impl Into<String>) -> Self {
        Self { holds: true, details: details.into(), numbers: Vec::new() }
    }

    pub(super) fn violated(details: impl Into<String>) -> Self {
        Self { holds: false, details: details.into(), numbers: Vec::new() }
    }

    /// Adds a count.
    pub(super) fn with(self, name: &'static str, count: usize) -> Self {
        self.with_bytes(name, count as u64)
    }

    /// Adds a count that may exceed `usize`.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub(super) fn with_bytes(self, name: &'static str, count: u64) -> Self {
        self.with_number(name, count as f64)
    }

    /// Adds a number.
    pub(super) fn with_number(mut self, name: &'static str, number: f64) -> Self {
        self.numbers.push((name, number));
        self
    }
}

/// The measure of one file.
pub(super) trait MeasureFile: Debug + Send + Sync + 'static {
    /// Measures an existing file.
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop>;
}

/// A method that measures each file by itself.
#[derive(Debug)]
struct EachFile<M> {
    files: PathPattern,
    measure: M,
}

/// Makes a measure of each file that the param `path` names.
pub(super) fn each_file<M: MeasureFile>(params: &Params<'_>, measure: M) -> Built {
    Ok(Box::new(EachFile { files: params.path("path")?, measure }))
}

impl<M: MeasureFile> Measure for EachFile<M> {
    fn measure(&self, work: &mut Work<'_>) -> Result<Vec<Reading>, Stop> {
        let paths = work.matching(&self.files)?;
        let read = |path: String| Reading {
            found: self.measure.measure_file(&path, work),
            path: self.files.is_glob().then_some(path),
        };
        Ok(paths.into_iter().map(read).collect())
    }
}
