//! Files that are none, and how many may be open.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::begun;
use crate::common::{Project, Raw, command, finish, refiner, soon};

fn fifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, 0o600.into()).unwrap();
}

/// Runs a subcommand with a user's own folder, and returns its code and what it said. One that waits for
/// a FIFO would be killed by `timeout`, with the code 124.
fn with_user(project: &Project, user: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let refiner = command(project.path());
    let mut limited = Command::new("timeout");
    limited.arg("60").arg(refiner.get_program()).args(refiner.get_args()).args(arguments);
    limited.env("XDG_CONFIG_HOME", user).env("HOME", user);
    let finished = finish(&mut limited, "");
    (finished.code, finished.stdout + &finished.stderr)
}

#[test]
fn what_is_no_file_in_the_users_folder_is_not_waited_for() {
    let project = begun();
    for file in ["config.json", "triggers.json", "projects.json", "tokens.json"] {
        for kind in ["fifo", "link", "folder", "device", "large"] {
            let user = tempfile::tempdir().unwrap();
            let path = user.path().join("refiner").join(file);
            std::fs::create_dir(path.parent().unwrap()).unwrap();
            match kind {
                "fifo" => fifo(&path),
                "link" => {
                    fifo(&user.path().join("fifo"));
                    std::os::unix::fs::symlink("../fifo", &path).unwrap();
                }
                "folder" => std::fs::create_dir(&path).unwrap(),
                "device" => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
                _ => std::fs::File::create(&path).unwrap().set_len(4 << 40).unwrap(),
            }
            for arguments in [&["list"][..], &["save", "notes", "--patch", "{}"]] {
                let (code, said) = with_user(&project, user.path(), arguments);
                assert_eq!(code, Some(0), "{file} as {kind}: {said}");
            }
            let (code, said) = with_user(&project, user.path(), &["token", "list"]);
            let expected = if file == "tokens.json" { 1 } else { 0 };
            assert_eq!(code, Some(expected), "{file} as {kind}: {said}");
        }
    }
}

#[test]
fn a_hosts_file_that_is_none_is_left_alone() {
    let project = begun();
    let user = tempfile::tempdir().unwrap();
    fifo(&user.path().join(".claude.json"));
    let (code, said) = with_user(&project, user.path(), &["install", "claude-code"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it is a FIFO, not a file"), "{said}");
}

#[test]
fn a_fifo_in_an_export_or_an_old_folder_is_not_waited_for() {
    let project = begun();
    let there = project.path().join("there");
    std::fs::create_dir(&there).unwrap();
    fifo(&there.join("export.json"));
    let to = there.to_str().unwrap();
    let exported = with_user(&project, project.path(), &["export", "notes", "--to", to, "--force"]);
    assert_eq!(exported.0, Some(1), "{exported:?}");

    let old = project.path().join("old");
    std::fs::create_dir_all(old.join("artifacts/a/dist")).unwrap();
    std::fs::write(old.join("artifacts/a/state.json"), "{}").unwrap();
    fifo(&old.join("artifacts/a/dist/pipe"));
    fifo(&old.join("artifacts/a/decisions.md"));
    let from = old.to_str().unwrap();
    let (code, said) = with_user(&project, project.path(), &["import", from, "--dry-run"]);
    assert_ne!(code, Some(124), "{said}");
    assert!(said.contains("does not follow"), "{said}");
}

#[test]
fn a_pipe_that_a_person_names_is_read() {
    let project = begun();
    let pipe = project.path().join("pipe");
    fifo(&pipe);
    let named = pipe.to_str().unwrap();
    for (arguments, input) in [
        (["save", "notes", "--patch", &format!("@{named}")], r#"{"data":{"piped":1}}"#),
        (["output", "write", "notes", "piped.txt"], "piped"),
    ] {
        let mut run = command(project.path());
        run.args(arguments);
        if arguments[0] == "output" {
            run.arg(named);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| std::fs::write(&pipe, input).unwrap());
            let finished = finish(&mut run, "");
            assert_eq!(finished.code, Some(0), "{finished:?}");
        });
    }
    let mut run = command(project.path());
    run.args(["save", "notes", "--patch", "@/dev/stdin"]);
    let finished = finish(&mut run, r#"{"data":{"stdin":1}}"#);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let state = project.state("notes");
    assert_eq!((&state["data"]["piped"], &state["data"]["stdin"]), (&json!(1), &json!(1)));
    assert_eq!(std::fs::read(project.of("notes", "dist/piped.txt")).unwrap(), b"piped");
    let endless = refiner(project.path(), ["save", "notes", "--patch", "@/dev/zero"]);
    assert!(endless.stderr.contains("more than 16777216 bytes"), "{endless:?}");
}

#[tokio::test]
async fn a_low_soft_limit_on_open_files_is_raised() {
    const ARTIFACTS: usize = 40;
    let project = Project::new();
    let serve = command(project.path());
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -S -n 64; exec \"$@\"", "sh"]);
    shell.arg(serve.get_program()).args(serve.get_args()).arg("serve");
    let mut server = Raw::start_command(shell);
    server.greet("2025-11-25").await;
    for index in 0..ARTIFACTS {
        let init = json!({ "name": format!("a{index}"), "workflow": "document" });
        server.call("init_state", init).await.unwrap();
    }
    assert!(soon("the end", server.end()).await.0.success());
}
