//! `export`: writes an artifact to a folder for other people and programs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::disk::StagedDir;
use crate::disk::WORKSPACE;
use crate::model::document::output::Output;
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::Snapshot;
use crate::model::journal::entry::{Entry, LogFile, Payload, Section};
use crate::model::journal::lifecycle::LifecycleEvent;
use crate::model::journal::patch::Patch;
use crate::model::journal::projection;
use crate::model::{Digest, Name, Refusal, Time, Version};
use crate::service::refusals::refusal;
use crate::service::{Caller, Service};
use crate::storage::OutputFile;

/// Entries of one read.
const ENTRIES: usize = 256;
/// Files of one listing.
const FILES: usize = 10_000;
/// The file that marks an export. `--force` replaces only a folder with this file.
const EXPORT_FILE: &str = "export.json";
/// The history, one version in each line.
const HISTORY_FILE: &str = "history.jsonl";

/// The arguments of `export`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Export {
    /// The artifact.
    pub name: Name,
    /// The new folder. Its parent must exist.
    pub to: PathBuf,
    /// Whether to export every version.
    pub history: bool,
    /// Whether an earlier export may be replaced.
    pub force: bool,
}

/// The result of an export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exported {
    /// The created folder.
    pub folder: String,
    /// The artifact.
    pub name: String,
    /// The exported version.
    pub version: Version,
    /// The time of the export.
    pub at: Time,
    /// The number of exported files of `dist/`.
    pub files: usize,
    /// The number of exported versions: 0 without `history`.
    pub versions: usize,
    /// What of `dist/` did not go with it: what is no regular file, or has a name that not every system has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A version, as a line of the history. The patches, applied one after the other to `null`, give the
/// document at each version (RFC 6902).
#[derive(Serialize)]
struct Line<'a> {
    version: Version,
    at: Time,
    actor: &'a str,
    operation: &'a str,
    summary: &'a Map<String, Value>,
    phase: &'a str,
    patch: &'a Payload<Patch>,
    sections: &'a [Section],
    outputs: &'a [Output],
    events: &'a [LifecycleEvent],
    document: Digest,
}

impl Service {
    /// Writes a folder with an artifact's document, readable logs, files and, on request, every
    /// version, which `import` can read. The folder appears whole or not at all, also when the call
    /// is cancelled. It replaces nothing except an earlier export, and that only with `force`.
    pub async fn export(&self, arguments: Export, caller: &Caller) -> Result<Exported, Refusal> {
        let newest = self.newest(&arguments.name).await?;
        let snapshot = newest.snapshot;
        let outputs = snapshot.document.output_place();
        let there = self.all_outputs(&arguments.name, &outputs).await?;
        let left_out = self.provider.strays(&arguments.name, &outputs).await;
        let left_out = left_out.map_err(|error| refusal(&arguments.name, &error))?;
        let mut staged = Sending(self.staged(&arguments)?);
        let pages = usize::try_from(snapshot.version).unwrap_or(usize::MAX).div_ceil(ENTRIES);
        caller.progress.begin(there.len() + pages)?;
        let mut files = 0;
        for file in &there {
            caller.progress.check()?;
            let content = self.provider.output(&arguments.name, &outputs, &file.path).await;
            let content = content.map_err(|error| refusal(&arguments.name, &error))?;
            let place = place(&arguments.name, &format!("dist/{}", file.path));
            // A file that was removed meanwhile counts as absent.
            if let Some(content) = content {
                staged = staged.with(place, content).await?;
                files += 1;
            }
            caller.progress.step(format_args!("copied dist/{}", file.path));
        }
        staged = self.with_versions(staged, &arguments, &snapshot, caller).await?;
        for (file, content) in projection::json_files(&snapshot, None) {
            staged = staged.with(place(&arguments.name, file), content).await?;
        }
        let exported = Exported {
            folder: staged.0.path().display().to_string(),
            name: arguments.name.to_string(),
            version: snapshot.version,
            at: self.clock.now(),
            files,
            versions: if arguments.history { versions(&snapshot) } else { 0 },
            left_out,
        };
        let said = format!("{:#}\n", json!(exported));
        staged.with(EXPORT_FILE.to_owned(), said.into_bytes()).await?.sent(caller).await?;
        Ok(exported)
    }

