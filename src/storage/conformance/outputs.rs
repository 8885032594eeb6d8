//! The contract of outputs.

use serde_json::json;

use super::{Shared, name, put};
use crate::model::document::manifest::Recorded;
use crate::model::document::output::{Output, OutputPath};
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::Transaction;
use crate::model::journal::tests::draft;
use crate::model::{Digest, Draft, limits};
use crate::storage::{Error, OutputFile, Provider};

/// Appends an entry with an output.
async fn bring(provider: &dyn Provider, path: &'static str, content: &'static str) {
    let decide = move |transaction: &mut Transaction<'_>| {
        let output = Output {
            path: OutputPath::parse(path).unwrap(),
            bytes: content.len() as u64,
            digest: Digest::of(content.as_bytes()),
            replaces: None,
        };
        let blobs = vec![content.into()];
        let draft = Draft { outputs: vec![output], blobs, ..draft("a", &json!(content)) };
        drop(transaction.append(draft).unwrap());
    };
    let newest = provider.append(&name("a"), Box::new(decide)).await.unwrap().unwrap();
    assert_eq!(newest.warnings, Vec::<String>::new());
}

pub(super) async fn an_output_is_in_place_once_its_entry_is_stored(provider: Shared) {
    let written = [("b/deep.txt", "1"), ("a.txt", "two"), ("a.txt", "three")];
    for (path, content) in written {
        bring(&*provider, path, content).await;
    }
    let listed = provider.outputs(&name("a"), &OutputPlace::default(), None, 9).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
    assert_eq!(listed, [("a.txt", 5), ("b/deep.txt", 1)]);
    let read = async |path| {
        let path = OutputPath::parse(path).unwrap();
        provider.output(&name("a"), &OutputPlace::default(), &path).await
    };
    assert_eq!(read("a.txt").await.unwrap().as_deref(), Some(&b"three"[..]));
    assert_eq!(read("none.txt").await.unwrap(), None);
    assert_eq!(read("b").await.unwrap(), None);
}

pub(super) async fn outputs_are_listed_in_order_and_in_pages(provider: Shared) {
    const FILES: usize = limits::OUTPUTS_MAX + 5;
    let path = |i| OutputPath::parse(&format!("{}/{i:04}", i % 3)).unwrap();
    let decide = move |transaction: &mut Transaction<'_>| {
        let (bytes, digest) = (1, Digest::of(b"1"));
        let outputs =
            (0..FILES).map(|i| Output { path: path(i), bytes, digest, replaces: None }).collect();
        let blobs = vec![b"1".to_vec()];
        drop(transaction.append(Draft { outputs, blobs, ..draft("a", &json!(1)) }).unwrap());
    };
    provider.append(&name("a"), Box::new(decide)).await.unwrap();
    let mut expected: Vec<_> = (0..FILES).map(path).collect();
    expected.sort();
    let (mut after, mut listed) = (None, Vec::new());
    loop {
        let page = provider
            .outputs(&name("a"), &OutputPlace::default(), after.as_ref(), 400)
            .await
            .unwrap();
        assert!(page.len() <= 400);
        let Some(last) = page.last() else { break };
        after = Some(last.path.clone());
        listed.extend(page.into_iter().map(|file| file.path));
    }
    assert_eq!(listed, expected);
    let all =
        provider.outputs(&name("a"), &OutputPlace::default(), None, usize::MAX).await.unwrap();
    assert_eq!(all.len(), FILES);
    assert!(
        provider.outputs(&name("a"), &OutputPlace::default(), None, 0).await.unwrap().is_empty()
    );
}

pub(super) async fn outputs_of_any_size_are_recorded(provider: Shared) {
    let dist = OutputPlace::default();
    bring(&*provider, "a.txt", "one").await;
    let file = |path: &str| OutputFile { path: OutputPath::parse(path).unwrap(), bytes: 3 };
    let files = vec![file("a.txt"), file("gone.txt")];
    let listing = provider.record(&name("a"), &dist, files).await.unwrap();
    let recorded = Recorded { bytes: 3, digest: Digest::of(b"one") };
    assert_eq!(listing.into_iter().collect::<Vec<_>>(), [(file("a.txt").path, recorded)]);
    let digests = provider.digests(&name("a"), &dist, &file("a.txt").path).await.unwrap();
    assert_eq!(digests, Some(crate::model::certificate::Digests::of(b"one")));
    let gone = provider.digests(&name("a"), &dist, &file("gone.txt").path).await.unwrap();
    assert_eq!(gone, None);
    assert_eq!(provider.commit(&dist).await.unwrap(), None, "dist/ is in no repository");
}

pub(super) async fn a_work_of_the_project_needs_a_project(provider: Shared) {
    put(&*provider, "a", json!(1)).await;
    let place = OutputPlace::parse(Some("src"), &[]).unwrap();
    let path = OutputPath::new("a.rs").unwrap();
    let is_answered = |answer: Result<(), Error>| match answer {
        Ok(()) => provider.to_string() != "memory",
        Err(error) => matches!(error, Error::Unsupported { .. }) && provider.volatile(),
    };
    let name = name("a");
    assert!(is_answered(provider.outputs(&name, &place, None, 9).await.map(drop)));
    assert!(is_answered(provider.strays(&name, &place).await.map(drop)));
    assert!(is_answered(provider.check_place(&name, &place, None).await));
    assert!(is_answered(provider.check_place(&name, &place, Some(&path)).await));
    assert!(is_answered(provider.output(&name, &place, &path).await.map(drop)));
    assert!(is_answered(provider.record(&name, &place, Vec::new()).await.map(drop)));
}
