//! The workflows that artifacts can run: the built-in ones, the user's own, and those that running
//! cycles began with.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::Value;

use super::Service;
use crate::model::workflow::Bundle;
use crate::model::{Digest, Name, Refusal, Workflow};
use crate::storage::filesystem::Filesystem;

/// Definitions of running cycles that are kept compiled.
const COMPILED_MAX: usize = 64;

/// The built-in workflows: name, definition, prompts. A new one is a folder under `prompts/` and a
/// line here.
const BUILT_IN: [BuiltIn; 2] = [
    BuiltIn {
        name: "document",
        definition: include_str!("../../prompts/document/workflow.json"),
        prompts: &[],
    },
    BuiltIn {
        name: "pmpo",
        definition: include_str!("../../prompts/pmpo/workflow.json"),
        prompts: &[
            ("execute", include_str!("../../prompts/pmpo/execute.md")),
            ("persist", include_str!("../../prompts/pmpo/persist.md")),
            ("plan", include_str!("../../prompts/pmpo/plan.md")),
            ("pmpo", include_str!("../../prompts/pmpo/pmpo.md")),
            ("reflect", include_str!("../../prompts/pmpo/reflect.md")),
            ("specify", include_str!("../../prompts/pmpo/specify.md")),
        ],
    },
];

struct BuiltIn {
    name: &'static str,
    definition: &'static str,
    prompts: &'static [(&'static str, &'static str)],
}

/// A workflow with the bundle that it was made of.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// What is stored with a cycle.
    pub(super) bundle: Bundle,
    /// The same, compiled.
    pub(super) workflow: Arc<Workflow>,
}

static COMPILED_BUILT_IN: LazyLock<BTreeMap<&'static str, Known>> = LazyLock::new(|| {
    let compiled = BUILT_IN.iter().map(|built_in| (built_in.name, compile_built_in(built_in)));
    compiled.collect()
});

fn compile_built_in(built_in: &BuiltIn) -> Known {
    let workflow = serde_json::from_str(built_in.definition).expect("a built-in workflow is JSON");
    let prompts =
        built_in.prompts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let bundle = Bundle { workflow, prompts: prompts.collect() };
    let workflow =
        Workflow::compile(&bundle).expect("a built-in workflow is sound, as a test shows");
    Known { bundle, workflow: Arc::new(workflow) }
}

/// Finds workflows by name and by digest.
#[derive(Debug)]
pub(super) struct Catalog {
    user: Option<Filesystem>,
    by_digest: Mutex<HashMap<Digest, Arc<Workflow>>>,
}

impl Catalog {
    /// Makes a catalog of the built-in workflows and of the user's own in a workspace.
    pub(super) fn new(user: Option<Filesystem>) -> Self {
        Self { user, by_digest: Mutex::default() }
    }

    /// Returns the workspace on disk, if there is one.
    pub(super) fn workspace(&self) -> Option<&Filesystem> {
        self.user.as_ref()
    }

    /// Returns the workflow by a name, or why it cannot be used. A user's own cannot take the name
    /// of a built-in one.
    pub(super) fn find(&self, name: &Name) -> Result<Known, Refusal> {
        if let Some(known) = COMPILED_BUILT_IN.get(name.as_str()) {
            return Ok(known.clone());
        }
        let unknown = || Refusal::UnknownWorkflow { given: name.to_string(), known: self.names() };
        let user = self.user.as_ref().ok_or_else(unknown)?;
        let read = user.read_workflow(name).map_err(|error| {
            Refusal::argument(
                format!("the workflow {name} cannot be read: {error}"),
                format!("correct the files in .refiner/workflows/{name}/"),
            )
        })?;
        let bundle = read.ok_or_else(unknown)?;
        let workflow = Workflow::compile(&bundle).map_err(|violations| {
            Refusal::SchemaViolation { what: format!("the workflow {name}"), violations }
        })?;
        match workflow.definition.id == *name {
            true => Ok(Known { bundle, workflow: Arc::new(workflow) }),
            false => Err(Refusal::argument(
                format!(
                    "the workflow in .refiner/workflows/{name}/ calls itself {}",
                    workflow.definition.id
                ),
                "give the folder and the workflow's id the same name",
            )),
        }
    }

