//! What was acknowledged is there: after many calls at once, from several processes, and after any
//! number of kills. And what that costs in flushes.
//!
//! That it is there after a power cut too is shown on the simulated disk, beside the storage.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use crate::common::{Caller, Project, Random, Server, refiner, soon};

/// A save that was acknowledged: its version and what it said of itself.
type Saved = (u64, String);

/// Saves that were acknowledged: what they said of themselves, by version.
type Acknowledged = BTreeMap<u64, String>;

fn document(name: &str) -> Value {
    json!({ "name": name, "workflow": "document" })
}

/// A save that can be told from all others.
async fn save(caller: &Caller, mark: &str) -> Result<u64, Value> {
    let patch = json!({ "data": { "last": mark } });
    let arguments = json!({ "name": "a", "patch": patch, "note": mark });
    let answer = caller.call("save_state", arguments).await?;
    assert_eq!(answer["changed"], true, "{answer}");
    Ok(answer["version"].as_u64().unwrap())
}

/// Every version of the artifact `a` with its note, as a fresh process reads them.
async fn recorded(project: &Path) -> BTreeMap<u64, Option<String>> {
    let server = Server::start(project).await;
    let (mut recorded, mut after) = (BTreeMap::new(), json!(0));
    while !after.is_null() {
        let arguments = json!({ "name": "a", "after": after, "limit": 100 });
        let page = server.call("history", arguments).await.unwrap();
        for entry in page["entries"].as_array().unwrap() {
            let note = entry["note"].as_str().map(str::to_owned);
            let version = entry["version"].as_u64().unwrap();
            assert!(recorded.insert(version, note).is_none(), "version {version} is there twice");
        }
        after = page["next_after"].clone();
    }
    server.end().await;
    recorded
}

/// Fails unless versions have no gaps and every acknowledged save is the version that it was said
/// to be.
async fn check(project: &Path, acknowledged: &Acknowledged) -> usize {
    let recorded = recorded(project).await;
    let versions: Vec<u64> = recorded.keys().copied().collect();
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    for (version, mark) in acknowledged {
        assert_eq!(recorded.get(version), Some(&Some(mark.clone())), "version {version}");
    }
    assert_eq!(refiner(project, ["doctor", "--json"]).json()["healthy"], true);
    versions.len()
}

#[tokio::test]
async fn twenty_saves_in_flight_at_once_on_one_artifact_are_all_there() {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    server.call("init_state", document("a")).await.unwrap();
    let calls = (0..20).map(|i| {
        let caller = server.caller();
        async move {
            let patch = json!({ "data": { format!("k{i}"): i } });
            let arguments = json!({ "name": "a", "patch": patch, "note": format!("s{i}") });
            let answer = caller.call("save_state", arguments).await.unwrap();
            (answer["version"].as_u64().unwrap(), format!("s{i}"))
        }
    });
    let acknowledged: Acknowledged = join_all(calls).await.into_iter().collect();
    // Nothing may depend on an orderly end.
    server.kill().await;
    assert_eq!(acknowledged.keys().copied().collect::<Vec<_>>(), (2..=21).collect::<Vec<_>>());
    assert_eq!(check(project.path(), &acknowledged).await, 21);
    let data = json!((0..20).map(|i| (format!("k{i}"), i)).collect::<BTreeMap<_, _>>());
    let shown = refiner(project.path(), ["show", "a", "--select", "/data", "--json"]);
    assert_eq!(shown.json()["selected"]["/data"], data);
}

#[tokio::test]
async fn two_processes_that_save_a_hundred_times_each_at_once_lose_nothing() {
    for at_once in [1, 10] {
        let project = Project::new();
        let servers = [Server::start(project.path()).await, Server::start(project.path()).await];
        servers[0].call("init_state", document("a")).await.unwrap();
        let lanes = (0..2 * at_once).map(|lane| {
            let caller = servers[lane % 2].caller();
            async move {
                let mut acknowledged = Vec::new();
                for i in 0..100 / at_once {
                    let mark = format!("{lane}-{i}");
                    acknowledged.push((save(&caller, &mark).await.unwrap(), mark));
                }
                acknowledged
            }
        });
        let all: Vec<(u64, String)> = join_all(lanes).await.into_iter().flatten().collect();
        for server in servers {
            server.kill().await;
        }
        let acknowledged: Acknowledged = all.iter().cloned().collect();
        assert_eq!((all.len(), acknowledged.len()), (200, 200), "no version was given twice");
        assert_eq!(check(project.path(), &acknowledged).await, 201);
    }
}

