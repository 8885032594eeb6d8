//! Where triggers come from: the user's own configuration, and the project once the user has trusted
//! what it holds, word for word.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::trigger::{self, Trigger};
use crate::model::Digest;
use crate::storage::filesystem::{Filesystem, Seen, UserFolder, layout};
use crate::storage::{Finding, FindingSeverity};

/// The user's own triggers, in the folder of their configuration.
const TRIGGERS_FILE: &str = "triggers.json";
/// What is known of projects, in the same folder.
const PROJECTS_FILE: &str = "projects.json";

/// Who wrote a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    /// The user.
    User,
    /// The project, trusted by the user.
    Project,
}

/// The triggers that are in force.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Those of the user first, each in the order of its file.
    pub(super) triggers: Vec<(Source, Trigger)>,
    /// What is wrong with a file.
    pub(super) findings: Vec<Finding>,
    /// Whether every file could be read, so that no triggers means that there are none.
    pub(super) certain: bool,
}

/// What is known of projects. Kept outside of them, so that none can say it of itself.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Projects {
    #[serde(default)]
    projects: BTreeMap<String, Project>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Project {
    /// The digest of the triggers that the user trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    triggers: Option<Digest>,
    /// Whether events are delivered, and so each has to be.
    #[serde(default)]
    delivering: bool,
}

type Look = Option<(u64, SystemTime)>;

/// How the files looked when they were read.
type Looks = (Look, Look, Seen);

/// The places that triggers come from.
#[derive(Debug)]
pub(super) struct Sources {
    workspace: Filesystem,
    user: Option<UserFolder>,
    loaded: Mutex<Option<(Looks, Arc<Loaded>)>>,
}

impl Sources {
    pub(super) fn new(workspace: Filesystem, user: Option<UserFolder>) -> Self {
        Self { workspace, user, loaded: Mutex::default() }
    }

    /// Returns the triggers that are in force. Reads files that look different from last time, and
    /// otherwise takes a look at three of them.
    pub(super) fn current(&self) -> Arc<Loaded> {
        let Some(user) = &self.user else { return Arc::default() };
        let looks = (
            user.see(TRIGGERS_FILE),
            user.see(PROJECTS_FILE),
            self.workspace.see_project_triggers(),
        );
        let mut known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        match known.as_ref().filter(|(then, _)| *then == looks) {
            Some((_, loaded)) => Arc::clone(loaded),
            None => {
                let loaded = Arc::new(self.load(user));
                for finding in &loaded.findings {
                    tracing::warn!(place = finding.place, "{}", finding.problem);
                }
                *known = Some((looks, Arc::clone(&loaded)));
                loaded
            }
        }
    }

    /// Returns the triggers that were in force at the last look, without taking another.
    pub(super) fn last_seen(&self) -> Option<Arc<Loaded>> {
        let known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(_, loaded)| Arc::clone(loaded))
    }

    fn load(&self, user: &UserFolder) -> Loaded {
        let mut loaded = Loaded { certain: true, ..Loaded::default() };
        let place = user.path().join(TRIGGERS_FILE).display().to_string();
        loaded.take_in(Source::User, &place, user.read(TRIGGERS_FILE));
        match self.trusted(user) {
            Ok((_, Trust::Pinned(content))) => {
                loaded.take_in(Source::Project, layout::TRIGGERS, Ok(Some(content)));
            }
            Ok((_, Trust::Absent)) => {}
            Ok((_, Trust::Unknown)) => loaded.note(FindingSeverity::Note, UNKNOWN),
            Ok((_, Trust::Changed)) => loaded.note(FindingSeverity::Warning, CHANGED),
            Err(error) => loaded.unreadable(layout::TRIGGERS, &error.to_string()),
        }
        loaded
    }

    /// Returns what is known of the project, and whether what it holds now is trusted.
    fn trusted(&self, user: &UserFolder) -> io::Result<(Project, Trust)> {
        let Some(content) = self.workspace.project_triggers()? else {
            return Ok((self.project(user)?, Trust::Absent));
        };
        let project = self.project(user)?;
        let trust = match project.triggers {
            Some(pinned) if pinned == Digest::of(&content) => Trust::Pinned(content),
            Some(_) => Trust::Changed,
            None => Trust::Unknown,
        };
        Ok((project, trust))
    }

    fn project(&self, user: &UserFolder) -> io::Result<Project> {
        match user.read(PROJECTS_FILE)? {
            Some(content) => {
                let projects: Projects = serde_json::from_slice(&content)?;
                Ok(projects.projects.get(&self.key()?).cloned().unwrap_or_default())
            }
            None => Ok(Project::default()),
        }
    }

    fn key(&self) -> io::Result<String> {
        Ok(self.workspace.canonical_project()?.to_string_lossy().into_owned())
    }

    /// Returns whether the events of this project are being delivered for this user.
    pub(super) fn is_delivering(&self) -> io::Result<bool> {
        let project = self.user.as_ref().map(|user| self.project(user)).transpose()?;
        Ok(project.is_some_and(|project| project.delivering))
    }

    /// Remembers whether the events of this project are being delivered for this user.
    pub(super) fn set_delivering(&self, delivering: bool) -> io::Result<()> {
        self.change(|project| project.delivering = delivering)
    }

    /// Trusts the project's triggers as long as they have this digest; `None` trusts none.
    pub(super) fn pin(&self, digest: Option<Digest>) -> io::Result<()> {
        self.change(|project| project.triggers = digest)
    }

    /// Returns whether the project's triggers are trusted as they are.
    pub(super) fn are_trusted(&self) -> io::Result<bool> {
        let trusted = self.user.as_ref().map(|user| self.trusted(user)).transpose()?;
        Ok(matches!(trusted, Some((_, Trust::Pinned(_)))))
    }

    fn change(&self, change: impl FnOnce(&mut Project)) -> io::Result<()> {
        let user = self.user.as_ref().ok_or_else(|| {
            io::Error::other("neither XDG_CONFIG_HOME nor HOME says where your configuration is")
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
            if *project == Project::default() {
                projects.projects.remove(&key);
            }
            let mut content = serde_json::to_vec_pretty(&projects)?;
            content.push(b'\n');
            Ok(Some(content))
        })
    }
}

/// Whether the project's triggers are trusted.
enum Trust {
    Absent,
    Pinned(Vec<u8>),
    Changed,
    Unknown,
}

const UNKNOWN: &str = "these triggers are not trusted, and run nothing";
const CHANGED: &str = "these triggers changed since they were trusted, and run nothing";

impl Loaded {
    fn take_in(&mut self, source: Source, place: &str, content: io::Result<Option<Vec<u8>>>) {
        let parsed = match content {
            Ok(None) => return,
            Ok(Some(content)) => trigger::parse(&content),
            Err(error) => Err(error.to_string()),
        };
        match parsed {
            Ok(triggers) => {
                self.triggers.extend(triggers.into_iter().map(|trigger| (source, trigger)));
            }
            Err(problem) => self.unreadable(place, &problem),
        }
    }

    fn unreadable(&mut self, place: &str, problem: &str) {
        self.certain = false;
        self.findings.push(Finding {
            severity: FindingSeverity::Warning,
            place: place.to_owned(),
            problem: format!("the triggers cannot be used: {problem}"),
            advice: "none of this file run; mend it, and events since then are delivered".into(),
        });
    }

    fn note(&mut self, severity: FindingSeverity, problem: &str) {
        self.findings.push(Finding {
            severity,
            place: layout::TRIGGERS.to_owned(),
            problem: problem.to_owned(),
            advice: "refiner trust shows what they would run, and asks you".into(),
        });
    }
}
