//! Driving a loop: what a host sends in each phase.

use super::*;

/// Runs one iteration, from `plan` through `persist`, with the given status of the blocking
/// constraint.
pub(super) async fn iterate(service: &Service, status: &str) -> Transitioned {
    let mut last = None;
    for phase in ["plan", "execute", "reflect", "persist"] {
        if phase == "execute" {
            write(service, "report.md", "the report").await;
        }
        last = Some(complete(service, phase, result_of(phase, status)).await.unwrap());
    }
    last.unwrap()
}

/// What a phase produces, with the status of the blocking constraint.
pub(super) fn result_of(phase: &str, status: &str) -> Value {
    match phase {
        "plan" => json!({"steps": ["write"]}),
        "execute" => json!({"actions": ["wrote"]}),
        "reflect" => json!({"constraints": [{"id": "links", "status": status, "details": "2"}]}),
        _ => json!({}),
    }
}

pub(super) async fn complete(
    service: &Service,
    phase: &str,
    result: Value,
) -> Result<Transitioned, Refusal> {
    send(service, json!({"event": "complete", "phase": phase, "result": result})).await
}

pub(super) async fn write(service: &Service, path: &str, content: &str) {
    let output: WriteOutput = arguments(json!({ "path": path, "content": content }));
    service.run(output, &caller()).await.unwrap();
}

/// A loop that could converge: a goal, and one constraint that is blocking.
pub(super) fn goal_and_constraint() -> Value {
    json!({"goals": ["short"], "constraints": [constraint("links", "blocking")]})
}

pub(super) async fn begin_loop(service: &Service) {
    init(service, goal_and_constraint()).await.unwrap();
    complete(service, "specify", json!({})).await.unwrap();
}