    /// Returns the names of all workflows, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let own =
            self.user.as_ref().and_then(|user| user.workflow_names().ok()).unwrap_or_default();
        let mut names: Vec<String> = own.iter().map(Name::to_string).collect();
        names.extend(BUILT_IN.iter().map(|built_in| built_in.name.to_owned()));
        names.sort();
        names.dedup();
        names
    }

    /// Returns the workflow with a digest, if it is built in or was compiled before.
    pub(super) fn by_digest(&self, digest: Digest) -> Option<Arc<Workflow>> {
        let built_in = COMPILED_BUILT_IN.values().find(|known| known.workflow.digest == digest);
        if let Some(known) = built_in {
            return Some(Arc::clone(&known.workflow));
        }
        self.by_digest.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    /// Compiles a workflow that a cycle began with, and keeps it.
    pub(super) fn compile(&self, stored: &[u8]) -> Result<Arc<Workflow>, Refusal> {
        let broken = |reason: String| {
            Refusal::Internal(format!(
                "the workflow stored with the cycle cannot be used: {reason}"
            ))
        };
        let bundle: Bundle =
            serde_json::from_slice(stored).map_err(|error| broken(error.to_string()))?;
        let workflow =
            Workflow::compile(&bundle).map_err(|violations| broken(format!("{violations:?}")))?;
        let workflow = Arc::new(workflow);
        let mut compiled = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= COMPILED_MAX {
            compiled.clear();
        }
        compiled.insert(workflow.digest, Arc::clone(&workflow));
        Ok(workflow)
    }
}

impl Service {
    /// Returns the names of all workflows, in order.
    pub fn workflow_names(&self) -> Vec<String> {
        self.catalog.names()
    }

    /// Returns the definition of a workflow, or why it cannot be used.
    pub fn workflow(&self, name: &Name) -> Result<Value, Refusal> {
        self.catalog.find(name).map(|known| known.bundle.workflow)
    }
}

/// Returns a built-in workflow by its name.
pub(super) fn built_in(name: &Name) -> Option<Arc<Workflow>> {
    COMPILED_BUILT_IN.get(name.as_str()).map(|known| Arc::clone(&known.workflow))
}

/// Returns the prompts of the built-in workflows, by name, with the workflow of each.
pub fn built_in_prompts() -> BTreeMap<&'static str, Arc<Workflow>> {
    let each = BUILT_IN.iter().flat_map(|built_in| {
        let workflow = &COMPILED_BUILT_IN[built_in.name].workflow;
        built_in.prompts.iter().map(move |(prompt, _)| (*prompt, Arc::clone(workflow)))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_of_prompts_is_a_built_in_workflow_and_all_of_it_is_listed() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");
        let names = |folder: &str| {
            let mut names: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let beside = ["domains", "templates"];
        let workflows = names(root).into_iter().filter(|name| !beside.contains(&name.as_str()));
        let listed = BUILT_IN.map(|built_in| built_in.name.to_owned());
        assert_eq!(workflows.collect::<Vec<_>>(), listed);
        for built_in in &BUILT_IN {
            let mut listed: Vec<String> =
                built_in.prompts.iter().map(|(name, _)| format!("{name}.md")).collect();
            listed.push("workflow.json".into());
            assert_eq!(names(&format!("{root}/{}", built_in.name)), listed);
        }
    }

    #[test]
    fn every_built_in_workflow_is_sound_and_found_by_name_and_digest() {
        let catalog = Catalog::new(None);
        for built_in in &BUILT_IN {
            let known = catalog.find(&Name::parse(built_in.name).unwrap()).unwrap();
            assert_eq!(known.bundle.digest(), known.workflow.digest);
            assert!(catalog.by_digest(known.workflow.digest).is_some());
        }
        let refusal = catalog.find(&Name::parse("nothing").unwrap()).unwrap_err();
        assert_eq!(refusal.code(), "unknown_workflow");
        assert!(refusal.hint().contains("document, pmpo"));
    }
}
