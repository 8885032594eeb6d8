//! Runs a workload of several processes on a simulated disk, lets something go wrong, starts again,
//! and lets what is there be compared with what callers were told.

use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use super::super::artifact::ArtifactState;
use super::super::fault::Fault as StoreFault;
use super::super::witness::Witness;
use super::super::{Sizes, Store, copy, fs, layout, segment};
use super::{exchanges, removals, verdict};
use crate::disk::sabotage::{Sabotage, testing};
use crate::disk::simulated::{Fault, Kind, PAGE, Process, Random, SimulatedDisk};
use crate::model::document::output::{Output, OutputPath};
use crate::model::journal::entry::{LogFile, OPENING_OPERATION, Section};
use crate::model::journal::tests::draft;
use crate::model::journal::{Snapshot, Transaction};
use crate::model::{Digest, Draft, Name, Time, Version, limits};
use crate::storage::{Decide, Newest};

/// A file that entries bring.
pub(super) const OUTPUT: &str = "made/out.txt";

/// Segments of few entries, so that a short run goes through several.
pub(super) const SIZES: Sizes =
    Sizes { segment_bytes_max: 64 << 10, segment_entries_max: 5, replay_bytes_max: 100 << 10 };

/// What a run does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) processes: usize,
    /// Operations of each process.
    pub(super) operations: usize,
    pub(super) fault: Fault,
    pub(super) sabotage: Option<Sabotage>,
    /// Whether the power fails at the end, so that only what was flushed is sure to be there.
    pub(super) power_cut_at_end: bool,
    /// Whether the artifact is reset, deleted and purged now and then.
    pub(super) removals: bool,
    /// Whether a person moves, removes and copies folders meanwhile.
    pub(super) exchanges: bool,
    /// Whether each process looks at the readable copy after each of its operations.
    pub(super) watches: bool,
}

/// What one process was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Tokens that were acknowledged, with their versions.
    pub(super) acknowledged: Vec<(String, Version)>,
    /// When each was, counted in operations of the disk.
    pub(super) acknowledged_at: Vec<usize>,
    /// Versions that were answered, with the digests of their documents.
    pub(super) answered: Vec<(Version, Digest)>,
    /// The versions of the readable copy, as it saw them.
    pub(super) copied: Vec<Version>,
    /// What it did beside saving.
    pub(super) removals: removals::Told,
}

pub(super) fn name() -> Name {
    Name::parse("a").unwrap()
}

/// Runs a plan. Fails with the first thing that is not as it was promised. Returns the kinds of
/// the operations that the disk was asked for.
pub(super) fn run(plan: Plan) -> Result<Vec<Kind>, String> {
    let disk = SimulatedDisk::new(plan.seed, plan.fault);
    let mut processes = disk.start(plan.processes + usize::from(plan.exchanges));
    let person = if plan.exchanges { processes.pop() } else { None };
    let (told, over) = match (processes.as_slice(), &person) {
        ([alone], None) => (vec![work(plan, alone, 0)], None),
        _ => together(plan, &processes, person.as_ref()),
    };
    let kinds = disk.kinds();
    if plan.fault == Fault::None && person.is_none() {
        verdict::at_rest(&disk, plan)?;
    }
    if plan.power_cut_at_end || matches!(plan.fault, Fault::PowerCut { .. }) {
        disk.restart();
    } else {
        disk.calm();
    }
    match over {
        Some(over) => exchanges::check(&disk, plan, &told, over)?,
        None => verdict::check(&disk, plan, &told)?,
    }
    Ok(kinds)
}

