//! Entry 100,000 costs what entry 100 costs. Shown by counts, which are the same on every machine:
//! system calls, bytes read and written, memory.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Call, Project, Raw, Server, told, traced};

const EARLY: u64 = 100;
const LATE: u64 = 100_000;
/// Saves in flight at once while the journal is filled.
const LANES: u64 = 64;
/// Saves of a run, one after the other.
const SAVES: u64 = 20;
/// What a segment may have before the next one is begun, and one batch of saves above that.
const SEGMENT_BYTES_MAX: u64 = (4 << 20) + (64 << 10);
const SEGMENT_ENTRIES_MAX: u64 = 4096 + LANES;
/// What opening reads of a segment when `state.json` is as new as the journal.
const TAIL_BYTES_MAX: u64 = 129 << 10;
/// What a server may take for the entries of a whole segment while it reads them.
const MEMORY_KIB: u64 = 48 << 10;

/// What a process did on the files of its project from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cost {
    calls: u64,
    journal_bytes_read: u64,
    /// How many segments were read.
    segments_read: u64,
    bytes_written: u64,
    flushes: u64,
}

impl Cost {
    fn least_of_each(self, other: &Self) -> Self {
        Self {
            calls: self.calls.min(other.calls),
            journal_bytes_read: self.journal_bytes_read.min(other.journal_bytes_read),
            segments_read: self.segments_read.min(other.segments_read),
            bytes_written: self.bytes_written.min(other.bytes_written),
            flushes: self.flushes.min(other.flushes),
        }
    }
}

fn save(lane: u64, i: u64) -> Value {
    // The document has the same length at every version.
    let patch = json!({ "data": { format!("lane-{lane:02}"): format!("{i:012}") } });
    json!({ "name": "a", "patch": patch, "idempotency_key": format!("key-{i}") })
}

/// Saves until the artifact has a version, with as many calls in flight as there are lanes.
async fn fill(project: &Project, version: u64) {
    let mut server = Raw::greeted(project.path()).await;
    let init = json!({ "name": "a", "workflow": "document" });
    let opened = server.call("init_state", init).await.unwrap();
    let (first, mut in_flight) = (opened["version"].as_u64().unwrap() + 1, 0);
    for i in first..=version {
        let params = json!({ "name": "save_state", "arguments": save(i % LANES, i) });
        let call = json!({ "jsonrpc": "2.0", "id": i, "method": "tools/call", "params": params });
        server.send(&call).await;
        in_flight += 1;
        if in_flight == LANES {
            told(&server.next().await).unwrap();
            in_flight -= 1;
        }
    }
    let (status, answers) = server.end().await;
    assert!(status.success());
    answers.iter().for_each(|answer| drop(told(answer).unwrap()));
}

/// Versions that the newest segment has.
fn in_newest_segment(project: &Project, version: u64) -> u64 {
    let newest = project.segments("a").pop().unwrap();
    let first: u64 = newest.strip_suffix(".jsonl").unwrap().parse().unwrap();
    version + 1 - first
}

/// Runs a server that is asked for the newest state, then for other things, and counts.
async fn run(project: &Project, version: u64, calls: &[(&str, Value)]) -> Cost {
    let file = project.path().join("trace");
    let (mut command, trace) = traced(project.path(), "%file,%desc", &file);
    command.arg("serve");
    let server = Server::start_command(command).await;
    let loaded = server.call("load_state", json!({ "name": "a" })).await.unwrap();
    assert_eq!(loaded["version"], version);
    for (tool, arguments) in calls {
        server.call(tool, arguments.clone()).await.unwrap();
    }
    assert!(server.end().await.success());
    cost(project.path(), &trace.calls())
}

fn cost(project: &Path, calls: &[Call]) -> Cost {
    let calls: Vec<&Call> =
        calls.iter().filter(|call| Path::new(&call.path).starts_with(project)).collect();
    let bytes = |calls: &[&Call]| {
        calls.iter().map(|call| u64::try_from(call.returned.unwrap()).unwrap()).sum()
    };
    let of = |names: &[&str], within: &str| -> Vec<&Call> {
        let matches = |call: &&&Call| names.contains(&&*call.name) && call.path.contains(within);
        calls.iter().filter(matches).copied().collect()
    };
    let read = of(&["read", "pread64", "readv", "preadv", "mmap"], "/journal/");
    let mut segments: Vec<&str> = read.iter().map(|call| &*call.path).collect();
    segments.retain(|path| path.ends_with(".jsonl"));
    segments.sort_unstable();
    segments.dedup();
    Cost {
        calls: calls.len() as u64,
        journal_bytes_read: bytes(&read),
        segments_read: segments.len() as u64,
        bytes_written: bytes(&of(&["write", "pwrite64", "writev", "pwritev"], "")),
        flushes: of(&["fsync", "fdatasync"], "").len() as u64,
    }
}

/// What is done at a version.
#[derive(Debug)]
struct Costs {
    opening: Cost,
    first_save: Cost,
    more_saves: Cost,
    /// KiB that a server took at most.
    memory: u64,
}

impl Costs {
    /// Measures at a version. Leaves a few more.
    async fn at(project: &Project, mut version: u64) -> Self {
        Self {
            opening: least(project, &mut version, 0).await,
            first_save: least(project, &mut version, 1).await,
            more_saves: least(project, &mut version, 1 + SAVES).await,
            memory: memory(project).await,
        }
    }

