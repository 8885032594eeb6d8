//! Examining all stored data of an artifact, for `refiner doctor`.

use super::super::{Finding, FindingSeverity};
use super::artifact::missing_journal;
use super::blobs::{self, Blobs};
use super::copy;
use super::fault::{Fault, doing};
use super::history::History;
use super::layout;
use super::projections::LOG_BYTES_MAX;
use super::removal;
use super::segment::{self, Scanned};
use super::witness::Testimony;
use crate::disk::fs::{self, Fs};
use crate::model::journal::entry::{Entry, LogExtent, LogFile, Logs};
use crate::model::journal::frame::{self, Scan};
use crate::model::journal::projection::{self, CONSTRAINTS_FILE, Origin, STATE_FILE, SealedCopy};
use crate::model::journal::removal::{Removal, Removed};
use crate::model::journal::{Damage, Journal};
use crate::model::{JournalId, Name, Version};

/// Returns the problems of an artifact, worst first. Changes nothing.
pub(super) fn examine(
    fs: &dyn Fs,
    name: &Name,
    known: Option<&Testimony>,
) -> Result<Vec<Finding>, Fault> {
    let copy = copy::read(fs, name)?;
    let journal = journal_id(fs, name)?;
    let is_own = |copy: &SealedCopy| copy.journal == journal || journal.is_none();
    let stored = copy.filter(is_own).map_or(0, |copy| copy.snapshot.version);
    let mut examination = Examination { fs, name, journal, stored, findings: Vec::new() };
    let newest = examination.journal()?;
    let newest = newest.filter(|journal| journal.version() > 0);
    if let Some(journal) = &newest {
        match journal.tombstone() {
            Some(tombstone) => examination.tombstone(tombstone),
            None => {
                examination.state_file(journal.version())?;
                examination.constraints_file()?;
                examination.logs(journal.logs())?;
            }
        }
        examination.removed(journal.removed())?;
    }
    // After the files: what they say of a missing end is closer to it.
    if let Some((known, journal)) = known.zip(newest.as_ref()) {
        examination.compare(known, journal);
    }
    examination.kept()?;
    examination.trash()?;
    examination
        .findings
        .sort_by(|one, other| other.severity.cmp(&one.severity).then(one.place.cmp(&other.place)));
    Ok(examination.findings)
}

struct Examination<'a> {
    fs: &'a dyn Fs,
    name: &'a Name,
    journal: Option<JournalId>,
    /// The version that `state.json` says was stored; 0 when it says nothing, or is of another journal.
    stored: Version,
    findings: Vec<Finding>,
}

