//! The elicitation form for a decision, and the answer in it.

use rmcp::model::{ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema};
use serde_json::{Value, json};

use crate::model::Refusal;
use crate::model::workflow::question::Question;

/// A person's agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    /// The chosen event, if there was a choice.
    pub(super) event: Option<String>,
    /// The person's reason.
    pub(super) words: Option<String>,
}

/// Returns a question in the protocol's form: the message and a flat schema. The schema has no
/// defaults, so pressing *accept* without reading decides nothing.
pub(super) fn params(question: &Question) -> Result<ElicitRequestParams, Refusal> {
    let reason = json!({ "type": "string", "title": "Reason", "description": "Recorded with the decision", "maxLength": 1000 });
    let (field, decision) = if question.choices.is_empty() {
        ("confirm", json!({ "type": "boolean", "title": "I agree" }))
    } else {
        ("decision", choice(question))
    };
    let schema = json!({
        "type": "object",
        "properties": { field: decision, "reason": reason },
        "required": [field],
    });
    let Value::Object(schema) = schema else { unreachable!("it is written above as an object") };
    let schema = ElicitationSchema::from_json_schema(schema);
    Ok(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.to_string(),
        requested_schema: schema.map_err(|error| Refusal::Internal(error.to_string()))?,
    })
}

fn choice(question: &Question) -> Value {
    let leads = |choice: &crate::model::workflow::question::Choice| {
        format!("{} → {}", choice.event, choice.to)
    };
    let leads: Vec<String> = question.choices.iter().map(leads).collect();
    let events: Vec<&str> = question.choices.iter().map(|choice| choice.event.as_str()).collect();
    json!({
        "type": "string",
        "title": "Decision",
        "description": leads.join(", "),
        "enum": events,
    })
}

/// Returns the person's agreement, or the refusal that tells the model that the person did not
/// agree.
pub(super) fn agreed(
    answer: &ElicitResult,
    what: &str,
    events: &[String],
) -> Result<Agreed, Refusal> {
    if answer.action != ElicitationAction::Accept {
        return Err(declined(what));
    }
    let field = |name: &str| answer.content.as_ref().and_then(|content| content.get(name));
    let words = field("reason").and_then(Value::as_str).map(str::to_owned);
    if events.is_empty() {
        return match field("confirm") {
            Some(Value::Bool(true)) => Ok(Agreed { event: None, words }),
            _ => Err(declined(what)),
        };
    }
    let decision = field("decision").and_then(Value::as_str);
    match decision.filter(|decision| events.iter().any(|event| event == decision)) {
        Some(event) => Ok(Agreed { event: Some(event.to_owned()), words }),
        None => Err(super::unasked("the answer is not one of the offered choices")),
    }
}

fn declined(what: &str) -> Refusal {
    Refusal::NotApproved {
        message: format!("the person declined this: {what}"),
        hint: "nothing was written: do not repeat the call; ask your user what they want instead"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;
    use crate::model::workflow::approval_binding::ApprovalBinding;
    use crate::model::workflow::question::Choice;

    fn question(events: &[&str]) -> Question {
        let choice = |event: &&str| Choice { event: (*event).to_owned(), to: "persist".into() };
        Question {
            artifact: Name::parse("logo").unwrap(),
            what: "the event approve".into(),
            choices: events.iter().map(choice).collect(),
            lines: vec!["Phase approval.".into()],
            binding: ApprovalBinding::Version { cycle: "0193".into(), version: 1 },
        }
    }

    fn accepted(content: Value) -> ElicitResult {
        ElicitResult::new(ElicitationAction::Accept).with_content(content)
    }

    #[test]
    fn the_form_is_flat_small_and_has_nothing_filled_in() {
        for events in [&["approve", "reject"][..], &[]] {
            let form = json!(params(&question(events)).unwrap());
            assert_eq!(form["mode"], "form");
            assert!(form["message"].as_str().unwrap().starts_with("logo needs your decision"));
            let schema = &form["requestedSchema"];
            assert_eq!(schema["properties"].as_object().unwrap().len(), 2, "{schema}");
            assert!(!schema.to_string().contains("\"default\""), "{schema}");
            for property in schema["properties"].as_object().unwrap().values() {
                assert!(property["type"].is_string(), "{schema}");
            }
        }
        let form = json!(params(&question(&["approve", "reject"])).unwrap());
        let decision = &form["requestedSchema"]["properties"]["decision"];
        assert_eq!(decision["enum"], json!(["approve", "reject"]));
    }

    #[test]
    fn only_a_clear_answer_agrees_to_anything() {
        let events = ["approve".to_owned(), "reject".to_owned()];
        let chosen = accepted(json!({ "decision": "reject", "reason": "too dark" }));
        let expected = Agreed { event: Some("reject".into()), words: Some("too dark".into()) };
        assert_eq!(agreed(&chosen, "it", &events), Ok(expected));
        let yes = accepted(json!({ "confirm": true }));
        assert_eq!(agreed(&yes, "it", &[]), Ok(Agreed { event: None, words: None }));
        for (answer, events) in [
            (ElicitResult::new(ElicitationAction::Decline), &events[..]),
            (ElicitResult::new(ElicitationAction::Cancel), &events[..]),
            (ElicitResult::new(ElicitationAction::Accept), &events[..]),
            (accepted(json!({})), &events[..]),
            (accepted(json!({ "decision": "complete" })), &events[..]),
            (accepted(json!({ "decision": true })), &events[..]),
            (accepted(json!({ "confirm": true })), &events[..]),
            (accepted(json!({ "confirm": false })), &[]),
            (accepted(json!({ "confirm": "true" })), &[]),
            (accepted(json!({ "decision": "approve" })), &[]),
        ] {
            let refusal = agreed(&answer, "it", events).expect_err(&format!("{answer:?}"));
            assert_eq!(refusal.code(), "approval_required");
        }
    }
}
