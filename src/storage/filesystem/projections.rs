//! The projections of an artifact: files with its state for people and other programs.
//!
//! They are derived from the journal, so they need no flush, and the provider writes them again
//! when they are missing, stale or damaged. It writes `state.json` last, so its version vouches for
//! all of them. A process projects under a lock and never replaces a newer projection. If another
//! process holds the lock, it leaves the work and does it a moment later: most often newer
//! projections are there by then. It keeps and reports a file that a person edited, and never
//! overwrites it silently.

mod logs;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::archive;
use super::copy::{self, Kinship};
use super::history::{History, as_io};
use super::layout;
use super::outputs::Outputs;
use super::removal;
use super::writer::JournalState;
use crate::disk::distrust::Distrusted;
use crate::disk::fs::{self, Fs, Stat};
use crate::disk::lock::LockFile;
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::document::output::{Output, OutputPath};
use crate::model::journal::Snapshot;
use crate::model::journal::entry::{Entry, LogFile, Payload};
use crate::model::journal::patch::Patch;
use crate::model::journal::projection::{self, Origin, STATE_FILE};
use crate::model::journal::removal::Removed;
use crate::model::{Digest, Version};

/// How long to wait for another process that projects. After the timeout the next operation
/// projects.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// Bytes of a readable log, which has one cycle.
pub(super) const LOG_BYTES_MAX: u64 = 64 << 20;

/// What an operation does with the projections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copies {
    /// A read keeps them as they are: git and people work on these files too. It only finishes a
    /// removal.
    Keep,
    /// A write updates them, unless another process is doing so.
    Follow,
    /// Waits for the other process, then updates them.
    Wait,
}

/// What this process knows about an artifact's projections.
#[derive(Debug, Default)]
pub(super) struct Projections {
    lock: LockFile,
    /// The version that this process projected last.
    version: Version,
    /// The status of each file after this process wrote or checked it.
    known: BTreeMap<&'static str, Known>,
    /// The last cycle that has an archive for certain.
    archived: u64,
    /// The version up to which removals are finished for certain.
    removed: Version,
    /// Whether the last round found a copy of this journal that is newer than the state it had.
    found_newer: bool,
}

/// A file at the time when it was correct.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Its status; `None` when its absence was correct.
    stat: Option<Stat>,
    content: Digest,
}

/// One round of projecting.
struct Round<'a> {
    history: &'a History<'a>,
    /// The artifact's folder.
    home: &'a dyn Fs,
    standing: &'a JournalState<'a>,
    snapshot: &'a Snapshot,
    /// The version of the last removal; 0 when there was none.
    removed: Version,
    /// Whether `state.json` was unchanged when the round began.
    state_as_known: bool,
    warnings: &'a mut Vec<String>,
}

impl Projections {
    /// Updates the projections to the flushed state. Returns warnings for the caller, or `None` when
    /// it left the projections to another process.
    pub(super) fn follow(
        &mut self,
        history: &History<'_>,
        home: &dyn Fs,
        standing: &JournalState<'_>,
        copies: Copies,
    ) -> Option<Vec<String>> {
        if copies == Copies::Keep && self.is_finished(history, standing) {
            return Some(Vec::new());
        }
        let is_finished = standing.removed.is_none_or(|removed| removed.version <= self.removed);
        let leaves = copies != Copies::Wait && is_finished;
        let timeout = if leaves { Duration::ZERO } else { LOCK_TIMEOUT };
        let mut warnings = Vec::new();
        let followed = self.locked(history, timeout, &mut |this| {
            this.follow_locked(history, home, standing, &mut warnings)
        });
        match followed {
            Err(error) if leaves && error.kind() == io::ErrorKind::TimedOut => return None,
            Err(error) => warnings.push(match standing.snapshot {
                Some(_) => format!("the readable copies are not up to date: {error}"),
                None => format!("the removal of files is not finished: {error}"),
            }),
            Ok(()) => {}
        }
        Some(warnings)
    }

    /// Returns whether the last removal took its files away.
    fn is_finished(&mut self, history: &History<'_>, standing: &JournalState<'_>) -> bool {
        let is_done =
            |this: &Self| standing.removed.is_none_or(|removed| removed.version <= this.removed);
        is_done(self) || (self.learn_removed(history).is_ok() && is_done(self))
    }

