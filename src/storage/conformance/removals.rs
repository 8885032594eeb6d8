//! The contract of resets, deletions and purges.

use serde_json::json;

use super::{Shared, name, put, value, version};
use crate::model::document::output::{Output, OutputPath};
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::Transaction;
use crate::model::journal::removal::Removal;
use crate::model::journal::tests::{draft, removing};
use crate::model::{Digest, Draft, Version, limits};
use crate::storage::Provider;

/// Appends an entry with an output.
async fn bring(provider: &dyn Provider, artifact: &str, content: &str) -> Digest {
    let (name, content) = (name(artifact), content.as_bytes().to_vec());
    let digest = Digest::of(&content);
    let decide = move |transaction: &mut Transaction<'_>| {
        let path = OutputPath::parse("made/out.txt").unwrap();
        let output = Output { path, bytes: content.len() as u64, digest, replaces: None };
        let drafted = draft("a", &json!("brought"));
        let drafted = Draft { outputs: vec![output], blobs: vec![content.clone()], ..drafted };
        drop(transaction.append(drafted).unwrap());
    };
    provider.append(&name, Box::new(decide)).await.unwrap().unwrap();
    digest
}

/// Deletes an artifact and returns the version of the deletion.
async fn end(provider: &dyn Provider, artifact: &str, removal: Removal) -> Version {
    let text = artifact.to_owned();
    let decide = move |transaction: &mut Transaction<'_>| {
        transaction.end(removing(&text, removal));
    };
    assert!(provider.append(&name(artifact), Box::new(decide)).await.unwrap().is_none());
    let tombstone = provider.tombstone(&name(artifact)).await.unwrap().unwrap();
    assert_eq!((tombstone.removed.removal, tombstone.warnings), (removal, Vec::new()));
    tombstone.removed.version
}

async fn outputs(provider: &dyn Provider, artifact: &str) -> usize {
    provider.outputs(&name(artifact), &OutputPlace::default(), None, 9).await.unwrap().len()
}

pub(super) async fn a_deleted_artifact_does_not_exist_and_its_versions_are_kept(provider: Shared) {
    let provider = &*provider;
    put(provider, "b", json!(1)).await;
    for i in 1..=4 {
        put(provider, "a", json!(i)).await;
    }
    let digest = bring(provider, "a", "content").await;
    assert!(provider.tombstone(&name("a")).await.unwrap().is_none());
    assert_eq!(end(provider, "a", Removal::Delete).await, 6);

    assert!(provider.newest(&name("a")).await.unwrap().is_none());
    assert_eq!(outputs(provider, "a").await, 0);
    assert_eq!(provider.list(None, 10).await.unwrap(), [name("b")]);
    assert_eq!(provider.deleted(None, 10).await.unwrap(), [name("a")]);
    assert_eq!(provider.deleted(Some(&name("a")), 10).await.unwrap(), []);
    let entries = provider.read(&name("a"), 0, 10).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.version).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(entries[5].removal, Some(Removal::Delete));
    for version in 1..=4 {
        let snapshot = provider.at(&name("a"), version).await.unwrap().unwrap();
        assert_eq!(snapshot.document.data.at(&["value"]).unwrap(), json!(version));
    }
    assert!(provider.at(&name("a"), 6).await.unwrap().is_none());
    assert_eq!(provider.blob(&name("a"), digest).await.unwrap(), Some(b"content".to_vec()));
    let nothing = provider.append(&name("a"), Box::new(|_| {})).await.unwrap();
    assert!(nothing.is_none());
    assert_eq!(version(provider, "b").await, 1);
}

pub(super) async fn a_name_taken_again_goes_on_counting(provider: Shared) {
    let provider = &*provider;
    bring(provider, "a", "old").await;
    assert_eq!(end(provider, "a", Removal::Delete).await, 2);
    for expected in 3..=6 {
        assert_eq!(put(provider, "a", json!(expected)).await.snapshot.version, expected);
    }
    assert_eq!(outputs(provider, "a").await, 0);
    assert!(provider.tombstone(&name("a")).await.unwrap().is_none());
    assert_eq!(provider.list(None, 10).await.unwrap(), [name("a")]);
    assert_eq!(provider.deleted(None, 10).await.unwrap(), []);
    assert_eq!(provider.read(&name("a"), 0, 10).await.unwrap().len(), 6);
    let before = provider.at(&name("a"), 1).await.unwrap().unwrap();
    assert_eq!(before.document.data.at(&["value"]).unwrap(), "brought");
    assert_eq!(end(provider, "a", Removal::Delete).await, 7);
    assert_eq!(put(provider, "a", json!(8)).await.snapshot.version, 8);
}

