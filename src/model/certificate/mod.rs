//! Certificates: what a finalized cycle made, and what held of it, in a form that other people and other
//! programs can check.
//!
//! A certificate is an [in-toto Statement v1](https://in-toto.io/Statement/v1) in a
//! [DSSE envelope](https://github.com/secure-systems-lab/dsse), signed with Ed25519.

mod digests;
mod envelope;
mod key;
mod predicate;

use serde::{Deserialize, Serialize};

pub use self::digests::Digests;
pub use self::envelope::{Envelope, Unverified};
pub use self::key::{PublicKey, SigningKey, secret_pem};
pub use self::predicate::{Chain, Closing, Decided, Predicate};
use crate::model::Refusal;
use crate::model::limits;

/// Bytes of a certificate's file.
pub const FILE_BYTES_MAX: usize = 32 << 20;
/// Outputs of one certificate.
pub const SUBJECTS_MAX: usize = limits::INVENTORY_FILES_KEPT_MAX;

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of the predicate, with its version.
pub const PREDICATE_TYPE: &str = "https://github.com/refiner-mcp/refiner/certificate/v1";

/// An in-toto Statement about a finalized cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The outputs.
    pub subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    /// The cycle.
    pub predicate: Predicate,
}

/// An output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its path below the folder of the work.
    pub name: String,
    /// The digests of its content.
    pub digest: Digests,
}

impl Statement {
    /// Makes the statement that a cycle had these outputs.
    pub fn new(subject: Vec<Subject>, predicate: Predicate) -> Self {
        let (kind, predicate_type) = (STATEMENT_TYPE.to_owned(), PREDICATE_TYPE.to_owned());
        Self { kind, subject, predicate_type, predicate }
    }

    /// Returns the statement as the bytes that are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a statement is made of what JSON can hold")
    }

    /// Reads a statement, which may come from a stranger.
    ///
    /// # Errors
    ///
    /// If it is not a statement of this type, or has more outputs than a certificate may have.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let statement: Self = serde_json::from_slice(bytes)
            .map_err(|error| unreadable(&format!("its payload is not a statement: {error}")))?;
        for (field, found, expected) in [
            ("_type", &statement.kind, STATEMENT_TYPE),
            ("predicateType", &statement.predicate_type, PREDICATE_TYPE),
        ] {
            if found != expected {
                return Err(unreadable(&format!("its {field} is not {expected}")));
            }
        }
        match statement.subject.len() {
            0 => Err(unreadable("it names no output")),
            1..=SUBJECTS_MAX => Ok(statement),
            actual => Err(Refusal::TooLarge {
                what: "the certificate".into(),
                actual,
                limit: SUBJECTS_MAX,
                unit: "outputs",
            }),
        }
    }
}

/// Returns the refusal of a file that is no certificate.
fn unreadable(why: &str) -> Refusal {
    Refusal::argument(
        format!("the file is not a certificate of refiner: {why}"),
        "get the file again from where it was made: refiner certificate NAME > FILE",
    )
}

#[cfg(test)]
mod tests;
