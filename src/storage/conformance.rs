//! The contract of [`Provider`] as checks that run on every provider.
//!
//! [`conformance`] makes one test for each check and provider. The compiler reports a check that
//! is missing from the list as dead code.

mod changes;
mod outputs;
mod removals;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Newest, Provider};
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::Transaction;
use crate::model::journal::entry::{LogFile, Section};
use crate::model::journal::idempotency::IdempotencyKey;
use crate::model::journal::tests::draft;
use crate::model::{Digest, Draft, Name, Refusal, Version, limits};

/// Makes a test of every check for a provider. `$made` returns a new provider and the values that
/// must live as long.
macro_rules! conformance {
    ($provider:ident, $made:expr) => {
        conformance!(@each $provider, $made,
            versions_count_from_one_without_gaps
            a_draft_builds_on_everything_before_it
            several_drafts_of_one_turn_are_stored_together
            a_turn_that_drafts_nothing_makes_nothing
            a_refused_draft_leaves_nothing_behind
            racing_writers_lose_nothing_and_overwrite_nothing
            artifacts_do_not_affect_each_other
            reading_is_bounded_and_goes_on_where_it_ended
            every_version_can_be_had_again
            a_link_names_the_line_that_the_next_one_continues
            a_large_payload_comes_back_whole
            a_blob_is_there_when_its_entry_is
            an_output_is_in_place_once_its_entry_is_stored
            outputs_are_listed_in_order_and_in_pages
            outputs_of_any_size_are_recorded
            a_work_of_the_project_needs_a_project
            an_idempotency_key_is_found_again
            a_log_has_what_the_entries_added_to_it
            names_are_listed_in_order_and_in_pages
            every_version_of_a_followed_artifact_is_told_of
            nothing_is_told_of_artifacts_that_nobody_follows
            an_artifact_is_followed_until_it_was_unfollowed_as_often
            the_listing_is_told_of_when_an_artifact_comes
            a_healthy_artifact_is_found_healthy
            a_deleted_artifact_does_not_exist_and_its_versions_are_kept
            a_name_taken_again_goes_on_counting
            nothing_of_a_purged_artifact_is_left_but_the_count
            a_purge_and_a_new_life_in_one_turn_are_kept_apart
            after_a_reset_there_are_no_outputs_of_before_it
            nothing_is_known_of_an_artifact_that_does_not_exist
        );
    };
    (@each $provider:ident, $made:expr, $($check:ident)*) => {
        mod $provider {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    let (_kept, provider) = $made;
                    super::$check(std::sync::Arc::new(provider)).await;
                }
            )*
        }
    };
}

conformance!(memory, ((), crate::storage::memory::Memory::default()));
conformance!(filesystem, crate::storage::filesystem::tests::fresh(4096));
conformance!(filesystem_with_short_segments, crate::storage::filesystem::tests::fresh(3));

use self::changes::{
    an_artifact_is_followed_until_it_was_unfollowed_as_often,
    every_version_of_a_followed_artifact_is_told_of,
    nothing_is_told_of_artifacts_that_nobody_follows,
    the_listing_is_told_of_when_an_artifact_comes,
};
use self::outputs::{
    a_work_of_the_project_needs_a_project, an_output_is_in_place_once_its_entry_is_stored,
    outputs_are_listed_in_order_and_in_pages, outputs_of_any_size_are_recorded,
};
use self::removals::{
    a_deleted_artifact_does_not_exist_and_its_versions_are_kept,
    a_name_taken_again_goes_on_counting, a_purge_and_a_new_life_in_one_turn_are_kept_apart,
    after_a_reset_there_are_no_outputs_of_before_it,
    nothing_of_a_purged_artifact_is_left_but_the_count,
};

type Shared = Arc<dyn Provider>;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// Appends an entry that sets `data.value`.
async fn put(provider: &dyn Provider, artifact: &str, value: Value) -> Newest {
    let text = artifact.to_owned();
    let decide = move |transaction: &mut Transaction<'_>| {
        drop(transaction.append(draft(&text, &value)).unwrap());
    };
    provider.append(&name(artifact), Box::new(decide)).await.unwrap().unwrap()
}

