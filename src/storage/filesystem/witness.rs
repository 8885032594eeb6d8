//! The witness: what this user's processes answered with, kept outside of every workspace.
//!
//! A journal that a person or a model puts back, cuts or swaps contradicts it. It lags behind by at most
//! [`PAUSE`], and not at all where a phase, a status or a cycle changed. It is written without a flush:
//! after a power cut an older one may be there, which contradicts no journal.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::history::History;
use crate::disk::StateFolder;
use crate::disk::fs::{self, Fs};
use crate::disk::lock::HeldLock;
use crate::model::{Digest, JournalId, Name, Version};

/// How long testimonies are collected before they are written.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
const LOCK: &str = "witness/lock";
/// How long to wait for another process that writes one.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of a testimony: a path of 4,096 bytes, twice as long in JSON, and some numbers.
const BYTES_MAX: u64 = 16 << 10;
/// Copies of one journal that are looked at.
const COPIES_MAX: usize = 64;

/// The newest state that an answer gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Testimony {
    /// The journal. Programs before format 3 gave it no id.
    pub(super) journal: Option<JournalId>,
    /// The version.
    pub(super) version: Version,
    /// The digest of its line.
    pub(super) line: Digest,
}

impl Testimony {
    /// Returns how the present end of a journal contradicts what is known of it. Lines that a purge took
    /// away cannot be compared, and say nothing.
    pub(super) fn contradiction(&self, present: &Self, history: &History<'_>) -> Option<String> {
        let version = self.version;
        if self.journal.is_some() && self.journal != present.journal {
            return Some(format!(
                "it is another journal than the one whose version {version} was answered with here"
            ));
        }
        if version > present.version {
            return Some(format!(
                "it ends at version {}, and version {version} was answered with here",
                present.version
            ));
        }
        let line = if version == present.version {
            Some(present.line)
        } else {
            history.line(version, present.version).ok().flatten()
        };
        line.filter(|line| *line != self.line).map(|_| {
            format!("its version {version} is another one than the one that was answered with here")
        })
    }
}

/// A testimony of a journal of the same id at another path: one of the two is a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// The project's folder there.
    pub(super) project: String,
    /// The version that is known there.
    pub(super) version: Version,
}

/// What a new testimony may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaces {
    /// An older one of the same journal.
    Older,
    /// Any: a person accepted another journal, or a new one began.
    Any,
}

/// A testimony as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    project: String,
    #[serde(flatten)]
    testimony: Testimony,
}

/// The testimonies of one workspace.
#[derive(Debug)]
pub(super) struct Witness {
    folder: Mutex<Place>,
    project: String,
    /// The name of the project's folder among all.
    key: String,
    waiting: Mutex<Waiting>,
    fault: Mutex<Option<String>>,
}

/// Testimonies that are not written yet.
#[derive(Debug, Default)]
struct Waiting {
    by_name: BTreeMap<Name, Testimony>,
    /// Whether a write is scheduled.
    announced: bool,
}

/// The folder for testimonies.
#[derive(Debug)]
enum Place {
    Nowhere,
    Unopened(StateFolder),
    Open(Arc<dyn Fs>),
}

impl Witness {
    /// Keeps the testimonies of a project in the user's state folder. Without a folder there is no
    /// witness, and [`Witness::fault`] says so.
    pub(super) fn new(folder: Option<StateFolder>, project: &Path) -> Self {
        let fault = folder.is_none().then(|| "no variable of the environment names it".to_owned());
        let place = folder.map_or(Place::Nowhere, Place::Unopened);
        // The path itself decides: a folder that moves is another workspace.
        let project = std::fs::canonicalize(project).unwrap_or_else(|_| project.to_owned());
        Self { fault: Mutex::new(fault), ..Self::at(place, &project.to_string_lossy()) }
    }

    /// Keeps them in a folder of a test.
    #[cfg(test)]
    pub(super) fn on(folder: Arc<dyn Fs>, project: &str) -> Self {
        Self::at(Place::Open(folder), project)
    }

    /// Keeps none.
    pub(super) fn none() -> Self {
        Self::at(Place::Nowhere, "")
    }

    fn at(place: Place, project: &str) -> Self {
        Self {
            folder: Mutex::new(place),
            project: project.to_owned(),
            key: Digest::of(project.as_bytes()).to_string()[..32].to_owned(),
            waiting: Mutex::default(),
            fault: Mutex::default(),
        }
    }

    /// Returns why there is no witness, if there is none.
    pub(super) fn fault(&self) -> Option<String> {
        drop(self.folder());
        self.fault.lock().clone()
    }

    /// Returns what is known of an artifact of this workspace.
    pub(super) fn testimony(&self, name: &Name) -> Option<Testimony> {
        let stored = self.try_on("read", |fs| read(fs, &testimony_file(&self.key, name)));
        let stored = stored.flatten().map(|stored| stored.testimony);
        let waiting = self.waiting.lock().by_name.get(name).cloned();
        match (stored, waiting) {
            // Another journal was accepted by another process, or this one has not written yet.
            (Some(stored), Some(waiting)) if is_older(&stored, &waiting) => Some(waiting),
            (Some(stored), _) => Some(stored),
            (None, waiting) => waiting,
        }
    }

