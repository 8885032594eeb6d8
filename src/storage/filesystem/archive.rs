//! The archive of a closed cycle, in `history/<name>/<cycle>/`.

use std::io;

use super::history::{History, as_io};
use super::outputs::Outputs;
use super::{blobs, layout};
use crate::disk::WORKSPACE;
use crate::disk::fs;
use crate::model::document::manifest::Inventory;
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::Snapshot;
use crate::model::journal::entry::LogFile;
use crate::model::journal::projection;
use crate::model::{JournalId, Version};

/// A cycle, and the versions that it began and ended with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cycle {
    pub(super) number: u64,
    pub(super) since: Version,
    pub(super) end: Version,
}

/// Writes the archive of a cycle under a temporary name first, so that it appears whole or not at
/// all. It is flushed, unlike projections, because later rounds check only its presence. `newest` is
/// the artifact's newest version.
pub(super) fn write(
    history: &History<'_>,
    cycle: Cycle,
    journal: Option<JournalId>,
    newest: Version,
) -> io::Result<()> {
    let (fs, name, Cycle { number, since, end }) = (history.fs, history.name, cycle);
    let snapshot = history.at(end, newest).map_err(as_io)?;
    let snapshot = snapshot.ok_or_else(|| io::Error::other(format!("version {end} is missing")))?;
    let cycles = layout::history(name);
    let unfinished = format!("{cycles}/.{number}{}", fs::TEMPORARY_SUFFIX);
    for made in [layout::HISTORY, &cycles, &unfinished] {
        fs.create_dir(made)?;
    }
    for (file, content) in projection::json_files(&snapshot, journal) {
        fs::write_durably(fs, &format!("{unfinished}/{file}"), &content)?;
    }
    for log in LogFile::ALL {
        let text = history.log_text(log, since, end)?;
        fs::write_durably(fs, &format!("{unfinished}/{}", log.file_name()), text.as_bytes())?;
    }
    place_outputs(&unfinished, &snapshot, history)?;
    // After every file is flushed: from here on no later round looks into the archive.
    fs.rename(&unfinished, &layout::archive(name, number))?;
    [&cycles, layout::HISTORY, WORKSPACE].iter().try_for_each(|folder| fs.flush_dir(folder))
}

/// Copies the recorded files of the work into an archive: those of the manifest, and all files of a
/// work in the project's own folder whose contents the journal keeps.
fn place_outputs(archive: &str, snapshot: &Snapshot, history: &History<'_>) -> io::Result<()> {
    let Some(manifest) = &snapshot.document.manifest else { return Ok(()) };
    let inventory = manifest.inventory.filter(|inventory| inventory.kept);
    let list = inventory.map(|inventory| blobs::load(history.fs, history.name, inventory.digest));
    let list = list.transpose()?.flatten().and_then(|list| Inventory::listing(&list));
    let dist = OutputPlace::default();
    let outputs = Outputs::in_folder(history.fs, format!("{archive}/dist"), &dist);
    for (path, file) in list.as_ref().unwrap_or(&manifest.files) {
        outputs.put(history.fs, history.name, path, file.digest).or_else(
            // The journal has only the digest of a file that was too large to keep.
            |error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) },
        )?;
    }
    Ok(())
}
