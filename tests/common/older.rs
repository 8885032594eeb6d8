//! The program of an earlier commit, which `scripts/build-older-program` builds.

use std::path::{Path, PathBuf};

/// Returns the program of the commit that `tests/older/commit` names, and fails when it is not built.
pub(crate) fn older_program() -> PathBuf {
    let commit = include_str!("../older/commit").trim();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let program = target.join("older").join(commit).join("refiner");
    assert!(program.is_file(), "{} is missing: run scripts/build-older-program", program.display());
    program
}
