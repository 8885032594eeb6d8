//! Random operations, honest and not, against a naive judge that knows whether the work is right: no
//! loop is `converged` when it is wrong by what is measured.

mod attempt;
mod verdict;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use self::attempt::{Attempt, attempt};
use self::verdict::Judge;
use super::*;
use crate::model::document::output::OutputPath;

/// Contents of files: some satisfy constraints, some do not.
const CONTENTS: [&str; 6] =
    ["It ends well and all is said.", "TBD", "", "\u{200b}", "one", "<!-- It ends well. -->"];

/// The one that satisfies every constraint.
const GOOD: &str = CONTENTS[0];

/// Files of the work.
const PATHS: [&str; 2] = ["report.md", "notes.md"];

/// A service over memory, and the door that other programs use.
struct World {
    memory: Arc<Memory>,
    service: Service,
}

impl World {
    fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let provider: Arc<dyn crate::storage::Provider> = Arc::<Memory>::clone(&memory);
        Self { memory, service: Service::new(provider, Arc::new(ManualClock::default())) }
    }

    /// Returns all files as they are.
    async fn files(&self) -> BTreeMap<String, String> {
        let newest = self.service.newest(&name()).await.unwrap();
        let place = newest.snapshot.document.output_place();
        let listed = self.memory_outputs(&place).await;
        let mut files = BTreeMap::new();
        for path in listed {
            let content = self.service.provider.output(&name(), &place, &path).await.unwrap();
            files.insert(path.to_string(), String::from_utf8(content.unwrap()).unwrap());
        }
        files
    }

    async fn memory_outputs(
        &self,
        place: &crate::model::document::output_place::OutputPlace,
    ) -> Vec<OutputPath> {
        let listed = self.service.provider.outputs(&name(), place, None, usize::MAX).await.unwrap();
        listed.into_iter().map(|file| file.path).collect()
    }

    async fn who(&self, is_person: bool) -> Caller {
        if is_person { person(&self.service).await } else { caller() }
    }
}

/// How often something happened in all sequences.
#[derive(Default)]
struct Seen {
    converged: AtomicUsize,
    refused: AtomicUsize,
}

async fn play(attempts: &[Attempt], seen: &Seen) {
    let world = World::new();
    attempt::open(&world).await;
    let mut judge = Judge::new(&document(&world.service).await);
    for attempt in attempts {
        let before = document(&world.service).await;
        let files = world.files().await;
        let made = attempt.make(&world, &before).await;
        let after = document(&world.service).await;
        if made.is_err() {
            seen.refused.fetch_add(1, Ordering::Relaxed);
            assert_eq!(before["version"], after["version"], "a refused {attempt:?} wrote");
        }
        judge.watch(attempt, &before, &after, &files);
        let is_new =
            before["convergence_status"] != "converged" || before["cycle"] != after["cycle"];
        if after["convergence_status"] == "converged" && is_new {
            seen.converged.fetch_add(1, Ordering::Relaxed);
            let wrong = judge.wrong(&after, &world.files().await);
            assert_eq!(
                wrong,
                Vec::<String>::new(),
                "converged by {attempt:?} with {:?}",
                world.files().await
            );
        }
    }
}

fn play_once(attempts: &[Attempt], seen: &Seen) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(play(attempts, seen));
}

#[test]
fn no_sequence_converges_while_the_work_is_wrong() {
    let seen = Seen::default();
    let mut runner =
        TestRunner::new(ProptestConfig { source_file: Some(file!()), ..ProptestConfig::default() });
    let sequences = prop::collection::vec(attempt(), 20..90);
    let played = runner.run(&sequences, |attempts| {
        play_once(&attempts, &seen);
        Ok(())
    });
    if let Err(failure) = played {
        panic!("{failure}");
    }
    let (converged, refused) = (seen.converged.into_inner(), seen.refused.into_inner());
    println!("{converged} ends with converged, {refused} refusals");
    assert!(converged > 40 && refused > 400, "{converged} converged, {refused} refused");
}

#[test]
fn an_honest_loop_converges_before_the_judge() {
    let seen = Seen::default();
    play_once(&vec![Attempt::Honest; 5], &seen);
    assert_eq!(seen.converged.into_inner(), 1);
}
