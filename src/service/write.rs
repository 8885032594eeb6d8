//! Everything around the decision of an operation that writes: repeated calls, expected versions,
//! trust, the events that hooks wait for, and the trace.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::queue::Outcome;
use super::refusals::{no_such_artifact, refusal};
use super::{Caller, Clock, Service, trace};
use crate::model::document::ConvergenceStatus;
use crate::model::journal::entry::Entry;
use crate::model::journal::idempotency::IdempotencyKey;
use crate::model::journal::{Snapshot, Transaction};
use crate::model::{Digest, Document, Draft, Name, Refusal, Time, Version, limits};

/// A call that writes.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    operation: &'static str,
    name: Name,
    actor: String,
    expected_version: Option<Version>,
    idempotency: Option<IdempotencyKey>,
    /// Whether the call continues the present cycle, whose workflow the user must then trust.
    continues: bool,
    /// Warnings of an earlier look at the artifact. The provider gives some of them only once.
    warnings: Vec<String>,
}

impl Writing {
    /// Describes a call.
    pub(super) fn new(
        operation: &'static str,
        name: &Name,
        expected_version: Option<Version>,
        caller: &Caller,
    ) -> Self {
        Self {
            operation,
            name: name.clone(),
            actor: caller.actor.clone(),
            expected_version,
            idempotency: None,
            continues: true,
            warnings: Vec::new(),
        }
    }

    /// Returns the artifact's name.
    pub(super) fn name(&self) -> &Name {
        &self.name
    }

    /// Lets a call with an idempotency key happen once. The key stands for all arguments but itself.
    pub(super) fn once(
        self,
        key: Option<&String>,
        arguments: &impl Serialize,
    ) -> Result<Self, Refusal> {
        let Some(key) = key else { return Ok(self) };
        let mut call = json!([self.operation, arguments]);
        call[1].as_object_mut().map(|fields| fields.remove("idempotency_key"));
        let idempotency = IdempotencyKey::new(key.clone(), Digest::of_json(&call))?;
        Ok(Self { idempotency: Some(idempotency), ..self })
    }

    /// Marks a call that opens an artifact or removes it. It needs no trust in the workflow of the
    /// present cycle.
    #[must_use]
    pub(super) fn anew(self) -> Self {
        Self { continues: false, ..self }
    }

    /// Adds the warnings of an earlier look at the artifact to the answer.
    #[must_use]
    pub(super) fn warned(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }

    /// Returns the version that this very call made before, or `None` if it is a new one. Refuses a
    /// key that stood for another call, and an expected version that is not the newest.
    fn repeated(&self, transaction: &Transaction<'_>) -> Result<Option<Version>, Refusal> {
        // The key comes first, so that a repeated call is not refused for its own effect.
        let present = transaction.newest().map(|newest| newest.document.cycle);
        if let Some(key) = self.idempotency_in(present)
            && let Some(version) = transaction.find_key(&key)?
        {
            return Ok(Some(version));
        }
        let current = transaction.next_version() - 1;
        match self.expected_version {
            Some(expected) if expected != current => Err(Refusal::Conflict { expected, current }),
            _ => Ok(None),
        }
    }

    fn idempotency_in(&self, cycle: Option<u64>) -> Option<IdempotencyKey> {
        self.idempotency.clone().map(|key| key.in_cycle(cycle))
    }

    /// Drafts the entry of this call.
    pub(super) fn draft(&self, at: Time, document: Document, summary: Value) -> Draft {
        let Value::Object(mut summary) = summary else { unreachable!("a summary is an object") };
        summary.retain(|_, value| !value.is_null());
        Draft {
            at,
            actor: self.actor.clone(),
            operation: self.operation,
            summary,
            context: None,
            idempotency: self.idempotency_in(Some(document.cycle)),
            document,
            sections: Vec::new(),
            blobs: Vec::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            removal: None,
        }
    }
}

/// One run of an operation's decision, on the newest state. The queue may run it more than once.
pub(super) struct Attempt<'t, 'a> {
    pub(super) writing: &'t Writing,
    pub(super) transaction: &'t mut Transaction<'a>,
    clock: &'t dyn Clock,
}

impl Attempt<'_, '_> {
    /// Returns the newest state, or refuses if the artifact does not exist.
    pub(super) fn newest(&self) -> Result<&Arc<Snapshot>, Refusal> {
        self.transaction.newest().ok_or_else(|| no_such_artifact(&self.writing.name))
    }

    /// Returns the newest state, or refuses if its cycle is closed.
    pub(super) fn open_state(&self) -> Result<&Arc<Snapshot>, Refusal> {
        let newest = self.newest()?;
        match newest.document.finalized_at {
            Some(at) => Err(Refusal::Finalized { name: self.writing.name.to_string(), at }),
            None => Ok(newest),
        }
    }

