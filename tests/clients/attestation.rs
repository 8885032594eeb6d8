//! A certificate, verified by libraries of others: `securesystemslib` and `in-toto-attestation`.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{beside, installed, run};
use crate::certificate::{Made, certified};
use crate::common::Finished;

/// Verifies a certificate with the libraries.
async fn verified(made: &Made, certificate: &Path) -> Finished {
    let mut python = Command::new(installed("attestation/bin/python"));
    python.arg(beside("python/attestation.py")).arg(certificate);
    python.arg(made.public_key()).arg(made.dist());
    run(python, made.project.path()).await
}

#[tokio::test]
async fn libraries_of_others_verify_a_certificate() {
    let made = certified();
    let found = verified(&made, &made.certificate()).await;
    assert_eq!(found.code, Some(0), "{found:?}");
    let expected = json!({
        "signers": 1,
        "payload_type": "application/vnd.in-toto+json",
        "predicate_type": "https://github.com/refiner-mcp/refiner/certificate/v1",
        "outputs": { "notes/more.md": true, "report.md": true },
        "artifact": "trams",
        "status": "converged",
    });
    assert_eq!(found.json(), expected);
}

#[tokio::test]
async fn libraries_of_others_refuse_a_changed_certificate() {
    let made = certified();
    let text = std::fs::read_to_string(made.certificate()).unwrap();
    let mut envelope: serde_json::Value = serde_json::from_str(&text).unwrap();
    let payload = envelope["payload"].as_str().unwrap().replacen('A', "B", 1);
    envelope["payload"] = json!(payload);
    let changed = made.project.path().join("changed.json");
    std::fs::write(&changed, envelope.to_string()).unwrap();
    let found = verified(&made, &changed).await;
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stdout.contains("refused"), "{found:?}");
}
