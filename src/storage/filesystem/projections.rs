//! The projections of an artifact: files made from its state for people and other programs.
//!
//! They are derived, so they need no flush, and are made again when they are missing, stale or
//! damaged. `state.json` is written last, so that its version says how far all of them are.
//! Whoever projects holds a lock and never replaces a newer one. What a person edited is kept
//! aside and reported, never silently overwritten.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::fs::{self, File, Mode, Stat};
use super::history::{History, as_io};
use super::layout;
use super::writer::LogChanges;
use crate::model::entry::{LogExtent, LogFile, Logs};
use crate::model::journal::Snapshot;
use crate::model::projection::{self, Origin, STATE_FILE};
use crate::model::{Digest, Version};

/// How long to wait for another process that projects. It will project what it knows, and the next
/// operation catches up.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// What this process knows of an artifact's projections.
#[derive(Debug, Default)]
pub(super) struct Projections {
    lock: Option<Arc<dyn File>>,
    /// The version that this process projected last.
    version: Version,
    /// How each file looked after this process wrote or checked it.
    known: BTreeMap<&'static str, Known>,
    /// The last cycle whose archive is known to be there.
    archived: u64,
}

/// A file as it was when it was known to be right.
#[derive(Clone, Copy, Debug)]
struct Known {
    stat: Stat,
    content: Digest,
}

/// One round of projecting.
struct Round<'a> {
    history: &'a History<'a>,
    snapshot: &'a Snapshot,
    logs: &'a Logs,
    changes: &'a LogChanges,
    warnings: Vec<String>,
}

impl Projections {
    /// Makes the projections follow a state that is on the disk. Returns what callers should know.
    pub(super) fn follow(
        &mut self,
        history: &History<'_>,
        snapshot: &Snapshot,
        logs: &Logs,
        changes: &LogChanges,
    ) -> Vec<String> {
        let mut round = Round {
            history,
            snapshot,
            logs,
            changes,
            warnings: Vec::new(),
        };
        if let Err(error) = self.follow_locked(&mut round) {
            round
                .warnings
                .push(format!("the readable copies lag behind: {error}"));
        }
        round.warnings
    }

    fn follow_locked(&mut self, round: &mut Round<'_>) -> io::Result<()> {
        let fs = round.history.fs;
        if self.lock.is_none() {
            let path = layout::projections_lock(round.history.name);
            self.lock = Some(Arc::from(fs.open(&path, Mode::Create)?));
        }
        let Some(lock) = self.lock.clone() else {
            return Ok(());
        };
        lock.lock(LOCK_TIMEOUT)?;
        let result = self.project(round);
        let released = lock.unlock();
        result.and(released)
    }

    fn project(&mut self, round: &mut Round<'_>) -> io::Result<()> {
        if self.is_newer_there(round)? {
            return Ok(());
        }
        self.archive(round)?;
        for log in LogFile::ALL {
            self.project_log(log, round)?;
        }
        for (file, content) in projection::json_files(round.snapshot) {
            self.project_json(file, &content, round)?;
        }
        self.version = round.snapshot.version;
        Ok(())
    }

    /// Returns whether another process projected a newer state already.
    fn is_newer_there(&self, round: &Round<'_>) -> io::Result<bool> {
        if self.is_as_known(STATE_FILE, round)? {
            return Ok(self.version > round.snapshot.version);
        }
        let content = fs::read(round.history.fs, &path(round, STATE_FILE))?;
        let state = content.and_then(|content| projection::read_state(&content));
        Ok(state.is_some_and(|state| state.version > round.snapshot.version))
    }

