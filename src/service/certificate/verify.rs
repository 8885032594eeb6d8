//! Verifying a certificate: the signature first, then the outputs, then the journal.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use crate::disk::UntrustedDir;
use crate::model::certificate::{Digests, Envelope, FILE_BYTES_MAX, PublicKey, Statement, Subject};
use crate::model::document::ConvergenceStatus;
use crate::model::document::output::OutputPath;
use crate::model::journal::difference::diff;
use crate::model::text::shortened;
use crate::model::{Refusal, Version};
use crate::service::refusals::refusal;
use crate::service::{Caller, Service};
use crate::storage;

/// Disagreements of one answer.
const DISAGREEMENTS_MAX: usize = 100;
/// Characters of a value in a disagreement.
const VALUE_CHARACTERS_MAX: usize = 200;

/// The arguments of `verify-certificate`.
#[derive(Clone, Debug)]
pub struct VerifyCertificate {
    /// The file.
    pub certificate: Vec<u8>,
    /// The key of the expected signer; without it the signer is unknown.
    pub key: Option<PublicKey>,
    /// The folder with the outputs.
    pub outputs: Option<PathBuf>,
    /// Whether the journal of the workspace is compared.
    pub journal: bool,
}

/// The result of a verification.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedCertificate {
    /// Whether the signer is known, and everything that was compared agrees.
    pub verified: bool,
    /// The fingerprint of the key that signed; what the certificate claims of an unknown signer.
    pub signer: String,
    /// Whether the given key signed it.
    pub known_signer: bool,
    /// The artifact.
    pub artifact: String,
    /// The cycle.
    pub cycle: u64,
    /// The version that closed it.
    pub version: Version,
    /// How the loop ended.
    pub status: ConvergenceStatus,
    /// The same in one line.
    pub ending: String,
    /// The number of named outputs.
    pub outputs: usize,
    /// Whether the outputs were compared.
    pub outputs_compared: bool,
    /// Whether the journal was compared.
    pub journal_compared: bool,
    /// Where the certificate, the outputs and the journal disagree.
    pub disagreements: Vec<Disagreement>,
}

/// A place that is not as the certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// `certificate`, `outputs` or `journal`.
    pub part: &'static str,
    /// The field, the file or the version.
    pub place: String,
    /// What is wrong.
    pub problem: String,
}

impl Disagreement {
    fn new(part: &'static str, place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { part, place: place.into(), problem: problem.into() }
    }
}

impl Service {
    /// Verifies a certificate, which may come from a stranger, offline. It believes nothing in a
    /// certificate that the given key did not sign.
    pub async fn verify_certificate(
        &self,
        arguments: VerifyCertificate,
        caller: &Caller,
    ) -> Result<VerifiedCertificate, Refusal> {
        let VerifyCertificate { certificate, key, outputs, journal } = arguments;
        if certificate.len() > FILE_BYTES_MAX {
            let (actual, limit) = (certificate.len(), FILE_BYTES_MAX);
            let what = "the certificate".to_owned();
            return Err(Refusal::TooLarge { what, actual, limit, unit: "bytes" });
        }
        let envelope = Envelope::parse(&certificate)?;
        let payload = envelope.payload()?;
        let signed = key.map(|key| envelope.check(&payload, &key));
        if let Some(Err(wrong)) = signed {
            return Err(Refusal::argument(
                format!("the signature does not hold: {}: {}", wrong.field, wrong.problem),
                "nothing in the certificate can be believed: get it again from its signer, or check with another --key",
            ));
        }
        let statement = Statement::parse(&payload)?;
        let mut disagreements = Vec::new();
        if let Some(folder) = &outputs {
            disagreements.extend(compared_outputs(&statement, folder, caller)?);
        }
        if journal {
            disagreements.extend(self.compared_journal(&statement, caller).await?);
        }
        disagreements.truncate(DISAGREEMENTS_MAX);
        let predicate = &statement.predicate;
        Ok(VerifiedCertificate {
            verified: key.is_some() && disagreements.is_empty(),
            signer: shortened(envelope.claimed_signer(), VALUE_CHARACTERS_MAX),
            known_signer: key.is_some(),
            artifact: predicate.artifact.to_string(),
            cycle: predicate.cycle,
            version: predicate.chain.version,
            status: predicate.status,
            ending: predicate.ending.clone(),
            outputs: statement.subject.len(),
            outputs_compared: outputs.is_some(),
            journal_compared: journal,
            disagreements,
        })
    }

