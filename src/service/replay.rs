//! `refiner replay`: derives every decision of a journal again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refusals::refusal;
use super::{Caller, Service};
use crate::model::document::tree;
use crate::model::journal::entry::{Entry, Payload, RULES};
use crate::model::journal::patch::Bound;
use crate::model::workflow::replay::{
    DECIDING_OPERATION, Difference, beyond_its_fields, first_difference, wrong_ending,
};
use crate::model::{Document, Name, Refusal, Version};

/// Entries of one read.
const ENTRIES: usize = 256;

/// The operation that ends a cycle with the status that its loop reached.
const FINALIZE: &str = "finalize";

/// The arguments of `replay`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replay {
    /// The artifact.
    pub name: Name,
}

/// The result of a replay.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// The artifact.
    pub name: String,
    /// Whether no entry differs from the rules.
    pub agrees: bool,
    /// The number of entries.
    pub entries: u64,
    /// The number of decisions that were derived again.
    pub decisions: u64,
    /// The entries that cannot be replayed, and why.
    pub not_replayable: Vec<NotReplayable>,
    /// The first difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<VersionDifference>,
}

/// Neighbouring entries that cannot be replayed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotReplayable {
    /// The first version.
    pub from: Version,
    /// The last one.
    pub to: Version,
    /// The reason.
    pub reason: String,
}

/// A difference, and the version of its entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionDifference {
    /// The version.
    pub version: Version,
    /// The difference.
    #[serde(flatten)]
    pub difference: Difference,
}

/// What an entry comes to.
enum Verdict {
    /// It is as the rules say. True for a decision of the step.
    Agrees(bool),
    /// It differs from the rules.
    Differs(Difference),
    /// The rules do not say.
    NotReplayable(String),
}

/// The document while the entries are read.
struct Replaying {
    value: Value,
    bound: Bound,
    version: Version,
    found: Replayed,
}

impl Service {
    /// Derives every decision of an artifact's journal again with the step, up to the first that differs.
    /// Changes nothing.
    ///
    /// Entries of other rules, and what a purge or a pruning left no state before, are not replayable; that
    /// is no difference.
    pub async fn replay(&self, arguments: Replay, caller: &Caller) -> Result<Replayed, Refusal> {
        let name = arguments.name;
        let newest = self.newest(&name).await?.snapshot.version;
        let mut replaying = Replaying::new(&name);
        caller.progress.begin(usize::try_from(newest).unwrap_or(usize::MAX).div_ceil(ENTRIES))?;
        while replaying.version < newest && replaying.found.agrees {
            caller.progress.check()?;
            let page = self.provider.read(&name, replaying.version, ENTRIES).await;
            let page = page.map_err(|error| refusal(&name, &error))?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                self.replay_one(&name, &mut replaying, &entry).await?;
                if !replaying.found.agrees {
                    break;
                }
            }
            caller.progress.step(format_args!("replayed up to version {}", replaying.version));
        }
        Ok(replaying.found)
    }

    async fn replay_one(
        &self,
        name: &Name,
        replaying: &mut Replaying,
        entry: &Entry,
    ) -> Result<(), Refusal> {
        let verdict = if entry.version == replaying.version + 1 {
            let is_derived = entry.operation == DECIDING_OPERATION || entry.operation == FINALIZE;
            let before = if is_derived { replaying.value.clone() } else { Value::Null };
            replaying.apply(name, entry)?;
            self.verdict(entry, before, &replaying.value).await
        } else {
            replaying.begin_at(self.value_at(name, entry.version).await?);
            Verdict::NotReplayable("the entries before it are gone".to_owned())
        };
        replaying.take(entry.version, verdict);
        Ok(())
    }

    /// Returns the document at a version, where the journal begins later than with version 1.
    async fn value_at(&self, name: &Name, version: Version) -> Result<Value, Refusal> {
        let snapshot = self.provider.at(name, version).await;
        let snapshot = snapshot.map_err(|error| refusal(name, &error))?;
        Ok(snapshot.map_or(Value::Null, |snapshot| snapshot.tree.to_value()))
    }

    async fn verdict(&self, entry: &Entry, before: Value, after: &Value) -> Verdict {
        match entry.rules {
            None => return Verdict::NotReplayable("an earlier program decided it".to_owned()),
            Some(RULES) => {}
            Some(other) => {
                return Verdict::NotReplayable(format!(
                    "rules {other} decided it, and this program has rules {RULES}"
                ));
            }
        }
        if !tree::has_digest(after, entry.document) {
            let recorded = Value::from(entry.document.to_hex());
            let derived = Value::from(tree::digest(after).to_hex());
            return Verdict::Differs(Difference::new("document", &recorded, &derived));
        }
        let read = |value: Value| Document::from_tree(&value.into());
        let documents = match entry.operation.as_str() {
            DECIDING_OPERATION | FINALIZE => {
                read(before).and_then(|before| Ok((before, read(after.clone())?)))
            }
            _ => return judged(beyond_its_fields(entry), false),
        };
        let Ok((before, after)) = documents else {
            return Verdict::NotReplayable("there is no document before it".to_owned());
        };
        if entry.operation != DECIDING_OPERATION {
            let foreign = beyond_its_fields(entry).or_else(|| wrong_ending(&before, &after));
            return judged(foreign, false);
        }
        let Some(context) = entry.context.as_deref() else {
            return Verdict::NotReplayable("it has no context of its step".to_owned());
        };
        match self.workflow_of(&before).await {
            Err(refusal) => Verdict::NotReplayable(format!("{refusal}: {}", refusal.hint())),
            Ok(workflow) => {
                let keeps_checkpoints = !self.provider.volatile();
                let recorded = (entry, context);
                judged(
                    first_difference(&workflow, &before, recorded, &after, keeps_checkpoints),
                    true,
                )
            }
        }
    }
}

fn judged(difference: Option<Difference>, is_decision: bool) -> Verdict {
    difference.map_or(Verdict::Agrees(is_decision), Verdict::Differs)
}

impl Replaying {
    fn new(name: &Name) -> Self {
        let found = Replayed {
            name: name.to_string(),
            agrees: true,
            entries: 0,
            decisions: 0,
            not_replayable: Vec::new(),
            difference: None,
        };
        Self { value: Value::Null, bound: Bound::default(), version: 0, found }
    }

    fn begin_at(&mut self, value: Value) {
        (self.value, self.bound) = (value, Bound::default());
    }

    fn apply(&mut self, name: &Name, entry: &Entry) -> Result<(), Refusal> {
        let Payload::Inline(patch) = &entry.patch else {
            return Err(Refusal::Internal(format!("version {} has no patch", entry.version)));
        };
        self.bound.apply(&mut self.value, patch).map_err(|reason| Refusal::StorageCorrupt {
            name: name.to_string(),
            damage: format!("the patch of version {} does not apply: {reason}", entry.version),
        })
    }

    fn take(&mut self, version: Version, verdict: Verdict) {
        self.version = version;
        self.found.entries += 1;
        match verdict {
            Verdict::Agrees(is_decision) => self.found.decisions += u64::from(is_decision),
            Verdict::Differs(difference) => {
                self.found.agrees = false;
                self.found.difference = Some(VersionDifference { version, difference });
            }
            Verdict::NotReplayable(reason) => self.leave_out(version, reason),
        }
    }

    fn leave_out(&mut self, version: Version, reason: String) {
        match self.found.not_replayable.last_mut() {
            Some(last) if last.to + 1 == version && last.reason == reason => last.to = version,
            _ => {
                let one = NotReplayable { from: version, to: version, reason };
                self.found.not_replayable.push(one);
            }
        }
    }
}
