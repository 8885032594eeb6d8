//! Measuring constraints: running their checks on the artifact's files.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::Handle;

use super::{Progress, Service};
use crate::checks::{self, Check, CommandPolicy, Context, FileInfo, Outcome, Target};
use crate::model::document::constraint::{Constraint, Status};
use crate::model::document::examination::Evidence;
use crate::model::document::manifest::Inventory;
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;
use crate::model::refusal::Violation;
use crate::model::text::shortened;
use crate::model::{Digest, Document, Name, Refusal, Time};
use crate::storage::{OutputFile, Provider};

/// Refuses constraints with an invalid validation. Unchanged constraints are not checked again.
pub(super) fn check_measures(before: &[Constraint], after: &[Constraint]) -> Result<(), Refusal> {
    let known = |one: &Constraint| before.iter().any(|old| old.is_measured_like(one));
    let mut violations = Vec::new();
    for (index, one) in after.iter().enumerate().filter(|(_, one)| !known(one)) {
        let pointer = format!("/constraints/{index}");
        let checked = check_of(one, &pointer).map(|checked| checked.map(drop));
        if let Err(wrong) = checked.unwrap_or_else(|| check_target(one, &pointer)) {
            violations.extend(wrong);
        }
    }
    Refusal::unless_valid("constraints", violations)
}

/// Parses the check of a constraint, if it has one.
fn check_of(one: &Constraint, pointer: &str) -> Option<Result<Check, Vec<Violation>>> {
    let validation = one.validation.as_ref()?;
    Some(Check::parse(validation, one.target_metric.as_ref(), pointer))
}

/// Checks the form of a target that no method measures.
fn check_target(one: &Constraint, pointer: &str) -> Result<(), Vec<Violation>> {
    let target = one.target_metric.as_ref();
    target.map_or(Ok(()), |target| Target::parse(target, pointer).map(drop))
}

/// The files that the checks measure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work<'a> {
    pub(super) there: &'a [OutputFile],
    /// The digest of all of them, if they lie in the project's own folder.
    pub(super) inventory: Option<Inventory>,
}

/// Constraints that one answer names as not measurable, and characters about each.
const HINDERED_MAX: usize = 3;
const WARNING_CHARACTERS_MAX: usize = 300;

impl Service {
    /// Says how many constraints the server will measure, and which ones it cannot measure here.
    pub(super) fn measurability(&self, document: &Document) -> Vec<String> {
        let commands = self.allowed_commands();
        let context = Context { manifest: None, commands: commands.as_deref() };
        let total = document.constraints.len();
        let measured: Vec<&Constraint> =
            document.constraints.iter().filter(|one| one.is_measured()).collect();
        let hindered = measured.iter().filter_map(|one| {
            let check = check_of(one, "")?.ok()?;
            Some(format!("{} cannot be measured here: {}", one.id, check.hindrance(&context)?))
        });
        let hindered: Vec<String> = hindered.collect();
        let shown =
            hindered.iter().take(HINDERED_MAX).map(|one| shortened(one, WARNING_CHARACTERS_MAX));
        let count = measured.len() - hindered.len();
        let asserted = match total - measured.len() {
            0 => String::new(),
            asserted => format!(", {asserted} asserted"),
        };
        let first = format!("{count} of {total} constraints will be measured{asserted}");
        let said = [first].into_iter().chain(shown).chain(unmeasured_targets(document));
        if count == total { Vec::new() } else { said.collect() }
    }

    /// Runs all checks and returns the evidence by constraint id.
    pub(super) async fn measure(
        &self,
        document: &Document,
        work: Work<'_>,
        manifest: Value,
        progress: &Progress,
    ) -> Result<BTreeMap<String, Evidence>, Refusal> {
        let measured = document.constraints.iter().filter(|one| one.is_measured());
        let measured: Vec<Constraint> = measured.cloned().collect();
        if measured.is_empty() {
            return Ok(BTreeMap::new());
        }
        let measuring = Measuring {
            files: Files::new(Arc::clone(&self.provider), document, work),
            manifest,
            commands: self.allowed_commands(),
            now: self.clock.now(),
            progress: progress.clone(),
        };
        let found = tokio::task::spawn_blocking(move || measuring.run(&measured)).await;
        found.map_err(|error| Refusal::Internal(error.to_string()))?
    }
}

/// Says which targets no method measures.
fn unmeasured_targets(document: &Document) -> Option<String> {
    let has_target = |one: &&Constraint| one.target_metric.is_some() && !one.is_measured();
    let ids: Vec<&str> =
        document.constraints.iter().filter(has_target).map(|one| one.id.as_str()).collect();
    (!ids.is_empty()).then(|| {
        let ids = shortened(&ids.join(", "), WARNING_CHARACTERS_MAX);
        format!("a target_metric without a validation is only asserted: {ids}")
    })
}

/// The inputs of the checks, which run on a blocking thread.
struct Measuring {
    files: Files,
    manifest: Value,
    commands: Option<Arc<CommandPolicy>>,
    now: Time,
    progress: Progress,
}

impl Measuring {
    /// Runs one check after the other, and stops between two of them when the call is cancelled.
    fn run(self, constraints: &[Constraint]) -> Result<BTreeMap<String, Evidence>, Refusal> {
        let mut found = BTreeMap::new();
        for one in constraints {
            self.progress.check()?;
            found.extend(self.evidence(one).map(|evidence| (one.id.clone(), evidence)));
            self.progress.step(format_args!("measured {}", one.id));
        }
        self.progress.check()?;
        Ok(found)
    }

    fn evidence(&self, one: &Constraint) -> Option<Evidence> {
        let context =
            Context { manifest: Some(&self.manifest), commands: self.commands.as_deref() };
        let check = check_of(one, "")?.ok()?;
        let found = check.run(&self.files, &context);
        let status = match found.outcome {
            Outcome::Satisfied => Status::Satisfied,
            Outcome::Violated => Status::Violated,
            Outcome::Unmeasured => Status::Unchecked,
        };
        let measured = match found.measured {
            Value::Object(measured) => measured,
            _ => serde_json::Map::new(),
        };
        Some(Evidence {
            method: check.method().name.to_owned(),
            status,
            details: found.details,
            measured,
            files: found.files,
            at: self.now,
        })
    }
}

/// An artifact's outputs for the checks.
struct Files {
    provider: Arc<dyn Provider>,
    name: Name,
    place: OutputPlace,
    listed: Vec<OutputFile>,
    everything: Option<Digest>,
    runtime: Handle,
}

impl Files {
    fn new(provider: Arc<dyn Provider>, document: &Document, work: Work<'_>) -> Self {
        let (name, place) = (document.artifact_name.clone(), document.output_place());
        let listed = work.there.to_vec();
        let everything = work.inventory.map(|inventory| inventory.digest);
        Self { provider, name, place, listed, everything, runtime: Handle::current() }
    }
}

impl checks::Files for Files {
    fn list(&self) -> io::Result<Vec<FileInfo>> {
        let info = |file: &OutputFile| FileInfo { path: file.path.to_string(), bytes: file.bytes };
        Ok(self.listed.iter().map(info).collect())
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let path = OutputPath::new(path).map_err(io::Error::other)?;
        let content = self.provider.output(&self.name, &self.place, &path);
        self.runtime.block_on(content).map_err(io::Error::other)
    }

    fn everything(&self) -> Option<Digest> {
        self.everything
    }
}
