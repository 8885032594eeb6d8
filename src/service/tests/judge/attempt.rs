//! What a host, a person and other programs may try, sensible or not.

use super::*;

/// Something that is tried.
#[derive(Clone, Debug)]
pub(super) enum Attempt {
    /// Does the present phase as it should be done, with good files.
    Honest,
    /// Does the same, but `report.md` has other content.
    Lazy(&'static str),
    /// Ends a phase without the work: a phase that may not be the present one, and a result.
    Complete {
        phase: Option<&'static str>,
        result: Value,
    },
    /// Opens the artifact again, perhaps as its next cycle, with other options.
    Open {
        options: Value,
        is_person: bool,
    },
    Save {
        fields: Value,
        is_person: bool,
    },
    Send {
        event: &'static str,
        is_person: bool,
    },
    Write {
        path: &'static str,
        content: &'static str,
    },
    /// Saves the present constraints with one of them changed.
    Alter {
        index: usize,
        how: Alteration,
        is_person: bool,
    },
    /// Another program writes or removes a file.
    Behind {
        path: &'static str,
        content: Option<&'static str>,
    },
    Restore {
        version: u64,
        is_person: bool,
    },
    Checkpoint,
    Finalize {
        status: Option<&'static str>,
    },
    /// An attempt with an idempotency key, which other attempts may have too.
    Keyed(&'static str, Box<Self>),
}

/// A change of one constraint.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alteration {
    Drop,
    Weigh(&'static str),
    Assert,
    LookAt(&'static str),
    Weaken,
}

const PHASES: [&str; 5] = ["specify", "plan", "execute", "reflect", "persist"];
const STATUSES: [&str; 3] = ["satisfied", "violated", "partially_satisfied"];

/// Constraints that measure the work, some of them weaker than others of the same id.
fn constraint_of(id: &str, path: &str, weak: bool, severity: &str) -> Value {
    let (method, mut params) = match (id, weak) {
        ("there", false) => ("not_empty", json!({})),
        ("there", true) => ("file_exists", json!({})),
        ("long", false) => ("word_count", json!({"min": 5})),
        ("long", true) => ("word_count", json!({"min": 1})),
        (_, false) => ("text_absent", json!({"pattern": "TBD"})),
        (_, true) => ("text_absent", json!({"pattern": "FIXED"})),
    };
    params["path"] = json!(path);
    json!({"id": id, "description": "d", "severity": severity,
           "validation": {"method": method, "params": params}})
}

fn constraint_value() -> impl Strategy<Value = Value> {
    let severity = prop::sample::select(vec!["blocking", "blocking", "high", "low"]);
    let id = prop::sample::select(vec!["there", "long", "clean", "tone"]);
    let path = prop::sample::select(vec![PATHS[0], PATHS[0], PATHS[0], PATHS[1]]);
    (id, path, any::<bool>(), prop::bool::weighted(0.2), severity).prop_map(
        |(id, path, weak, asserted, severity)| {
            let mut one = constraint_of(id, path, weak, severity);
            if id == "tone" || asserted {
                one.as_object_mut().unwrap().remove("validation");
            }
            one
        },
    )
}

/// Returns lists of constraints with ids of their own.
fn constraints() -> impl Strategy<Value = Value> {
    prop::collection::vec(constraint_value(), 0..4).prop_map(|list| {
        let by_id: BTreeMap<String, Value> =
            list.into_iter().map(|one| (one["id"].to_string(), one)).collect();
        json!(by_id.into_values().collect::<Vec<_>>())
    })
}

/// Returns what a phase may be ended with. Fields of other phases are left out there.
fn result() -> impl Strategy<Value = Value> {
    let status = prop::sample::select(STATUSES.to_vec());
    let ids = prop::sample::subsequence(vec!["there", "long", "clean", "tone"], 0..=4);
    let file = prop::sample::select(vec!["report.md", "notes.md", "gone.md"]);
    prop_oneof![
        Just(json!({})),
        constraints().prop_map(|list| json!({"goals": ["a report"], "constraints": list})),
        Just(json!({"steps": ["write"]})),
        file.clone().prop_map(|file| json!({"actions": ["wrote"], "files_modified": [file]})),
        file.prop_map(|file| json!({"actions": ["wrote"], "manifest":
            {"artifact_type": "content", "variants": [{"name": "a", "file": file, "format": "md"}]}})),
        (status, ids).prop_map(|(status, ids)| {
            let found = ids.iter().map(|id| json!({"id": id, "status": status}));
            json!({"constraints": found.collect::<Vec<_>>()})
        }),
    ]
}

fn options() -> impl Strategy<Value = Value> {
    let workflow = prop::option::of(prop::sample::select(vec!["pmpo", "document"]));
    let approval = prop::option::weighted(0.2, Just(true));
    (workflow, prop::option::of(constraints()), prop::option::of(1..4_u32), approval).prop_map(
        |(workflow, constraints, iterations, approval)| {
            let given = json!({"workflow": workflow, "constraints": constraints,
                               "max_iterations": iterations, "requires_approval": approval});
            let given = given.as_object().unwrap().clone();
            Value::Object(given.into_iter().filter(|(_, value)| !value.is_null()).collect())
        },
    )
}

fn save() -> impl Strategy<Value = Value> {
    prop_oneof![
        constraints().prop_map(|list| json!({"patch": {"constraints": list}})),
        constraints()
            .prop_map(|list| json!({"state": {"constraints": list, "goals": ["a report"]}})),
        prop::collection::vec(Just("another"), 0..2)
            .prop_map(|goals| json!({"patch": {"goals": goals}})),
        any::<u8>().prop_map(|value| json!({"patch": {"data": {"x": value}}})),
        Just(json!({"patch": {"convergence_status": "converged"}})),
        Just(json!({"patch": {"phase": "converged"}})),
    ]
}

fn alteration() -> impl Strategy<Value = Alteration> {
    prop_oneof![
        Just(Alteration::Drop),
        prop::sample::select(vec!["low", "high", "blocking"]).prop_map(Alteration::Weigh),
        Just(Alteration::Assert),
        prop::sample::select(PATHS.to_vec()).prop_map(Alteration::LookAt),
        Just(Alteration::Weaken),
    ]
}

impl Alteration {
    /// Returns the constraints of a document as a caller gives them, with one of them changed.
    fn of(self, now: &Value, index: usize) -> Value {
        let fields = ["id", "description", "severity", "validation"];
        let given = |one: &Value| -> Value {
            let fields = fields.iter().filter_map(|field| Some((*field, one.get(*field)?)));
            json!(fields.collect::<BTreeMap<_, _>>())
        };
        let list = now["constraints"].as_array().unwrap();
        let mut list: Vec<Value> = list.iter().map(given).collect();
        if let Some(at) = index.checked_rem(list.len()) {
            let one = &mut list[at];
            match self {
                Self::Drop => drop(list.remove(at)),
                Self::Weigh(severity) => one["severity"] = json!(severity),
                Self::Assert => drop(one.as_object_mut().unwrap().remove("validation")),
                Self::LookAt(path) => one["validation"] = retargeted(one, path),
                Self::Weaken => {
                    let id = one["id"].as_str().unwrap().to_owned();
                    one["validation"] =
                        constraint_of(&id, PATHS[0], true, "low")["validation"].clone();
                }
            }
        }
        json!(list)
    }
}

/// Returns the validation of a constraint for another file.
fn retargeted(one: &Value, path: &str) -> Value {
    let mut validation = one
        .get("validation")
        .cloned()
        .unwrap_or_else(|| json!({"method": "not_empty", "params": {"path": path}}));
    validation["params"]["path"] = json!(path);
    validation
}

fn plain() -> impl Strategy<Value = Attempt> {
    let person = || prop::bool::weighted(0.2);
    let path = || prop::sample::select(PATHS.to_vec());
    let content = || prop::sample::select(CONTENTS.to_vec());
    let phase = prop::option::of(prop::sample::select(PHASES.to_vec()));
    let event = prop::sample::select(vec!["approve", "reject", "stop", "reopen", "complete"]);
    let status = prop::option::of(prop::sample::select(vec!["converged", "closed"]));
    prop_oneof![
        20 => Just(Attempt::Honest),
        6 => content().prop_map(Attempt::Lazy),
        5 => (0..4_usize, alteration(), person())
            .prop_map(|(index, how, is_person)| Attempt::Alter { index, how, is_person }),
        8 => (phase, result()).prop_map(|(phase, result)| Attempt::Complete { phase, result }),
        2 => (options(), person()).prop_map(|(options, is_person)| Attempt::Open { options, is_person }),
        4 => (save(), person()).prop_map(|(fields, is_person)| Attempt::Save { fields, is_person }),
        2 => (event, person()).prop_map(|(event, is_person)| Attempt::Send { event, is_person }),
        3 => (path(), content()).prop_map(|(path, content)| Attempt::Write { path, content }),
        4 => (path(), prop::option::of(content()))
            .prop_map(|(path, content)| Attempt::Behind { path, content }),
        1 => (1..80_u64, person()).prop_map(|(version, is_person)| Attempt::Restore { version, is_person }),
        1 => Just(Attempt::Checkpoint),
        1 => status.prop_map(|status| Attempt::Finalize { status }),
    ]
}

pub(super) fn attempt() -> impl Strategy<Value = Attempt> {
    let key = prop::sample::select(vec!["a", "b"]);
    prop_oneof![
        9 => plain(),
        1 => (key, plain()).prop_map(|(key, inner)| Attempt::Keyed(key, Box::new(inner))),
    ]
}

/// Opens the artifact that all attempts are about.
pub(super) async fn open(world: &World) {
    let constraints = [
        constraint_of("there", PATHS[0], false, "blocking"),
        constraint_of("clean", PATHS[0], false, "high"),
    ];
    let fields = json!({"goals": ["a report"], "constraints": constraints, "max_iterations": 3});
    init(&world.service, fields).await.unwrap();
}

/// Calls an operation, with an idempotency key if there is one.
async fn run<O: Operation>(
    world: &World,
    fields: Value,
    by: &Caller,
    key: Option<&str>,
) -> Result<(), Refusal> {
    let mut fields = fields;
    if let Some(key) = key {
        fields["idempotency_key"] = json!(key);
    }
    world.service.run(arguments::<O>(fields), by).await.map(drop)
}

impl Attempt {
    pub(super) async fn make(&self, world: &World, now: &Value) -> Result<(), Refusal> {
        match self {
            Self::Keyed(key, inner) => inner.make_with(world, now, Some(key)).await,
            plain => plain.make_with(world, now, None).await,
        }
    }

    async fn make_with(
        &self,
        world: &World,
        now: &Value,
        key: Option<&str>,
    ) -> Result<(), Refusal> {
        let model = caller();
        match self {
            Self::Honest => honest(world, now, GOOD).await,
            Self::Lazy(content) => honest(world, now, content).await,
            Self::Alter { index, how, is_person } => {
                let fields = json!({"patch": {"constraints": how.of(now, *index)}});
                run::<Save>(world, fields, &world.who(*is_person).await, key).await
            }
            Self::Complete { phase, result } => {
                let phase = phase.unwrap_or(now["phase"].as_str().unwrap());
                let fields = json!({"event": "complete", "phase": phase, "result": result});
                run::<Transition>(world, fields, &model, key).await
            }
            Self::Open { options, is_person } => {
                run::<Init>(world, options.clone(), &world.who(*is_person).await, key).await
            }
            Self::Save { fields, is_person } => {
                run::<Save>(world, fields.clone(), &world.who(*is_person).await, key).await
            }
            Self::Send { event, is_person } => {
                run::<Transition>(world, json!({"event": event}), &world.who(*is_person).await, key)
                    .await
            }
            Self::Write { path, content } => {
                run::<WriteOutput>(world, json!({"path": path, "content": content}), &model, key)
                    .await
            }
            Self::Behind { path, content } => {
                let path = OutputPath::new(path).unwrap();
                world.memory.put_output(&name(), &path, content.map(str::as_bytes));
                Ok(())
            }
            Self::Restore { version, is_person } => {
                let fields = json!({"to": version.to_string()});
                run::<Restore>(world, fields, &world.who(*is_person).await, key).await
            }
            Self::Checkpoint => run::<Checkpoint>(world, json!({}), &model, key).await,
            Self::Finalize { status } => {
                let status = status.map_or_else(|| json!({}), |status| json!({"status": status}));
                run::<Finalize>(world, status, &model, key).await
            }
            Self::Keyed(..) => Ok(()),
        }
    }

    /// Returns whether a person sent it.
    pub(super) fn is_by_person(&self) -> bool {
        match self {
            Self::Open { is_person, .. }
            | Self::Save { is_person, .. }
            | Self::Send { is_person, .. }
            | Self::Alter { is_person, .. }
            | Self::Restore { is_person, .. } => *is_person,
            Self::Keyed(_, inner) => inner.is_by_person(),
            _ => false,
        }
    }
}

/// Does what the present phase asks for, and begins the next cycle after an end.
async fn honest(world: &World, now: &Value, report: &str) -> Result<(), Refusal> {
    let phase = now["phase"].as_str().unwrap();
    match phase {
        "approval" | "paused" => {
            let event = if phase == "approval" { "approve" } else { "continue" };
            let person = world.who(true).await;
            return run::<Transition>(world, json!({"event": event}), &person, None).await;
        }
        "execute" => {
            for (path, content) in PATHS.into_iter().zip([report, GOOD]) {
                let file = json!({"path": path, "content": content});
                run::<WriteOutput>(world, file, &caller(), None).await?;
            }
        }
        phase if !PHASES.contains(&phase) => {
            return run::<Init>(world, json!({"workflow": "pmpo"}), &caller(), None).await;
        }
        _ => {}
    }
    let judged = now["constraints"].as_array().unwrap().iter();
    let judged = judged.filter(|one| one.get("validation").is_none());
    let found = judged.map(|one| json!({"id": one["id"], "status": "satisfied"}));
    let result = match phase {
        "plan" => json!({"steps": ["write"]}),
        "execute" => json!({"actions": ["wrote"], "files_modified": PATHS}),
        "reflect" => json!({"constraints": found.collect::<Vec<_>>()}),
        _ => json!({}),
    };
    let fields = json!({"event": "complete", "phase": phase, "result": result});
    run::<Transition>(world, fields, &caller(), None).await
}