    /// Returns whether a file looks as it did when this process wrote or checked it.
    fn is_as_known(&self, file: &str, round: &Round<'_>) -> io::Result<bool> {
        let Some(known) = self.known.get(file) else {
            return Ok(false);
        };
        match round.history.fs.stat(&path(round, file)) {
            Ok(stat) => Ok(stat == known.stat),
            Err(error) if fs::is_absent(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn project_json(
        &mut self,
        file: &'static str,
        content: &[u8],
        round: &mut Round<'_>,
    ) -> io::Result<()> {
        let digest = Digest::of(content);
        if self.is_as_known(file, round)? {
            if self
                .known
                .get(file)
                .is_some_and(|known| known.content == digest)
            {
                return Ok(());
            }
        } else if let Some(there) = fs::read(round.history.fs, &path(round, file))? {
            if there == content {
                return self.remember(file, digest, round);
            }
            if !is_ours(file, &there, round) {
                keep_aside(file, &there, round)?;
            }
        }
        fs::write_replaceable(round.history.fs, &path(round, file), content)?;
        self.remember(file, digest, round)
    }

    fn project_log(&mut self, log: LogFile, round: &mut Round<'_>) -> io::Result<()> {
        let (file, expected) = (log.file_name(), round.logs.extent(log));
        let digest = Digest::of(format!("{}/{}", expected.bytes, expected.crc).as_bytes());
        let as_known = self.is_as_known(file, round)?;
        if as_known
            && self
                .known
                .get(file)
                .is_some_and(|known| known.content == digest)
        {
            return Ok(());
        }
        let there = fs::read(round.history.fs, &path(round, file))?;
        if there.as_deref().map_or(LogExtent::default(), LogExtent::of) == expected {
            return self.remember(file, digest, round);
        }
        match missing_end(log, there.as_deref().unwrap_or_default(), round) {
            Some((at, text)) => {
                round
                    .history
                    .fs
                    .open(&path(round, file), Mode::Create)?
                    .write_at(at, text.as_bytes())?;
            }
            None => self.rewrite_log(log, there.as_deref(), as_known, round)?,
        }
        self.remember(file, digest, round)
    }

    /// Makes a log again from the journal.
    fn rewrite_log(
        &self,
        log: LogFile,
        there: Option<&[u8]>,
        ours: bool,
        round: &mut Round<'_>,
    ) -> io::Result<()> {
        let whole = log_text(log, round.logs.since, round.snapshot.version, round)?;
        if let Some(there) = there
            .filter(|there| !ours && !is_remnant(there, &whole) && !is_archived(log, there, round))
        {
            keep_aside(log.file_name(), there, round)?;
        }
        let path = path(round, log.file_name());
        match whole.is_empty() {
            true if there.is_some() => round.history.fs.remove(&path),
            true => Ok(()),
            false => fs::write_replaceable(round.history.fs, &path, whole.as_bytes()),
        }
    }

    fn remember(
        &mut self,
        file: &'static str,
        content: Digest,
        round: &Round<'_>,
    ) -> io::Result<()> {
        match round.history.fs.stat(&path(round, file)) {
            Ok(stat) => drop(self.known.insert(file, Known { stat, content })),
            Err(error) if fs::is_absent(&error) => drop(self.known.remove(file)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes the readable copy of the last finalized cycle, if there is none yet.
    fn archive(&mut self, round: &Round<'_>) -> io::Result<()> {
        let document = &round.snapshot.document;
        let (cycle, version) = match document.is_finalized() {
            true => (document.cycle, round.snapshot.version),
            false => (
                document.cycle.saturating_sub(1),
                round.logs.since.saturating_sub(1),
            ),
        };
        if cycle <= self.archived {
            return Ok(());
        }
        let (fs, name) = (round.history.fs, round.history.name);
        let folder = layout::archive(name, cycle);
        if !fs::exists(fs, &folder)? {
            let snapshot = round
                .history
                .at(version, round.snapshot.version)
                .map_err(as_io)?;
            let snapshot = snapshot
                .ok_or_else(|| io::Error::other(format!("version {version} is missing")))?;
            write_archive(&folder, &snapshot, round)?;
        }
        self.archived = cycle;
        Ok(())
    }
}

/// Returns what is missing at the end of a log and where, when that is all that is wrong with it.
fn missing_end(log: LogFile, there: &[u8], round: &Round<'_>) -> Option<(u64, String)> {
    let entries = &round.changes.entries;
    (0..entries.len()).find_map(|first| {
        let text: String = entries[first..]
            .iter()
            .flat_map(|entry| entry.text_for(log))
            .collect();
        let whole = [there, text.as_bytes()].concat();
        (LogExtent::of(&whole) == round.logs.extent(log)).then_some((there.len() as u64, text))
    })
}

/// Writes a cycle's readable copy under another name first, so that it is there whole or not.
fn write_archive(folder: &str, snapshot: &Snapshot, round: &Round<'_>) -> io::Result<()> {
    let (fs, name) = (round.history.fs, round.history.name);
    let unfinished = format!(
        "{}/.{}{}",
        layout::history(name),
        snapshot.document.cycle,
        fs::TEMPORARY_SUFFIX
    );
    for made in [layout::HISTORY, &layout::history(name), &unfinished] {
        fs.create_dir(made)?;
    }
    let since = cycle_start(snapshot, round)?;
    for (file, content) in projection::json_files(snapshot) {
        fs::write_replaceable(fs, &format!("{unfinished}/{file}"), &content)?;
    }
    for log in LogFile::ALL {
        let text = log_text(log, since, snapshot.version, round)?;
        fs::write_replaceable(
            fs,
            &format!("{unfinished}/{}", log.file_name()),
            text.as_bytes(),
        )?;
    }
    fs.rename(&unfinished, folder)
}

/// Returns the version that began the cycle of a state.
fn cycle_start(snapshot: &Snapshot, round: &Round<'_>) -> io::Result<Version> {
    if snapshot.version >= round.logs.since {
        return Ok(round.logs.since);
    }
    let entries = round
        .history
        .read(0, snapshot.version, usize::MAX)
        .map_err(as_io)?;
    let opening = entries.iter().rev().find(|entry| entry.opens_cycle());
    Ok(opening.map_or(1, |entry| entry.version))
}

/// Returns the text of a log from the version that began the cycle on.
fn log_text(log: LogFile, since: Version, up_to: Version, round: &Round<'_>) -> io::Result<String> {
    let after = since.saturating_sub(1);
    let entries = round
        .history
        .read(after, up_to, usize::MAX)
        .map_err(as_io)?;
    Ok(entries
        .iter()
        .flat_map(|entry| entry.text_for(log))
        .collect())
}

fn path(round: &Round<'_>, file: &str) -> String {
    layout::in_artifact(round.history.name, file)
}

/// Returns whether a JSON projection that is about to be replaced may be: this program wrote it at
/// this or an older version, or a power cut left it.
fn is_ours(file: &str, content: &[u8], round: &Round<'_>) -> bool {
    match projection::origin(content) {
        Origin::PowerCut => true,
        Origin::Edited => false,
        Origin::Ours { version, .. } => {
            file != STATE_FILE || version.is_some_and(|version| version <= round.snapshot.version)
        }
    }
}

/// Returns whether a log is what a crash leaves of the right one: its beginning, possibly followed
/// by zeros.
fn is_remnant(there: &[u8], whole: &str) -> bool {
    let zeros = there.iter().rev().take_while(|byte| **byte == 0).count();
    whole.as_bytes().starts_with(&there[..there.len() - zeros])
}

/// Returns whether a log is that of the cycle before, which is archived.
fn is_archived(log: LogFile, there: &[u8], round: &Round<'_>) -> bool {
    let before = round.snapshot.document.cycle.saturating_sub(1);
    let archived = format!(
        "{}/{}",
        layout::archive(round.history.name, before),
        log.file_name()
    );
    fs::read(round.history.fs, &archived)
        .ok()
        .flatten()
        .as_deref()
        == Some(there)
}

/// Keeps what somebody else wrote in place of a projection.
fn keep_aside(file: &str, content: &[u8], round: &mut Round<'_>) -> io::Result<()> {
    let folder = layout::kept(round.history.name);
    let kept = format!("{folder}/{file}.{:08x}", crc32fast::hash(content));
    round.history.fs.create_dir(&folder)?;
    fs::write_replaceable(round.history.fs, &kept, content)?;
    round.warnings.push(format!(
        "{file} was changed by somebody else; the journal counts, {file} was made again, and the other one is kept as {kept}"
    ));
    Ok(())
}
