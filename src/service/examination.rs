//! Examining the files of an artifact: which files are the result, and what the checks measure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::measures::Work;
use super::refusals::refusal;
use super::{Progress, Service, inventory};
use crate::model::document::examination::{Examination, manifest_in_effect};
use crate::model::document::manifest::{Listing, Manifest, Recorded};
use crate::model::document::modified::files_modified;
use crate::model::document::output::OutputPath;
use crate::model::document::protection;
use crate::model::invisible::is_blank_file;
use crate::model::refusal::Violation;
use crate::model::text::shortened;
use crate::model::workflow::approval_binding::open_gate;
use crate::model::workflow::question::{FileNow, FilesNow};
use crate::model::{Digest, Document, Name, Refusal, limits};
use crate::storage::OutputFile;

/// Bytes of file contents that the journal keeps for one iteration.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Characters of paths in a sentence.
const LISTED_CHARACTERS_MAX: usize = 200;

/// The result of examining an artifact's files.
#[derive(Clone, Debug)]
pub(super) struct Examined {
    pub(super) examination: Arc<Examination>,
    /// The contents of the manifest's files that no earlier entry stored.
    pub(super) contents: Vec<Vec<u8>>,
}

/// What was found of the files, from which the contents to keep follow.
enum Kept {
    Contents(Vec<Vec<u8>>),
    Listing(Listing),
}

impl Service {
    /// Puts the files of an artifact's newest version in place, before a call that writes examines them.
    pub(super) async fn place_files(&self, name: &Name) -> Result<(), Refusal> {
        self.provider.place_files(name).await.map_err(|error| refusal(name, &error))
    }

    /// Examines the files of an artifact and runs the checks. `handed_in` is the manifest of the
    /// present call, if any. A cancelled call stops before the next file and is refused.
    pub(super) async fn examine_files(
        &self,
        document: &Document,
        handed_in: Option<&Value>,
        progress: &Progress,
    ) -> Result<Examined, Refusal> {
        let (examination, kept) = self.examined(document, handed_in, progress).await?;
        let contents = match kept {
            Kept::Contents(contents) => contents,
            Kept::Listing(listing) => self.new_contents(document, &listing, progress).await?,
        };
        let revision = self.revision(document).await?;
        let examination = Arc::new(Examination { revision, ..examination });
        Ok(Examined { examination, contents })
    }

    /// Examines the files of an artifact and runs the checks, for a call that keeps no content.
    pub(super) async fn measure_files(
        &self,
        document: &Document,
        progress: &Progress,
    ) -> Result<Arc<Examination>, Refusal> {
        Ok(Arc::new(self.examined(document, None, progress).await?.0))
    }

    async fn examined(
        &self,
        document: &Document,
        handed_in: Option<&Value>,
        progress: &Progress,
    ) -> Result<(Examination, Kept), Refusal> {
        let there = self.outputs_of(document).await?;
        let mut examination = unexamined(document, handed_in, &there);
        let measured = document.constraints.iter().filter(|one| one.is_measured());
        progress.begin(examination.manifest.paths().count() + measured.count())?;
        let kept = self.look(document, &there, &mut examination, progress).await?;
        let lists = protection::lists_of(&document.constraints);
        examination.protected = self.protected(document, lists).await?;
        examination.lacks = self.prompt_lacks(document, &examination.manifest, &there).await?;
        examination.lacks.extend(self.unseen(document).await?);
        let manifest = examination.manifest.to_value();
        let work = Work { there: &there, inventory: examination.inventory };
        examination.evidence = self.measure(document, work, manifest, progress).await?;
        Ok((examination, kept))
    }

    /// Looks at the files of an artifact as they are now, and runs no check.
    pub(super) async fn files_of(
        &self,
        document: &Document,
        progress: &Progress,
    ) -> Result<Examination, Refusal> {
        let there = self.outputs_of(document).await?;
        let mut examination = unexamined(document, None, &there);
        progress.begin(examination.manifest.paths().count())?;
        self.look(document, &there, &mut examination, progress).await?;
        Ok(examination)
    }

