//! The DSSE envelope: a payload, its type, and signatures of both.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::key::{PublicKey, SigningKey};
use super::unreadable;
use crate::model::Refusal;

/// The type of a payload that is an in-toto Statement.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Signatures of one envelope.
const SIGNATURES_MAX: usize = 16;
/// Characters of a key's id.
const KEY_ID_CHARACTERS_MAX: usize = 128;

/// A signed payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

/// A signature of a payload and its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// Why an envelope is not one that a key signed: the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The field of the envelope.
    pub field: &'static str,
    /// The problem.
    pub problem: String,
}

impl Envelope {
    /// Signs a statement.
    pub fn sign(payload: &[u8], key: &SigningKey) -> Self {
        let signed = key.sign(&encoded(PAYLOAD_TYPE, payload));
        let signature = Signature { keyid: key.public().fingerprint(), sig: BASE64.encode(signed) };
        Self {
            payload: BASE64.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![signature],
        }
    }

    /// Reads an envelope, which may come from a stranger.
    ///
    /// # Errors
    ///
    /// If it is not an envelope of an in-toto Statement with one to sixteen signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let envelope: Self = serde_json::from_slice(bytes)
            .map_err(|error| unreadable(&format!("it is not a DSSE envelope: {error}")))?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(unreadable(&format!("its payloadType is not {PAYLOAD_TYPE}")));
        }
        if !(1..=SIGNATURES_MAX).contains(&envelope.signatures.len()) {
            return Err(unreadable(&format!("it needs 1 to {SIGNATURES_MAX} signatures")));
        }
        let is_long = |one: &Signature| one.keyid.chars().count() > KEY_ID_CHARACTERS_MAX;
        if envelope.signatures.iter().any(is_long) {
            return Err(unreadable("the keyid of a signature is too long"));
        }
        Ok(envelope)
    }

    /// Returns the payload.
    ///
    /// # Errors
    ///
    /// If it is not base64.
    pub fn payload(&self) -> Result<Vec<u8>, Refusal> {
        let payload = BASE64.decode(&self.payload);
        payload.map_err(|error| unreadable(&format!("its payload is not base64: {error}")))
    }

    /// Returns the fingerprint that the first signature claims.
    pub fn claimed_signer(&self) -> &str {
        self.signatures.first().map_or("", |one| one.keyid.as_str())
    }

    /// Returns what is wrong unless the key signed the payload.
    pub fn check(&self, payload: &[u8], key: &PublicKey) -> Result<(), Unverified> {
        let fingerprint = key.fingerprint();
        let message = encoded(&self.payload_type, payload);
        let verifies =
            |one: &Signature| BASE64.decode(&one.sig).is_ok_and(|sig| key.verifies(&message, &sig));
        match self.signatures.iter().find(|one| verifies(one)) {
            Some(one) if one.keyid == fingerprint => Ok(()),
            Some(one) => Err(Unverified {
                field: "signatures/keyid",
                problem: format!("it says {:?}, and the key that signed is {fingerprint}", one.keyid),
            }),
            None if self.signatures.iter().any(|one| one.keyid == fingerprint) => Err(Unverified {
                field: "payload or signatures/sig",
                problem: "one of the two was changed after the key signed: the signature is not that of the payload".to_owned(),
            }),
            None => Err(Unverified {
                field: "signatures/keyid",
                problem: format!(
                    "the signer is {:?}, and the given key is {fingerprint}",
                    self.claimed_signer()
                ),
            }),
        }
    }
}

/// Returns what is signed: DSSE's pre-authentication encoding of a type and a payload.
fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_encoded_as_the_standard_says() {
        let encoded = encoded("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
