//! Artifacts that leave a workspace as files, and that come into one.

mod export;
mod import;

pub use self::export::{Export, Exported};
pub use self::import::{Import, Imported, ImportedArtifact, Remark};
