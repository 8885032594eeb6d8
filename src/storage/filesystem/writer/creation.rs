//! Creating journals and segments.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::super::blobs;
use super::super::fault::{Fault, doing};
use super::super::layout;
use super::super::segment::OpenSegment;
use super::{CopyBeside, LogChanges, Mark, RecentDocuments, Segment, Writer};
use crate::disk::WORKSPACE;
use crate::disk::fs::{File, Fs, Mode, TEMPORARY_SUFFIX};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::Journal;
use crate::model::journal::entry::FORMAT;
use crate::model::{JournalId, Name};

/// Creates the journal of an artifact, with a locked segment. Returns `None` when another process
/// created one meanwhile.
pub(in super::super) fn create(fs: &Arc<dyn Fs>, name: &Name) -> Result<Option<Writer>, Fault> {
    let folder = layout::journal(name);
    for folder in [layout::ARTIFACTS, &layout::artifact(name), &folder, &layout::dist(name)] {
        fs.create_dir(folder).map_err(doing("make", folder))?;
    }
    let journal_folder = fs.folder(&folder).map_err(doing("open", &folder))?;
    let mut journal = Journal::new(name.clone());
    let segment = match create_segment(fs, &journal_folder, &mut journal, b"") {
        Err(Fault::Disk { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            return Ok(None);
        }
        created => created?,
    };
    // The segment's own name is durable already; without its folders' names a power cut loses it.
    flush_names(fs.as_ref(), name)?;
    Ok(Some(Writer {
        name: name.clone(),
        fs: Arc::clone(fs),
        journal,
        newest: None,
        segment,
        mark: Mark::default(),
        log_changes: LogChanges::since(0),
        documents: RecentDocuments::default(),
        copy: CopyBeside::default(),
        damage: None,
        doubt: None,
    }))
}

/// Creates the segment that continues a journal. It is locked before other processes can see it.
///
/// Where versions were skipped, the first entries come with it: a segment without them would give a state
/// at versions that had another one.
pub(super) fn create_segment(
    fs: &Arc<dyn Fs>,
    folder: &Arc<dyn Fs>,
    journal: &mut Journal,
    entries: &[u8],
) -> Result<Segment, Fault> {
    let (name, first) = (journal.name().clone(), journal.follows() + 1);
    let path = layout::segment(&name, first);
    let id = fs.new_id().map_err(doing("make an id for", &path))?;
    journal.identify(JournalId::new(id));
    let (line, blob) = journal.to_base();
    // Before the line that refers to it: a line without its blob is damage.
    if let Some(blob) = blob {
        blobs::store(fs.as_ref(), &name, &blob)?;
    }
    let file_name = layout::segment_file(first);
    // A random name: two processes that create a journal at once must not write to one file.
    let temporary = format!("{file_name}.{id:032x}{TEMPORARY_SUFFIX}");
    let content = [&line, entries].concat();
    let file = write_locked(folder.as_ref(), &temporary, &file_name, &content);
    if file.is_err() {
        drop(folder.remove(&temporary));
    }
    let file: Arc<dyn File> = Arc::from(file.map_err(doing("write", &path))?);
    let id = file.stat().map_err(doing("look at", &path))?.id;
    Ok(Segment {
        open: OpenSegment { first, path, file, id, journal: Arc::clone(folder) },
        end: line.len() as u64,
        entries: 0,
        replay_bytes: 0,
        format: FORMAT,
    })
}

/// Creates a locked file under a free name, atomically and durably.
fn write_locked(
    folder: &dyn Fs,
    temporary: &str,
    name: &str,
    content: &[u8],
) -> io::Result<Box<dyn File>> {
    let file = folder.open(temporary, Mode::CreateNew)?;
    // Before the rename: no other process can lock the new segment first.
    file.lock(Duration::ZERO)?;
    file.write_at(0, content)?;
    // Before the rename: the name must never lead to an incomplete first line.
    file.flush()?;
    // Fails if the name exists, so two processes never create the same segment.
    folder.rename_new(temporary, name)?;
    if !planted(Sabotage::NoNameFlush) {
        // Before any line is acknowledged: a power cut must not lose the name.
        folder.flush_dir("")?;
    }
    Ok(file)
}

/// Flushes every folder on the way to an artifact's journal.
pub(super) fn flush_names(fs: &dyn Fs, name: &Name) -> Result<(), Fault> {
    let folders = [
        layout::journal(name),
        layout::artifact(name),
        layout::ARTIFACTS.into(),
        WORKSPACE.into(),
        String::new(),
    ];
    for folder in &folders {
        fs.flush_dir(folder).map_err(doing("flush", folder))?;
    }
    Ok(())
}