    /// Returns where the workspace disagrees: the chain up to the certified line first, then what the
    /// journal says of the cycle.
    async fn compared_journal(
        &self,
        statement: &Statement,
        caller: &Caller,
    ) -> Result<Vec<Disagreement>, Refusal> {
        let predicate = &statement.predicate;
        let (name, version) = (&predicate.artifact, predicate.chain.version);
        let place = format!("version {version}");
        let journal =
            |place: &str, problem: String| Ok(vec![Disagreement::new("journal", place, problem)]);
        let link = match self.provider.link(name, version).await {
            Err(storage::Error::Corrupt { damage }) => return journal("chain", damage),
            link => link.map_err(|error| refusal(name, &error))?,
        };
        let Some(link) = link else {
            return journal(&place, "the journal does not have it".to_owned());
        };
        if link.journal != predicate.journal_id {
            return journal("journal_id", "it is the journal of another line".to_owned());
        }
        if link.digest != predicate.chain.digest {
            let (found, said) = (link.digest, predicate.chain.digest);
            return journal(&place, format!("its line has the digest {found}, not {said}"));
        }
        let closed = self.closed(name, version, |found, _| found == version).await?;
        let Some(closed) = closed else {
            return journal(&place, "it does not close a cycle".to_owned());
        };
        match self.statement(name, closed, caller).await {
            Ok(derived) => Ok(other_field(statement, &derived).into_iter().collect()),
            Err(refusal @ (Refusal::NotFound { .. } | Refusal::StorageCorrupt { .. })) => {
                journal(&place, refusal.to_string())
            }
            Err(refusal) => Err(refusal),
        }
    }
}

/// Returns the first field of a statement that says something else than the journal.
fn other_field(statement: &Statement, derived: &Statement) -> Option<Disagreement> {
    let (said, derived) = (json!(statement), json!(derived));
    let place = diff(&said.clone().into(), &derived.clone().into()).first_place()?;
    let at = |value: &serde_json::Value| {
        let part = value.pointer(&place).cloned().unwrap_or_default();
        shortened(&part.to_string(), VALUE_CHARACTERS_MAX)
    };
    let problem = format!("the journal says {}, and the certificate {}", at(&derived), at(&said));
    Some(Disagreement::new("certificate", place, problem))
}

/// Returns the outputs that are not those that the certificate names.
fn compared_outputs(
    statement: &Statement,
    folder: &std::path::Path,
    caller: &Caller,
) -> Result<Vec<Disagreement>, Refusal> {
    let folder = UntrustedDir::open(folder).map_err(|error| {
        Refusal::argument(
            format!("{}: {error}", folder.display()),
            "--dist names the folder that holds the outputs",
        )
    })?;
    caller.progress.begin(statement.subject.len())?;
    let mut wrong = Vec::new();
    for subject in &statement.subject {
        caller.progress.check()?;
        let problem = compared_output(subject, &folder);
        wrong.extend(problem.map(|problem| Disagreement::new("outputs", &subject.name, problem)));
        caller.progress.step(format_args!("compared {}", subject.name));
    }
    Ok(wrong)
}

fn compared_output(subject: &Subject, folder: &UntrustedDir) -> Option<String> {
    if let Err(rule) = OutputPath::new(&subject.name) {
        return Some(format!("it cannot be the path of an output: {rule}"));
    }
    let found = match digests(folder, &subject.name) {
        Err(error) => return Some(error.to_string()),
        Ok(None) => return Some("it is missing".to_owned()),
        Ok(Some(found)) => found,
    };
    let said = &subject.digest;
    if found.sha256 != said.sha256 {
        return Some(format!("its sha256 is {}, not {}", found.sha256, said.sha256));
    }
    (found.blake3 != said.blake3)
        .then(|| format!("its blake3 is {}, not {}", found.blake3, said.blake3))
}

fn digests(folder: &UntrustedDir, path: &str) -> std::io::Result<Option<Digests>> {
    let Some(mut parts) = folder.parts(path)? else { return Ok(None) };
    Digests::of_parts(|| parts.next_part()).map(Some)
}
