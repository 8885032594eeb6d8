//! What waits for the user's trust: workflows of the project or its journals, and commands of its
//! constraints.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::refusals::listing_refusal;
use super::{Service, catalog};
use crate::checks::{self, CommandPolicy};
use crate::disk::WORKSPACE;
use crate::model::journal::Snapshot;
use crate::model::workflow::Bundle;
use crate::model::{Digest, Name, Refusal};

/// Names of one read.
const CHUNK: usize = 256;

/// What waits for the user's trust.
#[derive(Debug, Default, Serialize)]
pub struct Waiting {
    /// The workflows, by name.
    pub workflows: Vec<OwnWorkflow>,
    /// The commands, in the order of the artifacts.
    pub commands: Vec<WantedCommand>,
    /// Sources that could not be read.
    pub warnings: Vec<String>,
}

/// A workflow of the project. Its texts may be hostile: an interface must escape them.
#[derive(Debug, Serialize)]
pub struct OwnWorkflow {
    pub name: String,
    /// The digest of the definition and its prompts, which the user trusts.
    pub digest: Digest,
    /// The title that its definition gives.
    pub title: String,
    pub phases: Vec<String>,
    pub prompts: Vec<PromptSize>,
    /// Its files, relative to the project's folder.
    pub places: Vec<String>,
}

/// A prompt of a workflow.
#[derive(Debug, Serialize)]
pub struct PromptSize {
    pub name: String,
    pub bytes: usize,
}

/// A command of a check.
#[derive(Debug, Serialize)]
pub struct WantedCommand {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The constraints with this command, each as `artifact/id`.
    pub wanted_by: Vec<String>,
    /// The files of the project that it is known to run or read.
    pub files: Vec<String>,
}

impl Waiting {
    /// Returns whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.workflows.is_empty() && self.commands.is_empty()
    }
}

/// The results of reading all artifacts so far.
#[derive(Default)]
struct Found {
    workflows: BTreeMap<Digest, OwnWorkflow>,
    commands: Vec<WantedCommand>,
    warnings: Vec<String>,
}

impl Service {
    /// Returns the workflows and commands of the project's folders and journals that the user does
    /// not trust yet. Runs none of them. A workflow that cannot be used is a warning.
    pub async fn waiting(&self) -> Result<Waiting, Refusal> {
        let mut found = Found::default();
        self.look_at_folders(&mut found);
        let mut after: Option<Name> = None;
        loop {
            let names = self.provider.list(after.as_ref(), CHUNK).await;
            let names = names.map_err(|error| listing_refusal(&error))?;
            let Some(last) = names.last().cloned() else { break };
            for name in &names {
                if let Err(refusal) = self.look_at_artifact(name, &mut found).await {
                    found.warnings.push(format!("{name}: {refusal}"));
                }
            }
            after = Some(last);
        }
        let mut workflows: Vec<OwnWorkflow> = found.workflows.into_values().collect();
        workflows.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Waiting { workflows, commands: found.commands, warnings: found.warnings })
    }

    fn look_at_folders(&self, found: &mut Found) {
        for name in self.catalog.own_names() {
            match self.catalog.compiled_own(&name) {
                Ok(Some(own)) if !self.catalog.is_usable(own.workflow.digest) => {
                    found.add(&name, &own.bundle, format!("{WORKSPACE}/workflows/{name}/"));
                }
                Ok(_) => {}
                Err(refusal) => found.warnings.push(refusal.to_string()),
            }
        }
    }

    async fn look_at_artifact(&self, name: &Name, found: &mut Found) -> Result<(), Refusal> {
        let snapshot = self.newest(name).await?.snapshot;
        self.look_at_constraints(&snapshot, found);
        let document = &snapshot.document;
        if self.catalog.is_usable(document.definition) {
            return Ok(());
        }
        let stored = self.stored_definition(document).await?;
        let digest = document.definition;
        let stored = catalog::compiled_stored(digest, &stored)?;
        let place = format!("{WORKSPACE}/artifacts/{name}/blobs/{digest}");
        found.add(&document.workflow, &stored.bundle, place);
        Ok(())
    }

    fn look_at_constraints(&self, snapshot: &Snapshot, found: &mut Found) {
        let Some(allowed) = self.allowed_commands() else { return };
        let document = &snapshot.document;
        for one in &document.constraints {
            let wanted = one.validation.as_ref().and_then(checks::wanted_command);
            let Some(command) = wanted.filter(|command| !allowed.allows(command)) else { continue };
            let by = format!("{}/{}", document.artifact_name, one.id);
            match found.commands.iter_mut().find(|other| other.command == command) {
                Some(other) => other.wanted_by.push(by),
                None => {
                    let files = checks::files_of(&command, &allowed.directory);
                    found.commands.push(WantedCommand { command, wanted_by: vec![by], files });
                }
            }
        }
    }

    /// Returns the commands that may run now: those of the user's configuration, and those that the
    /// user allowed at a terminal. A running server sees the latter at once.
    pub(super) fn allowed_commands(&self) -> Option<Arc<CommandPolicy>> {
        let configured = self.commands.as_ref()?;
        let trusted = self.catalog.trust().map(|trust| trust.current());
        Some(match trusted.filter(|trusted| !trusted.commands.is_empty()) {
            Some(trusted) => Arc::new(configured.allowing(&trusted.commands)),
            None => Arc::clone(configured),
        })
    }
}

impl Found {
    fn add(&mut self, name: &Name, bundle: &Bundle, place: String) {
        let digest = bundle.digest();
        let new = || OwnWorkflow {
            name: name.to_string(),
            digest,
            title: text_at(&bundle.workflow, "/title"),
            phases: keys_at(&bundle.workflow, "/states"),
            prompts: bundle.prompts.iter().map(prompt_size).collect(),
            places: Vec::new(),
        };
        self.workflows.entry(digest).or_insert_with(new).places.push(place);
    }
}

impl OwnWorkflow {
    /// Returns the first digits of its digest, enough to distinguish it.
    pub fn short_digest(&self) -> String {
        catalog::beginning(self.digest)
    }
}

fn prompt_size((name, text): (&String, &String)) -> PromptSize {
    PromptSize { name: name.clone(), bytes: text.len() }
}

fn text_at(definition: &Value, pointer: &str) -> String {
    definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn keys_at(definition: &Value, pointer: &str) -> Vec<String> {
    let object = definition.pointer(pointer).and_then(Value::as_object);
    object.into_iter().flatten().map(|(key, _)| key.clone()).collect()
}
