//! Which contents of files the journal has at a version: what went through the server, and what an
//! iteration recorded.

use std::collections::BTreeMap;

use super::Service;
use crate::model::document::manifest::{Listing, Recorded};
use crate::model::document::output::OutputPath;
use crate::model::journal::entry::Entry;
use crate::model::{Document, Refusal, Time, Version};

/// A file with the version that captured it.
type Captured = BTreeMap<OutputPath, (Version, Recorded)>;

impl Service {
    /// Returns the files of an artifact as they were captured last at or before a version, whose
    /// document is given. Reads the entries of the artifact up to there.
    pub(super) async fn captured(
        &self,
        document: &Document,
        version: Version,
    ) -> Result<Listing, Refusal> {
        let name = &document.artifact_name;
        let recorded_at = document.manifest.as_ref().and_then(|one| one.generation_timestamp);
        let (mut captured, mut recorded) = (Captured::new(), 0);
        let take = |entry: Entry| take(&entry, recorded_at, &mut captured, &mut recorded);
        self.each_entry(name, 0, version, take).await?;
        for (path, file) in self.recorded(document).await? {
            let is_older = captured.get(&path).is_none_or(|(version, _)| *version <= recorded);
            if is_older {
                captured.insert(path, (recorded, file));
            }
        }
        Ok(captured.into_iter().map(|(path, (_, file))| (path, file)).collect())
    }

    /// Returns the files that the manifest of a document recorded: all of the work where the journal
    /// keeps their list, else those that the manifest names.
    async fn recorded(&self, document: &Document) -> Result<Listing, Refusal> {
        if let Some(listing) = self.kept_listing(document).await? {
            return Ok(listing);
        }
        Ok(document.manifest.as_ref().map(|manifest| manifest.files.clone()).unwrap_or_default())
    }
}

/// Takes over what an entry captured. A reset or a deletion took all files away.
fn take(entry: &Entry, recorded_at: Option<Time>, captured: &mut Captured, recorded: &mut Version) {
    if entry.removal.is_some() {
        captured.clear();
    }
    if Some(entry.at) == recorded_at {
        *recorded = entry.version;
    }
    for output in &entry.outputs {
        let file = Recorded { bytes: output.bytes, digest: output.digest };
        captured.insert(output.path.clone(), (entry.version, file));
    }
}
