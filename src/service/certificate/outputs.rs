//! The outputs that a certificate names.

use crate::model::certificate::{Digests, SUBJECTS_MAX, Subject};
use crate::model::document::manifest::{Listing, Recorded};
use crate::model::document::output::OutputPath;
use crate::model::{Document, Refusal};
use crate::service::refusals::refusal;
use crate::service::{Caller, Service};

impl Service {
    /// Returns the outputs of a finalized cycle with their digests: those whose digests `finalize`
    /// compares, or all files of a work in the project's folder whose list the journal keeps.
    pub(super) async fn subjects(
        &self,
        document: &Document,
        caller: &Caller,
    ) -> Result<Vec<Subject>, Refusal> {
        let files = self.certified_files(document).await?;
        let name = &document.artifact_name;
        if files.is_empty() {
            return Err(Refusal::argument(
                format!(
                    "cycle {} of {name} has no outputs: its manifest names no file",
                    document.cycle
                ),
                "a certificate is about files: name the result in the manifest of execute or persist in the next cycle",
            ));
        }
        if files.len() > SUBJECTS_MAX {
            return Err(Refusal::TooLarge {
                what: "the certificate".into(),
                actual: files.len(),
                limit: SUBJECTS_MAX,
                unit: "outputs",
            });
        }
        caller.progress.begin(files.len())?;
        let mut subjects = Vec::with_capacity(files.len());
        for (path, file) in &files {
            caller.progress.check()?;
            let digest = self.digests_of(document, path, file).await?;
            subjects.push(Subject { name: path.to_string(), digest });
            caller.progress.step(format_args!("read {path}"));
        }
        Ok(subjects)
    }

    async fn certified_files(&self, document: &Document) -> Result<Listing, Refusal> {
        let all = self.kept_listing(document).await?;
        let named = || document.manifest.as_ref().map(|manifest| manifest.files.clone());
        Ok(all.or_else(named).unwrap_or_default())
    }

    /// Returns the digests of an output: of the content that the journal keeps, else of the file, if it is
    /// still the recorded one.
    async fn digests_of(
        &self,
        document: &Document,
        path: &OutputPath,
        file: &Recorded,
    ) -> Result<Digests, Refusal> {
        let name = &document.artifact_name;
        let kept = self.provider.blob(name, file.digest).await;
        if let Some(content) = kept.map_err(|error| refusal(name, &error))? {
            return Ok(Digests::of(&content));
        }
        let there = self.provider.digests(name, &document.output_place(), path).await;
        let there = there.map_err(|error| refusal(name, &error))?;
        there.filter(|found| found.blake3 == file.digest).ok_or_else(|| Refusal::NotFound {
            what: format!("content of {path} with the digest {}", file.digest),
            hint: "the journal does not keep it, and the file has changed since: bring the file back as it was finalized, then repeat the call".into(),
        })
    }
}
