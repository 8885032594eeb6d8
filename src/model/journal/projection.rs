//! Projections: files with the state for people and other programs.
//!
//! They are derived and can always be made again. Each JSON projection carries the digest of its
//! own content, by which a file that a person edited is told from one that this program wrote at
//! an older version.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::model::document::manifest::Manifest;
use crate::model::document::tree::{self, Tree};
use crate::model::journal::Snapshot;
use crate::model::{Digest, Document, JournalId, Version};

/// The copy of the document. It is written last, so its version vouches for all projections.
pub const STATE_FILE: &str = "state.json";

/// The constraints by themselves.
pub const CONSTRAINTS_FILE: &str = "constraints.json";

/// The manifest by itself, once there is one.
pub const MANIFEST_FILE: &str = "artifact_manifest.json";

/// Bytes of a JSON projection.
pub const BYTES_MAX: u64 = 32 << 20;

/// Bytes of a JSON projection that is indented. A document of 4 MiB that nests as deep as it may would
/// take 65 times as much.
const INDENTED_BYTES_MAX: usize = 16 << 20;

/// Fields of a projection that its digest does not cover. `seal` covers them.
const BESIDE_CONTENT: [&str; 5] = ["digest", "journal", "seal", "updated_at", "version"];

/// What a projection on the disk turns out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// This program wrote it, from a state with this digest.
    Ours {
        /// The version, for `state.json`.
        version: Option<Version>,
        /// The journal that it is from. Programs that knew no ids of journals wrote none.
        journal: Option<JournalId>,
        /// The digest of its content.
        digest: Digest,
    },
    /// What a power cut leaves: empty, filled with zeros, or cut short.
    PowerCut,
    /// Another program or a person wrote it.
    Edited,
}

/// A `state.json` that this program wrote, true to its seal. A seal has no key: it shows damage and edits,
/// and not who wrote the file.
#[derive(Clone, Debug)]
pub struct SealedCopy {
    /// The state.
    pub snapshot: Snapshot,
    /// The journal that it is from. Programs that knew no ids of journals wrote none.
    pub journal: Option<JournalId>,
}

/// Returns the JSON projections of a state, in the order in which they are written. `state.json` names
/// the journal that the state is from.
pub fn json_files(snapshot: &Snapshot, journal: Option<JournalId>) -> Vec<(&'static str, Vec<u8>)> {
    let constraints = json!({
        "artifact_name": snapshot.document.artifact_name,
        "constraints": snapshot.document.constraints,
    });
    let manifest = shown_manifest(&snapshot.document).as_deref().map(Manifest::to_value);
    let manifest = manifest.map(|manifest| (MANIFEST_FILE, small(manifest)));
    let beside = [
        ("version", json!(snapshot.version)),
        ("updated_at", json!(snapshot.at)),
        ("journal", json!(journal)),
    ];
    let beside = if journal.is_some() { &beside[..] } else { &beside[..2] };
    let state = sealed(snapshot.tree.to_value(), snapshot.digest, beside);
    let constraints = (CONSTRAINTS_FILE, small(constraints));
    manifest.into_iter().chain([constraints, (STATE_FILE, state)]).collect()
}

/// Returns the manifest that execute handed in, until an iteration records it; else the recorded one.
fn shown_manifest(document: &Document) -> Option<Cow<'_, Manifest>> {
    let recorded = document.manifest.as_ref().map(Cow::Borrowed);
    let given = document.results.at(&["execution_results", "manifest"]);
    // Before the manifest is held against its schema, since this runs at each save.
    let differs = |given: &Value| {
        recorded.as_ref().is_none_or(|known| json!(known.variants) != given["variants"])
    };
    let parsed = |given: Value| Manifest::parse(&given, "", &document.output_place()).ok();
    let is_recorded =
        |given: &Manifest| recorded.as_ref().is_some_and(|known| known.variants == given.variants);
    match given.filter(differs).and_then(parsed) {
        Some(given) if !is_recorded(&given) => Some(Cow::Owned(given)),
        _ => recorded,
    }
}

fn small(content: Value) -> Vec<u8> {
    let digest = tree::digest(&content);
    sealed(content, digest, &[])
}

fn sealed(mut content: Value, digest: Digest, beside: &[(&str, Value)]) -> Vec<u8> {
    content["digest"] = json!(digest);
    for (field, value) in beside {
        content[*field] = value.clone();
    }
    content["seal"] = json!(seal(&content));
    let mut bytes = serde_json::to_vec_pretty(&content).expect("a JSON value can be written");
    if bytes.len() > INDENTED_BYTES_MAX {
        bytes = serde_json::to_vec(&content).expect("a JSON value can be written");
    }
    bytes.push(b'\n');
    bytes
}

/// Returns what shows that the fields beside the content are as they were written. A program that knew
/// no ids of journals sealed the first three.
fn seal(content: &Value) -> String {
    let fields = ["digest", "version", "updated_at", "journal"].map(|field| content.get(field));
    let beside = if fields[3].is_some() { json!(fields) } else { json!(fields[..3]) };
    Digest::of_json(&beside).to_hex()[..16].to_owned()
}

/// Returns whether the older PMPO skill, which had no journal, wrote a `state.json`.
pub fn is_of_older_skill(bytes: &[u8]) -> bool {
    let Ok(content) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return false };
    let has = |field| content.get(field).is_some_and(Value::is_string);
    has("refinement_id") && has("convergence_status") && !content.contains_key("seal")
}