impl Examination<'_> {
    fn note(&mut self, severity: FindingSeverity, place: &str, problem: String, advice: &str) {
        let finding =
            Finding { severity, place: place.to_owned(), problem, advice: advice.to_owned() };
        self.findings.push(finding);
    }

    fn found_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == FindingSeverity::Error)
    }

    /// Reads every segment. Returns the fold up to the newest good version.
    fn journal(&mut self) -> Result<Option<Journal>, Fault> {
        let folder = layout::journal(self.name);
        let segments = segment::list(self.fs, self.name).map_err(doing("list", &folder))?;
        if segments.is_empty() && self.stored > 0 {
            self.note(FindingSeverity::Error, &folder, missing_journal(self.stored), BRING_BACK);
        }
        let mut before: Option<Journal> = None;
        for first in &segments {
            let path = layout::segment(self.name, *first);
            let bytes =
                fs::read(self.fs, &path, segment::BYTES_MAX).map_err(doing("read", &path))?;
            let bytes = bytes.unwrap_or_default();
            let blobs = Blobs::new(self.fs, self.name);
            let is_last = Some(first) == segments.last();
            let scanned = segment::scan(self.name, *first, &bytes, &|digest| blobs.load(digest));
            blobs.check()?;
            match scanned {
                Ok(scanned) => {
                    self.builds_on(&path, before.as_ref(), &scanned);
                    self.lines(&path, &bytes, &scanned, is_last);
                    // What follows a damaged segment cannot be compared with its end.
                    before = (is_last || scanned.bad.is_none()).then_some(scanned.journal);
                }
                Err(damage @ Damage::NewerFormat { .. }) => {
                    self.note(FindingSeverity::Error, &path, damage.to_string(), UPDATE);
                    return Ok(None);
                }
                Err(damage) => {
                    let problem = format!("the first line is damaged: {damage}");
                    self.note(FindingSeverity::Error, &path, problem, keep(is_last));
                    before = None;
                }
            }
        }
        Ok(before)
    }

    /// Compares the end of a journal that is whole with what the witness knows.
    fn compare(&mut self, known: &Testimony, journal: &Journal) {
        let (id, version, line) = (journal.id(), journal.version(), journal.line());
        let history = History::new(self.fs, self.name);
        let present = Testimony { journal: id, version, line };
        let contradiction = known.contradiction(&present, &history);
        if let Some(problem) = contradiction.filter(|_| !self.found_errors()) {
            self.note(FindingSeverity::Error, &layout::journal(self.name), problem, ACCEPT);
        }
    }

    /// Checks that a segment begins with the end of the one before it.
    fn builds_on(&mut self, path: &str, before: Option<&Journal>, scanned: &Scanned) {
        let base = scanned.base;
        let Some(before) = before else { return };
        if (before.version(), before.line(), before.digest())
            != (base.follows, base.line, base.document)
        {
            let ends = before.version();
            let problem = format!(
                "it continues version {}, but the segment before it ends with another version {ends}",
                base.follows
            );
            self.note(FindingSeverity::Error, path, problem, BRING_BACK);
        }
    }

    fn lines(&mut self, path: &str, bytes: &[u8], scanned: &Scanned, is_last: bool) {
        if let Err(damage) = check_documents(self.fs, self.name, bytes, scanned) {
            let advice = match damage {
                Damage::MissingBlob { .. } => BRING_BLOB_BACK,
                _ => keep(is_last),
            };
            self.note(FindingSeverity::Error, path, damage.to_string(), advice);
        }
        let Some(bad) = &scanned.bad else { return };
        let version = scanned.journal.version();
        let reason = &bad.reason;
        if !is_last || !bad.torn || bad.later_flushed.max(self.stored) > version {
            let problem = format!(
                "version {} is damaged ({reason}) at byte {}; {} good lines follow",
                version + 1,
                scanned.end,
                bad.good_lines_after
            );
            self.note(FindingSeverity::Error, path, problem, keep(is_last));
        } else {
            let torn = bytes.len() - scanned.end;
            let problem =
                format!("{torn} bytes after version {version} are not a complete line ({reason})");
            self.note(FindingSeverity::Warning, path, problem, TORN);
        }
    }

    fn state_file(&mut self, newest: Version) -> Result<(), Fault> {
        let path = layout::in_artifact(self.name, STATE_FILE);
        let content =
            fs::read(self.fs, &path, projection::BYTES_MAX).map_err(doing("read", &path))?;
        let history = History::new(self.fs, self.name);
        match content.as_deref().map(projection::origin) {
            None => self.note(FindingSeverity::Warning, &path, "it is missing".into(), REMADE),
            Some(Origin::PowerCut) => {
                self.note(FindingSeverity::Warning, &path, "it was cut short".into(), REMADE);
            }
            Some(Origin::Edited) => self.note(
                FindingSeverity::Warning,
                &path,
                "another program or a person changed it".into(),
                SET_ASIDE,
            ),
            Some(Origin::Ours { version, journal, digest }) => {
                let version = version.unwrap_or(0);
                if journal.is_some() && journal != self.journal {
                    let problem = format!("it is a copy of another journal, at version {version}");
                    self.note(FindingSeverity::Warning, &path, problem, OTHER_COPY);
                } else if version > newest && self.found_errors() {
                    // The journal's own finding says what is missing.
                } else if version > newest {
                    let problem = format!(
                        "it has version {version}, but the journal ends at version {newest}"
                    );
                    self.note(FindingSeverity::Error, &path, problem, BRING_BACK);
                } else if history
                    .at(version, newest)?
                    .is_some_and(|snapshot| snapshot.digest != digest)
                {
                    self.note(
                        FindingSeverity::Warning,
                        &path,
                        format!("it differs from the journal at version {version}"),
                        SET_ASIDE,
                    );
                } else if version < newest {
                    self.note(
                        FindingSeverity::Note,
                        &path,
                        format!("it lags behind, at version {version} of {newest}"),
                        REMADE,
                    );
                }
            }
        }
        Ok(())
    }

    fn constraints_file(&mut self) -> Result<(), Fault> {
        let path = layout::in_artifact(self.name, CONSTRAINTS_FILE);
        let content =
            fs::read(self.fs, &path, projection::BYTES_MAX).map_err(doing("read", &path))?;
        match content.as_deref().map(projection::origin) {
            None => self.note(FindingSeverity::Warning, &path, "it is missing".into(), REMADE),
            Some(Origin::PowerCut) => {
                self.note(FindingSeverity::Warning, &path, "it was cut short".into(), REMADE);
            }
            Some(Origin::Edited) => self.note(
                FindingSeverity::Warning,
                &path,
                "another program or a person changed it".into(),
                SET_ASIDE,
            ),
            Some(Origin::Ours { .. }) => {}
        }
        Ok(())
    }

    fn logs(&mut self, logs: &Logs) -> Result<(), Fault> {
        for log in LogFile::ALL {
            let path = layout::in_artifact(self.name, log.file_name());
            let content = fs::read(self.fs, &path, LOG_BYTES_MAX)
                .map_err(doing("read", &path))?
                .unwrap_or_default();
            if LogExtent::of(&content) != logs.extent(log) {
                self.note(
                    FindingSeverity::Warning,
                    &path,
                    "it differs from the journal".into(),
                    SET_ASIDE,
                );
            }
        }
        Ok(())
    }

    fn tombstone(&mut self, tombstone: Removed) {
        let Removed { version, at, removal } = tombstone;
        let place = layout::artifact(self.name);
        let problem = format!("version {version} deleted it at {at}");
        let advice = if removal == Removal::Purge { PURGED } else { DELETED };
        self.note(FindingSeverity::Note, &place, problem, advice);
    }

    /// Reports an unfinished removal.
    fn removed(&mut self, removed: Option<Removed>) -> Result<(), Fault> {
        let Some(Removed { version, .. }) = removed else { return Ok(()) };
        let marker = layout::removed(self.name);
        if removal::done(self.fs, self.name).map_err(doing("read", &marker))? < version {
            let place = layout::artifact(self.name);
            let problem = format!("the removal by version {version} is not finished");
            self.note(FindingSeverity::Warning, &place, problem, TAKEN_NEXT);
        }
        Ok(())
    }

    /// Reports removed files that are still in the trash.
    fn trash(&mut self) -> Result<(), Fault> {
        let list = removal::of_trash(self.fs, self.name);
        let cut = format!("{}-after-", self.name);
        for file in list.map_err(doing("list", layout::TRASH))? {
            if file.starts_with(&cut) {
                continue;
            }
            let place = format!("{}/{file}", layout::TRASH);
            let weighed = removal::weigh(self.fs, &place).map_err(doing("look at", &place));
            let (files, bytes) = weighed?;
            let problem = format!("a removal moved {files} files with {bytes} bytes here");
            self.note(FindingSeverity::Note, &place, problem, IN_TRASH);
        }
        Ok(())
    }

    fn kept(&mut self) -> Result<(), Fault> {
        let folder = layout::kept(self.name);
        let names = match self.fs.list(&folder) {
            Err(error) if fs::is_absent(&error) => Vec::new(),
            result => result.map_err(doing("list", &folder))?,
        };
        for file in names {
            let place = format!("{folder}/{file}");
            self.note(
                FindingSeverity::Note,
                &place,
                "refiner found it in place of a readable copy and kept it".into(),
                "remove it if you do not need it",
            );
        }
        Ok(())
    }
}

