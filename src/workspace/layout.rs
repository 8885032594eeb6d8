//! The paths in a workspace.
//!
//! ```text
//! .refiner/
//!   .gitignore   registry.json   workflow.log   workflow.log.1
//!   triggers.json                            the project's hooks, which run once they are trusted
//!   undelivered/                             notes for the process that delivers events
//!   workflows/<name>/                        the user's own workflows
//!   locks/<name>@projections   locks/@registry   locks/@hooks   locks/<name>   (formats 1 and 2)
//!   artifacts/<name>/
//!     journal/<first version>.jsonl          the truth, in segments
//!     journal/removed                        up to which version files were taken away
//!     state.json  constraints.json  refinement_log.md  decisions.md
//!     blobs/<digest>   dist/   kept/
//!     hooks.cursor                           how far its events were delivered
//!   history/<name>/<cycle>/                  finalized cycles, a readable copy
//!   trash/<name>-<time>-<version>/           what that version, a reset or a deletion, took away
//!   trash/<name>-after-<version>-<crc>       what was cut
//! ```

use crate::model::Name;
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;

pub(crate) const ARTIFACTS: &str = ".refiner/artifacts";
pub(crate) const LOCKS: &str = ".refiner/locks";
pub(super) const GITIGNORE: &str = ".refiner/.gitignore";
pub(crate) const HISTORY: &str = ".refiner/history";
pub(crate) const WORKFLOWS: &str = ".refiner/workflows";
/// The project's own triggers.
pub const TRIGGERS: &str = ".refiner/triggers.json";
/// Not a name of an artifact, since names have no `@`.
pub(super) const DELIVERY_LOCK: &str = ".refiner/locks/@hooks";
/// What came of each delivery of an event.
pub const DELIVERY_LOG: &str = ".refiner/workflow.log";
pub(super) const DELIVERY_LOG_BEFORE: &str = ".refiner/workflow.log.1";
pub(super) const UNDELIVERED: &str = ".refiner/undelivered";

/// What of a workspace git should not see: the journals are binary in nature and private, the
/// readable copies are for people.
pub(super) const GITIGNORE_TEXT: &str = "\
locks/
trash/
history/*/.*
artifacts/*/journal/
artifacts/*/blobs/
artifacts/*/kept/
artifacts/*/hooks.cursor
undelivered/
workflow.log*
*.tmp
";

pub(crate) fn artifact(name: &Name) -> String {
    format!("{ARTIFACTS}/{name}")
}

pub(crate) fn in_artifact(name: &Name, file: &str) -> String {
    format!("{ARTIFACTS}/{name}/{file}")
}

/// The folder of a finalized cycle, from the workspace's parent.
pub fn archive(name: &Name, cycle: u64) -> String {
    format!("{HISTORY}/{name}/{cycle}")
}

/// The folder in which the work itself is, from the workspace's parent.
pub fn dist(name: &Name) -> String {
    in_artifact(name, "dist")
}

/// The folder in which the work is, from the workspace's parent; `.` for that folder itself.
pub fn outputs(name: &Name, place: &OutputPlace) -> String {
    match place.folder() {
        None => dist(name),
        Some("") => ".".to_owned(),
        Some(folder) => folder.to_owned(),
    }
}

/// The path of an output, from the workspace's parent.
pub fn output(name: &Name, place: &OutputPlace, path: &OutputPath) -> String {
    match place.folder() {
        Some("") => path.to_string(),
        _ => format!("{}/{path}", outputs(name, place)),
    }
}

/// How far the events of an artifact were delivered.
pub(super) fn delivered(name: &Name) -> String {
    in_artifact(name, "hooks.cursor")
}
