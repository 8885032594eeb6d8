//! What a model may try with the arguments of its calls.

use rmcp::model::{ElicitResult, ElicitationAction};
use serde_json::json;

use super::{Place, approve, complete, constraint, nothing_comes_of, version};
use crate::common::{ERAS, Era, accepts, answers};

#[tokio::test]
async fn a_model_neither_writes_the_approval_nor_decides_it_by_arguments() {
    let place = Place::new();
    let no = answers(ElicitResult::new(ElicitationAction::Decline));
    let host = place.at_a_gate(Era::Sessions, no).await;
    for field in [
        json!({ "approval": { "id": "gate-5", "status": "approve" } }),
        json!({ "approval": null }),
        json!({ "phase": "persist" }),
        json!({ "requires_approval": false }),
        json!({ "max_iterations": 99 }),
        json!({ "convergence_status": "converged" }),
    ] {
        for way in ["patch", "state"] {
            let what = format!("{way} {field}");
            let call = host.call("save_state", json!({ "name": "logo", way: field }));
            nothing_comes_of(&place, &host, &what, &["invalid_argument"], call).await;
        }
    }
    for extra in ["confirmed", "human", "consent", "sight", "approved_by", "requestState"] {
        let call = json!({ "name": "logo", "event": "approve", extra: true });
        let call = host.call("transition", call);
        nothing_comes_of(&place, &host, extra, &["invalid_argument"], call).await;
    }
    for event in ["complete", "persist", "APPROVE", "approve ", "finalize"] {
        let call = host.call("transition", json!({ "name": "logo", "event": event, "result": {} }));
        nothing_comes_of(&place, &host, event, &["invalid_transition"], call).await;
    }
    for event in ["approve", "reject", "stop"] {
        let call = json!({ "name": "logo", "event": event, "result": { "approved": true }, "reason": "the user said yes" });
        let call = host.call("transition", call);
        nothing_comes_of(&place, &host, event, &["approval_required"], call).await;
    }
    let finalize = json!({ "name": "logo", "status": "converged" });
    let call = host.call("finalize", finalize);
    nothing_comes_of(&place, &host, "finalizing early", &["invalid_transition"], call).await;
}

#[tokio::test]
async fn constraints_are_loosened_by_a_person_only_and_that_is_logged() {
    let mut measured = constraint("links", "blocking");
    measured["target_metric"] = json!({ "metric": "broken_links", "operator": "<=", "value": 0 });
    let reworded =
        json!({ "id": "links", "description": "some link resolves", "severity": "blocking" });
    let (links, colors) = (constraint("links", "blocking"), constraint("colors", "high"));
    let loosenings = [
        ("dropping the constraint \"links\"", json!([colors])),
        ("lowering the severity", json!([constraint("links", "low"), colors])),
        ("rewording the constraint", json!([reworded, colors])),
        ("dropping the constraint \"colors\"", json!([links])),
    ];
    for era in ERAS {
        for (what, constraints) in &loosenings {
            let place = Place::new();
            let no = answers(ElicitResult::new(ElicitationAction::Decline));
            let host = place.at_a_gate(era, no).await;
            for way in ["patch", "state"] {
                let save = json!({ "name": "logo", way: { "constraints": constraints } });
                let call = host.call("save_state", save);
                nothing_comes_of(&place, &host, what, &["approval_required"], call).await;
            }
            assert!(host.asked()[0]["message"].as_str().unwrap().contains(what), "{what}");
            drop(host);
            let form = json!({ "confirm": true, "reason": "it never mattered" });
            let host = place.host(era, accepts(form)).await;
            let save = json!({ "name": "logo", "patch": { "constraints": constraints } });
            assert_eq!(host.call("save_state", save).await.unwrap()["changed"], true);
            let decisions = place.decisions();
            assert!(decisions.contains("constraints loosened by a person"), "{decisions}");
            assert!(decisions.contains(&format!("**Loosened**: {what}")), "{decisions}");
            assert!(decisions.contains("**Reason**: it never mattered"), "{decisions}");
        }
    }
    let place = Place::new();
    let no = answers(ElicitResult::new(ElicitationAction::Decline));
    let host = place.at_a_gate(Era::Sessions, no).await;
    let add = json!({ "name": "logo", "patch": { "constraints": [measured, colors] } });
    host.call("save_state", add).await.unwrap();
    let mut easier = measured;
    easier["target_metric"]["value"] = json!(99);
    for constraints in [json!([easier, colors]), json!([links, colors])] {
        let save = json!({ "name": "logo", "patch": { "constraints": constraints } });
        let call = host.call("save_state", save);
        nothing_comes_of(&place, &host, "measuring less", &["approval_required"], call).await;
    }
}

#[tokio::test]
async fn the_number_of_iterations_is_not_raised_by_opening_saving_or_specifying() {
    let place = Place::new();
    let host = place.host(Era::Sessions, accepts(json!({}))).await;
    host.call("init_state", json!({ "name": "logo", "max_iterations": 2 })).await.unwrap();
    let again = json!({ "name": "logo", "max_iterations": 99, "requires_approval": false });
    assert_eq!(host.call("init_state", again.clone()).await.unwrap()["outcome"], "resumed");
    let call =
        host.call("save_state", json!({ "name": "logo", "patch": { "max_iterations": 99 } }));
    nothing_comes_of(&place, &host, "saving it", &["invalid_argument"], call).await;
    let specified = json!({ "max_iterations": 99, "goals": ["short"] });
    let briefing = complete(&host, "logo", "specify", specified).await;
    assert_eq!(briefing["iteration"]["max"], 2);
    host.call("init_state", again).await.unwrap();
    assert_eq!(place.project.state("logo")["max_iterations"], 2);
}

#[tokio::test]
async fn restoring_what_was_before_a_refusal_does_not_undo_it() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Sessions, accepts(json!({ "decision": "reject" }))).await;
    let open = version(&host).await;
    host.call("transition", approve()).await.unwrap();
    let refused = place.project.state("logo");
    let log = place.decisions();
    for to in [open, open - 1, 2, 1] {
        host.call("restore", json!({ "name": "logo", "to": to.to_string() })).await.unwrap();
        let state = place.project.state("logo");
        for field in ["phase", "approval", "iteration_history", "current_iteration", "constraints"]
        {
            assert_eq!(state[field], refused[field], "{field} after a restore to {to}");
        }
        assert_eq!(state["approval"]["status"], "reject");
        let call = host.call("transition", approve());
        nothing_comes_of(&place, &host, "the old gate", &["invalid_transition"], call).await;
    }
    assert_eq!(place.decisions(), log);
}
