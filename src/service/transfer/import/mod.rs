//! `import`: imports artifacts from the `.refiner/` folder of the older PMPO skill.
//!
//! The folder is untrusted: the importer reads it with care and does not change it, and it keeps or
//! names what it does not understand.

mod document_parts;
mod fields;
mod folder;
mod notes;
mod state;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::folder::{Old, Skill};
use self::notes::Notes;
pub use self::notes::Remark;
use self::state::{Here, PMPO};

use crate::disk::WORKSPACE;
use crate::model::document::check_size;
use crate::model::document::output::Output;
use crate::model::journal::entry::{IMPORTING_OPERATION, Section};
use crate::model::{Digest, Document, Draft, Name, Refusal, Time, Version};
use crate::service::catalog::Known;
use crate::service::refusals::refusal;
use crate::service::write::{Attempt, Writing};
use crate::service::{Caller, Service};

/// The arguments of `import`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Import {
    /// The older `.refiner` folder, or its parent.
    pub folder: PathBuf,
    /// The name of the only artifact to import.
    pub name: Option<String>,
    /// Its new name.
    pub rename: Option<String>,
    /// Whether to report the result without writing.
    pub dry_run: bool,
}

/// The result of an import or of its dry run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Imported {
    /// Whether this was a dry run.
    pub dry_run: bool,
    /// The artifacts.
    pub artifacts: Vec<ImportedArtifact>,
    /// Remarks on files that belong to no artifact.
    pub remarks: Vec<Remark>,
}

/// An imported artifact.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ImportedArtifact {
    /// Its old name.
    pub from: String,
    /// Its new name.
    pub name: String,
    /// Its version after the import.
    pub version: Option<Version>,
    /// Its phase.
    pub phase: String,
    /// How its loop stands or ended.
    pub status: String,
    /// The number of imported constraints.
    pub constraints: usize,
    /// The number of copied files.
    pub files: usize,
    /// Remarks on changed or skipped parts, and warnings of the storage.
    pub remarks: Vec<Remark>,
}

/// A planned import of an artifact.
struct Plan {
    from: String,
    document: Document,
    known: Known,
    logs: Vec<Section>,
    files: Vec<folder::OldFile>,
    notes: Notes,
}

impl Service {
    /// Imports all requested artifacts of an older folder, or none if one of them cannot be
    /// imported. A cancelled call stops between two artifacts: each is imported whole or not at
    /// all.
    pub async fn import(&self, arguments: Import, caller: &Caller) -> Result<Imported, Refusal> {
        let skill = Arc::new(Skill::open(&arguments.folder)?);
        self.check_apart(&skill)?;
        let mut notes = Notes::default();
        let names = chosen(&arguments, skill.artifacts(&mut notes)?)?;
        let mut artifacts = Vec::new();
        let mut taken = BTreeSet::new();
        caller.progress.begin(names.len() * if arguments.dry_run { 1 } else { 2 })?;
        for from in &names {
            caller.progress.check()?;
            let plan = self.plan(&skill, from, &arguments)?;
            self.check_free(&plan, &mut taken).await?;
            artifacts.push(plan.report(None));
            caller.progress.step(format_args!("read {from}"));
        }
        if !arguments.dry_run {
            // Planned again, so that memory never holds all artifacts at once.
            artifacts.clear();
            for from in &names {
                caller.progress.check().map_err(|_| stopped_after(&artifacts))?;
                let plan = self.plan(&skill, from, &arguments)?;
                artifacts.push(self.carry_in(&skill, plan, caller).await?);
                caller.progress.step(format_args!("imported {from}"));
            }
        }
        Ok(Imported { dry_run: arguments.dry_run, artifacts, remarks: notes.into_remarks() })
    }

    /// Refuses this project's own workspace: the source must stay unchanged.
    fn check_apart(&self, skill: &Skill) -> Result<(), Refusal> {
        let Some(workspace) = self.catalog.workspace() else { return Ok(()) };
        let project = workspace.canonical_project();
        let project = project.map_err(|error| Refusal::Internal(error.to_string()))?;
        let (ours, theirs) = (project.join(WORKSPACE), skill.path());
        let ours = ours.canonicalize().unwrap_or(ours);
        if !(ours.starts_with(theirs) || theirs.starts_with(&ours)) {
            Ok(())
        } else {
            Err(Refusal::argument(
                format!("{} is where this project keeps its own artifacts", theirs.display()),
                move_away(theirs),
            ))
        }
    }

