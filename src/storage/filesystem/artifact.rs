//! An artifact of the workspace, open in this process.

mod locking;
mod opening;
mod standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::locking::release;
pub(super) use self::opening::missing_journal;
pub(super) use self::standing::ArtifactState;
use super::fault::{Fault, doing};
use super::layout;
use super::projections::Projections;
use super::segment::OpenSegment;
use super::writer::{self, Writer};
use super::{Newest, Sizes, Tombstone};
use crate::disk::fs::{Fs, Stat};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::{Journal, Staged, Transaction};
use crate::model::projection::STATE_FILE;
use crate::model::removal::Removal;
use crate::model::{JournalId, Name, Version};
use crate::storage::timings::{Timings, timed};

/// How often another journal may come to be at the path before anything is written.
const EXCHANGES_MAX: usize = 16;

/// Drafts entries, as [`super::super::Decide`] does, and may borrow from who calls.
type Decide<'a> = &'a mut dyn FnMut(&mut Transaction<'_>);

/// An open artifact.
#[derive(Debug)]
pub(super) struct Artifact {
    name: Name,
    fs: Arc<dyn Fs>,
    sizes: Sizes,
    /// Held through a whole append, flush included.
    open: Mutex<Open>,
    /// Held for a look only, so that reading does not wait for a flush.
    published: Mutex<Option<Published>>,
}

/// What is held while working on an artifact.
#[derive(Debug, Default)]
struct Open {
    /// The artifact's folder.
    home: Option<Arc<dyn Fs>>,
    /// The newest segment, until a writer has read it.
    segment: Option<OpenSegment>,
    writer: Option<Writer>,
    projections: Projections,
    /// The version when the lock was taken, before anything was written.
    locked_at: Version,
    /// The journal that was there last, and its version.
    seen: Option<(Option<JournalId>, Version)>,
    read_only: Option<String>,
    /// Whether the journal was found to be damaged from its first line on.
    unreadable: bool,
    /// Where the time of the present operation went.
    timings: Timings,
}

impl Open {
    /// Forgets what is open, since something else may be at its path now.
    fn close(&mut self) {
        (self.home, self.segment, self.writer) = (None, None, None);
        self.projections = Projections::default();
    }
}

/// The state that callers see, and what would look different if it were not the newest any more.
#[derive(Debug)]
struct Published {
    standing: ArtifactState,
    segment: OpenSegment,
    end: u64,
    next: Version,
    state_file: Option<Stat>,
}

impl Artifact {
    pub(super) fn new(name: Name, fs: Arc<dyn Fs>, sizes: Sizes) -> Self {
        Self { name, fs, sizes, open: Mutex::default(), published: Mutex::default() }
    }

    /// Returns where the artifact stands if a look at the disk shows that nothing has happened since
    /// that was published. Takes three system calls and waits for nothing.
    pub(super) fn current(&self) -> Option<ArtifactState> {
        let published = hold_briefly(&self.published);
        let published = published.as_ref()?;
        let length = published.segment.length_in_place(self.fs.as_ref(), Some(published.next));
        let unchanged = length.is_ok_and(|length| length == Some(published.end))
            && self.fs.look(&self.state_path()).ok() == published.state_file;
        unchanged.then(|| published.standing.clone())
    }

    /// Returns where the artifact stands, after making sure that it is on the disk, or `None` when it
    /// never was there.
    pub(super) fn standing(&self) -> Result<Option<ArtifactState>, Fault> {
        if let Some(standing) = self.current() {
            return Ok(Some(standing));
        }
        let mut open = self.hold();
        if open.writer.is_none()
            && !open.unreadable
            && self.open_quickly()?
            && let Some(standing) = self.current()
        {
            return Ok(Some(standing));
        }
        if !self.exists()? {
            return Ok(None);
        }
        match self.commit(&mut open, None) {
            Err(Fault::Corrupt(damage)) => self.salvage(damage).map(Some),
            result => result,
        }
    }

    /// Returns what `state.json` has of a journal that cannot be read at all.
    fn salvage(&self, damage: String) -> Result<ArtifactState, Fault> {
        match writer::read_state_file(self.fs.as_ref(), &self.name)? {
            Some(snapshot) => Ok(ArtifactState::Alive(Newest::at_hand(
                Arc::new(snapshot),
                vec![damage_warning(&damage)],
            ))),
            None => Err(Fault::Corrupt(damage)),
        }
    }

    /// Lets `decide` draft entries and stores them. See [`super::super::Provider::append`].
    pub(super) fn append(&self, decide: Decide<'_>) -> Result<Option<ArtifactState>, Fault> {
        let mut open = self.hold();
        if open.writer.is_some() || self.exists()? || self.would_write(decide) {
            self.commit(&mut open, Some(decide))
        } else {
            Ok(None)
        }
    }

    /// Returns whether `decide` drafts anything for an artifact that does not exist, so that none
    /// is made for a caller who only got its name wrong.
    fn would_write(&self, decide: Decide<'_>) -> bool {
        let journal = Journal::new(self.name.clone());
        let mut transaction = Transaction::new(&journal, None, 0);
        decide(&mut transaction);
        !transaction.into_staged().is_empty()
    }

    /// Does what [`Artifact::try_commit`] does, again where another journal came to be at the path
    /// before anything was written.
    fn commit(
        &self,
        open: &mut Open,
        mut decide: Option<Decide<'_>>,
    ) -> Result<Option<ArtifactState>, Fault> {
        let mut tries = 0;
        loop {
            let again = decide.as_mut().map(|decide| &mut **decide as Decide<'_>);
            match self.try_commit(open, again) {
                Err(Fault::Exchanged { written: false, .. }) if tries < EXCHANGES_MAX => tries += 1,
                result => return result,
            }
        }
    }

    /// Keeps up with other processes, stores what `decide` drafts, if anything, makes everything
    /// durable that the answer will depend on, and publishes it.
    fn try_commit(
        &self,
        open: &mut Open,
        decide: Option<Decide<'_>>,
    ) -> Result<Option<ArtifactState>, Fault> {
        let reading = decide.is_none();
        let lock = self.acquire(open, reading)?;
        let mut stored = self.write(open, decide, lock.length);
        release(lock, open.writer.as_ref());
        if let (Ok(()), Some(writer)) = (&stored, &mut open.writer)
            && !writer.is_flushed()
            && !(reading && planted(Sabotage::AnswerUnflushed))
        {
            let flushed = timed(&mut open.timings.flush, || writer.flush());
            if open.read_only.is_none() && flushed.is_err() {
                open.writer = open.writer.take().filter(|_| planted(Sabotage::NoPoisoning));
                stored = flushed;
            }
        }
        if open.writer.as_ref().is_none_or(|writer| writer.damage().is_some()) {
            *hold_briefly(&self.published) = None;
        }
        stored?;
        let warnings = self.project(open);
        let state_file = self.state_file(open);
        // Last, so that nothing is answered of a journal that was gone before.
        self.confirm(open)?;
        Ok(self.publish(open, state_file, warnings))
    }

    /// Brings the writer up to date and writes what `decide` drafts. The lock is held. After an
    /// error that leaves anything in doubt, there is no writer any more.
    fn write(&self, open: &mut Open, decide: Option<Decide<'_>>, length: u64) -> Result<(), Fault> {
        let kept_up = self.keep_up(open, length)?;
        open.locked_at = open.writer.as_ref().map_or(0, Writer::version);
        let Some(mut writer) = open.writer.take() else {
            self.check_nothing_was_stored()?;
            let Some(decide) = decide else { return Ok(()) };
            if !self.would_write(decide) {
                return Ok(());
            }
            writable(open, None)?;
            let created = writer::create(&self.fs, &self.name)?;
            let writer = created.ok_or_else(|| self.exchanged(false))?;
            let home = layout::artifact(&self.name);
            open.home = Some(self.fs.folder(&home).map_err(doing("open", &home))?);
            return self.draft_and_append(open, writer, decide, KeptUp::UntrustedDir);
        };
        let Some(decide) = decide else {
            let in_doubt =
                !writer.is_flushed() && open.read_only.is_none() && writer.damage().is_none();
            let mut poisoned = false;
            let mut rewritten = if in_doubt {
                writer.append(Vec::new(), self.sizes, &mut poisoned)
            } else {
                Ok(())
            };
            if rewritten.is_ok() && writable(open, writer.damage()).is_ok() {
                rewritten = writer.seal_purged();
                poisoned = rewritten.is_err();
            }
            open.writer = (!poisoned).then_some(writer);
            return rewritten;
        };
        if let Err(fault) = writable(open, writer.damage()) {
            open.writer = Some(writer);
            return Err(fault);
        }
        self.draft_and_append(open, writer, decide, kept_up)
    }

    fn draft_and_append(
        &self,
        open: &mut Open,
        mut writer: Writer,
        decide: Decide<'_>,
        kept_up: KeptUp,
    ) -> Result<(), Fault> {
        let mut transaction = writer.transaction();
        decide(&mut transaction);
        let staged = transaction.into_staged();
        let mut poisoned = false;
        let result = match staged.is_empty() && writer.is_flushed() {
            true => Ok(()),
            false => self.append_lives(open, &mut writer, staged, &mut poisoned),
        };
        if result.is_ok() && kept_up == KeptUp::Nothing {
            self.expect_own(&writer);
        }
        open.writer = (!poisoned).then_some(writer);
        result
    }

    /// Appends lines. Nothing comes after a purge before all is destroyed that it takes away: what is
    /// new is then not taken for old.
    fn append_lives(
        &self,
        open: &mut Open,
        writer: &mut Writer,
        staged: Vec<Staged>,
        poisoned: &mut bool,
    ) -> Result<(), Fault> {
        for lines in split_after_purges(staged) {
            if let Some(purged) = writer.purged().filter(|_| !lines.is_empty()) {
                *poisoned = true;
                writer.seal_purged()?;
                *poisoned = false;
                let history = super::history::History::new(self.fs.as_ref(), &self.name);
                let taken = open.projections.take_away(&history, purged);
                taken
                    .map_err(doing("destroy what was purged of", &layout::artifact(&self.name)))?;
            }
            writer.append(lines, self.sizes, poisoned)?;
        }
        if planted(Sabotage::TakenBeforeEntry)
            && let Some(removed) = writer.standing().removed
        {
            let history = super::history::History::new(self.fs.as_ref(), &self.name);
            drop(open.projections.take_away(&history, removed));
        }
        *poisoned = true;
        writer.seal_purged()?;
        *poisoned = false;
        Ok(())
    }

    /// Lets callers go on seeing the published state while this process's own lines are flushed:
    /// they are not acknowledged yet. Not when others appended, whose lines may be.
    fn expect_own(&self, writer: &Writer) {
        let segment = writer.segment();
        if let Some(published) = hold_briefly(&self.published)
            .as_mut()
            .filter(|published| published.segment.id == segment.open.id)
        {
            published.end = segment.end;
            published.next = writer.version() + 1;
        }
    }

    /// Takes in what other processes appended to the newest segment, which has that many bytes now,
    /// reading the journal anew if need be.
    fn keep_up(&self, open: &mut Open, length: u64) -> Result<KeptUp, Fault> {
        let end = open.writer.as_ref().map(|writer| writer.segment().end);
        let kept = match &mut open.writer {
            Some(writer) => writer.catch_up(length)?,
            None => false,
        };
        if kept {
            return Ok(if end == Some(length) { KeptUp::Nothing } else { KeptUp::UntrustedDir });
        }
        let writer = open.writer.take().map(|writer| writer.segment().open.clone());
        if let Some(segment) = writer.or(open.segment.take()) {
            let opened = Writer::open(&self.fs, &self.name, segment, open.read_only.is_none());
            open.unreadable = matches!(opened, Err(Fault::Corrupt(_)));
            open.writer = Some(opened?);
        }
        Ok(KeptUp::UntrustedDir)
    }

    fn publish(
        &self,
        open: &mut Open,
        state_file: Option<Stat>,
        mut warnings: Vec<String>,
    ) -> Option<ArtifactState> {
        let writer = open.writer.as_ref()?;
        let journal = writer.standing().journal;
        let seen = open.seen.replace((journal, writer.version()));
        let lost = seen.filter(|(id, _)| id.is_some() && *id != journal);
        warnings.extend(lost.map(|(_, version)| lost_warning(version)));
        let standing = standing_warnings(writer, open.read_only.as_deref());
        let segment = writer.segment();
        let unfinished = writer.tombstone().is_some() && !warnings.is_empty();
        warnings.extend(standing.iter().cloned());
        let stands = |warnings: Vec<String>, timings| match (writer.newest(), writer.tombstone()) {
            (Some(snapshot), _) => Some(ArtifactState::Alive(Newest {
                snapshot: Arc::clone(snapshot),
                warnings,
                timings,
            })),
            (None, Some(removed)) => Some(ArtifactState::Deleted(Tombstone { removed, warnings })),
            (None, None) => None,
        };
        if unfinished {
            // Not to be seen without another try.
            *hold_briefly(&self.published) = None;
            return stands(warnings, open.timings);
        }
        *hold_briefly(&self.published) = Some(Published {
            standing: stands(standing, Timings::default())?,
            segment: segment.open.clone(),
            end: segment.end,
            next: writer.version() + 1,
            state_file,
        });
        stands(warnings, open.timings)
    }

    /// Returns how `state.json` looks, as far as the projections tell.
    fn state_file(&self, open: &Open) -> Option<Stat> {
        let known = open.projections.state_file();
        known.or_else(|| self.fs.look(&self.state_path()).ok())
    }

    /// Makes the projections follow the state that is on the disk now. What goes wrong is a
    /// warning: the state itself is safe.
    fn project(&self, open: &mut Open) -> Vec<String> {
        let writable = |writer: &&mut Writer| {
            writer.damage().is_none() && open.read_only.is_none() && writer.version() > 0
        };
        let writer = open.writer.as_mut().filter(writable);
        let Some((writer, home)) = writer.zip(open.home.as_ref()) else {
            return Vec::new();
        };
        let history = super::history::History::new(self.fs.as_ref(), &self.name);
        let standing = writer.standing();
        let warnings = timed(&mut open.timings.projection, || {
            open.projections.follow(&history, home.as_ref(), &standing)
        });
        if warnings.is_empty() {
            writer.projected();
        }
        warnings
    }

    /// Waits for who works on the artifact in this process. A panic while this was held may have left
    /// anything in memory, so that is dropped.
    fn hold(&self) -> MutexGuard<'_, Open> {
        let mut timings = Timings::default();
        let mut open = timed(&mut timings.lock, || self.open.lock()).unwrap_or_else(|poisoned| {
            let mut open = poisoned.into_inner();
            *open = Open::default();
            self.open.clear_poison();
            open
        });
        open.timings = timings;
        open
    }

    fn state_path(&self) -> String {
        layout::in_artifact(&self.name, STATE_FILE)
    }
}

/// What keeping up with other processes brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeptUp {
    Nothing,
    UntrustedDir,
}

