//! `save_state`: the caller's own part of the document.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Effect, Operation};
use crate::model::document::constraint::{
    self, Constraint, SetBy, Setter, mark_late_measures, taken_over,
};
use crate::model::document::pins::Protected;
use crate::model::document::protection;
use crate::model::document::tree::Tree;
use crate::model::journal::Snapshot;
use crate::model::journal::entry::Section;
use crate::model::refusal::Violation;
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::readable_logs;
use crate::model::workflow::step;
use crate::model::{Document, Draft, Name, Refusal, Time, Version, Workflow, document};
use crate::service::loosening;
use crate::service::measures::check_measures;
use crate::service::write::{Attempt, Writing, check_text};
use crate::service::{Caller, Consent, Service};

/// The arguments of `save_state`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Save {
    pub name: Name,
    /// Merged in (null removes): data, goals, inputs, constraints
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Map<String, Value>>,
    /// Instead of patch: replaces fields
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Map<String, Value>>,
    /// Why
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Refused if not the newest
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    /// Makes a retry safe
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether a person accepts the files that constraints protect as they are now. No tool call
    /// carries it.
    #[serde(skip)]
    pub accept_protected: bool,
}

/// The answer of `save_state`. It does not repeat what was saved.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Saved {
    /// Whether anything was different; if not, nothing was written.
    pub changed: bool,
    /// The version that holds what was saved.
    pub version: Version,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

/// The requested change.
#[derive(Clone, Debug)]
struct Change {
    fields: Map<String, Value>,
    /// Whether the fields are merged into those before; else they replace them.
    merges: bool,
}

impl Change {
    /// Returns a field after the change, or `None` when it stays as it was.
    fn of(&self, field: &str, before: impl FnOnce() -> Tree) -> Result<Option<Tree>, Refusal> {
        let Some(given) = self.fields.get(field) else { return Ok(None) };
        let after = if self.merges { before().merged(given) } else { given.clone().into() };
        // Before any comparison: comparing a value that nests too deep is expensive.
        document::check_size(&after)?;
        Ok(Some(after))
    }
}

impl Operation for Save {
    const NAME: &'static str = "save_state";
    const TITLE: &'static str = "Save state";
    const DESCRIPTION: &'static str = "Save state durably; put your own state under data. The answer comes after the write to disk.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Answer = Saved;

    /// Saves the caller's part of the document. Writes nothing if nothing changes.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Saved, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        let change = change(&self)?;
        check_text("note", self.note.as_ref())?;
        let newest = service.newest(&self.name).await?;
        let consent = service.consent(caller)?;
        let document = &newest.snapshot.document;
        let mut lists = protection::lists_in(Some(&change.fields));
        // Other saves pin nothing, so they read no file of the project.
        if self.accept_protected || change.fields.contains_key("constraints") {
            lists.extend(protection::lists_of(&document.constraints));
        }
        let saving = Saving {
            change,
            note: self.note,
            accepts: self.accept_protected,
            protected: service.protected(document, lists).await?,
            workflow: service.workflow_of(document).await?,
            setter: caller.setter(consent.as_ref()),
            consent,
        };
        let writing = writing.warned(newest.warnings);
        let written = service.write(writing, move |attempt| saving.decide(attempt)).await?;
        let snapshot = written.snapshot(&self.name)?;
        Ok(Saved {
            // A call that changed nothing made no version that could be repeated.
            changed: written.made.unwrap_or(true),
            version: written.version,
            briefing: service.brief(&snapshot, written.warnings).await?,
        })
    }
}

/// A checked call.
struct Saving {
    change: Change,
    note: Option<String>,
    accepts: bool,
    protected: Protected,
    workflow: Arc<Workflow>,
    consent: Option<Consent>,
    setter: Setter,
}

