//! Compares what is there after a run with what callers were told.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::artifact::ArtifactState;
use super::super::registry::{self, Registered};
use super::super::witness::Witness;
use super::super::{Store, blobs, layout, segment};
use super::harness::{OUTPUT, Plan, SIZES, Told, name, read_whole, save, tokens_of};
use super::removals;
use crate::disk::sabotage::testing;
use crate::disk::simulated::{Process, Random, SimulatedDisk};
use crate::model::document::tree;
use crate::model::journal::entry::Payload;
use crate::model::journal::projection::{self, STATE_FILE};
use crate::model::journal::removal::Removal;
use crate::model::journal::{Journal, Snapshot};
use crate::model::{Digest, Entry, Version};
use crate::storage::{Finding, FindingSeverity};

/// When nothing went wrong, the projections are at the newest version before anybody asks again.
pub(super) fn at_rest(disk: &SimulatedDisk, plan: Plan) -> Result<(), String> {
    let process = disk.start(1).remove(0);
    let read = |path: String| read_whole(&process, &path).map_err(|error| error.to_string());
    let state = read(layout::in_artifact(&name(), STATE_FILE))?;
    let state = state.and_then(|bytes| projection::read_state(&bytes));
    let Some(journal) = journal(&process)? else { return Ok(()) };
    let newest = if journal.tombstone().is_some() { 0 } else { journal.version() };
    if state.map_or(0, |state| state.snapshot.version) != newest {
        return Err(format!("{plan:?}: state.json is not at {newest} at rest"));
    }
    let newest = journal.snapshot().map_err(|damage| damage.to_string())?;
    let expected = newest.map(|newest| Registered::of(&newest.document));
    let registry = registry::read(&process).map_err(|error| error.to_string())?;
    let line = registry.and_then(|mut registry| registry.artifacts.remove(&name()));
    if line == expected {
        Ok(())
    } else {
        Err(format!("{plan:?}: registry.json has {line:?} at rest, not {expected:?}"))
    }
}

/// Reads the newest segment.
fn journal(process: &Process) -> Result<Option<Journal>, String> {
    let segments = segment::list(process, &name()).map_err(|error| error.to_string())?;
    let Some(last) = segments.last() else { return Ok(None) };
    let bytes = read_whole(process, &layout::segment(&name(), *last));
    let bytes = bytes.map_err(|error| error.to_string())?.unwrap_or_default();
    let blobs = |digest| blobs::load(process, &name(), digest).ok().flatten();
    let scanned =
        segment::scan(&name(), *last, &bytes, &blobs).map_err(|damage| damage.to_string())?;
    Ok(Some(scanned.journal))
}

/// Starts again and compares.
pub(super) fn check(disk: &SimulatedDisk, plan: Plan, told: &[Told]) -> Result<(), String> {
    testing::sabotage(plan.sabotage);
    let result = check_planted(disk, plan, told);
    testing::sabotage(None);
    result.map_err(|problem| format!("{plan:?}: {problem}"))
}

fn check_planted(disk: &SimulatedDisk, plan: Plan, told: &[Told]) -> Result<(), String> {
    let store = Store::new(Arc::new(disk.start(1).remove(0)), SIZES, Witness::none());
    let told_anything = told.iter().any(|told| !told.answered.is_empty());
    let standing = store.standing(&name());
    let Some(standing) = standing.map_err(|fault| format!("opening: {fault}"))? else {
        return if told_anything { Err("the artifact is gone".into()) } else { Ok(()) };
    };
    let warnings = match &standing {
        ArtifactState::Alive(newest) => &newest.warnings,
        ArtifactState::Deleted(tombstone) => &tombstone.warnings,
    };
    if !warnings.is_empty() {
        return Err(format!("{warnings:?}"));
    }
    let newest = standing.version();
    let states = States::read(&store, newest)?;
    check_told(&states, told)?;
    check_copies(told)?;
    check_tokens(&states, plan)?;
    let mut random = Random::new(plan.seed);
    let after = store
        .append(&name(), save("after", &mut random))
        .map_err(|fault| format!("writing again: {fault}"))?;
    let after = after.0.ok_or("writing again made nothing")?;
    if after.snapshot.version <= newest || !after.warnings.is_empty() {
        return Err(format!(
            "writing again gave version {} and {:?}",
            after.snapshot.version, after.warnings
        ));
    }
    check_at_rest(disk, &after.snapshot)?;
    let entries = store.read(&name(), 0, usize::MAX).map_err(|fault| fault.to_string())?;
    let process = disk.start(1).remove(0);
    check_output(&process, &entries)?;
    check_archive(&process, &entries, &after.snapshot)?;
    for told in told {
        told.removals.check(&process, &states)?;
        removals::check_purged(&process, &states, &told.acknowledged)?;
    }
    Ok(())
}