    /// Returns where a newer version of a journal is known.
    pub(super) fn elsewhere(&self, name: &Name, known: &Testimony) -> Option<Elsewhere> {
        let folder = copies(known.journal?);
        let there = self.try_on("read", |fs| {
            let keys = fs::names(fs, &folder)?.into_iter().filter(|key| *key != self.key);
            let stored = keys.take(COPIES_MAX).map(|key| read(fs, &testimony_file(&key, name)));
            stored.collect::<io::Result<Vec<_>>>()
        });
        let newer = there.unwrap_or_default().into_iter().flatten().filter(|there| {
            there.testimony.journal == known.journal && there.testimony.version > known.version
        });
        let newest = newer.max_by_key(|there| there.testimony.version)?;
        Some(Elsewhere { project: newest.project, version: newest.testimony.version })
    }

    /// Takes a testimony that may be written later.
    pub(super) fn note(&self, name: &Name, testimony: Testimony) {
        self.waiting.lock().by_name.insert(name.clone(), testimony);
    }

    /// Returns whether the caller must schedule [`Witness::write_noted`].
    pub(super) fn announce(&self) -> bool {
        let mut waiting = self.waiting.lock();
        let must = !waiting.by_name.is_empty() && !waiting.announced;
        waiting.announced |= must;
        must
    }

    /// Writes what is noted of one artifact.
    pub(super) fn write_noted_of(&self, name: &Name) {
        let noted = self.waiting.lock().by_name.remove(name);
        if let Some(testimony) = noted {
            self.write(name, &testimony, Replaces::Older);
        }
    }

    /// Writes all that is noted.
    pub(super) fn write_noted(&self) {
        let noted = std::mem::take(&mut *self.waiting.lock());
        for (name, testimony) in noted.by_name {
            self.write(&name, &testimony, Replaces::Older);
        }
    }

    /// Writes a testimony. A failure is kept for [`Witness::fault`]: the work goes on without it.
    pub(super) fn write(&self, name: &Name, testimony: &Testimony, replaces: Replaces) {
        if replaces == Replaces::Any {
            self.waiting.lock().by_name.remove(name);
        }
        self.try_on("write", |fs| self.store(fs, name, testimony, replaces));
    }

    fn store(
        &self,
        fs: &dyn Fs,
        name: &Name,
        testimony: &Testimony,
        replaces: Replaces,
    ) -> io::Result<()> {
        make_folder(fs, &testimonies(&self.key))?;
        let path = testimony_file(&self.key, name);
        // Between reading and writing: another process may write a newer one.
        let _lock = HeldLock::at(fs, LOCK, LOCK_TIMEOUT)?;
        let there = read(fs, &path)?.map(|stored| stored.testimony);
        let is_allowed = there.as_ref().is_none_or(|there| is_older(there, testimony));
        if !is_allowed && replaces == Replaces::Older {
            return Ok(());
        }
        let stored = Stored { project: self.project.clone(), testimony: testimony.clone() };
        fs::write_replaceable(fs, &path, &serde_json::to_vec(&stored)?)?;
        if let Some(id) =
            testimony.journal.filter(|id| there.is_none_or(|there| there.journal != Some(*id)))
        {
            make_folder(fs, &copies(id))?;
            fs::write_replaceable(fs, &format!("{}/{}", copies(id), self.key), b"")?;
        }
        Ok(())
    }

    /// Works on the folder, if there is one.
    fn try_on<T>(&self, what: &str, work: impl FnOnce(&dyn Fs) -> io::Result<T>) -> Option<T> {
        let folder = self.folder()?;
        match work(folder.as_ref()) {
            Ok(done) => Some(done),
            Err(error) => {
                tracing::warn!(%error, "what is known of this workspace cannot be {what}");
                *self.fault.lock() = Some(error.to_string());
                None
            }
        }
    }

    fn folder(&self) -> Option<Arc<dyn Fs>> {
        let mut place = self.folder.lock();
        if let Place::Unopened(folder) = &*place {
            *place = match folder.folder() {
                Ok(folder) => Place::Open(folder),
                Err(error) => {
                    tracing::warn!(%error, "the state folder cannot be used: there is no witness");
                    *self.fault.lock() = Some(error.to_string());
                    Place::Nowhere
                }
            };
        }
        match &*place {
            Place::Open(folder) => Some(Arc::clone(folder)),
            Place::Nowhere | Place::Unopened(_) => None,
        }
    }
}

/// Returns whether a testimony is an older one of the same journal.
fn is_older(one: &Testimony, than: &Testimony) -> bool {
    (one.journal == than.journal || one.journal.is_none()) && one.version < than.version
}

/// Reads a testimony. One that is cut short or changed says nothing.
fn read(fs: &dyn Fs, path: &str) -> io::Result<Option<Stored>> {
    let bytes = fs::read(fs, path, BYTES_MAX)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Creates a folder with those above it.
fn make_folder(fs: &dyn Fs, path: &str) -> io::Result<()> {
    for (end, _) in path.match_indices('/') {
        fs.create_dir(&path[..end])?;
    }
    fs.create_dir(path)
}

/// The folder of the testimonies of a project.
fn testimonies(key: &str) -> String {
    format!("witness/projects/{key}")
}

fn testimony_file(key: &str, name: &Name) -> String {
    format!("{}/{name}.json", testimonies(key))
}

/// The folder whose names are the keys of the projects with a journal of this id.
fn copies(journal: JournalId) -> String {
    format!("witness/journals/{journal}")
}