fn value(newest: &Newest) -> Value {
    newest.snapshot.document.data.at(&["value"]).unwrap()
}

async fn version(provider: &dyn Provider, artifact: &str) -> Version {
    provider.newest(&name(artifact)).await.unwrap().map_or(0, |newest| newest.snapshot.version)
}

async fn versions_count_from_one_without_gaps(provider: Shared) {
    for expected in 1..=10 {
        assert_eq!(put(&*provider, "a", json!(expected)).await.snapshot.version, expected);
        assert_eq!(version(&*provider, "a").await, expected);
    }
    let entries = provider.read(&name("a"), 0, 100).await.unwrap();
    let versions: Vec<_> = entries.iter().map(|entry| entry.version).collect();
    assert_eq!(versions, (1..=10).collect::<Vec<_>>());
}

async fn a_draft_builds_on_everything_before_it(provider: Shared) {
    for i in 0..10 {
        let decide = move |transaction: &mut Transaction<'_>| {
            let before = transaction
                .newest()
                .map_or(json!([]), |newest| newest.document.data.at(&["value"]).unwrap());
            let mut list = before.as_array().unwrap().clone();
            assert_eq!(list.len(), i);
            assert_eq!(transaction.next_version(), i as Version + 1);
            list.push(json!(i));
            transaction.append(draft("a", &json!(list))).unwrap();
        };
        provider.append(&name("a"), Box::new(decide)).await.unwrap().unwrap();
    }
    let newest = provider.newest(&name("a")).await.unwrap().unwrap();
    assert_eq!(value(&newest), json!((0..10).collect::<Vec<_>>()));
}

async fn several_drafts_of_one_turn_are_stored_together(provider: Shared) {
    let decide = |transaction: &mut Transaction<'_>| {
        for i in 1..=5 {
            assert_eq!(transaction.append(draft("a", &json!(i))).unwrap().version, i);
        }
    };
    let newest = provider.append(&name("a"), Box::new(decide)).await.unwrap().unwrap();
    assert_eq!((newest.snapshot.version, value(&newest)), (5, json!(5)));
    assert_eq!(provider.read(&name("a"), 0, 100).await.unwrap().len(), 5);
}

async fn a_turn_that_drafts_nothing_makes_nothing(provider: Shared) {
    assert!(provider.append(&name("a"), Box::new(|_| {})).await.unwrap().is_none());
    assert!(provider.newest(&name("a")).await.unwrap().is_none());
    assert!(provider.list(None, 100).await.unwrap().is_empty());
    put(&*provider, "a", json!(1)).await;
    let newest = provider.append(&name("a"), Box::new(|_| {})).await.unwrap().unwrap();
    assert_eq!(newest.snapshot.version, 1);
    assert_eq!(version(&*provider, "a").await, 1);
}

async fn a_refused_draft_leaves_nothing_behind(provider: Shared) {
    put(&*provider, "a", json!(1)).await;
    let deep = (0..limits::DOCUMENT_DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
    let decide = move |transaction: &mut Transaction<'_>| {
        assert!(matches!(transaction.append(draft("a", &deep)), Err(Refusal::TooLarge { .. })));
    };
    provider.append(&name("a"), Box::new(decide)).await.unwrap();
    assert_eq!(version(&*provider, "a").await, 1);
}

