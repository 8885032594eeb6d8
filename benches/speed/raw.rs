//! Appending to files and flushing them: what durability costs by itself.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// What is appended at once.
const LINE: [u8; 1024] = [b'x'; 1024];

/// Appends to a file and flushes it.
pub(crate) fn append(file: &File) -> Result<Duration> {
    let start = Instant::now();
    write_through(file, &LINE)?;
    Ok(start.elapsed())
}

fn write_through(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
}

/// Makes files to append to.
pub(crate) fn files(folder: &Path, count: usize) -> io::Result<Vec<File>> {
    let made = (0..count).map(|number| File::create(folder.join(format!("raw-{number}"))));
    made.collect()
}

/// Appends to each file in a thread of its own until the time has come, and returns how often.
pub(crate) fn append_to_each(files: &[File], until: Instant) -> Result<usize> {
    in_threads(files.iter(), until, |file| append(file).map(drop))
}

/// Does something in a thread for each until the time has come, and returns how often it was done.
pub(crate) fn in_threads<T: Send>(
    each: impl Iterator<Item = T>,
    until: Instant,
    work: impl Fn(&mut T) -> Result<()> + Sync,
) -> Result<usize> {
    let over_and_over = |mut one: T| -> Result<usize> {
        let mut count = 0;
        while Instant::now() < until {
            work(&mut one)?;
            count += 1;
        }
        Ok(count)
    };
    let over_and_over = &over_and_over;
    thread::scope(|scope| {
        let threads: Vec<_> = each.map(|one| scope.spawn(move || over_and_over(one))).collect();
        let counts = threads.into_iter().map(|thread| thread.join().unwrap_or(Ok(0)));
        counts.sum()
    })
}

/// A file with many appending threads: the first one writes and flushes for all that wait.
#[derive(Debug)]
pub(crate) struct Shared {
    file: File,
    state: Mutex<State>,
    flushed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// The number of the batch that waits, and of the last one that is on the disk.
    batch: u64,
    durable: u64,
    led: bool,
}

impl Shared {
    pub(crate) fn new(file: File) -> Self {
        let state = State { batch: 1, ..State::default() };
        Self { file, state: Mutex::new(state), flushed: Condvar::new() }
    }

    /// Appends from that many threads until the time has come, and returns how often.
    pub(crate) fn append_from(&self, threads: usize, until: Instant) -> Result<usize> {
        in_threads(0..threads, until, |_| Ok(self.append()?))
    }

    fn append(&self) -> io::Result<()> {
        let mut state = self.hold();
        state.waiting.extend_from_slice(&LINE);
        let own = state.batch;
        while state.durable < own {
            state = if state.led {
                self.flushed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.lead(state)?
            };
        }
        Ok(())
    }

    /// Writes and flushes what waits.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> io::Result<MutexGuard<'a, State>> {
        let batch = std::mem::take(&mut state.waiting);
        let number = state.batch;
        state.batch += 1;
        state.led = true;
        drop(state);
        let written = write_through(&self.file, &batch);
        let mut state = self.hold();
        state.led = false;
        state.durable = number;
        self.flushed.notify_all();
        written.map(|()| state)
    }

    fn hold(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
