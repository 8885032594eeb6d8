//! The workflows that artifacts can run: the built-in ones, the project's own, and those that running
//! cycles began with.
//!
//! A definition that a project brings, in a folder or in a journal, does nothing before its user trusts
//! it. `refiner trust` and `refiner doctor` only see whether it compiles, within the limits of guards. One
//! in a journal needs no trust if this program or an earlier one has it built in.

mod earlier;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use crate::model::workflow::Bundle;
use crate::model::{Digest, Document, Name, Refusal, Workflow};
use crate::storage::{Finding, FindingSeverity};
use crate::workspace::{Trust, Workspace, layout};

/// Compiled definitions of running cycles in memory.
const COMPILED_MAX: usize = 64;

/// The limit of the project's own workflows. A folder may contain any number.
const OWN_MAX: usize = 100;

/// The built-in workflows: name, definition, prompts. A new one is a folder under `prompts/` and a
/// line here; a test then says how its text is kept for later programs.
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

/// A workflow and its bundle.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The source, which the journal stores with a cycle.
    pub(super) bundle: Bundle,
    /// The compiled workflow.
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
    workspace: Option<Workspace>,
    /// The user's trust. Without it the catalog uses no workflow of the project.
    trust: Option<Trust>,
    by_digest: Mutex<HashMap<Digest, Arc<Workflow>>>,
}

impl Catalog {
    /// Makes a catalog of the built-in workflows and the project's own.
    pub(super) fn new(workspace: Option<Workspace>, trust: Option<Trust>) -> Self {
        Self { workspace, trust, by_digest: Mutex::default() }
    }

    /// Returns the workspace on disk, if there is one.
    pub(super) fn workspace(&self) -> Option<&Workspace> {
        self.workspace.as_ref()
    }

    /// Returns the user's trust in the project, if it is known.
    pub(super) fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// Returns a workflow by name, or the reason why it cannot be used. A project's own workflow
    /// cannot replace a built-in one, and is refused until the user trusts its present content.
    pub(super) fn find(&self, name: &Name) -> Result<Known, Refusal> {
        if let Some(known) = COMPILED_BUILT_IN.get(name.as_str()) {
            return Ok(known.clone());
        }
        let bundle = self.read_own(name)?.ok_or_else(|| self.unknown(name.as_str()))?;
        if !self.trusts(bundle.digest()) {
            return Err(untrusted_folder(name));
        }
        compiled(name, bundle)
    }

    /// Compiles one of the project's own workflows, trusted or not, to see whether it can be used.
    pub(super) fn compiled_own(&self, name: &Name) -> Result<Option<Known>, Refusal> {
        self.read_own(name)?.map(|bundle| compiled(name, bundle)).transpose()
    }

    /// Returns what is wrong with the project's own workflows, trusted or not.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let fault = |name: &Name| {
            let refusal = self.compiled_own(name).err()?;
            Some(Finding {
                severity: FindingSeverity::Warning,
                place: format!("{}/{name}/workflow.json", layout::WORKFLOWS),
                problem: refusal.to_string(),
                advice: "no artifact can run this workflow; correct the file".to_owned(),
            })
        };
        self.own_names().iter().filter_map(fault).collect()
    }

    /// Reads one of the project's own workflows, trusted or not.
    pub(super) fn read_own(&self, name: &Name) -> Result<Option<Bundle>, Refusal> {
        let Some(workspace) = &self.workspace else { return Ok(None) };
        workspace.read_workflow(name).map_err(|error| {
            Refusal::argument(
                format!("the workflow {name} cannot be read: {error}"),
                format!("correct the files in .refiner/workflows/{name}/"),
            )
        })
    }

    /// Returns the names of the project's own workflows, in order, trusted or not.
    pub(super) fn own_names(&self) -> Vec<Name> {
        let names = self.workspace.as_ref().and_then(|workspace| workspace.workflow_names().ok());
        let mut names = names.unwrap_or_default();
        names.retain(|name| !COMPILED_BUILT_IN.contains_key(name.as_str()));
        names.truncate(OWN_MAX);
        names
    }

    /// Returns the names of all usable workflows, in order. Those of the project are included once
    /// the user trusts them.
    pub(super) fn names(&self) -> Vec<String> {
        let is_trusted = |name: &Name| {
            let bundle = self.read_own(name).ok().flatten();
            bundle.is_some_and(|bundle| self.trusts(bundle.digest()))
        };
        let own = self.own_names().into_iter().filter(is_trusted).map(String::from);
        let mut names: Vec<String> = own.collect();
        names.extend(BUILT_IN.iter().map(|built_in| built_in.name.to_owned()));
        names.sort();
        names
    }

    /// Returns the refusal of an unknown workflow name. It marks existing workflows that the user
    /// does not trust yet.
    pub(super) fn unknown(&self, given: &str) -> Refusal {
        let mut known = self.names();
        let own = self.own_names().into_iter().map(String::from);
        let untrusted: Vec<String> = own.filter(|name| !known.contains(name)).collect();
        known.extend(
            untrusted.iter().map(|name| format!("{name} (after a person runs refiner trust)")),
        );
        Refusal::UnknownWorkflow { given: given.to_owned(), known }
    }

    fn trusts(&self, digest: Digest) -> bool {
        let trust = self.trust.as_ref();
        trust.is_some_and(|trust| trust.current().workflows.contains_key(&digest))
    }

    /// Returns whether a definition from a journal may be used.
    pub(super) fn is_usable(&self, digest: Digest) -> bool {
        is_built_in(digest) || earlier::is_earlier(digest) || self.trusts(digest)
    }

    /// Refuses the definition of a cycle unless it is built in or trusted.
    pub(super) fn check_usable(&self, document: &Document) -> Result<(), Refusal> {
        if self.is_usable(document.definition) {
            return Ok(());
        }
        Err(untrusted_journal(document))
    }

    /// Returns the workflow with a digest, if it is built in or already compiled. The caller must
    /// ask [`Catalog::check_usable`] whether it may be used.
    pub(super) fn by_digest(&self, digest: Digest) -> Option<Arc<Workflow>> {
        let built_in = COMPILED_BUILT_IN.values().find(|known| known.workflow.digest == digest);
        if let Some(known) = built_in {
            return Some(Arc::clone(&known.workflow));
        }
        self.by_digest.lock().get(&digest).cloned()
    }

    /// Compiles the workflow of a cycle and keeps it.
    pub(super) fn compile(&self, digest: Digest, stored: &[u8]) -> Result<Arc<Workflow>, Refusal> {
        let Known { workflow, .. } = compiled_stored(digest, stored)?;
        let mut compiled = self.by_digest.lock();
        if compiled.len() >= COMPILED_MAX {
            compiled.clear();
        }
        compiled.insert(workflow.digest, Arc::clone(&workflow));
        Ok(workflow)
    }
}