async fn racing_writers_lose_nothing_and_overwrite_nothing(provider: Shared) {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let writers = (0..WRITERS).map(|writer| {
        let provider = Arc::clone(&provider);
        tokio::spawn(async move {
            for i in 0..EACH {
                let decide = move |transaction: &mut Transaction<'_>| {
                    let before = transaction
                        .newest()
                        .map_or(json!([]), |newest| newest.document.data.at(&["value"]).unwrap());
                    let mut list = before.as_array().unwrap().clone();
                    list.push(json!(writer * EACH + i));
                    transaction.append(draft("a", &json!(list))).unwrap();
                };
                provider.append(&name("a"), Box::new(decide)).await.unwrap().unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let newest = provider.newest(&name("a")).await.unwrap().unwrap();
    assert_eq!(newest.snapshot.version, (WRITERS * EACH) as Version);
    let values: BTreeSet<u64> =
        value(&newest).as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect();
    assert_eq!(values.len(), WRITERS * EACH);
}

async fn artifacts_do_not_affect_each_other(provider: Shared) {
    put(&*provider, "a", json!("of a")).await;
    put(&*provider, "b", json!("of b")).await;
    put(&*provider, "a.b", json!("of a.b")).await;
    put(&*provider, "a", json!("of a again")).await;
    for (artifact, expected, version) in
        [("a", "of a again", 2), ("b", "of b", 1), ("a.b", "of a.b", 1)]
    {
        let newest = provider.newest(&name(artifact)).await.unwrap().unwrap();
        assert_eq!((value(&newest), newest.snapshot.version), (json!(expected), version));
    }
}

async fn reading_is_bounded_and_goes_on_where_it_ended(provider: Shared) {
    for i in 1..=10 {
        put(&*provider, "a", json!(i)).await;
    }
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = provider.read(&name("a"), after, 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = last.version;
        seen.extend(page.iter().map(|entry| entry.version));
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    assert!(provider.read(&name("a"), 10, 4).await.unwrap().is_empty());
    assert!(provider.read(&name("a"), 0, 0).await.unwrap().is_empty());
}

async fn every_version_can_be_had_again(provider: Shared) {
    for i in 1..=10 {
        put(&*provider, "a", json!(i)).await;
    }
    for version in 1..=10 {
        let snapshot = provider.at(&name("a"), version).await.unwrap().unwrap();
        assert_eq!(
            (snapshot.version, &snapshot.document.data.at(&["value"]).unwrap()),
            (version, &json!(version))
        );
        assert_eq!(snapshot.tree.digest(), snapshot.digest);
    }
    assert!(provider.at(&name("a"), 0).await.unwrap().is_none());
    assert!(provider.at(&name("a"), 11).await.unwrap().is_none());
}

async fn a_link_names_the_line_that_the_next_one_continues(provider: Shared) {
    assert_eq!(provider.link(&name("a"), 1).await.unwrap(), None);
    for value in 1..=10 {
        put(&*provider, "a", json!(value)).await;
    }
    let entries = provider.read(&name("a"), 0, 20).await.unwrap();
    let mut ids = BTreeSet::new();
    for entry in &entries[1..] {
        let link = provider.link(&name("a"), entry.version - 1).await.unwrap().unwrap();
        assert_eq!(link.digest, entry.previous, "version {}", entry.version);
        ids.insert(link.journal.map(|id| id.to_string()));
    }
    assert_eq!(ids.len(), 1, "one journal has one id");
    assert!(provider.link(&name("a"), 10).await.unwrap().is_some());
    assert_eq!(provider.link(&name("a"), 11).await.unwrap(), None);
}

async fn a_large_payload_comes_back_whole(provider: Shared) {
    let large = json!("x".repeat(limits::INLINE_PAYLOAD_BYTES_MAX * 2));
    for value in [json!(0), large.clone(), json!(1), json!(2), json!(3)] {
        put(&*provider, "a", value).await;
    }
    assert_eq!(
        provider.at(&name("a"), 2).await.unwrap().unwrap().document.data.at(&["value"]).unwrap(),
        large
    );
    let entries = provider.read(&name("a"), 1, 1).await.unwrap();
    assert_eq!(entries[0].changed_places(), ["/data/value"]);
}

async fn a_blob_is_there_when_its_entry_is(provider: Shared) {
    let content = b"an output".to_vec();
    let digest = Digest::of(&content);
    assert_eq!(provider.blob(&name("a"), digest).await.unwrap(), None);
    let brought = content.clone();
    let decide = move |transaction: &mut Transaction<'_>| {
        transaction
            .append(Draft { blobs: vec![brought.clone()], ..draft("a", &json!(1)) })
            .unwrap();
    };
    provider.append(&name("a"), Box::new(decide)).await.unwrap();
    assert_eq!(provider.blob(&name("a"), digest).await.unwrap(), Some(content));
    assert_eq!(provider.read(&name("a"), 0, 1).await.unwrap()[0].blobs, [digest]);
    assert_eq!(provider.blob(&name("b"), digest).await.unwrap(), None);
}

async fn an_idempotency_key_is_found_again(provider: Shared) {
    let key = IdempotencyKey::new("key".into(), Digest::of(b"call")).unwrap();
    let first = key.clone();
    let decide = move |transaction: &mut Transaction<'_>| {
        assert_eq!(transaction.find_key(&first), Ok(None));
        transaction
            .append(Draft { idempotency: Some(first.clone()), ..draft("a", &json!(1)) })
            .unwrap();
    };
    provider.append(&name("a"), Box::new(decide)).await.unwrap();
    for i in 0..5 {
        put(&*provider, "a", json!(i)).await;
    }
    let decide = move |transaction: &mut Transaction<'_>| {
        assert_eq!(transaction.find_key(&key), Ok(Some(1)));
    };
    provider.append(&name("a"), Box::new(decide)).await.unwrap();
}

async fn a_log_has_what_the_entries_added_to_it(provider: Shared) {
    let log = async |log| provider.log(&name("a"), log).await.unwrap();
    assert_eq!(log(LogFile::Decisions).await, "");
    for text in ["one\n", "größe\n"] {
        let section = Section { log: LogFile::Decisions, text: text.to_owned() };
        let decide = move |transaction: &mut Transaction<'_>| {
            let sections = vec![section.clone()];
            drop(transaction.append(Draft { sections, ..draft("a", &json!(text)) }).unwrap());
        };
        provider.append(&name("a"), Box::new(decide)).await.unwrap();
        put(&*provider, "a", json!(1)).await;
    }
    assert_eq!(log(LogFile::Decisions).await, "one\ngröße\n");
    assert_eq!(log(LogFile::RefinementLog).await, "");
}

async fn names_are_listed_in_order_and_in_pages(provider: Shared) {
    for artifact in ["c", "a", "b", "a-1", "d"] {
        put(&*provider, artifact, json!(1)).await;
    }
    let names = |names: Vec<Name>| names.iter().map(Name::to_string).collect::<Vec<_>>();
    assert_eq!(names(provider.list(None, 100).await.unwrap()), ["a", "a-1", "b", "c", "d"]);
    assert_eq!(names(provider.list(None, 2).await.unwrap()), ["a", "a-1"]);
    assert_eq!(names(provider.list(Some(&name("a-1")), 2).await.unwrap()), ["b", "c"]);
    assert_eq!(names(provider.list(Some(&name("zzz")), 2).await.unwrap()), Vec::<String>::new());
}

async fn a_healthy_artifact_is_found_healthy(provider: Shared) {
    for i in 0..10 {
        put(&*provider, "a", json!(i)).await;
    }
    assert_eq!(provider.examine(&name("a")).await.unwrap(), []);
}

async fn nothing_is_known_of_an_artifact_that_does_not_exist(provider: Shared) {
    assert!(provider.newest(&name("a")).await.unwrap().is_none());
    assert!(provider.read(&name("a"), 0, 10).await.unwrap().is_empty());
    assert!(provider.at(&name("a"), 1).await.unwrap().is_none());
    assert!(provider.examine(&name("a")).await.unwrap().is_empty());
    assert!(
        provider.outputs(&name("a"), &OutputPlace::default(), None, 9).await.unwrap().is_empty()
    );
}
