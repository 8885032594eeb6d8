//! Random sequences of operations against a naive model of what a loop may do.

use proptest::prelude::*;

use super::*;
use crate::model::schema;

/// Something that a host may try, sensible or not.
#[derive(Clone, Debug)]
enum Attempt {
    Init,
    Save(u8),
    Complete { status: &'static str, believes: Option<&'static str> },
    Reject,
    Stop { human: bool },
    Checkpoint,
    Restore(u64),
    Verify,
    Write(&'static str, u8),
    Finalize,
}

const PHASES: [&str; 5] = ["specify", "plan", "execute", "reflect", "persist"];

fn attempt() -> impl Strategy<Value = Attempt> {
    let status = prop::sample::select(vec!["satisfied", "violated", "partially_satisfied"]);
    let believes = prop::option::of(prop::sample::select(PHASES.to_vec()));
    let complete =
        (status, believes).prop_map(|(status, believes)| Attempt::Complete { status, believes });
    prop_oneof![
        12 => complete,
        1 => Just(Attempt::Init),
        3 => any::<u8>().prop_map(Attempt::Save),
        1 => Just(Attempt::Reject),
        1 => prop::bool::weighted(0.1).prop_map(|human| Attempt::Stop { human }),
        1 => Just(Attempt::Checkpoint),
        2 => (0..40_u64).prop_map(Attempt::Restore),
        2 => Just(Attempt::Verify),
        3 => (prop::sample::select(vec!["a.md", "b/c.md"]), 0..3_u8)
            .prop_map(|(path, content)| Attempt::Write(path, content)),
        1 => Just(Attempt::Finalize),
    ]
}

/// Where a loop stands.
#[derive(Clone, Debug, PartialEq)]
struct Observed {
    version: u64,
    cycle: u64,
    phase: String,
    iteration: u64,
    /// The numbers of the iterations that are recorded.
    recorded: Vec<u64>,
    document: Value,
}

async fn standing(service: &Service) -> Observed {
    let document = document(service).await;
    let list = document["iteration_history"].as_array().unwrap();
    Observed {
        version: document["version"].as_u64().unwrap(),
        cycle: document["cycle"].as_u64().unwrap(),
        phase: document["phase"].as_str().unwrap().to_owned(),
        iteration: document["current_iteration"].as_u64().unwrap(),
        recorded: list.iter().map(|one| one["iteration"].as_u64().unwrap()).collect(),
        document,
    }
}

async fn make(service: &Service, attempt: &Attempt) -> Result<(), Refusal> {
    match attempt {
        Attempt::Init => init(service, json!({})).await.map(drop),
        Attempt::Save(value) => {
            save(service, json!({"patch": {"data": {"x": value}}})).await.map(drop)
        }
        Attempt::Complete { status, believes } => {
            let phase = document(service).await["phase"].as_str().unwrap().to_owned();
            let phase = believes.unwrap_or(&phase);
            complete(service, phase, result_of(phase, status)).await.map(drop)
        }
        Attempt::Reject => send(service, json!({"event": "reject"})).await.map(drop),
        Attempt::Stop { human } => {
            let who = if *human { person(service).await } else { caller() };
            service.run(arguments::<Transition>(json!({"event": "stop"})), &who).await.map(drop)
        }
        Attempt::Checkpoint => call::<Checkpoint>(service, json!({})).await.map(drop),
        Attempt::Restore(version) => {
            let to = json!({"to": version.to_string()});
            call::<Restore>(service, to).await.map(drop)
        }
        Attempt::Verify => call::<Verify>(service, json!({})).await.map(drop),
        Attempt::Write(path, content) => {
            let fields = json!({"path": path, "content": "x".repeat(usize::from(*content))});
            call::<WriteOutput>(service, fields).await.map(drop)
        }
        Attempt::Finalize => call::<Finalize>(service, json!({})).await.map(drop),
    }
}

/// Where each phase may lead.
fn may_follow(from: &str, to: &str) -> bool {
    match from {
        "specify" => to == "plan",
        "plan" => to == "execute",
        "execute" => to == "reflect",
        "reflect" => to == "persist",
        "persist" => matches!(to, "plan" | "execute" | "converged" | "exhausted"),
        _ => false,
    }
}

/// What the naive model says of two standings, one operation apart.
fn check(before: &Observed, attempt: &Attempt, refused: bool, after: &Observed) {
    if refused {
        assert_eq!(before, after, "a refused {attempt:?} changed something");
        return;
    }
    assert!(after.version >= before.version, "{attempt:?} lowered the version");
    assert!(after.cycle == before.cycle || after.cycle == before.cycle + 1);
    if after.cycle > before.cycle {
        assert!(matches!(attempt, Attempt::Init), "{attempt:?} began a cycle");
        assert_eq!((after.phase.as_str(), after.iteration), ("specify", 0));
        return;
    }
    assert!(after.recorded.starts_with(&before.recorded), "{attempt:?} lost an iteration");
    if after.phase != before.phase {
        let by_person =
            matches!(attempt, Attempt::Stop { human: true }) && after.phase == "stopped";
        let by_loop = matches!(attempt, Attempt::Complete { .. });
        assert!(by_person || by_loop, "{attempt:?} moved the phase");
        assert!(by_person || may_follow(&before.phase, &after.phase), "{before:?} {after:?}");
    }
    let begins = matches!(before.phase.as_str(), "specify" | "persist") && after.phase == "plan";
    assert_eq!(after.iteration, before.iteration + u64::from(begins), "{attempt:?}");
    let closes = before.phase == "persist"
        && matches!(after.phase.as_str(), "plan" | "converged" | "exhausted");
    let expected = before.recorded.len() + usize::from(closes);
    assert_eq!(after.recorded.len(), expected, "{attempt:?}");
    assert!(after.recorded.iter().copied().eq(1..=after.recorded.len() as u64), "{after:?}");
}

async fn play(attempts: &[Attempt]) {
    let service = service();
    let mut fields = goal_and_constraint();
    fields["max_iterations"] = json!(3);
    init(&service, fields).await.unwrap();
    let mut before = standing(&service).await;
    for attempt in attempts {
        let refused = make(&service, attempt).await.is_err();
        let after = standing(&service).await;
        check(&before, attempt, refused, &after);
        let violations = schema::DOCUMENT.violations(&after.document);
        assert_eq!(violations, [], "after {attempt:?}");
        before = after;
    }
    let newest = service.provider.read(&name(), 0, usize::MAX).await.unwrap();
    let versions: Vec<u64> = newest.iter().map(|entry| entry.version).collect();
    assert!(versions.into_iter().eq(1..=before.version), "an entry is missing");
    let replayed = service.replay(Replay { name: name() }, &caller()).await.unwrap();
    assert!(replayed.agrees && replayed.not_replayable.is_empty(), "{replayed:#?}");
    assert_eq!(replayed.entries, before.version);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_operations_skips_a_phase_lowers_a_version_or_loses_an_iteration(
        attempts in prop::collection::vec(attempt(), 1..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(&attempts));
    }
}