impl Saving {
    /// Returns whether anything changed.
    fn decide(&self, attempt: &mut Attempt<'_, '_>) -> Result<bool, Refusal> {
        let before = &Arc::clone(attempt.open_state()?);
        let mut document = changed(before, &self.change, self.setter)?;
        let accepted = self.accepted(&mut document);
        if document == before.document {
            return Ok(false);
        }
        if !only_data_differs(&before.document, &document) {
            attempt.unconverged_state()?;
        }
        check_measures(&before.document.constraints, &document.constraints)?;
        step::check_required_measures(&document)?;
        let is_specified = self.workflow.has_specified(&before.document);
        if is_specified {
            mark_late_measures(&before.document.constraints, &mut document.constraints);
            let (older, place) = (&before.document.constraints, document.output_place());
            protection::pin(older, &mut document.constraints, &self.protected)?;
            protection::check_schemas(older, &document.constraints, &place)?;
        }
        let mut ways = loosening::of_change(&before.document, &document, is_specified);
        ways.extend(accepted);
        let command =
            if self.accepts { "save {} --accept-protected" } else { "save {} --patch …" };
        loosening::check_agreed(before, &ways, self.consent.as_ref(), command)?;
        let (now, note) = (attempt.now(), self.note.as_deref());
        let sections = logged(&document, &ways, self.consent.as_ref(), note, now);
        let draft = attempt.writing.draft(now, document, json!({ "note": note }));
        attempt.transaction.append(Draft { sections, ..draft })?;
        Ok(true)
    }
}

impl Saving {
    /// Accepts the protected files as they are now, if that was asked for, and says which ones changed.
    fn accepted(&self, document: &mut Document) -> Vec<String> {
        if !self.accepts {
            return Vec::new();
        }
        let changed = |one: &Constraint| {
            let paths = protection::changed(one, &self.protected)?;
            Some(format!("accepting changed files of the constraint {:?}: {paths}", one.id))
        };
        let ways = document.constraints.iter().filter_map(changed).collect();
        protection::accept(&mut document.constraints, &self.protected);
        ways
    }
}

fn change(arguments: &Save) -> Result<Change, Refusal> {
    match (&arguments.patch, &arguments.state) {
        (Some(patch), None) => {
            document::check_writable(patch, "patch")?;
            Ok(Change { fields: patch.clone(), merges: true })
        }
        (None, Some(state)) => {
            document::check_writable(state, "state")?;
            Ok(Change { fields: state.clone(), merges: false })
        }
        (None, None) if arguments.accept_protected => {
            Ok(Change { fields: Map::new(), merges: true })
        }
        _ => Err(Refusal::argument(
            "save_state takes either patch or state",
            "pass patch, such as {\"data\":{\"notes\":\"…\"}}, to change parts; pass state to replace whole fields",
        )),
    }
}

/// Returns the changed document.
fn changed(before: &Snapshot, change: &Change, setter: Setter) -> Result<Document, Refusal> {
    let before = &before.document;
    let mut after = before.clone();
    if let Some(data) = change.of("data", || before.data.clone())? {
        after.data = object(data, "data")?;
    }
    if let Some(inputs) = change.of("inputs", || before.inputs.clone())? {
        after.inputs = object(inputs, "inputs")?;
    }
    if let Some(goals) = change.of("goals", || json!(before.goals).into())? {
        after.goals = match &*goals.borrow() {
            Value::Null => Vec::new(),
            goals => step::parse_goals(goals, "/goals")?,
        };
    }
    if let Some(given) = change.of("constraints", || before.definitions().into())? {
        after.constraints = constraints(&given.borrow(), before, setter)?;
    }
    Ok(after)
}

/// Returns whether a change touches nothing but `data`, which may grow after the end of a loop.
fn only_data_differs(before: &Document, after: &Document) -> bool {
    (&before.goals, &before.constraints, &before.inputs)
        == (&after.goals, &after.constraints, &after.inputs)
}

fn constraints(
    given: &Value,
    before: &Document,
    setter: Setter,
) -> Result<Vec<Constraint>, Refusal> {
    let list = match given {
        Value::Null => &[][..],
        Value::Array(list) => list,
        _ => return Err(wrong_type("constraints", "a list")),
    };
    let definitions = constraint::parse_definitions(list, "/constraints")?;
    let setter = SetBy { by: setter, cycle: before.cycle };
    Ok(taken_over(&before.constraints, definitions, setter))
}

fn object(tree: Tree, field: &str) -> Result<Tree, Refusal> {
    match tree.as_value() {
        None | Some(Value::Object(_)) => Ok(tree),
        Some(Value::Null) => Ok(Tree::default()),
        Some(_) => Err(wrong_type(field, "an object")),
    }
}

fn wrong_type(field: &str, expected: &str) -> Refusal {
    Refusal::SchemaViolation {
        what: field.to_owned(),
        violations: vec![Violation {
            pointer: format!("/{field}"),
            message: format!("{expected} is needed"),
        }],
    }
}

