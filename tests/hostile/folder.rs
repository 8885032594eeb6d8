//! A workspace that a stranger prepared: every file and folder of it × every hostile thing in its place ×
//! every kind of command. Nothing outside is read or written, and no command hangs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::common::{Project, command, copy_folder, refiner};

/// What is outside of the workspace, and may neither be shown nor changed.
const SECRET: &str = "the-secret-of-the-user";
/// Seconds after which a command hangs.
const SECONDS: &str = "20";

/// Commands, those that only read first: each runs on what the ones before it left.
const COMMANDS: [&[&str]; 12] = [
    &["list"],
    &["show", "a", "--full"],
    &["history", "a"],
    &["verify", "a"],
    &["output", "list", "a"],
    &["output", "read", "a", "env"],
    &["doctor"],
    &["init", "a", "--workflow", "document"],
    &["save", "a", "--patch", r#"{"data":{"x":"new"}}"#],
    &["checkpoint", "a"],
    &["init", "fresh", "--workflow", "document"],
    &["finalize", "a"],
];

/// What may stand in place of a file or folder.
#[derive(Clone, Copy, Debug)]
enum Thing {
    LinkToFile,
    LinkToFolder,
    LinkToSelf,
    LinkWithin,
    Pipe,
    Folder,
    Sparse,
    Empty,
}

const THINGS: [Thing; 8] = [
    Thing::LinkToFile,
    Thing::LinkToFolder,
    Thing::LinkToSelf,
    Thing::LinkWithin,
    Thing::Pipe,
    Thing::Folder,
    Thing::Sparse,
    Thing::Empty,
];

impl Thing {
    /// Puts it in place of what is at a path of a project.
    fn put(self, project: &Path, path: &Path) {
        let path = project.join(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            drop(fs::remove_file(&path));
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match self {
            Self::LinkToFile => symlink(project.join(".git/config"), &path).unwrap(),
            Self::LinkToFolder => symlink(project.join(".git"), &path).unwrap(),
            Self::LinkToSelf => symlink(&path, &path).unwrap(),
            Self::LinkWithin => symlink(project.join(".refiner"), &path).unwrap(),
            Self::Pipe => {
                assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            }
            Self::Folder => fs::create_dir(&path).unwrap(),
            Self::Sparse => fs::File::create(&path).unwrap().set_len(4 << 40).unwrap(),
            Self::Empty => drop(fs::File::create(&path).unwrap()),
        }
    }
}

/// A project with some of everything that the program keeps.
fn prepared() -> Project {
    let project = Project::new();
    let run = |arguments: &[&str]| {
        let finished = refiner(project.path(), arguments);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    };
    run(&["init", "a", "--workflow", "document"]);
    fs::write(project.path().join("env"), "an output").unwrap();
    run(&["output", "write", "a", "env", project.path().join("env").to_str().unwrap()]);
    run(&["finalize", "a"]);
    run(&["init", "a", "--workflow", "document"]);
    run(&["save", "a", "--patch", r#"{"data":{"x":1}}"#]);
    fs::create_dir_all(project.file("workflows/own")).unwrap();
    for file in ["workflows/own/workflow.json", "triggers.json", "workflow.log"] {
        fs::write(project.file(file), "{}").unwrap();
    }
    fs::create_dir_all(project.of("a", "kept")).unwrap();
    fs::create_dir_all(project.file("undelivered")).unwrap();
    fs::create_dir_all(project.path().join(".git")).unwrap();
    fs::write(project.path().join(".git/config"), SECRET).unwrap();
    fs::write(project.path().join(".git/env"), SECRET).unwrap();
    project
}

/// Every file and folder of the workspace, and what would be a temporary one beside each file.
fn places(project: &Project) -> BTreeSet<String> {
    let mut places = BTreeSet::from([
        ".refiner".to_owned(),
        ".refiner/trash".to_owned(),
        ".refiner/locks/fresh".to_owned(),
        ".refiner/artifacts/fresh".to_owned(),
        ".refiner/artifacts/a/refinement_log.md".to_owned(),
        ".refiner/artifacts/a/artifact_manifest.json".to_owned(),
    ]);
    for (path, _) in project.digest() {
        if path.starts_with(".refiner/") {
            places.insert(format!("{path}.tmp"));
            places.insert(path);
        }
    }
    places
}

fn check(project: &Project, arguments: &[&str], what: &str) {
    let program = command(project.path());
    let mut limited = Command::new("timeout");
    limited.arg(SECONDS).arg(program.get_program()).args(program.get_args()).args(arguments);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let output = limited.output().unwrap();
    let code = output.status.code();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let what = format!("{what}: {arguments:?}");
    assert!(matches!(code, Some(0..=4)), "{what} ended with {code:?}: {said}");
    assert!(!said.contains(SECRET), "{what} shows what is outside: {said}");
    let git: Vec<_> = fs::read_dir(project.path().join(".git")).unwrap().collect();
    assert_eq!(git.len(), 2, "{what} wrote outside: {git:?}");
    for file in ["config", "env"] {
        let content = fs::read_to_string(project.path().join(".git").join(file)).unwrap();
        assert_eq!(content, SECRET, "{what} changed {file}");
    }
}

#[test]
fn nothing_that_a_stranger_puts_into_a_workspace_leads_outside() {
    let template = prepared();
    let places = places(&template);
    assert!(places.len() > 40, "{places:?}");
    for place in places {
        for thing in THINGS {
            let project = Project::new();
            copy_folder(template.path(), project.path());
            thing.put(project.path(), Path::new(&place));
            for arguments in COMMANDS {
                check(&project, arguments, &format!("{thing:?} in place of {place}"));
            }
        }
    }
}
