//! An artifact as a folder for others.

use serde_json::json;

use super::begun;
use crate::common::{Project, command, finish, refiner};

#[test]
fn an_export_can_be_read_and_is_imported_elsewhere() {
    let (project, elsewhere) = (begun(), Project::new());
    std::fs::create_dir_all(project.of("logo", "dist")).unwrap();
    std::fs::write(project.of("logo", "dist/a.svg"), "<svg/>").unwrap();
    let before = project.digest();
    let folder = elsewhere.path().join("sent");
    let to = folder.to_str().unwrap();
    let exported = refiner(project.path(), ["export", "logo", "--to", to, "--history", "--json"]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let answer = exported.json();
    assert_eq!((&answer["files"], &answer["name"]), (&json!(1), &json!("logo")));
    assert_eq!(answer["version"], answer["versions"]);
    assert_eq!(project.digest(), before, "an export changes nothing");
    let imported = refiner(elsewhere.path(), ["import", to, "--json"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let (there, here) = (project.state("logo"), elsewhere.state("logo"));
    assert_eq!((&here["goals"], &here["phase"]), (&there["goals"], &there["phase"]));
    assert_eq!(std::fs::read(elsewhere.of("logo", "dist/a.svg")).unwrap(), b"<svg/>");
}

#[test]
fn an_export_takes_every_file_and_an_import_says_where_it_ends() {
    const FILES: usize = 1_201;
    let (project, elsewhere) = (begun(), Project::new());
    std::fs::create_dir_all(project.of("logo", "dist")).unwrap();
    for index in 0..FILES {
        std::fs::write(project.of("logo", &format!("dist/{index:04}.txt")), "x").unwrap();
    }
    let folder = elsewhere.path().join("sent");
    let to = folder.to_str().unwrap();
    let exported = refiner(project.path(), ["export", "logo", "--to", to, "--json"]);
    assert_eq!(exported.json()["files"], FILES, "{exported:?}");
    let there = std::fs::read_dir(folder.join("artifacts/logo/dist")).unwrap();
    assert_eq!(there.count(), FILES);
    let listed = refiner(project.path(), ["output", "list", "logo", "--json", "--quiet"]).json();
    assert_eq!(listed["outputs"].as_array().unwrap().len(), FILES);
    let imported = refiner(elsewhere.path(), ["import", to]);
    let said = imported.stdout + &imported.stderr;
    assert!(said.contains("1000.txt") && said.contains("more than 1000 files"), "{said}");
}

#[test]
fn an_export_goes_beside_whoever_asks_and_never_into_a_workspace() {
    let project = begun();
    let mut here = command(project.path());
    here.current_dir(project.path()).args(["export", "notes"]);
    let finished = finish(&mut here, "");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(project.path().join("notes-export/artifacts/notes/state.json").is_file());
    let again = finish(&mut here, "");
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("--force"), "{again:?}");
    assert_eq!(finish(here.arg("--force"), "").code, Some(0));
    for inside in [".refiner/out", ".refiner/artifacts/out"] {
        let inside = project.path().join(inside);
        let refused =
            refiner(project.path(), ["export", "notes", "--to", inside.to_str().unwrap()]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("workspace") && !inside.exists(), "{refused:?}");
    }
    assert_eq!(refiner(project.path(), ["export", "nobody"]).code, Some(1));
}
