//! The provider's methods, each on a blocking thread.

use async_trait::async_trait;

use super::artifact::{Artifact, ArtifactState};
use super::fault::doing;
use super::outputs::Outputs;
use super::watch::WorkspaceWatch;
use super::{Filesystem, Presence, Store, blobs, layout, removal};
use crate::disk::fs;
use crate::disk::{Repository, WORKSPACE};
use crate::model::certificate::Digests;
use crate::model::document::manifest::Listing;
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::Snapshot;
use crate::model::journal::entry::{Entry, LogFile};
use crate::model::{Digest, Name, Version};
use crate::storage::{
    Decide, DecideDoubt, Error, Finding, Link, Newest, OutputFile, Provider, Tombstone, Watch,
};

#[async_trait]
impl Provider for Filesystem {
    async fn append(&self, name: &Name, decide: Decide) -> Result<Option<Newest>, Error> {
        let name = name.clone();
        let (newest, must_settle) = self.blocking(move |store| store.append(&name, decide)).await?;
        if must_settle {
            self.settle_soon();
        }
        self.testify_soon();
        Ok(newest)
    }

    async fn newest(&self, name: &Name) -> Result<Option<Newest>, Error> {
        let artifact = self.store.artifact(name);
        match artifact.current() {
            Some(standing) => Ok(standing.alive()),
            None => {
                let name = name.clone();
                let standing = self.blocking(move |store| store.standing(&name)).await?;
                self.testify_soon();
                Ok(standing.and_then(ArtifactState::alive))
            }
        }
    }

    async fn tombstone(&self, name: &Name) -> Result<Option<Tombstone>, Error> {
        let name = name.clone();
        self.blocking(move |store| store.tombstone(&name)).await
    }

    async fn read(&self, name: &Name, after: Version, limit: usize) -> Result<Vec<Entry>, Error> {
        let name = name.clone();
        self.blocking(move |store| store.read(&name, after, limit)).await
    }

    async fn at(&self, name: &Name, version: Version) -> Result<Option<Snapshot>, Error> {
        let name = name.clone();
        self.blocking(move |store| store.at(&name, version)).await
    }

    async fn link(&self, name: &Name, version: Version) -> Result<Option<Link>, Error> {
        let name = name.clone();
        self.blocking(move |store| store.link(&name, version)).await
    }

    async fn blob(&self, name: &Name, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        let name = name.clone();
        self.blocking(move |store| {
            let path = layout::blob(&name, digest);
            blobs::load(store.fs.as_ref(), &name, digest).map_err(doing("read", &path))
        })
        .await
    }

    async fn outputs(
        &self,
        name: &Name,
        place: &OutputPlace,
        after: Option<&OutputPath>,
        limit: usize,
    ) -> Result<Vec<OutputFile>, Error> {
        let after = after.cloned();
        self.in_outputs("list", name, place, move |outputs| outputs.list(after.as_ref(), limit))
            .await
    }

    async fn strays(&self, name: &Name, place: &OutputPlace) -> Result<Vec<String>, Error> {
        self.in_outputs("list", name, place, |outputs| outputs.strays()).await
    }

    async fn check_place(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: Option<&OutputPath>,
    ) -> Result<(), Error> {
        let path = path.cloned();
        let check = move |outputs: &Outputs<'_>| match &path {
            Some(path) => outputs.check(path),
            None => outputs.check_folder(),
        };
        self.in_outputs("look at", name, place, check).await
    }

    async fn output(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: &OutputPath,
    ) -> Result<Option<Vec<u8>>, Error> {
        let path = path.clone();
        self.in_outputs("read", name, place, move |outputs| outputs.read(&path)).await
    }

    async fn record(
        &self,
        name: &Name,
        place: &OutputPlace,
        files: Vec<OutputFile>,
    ) -> Result<Listing, Error> {
        self.in_outputs("read", name, place, move |outputs| outputs.record(&files)).await
    }

    async fn digests(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: &OutputPath,
    ) -> Result<Option<Digests>, Error> {
        let path = path.clone();
        self.in_outputs("read", name, place, move |outputs| outputs.digests(&path)).await
    }

    async fn commit(&self, place: &OutputPlace) -> Result<Option<Option<String>>, Error> {
        let Some(folder) = place.folder().map(str::to_owned) else { return Ok(None) };
        let project = self.project.clone();
        self.blocking(move |_| {
            let repository = Repository::of(&project, &folder);
            Ok(repository.map(|repository| repository.commit()))
        })
        .await
    }

    async fn has_archive(&self, name: &Name, cycle: u64) -> Result<bool, Error> {
        let path = layout::archive(name, cycle);
        let look = move |store: &Store| {
            fs::exists(store.fs.as_ref(), &path).map_err(doing("look at", &path))
        };
        self.blocking(look).await
    }

    /// Reads the projection, which contains a person's edits until the next version replaces them.
    async fn log(&self, name: &Name, log: LogFile) -> Result<String, Error> {
        let name = name.clone();
        self.blocking(move |store| store.log(&name, log)).await
    }

    async fn list(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Name>, Error> {
        let after = after.cloned();
        self.blocking(move |store| store.list(Presence::There, after.as_ref(), limit)).await
    }

    async fn deleted(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Name>, Error> {
        let after = after.cloned();
        self.blocking(move |store| store.list(Presence::Deleted, after.as_ref(), limit)).await
    }

    async fn kept_in(&self, name: &Name, removal: Version) -> Result<Option<String>, Error> {
        let name = name.clone();
        self.blocking(move |store| {
            removal::kept_in(store.fs.as_ref(), &name, removal)
                .map_err(doing("list", layout::TRASH))
        })
        .await
    }

    async fn examine(&self, name: &Name) -> Result<Vec<Finding>, Error> {
        let name = name.clone();
        self.blocking(move |store| store.examine(&name)).await
    }

    async fn watch(&self) -> Result<Box<dyn Watch>, Error> {
        let project = self.project.clone();
        let watch = self
            .blocking(move |_| WorkspaceWatch::new(&project).map_err(doing("watch", WORKSPACE)));
        Ok(Box::new(watch.await?))
    }

    async fn accept(&self, name: &Name, decide: DecideDoubt) -> Result<Option<Newest>, Error> {
        let name = name.clone();
        self.blocking(move |store| store.accept(&name, decide)).await
    }

    fn witness_fault(&self) -> Option<String> {
        self.store.witness.fault()
    }

    async fn place_files(&self, name: &Name) -> Result<(), Error> {
        let name = name.clone();
        self.blocking(move |store| store.with(&name, &mut Artifact::project_left).map(drop)).await
    }

    async fn settle(&self) {
        let settled = self.blocking(|store| {
            store.settle();
            Ok(())
        });
        if settled.await.is_err() {
            tracing::warn!("registry.json was not written");
        }
    }

    fn volatile(&self) -> bool {
        false
    }
}
