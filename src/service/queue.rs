//! The queue in front of the storage. Operations that arrive while another operation on the same
//! artifact is being stored wait, and one flush then stores all of them.
//!
//! The first operation starts a leader: it stores all waiting operations, answers them, and repeats
//! this until none waits. The leader is a task of its own, so an operation finishes even if its
//! caller disconnects.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::refusals::refusal;
use crate::model::journal::Transaction;
use crate::model::{Name, Refusal};
use crate::storage::{Error, Newest, Provider, Timings};

/// Operations of one flush.
const BATCH_MAX: usize = 256;
/// Operations that may wait for one artifact.
const WAITING_MAX: usize = 4096;

/// The waiting operations of all artifacts that have some.
type Waiting = Arc<Mutex<HashMap<Name, Vec<Box<dyn Job>>>>>;

/// The queues of all artifacts with waiting operations.
#[derive(Debug)]
pub(super) struct Queues {
    provider: Arc<dyn Provider>,
    by_name: Waiting,
}

/// A waiting operation with an answer of any type.
trait Job: Send {
    /// Runs the operation, and keeps its answer.
    fn decide(&mut self, transaction: &mut Transaction<'_>);
    /// Answers the caller of an operation that was stored together with others.
    fn finish(self: Box<Self>, began: Instant, committed: Result<Committed, Arc<Error>>);
}

struct Queued<T, O> {
    operation: O,
    answer: Option<Result<T, Refusal>>,
    entered: Instant,
    done: oneshot::Sender<Outcome<T>>,
}

/// The end of an operation.
#[derive(Debug)]
pub(super) struct Outcome<T> {
    /// The answer of its last run. It counts only if the storage did not fail.
    pub(super) answer: Result<T, Refusal>,
    /// How it was stored. After a failure its drafts may be on the disk.
    pub(super) committed: Result<Committed, Arc<Error>>,
}

/// How an operation was stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Committed {
    /// Warnings for the caller.
    pub(super) warnings: Vec<String>,
    /// How long it waited in the queue.
    pub(super) waited: Duration,
    /// The times of the shared transaction: no operation of a batch is stored before the others.
    pub(super) timings: Timings,
    /// The number of operations in the batch, including this one.
    pub(super) together: usize,
}

impl std::fmt::Debug for dyn Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Queues {
    pub(super) fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider, by_name: Arc::default() }
    }

    /// Runs an operation on the newest state and stores its drafts. Returns its answer once
    /// everything that it saw is durable. The queue may run an operation more than once; its last
    /// answer counts. The drafts of a refused operation are dropped.
    pub(super) async fn store<T: Send + 'static>(
        &self,
        name: &Name,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<Outcome<T>, Refusal> {
        let (done, outcome) = oneshot::channel();
        let job = Queued { operation, answer: None, entered: Instant::now(), done };
        self.enter(name, Box::new(job))?;
        outcome.await.map_err(|_| refusal(name, &Error::Stopped))
    }

    /// Adds a job to an artifact's queue, and starts a leader if there is none.
    fn enter(&self, name: &Name, job: Box<dyn Job>) -> Result<(), Refusal> {
        let mut queues = self.by_name.lock();
        if let Some(waiting) = queues.get_mut(name) {
            if waiting.len() >= WAITING_MAX {
                return Err(Refusal::TooLarge {
                    what: format!("the queue of operations on {name}"),
                    actual: waiting.len(),
                    limit: WAITING_MAX,
                    unit: "operations",
                });
            }
            waiting.push(job);
            return Ok(());
        }
        queues.insert(name.clone(), vec![job]);
        drop(queues);
        let leader = Leader {
            provider: Arc::clone(&self.provider),
            by_name: Arc::clone(&self.by_name),
            name: name.clone(),
            ended: false,
        };
        tokio::spawn(leader.lead());
        Ok(())
    }
}

/// The leader of an artifact's queue. The queue exists as long as its leader.
struct Leader {
    provider: Arc<dyn Provider>,
    by_name: Waiting,
    name: Name,
    ended: bool,
}

impl Leader {
    async fn lead(mut self) {
        while let Some(batch) = self.next_batch() {
            let (began, together) = (Instant::now(), batch.len());
            let batch = Arc::new(Mutex::new(batch));
            let deciding = Arc::clone(&batch);
            let decide = move |transaction: &mut Transaction<'_>| {
                deciding.lock().iter_mut().for_each(|job| job.decide(transaction));
            };
            let result = self.provider.append(&self.name, Box::new(decide)).await;
            let result = result.map(|newest| stored_together(newest, together)).map_err(Arc::new);
            let batch = std::mem::take(&mut *batch.lock());
            batch.into_iter().for_each(|job| job.finish(began, result.clone()));
        }
        self.ended = true;
    }

    /// Takes the waiting jobs, or ends the queue when there are none.
    fn next_batch(&self) -> Option<Vec<Box<dyn Job>>> {
        let mut queues = self.by_name.lock();
        let waiting = queues.get_mut(&self.name)?;
        if waiting.is_empty() {
            queues.remove(&self.name);
            return None;
        }
        let rest = waiting.split_off(waiting.len().min(BATCH_MAX));
        Some(std::mem::replace(waiting, rest))
    }
}

