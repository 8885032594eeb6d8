//! What an approval holds for, and decisions that need a token beside a person's word. Faces refuse
//! most of the latter before; here it is the service that does, whatever a face hands to it.

use super::*;
use crate::disk::UserFolder;
use crate::model::token::{Grant, Scope};

/// A service that wants a token, with an artifact in it, and the user's tokens.
struct Strict {
    folder: tempfile::TempDir,
    service: Service,
    tokens: Tokens,
}

impl Strict {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = tokens(&folder, "here");
        let service = service().with_approvals(Approvals::Token(tokens.clone()));
        call::<Init>(&service, json!({})).await.unwrap();
        Self { folder, service, tokens }
    }

    fn grant(&self, scope: Scope) -> Grant {
        granted(&self.tokens, scope, None)
    }

    /// Stops the loop with a person's word and what proves it.
    async fn stop(&self, proof: Option<Grant>) -> Result<(), Refusal> {
        let mut consent = Consent::new(shown(&self.service).await, Some("enough"));
        if let Some(grant) = proof {
            consent = consent.proven_by(grant);
        }
        let person = caller().confirmed_for(consent);
        let stop: Transition = arguments(json!({ "event": "stop" }));
        self.service.run(stop, &person).await.map(drop)
    }
}

fn tokens(folder: &tempfile::TempDir, workspace: &str) -> Tokens {
    let user = UserFolder::new(folder.path().to_owned());
    Tokens::new(user, workspace.into(), Arc::new(ManualClock::default()))
}

fn granted(tokens: &Tokens, scope: Scope, lives_millis: Option<i64>) -> Grant {
    let wanted = NewToken { name: name(), scopes: [scope].into(), lives_millis };
    tokens.check(tokens.create(wanted).unwrap().1.reveal()).unwrap()
}

#[tokio::test]
async fn a_persons_word_alone_decides_nothing_where_a_token_is_wanted() {
    let strict = Strict::new().await;
    let refusal = strict.stop(None).await.unwrap_err();
    assert_eq!(refusal.code(), "approval_required");
    assert!(refusal.hint().contains("refiner approve"), "{}", refusal.hint());
    for scope in [Scope::Read, Scope::Write] {
        let refusal = strict.stop(Some(strict.grant(scope))).await.unwrap_err();
        assert_eq!(refusal.code(), "forbidden", "{scope}");
    }
    strict.stop(Some(strict.grant(Scope::Approve))).await.unwrap();
    let plain = service();
    plain.run(arguments::<Init>(json!({})), &caller()).await.unwrap();
    plain
        .run(arguments::<Transition>(json!({ "event": "stop" })), &person(&plain).await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_proves_nothing_once_it_is_over_or_revoked_or_in_another_workspace() {
    let strict = Strict::new().await;
    let revoked = strict.grant(Scope::Approve);
    strict.tokens.revoke(revoked.id()).unwrap();
    // The clock goes on by a second with every look.
    let expired = granted(&strict.tokens, Scope::Approve, Some(1500));
    let elsewhere = granted(&tokens(&strict.folder, "there"), Scope::Approve, None);
    for (grant, said) in [(revoked, "unknown"), (expired, "expired"), (elsewhere, "another")] {
        let refusal = strict.stop(Some(grant)).await.unwrap_err();
        assert_eq!(refusal.code(), "forbidden", "{said}");
        assert!(refusal.to_string().contains(said), "{refusal}");
    }
    let history = call::<History>(&strict.service, json!({})).await.unwrap();
    assert_eq!(json!(history)["entries"].as_array().unwrap().len(), 1, "nothing was written");
}

#[tokio::test]
async fn the_journal_names_the_token_that_decided_before_what_the_client_says_of_itself() {
    let strict = Strict::new().await;
    let grant = strict.grant(Scope::Approve);
    let id = grant.id().to_owned();
    let consent = Consent::new(shown(&strict.service).await, None).proven_by(grant.clone());
    let person = Caller::new("token boss (1): x").bearing(&grant).confirmed_for(consent);
    let stop: Transition = arguments(json!({ "event": "stop" }));
    strict.service.run(stop, &person).await.unwrap();
    let history = json!(call::<History>(&strict.service, json!({})).await.unwrap());
    let expected = format!("token report ({id}): token boss (1): x");
    assert_eq!(history["entries"][1]["actor"], expected);
}

/// A loop with a measured constraint, which a person approved with these files in `dist/`.
async fn approved() -> Service {
    let service = service();
    let there = json!({"id": "links", "description": "d", "severity": "blocking",
                       "validation": {"method": "not_empty", "params": {"path": "logo.svg"}}});
    let fields = json!({"requires_approval": true, "goals": ["a logo"], "constraints": [there]});
    init(&service, fields).await.unwrap();
    for phase in ["specify", "plan", "execute"] {
        complete(&service, phase, result_of(phase, "satisfied")).await.unwrap();
    }
    write(&service, "logo.svg", "a bird").await;
    complete(&service, "reflect", json!({})).await.unwrap();
    let approve: Transition = arguments(json!({ "event": "approve" }));
    let approved = service.run(approve, &person(&service).await).await.unwrap();
    assert_eq!(approved.to, "persist");
    service
}

#[tokio::test]
async fn what_was_changed_after_a_person_approved_it_does_not_converge() {
    let unchanged = approved().await;
    write(&unchanged, "logo.svg", "a bird").await;
    assert_eq!(complete(&unchanged, "persist", json!({})).await.unwrap().to, "converged");
    for (path, content) in [("logo.svg", "another bird"), ("another.svg", "a bird")] {
        let service = approved().await;
        write(&service, path, content).await;
        let persisted = complete(&service, "persist", json!({})).await.unwrap();
        assert_eq!(persisted.to, "plan", "{path}");
        let decision = json!(persisted.decision.unwrap());
        let reason = decision["reason"].as_str().unwrap();
        assert!(reason.contains("files have changed since the reflection"), "{decision}");
    }
}
