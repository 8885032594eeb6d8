//! Pinned files: which globs protect files, and the files with the digests that they had.

use std::collections::BTreeMap;

use super::output_place::OutputPlace;
use crate::model::Digest;

/// Files with the digests of their contents. Paths of the artifact's own `dist/` begin with `dist/`,
/// others are relative to the project.
pub type Pinned = BTreeMap<String, Digest>;

/// The protected files as they are now, for each list of globs.
pub type Protected = BTreeMap<Vec<String>, Pinned>;

/// How globs and paths of the artifact's own folder begin.
pub const OWN: &str = "dist/";

/// Returns the problem with globs that cannot protect anything.
pub fn check_globs(globs: &[String]) -> Result<(), String> {
    let own: Vec<String> = globs.iter().map(|glob| without_own(glob).to_owned()).collect();
    OutputPlace::parse(Some("."), &own).map(drop).map_err(|refusal| refusal.to_string())
}

/// Returns a glob without the folder that it begins with, if that is the artifact's own.
pub fn without_own(glob: &str) -> &str {
    glob.strip_prefix(OWN).unwrap_or(glob)
}