impl Drop for Leader {
    /// Ends the queue if the leader panicked: waiting callers get an error, and the next job starts
    /// a new leader.
    fn drop(&mut self) {
        if !self.ended {
            self.by_name.lock().remove(&self.name);
        }
    }
}

fn stored_together(newest: Option<Newest>, together: usize) -> Committed {
    match newest {
        Some(Newest { warnings, timings, .. }) => {
            Committed { warnings, timings, together, ..Committed::default() }
        }
        None => Committed { together, ..Committed::default() },
    }
}

impl<T, O> Job for Queued<T, O>
where
    T: Send,
    O: FnMut(&mut Transaction<'_>) -> Result<T, Refusal> + Send,
{
    /// A panic of the operation does not affect the others.
    fn decide(&mut self, transaction: &mut Transaction<'_>) {
        let mark = transaction.mark();
        let answer = catch_unwind(AssertUnwindSafe(|| (self.operation)(transaction)))
            .unwrap_or_else(|_| Err(Refusal::Internal("an operation panicked".into())));
        if answer.is_err() {
            transaction.rewind(mark);
        }
        self.answer = Some(answer);
    }

    fn finish(self: Box<Self>, began: Instant, committed: Result<Committed, Arc<Error>>) {
        let Self { answer, entered, done, .. } = *self;
        let skipped = || Err(Refusal::Internal("the queue skipped an operation".into()));
        let committed = committed.map(|all| Committed { waited: began - entered, ..all });
        // A disconnected caller needs no answer.
        drop(done.send(Outcome { answer: answer.unwrap_or_else(skipped), committed }));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Version;
    use crate::model::journal::tests::draft;
    use crate::storage::memory::Memory;

    fn name() -> Name {
        Name::parse("a").unwrap()
    }

    fn queues() -> Arc<Queues> {
        Arc::new(Queues::new(Arc::new(Memory::default())))
    }

    fn save(transaction: &mut Transaction<'_>, value: usize) -> Result<Version, Refusal> {
        transaction.append(draft("a", &json!(value))).map(|snapshot| snapshot.version)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn operations_at_once_are_all_stored_and_each_gets_its_own_answer() {
        let queues = queues();
        let calls = (0..1000).map(|i| {
            let queues = Arc::clone(&queues);
            tokio::spawn(async move {
                queues.store(&name(), move |transaction| save(transaction, i)).await.unwrap().answer
            })
        });
        let mut versions = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            versions.push(call.await.unwrap().unwrap());
        }
        versions.sort_unstable();
        assert_eq!(versions, (1..=1000).collect::<Vec<_>>());
        assert!(queues.by_name.lock().is_empty(), "no queue is left");
    }

    #[tokio::test]
    async fn what_a_refused_or_panicking_operation_drafted_is_forgotten_and_the_others_go_on() {
        let (queues, name) = (queues(), name());
        let refused = queues.store(&name, |transaction| {
            save(transaction, 1)?;
            Err::<(), _>(Refusal::Internal("refused".into()))
        });
        let panicking = queues.store(&name, |transaction| -> Result<(), Refusal> {
            save(transaction, 2)?;
            panic!("a bug")
        });
        let good = queues.store(&name, |transaction| save(transaction, 3));
        let (refused, panicking, good) = tokio::join!(refused, panicking, good);
        assert!(refused.unwrap().answer.is_err());
        let panicking = panicking.unwrap().answer;
        assert!(matches!(panicking, Err(Refusal::Internal(_))), "{panicking:?}");
        assert_eq!(good.unwrap().answer, Ok(1));
    }

    #[tokio::test]
    async fn operations_that_are_stored_together_say_so_and_share_what_it_took() {
        let (queues, name) = (queues(), name());
        let calls =
            [1, 2, 3].map(|value| queues.store(&name, move |transaction| save(transaction, value)));
        let committed: Vec<Committed> = futures_util::future::join_all(calls)
            .await
            .into_iter()
            .map(|outcome| outcome.unwrap().committed.unwrap())
            .collect();
        assert!(committed.iter().all(|one| one.together == 3), "{committed:?}");
        assert!(committed.iter().all(|one| one.timings == committed[0].timings), "{committed:?}");
        let alone = queues.store(&name, |transaction| save(transaction, 4)).await.unwrap();
        assert_eq!(alone.committed.unwrap().together, 1);
    }

    #[tokio::test]
    async fn an_operation_is_finished_though_its_caller_goes_away() {
        let (queues, name) = (queues(), name());
        let call = queues.store(&name, |transaction| save(transaction, 1));
        let mut call = Box::pin(call);
        assert!(futures_util::poll!(&mut call).is_pending());
        drop(call);
        let outcome = queues.store(&name, |transaction| save(transaction, 2)).await.unwrap();
        assert_eq!(outcome.answer, Ok(2));
    }
}
