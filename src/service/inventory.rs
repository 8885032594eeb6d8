//! A work in the project's own folder: all of its files by one digest, and what git says of it.

use std::collections::BTreeSet;

use super::refusals::refusal;
use super::{Progress, Service};
use crate::checks;
use crate::model::document::examination::Examination;
use crate::model::document::iteration::{Revision, TreeState};
use crate::model::document::manifest::{Inventory, Listing};
use crate::model::document::output_place::OutputPlace;
use crate::model::{Digest, Document, Refusal, limits};
use crate::storage::OutputFile;

/// Refuses a work that is too large to be looked at.
pub(super) fn check_size(place: &OutputPlace, files: &[OutputFile]) -> Result<(), Refusal> {
    if place.is_dist() {
        return Ok(());
    }
    let too_large = |actual: usize, limit: usize, unit| {
        let what = format!("the work in {} (name fewer files in files[])", place.shown());
        Err(Refusal::TooLarge { what, actual, limit, unit })
    };
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    if files.len() > limits::WORK_FILES_MAX {
        return too_large(files.len(), limits::WORK_FILES_MAX, "files");
    }
    if bytes > limits::WORK_BYTES_MAX {
        let number = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        return too_large(number(bytes), number(limits::WORK_BYTES_MAX), "bytes");
    }
    Ok(())
}

/// Returns a warning where the journal keeps the digest of a work and not its files.
pub(super) fn not_kept(document: &Document) -> Option<String> {
    let inventory = document.manifest.as_ref()?.inventory.filter(|inventory| !inventory.kept)?;
    Some(format!(
        "the work has {} files with {} bytes: the journal has one digest of all of them and keeps no content, since it keeps at most {} files and {} bytes; restore brings no file back",
        inventory.files,
        inventory.bytes,
        limits::INVENTORY_FILES_KEPT_MAX,
        limits::INVENTORY_BYTES_KEPT_MAX,
    ))
}

impl Service {
    /// Records all files of a work in the project's own folder, and which files of the manifest are
    /// among them. `None` where the work lies in `dist/`.
    pub(super) async fn take_stock(
        &self,
        document: &Document,
        there: &[OutputFile],
        examination: &mut Examination,
    ) -> Result<Option<Listing>, Refusal> {
        if document.output_place().is_dist() {
            return Ok(None);
        }
        let listing = self.record(document, there.to_vec()).await?;
        for path in examination.manifest.paths() {
            match listing.get(path) {
                Some(file) if file.bytes > 0 => {
                    examination.files.insert(path.clone(), *file);
                }
                found => {
                    examination.missing.push(path.clone());
                    examination.empty.extend(found.map(|_| path.clone()));
                }
            }
        }
        examination.inventory = Some(Inventory::of(&listing).0);
        Ok(Some(listing))
    }

    /// Returns what the journal has to keep of a work: the list of its files, and the contents that
    /// the last recorded list does not have. Nothing of a work that is too large.
    pub(super) async fn new_contents(
        &self,
        document: &Document,
        listing: &Listing,
        progress: &Progress,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let (inventory, list) = Inventory::of(listing);
        if !inventory.kept {
            return Ok(Vec::new());
        }
        let mut known = self.kept_before(document).await?;
        let mut contents = vec![list];
        for (path, file) in listing {
            progress.check()?;
            if known.insert(file.digest) {
                contents.extend(self.content(document, path, file.bytes).await?);
            }
        }
        Ok(contents)
    }

    /// Returns the digests of the last recorded list.
    async fn kept_before(&self, document: &Document) -> Result<BTreeSet<Digest>, Refusal> {
        let listing = self.kept_listing(document).await?;
        Ok(listing.into_iter().flatten().map(|(_, file)| file.digest).collect())
    }

    /// Returns the list of files that the journal keeps of a document's work, if it keeps one.
    pub(super) async fn kept_listing(
        &self,
        document: &Document,
    ) -> Result<Option<Listing>, Refusal> {
        let inventory = document.manifest.as_ref().and_then(|manifest| manifest.inventory);
        let Some(inventory) = inventory.filter(|inventory| inventory.kept) else { return Ok(None) };
        let name = &document.artifact_name;
        let list = self.provider.blob(name, inventory.digest).await;
        let list = list.map_err(|error| refusal(name, &error))?;
        Ok(list.and_then(|list| Inventory::listing(&list)))
    }

    /// Returns the files of a work in the project's own folder as they are now; none of `dist/`.
    pub(super) async fn present_listing(&self, document: &Document) -> Result<Listing, Refusal> {
        if document.output_place().is_dist() {
            return Ok(Listing::new());
        }
        let there = self.outputs_of(document).await?;
        self.record(document, there).await
    }

    /// Returns what git says of the folder of the work. Git runs only where the user allows commands
    /// in the project.
    pub(super) async fn revision(&self, document: &Document) -> Result<Option<Revision>, Refusal> {
        let (name, place) = (&document.artifact_name, document.output_place());
        let commit = self.provider.commit(&place).await.map_err(|error| refusal(name, &error))?;
        let Some(commit) = commit else { return Ok(None) };
        let allowed = self.allowed_commands().filter(|policy| !policy.allowed.is_empty());
        let tree = match (allowed, place.folder().map(str::to_owned)) {
            (Some(policy), Some(folder)) => {
                let asked =
                    tokio::task::spawn_blocking(move || checks::tree_state(&policy, &folder));
                asked.await.map_err(|error| Refusal::Internal(error.to_string()))?
            }
            _ => TreeState::Unknown,
        };
        Ok(Some(Revision { commit, tree }))
    }
}
