//! An artifact of the workspace, open in this process.

mod accepting;
mod locking;
mod opening;
mod publishing;
mod standing;
mod testifying;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use self::locking::release;
pub(super) use self::opening::missing_journal;
pub(super) use self::standing::ArtifactState;
use super::fault::{Fault, doing};
use super::layout;
use super::projections::{Copies, Projections};
use super::segment::OpenSegment;
use super::witness::{Elsewhere, Testimony, Witness};
use super::writer::{self, CaughtUp, Writer};
use super::{Newest, Sizes};
use crate::disk::fs::{Fs, Stat};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::projection::STATE_FILE;
use crate::model::journal::removal::Removal;
use crate::model::journal::{Journal, Staged, Transaction};
use crate::model::{JournalId, Name, Version};
use crate::storage::timings::{Timings, timed};
use parking_lot::{Mutex, MutexGuard};

/// How often a commit starts again because another journal appeared at the path.
const EXCHANGES_MAX: usize = 16;

/// Drafts entries, as [`super::super::Decide`] does, and may borrow from the caller.
type Decide<'a> = &'a mut dyn FnMut(&mut Transaction<'_>);

/// An open artifact.
#[derive(Debug)]
pub(super) struct Artifact {
    name: Name,
    fs: Arc<dyn Fs>,
    sizes: Sizes,
    witness: Arc<Witness>,
    /// Held through a whole append, including the flush.
    open: Mutex<Open>,
    /// Held only for a look, so a reader does not wait for a flush.
    published: Mutex<Option<Published>>,
}

/// The state that one operation at a time works on.
#[derive(Debug, Default)]
struct Open {
    /// The artifact's folder.
    home: Option<Arc<dyn Fs>>,
    /// The newest segment, until a writer reads it.
    segment: Option<OpenSegment>,
    writer: Option<Writer>,
    projections: Projections,
    /// Whether this operation left the projections to another process.
    left: bool,
    /// Whether it found a copy that is newer than the journal.
    is_copy_newer: bool,
    /// The version at the time of locking, before this operation wrote.
    locked_at: Version,
    /// The journal that this process published last, and its version.
    seen: Option<(Option<JournalId>, Version)>,
    /// What the witness knows or was given last.
    testified: Option<Testimony>,
    /// Where a newer version of the journal is known.
    elsewhere: Option<Elsewhere>,
    /// Whether this operation began the journal.
    began: bool,
    read_only: Option<String>,
    /// Whether the first line of the journal is damaged.
    unreadable: bool,
    /// The times of the present operation.
    timings: Timings,
}

impl Open {
    /// Forgets all open files: other files may be at their paths now.
    fn close(&mut self) {
        (self.home, self.segment, self.writer) = (None, None, None);
        self.projections = Projections::default();
    }

    /// Takes the writer, if there is a journal. Fails when it is damaged or the workspace is
    /// read-only.
    fn take_writable(&mut self) -> Result<Option<Writer>, Fault> {
        let Some(writer) = &self.writer else { return Ok(None) };
        match (writer.damage(), &self.read_only) {
            (Some(damage), _) => Err(Fault::Corrupt(damage.to_owned())),
            (None, Some(reason)) => Err(Fault::ReadOnly(reason.clone())),
            (None, None) => Ok(self.writer.take()),
        }
    }
}

/// The state that callers see, and the marks on the disk that change with every newer state.
#[derive(Debug)]
struct Published {
    standing: ArtifactState,
    segment: OpenSegment,
    end: u64,
    next: Version,
    state_file: Option<Stat>,
}

impl Artifact {
    pub(super) fn new(name: Name, fs: Arc<dyn Fs>, sizes: Sizes, witness: Arc<Witness>) -> Self {
        Self { name, fs, sizes, witness, open: Mutex::default(), published: Mutex::default() }
    }

    /// Returns the published state if the disk shows no change since. Takes three system calls and
    /// never waits.
    pub(super) fn current(&self) -> Option<ArtifactState> {
        let published = self.published.lock();
        let published = published.as_ref()?;
        let length = published.segment.length_in_place(self.fs.as_ref(), Some(published.next));
        let unchanged = length.is_ok_and(|length| length == Some(published.end))
            && self.fs.look(&self.state_path()).ok() == published.state_file;
        unchanged.then(|| published.standing.clone())
    }

    /// Returns the newest state after making it durable, or `None` when the artifact never existed.
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
        match self.commit(&mut open, None, Copies::Keep) {
            Err(Fault::Corrupt(damage)) => self.salvage(damage).map(Some),
            result => result,
        }
    }

    /// Writes the projections that an append left to another process. Returns warnings.
    pub(super) fn project_left(&self) -> Result<Vec<String>, Fault> {
        let standing = self.commit(&mut self.hold(), None, Copies::Wait)?;
        Ok(standing.map(ArtifactState::into_warnings).unwrap_or_default())
    }

    /// Returns the state in `state.json` when the journal is unreadable.
    fn salvage(&self, damage: String) -> Result<ArtifactState, Fault> {
        match self.own_copy()? {
            Some(copy) => Ok(ArtifactState::Alive(Newest::at_hand(
                Arc::new(copy.snapshot),
                vec![damage_warning(&damage)],
            ))),
            None => Err(Fault::Corrupt(damage)),
        }
    }

    /// Stores the entries that `decide` drafts. See [`super::super::Provider::append`]. Returns also
    /// whether it left the projections to another process; then [`Artifact::project_left`] follows.
    pub(super) fn append(
        &self,
        decide: Decide<'_>,
    ) -> Result<(Option<ArtifactState>, bool), Fault> {
        let mut open = self.hold();
        if open.writer.is_none() && !self.exists()? && !self.would_write(decide) {
            return Ok((None, false));
        }
        let appended = self.commit(&mut open, Some(decide), Copies::Follow)?;
        Ok((appended, open.left))
    }

    /// Returns whether `decide` drafts an entry for an artifact that does not exist. A caller with
    /// a wrong name then creates nothing.
    fn would_write(&self, decide: Decide<'_>) -> bool {
        let journal = Journal::new(self.name.clone());
        let mut transaction = Transaction::new(&journal, None, 0);
        decide(&mut transaction);
        !transaction.into_staged().is_empty()
    }

    /// Reads what other processes appended, appends the drafts of `decide`, and publishes the result.
    fn commit(
        &self,
        open: &mut Open,
        decide: Option<Decide<'_>>,
        copies: Copies,
    ) -> Result<Option<ArtifactState>, Fault> {
        let standing = self.commit_in_place(open, decide, copies)?;
        if std::mem::take(&mut open.is_copy_newer) {
            // No other process wrote more meanwhile, so lines are missing.
            return self.commit_in_place(open, None, Copies::Keep);
        }
        Ok(standing)
    }

    /// Runs [`Artifact::try_commit`], and again when another journal replaced the open one before
    /// this process wrote.
    fn commit_in_place(
        &self,
        open: &mut Open,
        mut decide: Option<Decide<'_>>,
        copies: Copies,
    ) -> Result<Option<ArtifactState>, Fault> {
        let mut tries = 0;
        loop {
            let again = decide.as_mut().map(|decide| &mut **decide as Decide<'_>);
            match self.try_commit(open, again, copies) {
                Err(Fault::Exchanged { written: false, .. }) if tries < EXCHANGES_MAX => tries += 1,
                result => return result,
            }
        }
    }

    /// Reads what other processes appended, appends the drafts of `decide`, and publishes the
    /// result. Every line that the answer depends on is on the disk.
    fn try_commit(
        &self,
        open: &mut Open,
        decide: Option<Decide<'_>>,
        copies: Copies,
    ) -> Result<Option<ArtifactState>, Fault> {
        let lock = self.acquire(open, decide.is_none())?;
        let stored = self.store(open, decide, lock.length);
        // After the flush: the next process relies on every line before the mark.
        release(lock, open.writer.as_ref());
        // Before the error returns: a doubtful or damaged journal must not answer from memory.
        if open.writer.as_ref().is_none_or(|writer| writer.damage().is_some()) {
            *self.published.lock() = None;
        }
        stored?;
        // Only after the flush: a projection vouches that its version is on the disk.
        let warnings = self.project(open, copies);
        // Before `confirm`: a later change of the file must show as a difference.
        let state_file = self.state_file(open, copies);
        // Last: an answer must not come from a journal that was already gone.
        self.confirm(open)?;
        Ok(self.publish(open, state_file, warnings))
    }

    /// Brings the writer up to date, and stores the drafts of `decide`. The caller holds the lock.
    /// After an error `open.writer` is `None` unless the journal is damaged or read-only.
    fn store(&self, open: &mut Open, decide: Option<Decide<'_>>, length: u64) -> Result<(), Fault> {
        let kept_up = self.keep_up(open, length)?;
        if kept_up == KeptUp::Others {
            self.check_newest(open)?;
        }
        if decide.is_none()
            && let Some(writer) = &mut open.writer
        {
            writer.recheck_copy()?;
        }
        // After `keep_up`, under the lock: `confirm` compares with this version what we wrote.
        open.locked_at = open.writer.as_ref().map_or(0, Writer::version);
        match (open.take_writable(), decide) {
            (Ok(None), decide) => self.create(open, decide),
            (Ok(Some(writer)), Some(decide)) => {
                self.draft_and_append(open, writer, decide, kept_up)
            }
            // A reader finishes what a purge began.
            (Ok(Some(writer)), None) => {
                open.writer = Some(writer.seal_purged()?);
                Ok(())
            }
            (Err(fault), Some(_)) => Err(fault),
            (Err(_), None) => Ok(()),
        }
    }

    /// Creates the journal if `decide` drafts an entry.
    fn create(&self, open: &mut Open, decide: Option<Decide<'_>>) -> Result<(), Fault> {
        // Before a journal is created: version 1 must not exist twice.
        self.check_nothing_was_stored()?;
        let Some(decide) = decide else { return Ok(()) };
        if !self.would_write(decide) {
            return Ok(());
        }
        open.read_only.clone().map_or(Ok(()), |reason| Err(Fault::ReadOnly(reason)))?;
        let created = writer::create(&self.fs, &self.name)?;
        let writer = created.ok_or_else(|| self.exchanged(false))?;
        let home = layout::artifact(&self.name);
        open.home = Some(self.fs.folder(&home).map_err(doing("open", &home))?);
        self.draft_and_append(open, writer, decide, KeptUp::Others)?;
        open.began = true;
        Ok(())
    }

    /// Drafts on top of the writer's state and appends. The lock is held: no other entry can come
    /// between the state that `decide` sees and the lines.
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
        if !staged.is_empty() {
            writer = self.write_lives(open, writer, staged)?;
            if kept_up == KeptUp::Nothing {
                self.expect_own(&writer);
            }
            timed(&mut open.timings.flush, || writer.flush())?;
        }
        // Also without new lines: the projections destroy what was purged, and only a sealed purge
        // keeps the count of versions.
        open.writer = Some(writer.seal_purged()?);
        Ok(())
    }

    /// Writes lines. A purge destroys everything before it, so it finishes before any later line
    /// is written; otherwise it could destroy new data.
    fn write_lives(
        &self,
        open: &mut Open,
        mut writer: Writer,
        staged: Vec<Staged>,
    ) -> Result<Writer, Fault> {
        let history = super::history::History::new(self.fs.as_ref(), &self.name);
        for lines in split_after_purges(staged) {
            if let Some(purged) = writer.purged().filter(|_| !lines.is_empty()) {
                writer = writer.seal_purged()?;
                // After the seal: the purge is durable in its own segment before anything is lost.
                let taken = open.projections.take_away(&history, purged);
                taken
                    .map_err(doing("destroy what was purged of", &layout::artifact(&self.name)))?;
            }
            writer = writer.write(lines, self.sizes)?;
        }
        if planted(Sabotage::TakenBeforeEntry)
            && let Some(removed) = writer.standing().removed
        {
            drop(open.projections.take_away(&history, removed));
        }
        Ok(writer)
    }

    /// Keeps the published state valid while this process flushes its own lines, which are not
    /// acknowledged yet. Not after other processes appended: their lines may be acknowledged.
    fn expect_own(&self, writer: &Writer) {
        let segment = writer.segment();
        if let Some(published) = self
            .published
            .lock()
            .as_mut()
            .filter(|published| published.segment.id == segment.open.id)
        {
            published.end = segment.end;
            published.next = writer.version() + 1;
        }
    }

    /// Reads what other processes appended to the newest segment, whose present length is given.
    /// Opens the journal again if that is not enough.
    fn keep_up(&self, open: &mut Open, length: u64) -> Result<KeptUp, Fault> {
        if open.writer.as_ref().is_some_and(|writer| writer.is_up_to(length)) {
            return Ok(KeptUp::Nothing);
        }
        let writable = open.read_only.is_none();
        let caught_up = open.writer.take().map(|writer| writer.catch_up(length, writable));
        let segment = match caught_up.transpose()? {
            Some(CaughtUp::Yes(writer)) => {
                open.writer = Some(*writer);
                return Ok(KeptUp::Others);
            }
            Some(CaughtUp::No(segment)) => Some(segment),
            None => open.segment.take(),
        };
        if let Some(segment) = segment {
            let opened = Writer::open(&self.fs, &self.name, segment, writable);
            open.unreadable = matches!(opened, Err(Fault::Corrupt(_)));
            let opened = self.hear(open, opened?);
            open.writer = Some(opened);
        }
        Ok(KeptUp::Others)
    }

    /// Returns the file status of `state.json` from the projections, or else from the disk.
    fn state_file(&self, open: &Open, copies: Copies) -> Option<Stat> {
        let known = open.projections.state_file().filter(|_| copies != Copies::Keep);
        known.or_else(|| self.fs.look(&self.state_path()).ok())
    }

    /// Updates the projections to the flushed state. A failure is only a warning: the journal
    /// already has the state.
    fn project(&self, open: &mut Open, copies: Copies) -> Vec<String> {
        open.left = false;
        let writable = |writer: &&mut Writer| {
            writer.damage().is_none() && open.read_only.is_none() && writer.version() > 0
        };
        let writer = open.writer.as_mut().filter(writable);
        let Some((writer, home)) = writer.zip(open.home.as_ref()) else {
            return Vec::new();
        };
        let history = super::history::History::new(self.fs.as_ref(), &self.name);
        let standing = writer.standing();
        let followed = timed(&mut open.timings.projection, || {
            open.projections.follow(&history, home.as_ref(), &standing, copies)
        });
        open.left = followed.is_none();
        open.is_copy_newer =
            copies != Copies::Keep && open.projections.found_newer() && writer.is_last();
        if copies != Copies::Keep {
            writer.copied(open.projections.state_file());
            // Only after success: otherwise the next round must see these changes again.
            if followed.as_ref().is_some_and(Vec::is_empty) {
                writer.projected();
            }
        }
        followed.unwrap_or_default()
    }

    /// Waits for other users of the artifact in this process.
    fn hold(&self) -> Held<'_> {
        let mut timings = Timings::default();
        let mut open = Held(timed(&mut timings.lock, || self.open.lock()));
        open.timings = timings;
        open
    }

    fn state_path(&self) -> String {
        layout::in_artifact(&self.name, STATE_FILE)
    }
}

/// The state of an artifact in this process, held by one operation.
struct Held<'a>(MutexGuard<'a, Open>);

impl Deref for Held<'_> {
    type Target = Open;

    fn deref(&self) -> &Open {
        &self.0
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Open {
        &mut self.0
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Before the lock is released: an operation that panicked left the memory half-changed.
        if std::thread::panicking() {
            *self.0 = Open::default();
        }
    }
}

/// The lines that keeping up with other processes found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeptUp {
    /// No new lines.
    Nothing,
    /// Lines of other processes, or a newly opened journal.
    Others,
}

/// Splits lines after each purge.
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

fn damage_warning(damage: &str) -> String {
    format!("the journal is damaged, and refiner does not write to it: {damage}")
}