    /// Returns the newest state for a change of the work, or refuses if the loop has converged: what it
    /// ended with is what is archived.
    pub(super) fn unconverged_state(&self) -> Result<&Arc<Snapshot>, Refusal> {
        let newest = self.open_state()?;
        let document = &newest.document;
        if document.convergence_status != ConvergenceStatus::Converged {
            return Ok(newest);
        }
        Err(Refusal::InvalidTransition {
            from: document.phase.clone(),
            event: self.writing.operation.to_owned(),
            allowed: vec!["reopen".to_owned()],
            message: "the loop has converged, and its work does not change any more: finalize archives it, and the event reopen begins another iteration".to_owned(),
        })
    }

    /// Returns the present time.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Returns a new id.
    pub(super) fn new_id(&self) -> String {
        self.clock.new_id()
    }
}

/// A stored call.
#[derive(Debug)]
pub(super) struct Written<T> {
    /// The decision; `None` for a repeated call, which decides nothing.
    pub(super) made: Option<T>,
    /// The version that the call made; the newest one if it changed nothing.
    pub(super) version: Version,
    /// The newest state; `None` after a deletion.
    snapshot: Option<Arc<Snapshot>>,
    pub(super) warnings: Vec<String>,
}

impl<T> Written<T> {
    /// Returns the newest state of an artifact that exists after the call.
    pub(super) fn snapshot(&self, name: &Name) -> Result<Arc<Snapshot>, Refusal> {
        self.snapshot.clone().ok_or_else(|| no_such_artifact(name))
    }
}

impl Service {
    /// Lets an operation decide on the newest state of an artifact, and stores its drafts. Answers
    /// once everything that the operation saw is durable. A repeated call decides nothing.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        mut writing: Writing,
        mut decide: impl FnMut(&mut Attempt<'_, '_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<Written<T>, Refusal> {
        let (name, mut warnings) = (writing.name.clone(), std::mem::take(&mut writing.warnings));
        let (catalog, clock) = (Arc::clone(&self.catalog), Arc::clone(&self.clock));
        let operation = move |transaction: &mut Transaction<'_>| {
            if let Some(newest) = transaction.newest().filter(|_| writing.continues) {
                catalog.check_usable(&newest.document)?;
            }
            let (repeated, mark) = (writing.repeated(transaction)?, transaction.mark());
            let made = match repeated {
                Some(_) => None,
                None => {
                    Some(decide(&mut Attempt { writing: &writing, transaction, clock: &*clock })?)
                }
            };
            let current = transaction.next_version() - 1;
            let written = Written {
                made,
                version: repeated.unwrap_or(current),
                snapshot: transaction.newest().cloned(),
                warnings: Vec::new(),
            };
            Ok((written, current, transaction.first_eventful(&mark)))
        };
        let Outcome { answer, committed } = self.queues.store(&name, operation).await?;
        // Also after a failure: the entry may be on the disk, and its events with it.
        if let (Some(hooks), Ok((_, _, Some(version)))) = (&self.hooks, &answer) {
            hooks.happened(&name, *version);
        }
        let committed = committed.map_err(|error| refusal(&name, &error))?;
        let (written, current, _) = answer?;
        trace::stored(&name, current, &committed);
        warnings.retain(|one| !committed.warnings.contains(one));
        warnings.extend(committed.warnings);
        Ok(Written { warnings, ..written })
    }

    /// Returns the entry that made a version, to answer a repeated call as the first time.
    pub(super) async fn entry(&self, name: &Name, version: Version) -> Result<Entry, Refusal> {
        let entries = self
            .provider
            .read(name, version - 1, 1)
            .await
            .map_err(|error| refusal(name, &error))?;
        let entry = entries.into_iter().next();
        entry.ok_or_else(|| Refusal::Internal(format!("version {version} of {name} is missing")))
    }
}

/// Refuses a text of a caller that is too long to store.
pub(super) fn check_text(argument: &str, text: Option<&String>) -> Result<(), Refusal> {
    let characters = text.map_or(0, |text| text.chars().count());
    if characters > limits::TEXT_CHARACTERS_MAX {
        Err(Refusal::TooLarge {
            what: argument.to_owned(),
            actual: characters,
            limit: limits::TEXT_CHARACTERS_MAX,
            unit: "characters",
        })
    } else {
        Ok(())
    }
}

/// Returns a field of an entry's summary as text.
pub(super) fn summary_text(summary: &Map<String, Value>, field: &str) -> String {
    summary.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
