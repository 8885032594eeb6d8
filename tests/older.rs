//! An older program and this one on the same workspace.

use std::path::Path;
use std::process::Command;

use crate::common::{Project, finish, older_program, refiner};

#[test]
fn the_older_program_runs_and_writes_what_this_one_reads() {
    let project = Project::new();
    let mut older = Command::new(older_program());
    older.arg("--dir").arg(project.path()).env("XDG_CONFIG_HOME", project.path().join(".config"));
    let begun = finish(older.args(["init", "a", "--workflow", "document"]), "");
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let shown = refiner(project.path(), ["show", "a", "--json"]);
    assert_eq!(shown.json()["briefing"]["version"], 1, "{shown:?}");
}

#[test]
fn a_clone_without_the_commit_is_told_how_to_get_it() {
    let clone = tempfile::tempdir().unwrap();
    for file in ["scripts/build-older-program", "tests/older/commit"] {
        let to = clone.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), to).unwrap();
    }
    let begun = finish(Command::new("git").args(["init", "--quiet"]).arg(clone.path()), "");
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let mut build = Command::new(clone.path().join("scripts/build-older-program"));
    let refused = finish(build.env("CARGO_TARGET_DIR", clone.path().join("target")), "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("git fetch --unshallow"), "{refused:?}");
}