    fn plan(&self, skill: &Skill, from: &str, arguments: &Import) -> Result<Plan, Refusal> {
        let mut notes = Notes::default();
        let name = named(from, arguments.rename.as_deref(), &mut notes)?;
        let mut old = skill.read(from, &mut notes)?;
        let known = self.workflow_of_old(&old, &mut notes)?;
        let (logs, files) = (std::mem::take(&mut old.logs), std::mem::take(&mut old.files));
        let (now, id) = (self.clock.now(), self.clock.new_id());
        let here = Here { name, workflow: &known.workflow, now, id };
        let document = state::document(old, here, &mut notes)?;
        check_size(&document.to_tree())?;
        Ok(Plan { from: from.to_owned(), document, known, logs, files, notes })
    }

    /// The skill had one workflow. A copy of a newer state names its workflow.
    fn workflow_of_old(&self, old: &Old, notes: &mut Notes) -> Result<Known, Refusal> {
        let given = old.state.get("workflow").and_then(Value::as_str).unwrap_or(PMPO);
        let found = Name::parse(given).and_then(|name| self.catalog.find(&name));
        found.or_else(|refusal| {
            let why = match refusal {
                Refusal::Forbidden { message, .. } => format!("{message} (refiner trust)"),
                _ => format!("there is no workflow {given:?}"),
            };
            notes.say("state.json/workflow", format!("{why}: the artifact uses {PMPO}"));
            self.catalog.find(&Name::parse(PMPO)?)
        })
    }

    async fn check_free(&self, plan: &Plan, taken: &mut BTreeSet<Name>) -> Result<(), Refusal> {
        let name = &plan.document.artifact_name;
        if !taken.insert(name.clone()) {
            return Err(Refusal::argument(
                format!("two artifacts would have the name {name}"),
                "import them one by one, with --name and --as",
            ));
        }
        let newest = self.provider.newest(name).await.map_err(|error| refusal(name, &error))?;
        newest.map_or(Ok(()), |_| Err(taken_already(name)))
    }

    async fn carry_in(
        &self,
        skill: &Arc<Skill>,
        plan: Plan,
        caller: &Caller,
    ) -> Result<ImportedArtifact, Refusal> {
        let (skill, files) = (Arc::clone(skill), plan.files.clone());
        let read = tokio::task::spawn_blocking(move || {
            files.iter().map(|file| skill.content(file)).collect::<Result<Vec<_>, _>>()
        });
        let contents = read.await.map_err(|error| Refusal::Internal(error.to_string()))??;
        let name = plan.document.artifact_name.clone();
        let writing = Writing::new(IMPORTING_OPERATION, &name, None, caller).anew();
        let draft = plan.draft(&writing, contents, self.clock.now());
        let of = name.clone();
        let decide = move |attempt: &mut Attempt<'_, '_>| match attempt.transaction.newest() {
            Some(_) => Err(taken_already(&of)),
            None => attempt.transaction.append(draft.clone()),
        };
        let written = self.write(writing, decide).await?;
        let mut report = plan.report(Some(written.version));
        let warned =
            written.warnings.into_iter().map(|what| Remark { place: name.to_string(), what });
        report.remarks.extend(warned);
        Ok(report)
    }
}

impl Plan {
    fn draft(&self, writing: &Writing, contents: Vec<Vec<u8>>, now: Time) -> Draft {
        let output = |(file, content): (&folder::OldFile, &Vec<u8>)| Output {
            path: file.path.clone(),
            bytes: content.len() as u64,
            digest: Digest::of(content),
            replaces: None,
        };
        let outputs: Vec<Output> = self.files.iter().zip(&contents).map(output).collect();
        let summary = json!({ "from": self.from, "files": outputs.len() });
        let mut blobs = vec![self.known.bundle.to_bytes()];
        blobs.extend(contents);
        let sections = self.logs.clone();
        Draft { sections, blobs, outputs, ..writing.draft(now, self.document.clone(), summary) }
    }

    fn report(self, version: Option<Version>) -> ImportedArtifact {
        ImportedArtifact {
            from: self.from,
            name: self.document.artifact_name.to_string(),
            version,
            phase: self.document.phase,
            status: self.document.convergence_status.to_string(),
            constraints: self.document.constraints.len(),
            files: self.files.len(),
            remarks: self.notes.into_remarks(),
        }
    }
}

