use std::path::PathBuf;

use super::certificate::public_key;
use super::interrupt::interruptible;
use super::output::{BAD, GOOD, Page, WARN};
use super::{Context, Failure};
use crate::disk::regular;
use crate::model::certificate::FILE_BYTES_MAX;
use crate::service::{self, VerifiedCertificate};

#[derive(Debug, clap::Args)]
pub(super) struct VerifyCertificate {
    /// The certificate
    file: PathBuf,
    /// The signer's public key in PEM; without it the signer is unknown, and the exit status 1
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Compare the outputs in this folder. With --dir also the journal of that workspace
    #[arg(long, value_name = "FOLDER")]
    dist: Option<PathBuf>,
}

impl VerifyCertificate {
    /// Verifies a certificate. `journal` says whether a workspace was named, whose journal is compared.
    pub(super) async fn run(self, context: &Context, journal: bool) -> Result<(), Failure> {
        let certificate = regular::read_named(&self.file, FILE_BYTES_MAX)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.file.display())))?;
        let key = self.key.as_deref().map(public_key).transpose()?;
        let outputs = self.dist;
        let arguments = service::VerifyCertificate { certificate, key, outputs, journal };
        let verify = async |caller| context.service.verify_certificate(arguments, &caller).await;
        let verified = interruptible(context, verify).await?;
        context.output.answer(&verified, page)?;
        if verified.verified { Ok(()) } else { Err(Failure::BadNews) }
    }
}

fn page(page: Page<'_>, verified: &VerifiedCertificate) -> std::io::Result<()> {
    let VerifiedCertificate { signer, artifact, cycle, version, ending, outputs, .. } = verified;
    writeln!(page, "{artifact}, cycle {cycle}, version {version}: {ending}")?;
    if verified.known_signer {
        writeln!(page, "{GOOD}signature{GOOD:#}  by {signer}")?;
    } else {
        writeln!(
            page,
            "{WARN}unknown signer{WARN:#}  {signer}: pass --key to check the signature"
        )?;
    }
    let compared = |is: bool| if is { "compared" } else { "not compared" };
    writeln!(page, "outputs    {outputs}, {}", compared(verified.outputs_compared))?;
    writeln!(page, "journal    {}", compared(verified.journal_compared))?;
    for one in &verified.disagreements {
        writeln!(page, "{BAD}differs{BAD:#}    {}: {}: {}", one.part, one.place, one.problem)?;
    }
    if verified.verified {
        writeln!(page, "{GOOD}verified{GOOD:#}")
    } else {
        writeln!(page, "{BAD}not verified{BAD:#}")
    }
}