/// Two processes that race for the same version: one wins, and the other learns of it.
#[tokio::test]
async fn of_two_processes_with_the_same_expected_version_exactly_one_wins() {
    let project = Project::new();
    let servers = [Server::start(project.path()).await, Server::start(project.path()).await];
    servers[0].call("init_state", document("a")).await.unwrap();
    for version in 1..=50 {
        let calls = servers.iter().enumerate().map(|(i, server)| {
            let patch = json!({ "data": { "winner": format!("{version}-{i}") } });
            let arguments = json!({ "name": "a", "patch": patch, "expected_version": version });
            server.call("save_state", arguments)
        });
        let answers = join_all(calls).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 1), "{won:?} {lost:?}");
        let refusal = lost[0].as_ref().unwrap_err();
        assert_eq!(
            (&refusal["code"], &refusal["current"]),
            (&json!("conflict"), &json!(version + 1))
        );
    }
}

/// Saves until the server is gone, and tells what was acknowledged.
async fn save_until_killed(caller: Caller, lane: String, tell: UnboundedSender<Saved>) {
    for i in 0.. {
        let mark = format!("{lane}-{i}");
        match save(&caller, &mark).await {
            Ok(version) => tell.send((version, mark)).unwrap(),
            Err(lost) if lost["lost"].is_string() => break,
            Err(refusal) => panic!("{mark}: {refusal}"),
        }
    }
}

/// Saves through a server in several lanes at once. Returns where what was acknowledged comes from,
/// and the lanes.
fn save_in_lanes(
    server: &Server,
    name: &str,
    lanes: u64,
) -> (UnboundedReceiver<Saved>, JoinSet<()>) {
    let (tell, told) = mpsc::unbounded_channel();
    let saving = (0..lanes)
        .map(|lane| save_until_killed(server.caller(), format!("{name}-{lane}"), tell.clone()));
    (told, saving.collect())
}

/// Returns what is still to be told, once all lanes have ended.
async fn rest(mut told: UnboundedReceiver<Saved>, lanes: JoinSet<()>) -> Vec<Saved> {
    soon("the end of the lanes", lanes.join_all()).await;
    std::iter::from_fn(|| told.try_recv().ok()).collect()
}

/// Starts a server, saves through it at several places at once, and kills it at a random moment:
/// from before the first save is stored to after some hundred are.
async fn round(project: &Path, name: String, random: &mut Random) -> Vec<Saved> {
    let server = Server::start(project).await;
    // The next start just works.
    server.call("load_state", json!({ "name": "a" })).await.unwrap();
    let (mut told, lanes) = save_in_lanes(&server, &name, 1 + random.below(8));
    let saves_before = if random.below(4) == 0 { 0 } else { random.below(200) };
    let mut acknowledged = Vec::new();
    for _ in 0..saves_before {
        acknowledged.extend(soon("a save", told.recv()).await);
    }
    // Not an event to wait for, but a moment to be found: somewhere in the saves that follow.
    tokio::time::sleep(Duration::from_micros(random.below(2_000))).await;
    server.kill().await;
    acknowledged.extend(rest(told, lanes).await);
    acknowledged
}

#[tokio::test]
async fn fifty_kills_at_random_moments_lose_nothing_that_was_acknowledged() {
    const ROUNDS: u64 = 50;
    let project = Project::new();
    let server = Server::start(project.path()).await;
    server.call("init_state", document("a")).await.unwrap();
    server.kill().await;
    let (mut acknowledged, mut rounds_with_saves) = (Acknowledged::new(), 0);
    for seed in 0..ROUNDS {
        let (mut one, mut other) = (Random::seeded(seed), Random::seeded(1000 + seed));
        let path = project.path();
        let saved = match seed % 3 {
            // Two processes, each killed at a moment of its own.
            0 => {
                let (first, second) = tokio::join!(
                    round(path, format!("{seed}a"), &mut one),
                    round(path, format!("{seed}b"), &mut other)
                );
                [first, second].concat()
            }
            _ => round(path, seed.to_string(), &mut one).await,
        };
        rounds_with_saves += u64::from(!saved.is_empty());
        let given: usize = acknowledged.len() + saved.len();
        acknowledged.extend(saved);
        assert_eq!(acknowledged.len(), given, "a version was given twice in round {seed}");
        let newest = refiner(path, ["show", "a", "--json"]).json()["version"].as_u64().unwrap();
        assert!(acknowledged.keys().all(|version| *version <= newest), "round {seed}: {newest}");
    }
    let versions = check(project.path(), &acknowledged).await;
    println!("{ROUNDS} kills: {} saves acknowledged, {versions} versions", acknowledged.len());
    assert!(rounds_with_saves > ROUNDS / 2, "too few rounds saved anything: {rounds_with_saves}");
}