    /// Records which files there are, and returns what was found of them.
    async fn look(
        &self,
        document: &Document,
        there: &[OutputFile],
        examination: &mut Examination,
        progress: &Progress,
    ) -> Result<Kept, Refusal> {
        let kept = match self.take_stock(document, there, examination).await? {
            Some(listing) => Kept::Listing(listing),
            None => Kept::Contents(self.look_at(document, there, examination, progress).await?),
        };
        self.digest_all(document, there, examination).await?;
        Ok(kept)
    }

    /// Returns the files of an artifact for a person's decision. While an approval is open, it also
    /// compares them with the reflection.
    pub(super) async fn files_now(&self, document: &Document) -> Result<FilesNow, Refusal> {
        let there = self.outputs_of(document).await?;
        let mut examination = unexamined(document, None, &there);
        let list = listed(&examination.manifest, &there);
        if open_gate(document).is_none() {
            return Ok(FilesNow { list, changed: false });
        }
        self.look(document, &there, &mut examination, &Progress::default()).await?;
        Ok(FilesNow { list, changed: document.files_changed(&examination) })
    }

    /// Refuses a result that names a file as changed that is not there, or as removed that is.
    pub(super) async fn check_modified(
        &self,
        document: &Document,
        result: Option<&Map<String, Value>>,
    ) -> Result<(), Refusal> {
        let said = result
            .and_then(|result| files_modified(result, "/result", &document.output_place()).ok());
        let said = said.unwrap_or_default();
        if said.is_empty() {
            return Ok(());
        }
        let shown = document.output_place().shown();
        let there = self.outputs_of(document).await?;
        let there: BTreeSet<&OutputPath> = there.iter().map(|file| &file.path).collect();
        let wrong = said.iter().enumerate().filter_map(|(index, one)| {
            let message = match (one.deleted, there.contains(&one.path)) {
                (false, false) => format!("{shown}{} is not there: write it, or pass {{\"path\": \"{}\", \"deleted\": true}} if it was removed", one.path, one.path),
                (true, true) => format!("{shown}{} is still there", one.path),
                _ => return None,
            };
            Some(Violation { pointer: format!("/result/files_modified/{index}"), message })
        });
        let violations: Vec<Violation> = wrong.collect();
        Refusal::unless_valid("the result", violations)
    }

    /// Names what lies in `dist/` and is no output, such as a link: no check looks at it. In a project's
    /// own folder such things are common.
    async fn unseen(&self, document: &Document) -> Result<Option<String>, Refusal> {
        let (name, place) = (&document.artifact_name, document.output_place());
        if !place.is_dist() {
            return Ok(None);
        }
        let strays = self.provider.strays(name, &place).await;
        let strays = strays.map_err(|error| refusal(name, &error))?;
        Ok((!strays.is_empty()).then(|| {
            let strays = shortened(&strays.join(", "), LISTED_CHARACTERS_MAX);
            format!(
                "no check can look at what lies in dist/ as {strays}: rename it or take it away"
            )
        }))
    }

    pub(super) async fn outputs_of(&self, document: &Document) -> Result<Vec<OutputFile>, Refusal> {
        let (name, place) = (&document.artifact_name, document.output_place());
        let limit = place.files_max();
        // One more shows that there are more.
        let outputs = self.provider.outputs(name, &place, None, limit + 1).await;
        let mut outputs = outputs.map_err(|error| refusal(name, &error))?;
        if place.is_dist() {
            outputs.truncate(limit);
        }
        inventory::check_size(&place, &outputs)?;
        Ok(outputs)
    }

