//! Whether the files of a repository are those of its commit, as git says.

use std::process::Command;

use super::CommandPolicy;
use super::methods::run_command;
use crate::model::document::iteration::TreeState;

/// Settings of the project with which git would run other programs.
const OFF: [&str; 4] = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];

/// Variables that would make git look at another repository.
const ELSEWHERE: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
];

/// Asks git whether the files of the repository around a folder of the project are those of its
/// commit. The workspace of refiner does not count.
///
/// The user must allow commands in the project: filters of its own may run.
pub fn tree_state(policy: &CommandPolicy, folder: &str) -> TreeState {
    let mut git = Command::new("git");
    git.args(OFF).args(["status", "--porcelain", "--ignore-submodules=all"]);
    git.args(["--", ":(top)", ":(top,exclude,glob)**/.refiner/**"]);
    git.current_dir(policy.directory.join(folder)).env("GIT_OPTIONAL_LOCKS", "0");
    for name in ELSEWHERE {
        git.env_remove(name);
    }
    match run_command(git, policy.timeout) {
        Some((true, said)) if said.is_empty() => TreeState::Clean,
        Some((true, _)) => TreeState::Changed,
        _ => TreeState::Unknown,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a person works in a repository of their own")]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    fn git(folder: &Path, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]);
        assert!(git.args(arguments).current_dir(folder).output().unwrap().status.success());
    }

    #[test]
    fn git_says_whether_the_files_are_those_of_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let policy = CommandPolicy {
            allowed: Vec::new(),
            directory: folder.path().to_owned(),
            timeout: Duration::from_secs(20),
        };
        let state = || tree_state(&policy, "");
        assert_eq!(state(), TreeState::Unknown, "there is no repository");
        git(folder.path(), &["init", "-q"]);
        std::fs::write(folder.path().join("a"), "1").unwrap();
        assert_eq!(state(), TreeState::Changed);
        git(folder.path(), &["add", "a"]);
        git(folder.path(), &["commit", "-q", "-m", "a"]);
        std::fs::create_dir_all(folder.path().join(".refiner/artifacts/x")).unwrap();
        std::fs::write(folder.path().join(".refiner/artifacts/x/state.json"), "{}").unwrap();
        assert_eq!(state(), TreeState::Clean, "the workspace does not count");

        let ran = folder.path().join(".git/ran");
        let monitor = format!("touch {} #", ran.display());
        git(folder.path(), &["config", "core.fsmonitor", &monitor]);
        std::fs::write(folder.path().join("a"), "2").unwrap();
        assert_eq!(state(), TreeState::Changed);
        assert!(!ran.exists(), "the monitor of the project does not run");
        assert_eq!(tree_state(&policy, "none"), TreeState::Unknown);
    }
}
