//! The contract of [`Watch`]: changes and their followers.

use serde_json::json;

use super::{Shared, name, put, version};
use crate::storage::{Change, Watch};

/// Returns the next reported artifact.
async fn told(watch: &dyn Watch) -> String {
    loop {
        if let Change::Artifact(name) = watch.next().await {
            return name.to_string();
        }
    }
}

pub(super) async fn every_version_of_a_followed_artifact_is_told_of(provider: Shared) {
    let watch = provider.watch().await.unwrap();
    watch.follow(&name("a")).await;
    for expected in 1..=10 {
        put(&*provider, "a", json!(expected)).await;
        while version(&*provider, "a").await < expected || told(&*watch).await != "a" {}
    }
}

pub(super) async fn nothing_is_told_of_artifacts_that_nobody_follows(provider: Shared) {
    let watch = provider.watch().await.unwrap();
    watch.follow(&name("b")).await;
    for artifact in ["a", "b.c", "b"] {
        put(&*provider, artifact, json!(1)).await;
    }
    assert_eq!(told(&*watch).await, "b");
}

pub(super) async fn an_artifact_is_followed_until_it_was_unfollowed_as_often(provider: Shared) {
    let watch = provider.watch().await.unwrap();
    for artifact in ["a", "a", "b"] {
        watch.follow(&name(artifact)).await;
    }
    assert!(!watch.unfollow(&name("a")));
    put(&*provider, "a", json!(1)).await;
    assert_eq!(told(&*watch).await, "a");
    assert!(watch.unfollow(&name("a")));
    put(&*provider, "a", json!(2)).await;
    put(&*provider, "b", json!(1)).await;
    assert_eq!(told(&*watch).await, "b");
}

pub(super) async fn the_listing_is_told_of_when_an_artifact_comes(provider: Shared) {
    let watch = provider.watch().await.unwrap();
    for artifact in ["a", "b"] {
        put(&*provider, artifact, json!(1)).await;
        provider.settle().await;
        while watch.next().await != Change::Listing {}
        let names = provider.list(None, 10).await.unwrap();
        assert!(names.contains(&name(artifact)));
    }
}
