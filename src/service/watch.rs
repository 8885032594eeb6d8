//! Watching: notifications of new versions by this process and by others.

use std::collections::HashMap;
use std::sync::Arc;

use super::Service;
use super::refusals::listing_refusal;
use crate::model::{Digest, Name, Refusal, Version};
use crate::storage::{Change, Provider, Watch};
use parking_lot::Mutex;

/// Reports new versions of followed artifacts, and changes of the listing. The watch ends when this
/// value and all its followers are dropped.
#[derive(Debug)]
pub struct Watching {
    provider: Arc<dyn Provider>,
    watch: Box<dyn Watch>,
    /// The last reported version of each followed artifact; 0 for an absent artifact.
    told: Mutex<HashMap<Name, Version>>,
    /// The digest of the last reported names.
    names: Mutex<Option<Digest>>,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A new version of a followed artifact. It is on the disk.
    Version {
        /// The artifact.
        name: Name,
        /// Its newest version.
        version: Version,
    },
    /// Artifacts were created or removed.
    Names,
    /// Artifacts changed their phases.
    Phases,
}

/// Follows an artifact until dropped.
#[derive(Debug)]
pub struct Followed {
    watching: Arc<Watching>,
    name: Name,
}

impl Service {
    /// Begins to watch.
    pub async fn watch(&self) -> Result<Arc<Watching>, Refusal> {
        let watch = self.provider.watch().await.map_err(|error| listing_refusal(&error))?;
        Ok(Arc::new(Watching {
            provider: Arc::clone(&self.provider),
            watch,
            told: Mutex::default(),
            names: Mutex::default(),
        }))
    }
}

impl Watching {
    /// Follows an artifact, which need not exist: every version that is stored after this returns
    /// is reported, alone or together with later ones.
    pub async fn follow(self: &Arc<Self>, name: &Name) -> Followed {
        self.watch.follow(name).await;
        let followed = Followed { watching: Arc::clone(self), name: name.clone() };
        if let Some(version) = self.version(name).await {
            self.told.lock().entry(name.clone()).or_insert(version);
        }
        followed
    }

    /// Waits for a change. Dropping the waiting future loses no change. Only one caller may wait at
    /// a time.
    pub async fn next(&self) -> News {
        loop {
            let news = match self.watch.next().await {
                Change::Artifact(name) => self.version_news(name).await,
                Change::Listing => Some(self.listing_news().await),
            };
            if let Some(news) = news {
                return news;
            }
        }
    }

    /// Returns an unreported version. A removed artifact has version 0, which is reported too.
    async fn version_news(&self, name: Name) -> Option<News> {
        let version = self.version(&name).await?;
        let before = self.told.lock().insert(name.clone(), version);
        (before != Some(version)).then_some(News::Version { name, version })
    }

    /// Checks whether the names changed. If they cannot be listed, they count as changed.
    async fn listing_news(&self) -> News {
        let names = self.provider.list(None, usize::MAX).await.ok();
        let digest = names.map(|names| {
            let names: Vec<&str> = names.iter().map(Name::as_str).collect();
            Digest::of(names.join("/").as_bytes())
        });
        let before = std::mem::replace(&mut *self.names.lock(), digest);
        if digest.is_some() && digest == before { News::Phases } else { News::Names }
    }

    /// Returns the newest version on the disk, 0 when there is none; `None` when that cannot be
    /// known, which the next change asks again.
    async fn version(&self, name: &Name) -> Option<Version> {
        match self.provider.newest(name).await {
            Ok(newest) => Some(newest.map_or(0, |newest| newest.snapshot.version)),
            Err(error) => {
                tracing::debug!(%name, %error, "a change was not reported: the newest version cannot be read");
                None
            }
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        if self.watching.watch.unfollow(&self.name) {
            self.watching.told.lock().remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::service::{Caller, Init, Save, SystemClock, Transition};
    use crate::storage::memory::Memory;

    fn service() -> Service {
        Service::new(Arc::new(Memory::default()), Arc::new(SystemClock))
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    async fn open(service: &Service, name: &str) {
        let init: Init = serde_json::from_value(json!({ "name": name })).unwrap();
        service.run(init, &Caller::new("test")).await.unwrap();
    }

    async fn save(service: &Service, value: u32) {
        let patch = json!({ "name": "a", "patch": { "data": { "value": value } } });
        let save: Save = serde_json::from_value(patch).unwrap();
        service.run(save, &Caller::new("test")).await.unwrap();
    }

    fn version(version: Version) -> News {
        News::Version { name: name("a"), version }
    }

    #[tokio::test]
    async fn a_version_is_told_of_once_and_what_changes_nothing_is_not() {
        let service = service();
        open(&service, "a").await;
        let watching = service.watch().await.unwrap();
        let followed = [watching.follow(&name("a")).await, watching.follow(&name("a")).await];
        for value in 2..5 {
            save(&service, value).await;
            assert_eq!(watching.next().await, version(u64::from(value)));
            save(&service, value).await;
        }
        let [one, other] = followed;
        drop(one);
        save(&service, 5).await;
        assert_eq!(watching.next().await, version(5));
        drop(other);
        save(&service, 6).await;
        open(&service, "b").await;
        assert_eq!(watching.next().await, News::Names, "the artifact has no follower any more");
        assert!(watching.told.lock().is_empty());
    }

    #[tokio::test]
    async fn that_artifacts_came_is_told_apart_from_that_their_phases_are_others() {
        let service = service();
        let watching = service.watch().await.unwrap();
        open(&service, "a").await;
        assert_eq!(watching.next().await, News::Names);
        let blocking = json!({ "id": "c", "description": "d", "severity": "blocking" });
        let specified = json!({ "goals": ["g"], "constraints": [blocking] });
        let complete =
            json!({ "name": "a", "event": "complete", "phase": "specify", "result": specified });
        let complete: Transition = serde_json::from_value(complete).unwrap();
        service.run(complete, &Caller::new("test")).await.unwrap();
        assert_eq!(watching.next().await, News::Phases);
        open(&service, "b").await;
        assert_eq!(watching.next().await, News::Names);
    }
}
