//! Making a certificate, and verifying it elsewhere.

use std::ffi::OsStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{certified, converged, done, run, verify};
use crate::common::finish;

fn payload(envelope: &str) -> Value {
    let envelope: Value = serde_json::from_str(envelope).unwrap();
    let payload = BASE64.decode(envelope["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn a_certificate_is_verified_in_another_folder_by_another_process() {
    let made = certified();
    // What is compared moved to another folder, as on another machine.
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| elsewhere.path().join(name);
    std::fs::rename(made.certificate(), at("trams.json")).unwrap();
    std::fs::rename(made.public_key(), at("refiner.pub")).unwrap();
    crate::common::copy_folder(&made.dist(), &at("dist"));
    let (key, dist) = (at("refiner.pub"), at("dist"));
    let rest = ["--key".as_ref(), key.as_os_str(), "--dist".as_ref(), dist.as_os_str()];
    let verified = verify(&at("trams.json"), &rest);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let said = verified.json();
    assert_eq!((&said["verified"], &said["outputs"]), (&json!(true), &json!(2)), "{said}");
    assert_eq!(said["ending"], "converged: 1 measured, 1 asserted, 0 high open");
    let project = ["--dir".as_ref(), made.project.path().as_os_str()];
    let with_journal = verify(&at("trams.json"), &[&rest[..], &project].concat());
    assert_eq!(with_journal.code, Some(0), "{with_journal:?}");
    assert_eq!(with_journal.json()["journal_compared"], true);
}

#[test]
fn a_certificate_says_how_the_cycle_came_about() {
    let made = certified();
    let statement = payload(&std::fs::read_to_string(made.certificate()).unwrap());
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    let report = &statement["subject"][1];
    assert_eq!(report["name"], "report.md");
    let blake3 = blake3::hash(super::REPORT.as_bytes()).to_hex().to_string();
    assert_eq!(report["digest"]["blake3"], blake3);
    let predicate = &statement["predicate"];
    let state = made.project.state("trams");
    assert_eq!(predicate["workflow"]["digest"], state["definition"]);
    assert_eq!((&predicate["status"], &predicate["cycle"]), (&json!("converged"), &json!(1)));
    assert_eq!(
        (&predicate["adopted"], &predicate["chain"]["version"]),
        (&json!(false), &state["version"])
    );
    assert_eq!(predicate["iterations"]["count"], 2);
    assert!(predicate["cost"]["cumulative_cost"].as_f64().unwrap() > 0.8);
    let [brief, kind] = [0, 1].map(|at| &predicate["constraints"][at]);
    assert_eq!((&brief["grade"], &brief["method"]), (&json!("measured"), &json!("word_count")));
    assert_eq!(brief["params"], json!({ "path": "report.md", "max": 9 }));
    assert_eq!(brief["evidence"]["files"]["report.md"], blake3);
    assert_eq!((&kind["grade"], &kind["set_by"]), (&json!("asserted"), &json!("person")));
    let again = done(&made.project, &["certificate", "trams", "--cycle", "1"]);
    assert_eq!(again, std::fs::read_to_string(made.certificate()).unwrap(), "the same bytes");
}

#[test]
fn an_unknown_signer_is_said_and_fails() {
    let made = certified();
    let unknown = verify(&made.certificate(), &[]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    let said = unknown.json();
    assert_eq!((&said["verified"], &said["known_signer"]), (&json!(false), &json!(false)));
    let fingerprint = done(&made.project, &["certificate", "--public-key", "--json"]);
    let fingerprint: Value = serde_json::from_str(&fingerprint).unwrap();
    assert_eq!(said["signer"], fingerprint["fingerprint"]);
    let mut told = crate::common::program();
    let told = finish(told.arg("verify-certificate").arg(made.certificate()), "");
    assert!(told.stdout.contains("unknown signer"), "{told:?}");
}

#[test]
fn a_cycle_that_is_open_or_unknown_has_no_certificate() {
    let project = converged();
    let open = run(&project, ["certificate", "trams"]);
    assert_eq!((open.code, open.stdout.as_str()), (Some(1), ""), "{open:?}");
    assert!(open.stderr.contains("is not finalized") && open.stderr.contains("refiner finalize"));
    done(&project, &["finalize", "trams"]);
    let unknown = run(&project, ["certificate", "trams", "--cycle", "7"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    done(&project, &["init", "trams"]);
    let present = run(&project, ["certificate", "trams"]);
    assert!(present.stderr.contains("--cycle 1"), "{present:?}");
    done(&project, &["certificate", "trams", "--cycle", "1"]);
    done(&project, &["init", "notes", "--workflow", "document"]);
    done(&project, &["finalize", "notes"]);
    let without = run(&project, ["certificate", "notes"]);
    assert!(without.stderr.contains("has no outputs"), "{without:?}");
}

#[test]
fn the_users_own_key_stays_private_and_others_are_taken() {
    use std::os::unix::fs::PermissionsExt as _;
    let made = certified();
    let key = made.project.path().join(".state/refiner/certificate.key");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&key) & 0o777, 0o600);
    // The key of RFC 8032, section 7.1.
    let other = made.project.path().join("other.pem");
    let pem = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
    let label = "PRIVATE KEY";
    std::fs::write(&other, format!("-----BEGIN {label}-----\n{pem}\n-----END {label}-----\n"))
        .unwrap();
    let named = ["certificate", "trams", "--key", other.to_str().unwrap()];
    let signed = made.project.path().join("other.json");
    std::fs::write(&signed, done(&made.project, &named)).unwrap();
    let mine = verify(&signed, &["--key".as_ref(), made.public_key().as_os_str()]);
    assert_eq!(mine.code, Some(1), "{mine:?}");
    assert!(mine.stdout.contains("signatures/keyid"), "{mine:?}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let shared = run(&made.project, ["certificate", "trams"]);
    assert_eq!(shared.code, Some(1), "{shared:?}");
    assert!(shared.stderr.contains("chmod 600"), "{shared:?}");
}

#[test]
fn what_is_no_certificate_is_refused_without_harm() {
    let made = certified();
    let file = made.project.path().join("bad.json");
    let (key, large) = (made.public_key(), "x".repeat(33 << 20));
    for bad in ["", "{}", "[", "null", &"[".repeat(1 << 20), &large] {
        std::fs::write(&file, bad).unwrap();
        let refused = verify(&file, &["--key".as_ref(), key.as_os_str()]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(!refused.json()["hint"].as_str().unwrap().is_empty());
    }
    let missing = verify(&made.project.path().join("none.json"), &[]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    let none: [&OsStr; 2] = ["--key".as_ref(), made.project.path().as_os_str()];
    assert_eq!(verify(&made.certificate(), &none).code, Some(2));
}
