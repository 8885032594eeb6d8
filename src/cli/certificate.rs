use std::path::{Path, PathBuf};

use super::input::name;
use super::interrupt::interruptible;
use super::output::Output;
use super::{Context, Failure};
use crate::disk::{StateFolder, regular};
use crate::model::certificate::{Envelope, PublicKey, SigningKey, secret_pem};
use crate::service;

/// The file of the user's own key in their state folder.
const KEY_FILE: &str = "certificate.key";
/// Bytes of a key's file.
const KEY_BYTES_MAX: usize = 16 << 10;

#[derive(Debug, clap::Args)]
pub(super) struct Certificate {
    /// The artifact
    #[arg(required_unless_present = "public_key")]
    name: Option<String>,
    /// The number of the cycle [default: the present one]
    #[arg(long, value_name = "N", conflicts_with = "public_key")]
    cycle: Option<u64>,
    /// A secret Ed25519 key in PEM [default: your own, made at the first use]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print the public key that verifies the certificates
    #[arg(long, conflicts_with = "name")]
    public_key: bool,
}

impl Certificate {
    /// Returns whether it makes no certificate, and so needs no workspace.
    pub(super) fn needs_no_workspace(&self) -> bool {
        self.public_key
    }

    /// Prints the public key.
    pub(super) fn print_public_key(&self, output: Output) -> Result<(), Failure> {
        let key = self.signing_key()?.public();
        let answer = serde_json::json!({
            "public_key": key.to_pem(),
            "fingerprint": key.fingerprint(),
        });
        output.answer(&answer, |page, _| write!(page, "{}", key.to_pem()))
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let key = self.signing_key()?;
        let name = name(&self.name.unwrap_or_default())?;
        let arguments = service::CertificateOf { name, cycle: self.cycle };
        let make = async |caller| context.service.certificate(arguments, &caller).await;
        let statement = interruptible(context, make).await?;
        let envelope = Envelope::sign(&statement.to_bytes(), &key);
        context.output.say(format_args!(
            "certified cycle {} of {}: {} ({} outputs), signed by {}",
            statement.predicate.cycle,
            statement.predicate.artifact,
            statement.predicate.ending,
            statement.subject.len(),
            key.public().fingerprint(),
        ));
        context.output.answer(&envelope, |page, envelope| {
            serde_json::to_writer(&mut *page, envelope)?;
            writeln!(page)
        })
    }

    fn signing_key(&self) -> Result<SigningKey, Failure> {
        let pem = match &self.key {
            Some(file) => key_file(file)?,
            None => own_key()?,
        };
        Ok(SigningKey::from_pem(&pem)?)
    }
}

/// Reads a public key.
pub(super) fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    Ok(PublicKey::from_pem(&key_file(file)?)?)
}

/// Reads the file of a key. A person names it, so it may be a pipe.
fn key_file(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = regular::read_named(file, KEY_BYTES_MAX);
    let pem = read.map_err(|error| unusable(file, &error.to_string()))?;
    if pem.len() > KEY_BYTES_MAX {
        return Err(unusable(file, &format!("it has more than {KEY_BYTES_MAX} bytes")));
    }
    Ok(pem)
}

fn unusable(file: &Path, problem: &str) -> Failure {
    Failure::Usage(format!("--key: {}: {problem}", file.display()))
}

/// Returns the user's own secret key, which is made at the first use.
fn own_key() -> anyhow::Result<Vec<u8>> {
    let folder = StateFolder::of_user().ok_or_else(|| {
        anyhow::anyhow!("no state folder is known: set HOME or XDG_STATE_HOME, or pass --key")
    })?;
    let made = || {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random bytes");
        secret_pem(&seed).into_bytes()
    };
    let key = folder.secret(KEY_FILE, KEY_BYTES_MAX as u64, made);
    key.map_err(|error| {
        anyhow::Error::new(error).context("your own key cannot be used; pass --key")
    })
}
