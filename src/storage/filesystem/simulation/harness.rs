//! Runs a workload of several processes on a simulated disk, lets something go wrong, starts again,
//! and compares what is there with what callers were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use super::super::fault::Fault as StoreFault;
use super::super::plant::{Plant, testing};
use super::super::{Sizes, Store, blobs, fs, layout, segment};
use super::disk::{Fault, Kind, PAGE, Process, Random, SimulatedDisk};
use crate::model::entry::{LogFile, OPENING_OPERATION, Payload, Section};
use crate::model::journal::tests::draft;
use crate::model::journal::{Snapshot, Turn};
use crate::model::output::{Output, OutputPath};
use crate::model::projection::{self, STATE_FILE};
use crate::model::{Digest, Draft, Name, Time, Version, limits};
use crate::storage::{Decide, Finding};

/// A file that entries bring.
const OUTPUT: &str = "made/out.txt";

/// Segments of few entries, so that a short run goes through several.
const SIZES: Sizes = Sizes { segment_bytes_max: 64 << 10, segment_entries_max: 5 };

/// What a run does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) processes: usize,
    /// Operations of each process.
    pub(super) operations: usize,
    pub(super) fault: Fault,
    pub(super) plant: Option<Plant>,
    /// Whether the power fails at the end, so that only what was flushed is sure to be there.
    pub(super) power_cut_at_end: bool,
}

/// What one process was told.
#[derive(Debug, Default)]
struct Told {
    /// Tokens that were acknowledged, with their versions.
    acknowledged: Vec<(String, Version)>,
    /// Versions that were answered, with the digests of their documents.
    answered: Vec<(Version, Digest)>,
}

fn name() -> Name {
    Name::parse("a").unwrap()
}