/// Compiles a workflow of the project's folder.
fn compiled(name: &Name, bundle: Bundle) -> Result<Known, Refusal> {
    let workflow = Workflow::compile(&bundle).map_err(|violations| Refusal::SchemaViolation {
        what: format!("the workflow {name}"),
        violations,
    })?;
    if workflow.definition.id == *name {
        return Ok(Known { bundle, workflow: Arc::new(workflow) });
    }
    Err(Refusal::argument(
        format!("the workflow in .refiner/workflows/{name}/ has the id {}", workflow.definition.id),
        "give the folder and the workflow's id the same name",
    ))
}

/// Compiles the workflow that is stored with a cycle. Its text must match the digest, because the
/// user trusts the digest.
pub(super) fn compiled_stored(digest: Digest, stored: &[u8]) -> Result<Known, Refusal> {
    let broken = |reason: String| {
        Refusal::Internal(format!("the workflow stored with the cycle cannot be used: {reason}"))
    };
    let bundle: Bundle =
        serde_json::from_slice(stored).map_err(|error| broken(error.to_string()))?;
    if bundle.digest() != digest {
        return Err(broken(format!("its text does not match the digest {digest}")));
    }
    let workflow =
        Workflow::compile(&bundle).map_err(|violations| broken(format!("{violations:?}")))?;
    Ok(Known { bundle, workflow: Arc::new(workflow) })
}

fn is_built_in(digest: Digest) -> bool {
    COMPILED_BUILT_IN.values().any(|known| known.workflow.digest == digest)
}

/// The hint of a refusal of an untrusted workflow.
const TRUST_HINT: &str =
    "ask your user to run refiner trust, which shows the workflow and asks for a decision";

fn untrusted_folder(name: &Name) -> Refusal {
    Refusal::Forbidden {
        message: format!(
            "the user does not trust the project's workflow {name} as it is now in .refiner/workflows/{name}/"
        ),
        hint: TRUST_HINT.to_owned(),
    }
}

fn untrusted_journal(document: &Document) -> Refusal {
    Refusal::Forbidden {
        message: format!(
            "the journal of {} contains its own workflow, {} ({}…), which the user does not trust",
            document.artifact_name,
            document.workflow,
            beginning(document.definition)
        ),
        hint: format!("{TRUST_HINT}; load_state and history work without that decision"),
    }
}

/// Returns the first digits of a digest, enough to distinguish it.
pub(super) fn beginning(digest: Digest) -> String {
    let mut hex = digest.to_hex();
    hex.truncate(12);
    hex
}

/// Returns a built-in workflow by its name.
pub(super) fn built_in(name: &Name) -> Option<Arc<Workflow>> {
    COMPILED_BUILT_IN.get(name.as_str()).map(|known| Arc::clone(&known.workflow))
}

/// Returns an arbitrary built-in workflow.
pub(super) fn any_built_in() -> Arc<Workflow> {
    Arc::clone(&COMPILED_BUILT_IN[BUILT_IN[0].name].workflow)
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
        let beside = ["domains", "earlier", "templates"];
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
        let catalog = Catalog::new(None, None);
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
