//! What a method is: a name, its params, and how it measures.

use std::fmt::Debug;

use super::params::{Param, Params};
use super::pattern::PathPattern;
use super::work::{Stop, Work};
use crate::model::refusal::Violation;

/// A way to measure a constraint.
#[derive(Debug)]
pub struct Method {
    /// Its name, as in `validation.method`.
    pub name: &'static str,
    /// What holds when it finds nothing wrong, in one line.
    pub description: &'static str,
    /// The params that it takes.
    pub params: &'static [Param],
    /// The numbers that it measures, which a target may be about.
    pub metrics: &'static [&'static str],
    pub(super) build: fn(&Params<'_>) -> Built,
}

/// A measure that was made of params, or what is wrong with them.
pub(super) type Built = Result<Box<dyn Measure>, Vec<Violation>>;

/// A method with its params, ready to measure.
pub(super) trait Measure: Debug + Send + Sync {
    /// Measures, and returns what it found of each thing that it looked at: one reading for each
    /// file, or a single one without a path.
    fn measure(&self, work: &mut Work<'_>) -> Result<Vec<Reading>, Stop>;

    /// Returns whether a file, were there one at this path, would be looked at.
    fn covers(&self, path: &str) -> bool;
}

/// What was found of one file, or of the whole.
#[derive(Debug)]
pub(super) struct Reading {
    /// The file, where a glob may name several.
    pub(super) path: Option<String>,
    pub(super) found: Result<Found, Stop>,
}

/// What was measured.
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

    /// Adds a count that is not one of things in memory.
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

/// How a method measures one file.
pub(super) trait MeasureFile: Debug + Send + Sync + 'static {
    /// Measures a file that is there.
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop>;
}

/// A method that measures each file by itself.
#[derive(Debug)]
struct EachFile<M> {
    files: PathPattern,
    measure: M,
}

/// Makes the measure of each file by itself that the param `path` names.
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

    fn covers(&self, path: &str) -> bool {
        self.files.matches(path)
    }
}
