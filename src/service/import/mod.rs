//! `import`: takes over what the older PMPO skill kept in its `.refiner/` folder.
//!
//! What is there was written by others: it is read with care, nothing of it is changed, and what is
//! not understood is kept or named.

mod fields;
mod folder;
mod notes;
mod parts;
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
use super::catalog::Known;
use super::write::Writing;
use super::{Caller, Service, refusal};
use crate::disk::WORKSPACE;
use crate::model::document::check_size;
use crate::model::entry::{IMPORTING_OPERATION, Section};
use crate::model::journal::Transaction;
use crate::model::output::Output;
use crate::model::{Digest, Document, Draft, Name, Refusal, Time, Version};

/// What is to be imported.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Import {
    /// The older `.refiner` folder, or the one that it is in.
    pub folder: PathBuf,
    /// One artifact only, by its name there.
    pub name: Option<String>,
    /// What that one is called here.
    pub rename: Option<String>,
    /// Whether only to tell what would be done.
    pub dry_run: bool,
}

/// What was imported, or would be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Imported {
    /// Whether nothing was written because nothing was to be.
    pub dry_run: bool,
    /// The artifacts.
    pub artifacts: Vec<ImportedArtifact>,
    /// What of the folder belongs to no artifact.
    pub remarks: Vec<Remark>,
}

/// An artifact that was imported, or would be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ImportedArtifact {
    /// Its name there.
    pub from: String,
    /// Its name here.
    pub name: String,
    /// Its version here, once it is imported.
    pub version: Option<Version>,
    /// Where it stands.
    pub phase: String,
    /// How its loop stands or ended.
    pub status: String,
    /// How many of its constraints were taken over.
    pub constraints: usize,
    /// How many files were copied.
    pub files: usize,
    /// What was not taken as it is, and what storing it warned of.
    pub remarks: Vec<Remark>,
}

/// An artifact on its way in.
struct Plan {
    from: String,
    document: Document,
    known: Known,
    logs: Vec<Section>,
    files: Vec<folder::OldFile>,
    notes: Notes,
}

impl Service {
    /// Imports the artifacts of an older folder: all that were asked for, or none if one cannot be.
    /// A call that is cancelled stops between two of them: each is there whole or not at all.
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
            // Planned anew, so that not all of them are held at once.
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

    /// Refuses a folder that this workspace writes to: the original must stay as it is.
    fn check_apart(&self, skill: &Skill) -> Result<(), Refusal> {
        let Some(workspace) = self.catalog.workspace() else { return Ok(()) };
        let project = workspace.canonical_project();
        let project = project.map_err(|error| Refusal::Internal(error.to_string()))?;
        let (ours, theirs) = (project.join(WORKSPACE), skill.path());
        let ours = ours.canonicalize().unwrap_or(ours);
        match ours.starts_with(theirs) || theirs.starts_with(&ours) {
            false => Ok(()),
            true => Err(Refusal::argument(
                format!("{} is where this project keeps its own artifacts", theirs.display()),
                move_away(theirs),
            )),
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
        check_size(&document.to_value())?;
        Ok(Plan { from: from.to_owned(), document, known, logs, files, notes })
    }

    /// The skill knew one workflow. A copy of a state of ours names it.
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
        let writing = Writing::new(IMPORTING_OPERATION, &json!({}), None, caller)?;
        let draft = plan.draft(&writing, contents, self.clock.now());
        let of = name.clone();
        let operation = move |transaction: &mut Transaction<'_>| match transaction.newest() {
            Some(_) => Err(taken_already(&of)),
            None => transaction.append(draft.clone()).map(|snapshot| snapshot.version),
        };
        let (version, warnings) = self.store_anew(&name, operation).await?;
        let mut report = plan.report(Some(version));
        let warned = warnings.into_iter().map(|what| Remark { place: name.to_string(), what });
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

/// Returns which artifacts are asked for.
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
    match names.is_empty() {
        true => Err(Refusal::NotFound {
            what: "artifact in that folder".into(),
            hint: "the older skill kept them in .refiner/artifacts/<name>/state.json".into(),
        }),
        false => Ok(names),
    }
}

/// Returns what an artifact is called here, and says so if that is something else.
fn named(from: &str, rename: Option<&str>, notes: &mut Notes) -> Result<Name, Refusal> {
    let wanted = rename.map_or_else(|| mapped(from), str::to_owned);
    let name = Name::parse(&wanted)?;
    if name.as_str() != from {
        notes.say(format!("artifacts/{from}"), format!("imported under the name {name}"));
    }
    Ok(name)
}

/// Returns a name as near as possible to one that is no name here.
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

/// Says what an import that was cancelled has done.
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