/// Lets processes, and perhaps a person, work at once. Returns what the processes were told, and when
/// the person was done.
fn together(
    plan: Plan,
    processes: &[Process],
    person: Option<&Process>,
) -> (Vec<Told>, Option<usize>) {
    thread::scope(|scope| {
        let person = person.map(|person| scope.spawn(move || exchanges::exchange(plan, person)));
        let work = |(number, process)| scope.spawn(move || work(plan, process, number));
        let threads: Vec<_> = processes.iter().enumerate().map(work).collect();
        let told = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        (told.collect(), person.map(|person| person.join().expect("it does not panic")))
    })
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
    let whole = read_whole(&process, &path).map_err(|e| e.to_string())?.unwrap_or_default();
    disk.flip_bit(&path, Random::new(!plan.seed).below(whole.len()));
    let damaged = read_whole(&process, &path).map_err(|e| e.to_string())?;
    testing::sabotage(plan.sabotage);
    let store = Store::new(Arc::new(process.clone()), SIZES, Witness::none());
    let read = newest(&store);
    let written = store.append(&name(), save("after", &mut Random::new(1)));
    let warned = newest(&store);
    testing::sabotage(None);
    let untouched = read_whole(&process, &path).map_err(|e| e.to_string())? == damaged;
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

fn newest(store: &Store) -> Result<Option<Newest>, StoreFault> {
    Ok(store.standing(&name())?.and_then(ArtifactState::alive))
}

/// Reads a whole file, however large.
pub(super) fn read_whole(process: &Process, path: &str) -> std::io::Result<Option<Vec<u8>>> {
    fs::read(process, path, u64::MAX)
}

/// One process: saves and reads until its operations are done or it is dead.
fn work(plan: Plan, process: &Process, number: usize) -> Told {
    testing::sabotage(plan.sabotage);
    let store = Store::new(Arc::new(process.clone()), SIZES, Witness::none());
    let mut random =
        Random::new(plan.seed ^ (number as u64 + 1).wrapping_mul(0xA24B_AED4_963E_E407));
    let mut told = Told::default();
    for operation in 0..plan.operations {
        if plan.watches {
            let copy = copy::read(process, &name()).ok().flatten();
            told.copied.push(copy.map_or(0, |copy| copy.snapshot.version));
        }
        if plan.removals && told.removals.work(&store, process, &mut random) {
            continue;
        }
        if random.chance(4) {
            if let Ok(Some(newest)) = newest(&store) {
                told.answered.push((newest.snapshot.version, newest.snapshot.digest));
            }
            continue;
        }
        let token = format!("<{number}-{operation}>");
        if let Ok((Some(newest), _)) = store.append(&name(), save(&token, &mut random)) {
            told.removals.saw(&newest);
            told.acknowledged.push((token, newest.snapshot.version));
            told.acknowledged_at.push(process.last_operation());
            told.answered.push((newest.snapshot.version, newest.snapshot.digest));
        }
    }
    store.settle();
    testing::sabotage(None);
    process.end();
    told
}

/// Adds a token to the list in the document; now and then with a section for the logs, as the
/// first entry of a new cycle, or with so much content that it goes into a blob or over several
/// pages.
pub(super) fn save(token: &str, random: &mut Random) -> Decide {
    let token = token.to_owned();
    let padding = match random.below(16) {
        0 => limits::INLINE_PAYLOAD_BYTES_MAX + 1,
        1 | 2 => PAGE * 2,
        _ => random.below(200),
    };
    let (section, new_cycle, output) = (random.chance(3), random.chance(6), random.chance(4));
    Box::new(move |transaction: &mut Transaction<'_>| {
        let before = transaction.newest().cloned();
        let drafted = with_token(before.as_deref(), &token, padding);
        let cycle_open = drafted.document.finalized_at.is_none();
        if new_cycle && cycle_open && before.is_some() {
            drop(transaction.append(finalized(before.as_deref())).expect("small enough"));
            drop(transaction.append(next_cycle(drafted)).expect("small enough"));
            return;
        }
        let sections = if section {
            LogFile::ALL.map(|log| Section { log, text: format!("## {token}\n\n") }).to_vec()
        } else {
            Vec::new()
        };
        let drafted = if output { with_output(drafted, &token) } else { drafted };
        let drafted = match &before {
            Some(_) => drafted,
            None => Draft { operation: OPENING_OPERATION, ..drafted },
        };
        drop(transaction.append(Draft { sections, ..drafted }).expect("small enough"));
    })
}

fn with_token(before: Option<&Snapshot>, token: &str, padding: usize) -> Draft {
    let mut tokens = before.map_or(Vec::new(), |before| tokens_of(&before.tree.to_value()));
    tokens.push(token.to_owned());
    let mut drafted = draft("a", &json!(tokens));
    drafted.document.data.set("padding", Some(json!("x".repeat(padding))));
    drafted.document.cycle = before.map_or(1, |before| before.document.cycle);
    drafted
}

/// Lets an entry bring the file `dist/made/out.txt` with its token.
fn with_output(drafted: Draft, token: &str) -> Draft {
    let content = token.as_bytes().to_vec();
    let path = OutputPath::parse(OUTPUT).expect("a good path");
    let (bytes, digest) = (content.len() as u64, Digest::of(&content));
    let output = Output { path, bytes, digest, replaces: None };
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

/// Returns the tokens of a document. There are none where there is no document.
pub(super) fn tokens_of(document: &Value) -> Vec<String> {
    let tokens = document.pointer("/data/value").cloned().unwrap_or_default();
    serde_json::from_value::<Option<_>>(tokens)
        .expect("the value is a list of tokens")
        .unwrap_or_default()
}