    /// Returns every file of an artifact.
    async fn all_outputs(
        &self,
        name: &Name,
        outputs: &OutputPlace,
    ) -> Result<Vec<OutputFile>, Refusal> {
        let mut all: Vec<OutputFile> = Vec::new();
        loop {
            let after = all.last().map(|file| file.path.clone());
            let page = self.provider.outputs(name, outputs, after.as_ref(), FILES).await;
            let page = page.map_err(|error| refusal(name, &error))?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Begins the staged folder, if its place is free.
    fn staged(&self, arguments: &Export) -> Result<StagedDir, Refusal> {
        let staged =
            StagedDir::begin(&arguments.to).map_err(|error| unusable(arguments, &error))?;
        if let Some(workspace) = self.catalog.workspace() {
            let project = workspace.canonical_project();
            let project = project.map_err(|error| Refusal::Internal(error.to_string()))?;
            if staged.path().starts_with(project.join(WORKSPACE)) {
                let inside = std::io::Error::other("it is in this project's workspace");
                return Err(unusable(arguments, &inside));
            }
        }
        let is_taken = staged.is_taken().map_err(|error| unusable(arguments, &error))?;
        let is_ours = || staged.present(EXPORT_FILE).is_ok_and(is_export);
        match is_taken {
            false => Ok(staged),
            true if arguments.force && is_ours() => Ok(staged),
            true => Err(Refusal::argument(
                format!("{} already exists and was not overwritten", staged.path().display()),
                "choose another folder with --to; --force replaces only an earlier export",
            )),
        }
    }

    /// Adds the logs of the present cycle and, on request, every version.
    async fn with_versions(
        &self,
        mut staged: Sending,
        arguments: &Export,
        snapshot: &Snapshot,
        caller: &Caller,
    ) -> Result<Sending, Refusal> {
        let (name, mut after) = (&arguments.name, 0);
        let mut logs = LogFile::ALL.map(|log| (log, String::new()));
        while after < snapshot.version {
            caller.progress.check()?;
            let entries = self.provider.read(name, after, ENTRIES).await;
            let mut entries = entries.map_err(|error| refusal(name, &error))?;
            // Entries after the exported version are not part of the export.
            entries.retain(|entry| entry.version <= snapshot.version);
            let Some(last) = entries.last() else { break };
            after = last.version;
            entries.iter().for_each(|entry| take_in(&mut logs, entry));
            if arguments.history {
                staged = staged.with(place(name, HISTORY_FILE), lines(&entries)?).await?;
            }
            caller.progress.step(format_args!("read up to version {after}"));
        }
        for (log, text) in logs.into_iter().filter(|(_, text)| !text.is_empty()) {
            staged = staged.with(place(name, log.file_name()), text.into_bytes()).await?;
        }
        Ok(staged)
    }
}

/// Returns the path of an artifact's file, as in a workspace, so `import` finds it.
fn place(name: &Name, file: &str) -> String {
    format!("artifacts/{name}/{file}")
}

fn versions(snapshot: &Snapshot) -> usize {
    usize::try_from(snapshot.version).unwrap_or(usize::MAX)
}

fn take_in(logs: &mut [(LogFile, String)], entry: &Entry) {
    for (log, text) in logs {
        if entry.opens_cycle() {
            text.clear();
        }
        text.extend(entry.text_for(*log));
    }
}

fn lines(entries: &[Entry]) -> Result<Vec<u8>, Refusal> {
    let mut lines = Vec::new();
    for entry in entries {
        let line = Line {
            version: entry.version,
            at: entry.at,
            actor: &entry.actor,
            operation: &entry.operation,
            summary: &entry.summary,
            phase: &entry.phase,
            patch: &entry.patch,
            sections: &entry.sections,
            outputs: &entry.outputs,
            events: &entry.events,
            document: entry.document,
        };
        let written = serde_json::to_writer(&mut lines, &line);
        written.map_err(|error| Refusal::Internal(error.to_string()))?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn is_export(content: Option<Vec<u8>>) -> bool {
    content.is_some_and(|content| serde_json::from_slice::<Exported>(&content).is_ok())
}

fn unusable(arguments: &Export, error: &std::io::Error) -> Refusal {
    Refusal::argument(
        format!("{} cannot be created: {error}", arguments.to.display()),
        "with --to, name a new folder inside an existing one",
    )
}

/// A staged folder that blocking threads write, so no other task waits.
struct Sending(StagedDir);

impl Sending {
    async fn with(self, path: String, content: Vec<u8>) -> Result<Self, Refusal> {
        let added = tokio::task::spawn_blocking(move || {
            self.0.add(&path, &content).map(|()| self).map_err(|error| unwritten(&path, &error))
        });
        added.await.map_err(|error| Refusal::Internal(error.to_string()))?
    }

    /// Moves the folder to its place, unless the call was cancelled.
    async fn sent(self, caller: &Caller) -> Result<(), Refusal> {
        caller.progress.check()?;
        let sent = tokio::task::spawn_blocking(move || {
            let place = self.0.path().display().to_string();
            self.0.send().map_err(|error| unwritten(&place, &error))
        });
        sent.await.map_err(|error| Refusal::Internal(error.to_string()))?
    }
}

fn unwritten(path: &str, error: &std::io::Error) -> Refusal {
    Refusal::argument(
        format!("{path} cannot be written: {error}"),
        "nothing was exported: free disk space, or choose another folder with --to",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::service::{Init, Progress, Save, SystemClock, WriteOutput};
    use crate::storage::memory::Memory;

    /// A service with an artifact of four versions and two files.
    async fn service() -> Service {
        let service = Service::new(Arc::new(Memory::default()), Arc::new(SystemClock));
        let caller = Caller::new("test");
        let init = json!({ "name": "report", "workflow": "document", "goals": ["g"] });
        service.run(serde_json::from_value::<Init>(init).unwrap(), &caller).await.unwrap();
        for path in ["a.txt", "deep/b.txt"] {
            let write = json!({ "name": "report", "path": path, "content": path });
            let write: WriteOutput = serde_json::from_value(write).unwrap();
            service.run(write, &caller).await.unwrap();
        }
        let save = json!({ "name": "report", "patch": { "data": { "x": [1, 2] } } });
        let save: Save = serde_json::from_value(save).unwrap();
        assert_eq!(service.run(save, &caller).await.unwrap().version, 4);
        service
    }

    fn export(to: &Path, history: bool, force: bool) -> Export {
        Export { name: Name::parse("report").unwrap(), to: to.to_owned(), history, force }
    }

    fn read(folder: &Path, file: &str) -> String {
        std::fs::read_to_string(folder.join(file)).unwrap()
    }

    #[tokio::test]
    async fn an_export_has_the_document_the_files_and_every_version() {
        let (service, folder) = (service().await, tempfile::tempdir().unwrap());
        let to = folder.path().join("out");
        let done = service.export(export(&to, true, false), &Caller::new("test")).await.unwrap();
        assert_eq!((done.version, done.files, done.versions), (4, 2, 4));
        let artifact = to.join("artifacts/report");
        let state: Value = serde_json::from_str(&read(&artifact, "state.json")).unwrap();
        assert_eq!((&state["version"], &state["data"]["x"]), (&json!(4), &json!([1, 2])));
        assert_eq!(read(&artifact, "dist/deep/b.txt"), "deep/b.txt");
        let mut value = Value::Null;
        for (index, line) in read(&artifact, HISTORY_FILE).lines().enumerate() {
            let line: Value = serde_json::from_str(line).unwrap();
            let patch: json_patch::Patch = serde_json::from_value(line["patch"].clone()).unwrap();
            json_patch::patch(&mut value, &patch).unwrap();
            let version = index as Version + 1;
            let at = service.provider.at(&Name::parse("report").unwrap(), version).await.unwrap();
            assert_eq!((&line["version"], &value), (&json!(version), &at.unwrap().tree.to_value()));
        }
        let said: Value = serde_json::from_str(&read(&to, EXPORT_FILE)).unwrap();
        assert_eq!(said, json!(done));
    }

    #[tokio::test]
    async fn what_is_there_is_never_written_over_but_an_earlier_export_if_wanted() {
        let (service, folder) = (service().await, tempfile::tempdir().unwrap());
        let caller = Caller::new("test");
        let to = folder.path().join("out");
        std::fs::create_dir(&to).unwrap();
        for force in [false, true] {
            let refusal = service.export(export(&to, false, force), &caller).await.unwrap_err();
            assert!(refusal.to_string().contains("exists"), "{refusal}");
            assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0);
        }
        std::fs::remove_dir(&to).unwrap();
        service.export(export(&to, false, false), &caller).await.unwrap();
        assert!(!to.join("artifacts/report").join(HISTORY_FILE).exists());
        let refusal = service.export(export(&to, true, false), &caller).await.unwrap_err();
        assert!(refusal.hint().contains("--force"), "{}", refusal.hint());
        service.export(export(&to, true, true), &caller).await.unwrap();
        assert!(to.join("artifacts/report").join(HISTORY_FILE).exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_cancelled_export_leaves_nothing_behind() {
        let service = service().await;
        for at in ["copied dist/a.txt", "read up to version 4"] {
            let folder = tempfile::tempdir().unwrap();
            let cancelled = CancellationToken::new();
            let cancel = cancelled.clone();
            let progress = Progress::until(cancelled).told_at_once(move |step| {
                if step.message == at {
                    cancel.cancel();
                }
            });
            let caller = Caller::new("test").attended_by(progress);
            let to = folder.path().join("out");
            let refusal = service.export(export(&to, true, false), &caller).await.unwrap_err();
            assert_eq!(refusal.code(), "cancelled", "{at}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{at}");
        }
    }
}