/// Returns the requested artifacts.
fn chosen(arguments: &Import, names: Vec<String>) -> Result<Vec<String>, Refusal> {
    let names = match &arguments.name {
        None => names,
        Some(name) if names.contains(name) => vec![name.clone()],
        Some(name) => {
            return Err(Refusal::NotFound {
                what: format!("artifact {name:?} in that folder"),
                hint: format!("the folder contains: {}", names.join(", ")),
            });
        }
    };
    if names.is_empty() {
        Err(Refusal::NotFound {
            what: "artifact in that folder".into(),
            hint: "the older skill kept them in .refiner/artifacts/<name>/state.json".into(),
        })
    } else {
        Ok(names)
    }
}

/// Returns the new name of an artifact, with a remark if it differs.
fn named(from: &str, rename: Option<&str>, notes: &mut Notes) -> Result<Name, Refusal> {
    let wanted = rename.map_or_else(|| mapped(from), str::to_owned);
    let name = Name::parse(&wanted)?;
    if name.as_str() != from {
        notes.say(format!("artifacts/{from}"), format!("imported under the name {name}"));
    }
    Ok(name)
}

/// Returns the valid name that is closest to an invalid one.
fn mapped(from: &str) -> String {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
    let lower = from.to_lowercase().replace(|c: char| !allowed(c), "-");
    let begun = lower.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let cut: String = begun.chars().take(64).collect();
    cut.trim_end_matches(['.', '-']).to_owned()
}

fn taken_already(name: &Name) -> Refusal {
    Refusal::AlreadyExists {
        message: format!("{name} already exists in this project and was not overwritten"),
    }
}

/// Returns the refusal of a cancelled import, with what it has done.
fn stopped_after(artifacts: &[ImportedArtifact]) -> Refusal {
    let names: Vec<&str> = artifacts.iter().map(|one| one.name.as_str()).collect();
    Refusal::Cancelled {
        outcome: match names.as_slice() {
            [] => "nothing was imported".into(),
            names => format!(
                "only these artifacts were imported; use --name to import each of the others: {}",
                names.join(", ")
            ),
        },
    }
}

fn move_away(theirs: &Path) -> String {
    let away = theirs.with_extension("older");
    format!(
        "move it away first: mv {} {}, then refiner import {}",
        theirs.display(),
        away.display(),
        away.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{Progress, SystemClock};
    use crate::storage::memory::Memory;

    /// A folder of the older skill with these artifacts.
    #[expect(clippy::disallowed_methods, reason = "others wrote these files")]
    fn older(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let artifact = folder.path().join("artifacts").join(name);
            std::fs::create_dir_all(&artifact).unwrap();
            let state = json!({ "artifact_name": name, "goals": ["g"] });
            std::fs::write(artifact.join("state.json"), state.to_string()).unwrap();
        }
        folder
    }

    #[tokio::test]
    async fn an_import_that_is_cancelled_stops_between_two_artifacts_and_says_which_it_did() {
        for (at, imported) in [("read b", &[][..]), ("imported a", &["a"]), ("", &["a", "b", "c"])]
        {
            let folder = older(&["a", "b", "c"]);
            let service = Service::new(Arc::new(Memory::default()), Arc::new(SystemClock));
            let cancelled = tokio_util::sync::CancellationToken::new();
            let cancel = cancelled.clone();
            let progress = Progress::until(cancelled).told_at_once(move |step| {
                if step.message == at {
                    cancel.cancel();
                }
            });
            let import = Import {
                folder: folder.path().to_owned(),
                name: None,
                rename: None,
                dry_run: false,
            };
            let done = service.import(import, &Caller::new("test").attended_by(progress)).await;
            let there = service.provider.list(None, 9).await.unwrap();
            let there: Vec<&str> = there.iter().map(Name::as_str).collect();
            assert_eq!(there, imported, "{at}");
            match done {
                Ok(done) => assert_eq!((at, done.artifacts.len()), ("", 3)),
                Err(refusal) => {
                    assert_eq!(refusal.code(), "cancelled");
                    let said = refusal.to_string();
                    assert!(imported.iter().all(|name| said.ends_with(name)), "{said}");
                }
            }
        }
    }

    #[test]
    fn a_name_that_is_none_here_is_mapped_to_the_nearest_that_is() {
        for (from, to) in [
            ("logo", "logo"),
            ("My Logo", "my-logo"),
            ("_Größe (2).", "gr--e--2"),
            ("../x", "x"),
            (&"a".repeat(80), &"a".repeat(64)),
        ] {
            let name = named(from, None, &mut Notes::default()).unwrap();
            assert_eq!(name.as_str(), to);
        }
        for none in ["", "...", "CON"] {
            assert!(named(none, None, &mut Notes::default()).is_err(), "{none}");
            assert!(named(none, Some("other"), &mut Notes::default()).is_ok(), "{none}");
        }
    }
}
