//! Reading the files that constraints protect.

use std::collections::BTreeSet;

use super::Service;
use super::refusals::refusal;
use crate::model::document::output_place::OutputPlace;
use crate::model::document::pins::{OWN, Pinned, Protected, without_own};
use crate::model::{Document, Refusal, limits};

impl Service {
    /// Returns the protected files as they are now. Only as many as show that there are too many.
    pub(super) async fn protected(
        &self,
        document: &Document,
        lists: BTreeSet<Vec<String>>,
    ) -> Result<Protected, Refusal> {
        let mut protected = Protected::new();
        for globs in lists {
            let (own, others): (Vec<String>, Vec<String>) =
                globs.iter().cloned().partition(|glob| glob.starts_with(OWN));
            let mut pinned = self.own_files(document, &own).await?;
            if !others.is_empty() {
                let place = OutputPlace::parse(Some("."), &others)?;
                pinned.extend(self.files_in(document, &place, "").await?);
            }
            protected.insert(globs, pinned);
        }
        Ok(protected)
    }

    /// Returns the files of the artifact's own folder that globs match.
    async fn own_files(&self, document: &Document, globs: &[String]) -> Result<Pinned, Refusal> {
        if globs.is_empty() {
            return Ok(Pinned::new());
        }
        let globs: Vec<String> = globs.iter().map(|glob| without_own(glob).to_owned()).collect();
        let matching = OutputPlace::parse(Some("."), &globs)?;
        let files = self.files_in(document, &OutputPlace::default(), OWN).await?;
        let is_matched =
            |path: &String| matching.holds(without_own(path), &|_: &str, _: bool| false);
        Ok(files.into_iter().filter(|(path, _)| is_matched(path)).collect())
    }

    async fn files_in(
        &self,
        document: &Document,
        place: &OutputPlace,
        prefix: &str,
    ) -> Result<Pinned, Refusal> {
        let name = &document.artifact_name;
        let limit =
            if place.is_dist() { place.files_max() } else { limits::PROTECTED_FILES_MAX + 1 };
        let refused = |error| refusal(name, &error);
        let files = self.provider.outputs(name, place, None, limit).await.map_err(refused)?;
        let listing = self.provider.record(name, place, files).await.map_err(refused)?;
        Ok(listing
            .into_iter()
            .map(|(path, file)| (format!("{prefix}{path}"), file.digest))
            .collect())
    }
}