    /// Records which files of the manifest exist, and returns the new contents.
    async fn look_at(
        &self,
        document: &Document,
        there: &[OutputFile],
        examination: &mut Examination,
        progress: &Progress,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let lengths: BTreeMap<&OutputPath, u64> =
            there.iter().map(|file| (&file.path, file.bytes)).collect();
        let known = kept_before(document);
        let (mut contents, mut bytes_kept) = (Vec::new(), 0);
        for path in examination.manifest.paths() {
            progress.check()?;
            let bytes = lengths.get(path).copied().unwrap_or_default();
            let content = match bytes {
                0 => None,
                _ => self.content(document, path, bytes).await?,
            };
            if bytes == 0 || content.as_deref().is_some_and(is_blank_file) {
                examination.missing.push(path.clone());
                examination.empty.extend(lengths.contains_key(path).then(|| path.clone()));
            } else {
                let digest = match content.as_deref() {
                    Some(content) => Digest::of(content),
                    None => self.digest_of_large(document, path, bytes).await?,
                };
                examination.files.insert(path.clone(), Recorded { bytes, digest });
                bytes_kept += content.as_ref().map_or(0, Vec::len);
                let is_new = !known.contains(&digest) && bytes_kept <= KEPT_BYTES_MAX;
                contents.extend(content.filter(|_| is_new));
            }
            progress.step(format_args!("looked at dist/{path}"));
        }
        Ok(contents)
    }

    /// Returns the digest of a file that is too large to be kept.
    async fn digest_of_large(
        &self,
        document: &Document,
        path: &OutputPath,
        bytes: u64,
    ) -> Result<Digest, Refusal> {
        let file = OutputFile { path: path.clone(), bytes };
        let listing = self.record(document, vec![file]).await?;
        Ok(listing.get(path).map_or(Digest::ZERO, |recorded| recorded.digest))
    }

    /// Takes the digest of all files in `dist/`, where a person approves them: beside those of the
    /// manifest.
    async fn digest_all(
        &self,
        document: &Document,
        there: &[OutputFile],
        examination: &mut Examination,
    ) -> Result<(), Refusal> {
        if document.requires_approval && document.output_place().is_dist() {
            let listing = self.record(document, there.to_vec()).await?;
            examination.all_files = Some(Digest::of_json(&json!(listing)));
        }
        Ok(())
    }

    /// Returns the lengths and digests of files of the work.
    pub(super) async fn record(
        &self,
        document: &Document,
        files: Vec<OutputFile>,
    ) -> Result<Listing, Refusal> {
        let (name, place) = (&document.artifact_name, document.output_place());
        let listing = self.provider.record(name, &place, files).await;
        listing.map_err(|error| refusal(name, &error))
    }

    /// Reads a file, unless it is too large for the journal.
    pub(super) async fn content(
        &self,
        document: &Document,
        path: &OutputPath,
        bytes: u64,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        if bytes > limits::OUTPUT_BYTES_MAX as u64 {
            return Ok(None);
        }
        let name = &document.artifact_name;
        let content = self.provider.output(name, &document.output_place(), path).await;
        content.map_err(|error| refusal(name, &error))
    }
}

/// Returns an examination before any file is read.
fn unexamined(document: &Document, handed_in: Option<&Value>, there: &[OutputFile]) -> Examination {
    let of_files = || {
        let artifact_type = document.artifact_type.as_deref();
        Manifest::of_files(artifact_type, there.iter().map(|file| file.path.clone()))
    };
    let (manifest, violations) = manifest_in_effect(document, handed_in, of_files);
    let measured = document.constraints.clone();
    let present = there.iter().map(|file| file.path.clone()).collect();
    Examination { manifest, violations, measured, present, ..Examination::default() }
}

/// Returns the present files of the manifest, then the other files in `dist/`.
fn listed(manifest: &Manifest, there: &[OutputFile]) -> Vec<FileNow> {
    let mut others: BTreeMap<&OutputPath, u64> =
        there.iter().map(|file| (&file.path, file.bytes)).collect();
    let of_result = manifest.paths().map(|path| (path, others.remove(path)));
    let mut files: Vec<(&OutputPath, Option<u64>)> = of_result.collect();
    files.extend(others.into_iter().map(|(path, bytes)| (path, Some(bytes))));
    files.into_iter().map(|(path, bytes)| FileNow { path: path.clone(), bytes }).collect()
}

/// The digests of contents that earlier entries of the cycle stored.
fn kept_before(document: &Document) -> BTreeSet<Digest> {
    let files = document.manifest.iter().flat_map(|manifest| manifest.files.values());
    files.map(|file| file.digest).collect()
}