/// What a version holds.
#[derive(Debug)]
pub(super) struct State {
    tokens: Vec<String>,
    digest: Digest,
    pub(super) removal: Option<Removal>,
}

/// All versions that can be read.
#[derive(Debug)]
pub(super) struct States {
    /// The version up to which everything was purged; 0 when nothing was.
    pub(super) purged: Version,
    pub(super) by_version: BTreeMap<Version, State>,
}

impl States {
    /// Folds the entries, and compares some of the versions with what reading them gives.
    fn read(store: &Store, newest: Version) -> Result<Self, String> {
        let entries = store.read(&name(), 0, usize::MAX).map_err(|fault| fault.to_string())?;
        let purged = entries.first().map_or(newest, |entry| entry.version - 1);
        let by_version = folded(entries, purged)?;
        for version in [purged + 1, (purged + newest).div_ceil(2), newest] {
            let read = store
                .at(&name(), version)
                .map_err(|fault| format!("version {version}: {fault}"))?;
            let state = by_version.get(&version);
            let state = state.filter(|one| !one.removal.is_some_and(Removal::ends_life));
            if read.map(|read| read.digest) != state.map(|state| state.digest) {
                return Err(format!("version {version} is missing or another"));
            }
        }
        if by_version.len() as Version == newest - purged {
            Ok(Self { purged, by_version })
        } else {
            Err(format!("{} entries at version {newest}", by_version.len()))
        }
    }

    /// The last version that took something away.
    pub(super) fn last_removal(&self) -> Version {
        let removals = self.by_version.iter().rev().filter(|(_, state)| state.removal.is_some());
        removals.map(|(version, _)| *version).next().unwrap_or(self.purged)
    }
}

fn folded(entries: Vec<Entry>, before: Version) -> Result<BTreeMap<Version, State>, String> {
    let mut states = BTreeMap::new();
    let mut value = Value::Null;
    for entry in entries {
        let Payload::Inline(patch) = &entry.patch else {
            return Err("a patch was not loaded".into());
        };
        json_patch::patch(&mut value, &patch.operations).map_err(|e| e.to_string())?;
        let digest = tree::digest(&value);
        if digest != entry.document || entry.version != before + 1 + states.len() as Version {
            return Err(format!("version {} is not what it says", entry.version));
        }
        let state = State { tokens: tokens_of(&value), digest, removal: entry.removal };
        states.insert(entry.version, state);
    }
    Ok(states)
}

/// Everything that was acknowledged is there, once, unless it was taken away, and everything that was
/// answered still holds.
fn check_told(states: &States, told: &[Told]) -> Result<(), String> {
    let newest = states.by_version.last_key_value();
    let newest = newest.map_or(Vec::new(), |(_, state)| state.tokens.clone());
    let last_removal = states.last_removal();
    for told in told {
        let kept = told.acknowledged.iter().filter(|(_, version)| *version > states.purged);
        for (token, version) in kept {
            let expected = usize::from(*version > last_removal);
            if newest.iter().filter(|one| *one == token).count() != expected {
                return Err(format!(
                    "{token}, acknowledged as version {version}, is not there {expected} times: {newest:?}"
                ));
            }
            let state = states
                .by_version
                .get(version)
                .ok_or(format!("version {version} was acknowledged and is gone"))?;
            if state.tokens.last() != Some(token) {
                return Err(format!(
                    "version {version} was acknowledged for {token} and is {:?}",
                    state.tokens
                ));
            }
        }
        let kept = told.answered.iter().filter(|(version, _)| *version > states.purged);
        for (version, digest) in kept {
            if states.by_version.get(version).is_none_or(|state| state.digest != *digest) {
                return Err(format!("version {version} was answered and is gone or another now"));
            }
        }
    }
    if states.purged > 0 && told.iter().all(|told| told.removals.purges == 0) {
        Err(format!("no operation purged versions up to {}", states.purged))
    } else {
        Ok(())
    }
}