/// Runs a plan. Fails with the first thing that is not as it was promised. Returns the kinds of
/// the operations that the disk was asked for.
pub(super) fn run(plan: Plan) -> Result<Vec<Kind>, String> {
    let disk = SimulatedDisk::new(plan.seed, plan.fault);
    let processes = disk.start(plan.processes);
    let told: Vec<Told> = match processes.as_slice() {
        [alone] => vec![work(plan, alone, 0)],
        several => thread::scope(|scope| {
            let threads: Vec<_> = several
                .iter()
                .enumerate()
                .map(|(number, process)| scope.spawn(move || work(plan, process, number)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a process does not panic"))
                .collect()
        }),
    };
    let kinds = disk.kinds();
    if plan.fault == Fault::None {
        check_projections_at_rest(&disk, plan)?;
    }
    match plan.power_cut_at_end || matches!(plan.fault, Fault::PowerCut { .. }) {
        true => disk.restart(),
        false => disk.calm(),
    }
    check(&disk, plan, &told)?;
    Ok(kinds)
}

/// Runs a plan without faults, flips a bit of the newest segment, and fails unless that is reported,
/// what was stored can still be read, and nothing is written or cut.
pub(super) fn damage(plan: Plan) -> Result<(), String> {
    let disk = SimulatedDisk::new(plan.seed, Fault::None);
    let process = disk.start(1).remove(0);
    let told = work(plan, &process, 0);
    let process = disk.start(1).remove(0);
    let last =
        segment::list(&process, &name()).map_err(|e| e.to_string())?.pop().ok_or("no segment")?;
    let path = layout::segment(&name(), last);
    let whole = fs::read(&process, &path).map_err(|e| e.to_string())?.unwrap_or_default();
    disk.flip_bit(&path, Random::new(!plan.seed).below(whole.len()));
    let damaged = fs::read(&process, &path).map_err(|e| e.to_string())?;
    testing::plant(plan.plant);
    let store = Store::new(Arc::new(process.clone()), SIZES);
    let read = store.artifact(&name()).newest();
    let written = store.append(&name(), save("after", &mut Random::new(1)));
    let warned = store.artifact(&name()).newest();
    testing::plant(None);
    let untouched = fs::read(&process, &path).map_err(|e| e.to_string())? == damaged;
    if !untouched || !matches!(written, Err(StoreFault::Corrupt(_))) {
        return Err(format!("{plan:?}: writing gave {written:?}, untouched: {untouched}"));
    }
    let last_told = told.answered.iter().map(|(version, _)| *version).max();
    for (read, must_warn) in [(read, false), (warned, true)] {
        match read {
            Ok(Some(newest)) if Some(newest.snapshot.version) >= last_told => {
                let warns = newest.warnings.iter().any(|warning| warning.contains("damaged"));
                if must_warn && !warns {
                    return Err(format!("{plan:?}: no warning in {:?}", newest.warnings));
                }
            }
            other => return Err(format!("{plan:?}: reading gave {other:?}")),
        }
    }
    Ok(())
}

/// One process: saves and reads until its operations are done or it is dead.
fn work(plan: Plan, process: &Process, number: usize) -> Told {
    testing::plant(plan.plant);
    let store = Store::new(Arc::new(process.clone()), SIZES);
    let mut random =
        Random::new(plan.seed ^ (number as u64 + 1).wrapping_mul(0xA24B_AED4_963E_E407));
    let mut told = Told::default();
    for operation in 0..plan.operations {
        if random.chance(4) {
            if let Ok(Some(newest)) = store.artifact(&name()).newest() {
                told.answered.push((newest.snapshot.version, newest.snapshot.digest));
            }
            continue;
        }
        let token = format!("{number}-{operation}");
        if let Ok((Some(newest), _)) = store.append(&name(), save(&token, &mut random)) {
            told.acknowledged.push((token, newest.snapshot.version));
            told.answered.push((newest.snapshot.version, newest.snapshot.digest));
        }
    }
    store.write_registry();
    testing::plant(None);
    process.end();
    told
}

/// Adds a token to the list in the document; now and then with a section for the logs, as the
/// first entry of a new cycle, or with so much content that it goes into a blob or over several
/// pages.
fn save(token: &str, random: &mut Random) -> Decide {
    let token = token.to_owned();
    let padding = match random.below(16) {
        0 => limits::INLINE_PAYLOAD_BYTES_MAX + 1,
        1 | 2 => PAGE * 2,
        _ => random.below(200),
    };
    let (section, new_cycle, output) = (random.chance(3), random.chance(6), random.chance(4));
    Box::new(move |turn: &mut Turn<'_>| {
        let before = turn.newest().cloned();
        let drafted = with_token(before.as_deref(), &token, padding);
        let cycle_open = drafted.document.finalized_at.is_none();
        if new_cycle && cycle_open && before.is_some() {
            drop(turn.append(finalized(before.as_deref())).expect("small enough"));
            drop(turn.append(next_cycle(drafted)).expect("small enough"));
            return;
        }
        let sections = match section {
            true => {
                LogFile::ALL.map(|log| Section { log, text: format!("## {token}\n\n") }).to_vec()
            }
            false => Vec::new(),
        };
        let drafted = if output { with_output(drafted, &token) } else { drafted };
        drop(turn.append(Draft { sections, ..drafted }).expect("small enough"));
    })
}

fn with_token(before: Option<&Snapshot>, token: &str, padding: usize) -> Draft {
    let mut tokens = before.map_or(Vec::new(), |before| tokens_of(&before.value));
    tokens.push(token.to_owned());
    let mut drafted = draft("a", &json!(tokens));
    drafted.document.data.insert("padding".into(), json!("x".repeat(padding)));
    drafted.document.cycle = before.map_or(1, |before| before.document.cycle);
    drafted
}

/// Lets an entry bring the file `dist/made/out.txt` with its token.
fn with_output(drafted: Draft, token: &str) -> Draft {
    let content = token.as_bytes().to_vec();
    let path = OutputPath::parse(OUTPUT).expect("a good path");
    let output = Output { path, bytes: content.len() as u64, digest: Digest::of(&content) };
    Draft { outputs: vec![output], blobs: vec![content], ..drafted }
}

/// The entry that closes a cycle. It adds no token.
fn finalized(before: Option<&Snapshot>) -> Draft {
    let mut drafted = draft("a", &Value::Null);
    if let Some(before) = before {
        drafted.document = before.document.clone();
    }
    drafted.document.finalized_at = Some(Time::from_millis(2));
    Draft { operation: "finalize", ..drafted }
}

fn next_cycle(mut drafted: Draft) -> Draft {
    drafted.document.cycle += 1;
    Draft { operation: OPENING_OPERATION, ..drafted }
}

fn tokens_of(document: &Value) -> Vec<String> {
    serde_json::from_value(document["data"]["value"].clone())
        .expect("the value is a list of tokens")
}

/// When nothing went wrong, the projections are at the newest version before anybody asks again.
fn check_projections_at_rest(disk: &SimulatedDisk, plan: Plan) -> Result<(), String> {
    let process = disk.start(1).remove(0);
    let read = |path: String| fs::read(&process, &path).map_err(|error| error.to_string());
    let state = read(layout::in_artifact(&name(), STATE_FILE))?;
    let state = state.and_then(|bytes| projection::read_state(&bytes));
    let segments = segment::list(&process, &name()).map_err(|error| error.to_string())?;
    let Some(last) = segments.last() else { return Ok(()) };
    let bytes = read(layout::segment(&name(), *last))?.unwrap_or_default();
    let blobs = |digest| blobs::load(&process, &name(), digest).ok().flatten();
    let scanned = segment::scan(&name(), &bytes, &blobs).map_err(|damage| damage.to_string())?;
    let newest = scanned.journal.version();
    match state.map_or(0, |state| state.version) == newest {
        true => Ok(()),
        false => Err(format!("{plan:?}: state.json is not at {newest} at rest")),
    }
}

/// Starts again and compares.
fn check(disk: &SimulatedDisk, plan: Plan, told: &[Told]) -> Result<(), String> {
    testing::plant(plan.plant);
    let result = check_planted(disk, plan, told);
    testing::plant(None);
    result.map_err(|problem| format!("{plan:?}: {problem}"))
}

fn check_planted(disk: &SimulatedDisk, plan: Plan, told: &[Told]) -> Result<(), String> {
    let store = Store::new(Arc::new(disk.start(1).remove(0)), SIZES);
    let told_anything = told.iter().any(|told| !told.answered.is_empty());
    let newest = store.artifact(&name()).newest().map_err(|fault| format!("opening: {fault}"))?;
    let Some(newest) = newest else {
        return if told_anything { Err("the artifact is gone".into()) } else { Ok(()) };
    };
    if !newest.warnings.is_empty() {
        return Err(format!("{:?}", newest.warnings));
    }
    let states = all_states(&store, newest.snapshot.version)?;
    check_told(&states, told)?;
    check_tokens(&states, plan)?;
    let mut random = Random::new(plan.seed);
    let after = store
        .append(&name(), save("after", &mut random))
        .map_err(|fault| format!("writing again: {fault}"))?;
    let after = after.0.ok_or("writing again made nothing")?;
    if after.snapshot.version <= newest.snapshot.version || !after.warnings.is_empty() {
        return Err(format!(
            "writing again gave version {} and {:?}",
            after.snapshot.version, after.warnings
        ));
    }
    check_at_rest(disk, &after.snapshot)?;
    check_output(disk, &store)
}

/// What a version holds.
#[derive(Debug)]
struct State {
    tokens: Vec<String>,
    digest: Digest,
}

/// Folds the entries, and compares some of the versions with what reading them gives.
fn all_states(store: &Store, newest: Version) -> Result<BTreeMap<Version, State>, String> {
    let entries = store.read(&name(), 0, usize::MAX).map_err(|fault| fault.to_string())?;
    let mut states = BTreeMap::new();
    let mut value = Value::Null;
    for entry in entries {
        let Payload::Inline(patch) = &entry.patch else {
            return Err("a patch was not loaded".into());
        };
        json_patch::patch(&mut value, patch).map_err(|e| e.to_string())?;
        let digest = Digest::of_json(&value);
        if digest != entry.document || entry.version != states.len() as Version + 1 {
            return Err(format!("version {} is not what it says", entry.version));
        }
        states.insert(entry.version, State { tokens: tokens_of(&value), digest });
    }
    for version in [1, newest.div_ceil(2), newest] {
        let read =
            store.at(&name(), version).map_err(|fault| format!("version {version}: {fault}"))?;
        if read.map(|read| read.digest) != states.get(&version).map(|state| state.digest) {
            return Err(format!("version {version} is missing or another"));
        }
    }
    match states.len() as Version == newest {
        true => Ok(states),
        false => Err(format!("{} entries at version {newest}", states.len())),
    }
}

/// Everything that was acknowledged is there, once, and everything that was answered still holds.
fn check_told(states: &BTreeMap<Version, State>, told: &[Told]) -> Result<(), String> {
    let newest = states.last_key_value().map_or(Vec::new(), |(_, state)| state.tokens.clone());
    for told in told {
        for (token, version) in &told.acknowledged {
            if newest.iter().filter(|one| *one == token).count() != 1 {
                return Err(format!(
                    "{token}, acknowledged as version {version}, is not there once: {newest:?}"
                ));
            }
            let state = states
                .get(version)
                .ok_or(format!("version {version} was acknowledged and is gone"))?;
            if state.tokens.last() != Some(token) {
                return Err(format!(
                    "version {version} was acknowledged for {token} and is {:?}",
                    state.tokens
                ));
            }
        }
        for (version, digest) in &told.answered {
            if states.get(version).is_none_or(|state| state.digest != *digest) {
                return Err(format!("version {version} was answered and is gone or another now"));
            }
        }
    }
    Ok(())
}

/// Every version has the tokens of the one before it and at most one more: nothing is half there,
/// twice there or out of order.
fn check_tokens(states: &BTreeMap<Version, State>, plan: Plan) -> Result<(), String> {
    let mut before: Vec<String> = Vec::new();
    for (version, state) in states {
        let tokens = state.tokens.clone();
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
    let findings: Vec<Finding> =
        super::super::examine::examine(&process, &name()).map_err(|fault| fault.to_string())?;
    if let Some(finding) = findings.first() {
        return Err(format!("{finding:?}"));
    }
    for (file, expected) in projection::json_files(newest) {
        let path = layout::in_artifact(&name(), file);
        if fs::read(&process, &path).map_err(|e| e.to_string())? != Some(expected) {
            return Err(format!("{file} is not what version {} gives", newest.version));
        }
    }
    check_archive(&process, newest)
}

/// The output that an entry brought last is in its place.
fn check_output(disk: &SimulatedDisk, store: &Store) -> Result<(), String> {
    let entries = store.read(&name(), 0, usize::MAX).map_err(|fault| fault.to_string())?;
    let expected = entries.iter().flat_map(|entry| &entry.outputs).next_back();
    let path = format!("{}/{OUTPUT}", layout::dist(&name()));
    let there = fs::read(&disk.start(1).remove(0), &path).map_err(|error| error.to_string())?;
    match there.as_deref().map(Digest::of) == expected.map(|output| output.digest) {
        true => Ok(()),
        false => Err(format!("{path} is {there:?}, not what {expected:?} brought")),
    }
}

/// The last finalized cycle has a readable copy.
fn check_archive(process: &Process, newest: &Snapshot) -> Result<(), String> {
    let cycle = newest.document.cycle - 1;
    if cycle == 0 {
        return Ok(());
    }
    let path = format!("{}/{STATE_FILE}", layout::archive(&name(), cycle));
    let archived = fs::read(process, &path).map_err(|e| e.to_string())?;
    let archived = archived.and_then(|bytes| projection::read_state(&bytes));
    match archived {
        Some(state) if state.document.cycle == cycle && state.document.is_finalized() => Ok(()),
        other => {
            Err(format!("the archive of cycle {cycle} is {:?}", other.map(|state| state.version)))
        }
    }
}
