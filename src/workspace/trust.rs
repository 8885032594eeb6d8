//! A user's trust in a project. The user's own folder stores it by the project's canonical path, so
//! no project can grant itself trust.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::disk::{UserFolder, WORKSPACE};
use crate::model::Digest;

/// The file of all projects, in the user's own folder.
const PROJECTS_FILE: &str = "projects.json";
/// Bytes of that file: the read limit of a user's file.
const PROJECTS_BYTES_MAX: usize = 1 << 20;

/// The variable that names folders whose owner is trusted: absolute paths, separated as in `PATH`,
/// or `*` for every folder.
pub const OWNER_VARIABLE: &str = "REFINER_TRUST_OWNER";

/// A user's trust in one project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    /// The digest of the triggers that may do something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggers: Option<Digest>,
    /// The workflows that may run, by the digest of the whole bundle, with the name of each. A
    /// digest stays when the folder changes, so that the cycles that began with it go on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workflows: BTreeMap<Digest, String>,
    /// The commands that checks may run, word for word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Vec<String>>,
    /// The user id to whom the workspace may belong, beside the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// Whether events are delivered, and so each has to be.
    #[serde(default)]
    pub delivering: bool,
}

impl Trusted {
    /// Returns whether anything is trusted.
    pub fn is_something(&self) -> bool {
        let delivering = self.delivering;
        *self != Self { delivering, ..Self::default() }
    }

    /// Revokes all trust.
    pub fn revoke(&mut self) {
        *self = Self { delivering: self.delivering, ..Self::default() };
    }
}

/// The content of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Projects {
    #[serde(default)]
    projects: BTreeMap<String, Trusted>,
}

type Look = Option<(u64, SystemTime)>;

/// The status of the file when it was read, and its content.
type Seen = (Look, Arc<Trusted>);

/// A user's trust in a project, read again when the file changes.
#[derive(Clone, Debug)]
pub struct Trust {
    user: Option<UserFolder>,
    project: PathBuf,
    seen: Arc<Mutex<Option<Seen>>>,
}

impl Trust {
    /// Makes the trust of a user in a project. Without a user folder nothing is trusted.
    pub fn new(user: Option<UserFolder>, project: &Path) -> Self {
        Self { user, project: project.to_owned(), seen: Arc::default() }
    }

    /// Returns the project's folder without links: what trust is bound to.
    pub fn project(&self) -> io::Result<PathBuf> {
        self.project.canonicalize()
    }

    /// Reads the file.
    pub fn read(&self) -> io::Result<Trusted> {
        let content = self.user.as_ref().map(|user| user.read(PROJECTS_FILE)).transpose()?;
        let Some(content) = content.flatten() else { return Ok(Trusted::default()) };
        let mut projects: Projects = serde_json::from_slice(&content)?;
        Ok(projects.projects.remove(&self.key()?).unwrap_or_default())
    }

    /// Returns the present trust. Costs one `stat` while the file is unchanged. An unreadable file
    /// means no trust, and one warning in the log.
    pub fn current(&self) -> Arc<Trusted> {
        let Some(user) = &self.user else { return Arc::default() };
        let look = user.see(PROJECTS_FILE);
        let mut seen = self.seen.lock();
        if let Some((then, trusted)) = seen.as_ref()
            && *then == look
        {
            return Arc::clone(trusted);
        }
        let trusted = Arc::new(self.read().unwrap_or_else(|error| {
            let place = user.path().join(PROJECTS_FILE).display().to_string();
            tracing::warn!(place, %error, "the file cannot be read, so nothing is trusted");
            Trusted::default()
        }));
        *seen = Some((look, Arc::clone(&trusted)));
        trusted
    }

