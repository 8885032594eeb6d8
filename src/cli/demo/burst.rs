//! The burst: many concurrent saves, during which the server is killed.

use std::collections::BTreeMap;

use futures_util::stream::{self, Stream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use rmcp::{Peer, RoleClient};
use serde::Serialize;
use serde_json::{Value, json};

use super::session::{self, CallError, Session};
use crate::model::Name;

/// Number of saves in the burst.
pub(super) const SAVES: usize = 200;
/// Number of concurrent saves.
const IN_FLIGHT: usize = 48;
/// Number of acknowledged saves after which the server is killed. Many others are in flight then.
const KILL_AFTER: usize = 80;

/// A note that the host saves, with its idempotency key.
#[derive(Clone, Debug)]
pub(super) struct Note {
    key: String,
    content: Value,
}

impl Note {
    /// Returns whether the server has the note unchanged.
    fn is_in(&self, kept: &Value) -> bool {
        kept[&self.key] == self.content
    }
}

/// The acknowledged saves: the version that the server returned for each key.
pub(super) type Acknowledged = BTreeMap<String, u64>;

/// The fate of each save of the burst.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Audit {
    pub(super) sent: usize,
    /// Acknowledged saves.
    pub(super) acknowledged: usize,
    /// Acknowledged saves that the second server has.
    pub(super) found: usize,
    /// Acknowledged saves that it lacks or has with other content.
    pub(super) lost: Vec<String>,
    /// Unacknowledged saves that it has.
    pub(super) kept_unanswered: usize,
    /// Acknowledged saves that the server stored a second time when they were sent again.
    pub(super) written_twice: Vec<String>,
    /// Saves that are missing although every save was sent again.
    pub(super) missing: Vec<String>,
}

impl Audit {
    /// Returns whether the server kept every acknowledged save, once.
    pub(super) fn is_clean(&self) -> bool {
        self.acknowledged > 0
            && self.lost.is_empty()
            && self.written_twice.is_empty()
            && self.missing.is_empty()
    }
}

/// Makes a note of each line of a text.
pub(super) fn notes(text: &str) -> Vec<Note> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    let note = |(number, (line, text)): (usize, (usize, &str))| Note {
        key: format!("note-{:03}", number + 1),
        content: json!({ "line": line + 1, "text": text }),
    };
    lines.cycle().take(SAVES).enumerate().map(note).collect()
}

/// Saves every note, kills the server half-way, and returns the acknowledged saves.
pub(super) async fn until_killed(
    session: &mut Session,
    name: &Name,
    notes: &[Note],
) -> anyhow::Result<Acknowledged> {
    let peer = session.peer();
    let mut saves = save_all(&peer, name, notes);
    let mut acknowledged = Acknowledged::new();
    while let Some(saved) = saves.next().await {
        match saved {
            Ok((key, version)) => acknowledged.insert(key, version),
            Err(CallError::Unanswered { .. }) => continue,
            Err(refused) => return Err(refused.into()),
        };
        if acknowledged.len() == KILL_AFTER {
            session.kill()?;
        }
    }
    Ok(acknowledged)
}

/// Saves the notes concurrently, and returns each result as it arrives.
fn save_all<'a>(
    peer: &'a Peer<RoleClient>,
    name: &'a Name,
    notes: &'a [Note],
) -> impl Stream<Item = Result<(String, u64), CallError>> + Unpin + 'a {
    let saves = stream::iter(notes).map(move |note| save(peer, name, note));
    Box::pin(saves.buffer_unordered(IN_FLIGHT))
}

/// Saves a note. The idempotency key makes a repetition safe.
async fn save(
    peer: &Peer<RoleClient>,
    name: &Name,
    note: &Note,
) -> Result<(String, u64), CallError> {
    let arguments = json!({
        "name": name,
        "patch": { "data": { "notes": { &note.key: note.content } } },
        "idempotency_key": note.key,
    });
    let answer = session::call(peer, "save_state", arguments).await?;
    Ok((note.key.clone(), answer["version"].as_u64().unwrap_or_default()))
}

/// Looks for every note in the second server, then sends all of them again.
pub(super) async fn audit(
    session: &Session,
    name: &Name,
    notes: &[Note],
    acknowledged: &Acknowledged,
) -> anyhow::Result<Audit> {
    let kept = session.part(name, "/data/notes").await?;
    let again = send_again(session, name, notes).await?;
    let at_last = session.part(name, "/data/notes").await?;
    let missing = notes.iter().filter(|note| !note.is_in(&at_last));
    let missing = missing.map(|note| note.key.clone()).collect();
    Ok(Audit { missing, ..compared(notes, acknowledged, &kept, &again) })
}

/// Compares the acknowledged saves with the stored ones and with the second acknowledgements.
fn compared(
    notes: &[Note],
    acknowledged: &Acknowledged,
    kept: &Value,
    again: &Acknowledged,
) -> Audit {
    let (promised, others): (Vec<&Note>, Vec<&Note>) =
        notes.iter().partition(|note| acknowledged.contains_key(&note.key));
    let (found, lost): (Vec<&Note>, Vec<&Note>) =
        promised.into_iter().partition(|note| note.is_in(kept));
    let written_twice =
        acknowledged.iter().filter(|(key, version)| again.get(*key) != Some(version));
    Audit {
        sent: notes.len(),
        acknowledged: acknowledged.len(),
        found: found.len(),
        lost: lost.into_iter().map(|note| note.key.clone()).collect(),
        kept_unanswered: others.iter().filter(|note| note.is_in(kept)).count(),
        written_twice: written_twice.map(|(key, _)| key.clone()).collect(),
        missing: Vec::new(),
    }
}

async fn send_again(
    session: &Session,
    name: &Name,
    notes: &[Note],
) -> anyhow::Result<Acknowledged> {
    Ok(save_all(&session.peer(), name, notes).try_collect().await?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_note_has_a_key_of_its_own() {
        let notes = notes("one\n\ntwo\n");
        let keys: BTreeSet<&str> = notes.iter().map(|note| note.key.as_str()).collect();
        assert_eq!(keys.len(), SAVES);
        assert_eq!(notes[1].content, json!({ "line": 3, "text": "two" }));
    }

    #[test]
    fn what_was_promised_and_is_not_there_or_was_written_twice_is_named() {
        let notes = &notes("one\ntwo\nthree\nfour\n")[..4];
        let versions = |list: &[(&str, u64)]| -> Acknowledged {
            list.iter().map(|(key, version)| ((*key).to_owned(), *version)).collect()
        };
        let acknowledged = versions(&[("note-001", 8), ("note-002", 9), ("note-003", 10)]);
        let again = versions(&[("note-001", 8), ("note-002", 9), ("note-003", 12)]);
        let kept = json!({
            "note-001": notes[0].content,
            "note-002": "something else",
            "note-003": notes[2].content,
            "note-004": notes[3].content,
        });
        let audit = compared(notes, &acknowledged, &kept, &again);
        assert_eq!((audit.acknowledged, audit.found, audit.kept_unanswered), (3, 2, 1));
        assert_eq!(audit.lost, ["note-002"]);
        assert_eq!(audit.written_twice, ["note-003"]);
        assert_eq!(compared(notes, &acknowledged, &Value::Null, &again).lost.len(), 3);
    }

    #[test]
    fn an_audit_without_a_promise_shows_nothing() {
        assert!(!Audit::default().is_clean());
        let one = Audit { acknowledged: 1, found: 1, ..Audit::default() };
        assert!(one.is_clean());
        assert!(!Audit { lost: vec!["note-001".into()], ..one }.is_clean());
    }
}
