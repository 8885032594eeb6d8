//! Removing files: the effect of a reset or a deletion after its entry is on the disk.
//!
//! The entry decides. Every operation repeats the removal until `journal/removed` marks it as done,
//! and that mark reaches the disk only after everything else. The segments and blobs stay unless
//! the artifact is purged, because earlier versions stay readable.

use std::io;

use super::layout;
use crate::disk::WORKSPACE;
use crate::disk::distrust::Kind;
use crate::disk::fs::{self, Fs};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::removal::{Removal, Removed};
use crate::model::{Name, Version};

/// Files that every removal leaves in place, because the version numbers continue: the journal, and
/// the cursor of delivered events.
const STAYS: [&str; 2] = ["journal", "hooks.cursor"];

/// Bytes of the file that holds a version.
const NUMBER_BYTES_MAX: u64 = 64;

/// Levels of folders in the trash that are counted.
const DEPTH_MAX: usize = 16;

/// Returns the version up to which removals are finished; 0 when there are none.
pub(super) fn done(fs: &dyn Fs, name: &Name) -> io::Result<Version> {
    let path = layout::removed(name);
    let Some(content) = fs::read(fs, &path, NUMBER_BYTES_MAX)? else { return Ok(0) };
    let version = std::str::from_utf8(&content).ok().and_then(|text| text.trim().parse().ok());
    version.ok_or_else(|| io::Error::other(format!("{path} is damaged: remove it")))
}

/// Removes the files from before a removal. The caller holds the projections' lock, and the
/// removal's entry is on the disk; a purged journal continues in a new segment.
pub(super) fn take_away(fs: &dyn Fs, name: &Name, removed: Removed) -> io::Result<()> {
    let done = format!("{}\n", removed.version);
    if planted(Sabotage::MarkedBefore) {
        fs::write_durably(fs, &layout::removed(name), done.as_bytes())?;
    }
    match removed.removal {
        Removal::Purge => destroy(fs, name, removed.version)?,
        Removal::Reset | Removal::Delete => to_trash(fs, name, removed)?,
    }
    fs::write_durably(fs, &layout::removed(name), done.as_bytes())
}

fn to_trash(fs: &dyn Fs, name: &Name, removed: Removed) -> io::Result<()> {
    let (artifact, history) = (layout::artifact(name), layout::history(name));
    let trash = layout::trash(name, removed.at, removed.version);
    for (folder, parent) in [(layout::TRASH, WORKSPACE), (&trash, layout::TRASH)] {
        fs.create_dir(folder)?;
        fs.flush_dir(parent)?;
    }
    let stays = |file: &&String| STAYS.contains(&file.as_str()) || *file == "blobs";
    for file in fs::names(fs, &artifact)?.iter().filter(|file| !stays(file)) {
        fs.rename(&format!("{artifact}/{file}"), &free(fs, &trash, file)?)?;
    }
    let takes_history = removed.removal.ends_life() && fs::exists(fs, &history)?;
    if takes_history {
        fs.rename(&history, &free(fs, &trash, "history")?)?;
    }
    fs.flush_dir(&trash)?;
    fs.flush_dir(&artifact)?;
    if takes_history { fs.flush_dir(layout::HISTORY) } else { Ok(()) }
}

/// Returns a free path in a folder. A removal that a crash interrupted may have moved a file of the
/// same name already.
fn free(fs: &dyn Fs, folder: &str, file: &str) -> io::Result<String> {
    let mut path = format!("{folder}/{file}");
    let mut count = 1;
    while fs::exists(fs, &path)? {
        count += 1;
        path = format!("{folder}/{file}.{count}");
    }
    Ok(path)
}

/// Destroys everything up to a version, except what later versions need.
fn destroy(fs: &dyn Fs, name: &Name, version: Version) -> io::Result<()> {
    let (artifact, journal) = (layout::artifact(name), layout::journal(name));
    for file in fs::names(fs, &artifact)?.iter().filter(|file| !STAYS.contains(&file.as_str())) {
        fs::remove_all(fs, &format!("{artifact}/{file}"))?;
    }
    let is_old =
        |file: &&String| layout::unfinished_version(file).is_some_and(|first| first <= version);
    for file in fs::names(fs, &journal)?.iter().filter(is_old) {
        fs.remove(&format!("{journal}/{file}"))?;
    }
    fs::remove_all(fs, &layout::history(name))?;
    for file in of_trash(fs, name)? {
        fs::remove_all(fs, &format!("{}/{file}", layout::TRASH))?;
    }
    for folder in [&journal, &artifact, layout::HISTORY, layout::TRASH] {
        match fs.flush_dir(folder) {
            Err(error) if fs::is_absent(&error) => {}
            flushed => flushed?,
        }
    }
    Ok(())
}

/// Returns the paths of an artifact in the trash.
pub(super) fn of_trash(fs: &dyn Fs, name: &Name) -> io::Result<Vec<String>> {
    let mut files = fs::names(fs, layout::TRASH)?;
    files.retain(|file| layout::is_trash_of(name, file));
    Ok(files)
}

/// Returns the folder with the files that a version removed. The last removal of a transaction took
/// all files.
pub(super) fn kept_in(fs: &dyn Fs, name: &Name, removal: Version) -> io::Result<Option<String>> {
    let files = fs::names(fs, layout::TRASH)?.into_iter();
    let taken = files.filter_map(|file| Some((layout::trash_version(name, &file)?, file)));
    let first = taken.filter(|(version, _)| *version >= removal).min();
    Ok(first.map(|(_, file)| format!("{}/{file}", layout::TRASH)))
}

/// Returns the number of files below a folder, and their bytes. A link counts as a file.
pub(super) fn weigh(fs: &dyn Fs, path: &str) -> io::Result<(usize, u64)> {
    weigh_below(fs, path, 0)
}

fn weigh_below(fs: &dyn Fs, path: &str, depth: usize) -> io::Result<(usize, u64)> {
    let Ok(stat) = fs.stat(path) else { return Ok((0, 0)) };
    if stat.kind != Kind::Folder {
        return Ok((1, stat.bytes));
    }
    let (mut files, mut bytes) = (0, 0);
    if depth < DEPTH_MAX {
        for name in fs::names(fs, path)? {
            let (more_files, more_bytes) = weigh_below(fs, &format!("{path}/{name}"), depth + 1)?;
            files += more_files;
            bytes += more_bytes;
        }
    }
    Ok((files, bytes))
}
