//! Workspaces that may be read and not written.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{edit, saved};
use crate::common::{Finished, Project, Server, copy_program};

/// The program as somebody who may not write to a project. Permissions do not stop root, so as root
/// it is run as nobody, who has to be able to reach it.
struct Reader {
    folder: tempfile::TempDir,
}

impl Reader {
    const NOBODY: u32 = 65534;

    fn new(project: &Project) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        copy_program(&folder.path().join("refiner"));
        let reader = Self { folder };
        reader.allow(project.path(), 0o555);
        reader
    }

    /// Gives everything below a folder to nobody, who may read it, or write it too.
    fn allow(&self, path: &Path, mode: u32) {
        if rustix::process::geteuid().is_root() {
            chown(path, Some(Self::NOBODY), None).unwrap();
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        for entry in path.is_dir().then(|| fs::read_dir(path).unwrap()).into_iter().flatten() {
            self.allow(&entry.unwrap().path(), mode);
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("refiner"));
        if rustix::process::geteuid().is_root() {
            command.uid(Self::NOBODY);
        }
        command.arg("--dir").arg(project.path()).args(arguments);
        command
    }

    fn run(&self, project: &Project, arguments: &[&str]) -> Finished {
        let output = self.command(project, arguments).output().unwrap();
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[tokio::test]
async fn a_workspace_that_cannot_be_written_is_read_and_says_so_when_it_should_be_written() {
    let project = saved().await;
    let reader = Reader::new(&project);
    let before = project.digest();
    for arguments in [
        &["show", "a", "--json"][..],
        &["show", "a", "--at", "3"],
        &["history", "a"],
        &["list"],
        &["doctor"],
    ] {
        assert_eq!(reader.run(&project, arguments).code, Some(0), "{arguments:?}");
    }
    for arguments in [
        &["save", "a", "--patch", r#"{"data":{"x":6}}"#, "--json"][..],
        &["checkpoint", "a", "--json"],
        &["init", "b", "--json"],
    ] {
        let finished = reader.run(&project, arguments);
        assert_eq!(
            (finished.code, &finished.json()["code"]),
            (Some(4), &json!("read_only")),
            "{finished:?}"
        );
        assert!(finished.json()["hint"].as_str().unwrap().contains("writable"), "{finished:?}");
    }
    assert_eq!(project.digest(), before);
    reader.allow(project.path(), 0o755);
    assert_eq!(
        reader.run(&project, &["save", "a", "--patch", r#"{"data":{"x":6}}"#]).code,
        Some(0)
    );
}

/// Goal: a server that could not write does once it can, without being started again.
#[tokio::test]
async fn a_server_writes_once_its_folder_becomes_writable() {
    for locks_only in [false, true] {
        let project = saved().await;
        let reader = Reader::new(&project);
        if locks_only {
            reader.allow(project.path(), 0o755);
            fs::set_permissions(project.file("locks"), fs::Permissions::from_mode(0o000)).unwrap();
        }
        let server = Server::start_command(reader.command(&project, &["serve"])).await;
        let save = json!({ "name": "a", "patch": { "data": { "x": 6 } } });
        let refused = server.call("save_state", save.clone()).await;
        assert!(locks_only || refused.unwrap_err()["code"] == "read_only");
        reader.allow(project.path(), 0o755);
        server
            .call("save_state", json!({ "name": "a", "patch": { "data": { "x": 7 } } }))
            .await
            .unwrap();
        let loaded = server.call("load_state", json!({ "name": "a" })).await.unwrap();
        assert_eq!(loaded["briefing"]["warnings"], json!([]), "{loaded}");
        assert_eq!(project.state("a")["data"], json!({ "x": 7 }));
    }
}

/// Without its readable copy too, and with a torn end that it may not cut.
#[tokio::test]
async fn a_damaged_workspace_that_cannot_be_written_is_read_from_its_journal() {
    let project = saved().await;
    fs::remove_file(project.of("a", "state.json")).unwrap();
    edit(&project, |lines| lines.push(b"{\"crc\":".to_vec()));
    let reader = Reader::new(&project);
    let before = project.digest();
    let shown = reader.run(&project, &["show", "a", "--select", "/data", "--json"]);
    assert_eq!(shown.json()["selected"]["/data"], json!({ "x": 5 }), "{shown:?}");
    let warnings = shown.json()["briefing"]["warnings"].to_string();
    assert!(warnings.contains("the workspace is read-only"), "{warnings}");
    assert_eq!(project.digest(), before);
    reader.allow(project.path(), 0o755);
}
