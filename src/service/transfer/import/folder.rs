//! Reading a folder of the older PMPO skill.

use std::path::Path;

use serde_json::{Map, Value};

use super::notes::Notes;
use crate::disk::WORKSPACE;
use crate::disk::{Kind, NOT_FOLLOWED, UntrustedDir};
use crate::model::document::output::OutputPath;
use crate::model::journal::entry::{LogFile, Section};
use crate::model::{Refusal, limits};

/// Bytes of a JSON file.
const JSON_BYTES_MAX: u64 = limits::DOCUMENT_BYTES_MAX as u64;
/// Bytes of a readable log.
const LOG_BYTES_MAX: u64 = 1 << 20;
/// Bytes of all files of an artifact's `dist/`.
const FILES_BYTES_MAX: u64 = 256 << 20;
/// Folders of `dist/` below each other.
const DEPTH_MAX: usize = 8;
/// Artifacts of a folder.
const ARTIFACTS_MAX: usize = 1000;
/// Checkpoints, and earlier cycles, of an artifact.
const SNAPSHOTS_MAX: usize = 100;

const ARTIFACTS: &str = "artifacts";
const REGISTRY: &str = "registry.json";
const STATE: &str = "state.json";
const CONSTRAINTS: &str = "constraints.json";
const MANIFEST: &str = "artifact_manifest.json";
/// The known names in an artifact's folder.
const KNOWN: [&str; 7] =
    [STATE, CONSTRAINTS, MANIFEST, "refinement_log.md", "decisions.md", "dist", "checkpoints"];

/// A folder of the older skill.
#[derive(Debug)]
pub(super) struct Skill {
    folder: UntrustedDir,
}

/// The files of an artifact.
#[derive(Debug)]
pub(super) struct Old {
    pub(super) state: Map<String, Value>,
    pub(super) constraints: Option<Value>,
    pub(super) manifest: Option<Value>,
    /// The readable logs.
    pub(super) logs: Vec<Section>,
    /// States at checkpoints, by the names of their files.
    pub(super) checkpoints: Map<String, Value>,
    /// States of earlier cycles, by the names of their folders.
    pub(super) cycles: Map<String, Value>,
    pub(super) files: Vec<OldFile>,
}

/// A file of `dist/`.
#[derive(Clone, Debug)]
pub(super) struct OldFile {
    pub(super) path: OutputPath,
    place: String,
    pub(super) bytes: u64,
}

impl Skill {
    /// Opens the folder itself, or `.refiner` in it.
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        let opened =
            UntrustedDir::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
        let is_folder = |place: &str| matches!(opened.kind(place), Ok(Some(Kind::Folder)));
        if is_folder(ARTIFACTS) {
            return Ok(Self { folder: opened });
        }
        if !is_folder(&format!("{WORKSPACE}/{ARTIFACTS}")) {
            return Err(unreadable(path, "it contains no folder named artifacts"));
        }
        let inner = opened.path().join(WORKSPACE);
        let folder = UntrustedDir::open(&inner);
        Ok(Self { folder: folder.map_err(|error| unreadable(&inner, &error.to_string()))? })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the names of the artifacts in order, and remarks on everything else.
    pub(super) fn artifacts(&self, notes: &mut Notes) -> Result<Vec<String>, Refusal> {
        let names = self.folder.names(ARTIFACTS);
        let mut names = names.map_err(|error| unreadable(self.path(), &error.to_string()))?;
        names.retain(|name| {
            let place = format!("{ARTIFACTS}/{name}");
            let has_state = !matches!(self.folder.kind(&format!("{place}/{STATE}")), Ok(None));
            if !has_state {
                notes.say(place, "not imported: it has no state.json");
            }
            has_state
        });
        if names.len() > ARTIFACTS_MAX {
            return Err(Refusal::TooLarge {
                what: "the folder".into(),
                actual: names.len(),
                limit: ARTIFACTS_MAX,
                unit: "artifacts",
            });
        }
        self.look_around(&names, notes);
        Ok(names)
    }