/// A server that was killed while another one works does not keep that one from working.
#[tokio::test]
async fn a_killed_process_leaves_no_lock_behind() {
    let project = Project::new();
    let (killed, other) =
        (Server::start(project.path()).await, Server::start(project.path()).await);
    killed.call("init_state", document("a")).await.unwrap();
    let (told, lanes) = save_in_lanes(&killed, "killed", 8);
    let caller = other.caller();
    let mut acknowledged = Acknowledged::new();
    for i in 0..20 {
        let mark = format!("before-{i}");
        acknowledged.insert(save(&caller, &mark).await.unwrap(), mark);
    }
    killed.kill().await;
    for i in 0..20 {
        let mark = format!("after-{i}");
        acknowledged.insert(save(&caller, &mark).await.unwrap(), mark);
    }
    acknowledged.extend(rest(told, lanes).await);
    other.kill().await;
    check(project.path(), &acknowledged).await;
}

#[cfg(target_os = "linux")]
mod flushes {
    use super::*;
    use crate::common::{Call, Trace, traced};

    /// A server under `strace` on an artifact that exists already.
    async fn server(project: &Project) -> (Server, Trace) {
        refiner(project.path(), ["init", "a", "--workflow", "document"]);
        let file = project.path().join("trace");
        let (mut command, trace) =
            traced(project.path(), "fdatasync,fsync,sync_file_range,syncfs,sync,msync", &file);
        command.arg("serve");
        (Server::start_command(command).await, trace)
    }

    fn are_flushes_of_the_journal(calls: &[Call]) -> bool {
        let is_one = |call: &Call| {
            call.name == "fdatasync"
                && call.path.ends_with("artifacts/a/journal/000000000001.jsonl")
        };
        calls.iter().all(is_one)
    }

    #[tokio::test]
    async fn a_lone_save_costs_one_flush() {
        const SAVES: usize = 50;
        let project = Project::new();
        let (server, trace) = server(&project).await;
        for i in 0..SAVES {
            save(&server.caller(), &format!("s{i}")).await.unwrap();
        }
        assert!(server.end().await.success());
        let calls = trace.calls();
        assert!(are_flushes_of_the_journal(&calls), "{calls:?}");
        assert_eq!(calls.len(), SAVES, "one fdatasync for each, and no other flush");
    }

    #[tokio::test]
    async fn saves_at_once_share_their_flushes() {
        const SAVES: usize = 2000;
        const AT_ONCE: usize = 64;
        let project = Project::new();
        let (server, trace) = server(&project).await;
        let lanes = (0..AT_ONCE).map(|lane| {
            let caller = server.caller();
            async move {
                for i in 0..SAVES / AT_ONCE {
                    save(&caller, &format!("{lane}-{i}")).await.unwrap();
                }
            }
        });
        join_all(lanes).await;
        assert!(server.end().await.success());
        let saves = SAVES / AT_ONCE * AT_ONCE;
        let calls = trace.calls();
        assert!(are_flushes_of_the_journal(&calls), "{calls:?}");
        println!("{saves} saves, {AT_ONCE} at once: {} flushes", calls.len());
        assert!(calls.len() * 8 < saves, "{} flushes for {saves} saves", calls.len());
    }

    #[tokio::test]
    async fn what_writes_nothing_flushes_nothing() {
        let project = Project::new();
        let (server, trace) = server(&project).await;
        for _ in 0..20 {
            server.call("load_state", json!({ "name": "a" })).await.unwrap();
            server.call("history", json!({ "name": "a" })).await.unwrap();
            server.call("list_artifacts", json!({})).await.unwrap();
            let unchanged = json!({ "name": "a", "patch": {} });
            let saved = server.call("save_state", unchanged).await.unwrap();
            assert_eq!((&saved["changed"], &saved["version"]), (&json!(false), &json!(1)));
            server
                .call("save_state", json!({ "name": "a", "patch": { "phase": "x" } }))
                .await
                .unwrap_err();
        }
        assert!(server.end().await.success());
        assert_eq!(trace.calls(), []);
    }
}