/// Splits lines after each that purges the artifact.
fn split_after_purges(mut lines: Vec<Staged>) -> Vec<Vec<Staged>> {
    let is_purge = |line: &Staged| line.entry.removal == Some(Removal::Purge);
    let mut parts = Vec::new();
    while let Some(purge) = lines.iter().position(is_purge) {
        let rest = lines.split_off(purge + 1);
        parts.push(std::mem::replace(&mut lines, rest));
    }
    parts.push(lines);
    parts
}

/// Fails when nothing may be written.
fn writable(open: &Open, damage: Option<&str>) -> Result<(), Fault> {
    match (damage, &open.read_only) {
        (Some(damage), _) => Err(Fault::Corrupt(damage.to_owned())),
        (None, Some(reason)) => Err(Fault::ReadOnly(reason.clone())),
        (None, None) => Ok(()),
    }
}

fn lost_warning(version: Version) -> String {
    format!(
        "the journal that this process read up to version {version} was removed, and a new journal is in its place"
    )
}

fn damage_warning(damage: &str) -> String {
    format!("the journal is damaged, and refiner does not write to it: {damage}")
}

fn standing_warnings(writer: &Writer, read_only: Option<&str>) -> Vec<String> {
    let damage = writer.damage().map(damage_warning);
    let read_only = read_only.map(|reason| format!("the workspace is read-only: {reason}"));
    damage.into_iter().chain(read_only).collect()
}

/// Locks for a section that cannot panic half-way.
pub(super) fn hold_briefly<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
