//! `refiner demo`: a whole loop over stdio, during which the server is killed.
//!
//! It runs the server as a host does: as a child process that speaks MCP. Everything it shows comes
//! from the server's answers and from the files.

mod account;
mod burst;
mod constraints;
mod host;
mod play;
mod record;
mod report;
mod session;
mod story;
mod verified;

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use self::play::Play;
use super::Failure;
use super::output::Output;
use crate::model::Name;
use crate::workspace::layout;

/// The artifact that the demo makes.
const ARTIFACT: &str = "incident-report";

#[derive(Debug, clap::Args)]
pub(super) struct Demo {}

impl Demo {
    pub(super) async fn run(self, dir: Option<PathBuf>, output: Output) -> Result<(), Failure> {
        let name = Name::parse(ARTIFACT)?;
        let folder = folder(dir, &name)?;
        let kept = format!("the demo failed half-way; its files are in {}", folder.display());
        let account = Play::new(name, folder, output).run().await.context(kept)?;
        let printed = output.answer(&account, |page, account| account.write(page));
        if account.is_good() { printed } else { Err(Failure::BadNews) }
    }
}

/// Returns the folder of the workspace: the given one, or a new one.
fn folder(given: Option<PathBuf>, name: &Name) -> Result<PathBuf, Failure> {
    let Some(folder) = given else { return Ok(fresh_folder(Path::new(""))?) };
    let dist = folder.join(layout::dist(name));
    // A dangling link counts as well: a write below it would create a folder elsewhere.
    if dist.parent().is_some_and(|artifact| artifact.symlink_metadata().is_ok()) {
        return Err(Failure::Usage(format!(
            "{} already has an artifact {name}: name another folder with --dir, or leave --dir out",
            folder.display()
        )));
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// Creates a new folder.
fn fresh_folder(parent: &Path) -> anyhow::Result<PathBuf> {
    let mut number = 1;
    loop {
        let folder = parent.join(format!("demo-{number}"));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => {
                return Err(error)
                    .context("no folder can be created here: name another one with --dir");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_folder_is_one_that_was_not_there() {
        let parent = tempfile::tempdir().unwrap();
        let names = [(); 3].map(|()| fresh_folder(parent.path()).unwrap());
        let expected = ["demo-1", "demo-2", "demo-3"].map(|name| parent.path().join(name));
        assert_eq!(names, expected);
    }

    #[test]
    fn a_folder_that_has_the_artifact_is_refused_and_another_is_made() {
        let parent = tempfile::tempdir().unwrap();
        let name = Name::parse(ARTIFACT).unwrap();
        let wanted = parent.path().join("deep/down");
        assert_eq!(folder(Some(wanted.clone()), &name).unwrap(), wanted);
        std::fs::create_dir_all(wanted.join(layout::dist(&name))).unwrap();
        assert!(matches!(folder(Some(wanted), &name), Err(Failure::Usage(_))));
        let linked = parent.path().join("linked");
        let artifact = linked.join(layout::dist(&name)).parent().unwrap().to_owned();
        std::fs::create_dir_all(artifact.parent().unwrap()).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", &artifact).unwrap();
        #[cfg(unix)]
        assert!(matches!(folder(Some(linked), &name), Err(Failure::Usage(_))));
    }
}
