use serde_json::json;

use super::*;
use crate::model::document::tests::empty;
use crate::model::{Digest, JournalId};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_pem(secret_pem(&[seed; 32]).as_bytes()).unwrap()
}

fn statement() -> Statement {
    let subject = Subject { name: "a.md".into(), digest: Digests::of(b"abc") };
    let closing = Closing {
        journal_id: Some(JournalId::new(7)),
        chain: Chain { version: 9, digest: Digest::of(b"line") },
        workflow_version: 5,
        approvals: Vec::new(),
    };
    Statement::new(vec![subject], Predicate::of(&empty("a"), closing))
}

/// The test of RFC 8032, section 7.1, and what OpenSSL prints for that key.
#[test]
fn keys_have_the_form_that_other_programs_read() {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let seed: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).unwrap()).collect();
    let secret = secret_pem(&seed.try_into().unwrap());
    assert!(secret.contains("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"));
    let public = SigningKey::from_pem(secret.as_bytes()).unwrap().public();
    let pem = public.to_pem();
    assert!(pem.contains("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), "{pem}");
    assert_eq!(PublicKey::from_pem(pem.as_bytes()).unwrap(), public);
}

#[test]
fn what_is_no_key_is_refused_with_the_next_step() {
    let (secret, public) = (secret_pem(&[1; 32]), key(1).public().to_pem());
    for bad in ["", "x", &public, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
        let refusal = SigningKey::from_pem(bad.as_bytes()).unwrap_err();
        assert!(refusal.hint().contains("openssl genpkey"), "{bad}");
    }
    for bad in ["", "x", &secret, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
        let refusal = PublicKey::from_pem(bad.as_bytes()).unwrap_err();
        assert!(refusal.hint().contains("--public-key"), "{bad}");
    }
}

#[test]
fn digests_are_those_of_the_standards() {
    let abc = Digests::of(b"abc");
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(abc.sha256, sha256);
    let mut parts = vec![Vec::new(), b"c".to_vec(), b"ab".to_vec()];
    let of_parts = Digests::of_parts(|| Ok::<_, ()>(parts.pop().unwrap()));
    assert_eq!(of_parts.unwrap(), abc);
}

#[test]
fn a_statement_survives_its_envelope_and_names_its_signer() {
    let (statement, key) = (statement(), key(1));
    let envelope = Envelope::sign(&statement.to_bytes(), &key);
    let read = Envelope::parse(json!(envelope).to_string().as_bytes()).unwrap();
    let payload = read.payload().unwrap();
    assert_eq!(Statement::parse(&payload).unwrap(), statement);
    assert_eq!(read.check(&payload, &key.public()), Ok(()));
    assert_eq!(read.claimed_signer(), key.public().fingerprint());
    let other = read.check(&payload, &self::key(2).public()).unwrap_err();
    assert_eq!(other.field, "signatures/keyid");
}

#[test]
fn no_changed_byte_of_an_envelope_goes_unnoticed() {
    let key = key(1);
    let envelope = json!(Envelope::sign(&statement().to_bytes(), &key)).to_string();
    for at in 0..envelope.len() {
        let mut changed = envelope.clone().into_bytes();
        changed[at] ^= 1;
        let problem = match Envelope::parse(&changed) {
            Err(refusal) => refusal.to_string(),
            Ok(read) => match read.payload() {
                Err(refusal) => refusal.to_string(),
                Ok(payload) => read.check(&payload, &key.public()).unwrap_err().problem,
            },
        };
        assert!(!problem.is_empty(), "byte {at}");
    }
}

#[test]
fn a_statement_of_another_type_is_refused() {
    for (field, value) in [
        ("_type", json!("https://in-toto.io/Statement/v0.1")),
        ("predicateType", json!("https://example.com")),
        ("subject", json!([])),
        ("more", json!(1)),
    ] {
        let mut other = json!(statement());
        other[field] = value;
        let refusal = Statement::parse(other.to_string().as_bytes()).unwrap_err();
        assert_eq!(refusal.code(), "invalid_argument", "{field}");
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(Statement::parse(deep.as_bytes()).is_err());
    let many = vec![statement().subject[0].clone(); SUBJECTS_MAX + 1];
    let many = Statement { subject: many, ..statement() }.to_bytes();
    assert_eq!(Statement::parse(&many).unwrap_err().code(), "too_large");
}
