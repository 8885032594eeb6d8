//! Where things are in a workspace.
//!
//! ```text
//! .refiner/
//!   .gitignore   registry.json   workflow.log   workflow.log.1
//!   triggers.json                            the project's hooks, which run once they are trusted
//!   undelivered/                             notes for whoever delivers events
//!   workflows/<name>/                        the user's own workflows
//!   locks/<name>   locks/<name>@projections   locks/@registry   locks/@hooks
//!   artifacts/<name>/
//!     journal/<first version>.jsonl          the truth, in segments
//!     state.json  constraints.json  refinement_log.md  decisions.md
//!     blobs/<digest>   dist/   kept/
//!     hooks.cursor                           how far its events were delivered
//!   history/<name>/<cycle>/                  finalized cycles, a readable copy
//!   trash/                                   what was cut or taken away
//! ```

use crate::model::{Digest, Name, Version};

/// The workspace's folder in a project.
pub const WORKSPACE: &str = ".refiner";

pub(super) const ARTIFACTS: &str = ".refiner/artifacts";
pub(super) const LOCKS: &str = ".refiner/locks";
pub(super) const HISTORY: &str = ".refiner/history";
pub(super) const WORKFLOWS: &str = ".refiner/workflows";
pub(super) const TRASH: &str = ".refiner/trash";
pub(super) const GITIGNORE: &str = ".refiner/.gitignore";
pub(super) const REGISTRY: &str = ".refiner/registry.json";
/// Not a name of an artifact, since names have no `@`.
pub(super) const REGISTRY_LOCK: &str = ".refiner/locks/@registry";
/// The project's own triggers.
pub const TRIGGERS: &str = ".refiner/triggers.json";
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

pub(super) fn artifact(name: &Name) -> String {
    format!("{ARTIFACTS}/{name}")
}

pub(super) fn in_artifact(name: &Name, file: &str) -> String {
    format!("{ARTIFACTS}/{name}/{file}")
}

pub(super) fn journal(name: &Name) -> String {
    in_artifact(name, "journal")
}

/// The segment whose first entry has that version.
pub(super) fn segment(name: &Name, first: Version) -> String {
    in_artifact(name, &format!("journal/{first:012}.jsonl"))
}

/// The version that a segment's file name says.
pub(super) fn segment_version(file_name: &str) -> Option<Version> {
    file_name.strip_suffix(".jsonl")?.parse().ok()
}

pub(super) fn blobs(name: &Name) -> String {
    in_artifact(name, "blobs")
}

pub(super) fn blob(name: &Name, digest: Digest) -> String {
    in_artifact(name, &format!("blobs/{digest}"))
}

pub(super) fn kept(name: &Name) -> String {
    in_artifact(name, "kept")
}

pub(super) fn delivered(name: &Name) -> String {
    in_artifact(name, "hooks.cursor")
}

pub(super) fn lock(name: &Name) -> String {
    format!("{LOCKS}/{name}")
}

pub(super) fn projections_lock(name: &Name) -> String {
    format!("{LOCKS}/{name}@projections")
}

pub(super) fn history(name: &Name) -> String {
    format!("{HISTORY}/{name}")
}

/// The folder of a finalized cycle, from the workspace's parent.
pub fn archive(name: &Name, cycle: u64) -> String {
    format!("{HISTORY}/{name}/{cycle}")
}

/// The folder in which the work itself is, from the workspace's parent.
pub fn dist(name: &Name) -> String {
    in_artifact(name, "dist")
}