    /// Remarks on other files in the folder, and on missing artifacts of the registry.
    fn look_around(&self, artifacts: &[String], notes: &mut Notes) {
        let known = [ARTIFACTS, REGISTRY, "history", ".gitignore"];
        for name in self.names("", notes) {
            if !known.contains(&name.as_str()) {
                notes.say(name, "not imported: it belongs to no artifact");
            }
        }
        let registered = match self.json(REGISTRY) {
            Ok(registry) => registry.and_then(|mut registry| {
                registry.get_mut(ARTIFACTS).map(Value::take).filter(Value::is_object)
            }),
            Err(reason) => {
                notes.say(REGISTRY, format!("not read: {reason}"));
                None
            }
        };
        for name in registered.iter().flat_map(|list| list.as_object().expect("looked at").keys()) {
            if !artifacts.contains(name) {
                notes.say(REGISTRY, format!("lists {name:?}, which does not exist"));
            }
        }
    }

    /// Reads everything of an artifact but its outputs.
    pub(super) fn read(&self, name: &str, notes: &mut Notes) -> Result<Old, Refusal> {
        let home = format!("{ARTIFACTS}/{name}");
        if self.folder.kind(&format!("{home}/journal")).is_ok_and(|kind| kind.is_some()) {
            return Err(Refusal::argument(
                format!("{home} has a journal: this program wrote it"),
                "copy the whole folder instead of importing it",
            ));
        }
        for other in self.names(&home, notes) {
            if !KNOWN.contains(&other.as_str()) {
                notes.say(
                    format!("{home}/{other}"),
                    "not imported: the importer does not know this file",
                );
            }
        }
        Ok(Old {
            state: self.state(&home)?,
            constraints: self.part(&format!("{home}/{CONSTRAINTS}"), notes),
            manifest: self.part(&format!("{home}/{MANIFEST}"), notes),
            logs: LogFile::ALL.into_iter().filter_map(|log| self.log(&home, log, notes)).collect(),
            checkpoints: self.snapshots(&format!("{home}/checkpoints"), "", notes),
            cycles: self.snapshots(&format!("history/{name}"), "/state.json", notes),
            files: self.files(&home, notes),
        })
    }

    fn state(&self, home: &str) -> Result<Map<String, Value>, Refusal> {
        let path = format!("{home}/{STATE}");
        let read =
            self.json(&path).and_then(|state| state.ok_or_else(|| "it does not exist".into()));
        match read {
            Ok(Value::Object(state)) => Ok(state),
            Ok(_) => Err(unreadable(&self.path().join(path), "it is not a JSON object")),
            Err(reason) => Err(unreadable(&self.path().join(path), &reason)),
        }
    }

    fn json(&self, path: &str) -> Result<Option<Value>, String> {
        let content = self.folder.read(path, JSON_BYTES_MAX).map_err(|error| error.to_string())?;
        content
            .map(|content| serde_json::from_slice(&content))
            .transpose()
            .map_err(|error| format!("it is not JSON, or it nests too deep: {error}"))
    }

    fn part(&self, path: &str, notes: &mut Notes) -> Option<Value> {
        self.json(path).unwrap_or_else(|reason| {
            notes.say(path, format!("not read: {reason}"));
            None
        })
    }

    fn log(&self, home: &str, log: LogFile, notes: &mut Notes) -> Option<Section> {
        let path = format!("{home}/{}", log.file_name());
        let content = self.folder.read(&path, LOG_BYTES_MAX).map_err(|error| error.to_string());
        let text = content.and_then(|content| {
            content.map(String::from_utf8).transpose().map_err(|error| error.to_string())
        });
        match text {
            Ok(text) => {
                let mut text = text.filter(|text| !text.trim().is_empty())?;
                text += if text.ends_with('\n') { "\n" } else { "\n\n" };
                Some(Section { log, text })
            }
            Err(reason) => {
                notes.say(path, format!("not read: {reason}"));
                None
            }
        }
    }