/// Returns the sections of a person's loosening for the readable logs.
fn logged(
    document: &Document,
    ways: &[String],
    consent: Option<&Consent>,
    note: Option<&str>,
    now: Time,
) -> Vec<Section> {
    let words = consent.and_then(|consent| consent.words.as_deref());
    if ways.is_empty() {
        Vec::new()
    } else {
        vec![readable_logs::of_loosening(document, ways, (words, note), now)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::document::json_bytes;
    use crate::model::document::tests::empty;
    use crate::model::journal::{Journal, Transaction};

    /// A journal and its newest state.
    type Stored = (Journal, Arc<Snapshot>);

    fn stored(data: Value) -> Stored {
        let name = Name::parse("a").unwrap();
        saved((Journal::new(name), None), &Document { data: data.into(), ..empty("a") }).0
    }

    /// Stores a document. Returns the length of its line and blobs as well.
    fn saved(
        (mut journal, newest): (Journal, Option<Arc<Snapshot>>),
        document: &Document,
    ) -> (Stored, usize) {
        let mut transaction = Transaction::new(&journal, newest, journal.version());
        let at = Time::from_millis(1);
        let draft = Draft {
            at,
            actor: "test 1.0".into(),
            operation: Save::NAME,
            summary: Map::new(),
            context: None,
            idempotency: None,
            document: document.clone(),
            sections: Vec::new(),
            blobs: Vec::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            removal: None,
        };
        let snapshot = transaction.append(draft).unwrap();
        let staged = transaction.into_staged();
        journal.accept(&staged);
        let bytes =
            staged.iter().map(|one| one.line.len() + one.blobs.iter().map(Vec::len).sum::<usize>());
        ((journal, snapshot), bytes.sum())
    }

    /// Saves a merge patch of `data`, and returns the bytes that are stored for it.
    fn save(stored: &mut Stored, data: Value) -> usize {
        let change = Change { fields: Map::from_iter([("data".into(), data)]), merges: true };
        let (journal, newest) = stored.clone();
        let document = changed(&newest, &change, Setter::Model).unwrap();
        assert!(document != newest.document);
        let (after, bytes) = saved((journal, Some(newest)), &document);
        *stored = after;
        bytes
    }

    fn words(bytes: usize) -> Value {
        json!("word ".repeat(bytes / 5))
    }

    /// Documents of about so many bytes: many small fields, objects in objects, and long texts.
    fn documents(bytes: usize) -> [Value; 3] {
        let wide: Map<String, Value> =
            (0..bytes / 40).map(|i| (format!("field-{i:06}"), words(20))).collect();
        let deep = (0..bytes / 4000).map(|i| {
            let inner = (0..40).map(|i| (format!("inner-{i:02}"), words(80)));
            (format!("outer-{i:04}"), inner.collect::<Value>())
        });
        let texts = (0..16).map(|i| (format!("text-{i:02}"), words(bytes / 17)));
        [
            json!({"changed": "one", "wide": wide}),
            json!({"changed": "one", "deep": deep.collect::<Value>()}),
            json!({"changed": "one", "texts": texts.collect::<Value>()}),
        ]
    }

    #[test]
    fn a_small_change_allocates_alike_in_documents_of_all_sizes() {
        let changes = [
            json!({"wide": {"field-000050": "changed"}}),
            json!({"deep": {"outer-0000": {"inner-07": "changed"}}}),
            json!({"changed": "two"}),
        ];
        let allocated = |document: Value, change: &Value| {
            let mut stored = stored(document);
            let counted = allocation_counter::measure(|| {
                assert!(save(&mut stored, change.clone()) < 1000);
            });
            counted.bytes_total
        };
        let (small, large) = (documents(4 << 10), documents((4 << 20) - (256 << 10)));
        for ((small, large), change) in small.into_iter().zip(large).zip(&changes) {
            assert!(json_bytes(&small) < 5000 && json_bytes(&large) > 3 << 20);
            let (small, large) = (allocated(small, change), allocated(large, change));
            assert!(large < 4 * small, "{change}: {small} and {large} bytes");
        }
    }

    #[test]
    fn edits_of_a_long_text_are_stored_as_words() {
        let mut stored = stored(json!({"text": words(100_000)}));
        let mut text = words(100_000).as_str().unwrap().to_owned();
        let mut bytes = 0;
        for i in 0..300 {
            text.replace_range(i * 300..i * 300 + 4, &format!("word{i}"));
            bytes += save(&mut stored, json!({"text": text}));
        }
        assert_eq!(stored.1.document.data.at(&["text"]), Some(json!(text)));
        assert!(bytes < 200_000, "{bytes} bytes");
    }
}
