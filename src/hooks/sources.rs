//! The sources of triggers: the user's own configuration, and a project file whose exact content
//! the user trusts.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use serde::Serialize;

use super::trigger::{self, Trigger};
use crate::disk::UserFolder;
use crate::model::Digest;
use crate::storage::{Finding, FindingSeverity};
use crate::workspace::{Seen, Trust, Workspace, layout};

/// The file of the user's own triggers, in their configuration folder.
const TRIGGERS_FILE: &str = "triggers.json";

/// The source of a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    /// The user.
    User,
    /// The project, trusted by the user.
    Project,
}

/// The active triggers.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The triggers, the user's first, in file order.
    pub(super) triggers: Vec<(Source, Trigger)>,
    /// The problems of the files.
    pub(super) findings: Vec<Finding>,
    /// Whether every file could be read. Only then an empty list means that there are no triggers.
    pub(super) certain: bool,
}

type Look = Option<(u64, SystemTime)>;

/// The state of the files at the last read.
type Looks = (Look, Option<Digest>, Seen);

/// The files that contain triggers.
#[derive(Debug)]
pub(super) struct Sources {
    workspace: Workspace,
    user: Option<UserFolder>,
    trust: Trust,
    loaded: Mutex<Option<(Looks, Arc<Loaded>)>>,
}

impl Sources {
    pub(super) fn new(workspace: Workspace, user: Option<UserFolder>, trust: Trust) -> Self {
        Self { workspace, user, trust, loaded: Mutex::default() }
    }

    /// Returns the active triggers. Reads changed files again; otherwise only checks the metadata
    /// of three files.
    pub(super) fn current(&self) -> Arc<Loaded> {
        let Some(user) = &self.user else { return Arc::default() };
        let looks = (
            user.see(TRIGGERS_FILE),
            self.trust.current().triggers,
            self.workspace.see_project_triggers(),
        );
        let mut known = self.loaded.lock();
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

    /// Returns the active triggers of the last check, without a new one.
    pub(super) fn last_seen(&self) -> Option<Arc<Loaded>> {
        let known = self.loaded.lock();
        known.as_ref().map(|(_, loaded)| Arc::clone(loaded))
    }

    fn load(&self, user: &UserFolder) -> Loaded {
        let mut loaded = Loaded { certain: true, ..Loaded::default() };
        let place = user.path().join(TRIGGERS_FILE).display().to_string();
        loaded.take_in(Source::User, &place, user.read(TRIGGERS_FILE));
        match self.standing() {
            Ok(TrustStanding::Pinned(content)) => {
                loaded.take_in(Source::Project, layout::TRIGGERS, Ok(Some(content)));
            }
            Ok(TrustStanding::Absent) => {}
            Ok(TrustStanding::Unknown) => loaded.note(FindingSeverity::Note, UNKNOWN),
            Ok(TrustStanding::Changed) => loaded.note(FindingSeverity::Warning, CHANGED),
            Err(error) => loaded.unreadable(layout::TRIGGERS, &error.to_string()),
        }
        loaded
    }

    /// Returns whether the project's current content is trusted.
    fn standing(&self) -> io::Result<TrustStanding> {
        let content = self.workspace.project_triggers()?;
        let pinned = self.trust.read()?.triggers;
        Ok(match (content, pinned) {
            (None, _) => TrustStanding::Absent,
            (Some(content), Some(pinned)) if pinned == Digest::of(&content) => {
                TrustStanding::Pinned(content)
            }
            (Some(_), Some(_)) => TrustStanding::Changed,
            (Some(_), None) => TrustStanding::Unknown,
        })
    }

    /// Returns whether the current content of the project's triggers is trusted.
    pub(super) fn are_trusted(&self) -> io::Result<bool> {
        Ok(matches!(self.standing()?, TrustStanding::Pinned(_)))
    }
}

/// Whether the project's triggers are trusted.
enum TrustStanding {
    Absent,
    Pinned(Vec<u8>),
    Changed,
    Unknown,
}

const UNKNOWN: &str = "these triggers are not trusted, so none of them runs";
const CHANGED: &str = "these triggers changed since you trusted them, so none of them runs";

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
            advice: "no trigger of this file runs; correct the file, and the server delivers the events since then".into(),
        });
    }

    fn note(&mut self, severity: FindingSeverity, problem: &str) {
        self.findings.push(Finding {
            severity,
            place: layout::TRIGGERS.to_owned(),
            problem: problem.to_owned(),
            advice: "run refiner trust to review and trust them".into(),
        });
    }
}
