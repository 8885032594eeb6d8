//! The checks that measure constraints.
//!
//! A constraint can define its check: `validation: {"method": "word_count", "params": {…}}`, and
//! `target_metric: {"metric": "words", "operator": "at_most", "value": 80}`. [`Check::parse`] reads
//! both when the constraint is saved, so a mistake shows before the check runs; [`Check::run`]
//! measures. This layer depends only on the model: it reads files through [`Files`], and
//! [`Context`] says which commands may run.
//!
//! Every file may be hostile. Sizes are bounded, no parser recurses with the depth of a file, and
//! regular expressions run in linear time.
#![warn(missing_docs)]

mod check;
mod colour;
mod command_files;
mod finding;
#[cfg(test)]
mod gaming;
mod git;
mod html;
mod image;
mod method;
mod methods;
mod outline;
mod params;
mod pattern;
mod pixels;
mod policy;
#[cfg(test)]
mod published;
mod schema_cost;
mod search;
mod style;
mod target;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod work;
mod xml;

use std::io;

use serde_json::Value;

use crate::model::Digest;

pub use check::Check;
pub use command_files::files_of;
pub use finding::{Measurement, Outcome};
pub use git::tree_state;
pub use method::Method;
pub use methods::{methods, wanted_command};
pub(crate) use outline::Outline;
pub use params::{Kind, Param};
pub use policy::{CommandPolicy, check_commands};
pub use target::{Operator, Target};

/// The files of an artifact's `dist/`.
pub trait Files {
    /// Returns every file, in any order.
    fn list(&self) -> io::Result<Vec<FileInfo>>;

    /// Returns the content of a file, or `None` when it does not exist.
    ///
    /// Only called for files that [`Files::list`] named with a size within the limit.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// Returns the digest of all files together, where it is known.
    fn everything(&self) -> Option<Digest> {
        None
    }
}

/// A file of `dist/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its path relative to `dist/`, with `/` between the parts.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// The inputs of a check beside the files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The manifest of the artifact, if any.
    pub manifest: Option<&'a Value>,
    /// The commands that the user allows. `None` if unknown: then no command may run.
    pub commands: Option<&'a CommandPolicy>,
}
