//! What all operations that write have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Caller, Failure, Service, no_such_artifact, refusal, trace};
use crate::model::entry::Entry;
use crate::model::idempotency::IdempotencyKey;
use crate::model::journal::{Snapshot, Transaction};
use crate::model::{Digest, Document, Draft, Name, Refusal, Time, Version, limits};

/// A call that writes.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    operation: &'static str,
    actor: String,
    expected_version: Option<Version>,
    idempotency: Option<IdempotencyKey>,
}

impl Writing {
    /// Makes one of a call's arguments. The idempotency key stands for all of them but itself.
    pub(super) fn new(
        operation: &'static str,
        arguments: &impl Serialize,
        expected_version: Option<Version>,
        caller: &Caller,
    ) -> Result<Self, Refusal> {
        let mut call = json!([operation, arguments]);
        let key = call[1].as_object_mut().and_then(|fields| fields.remove("idempotency_key"));
        let idempotency = match key {
            Some(Value::String(key)) => Some(IdempotencyKey::new(key, Digest::of_json(&call))?),
            _ => None,
        };
        Ok(Self { operation, actor: caller.actor.clone(), expected_version, idempotency })
    }

    /// Returns the version that this very call made before, or `None` if it is a new one. Refuses a
    /// key that stood for another call, and a version that is not the newest any more. The key comes
    /// first, so that a repeated call is not refused for what it did itself.
    pub(super) fn repeated(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<Option<Version>, Refusal> {
        if let Some(key) = &self.idempotency
            && let Some(version) = transaction.find_key(key)?
        {
            return Ok(Some(version));
        }
        let current = transaction.next_version() - 1;
        match self.expected_version {
            Some(expected) if expected != current => Err(Refusal::Conflict { expected, current }),
            _ => Ok(None),
        }
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
            idempotency: self.idempotency.clone(),
            document,
            sections: Vec::new(),
            blobs: Vec::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            removal: None,
        }
    }
}

impl Service {
    /// Lets an operation decide on top of the newest state of an artifact and stores what it drafts.
    /// Refuses to continue a cycle whose workflow the user does not trust.
    pub(super) async fn store<T: Send + 'static>(
        &self,
        name: &Name,
        mut operation: impl FnMut(&mut Transaction<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, Vec<String>), Refusal> {
        let catalog = Arc::clone(&self.catalog);
        let operation = move |transaction: &mut Transaction<'_>| {
            transaction.newest().map_or(Ok(()), |newest| catalog.check_usable(&newest.document))?;
            operation(transaction)
        };
        self.store_anew(name, operation).await
    }

    /// Does the same for an operation that does not go on with the present cycle: it opens an
    /// artifact or takes it away.
    pub(super) async fn store_anew<T: Send + 'static>(
        &self,
        name: &Name,
        mut operation: impl FnMut(&mut Transaction<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, Vec<String>), Refusal> {
        let (eventful, after) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (noted, left) = (Arc::clone(&eventful), Arc::clone(&after));
        let operation = move |transaction: &mut Transaction<'_>| {
            let mark = transaction.mark();
            let answer = operation(transaction);
            noted.store(transaction.first_eventful(&mark).unwrap_or(0), Ordering::Relaxed);
            left.store(transaction.next_version() - 1, Ordering::Relaxed);
            answer
        };
        let stored = self.queues.store(name, operation).await;
        if let (Some(hooks), version @ 1..) = (&self.hooks, eventful.load(Ordering::Relaxed)) {
            hooks.happened(name, version);
        }
        let (answer, turned) = stored.map_err(|failure: Failure| failure.into_refusal(name))?;
        trace::stored(name, after.load(Ordering::Relaxed), &turned);
        Ok((answer, turned.warnings))
    }

    /// Does the same after a look at the artifact. What that said is answered too: some things are
    /// said only once.
    pub(super) async fn store_after<T: Send + 'static>(
        &self,
        name: &Name,
        mut said: Vec<String>,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, Vec<String>), Refusal> {
        let (answer, warnings) = self.store(name, operation).await?;
        said.retain(|one| !warnings.contains(one));
        said.extend(warnings);
        Ok((answer, said))
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

/// Returns the state that an operation changes: that of an artifact whose cycle is open.
pub(super) fn open_state<'a>(
    name: &Name,
    transaction: &'a Transaction<'_>,
) -> Result<&'a Snapshot, Refusal> {
    let newest = transaction.newest().ok_or_else(|| no_such_artifact(name))?;
    match newest.document.finalized_at {
        Some(at) => Err(Refusal::Finalized { name: name.to_string(), at }),
        None => Ok(newest),
    }
}

/// Refuses a text of a caller's that is too long to be kept.
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