pub(super) async fn nothing_of_a_purged_artifact_is_left_but_the_count(provider: Shared) {
    let provider = &*provider;
    let large = json!("x".repeat(limits::INLINE_PAYLOAD_BYTES_MAX * 2));
    for value in [json!(1), large, json!(3), json!(4)] {
        put(provider, "a", value).await;
    }
    let digest = bring(provider, "a", "secret").await;
    put(provider, "b", json!("of b")).await;
    assert_eq!(end(provider, "a", Removal::Purge).await, 6);
    assert!(provider.newest(&name("a")).await.unwrap().is_none());
    assert_eq!(provider.deleted(None, 10).await.unwrap(), [name("a")]);
    let gone = async || {
        for version in 1..=6 {
            assert!(provider.at(&name("a"), version).await.unwrap().is_none(), "{version}");
        }
        assert_eq!(provider.blob(&name("a"), digest).await.unwrap(), None);
        assert_eq!(outputs(provider, "a").await, 0);
    };
    gone().await;
    assert_eq!(provider.kept_in(&name("a"), 6).await.unwrap(), None);
    assert_eq!(provider.read(&name("a"), 0, 10).await.unwrap(), []);
    for expected in 7..=12 {
        assert_eq!(put(provider, "a", json!(expected)).await.snapshot.version, expected);
    }
    gone().await;
    let entries = provider.read(&name("a"), 0, 3).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.version).collect::<Vec<_>>(), [7, 8, 9]);
    let snapshot = provider.at(&name("a"), 8).await.unwrap().unwrap();
    assert_eq!(snapshot.document.data.at(&["value"]).unwrap(), 8);
    assert_eq!(version(provider, "b").await, 1);
}

pub(super) async fn a_purge_and_a_new_life_in_one_turn_are_kept_apart(provider: Shared) {
    let provider = &*provider;
    let old = bring(provider, "a", "old").await;
    let decide = |transaction: &mut Transaction<'_>| {
        transaction.end(removing("a", Removal::Purge));
        let drafted = draft("a", &json!("new"));
        transaction.append(Draft { blobs: vec![b"new".to_vec()], ..drafted }).unwrap();
    };
    let newest = provider.append(&name("a"), Box::new(decide)).await.unwrap().unwrap();
    assert_eq!((newest.snapshot.version, value(&newest)), (3, json!("new")));
    assert_eq!(newest.warnings, Vec::<String>::new());
    let blob = async |digest| provider.blob(&name("a"), digest).await.unwrap();
    assert_eq!((blob(old).await, blob(Digest::of(b"new")).await), (None, Some(b"new".to_vec())));
    assert_eq!(outputs(provider, "a").await, 0);
    assert_eq!(provider.read(&name("a"), 0, 10).await.unwrap().len(), 1);
}

pub(super) async fn after_a_reset_there_are_no_outputs_of_before_it(provider: Shared) {
    let provider = &*provider;
    let old = bring(provider, "a", "old").await;
    let decide = |transaction: &mut Transaction<'_>| {
        drop(transaction.append(removing("a", Removal::Reset)).unwrap());
    };
    let newest = provider.append(&name("a"), Box::new(decide)).await.unwrap().unwrap();
    assert_eq!((newest.snapshot.version, newest.warnings), (2, Vec::new()));
    assert_eq!(outputs(provider, "a").await, 0);
    assert_eq!(provider.blob(&name("a"), old).await.unwrap(), Some(b"old".to_vec()));
    bring(provider, "a", "new").await;
    let path = OutputPath::parse("made/out.txt").unwrap();
    assert_eq!(
        provider.output(&name("a"), &OutputPlace::default(), &path).await.unwrap(),
        Some(b"new".to_vec())
    );
    assert_eq!(
        provider.at(&name("a"), 1).await.unwrap().unwrap().document.data.at(&["value"]).unwrap(),
        "brought"
    );
}