    /// Finishes a removal by removing its files, if necessary. Its entry is on the disk.
    pub(super) fn take_away(&mut self, history: &History<'_>, removed: Removed) -> io::Result<()> {
        self.locked(history, LOCK_TIMEOUT, &mut |this| this.take_away_locked(history, removed))
    }

    fn locked(
        &mut self,
        history: &History<'_>,
        timeout: Duration,
        work: &mut dyn FnMut(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        if planted(Sabotage::OlderProjection) {
            return work(self);
        }
        let path = layout::projections_lock(history.name);
        let _lock = match self.lock.lock(history.fs, &path, timeout) {
            Err(error) if fs::is_absent(&error) => {
                history.fs.create_dir(layout::LOCKS)?;
                self.lock.lock(history.fs, &path, timeout)
            }
            taken => taken,
        }?;
        work(self)
    }

    fn take_away_locked(&mut self, history: &History<'_>, removed: Removed) -> io::Result<()> {
        if self.removed < removed.version {
            self.learn_removed(history)?;
        }
        if self.removed < removed.version {
            removal::take_away(history.fs, history.name, removed)?;
            self.removed = removed.version;
        }
        Ok(())
    }

    /// Reads how far other processes finished removals.
    fn learn_removed(&mut self, history: &History<'_>) -> io::Result<()> {
        let done = removal::done(history.fs, history.name)?;
        if done > self.removed {
            // The process that wrote the mark may have failed to flush its name. A power cut could
            // then lose the mark, and the removal would run again and remove newer files.
            history.fs.flush_dir(&layout::journal(history.name))?;
            self.removed = done;
        }
        Ok(())
    }

    fn follow_locked(
        &mut self,
        history: &History<'_>,
        home: &dyn Fs,
        standing: &JournalState<'_>,
        warnings: &mut Vec<String>,
    ) -> io::Result<()> {
        self.found_newer = false;
        let before = self.removed;
        let state_as_known = self.is_as_known(STATE_FILE, home)?;
        if !state_as_known {
            // Another process projected or removed files.
            self.learn_removed(history)?;
        }
        // This state is older than a finished removal: projecting it would bring removed files
        // back.
        if self.removed > standing.version && !planted(Sabotage::OlderProjection) {
            return Ok(());
        }
        // Before projecting: the removal must not take the new projections with it.
        if let Some(removed) = standing.removed {
            self.take_away_locked(history, removed)?;
        }
        if self.removed > before {
            // A new artifact of the same name counts cycles from 1.
            self.archived = 0;
        }
        let Some(snapshot) = standing.snapshot else {
            self.known.clear();
            return Ok(());
        };
        self.project(&mut Round {
            history,
            home,
            standing,
            snapshot,
            removed: standing.removed.map_or(0, |removed| removed.version),
            state_as_known: state_as_known && self.removed == before,
            warnings,
        })
    }

    fn project(&mut self, round: &mut Round<'_>) -> io::Result<()> {
        let there = self.there(round)?;
        if let There::Copy(Kinship::Newer, _) = there {
            // Another process already projected a newer version, or the journal lost its end.
            self.found_newer = true;
            return Ok(());
        }
        let projected = there.version();
        if projected.is_none() && round.removed > 0 {
            // The removal took dist/ away, and agents write there too.
            let (fs, name) = (round.history.fs, round.history.name);
            fs.create_dir(&layout::dist(name))?;
            // Outputs below it are flushed, so its own name must be durable as well.
            fs.flush_dir(&layout::artifact(name))?;
        }
        // The order is a promise: `state.json` comes last in `json_files`, and its version says
        // that the archive, the outputs and the logs of that version are in place.
        self.archive(round)?;
        place_outputs(projected, round)?;
        for log in LogFile::ALL {
            self.project_log(log, round)?;
        }
        for (file, content) in projection::json_files(round.snapshot, round.standing.journal) {
            self.project_json(file, &content, there, round)?;
        }
        // Only after all files: an earlier error leaves the old version, and the next round
        // repeats.
        self.version = round.snapshot.version;
        Ok(())
    }

    /// Judges the `state.json` that is there.
    fn there(&self, round: &Round<'_>) -> io::Result<There> {
        if planted(Sabotage::OlderProjection) {
            return Ok(There::Replaceable);
        }
        if round.state_as_known {
            return Ok(There::Copy(Kinship::Own, self.version));
        }
        let Some(content) = fs::read(round.home, STATE_FILE, projection::BYTES_MAX)? else {
            return Ok(There::Replaceable);
        };
        Ok(match projection::read_state(&content) {
            Some(copy) => {
                let standing = round.standing;
                let journal = (standing.journal, standing.version);
                let kinship = copy::kinship(&copy, round.history, journal, standing.documents);
                There::Copy(kinship, copy.snapshot.version)
            }
            None if projection::origin(&content) == Origin::PowerCut => There::Replaceable,
            None => There::Edited,
        })
    }

    /// Returns whether the last round found a copy of this journal that is newer than the state it had.
    pub(super) fn found_newer(&self) -> bool {
        self.found_newer
    }

    /// Returns whether a file is unchanged since this process wrote or checked it.
    fn is_as_known(&self, file: &str, home: &dyn Fs) -> io::Result<bool> {
        let Some(known) = self.known.get(file) else {
            return Ok(false);
        };
        Ok(look(home, file)? == known.stat)
    }

    /// Returns the status of `state.json` after this process wrote or checked it.
    pub(super) fn state_file(&self) -> Option<Stat> {
        self.known.get(STATE_FILE)?.stat
    }

    fn project_json(
        &mut self,
        file: &'static str,
        content: &[u8],
        state: There,
        round: &mut Round<'_>,
    ) -> io::Result<()> {
        let digest = Digest::of(content);
        let as_known = match file {
            STATE_FILE => round.state_as_known,
            file => self.is_as_known(file, round.home)?,
        };
        if as_known {
            if self.known.get(file).is_some_and(|known| known.content == digest) {
                return Ok(());
            }
        } else if let Some(there) = fs::read(round.home, file, projection::BYTES_MAX)? {
            if there == content {
                return self.remember(file, digest, round);
            }
            let what = match file {
                STATE_FILE => state,
                _ if projection::origin(&there) == Origin::Edited => There::Edited,
                _ => There::Replaceable,
            };
            // Before the write: an edit of a person, or another one's work, must have a copy when it is
            // replaced.
            match what {
                There::Replaceable | There::Copy(Kinship::Own | Kinship::Newer, _) => {}
                There::Edited => keep_changed(file, &there, round)?,
                There::Copy(Kinship::Other, version) => keep_other(version, &there, round)?,
            }
        }
        let written = fs::write_replaceable(round.home, file, content)?;
        self.known.insert(file, Known { stat: Some(written), content: digest });
        Ok(())
    }

    fn remember(
        &mut self,
        file: &'static str,
        content: Digest,
        round: &Round<'_>,
    ) -> io::Result<()> {
        match look(round.home, file)? {
            None => drop(self.known.remove(file)),
            stat => drop(self.known.insert(file, Known { stat, content })),
        }
        Ok(())
    }

    /// Archives finalized cycles that have no archive yet, oldest first, so an existing archive
    /// means that all earlier ones exist. A cycle that a removal ended gets none: it is in the
    /// trash.
    fn archive(&mut self, round: &Round<'_>) -> io::Result<()> {
        let document = &round.snapshot.document;
        let (last, mut end) = if document.is_finalized() {
            (document.cycle, round.snapshot.version)
        } else {
            (document.cycle.saturating_sub(1), round.standing.logs.since.saturating_sub(1))
        };
        let (fs, name) = (round.history.fs, round.history.name);
        let mut missing = Vec::new();
        for cycle in (self.archived + 1..=last).rev() {
            if end < round.removed || fs::exists(fs, &layout::archive(name, cycle))? {
                break;
            }
            let since = round.history.cycle_start(end).map_err(as_io)?;
            missing.push(archive::Cycle { number: cycle, since, end });
            end = since.saturating_sub(1);
        }
        for cycle in missing.into_iter().rev() {
            archive::write(round.history, cycle, round.standing.journal, round.snapshot.version)?;
        }
        self.archived = self.archived.max(last);
        Ok(())
    }
}

/// Returns the status of a file, or `None` when there is no file.
fn look(home: &dyn Fs, file: &str) -> io::Result<Option<Stat>> {
    match home.stat(file) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if fs::is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the outputs of all entries since the last round, only the last one of each path. Unlike
/// other projections they are flushed: after a power cut the provider could not tell a lost output
/// from an edited one.
///
/// When `state.json` does not have the version of the last round, an output of another program
/// stays unchanged. In a work where the project keeps it, any content stays that no entry brought and
/// none replaces: people work there too, and git brings earlier readable copies back.
fn place_outputs(projected: Option<Version>, round: &mut Round<'_>) -> io::Result<()> {
    let (fs, name) = (round.history.fs, round.history.name);
    let after = projected.unwrap_or_default().max(round.removed);
    let mut earlier = Vec::new();
    if round.standing.changes.since > after {
        let visit = &mut |entry: Entry| {
            if !entry.outputs.is_empty() {
                earlier.push(Entry { patch: Payload::Inline(Patch::default()), ..entry });
            }
        };
        round.history.visit(after, round.standing.changes.since, visit).map_err(as_io)?;
    }
    let mut brought: BTreeMap<&OutputPath, Vec<&Output>> = BTreeMap::new();
    // A removal took the outputs of earlier entries with it.
    let since =
        earlier.iter().chain(&round.standing.changes.entries).filter(|entry| entry.version > after);
    for output in since.flat_map(|entry| &entry.outputs) {
        brought.entry(&output.path).or_default().push(output);
    }
    if brought.is_empty() {
        return Ok(());
    }
    let place = round.snapshot.document.output_place();
    let outputs = Outputs::open(fs, name, &place)?;
    for (path, versions) in brought {
        // A person or an agent may have put something else there since: it stays, and stops no other copy.
        if let Err(error) = outputs.check(path) {
            let shown = place.shown();
            let why = Distrusted::of(&error).map(|why| format!("{path} is not in {shown}: {why}"));
            round.warnings.push(why.ok_or(error)?);
            continue;
        }
        let Some(last) = versions.last().map(|last| last.digest) else { continue };
        let expected: Vec<Digest> =
            versions.iter().flat_map(|one| [Some(one.digest), one.replaces]).flatten().collect();
        let is_known = place.is_dist() && projected.is_some();
        if is_known || outputs.is_one_of(path, &expected)? {
            outputs.put(fs, name, path, last)?;
        } else if !place.is_dist() {
            round.warnings.push(format!(
                "{path} was changed by another program or a person, so it stays as it is: write it again to replace it"
            ));
        }
    }
    Ok(())
}

/// A JSON projection that is in place, and what replacing it would lose.
#[derive(Clone, Copy, Debug)]
enum There {
    /// Nothing, or what a power cut left.
    Replaceable,
    /// Another program or a person changed it.
    Edited,
    /// A copy that this program wrote, with its version.
    Copy(Kinship, Version),
}

impl There {
    /// Returns the version up to which the projections are written.
    fn version(self) -> Option<Version> {
        match self {
            Self::Copy(Kinship::Own, version) => Some(version),
            Self::Copy(..) | Self::Edited | Self::Replaceable => None,
        }
    }
}

/// Keeps a projection that another program or a person changed.
fn keep_changed(file: &str, content: &[u8], round: &mut Round<'_>) -> io::Result<()> {
    let kept = keep_aside(file, content, round)?;
    round.warnings.push(format!(
        "another program or a person changed {file}; refiner wrote {file} again from the journal and kept the changed copy as {kept}"
    ));
    Ok(())
}

/// Keeps a `state.json` of another journal.
fn keep_other(version: Version, content: &[u8], round: &mut Round<'_>) -> io::Result<()> {
    let kept = keep_aside(STATE_FILE, content, round)?;
    round.warnings.push(format!(
        "{STATE_FILE} was a copy of another journal, at version {version}; refiner wrote it again from this journal and kept the other as {kept}"
    ));
    Ok(())
}

/// Returns the place where content is kept.
fn keep_aside(file: &str, content: &[u8], round: &Round<'_>) -> io::Result<String> {
    let folder = layout::kept(round.history.name);
    let kept = format!("{folder}/{file}.{:08x}", crc32fast::hash(content));
    round.history.fs.create_dir(&folder)?;
    fs::write_replaceable(round.history.fs, &kept, content)?;
    Ok(kept)
}
