//! What people and agents put into `dist/` that is no file.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::json;

use crate::common::{Project, refiner};

fn project() -> Project {
    let project = Project::new();
    let begun = refiner(project.path(), ["init", "a", "--workflow", "document"]);
    assert_eq!(begun.code, Some(0), "{begun:?}");
    project
}

fn write(project: &Project, path: &str) -> (Option<i32>, String) {
    let content = project.path().join("content");
    fs::write(&content, "content").unwrap();
    let written =
        refiner(project.path(), ["output", "write", "a", path, content.to_str().unwrap()]);
    (written.code, written.stderr)
}

/// Fails unless the readable copies are of the newest version.
fn copies_follow(project: &Project) {
    let saved = refiner(project.path(), ["save", "a", "--patch", r#"{"data":{"x":1}}"#, "--json"]);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    let state: serde_json::Value =
        serde_json::from_slice(&fs::read(project.of("a", "state.json")).unwrap()).unwrap();
    assert_eq!(state["version"], saved.json()["version"]);
}

#[test]
fn an_output_is_refused_where_something_else_stands() {
    let project = project();
    let dist = project.of("a", "dist");
    fs::create_dir(dist.join("folder")).unwrap();
    fs::write(dist.join("file"), "a file").unwrap();
    symlink("../../..", dist.join("link")).unwrap();
    symlink("file", dist.join("other")).unwrap();
    for (path, reason) in [
        ("folder", "a folder"),
        ("file/below", "a file"),
        ("link/below", "is a link"),
        ("other", "is a link"),
    ] {
        let (code, message) = write(&project, path);
        assert_eq!(code, Some(1), "{path}: {message}");
        assert!(message.contains(reason), "{path}: {message}");
        let shown = refiner(project.path(), ["show", "a", "--json"]).json();
        assert_eq!(shown["briefing"]["version"], 1, "{path} wrote a version: {shown}");
    }
    copies_follow(&project);
}

#[test]
fn a_folder_in_place_of_an_output_stops_no_other_copy() {
    let project = project();
    assert_eq!(write(&project, "report").0, Some(0));
    let dist = project.of("a", "dist");
    fs::remove_file(dist.join("report")).unwrap();
    fs::create_dir(dist.join("report")).unwrap();
    // Every copy is made again from the journal.
    fs::remove_file(project.of("a", "state.json")).unwrap();
    copies_follow(&project);
    assert!(dist.join("report").is_dir());
    assert!(!dist.join("report.tmp").exists());
}

#[test]
fn an_export_names_what_it_leaves_out() {
    let project = project();
    let dist = project.of("a", "dist");
    fs::write(dist.join("exported"), "1").unwrap();
    fs::write(dist.join("a:b"), "1").unwrap();
    fs::write(dist.join(std::ffi::OsStr::from_bytes(b"\xff")), "1").unwrap();
    symlink("exported", dist.join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(dist.join("pipe")).status().unwrap().success());
    let deep = dist.join("1/2/3/4/5/6/7/8/9");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("deep"), "1").unwrap();

    let to = project.path().join("export");
    let exported = refiner(project.path(), ["export", "a", "--json", "--to", to.to_str().unwrap()]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let left_out = json!(["1/2/3/4/5/6/7/8/9", "a:b", "link", "pipe", "\u{fffd}"]);
    assert_eq!(exported.json()["files"], 1, "{exported:?}");
    assert_eq!(exported.json()["left_out"], left_out, "{exported:?}");
    let listed = refiner(project.path(), ["output", "list", "a"]);
    for said in [&exported.stderr, &listed.stderr] {
        assert!(said.contains("dist/link"), "{said}");
    }
}