/// The readable copy never goes back to an older version.
fn check_copies(told: &[Told]) -> Result<(), String> {
    let mut seen = told.iter().flat_map(|told| told.copied.windows(2));
    match seen.find(|two| two[1] < two[0]) {
        Some(two) => Err(format!("state.json went back from version {} to {}", two[0], two[1])),
        None => Ok(()),
    }
}

/// Every version has the tokens of the one before it and at most one more: nothing is half there,
/// twice there or out of order. A removal leaves none.
fn check_tokens(states: &States, plan: Plan) -> Result<(), String> {
    let mut before: Vec<String> = Vec::new();
    for (version, state) in &states.by_version {
        let tokens = state.tokens.clone();
        if state.removal.is_some() {
            before.clear();
        }
        let grown = tokens.len() - before.len().min(tokens.len());
        if !tokens.starts_with(&before)
            || grown > 1
            || tokens.len() > plan.processes * plan.operations
        {
            return Err(format!("version {version} has {tokens:?} after {before:?}"));
        }
        before = tokens;
    }
    Ok(())
}

/// After an operation that went well everything on the disk is as it should be.
fn check_at_rest(disk: &SimulatedDisk, newest: &Snapshot) -> Result<(), String> {
    let process = disk.start(1).remove(0);
    let findings: Vec<Finding> = super::super::examine::examine(&process, &name(), None)
        .map_err(|fault| fault.to_string())?;
    let bad = |finding: &&Finding| finding.severity > FindingSeverity::Note;
    if let Some(finding) = findings.iter().find(bad) {
        return Err(format!("{finding:?}"));
    }
    let journal = journal(&process)?.and_then(|journal| journal.id());
    let journal = Some(journal.ok_or("the journal has no id")?);
    for (file, expected) in projection::json_files(newest, journal) {
        let path = layout::in_artifact(&name(), file);
        if read_whole(&process, &path).map_err(|e| e.to_string())? != Some(expected) {
            return Err(format!("{file} is not what version {} gives", newest.version));
        }
    }
    Ok(())
}

/// The output that an entry brought last is in its place.
fn check_output(process: &Process, entries: &[Entry]) -> Result<(), String> {
    let last_removal = entries.iter().rposition(|entry| entry.removal.is_some());
    let since = entries.iter().skip(last_removal.map_or(0, |removal| removal + 1));
    let expected = since.flat_map(|entry| &entry.outputs).next_back();
    let path = format!("{}/{OUTPUT}", layout::dist(&name()));
    let there = read_whole(process, &path).map_err(|error| error.to_string())?;
    if there.as_deref().map(Digest::of) == expected.map(|output| output.digest) {
        Ok(())
    } else {
        Err(format!("{path} is {there:?}, not what {expected:?} brought"))
    }
}

/// The last finalized cycle has a readable copy. One that a reset ended was not finalized.
fn check_archive(process: &Process, entries: &[Entry], newest: &Snapshot) -> Result<(), String> {
    let cycle = newest.document.cycle - 1;
    let opening = entries.iter().rfind(|entry| entry.opens_cycle());
    if cycle == 0 || opening.is_some_and(|opening| opening.removal.is_some()) {
        return Ok(());
    }
    let path = format!("{}/{STATE_FILE}", layout::archive(&name(), cycle));
    let archived = read_whole(process, &path).map_err(|e| e.to_string())?;
    let archived = archived.and_then(|bytes| projection::read_state(&bytes));
    let archived = archived.map(|copy| copy.snapshot);
    match archived {
        Some(state) if state.document.cycle == cycle && state.document.is_finalized() => Ok(()),
        other => {
            Err(format!("the archive of cycle {cycle} is {:?}", other.map(|state| state.version)))
        }
    }
}