    /// What one more save costs a server that has saved already, times [`SAVES`].
    fn of_saves(&self) -> Cost {
        let (all, first) = (&self.more_saves, &self.first_save);
        Cost {
            calls: all.calls - first.calls,
            journal_bytes_read: all.journal_bytes_read - first.journal_bytes_read,
            segments_read: all.segments_read - first.segments_read,
            bytes_written: all.bytes_written - first.bytes_written,
            flushes: all.flushes - first.flushes,
        }
    }
}

/// Runs a server five times that saves so many times, and returns the least of each. What is done a
/// moment later, such as a listing that is made anew, falls into a run or not, and the journal grows.
async fn least(project: &Project, version: &mut u64, saves: u64) -> Cost {
    let mut least: Option<Cost> = None;
    for _ in 0..5 {
        let next = *version + 1..=*version + saves;
        let calls: Vec<_> = next.map(|i| ("save_state", save(0, i))).collect();
        let cost = run(project, *version, &calls).await;
        least = Some(match least {
            Some(least) => least.least_of_each(&cost),
            None => cost,
        });
        *version += saves;
    }
    least.expect("it was run")
}

/// The most that a server takes that reads and writes, in KiB.
async fn memory(project: &Project) -> u64 {
    let server = Server::start(project.path()).await;
    server.call("load_state", json!({ "name": "a" })).await.unwrap();
    let patch = json!({ "data": { "lane-00": "written again" } });
    server.call("save_state", json!({ "name": "a", "patch": patch })).await.unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    assert!(server.end().await.success());
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

fn check_near(what: &str, late: u64, early: u64, tolerance: u64) {
    assert!(late.abs_diff(early) <= tolerance, "{what}: {late} late, {early} early");
}

/// Fills the journal of a project until there is room for a few more saves in its newest segment.
async fn filled(project: &Project) -> u64 {
    let mut version = LATE;
    fill(project, version).await;
    while in_newest_segment(project, version) > SEGMENT_ENTRIES_MAX - 10 * SAVES {
        version += 10 * SAVES;
        fill(project, version).await;
    }
    version
}

#[tokio::test]
async fn entry_100000_costs_what_entry_100_costs() {
    let project = Project::new();
    fill(&project, EARLY).await;
    let early = Costs::at(&project, EARLY).await;
    let version = filled(&project).await;
    let late = Costs::at(&project, version).await;
    println!("at version {EARLY}: {early:#?}\nat version {version}: {late:#?}");

    let (opening, before) = (&late.opening, &early.opening);
    check_near("calls of opening", opening.calls, before.calls, 4);
    assert_eq!((opening.segments_read, opening.bytes_written, opening.flushes), (1, 0, 0));
    assert!(opening.journal_bytes_read <= TAIL_BYTES_MAX, "{opening:?}");

    let (first, before) = (&late.first_save, &early.first_save);
    check_near("calls of the first save", first.calls, before.calls, 8);
    check_near("bytes of the first save", first.bytes_written, before.bytes_written, 64);
    assert_eq!((first.segments_read, first.flushes), (1, before.flushes));
    assert!(first.journal_bytes_read <= TAIL_BYTES_MAX + SEGMENT_BYTES_MAX, "{first:?}");

    let (saves, before) = (late.of_saves(), early.of_saves());
    // The listing's look at the artifact may have to wait for a save, and is longer then.
    check_near("calls of saves", saves.calls, before.calls, 2 * SAVES);
    check_near("bytes of saves", saves.bytes_written, before.bytes_written, 32 * SAVES);
    assert_eq!((saves.flushes, before.flushes), (SAVES, SAVES));
    // The listing that was made meanwhile looks at the last page of the journal.
    assert!(saves.journal_bytes_read < 1024 * SAVES, "nothing is read again: {saves:?}");
    check_near("KiB of memory", late.memory, early.memory, MEMORY_KIB);

    check_segments(&project);
    check_middle(&project).await;
}

/// No segment grows beyond what opening may cost.
fn check_segments(project: &Project) {
    let segments = project.segments("a");
    assert!(segments.len() as u64 >= LATE / SEGMENT_ENTRIES_MAX, "{segments:?}");
    for segment in segments {
        let bytes =
            std::fs::metadata(project.of("a", &format!("journal/{segment}"))).unwrap().len();
        assert!(bytes <= SEGMENT_BYTES_MAX, "{segment}: {bytes} bytes");
    }
}

/// What happened half-way is read from the segment that has it.
async fn check_middle(project: &Project) {
    let server = Server::start(project.path()).await;
    let newest = server.call("load_state", json!({ "name": "a" })).await.unwrap();
    let middle = LATE / 2;
    let page = json!({ "name": "a", "after": middle, "limit": 100 });
    let entries = server.call("history", page.clone()).await.unwrap()["entries"].clone();
    assert_eq!(
        (&entries[0]["version"], &entries[99]["version"]),
        (&json!(middle + 1), &json!(middle + 100))
    );
    assert!(server.end().await.success());
    let state = json!({ "name": "a", "at": middle.to_string() });
    let calls = [("history", page), ("load_state", state)];
    let cost = run(project, newest["version"].as_u64().unwrap(), &calls).await;
    // Those of the page, at most two, and the newest one.
    assert!(cost.segments_read <= 3, "{cost:?}");
    assert!(cost.journal_bytes_read <= 4 * SEGMENT_BYTES_MAX, "{cost:?}");
}