/// Returns the origin of a JSON projection on the disk.
pub fn origin(bytes: &[u8]) -> Origin {
    match serde_json::from_slice::<Map<String, Value>>(bytes) {
        Ok(content) => origin_of_content(content),
        Err(_) if is_power_cut(bytes) => Origin::PowerCut,
        Err(_) => Origin::Edited,
    }
}

fn origin_of_content(content: Map<String, Value>) -> Origin {
    let mut content = Value::Object(content);
    let seal_holds = content.get("seal").and_then(Value::as_str) == Some(&seal(&content));
    let digest = content.get("digest").and_then(Value::as_str).and_then(Digest::parse);
    let version = content.get("version").and_then(Value::as_u64);
    let journal = content.get("journal").and_then(journal_id);
    strip(&mut content);
    match digest.filter(|digest| seal_holds && tree::has_digest(&content, *digest)) {
        Some(digest) => Origin::Ours { version, journal, digest },
        None => Origin::Edited,
    }
}

fn journal_id(value: &Value) -> Option<JournalId> {
    serde_json::from_value(value.clone()).ok()
}

/// Leaves the content only.
fn strip(content: &mut Value) {
    if let Value::Object(fields) = content {
        fields.retain(|field, _| !BESIDE_CONTENT.contains(&field.as_str()));
    }
}

/// Returns whether JSON that does not parse was cut short rather than edited: it is empty, it has
/// zeros in it, or nothing is wrong with it before its end.
fn is_power_cut(bytes: &[u8]) -> bool {
    let last_line = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().len();
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    let fails_at_end = |error: &serde_json::Error| {
        error.is_eof() || (error.line(), error.column()) >= (lines, last_line)
    };
    let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
    bytes.is_empty() || bytes.contains(&0) || parsed.is_err_and(|error| fails_at_end(&error))
}

/// Reads `state.json` back, when this program wrote it.
pub fn read_state(bytes: &[u8]) -> Option<SealedCopy> {
    let Origin::Ours { version: Some(version), journal, digest } = origin(bytes) else {
        return None;
    };
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    let at = serde_json::from_value(value.get("updated_at")?.clone()).ok()?;
    strip(&mut value);
    let tree = Tree::from(value);
    let document = Document::from_tree(&tree).ok()?;
    Some(SealedCopy { snapshot: Snapshot { version, at, document, tree, digest }, journal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;
    use crate::model::document::tests::empty;

    fn snapshot() -> Snapshot {
        let document = empty("a");
        let tree = document.to_tree();
        Snapshot { version: 7, at: Time::from_millis(5), digest: tree.digest(), document, tree }
    }

    fn state_file() -> Vec<u8> {
        json_files(&snapshot(), Some(JournalId::new(7)))[1].1.clone()
    }

    #[test]
    fn a_state_file_reads_back_as_the_state_it_was_made_from() {
        let SealedCopy { snapshot: read, journal } = read_state(&state_file()).unwrap();
        assert_eq!(journal, Some(JournalId::new(7)));
        assert_eq!(
            (read.version, read.at, read.digest),
            (7, Time::from_millis(5), snapshot().digest)
        );
        assert_eq!(read.document, snapshot().document);
    }

    #[test]
    fn the_manifest_of_execute_is_shown_until_one_is_recorded() {
        let mut document = empty("a");
        let manifest = |file: &str| json!({"artifact_type": "content", "variants": [{"name": "primary", "file": file}]});
        assert!(shown_manifest(&document).is_none());
        let executed = json!({"manifest": manifest("a.md")});
        document.results.set("execution_results", Some(executed));
        assert_eq!(shown_manifest(&document).unwrap().to_value(), manifest("a.md"));
        let place = document.output_place();
        let recorded = Manifest::parse(&manifest("a.md"), "", &place).unwrap();
        let at = Some(Time::from_millis(3));
        document.manifest = Some(Manifest { generation_timestamp: at, ..recorded });
        assert_eq!(shown_manifest(&document).unwrap().generation_timestamp, at);
    }

    #[test]
    fn an_edited_file_is_told_from_one_that_a_power_cut_left() {
        let whole = state_file();
        assert!(matches!(origin(&whole), Origin::Ours { version: Some(7), .. }));
        let edited = String::from_utf8(whole.clone()).unwrap().replace("\"open\"", "\"done\"");
        assert_eq!(origin(edited.as_bytes()), Origin::Edited);
        assert_eq!(origin(b"my notes"), Origin::Edited);
        assert_eq!(origin(b"{}"), Origin::Edited);
        assert_eq!(origin(b""), Origin::PowerCut);
        assert_eq!(origin(&[0; 4096]), Origin::PowerCut);
        for cut in 1..whole.len() - 2 {
            assert_eq!(
                origin(&whole[..cut]),
                Origin::PowerCut,
                "{:?}",
                std::str::from_utf8(&whole[..cut])
            );
        }
        let mut zeroed = whole.clone();
        zeroed[100..].fill(0);
        assert_eq!(origin(&zeroed), Origin::PowerCut);
    }

    #[test]
    fn an_edited_version_does_not_vouch_for_anything() {
        for (from, to) in [
            ("\"cycle\": 1", "\"cycle\": 2"),
            ("\"version\": 7", "\"version\": 8"),
            ("\"journal\": \"0", "\"journal\": \"1"),
        ] {
            let edited = String::from_utf8(state_file()).unwrap().replace(from, to);
            assert_ne!(edited.as_bytes(), state_file());
            assert!(read_state(edited.as_bytes()).is_none());
        }
    }
}
