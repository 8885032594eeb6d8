//! A git repository of the project, of which only the checked out commit is read. Git itself does not
//! run.

use std::io;
use std::path::{Path, PathBuf};

use super::UntrustedDir;
use crate::model::limits;

/// Symbolic references that follow each other.
const LINKS_MAX: usize = 5;
/// Bytes of the file with the references that git packed.
const PACKED_BYTES_MAX: u64 = 16 << 20;

/// The folders of a repository.
#[derive(Debug)]
pub struct Repository {
    /// What belongs to this working tree alone.
    own: UntrustedDir,
    /// What the working trees of a repository share.
    shared: Option<UntrustedDir>,
}

impl Repository {
    /// Finds the repository that a folder of a project is in: the nearest `.git` from there up to the
    /// project's own folder. A `.git` file, as worktrees and submodules have it, leads elsewhere; a
    /// link is not followed.
    pub fn of(project: &Path, folder: &str) -> Option<Self> {
        let project = UntrustedDir::open(project).ok()?;
        let ends = folder.rmatch_indices('/').map(|(end, _)| &folder[..end]);
        let folders = std::iter::once(folder).chain(ends).chain([""]);
        folders.into_iter().find_map(|folder| Self::at(&project, folder))
    }

    fn at(project: &UntrustedDir, folder: &str) -> Option<Self> {
        let place = Path::new(folder).join(".git");
        let git = place.to_str()?.replace('\\', "/");
        let own = match project.kind(&git).ok()?? {
            super::Kind::Folder => project.path().join(&git),
            super::Kind::File(_) => {
                let file = text(project, &git)?;
                let path = file.strip_prefix("gitdir:")?.trim();
                project.path().join(folder).join(path)
            }
            super::Kind::Other => return None,
        };
        let own = UntrustedDir::open(&own).ok()?;
        let shared = text(&own, "commondir").map(|path| own.path().join(path.trim()));
        let shared = shared.and_then(|path: PathBuf| UntrustedDir::open(&path).ok());
        own.kind("HEAD").ok()??;
        Some(Self { own, shared })
    }

    /// Returns the commit that is checked out; `None` before the first one, and when it cannot be
    /// read.
    pub fn commit(&self) -> Option<String> {
        let mut value = text(&self.own, "HEAD")?;
        for _ in 0..LINKS_MAX {
            match value.trim().strip_prefix("ref:") {
                None => return commit(value.trim()),
                Some(reference) => value = self.reference(reference.trim())?,
            }
        }
        None
    }

    fn reference(&self, name: &str) -> Option<String> {
        let is_name = |part: &str| !part.is_empty() && part != "." && part != "..";
        if !name.starts_with("refs/") || name.contains('\\') || !name.split('/').all(is_name) {
            return None;
        }
        let shared = self.shared.as_ref().unwrap_or(&self.own);
        let loose = text(&self.own, name).or_else(|| text(shared, name));
        loose.or_else(|| {
            let packed = shared.read("packed-refs", PACKED_BYTES_MAX).ok().flatten()?;
            packed_reference(&String::from_utf8_lossy(&packed), name)
        })
    }
}

/// Returns what a file of packed references says of one.
fn packed_reference(packed: &str, name: &str) -> Option<String> {
    let named = packed.lines().filter_map(|line| line.split_once(' '));
    named.into_iter().find(|(_, of)| *of == name).map(|(commit, _)| commit.to_owned())
}

/// Returns a commit's id, and nothing that is none: a prepared file may lead to any other.
fn commit(text: &str) -> Option<String> {
    let is_id = [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| text.to_ascii_lowercase())
}

fn text(folder: &UntrustedDir, file: &str) -> Option<String> {
    let content: io::Result<_> = folder.read(file, limits::GIT_FILE_BYTES_MAX);
    String::from_utf8(content.ok()??).ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "git and strangers write these files")]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef01234567";
    const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba98";

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (path, content) in files {
                let path = folder.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            Self(folder)
        }

        fn commit(&self, project: &str, folder: &str) -> Option<Option<String>> {
            let repository = Repository::of(&self.0.path().join(project), folder);
            repository.map(|repository| repository.commit())
        }
    }

    #[test]
    fn the_commit_is_read_wherever_git_keeps_it() {
        let line = format!("{ONE}\n");
        let packed =
            format!("# pack-refs with: peeled\n{OTHER} refs/heads/x\n{ONE} refs/heads/a/b\n");
        for (files, found) in [
            (&[(".git/HEAD", &*line)][..], Some(ONE)),
            (&[(".git/HEAD", "ref: refs/heads/a/b\n"), (".git/refs/heads/a/b", &line)], Some(ONE)),
            (&[(".git/HEAD", "ref: refs/heads/a/b\n"), (".git/packed-refs", &packed)], Some(ONE)),
            (&[(".git/HEAD", "ref: refs/heads/main\n")], None),
            (&[(".git/HEAD", "ref: refs/../../secret\n"), ("secret", &line)], None),
            (&[(".git/HEAD", "ref: refs/a\n"), (".git/refs/a", "ref: refs/a")], None),
            (&[(".git/HEAD", "root:x:0:0\n")], None),
        ] {
            let folder = Folder::new(files);
            let expected = found.map(str::to_owned);
            assert_eq!(folder.commit("", "src/deep"), Some(expected), "{files:?}");
        }
        assert_eq!(Folder::new(&[]).commit("", ""), None);
        assert_eq!(Folder::new(&[(".git/HEAD", &line), ("p/x", "")]).commit("p", ""), None);
    }

    #[test]
    fn a_worktree_and_the_nearest_repository_are_found() {
        let line = format!("{ONE}\n");
        let other = format!("{OTHER}\n");
        let folder = Folder::new(&[
            ("main/.git/refs/heads/topic", &line),
            ("main/.git/HEAD", "ref: refs/heads/main"),
            ("main/.git/worktrees/tree/HEAD", "ref: refs/heads/topic\n"),
            ("main/.git/worktrees/tree/commondir", "../..\n"),
            ("tree/.git", "gitdir: ../main/.git/worktrees/tree\n"),
            ("tree/inner/.git/HEAD", &other),
            ("tree/lost/.git", "gitdir: ../nowhere\n"),
        ]);
        assert_eq!(folder.commit("tree", ""), Some(Some(ONE.into())));
        assert_eq!(folder.commit("tree", "inner/src"), Some(Some(OTHER.into())));
        assert_eq!(folder.commit("tree", "lost"), Some(Some(ONE.into())));
    }

    #[cfg(unix)]
    #[test]
    fn neither_links_nor_pipes_are_opened() {
        let folder = Folder::new(&[("real/HEAD", ONE), ("p/x", ""), ("q/.git/x", "")]);
        let at = |path: &str| folder.0.path().join(path);
        std::os::unix::fs::symlink("../real", at("p/.git")).unwrap();
        assert_eq!(folder.commit("p", ""), None);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("q/.git/HEAD"), 0o600.into()).unwrap();
        assert_eq!(folder.commit("q", ""), Some(None));
    }
}
