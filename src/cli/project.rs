//! Finds the project's folder.

use std::path::{Path, PathBuf};

use crate::disk::UserFolder;
use crate::disk::WORKSPACE;

/// The variables in which Claude Code and Cursor name a server's project. If a project has several
/// folders, Cursor's variable is not one path and is ignored.
const HOST_VARIABLES: [&str; 2] = ["CLAUDE_PROJECT_DIR", "WORKSPACE_FOLDER_PATHS"];

/// Returns the folder of the user's own configuration, if the environment names it.
pub(super) fn user_folder() -> Option<UserFolder> {
    let absolute =
        |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .or_else(|| absolute("APPDATA"))?;
    Some(UserFolder::new(folder.join("refiner")))
}

/// Returns the project's folder: the given one, else the host's, else the nearest ancestor with a
/// workspace or a repository, else the current folder.
pub(super) fn find(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let told = HOST_VARIABLES.iter().filter_map(std::env::var_os).map(PathBuf::from);
    if let Some(host) = { told }.find(|host| host.is_dir()) {
        return Ok(host);
    }
    let present = std::env::current_dir()?;
    Ok(nearest(&present).unwrap_or(&present).to_owned())
}

fn nearest(from: &Path) -> Option<&Path> {
    from.ancestors().find(|folder| folder.join(WORKSPACE).is_dir() || folder.join(".git").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_with_a_workspace_or_a_repository_is_the_project() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b/c");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir(root.path().join("a/.git")).unwrap();
        assert_eq!(nearest(&deep), Some(root.path().join("a").as_path()));
        std::fs::create_dir(root.path().join("a/b/.refiner")).unwrap();
        assert_eq!(nearest(&deep), Some(root.path().join("a/b").as_path()));
        assert_eq!(find(Some(&deep)).unwrap(), deep);
    }
}