/// Compares the document after every line with the digest that its entry has, and looks whether
/// the blobs are there that it brought.
fn check_documents(
    fs: &dyn Fs,
    name: &Name,
    bytes: &[u8],
    scanned: &Scanned,
) -> Result<(), Damage> {
    let blobs = |digest| blobs::load(fs, name, digest).ok().flatten();
    let mut journal =
        Journal::from_base(name, scanned.base.follows + 1, &bytes[..scanned.base.end], &blobs)?;
    let mut start = scanned.base.end;
    for line in &scanned.lines {
        let Entry { version, blobs: brought, .. } =
            journal.replay(&bytes[start..line.end], &blobs)?;
        journal.check_document()?;
        if let Some(blob) = brought.into_iter().find(|blob| blobs(*blob).is_none()) {
            return Err(Damage::MissingBlob { version, blob });
        }
        start = line.end;
    }
    Ok(())
}

/// Returns the id of the journal that is there, if it has one.
fn journal_id(fs: &dyn Fs, name: &Name) -> Result<Option<JournalId>, Fault> {
    let folder = layout::journal(name);
    let segments = segment::list(fs, name).map_err(doing("list", &folder))?;
    let Some(last) = segments.last().copied() else { return Ok(None) };
    let path = layout::segment(name, last);
    let bytes = fs::read(fs, &path, segment::BYTES_MAX).map_err(doing("read", &path))?;
    let bytes = bytes.unwrap_or_default();
    let Scan::Line(line) = frame::scan(&bytes) else { return Ok(None) };
    let blobs = |digest| blobs::load(fs, name, digest).ok().flatten();
    Ok(Journal::from_base(name, last, line, &blobs).ok().and_then(|journal| journal.id()))
}

