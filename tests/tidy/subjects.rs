//! Subjects of commits: `topic: why`, on one line of a terminal.

use std::process::Command;

use regex::Regex;

use super::*;

/// The rule holds for every commit after this one.
const SINCE: &str = "7b53688cacb741f852790e4847bd39c7741cb1b1";

/// Characters that a subject may have.
const CHARACTERS_MAX: usize = 72;

/// Finds subjects that say no topic or are too long.
pub(super) fn bad_subjects(log: &str) -> Vec<String> {
    let form = Regex::new(r"^[a-z0-9][a-z0-9 ,/_-]*: \S").unwrap();
    let is_good = |line: &&str| form.is_match(line) && line.chars().count() <= CHARACTERS_MAX;
    let bad = log.lines().filter(|line| !is_good(line));
    bad.map(|subject| format!("not `topic: why` of {CHARACTERS_MAX} characters: {subject}"))
        .collect()
}

/// A source archive has no history, so there is nothing to look at. A clone has it, and then it has
/// to reach back to the commit above.
#[test]
fn subjects_of_commits_say_topic_and_why() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !root.join(".git").exists() {
        return;
    }
    let range = format!("{SINCE}..HEAD");
    let git = Command::new("git")
        .args(["log", "--no-merges", "--format=%s", &range])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        git.status.success(),
        "fetch the whole history: {}",
        String::from_utf8_lossy(&git.stderr)
    );
    let found = bad_subjects(&String::from_utf8(git.stdout).unwrap());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}