    /// Changes the trust durably.
    pub fn change(&self, change: impl FnOnce(&mut Trusted)) -> io::Result<()> {
        let user = self.user.as_ref().ok_or_else(|| {
            io::Error::other(
                "neither XDG_CONFIG_HOME nor HOME is set, so your configuration has no place",
            )
        })?;
        let key = self.key()?;
        user.change(PROJECTS_FILE, |content| {
            let content = content.map(|content| serde_json::from_slice(&content)).transpose()?;
            let mut projects: Projects = content.unwrap_or_default();
            let project = projects.projects.entry(key.clone()).or_default();
            let before = project.clone();
            change(project);
            if *project == before {
                return Ok(None);
            }
            if *project == Trusted::default() {
                projects.projects.remove(&key);
            }
            let mut content = serde_json::to_vec_pretty(&projects)?;
            content.push(b'\n');
            if content.len() > PROJECTS_BYTES_MAX {
                return Err(io::Error::other(format!("{PROJECTS_FILE} would exceed 1 MiB")));
            }
            Ok(Some(content))
        })
    }

    fn key(&self) -> io::Result<String> {
        let project = self.project()?;
        // A path that is not Unicode is escaped: two folders never share their trust.
        Ok(project.to_str().map_or_else(|| format!("{project:?}"), str::to_owned))
    }
}

/// Returns whether the user trusts the owner of a project's workspace: by `refiner trust --owner`,
/// as long as the workspace belongs to the same one, or by [`OWNER_VARIABLE`]. Opens nothing of the
/// workspace. What cannot be read trusts no owner.
pub fn trusts_owner(user: Option<&UserFolder>, project: &Path) -> bool {
    let Ok(project) = project.canonicalize() else { return false };
    let named = std::env::var_os(OWNER_VARIABLE).unwrap_or_default();
    names(&named, &project) || records_owner(user, &project)
}

fn names(list: &OsStr, project: &Path) -> bool {
    let is_named = |one: PathBuf| {
        let is_project = || one.canonicalize().is_ok_and(|one| one == project);
        one == Path::new("*") || (one.is_absolute() && is_project())
    };
    std::env::split_paths(list).any(is_named)
}

fn records_owner(user: Option<&UserFolder>, project: &Path) -> bool {
    let trusted = Trust::new(user.cloned(), project).read();
    let trusted = trusted.ok().and_then(|trusted| trusted.owner);
    trusted.is_some() && trusted == owner(project).ok().flatten()
}

/// Returns the id of the user to whom a project's workspace belongs, or `None` when there is no
/// workspace. Takes a look at the folder and opens nothing.
pub fn owner(project: &Path) -> io::Result<Option<u32>> {
    match std::fs::symlink_metadata(project.join(WORKSPACE)) {
        Err(error) if crate::disk::fs::is_absent(&error) => Ok(None),
        result => result.map(|metadata| Some(owner_in(&metadata))),
    }
}

#[cfg(unix)]
fn owner_in(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(metadata)
}

