//! A project in a temporary folder, and a look at its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A project's folder. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of something in the workspace.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.path().join(".refiner").join(path)
    }

    /// Returns the path of something that belongs to an artifact.
    pub(crate) fn of(&self, artifact: &str, path: &str) -> PathBuf {
        self.file(&format!("artifacts/{artifact}/{path}"))
    }

    /// Returns `state.json` of an artifact.
    pub(crate) fn state(&self, artifact: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.of(artifact, "state.json")).unwrap()).unwrap()
    }

    /// Returns the names in a folder of the workspace; none if there is no such folder.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.file(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Returns the names of the segments of an artifact's journal, in order.
    pub(crate) fn segments(&self, artifact: &str) -> Vec<String> {
        let mut names = self.names(&format!("artifacts/{artifact}/journal"));
        names.retain(|name| name.ends_with(".jsonl"));
        names
    }

    /// Returns every file and folder of the workspace with the digest of its content, by path. Two
    /// that are equal are the same workspace.
    pub(crate) fn digest(&self) -> BTreeMap<String, String> {
        let mut digest = BTreeMap::new();
        visit(self.path(), &mut |path, content| {
            let path = path.strip_prefix(self.path()).unwrap().to_str().unwrap().to_owned();
            let content = match content {
                Some(content) => format!("{} bytes, {}", content.len(), blake3::hash(content)),
                None => "folder".to_owned(),
            };
            digest.insert(path, content);
        });
        digest
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    visit(from, &mut |path, content| {
        let target = to.join(path.strip_prefix(from).unwrap());
        match content {
            Some(content) => std::fs::write(target, content).unwrap(),
            None => std::fs::create_dir_all(target).unwrap(),
        }
    });
}

/// Shows everything below a folder: files with their content, folders before what is in them. What a
/// server takes away meanwhile, such as the copy that it has just replaced, is not there.
fn visit(folder: &Path, see: &mut dyn FnMut(&Path, Option<&[u8]>)) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            see(&path, None);
            visit(&path, see);
        } else {
            match std::fs::read(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                content => see(&path, Some(&content.unwrap())),
            }
        }
    }
}
