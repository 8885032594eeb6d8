//! Making journals and segments.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::blobs;
use super::super::fault::{Fault, doing};
use super::super::fs::{self, Fs, Mode};
use super::super::layout;
use super::{LogChanges, Segment, Writer};
use crate::model::entry::FORMAT;
use crate::model::journal::Journal;
use crate::model::{Name, Version};

/// Makes the journal of an artifact that has none. Only for the holder of the lock.
pub(in super::super) fn create(fs: &Arc<dyn Fs>, name: &Name) -> Result<Writer, Fault> {
    for folder in
        [layout::ARTIFACTS, &layout::artifact(name), &layout::journal(name), &layout::dist(name)]
    {
        fs.create_dir(folder).map_err(doing("make", folder))?;
    }
    let journal = Journal::new(name.clone());
    let segment = create_segment(fs, name, &journal, 1)?;
    flush_names(fs.as_ref(), name)?;
    Ok(Writer {
        name: name.clone(),
        fs: Arc::clone(fs),
        journal,
        newest: None,
        segment,
        verified: 0,
        unverified: Vec::new(),
        unverified_ends: VecDeque::new(),
        names_unverified: false,
        log_changes: LogChanges::since(0),
        damage: None,
    })
}

pub(super) fn create_segment(
    fs: &Arc<dyn Fs>,
    name: &Name,
    journal: &Journal,
    first: Version,
) -> Result<Segment, Fault> {
    let (line, blob) = journal.to_base();
    if let Some(blob) = blob {
        blobs::store(fs.as_ref(), name, &blob)?;
    }
    let path = layout::segment(name, first);
    fs::write_durably(fs.as_ref(), &path, &line).map_err(doing("write", &path))?;
    let file = fs.open(&path, Mode::Write).map_err(doing("open", &path))?;
    let id = file.stat().map_err(doing("look at", &path))?.id;
    let end = line.len() as u64;
    Ok(Segment { path, file: Arc::from(file), id, end, entries: 0, format: FORMAT })
}

/// Makes the names durable that lead to an artifact's journal.
pub(super) fn flush_names(fs: &dyn Fs, name: &Name) -> Result<(), Fault> {
    let folders = [
        layout::journal(name),
        layout::artifact(name),
        layout::ARTIFACTS.into(),
        layout::WORKSPACE.into(),
        String::new(),
    ];
    for folder in &folders {
        fs.flush_dir(folder).map_err(doing("flush", folder))?;
    }
    Ok(())
}