/// Returns what to do about a damaged segment. Only what comes after the last one is written to.
fn keep(is_last: bool) -> &'static str {
    if is_last { KEEP } else { KEEP_EARLIER }
}

const KEEP: &str = "every byte is kept and nothing more is written to this journal; restore it from a backup, or create a new artifact from what `refiner show` can still read";
const KEEP_EARLIER: &str =
    "every byte is kept; later versions are intact, and a backup can replace the damaged ones";
const BRING_BACK: &str = "stored versions are missing from the journal; restore the journal from a backup, or remove state.json if it is a copy from another place";
const BRING_BLOB_BACK: &str =
    "its content cannot be read; restore it from a backup into the artifact's blobs folder";
const ACCEPT: &str = "lines were put back, cut or swapped, and refiner writes nothing more; restore the journal from a backup, or accept what is there: refiner doctor NAME --accept";
const OTHER_COPY: &str = "the journal answers, and the next write keeps that copy under kept/";
const UPDATE: &str = "a newer refiner wrote it: update this program; nothing was changed";
const TORN: &str =
    "a crash left them before any caller received an answer; the next write removes them";
const DELETED: &str = "its versions are kept: refiner history shows them, refiner init creates it again, and refiner delete --purge then destroys all of it";
const PURGED: &str = "only its version count is kept; a new artifact of this name continues it";
const TAKEN_NEXT: &str = "the next operation on it finishes the removal";
const IN_TRASH: &str =
    "a reset or a deletion did this: remove the folder if you do not need its content";
const REMADE: &str = "the next operation writes it again";
const SET_ASIDE: &str = "the journal is authoritative: the next operation writes it again and keeps the present content under kept/";