    fn snapshots(&self, folder: &str, inner: &str, notes: &mut Notes) -> Map<String, Value> {
        let mut found = Map::new();
        let names = self.names(folder, notes);
        for (index, name) in names.iter().enumerate() {
            if index == SNAPSHOTS_MAX {
                let more = names.len() - SNAPSHOTS_MAX;
                notes.say(folder, format!("{more} are left out; the limit is {SNAPSHOTS_MAX}"));
                break;
            }
            if let Some(state) = self.part(&format!("{folder}/{name}{inner}"), notes) {
                found.insert(name.clone(), state);
            }
        }
        found
    }

    fn files(&self, home: &str, notes: &mut Notes) -> Vec<OldFile> {
        let mut files = Vec::new();
        self.visit(&format!("{home}/dist"), "dist", notes, &mut files);
        let mut room = FILES_BYTES_MAX;
        files.retain(|file| {
            let fits = file.bytes <= room;
            if fits {
                room -= file.bytes;
            } else {
                notes.say(
                    &file.place,
                    format!(
                        "not copied: the files have more than {FILES_BYTES_MAX} bytes together"
                    ),
                );
            }
            fits
        });
        files
    }

    fn visit(&self, folder: &str, below: &str, notes: &mut Notes, files: &mut Vec<OldFile>) {
        for name in self.names(folder, notes) {
            let (place, below) = (format!("{folder}/{name}"), format!("{below}/{name}"));
            let why_not = match (self.folder.kind(&place), OutputPath::parse(&below)) {
                (Ok(Some(Kind::Folder)), _) if below.matches('/').count() <= DEPTH_MAX => {
                    self.visit(&place, &below, notes, files);
                    continue;
                }
                (Ok(Some(Kind::File(bytes))), _) if bytes > limits::OUTPUT_BYTES_MAX as u64 => {
                    format!("it has {bytes} bytes; the limit is {}", limits::OUTPUT_BYTES_MAX)
                }
                (Ok(Some(Kind::File(bytes))), Ok(path)) if files.len() < limits::OUTPUTS_MAX => {
                    files.push(OldFile { path, place, bytes });
                    continue;
                }
                (Ok(Some(Kind::File(_))), Err(refusal)) => refusal.to_string(),
                (Ok(Some(Kind::Other)), _) => NOT_FOLLOWED.to_owned(),
                (Ok(Some(Kind::File(_))), Ok(_)) => {
                    format!("the artifact has more than {} files", limits::OUTPUTS_MAX)
                }
                (Ok(Some(Kind::Folder)), _) => {
                    format!("its folder is more than {DEPTH_MAX} folders deep")
                }
                (Ok(None), _) => "its name is not Unicode".to_owned(),
                (Err(error), _) => error.to_string(),
            };
            notes.say(place, format!("not copied: {why_not}"));
        }
    }

    /// Returns the names in a folder, and remarks on a folder that cannot be listed.
    fn names(&self, folder: &str, notes: &mut Notes) -> Vec<String> {
        self.folder.names(folder).unwrap_or_else(|error| {
            notes.say(folder, format!("not read: {error}"));
            Vec::new()
        })
    }

    /// Reads a file of `dist/`.
    pub(super) fn content(&self, file: &OldFile) -> Result<Vec<u8>, Refusal> {
        let content = self.folder.read(&file.place, limits::OUTPUT_BYTES_MAX as u64);
        let content = content.map_err(|error| error.to_string());
        content
            .and_then(|content| content.ok_or_else(|| "it no longer exists".into()))
            .map_err(|reason: String| unreadable(&self.path().join(&file.place), &reason))
    }
}

fn unreadable(path: &Path, reason: &str) -> Refusal {
    Refusal::argument(
        format!("{} cannot be imported: {reason}", path.display()),
        "pass the .refiner folder of the older skill; --name selects one of its artifacts",
    )
}
