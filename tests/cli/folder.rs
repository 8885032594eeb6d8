//! Which folder is the project's.

use std::path::Path;

use serde_json::Value;

use crate::common::{Project, finish, program, refiner};

/// Where the program looks for its project.
#[derive(Default)]
struct Place<'a> {
    /// The present folder.
    at: &'a str,
    variables: &'a [(&'a str, &'a str)],
    options: &'a [&'a str],
}

/// Returns the names of the artifacts that the program sees. `@` in a variable or an option is the
/// folder of the test.
fn seen(root: &Path, place: &Place<'_>) -> Vec<String> {
    let below = |text: &&str| text.replace('@', root.to_str().unwrap());
    let mut command = program();
    command.current_dir(root.join(place.at)).args(["list", "--json"]);
    command.args(place.options.iter().map(below));
    command.envs(place.variables.iter().map(|(name, value)| (*name, below(value))));
    let finished = finish(&mut command, "");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let names = |answer: &Value| {
        let artifacts = answer["artifacts"].as_array().unwrap().iter();
        artifacts.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    names(&finished.json())
}

/// A folder with two projects, each with an artifact of its name, and folders in them.
fn two_projects() -> Project {
    let root = Project::new();
    for name in ["one", "two"] {
        std::fs::create_dir_all(root.path().join(name).join("deep/er")).unwrap();
        let made = refiner(&root.path().join(name), ["init", name, "--workflow", "document"]);
        assert_eq!(made.code, Some(0), "{made:?}");
    }
    root
}

#[test]
fn the_nearest_folder_with_a_workspace_is_the_project_unless_another_is_named() {
    let root = two_projects();
    let none: &[&str] = &[];
    for (place, expected) in [
        (Place { at: "one", ..Place::default() }, &["one"][..]),
        (Place { at: "one/deep/er", ..Place::default() }, &["one"]),
        (Place { at: ".", ..Place::default() }, none),
        (Place { at: "one", options: &["--dir", "../two"], ..Place::default() }, &["two"]),
        (Place { at: "one", options: &["--dir", "@/two/deep"], ..Place::default() }, none),
        (Place { at: "one", variables: &[("REFINER_DIR", "@/two")], ..Place::default() }, &["two"]),
        (
            Place { at: "one", variables: &[("CLAUDE_PROJECT_DIR", "@/two")], ..Place::default() },
            &["two"],
        ),
        (
            Place { at: "one", variables: &[("CLAUDE_PROJECT_DIR", "@/no")], ..Place::default() },
            &["one"],
        ),
        (Place { variables: &[("WORKSPACE_FOLDER_PATHS", "@/two")], ..Place::default() }, &["two"]),
        (
            Place {
                at: "one",
                variables: &[("WORKSPACE_FOLDER_PATHS", "@/one,@/two")],
                ..Place::default()
            },
            &["one"],
        ),
        (
            Place {
                variables: &[("REFINER_DIR", "@/one"), ("CLAUDE_PROJECT_DIR", "@/two")],
                ..Place::default()
            },
            &["one"],
        ),
        (
            Place {
                variables: &[("REFINER_DIR", "@/one")],
                options: &["--dir", "@/two"],
                ..Place::default()
            },
            &["two"],
        ),
        (Place { at: "one", variables: &[("REFINER_DIR", "")], ..Place::default() }, &["one"]),
    ] {
        assert_eq!(
            seen(root.path(), &place),
            expected,
            "{:?} {:?}",
            place.variables,
            place.options
        );
    }
}

#[test]
fn a_repository_is_a_project_before_it_has_a_workspace() {
    let root = Project::new();
    std::fs::create_dir_all(root.path().join("deep/er")).unwrap();
    std::fs::create_dir(root.path().join(".git")).unwrap();
    let mut command = program();
    command.current_dir(root.path().join("deep/er")).args(["init", "a", "--json"]);
    let made = finish(&mut command, "").json();
    assert!(root.file("artifacts/a").is_dir());
    let workspace = made["workspace"].as_str().unwrap();
    let folder = root.path().canonicalize().unwrap().join(".refiner");
    assert!(workspace.contains(folder.to_str().unwrap()), "{workspace}");
}

#[test]
fn reading_makes_no_workspace() {
    let root = Project::new();
    for arguments in [&["list"][..], &["show", "a"], &["history", "a"], &["doctor"]] {
        refiner(root.path(), arguments);
        assert_eq!(root.digest().len(), 0, "{arguments:?}");
    }
}

#[test]
fn what_is_kept_in_memory_is_gone_with_the_process() {
    let root = Project::new();
    let made = refiner(root.path(), ["init", "a", "--provider", "memory"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(refiner(root.path(), ["show", "a", "--provider", "memory"]).code, Some(1));
    assert_eq!(root.digest().len(), 0);
}