/// Where files have no user id, all of them count as one user's.
#[cfg(not(unix))]
fn owner_in(_metadata: &std::fs::Metadata) -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, UserFolder, Trust) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("project/.refiner")).unwrap();
        let user = UserFolder::new(folder.path().join("user"));
        let trust = Trust::new(Some(user.clone()), &folder.path().join("project"));
        (folder, user, trust)
    }

    #[test]
    fn what_is_trusted_is_seen_at_once_by_all() {
        let (_folder, user, trust) = place();
        let other = Trust::new(Some(user), &trust.project);
        assert_eq!(*other.current(), Trusted::default());
        let digest = Digest::of(b"x");
        let commands = vec![vec!["make".to_owned()]];
        trust.change(|trusted| trusted.workflows.extend([(digest, "own".into())])).unwrap();
        trust.change(|trusted| trusted.commands.clone_from(&commands)).unwrap();
        assert!(other.current().workflows.contains_key(&digest));
        assert_eq!(other.current().commands, commands);
        trust.change(Trusted::revoke).unwrap();
        assert!(!other.current().is_something());
        assert_eq!(trust.read().unwrap(), Trusted::default());
    }

    #[test]
    fn what_is_too_large_to_be_read_again_is_not_kept() {
        let (_folder, _user, trust) = place();
        let large = vec!["x".repeat(PROJECTS_BYTES_MAX)];
        assert!(trust.change(|trusted| trusted.commands.push(large)).is_err());
        assert_eq!(trust.read().unwrap(), Trusted::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn folders_whose_names_are_no_text_do_not_share_trust() {
        use std::os::unix::ffi::OsStrExt as _;
        let (folder, user, _trust) = place();
        let [one, other] =
            [b"\xff", b"\xfe"].map(|name| folder.path().join(OsStr::from_bytes(name)));
        [&one, &other].into_iter().for_each(|path| std::fs::create_dir(path).unwrap());
        let trust = Trust::new(Some(user.clone()), &one);
        trust.change(|trusted| trusted.commands.push(vec!["make".into()])).unwrap();
        assert!(trust.current().is_something());
        assert!(!Trust::new(Some(user), &other).current().is_something());
    }

    #[test]
    fn a_moved_project_is_not_trusted() {
        let (folder, user, trust) = place();
        trust.change(|trusted| trusted.commands.push(vec!["make".into()])).unwrap();
        let moved = folder.path().join("moved");
        std::process::Command::new("mv").arg(&trust.project).arg(&moved).status().unwrap();
        assert_eq!(*Trust::new(Some(user), &moved).current(), Trusted::default());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a person spoils the file by hand")]
    fn a_spoilt_file_trusts_nothing_and_is_not_overwritten() {
        let (_folder, user, trust) = place();
        trust.change(|trusted| trusted.commands.push(vec!["make".into()])).unwrap();
        std::fs::write(user.path().join(PROJECTS_FILE), "{").unwrap();
        assert!(!trust.current().is_something());
        assert!(!trusts_owner(Some(&user), &trust.project));
        assert!(trust.change(|trusted| trusted.owner = Some(7)).is_err());
        assert_eq!(user.read(PROJECTS_FILE).unwrap().unwrap(), b"{");
    }

    #[test]
    fn without_a_folder_of_the_user_nothing_is_trusted() {
        let (_folder, _user, trust) = place();
        let trust = Trust::new(None, &trust.project);
        assert!(!trust.current().is_something());
        assert!(trust.change(|trusted| trusted.owner = Some(0)).is_err());
    }

    #[test]
    fn an_owner_is_trusted_as_long_as_it_is_the_same() {
        let (folder, user, trust) = place();
        let trusts = || trusts_owner(Some(&user), &trust.project);
        assert!(!trusts());
        let owner = owner(&trust.project).unwrap();
        trust.change(|trusted| trusted.owner = owner).unwrap();
        assert!(trusts() && !trusts_owner(None, &trust.project));
        trust.change(|trusted| trusted.owner = owner.map(|owner| owner + 1)).unwrap();
        assert!(!trusts());
        let absent = Trust::new(Some(user.clone()), folder.path());
        absent.change(|trusted| trusted.owner = owner).unwrap();
        assert!(!trusts_owner(Some(&user), folder.path()), "there is no workspace");
    }

    #[test]
    fn the_variable_names_whole_folders_or_all() {
        let (folder, _user, trust) = place();
        let project = trust.project().unwrap();
        let list = |paths: &[&Path]| std::env::join_paths(paths).unwrap();
        let (other, through_dots) = (folder.path(), project.join("."));
        assert!(names(&list(&[other, &project]), &project));
        assert!(names(&list(&[&through_dots]), &project));
        assert!(names(OsStr::new("*"), &project));
        for nothing in ["", ".", "project", "**", "/*"] {
            assert!(!names(OsStr::new(nothing), &project), "{nothing}");
        }
        assert!(!names(&list(&[other]), &project), "a parent is another folder");
    }
}
