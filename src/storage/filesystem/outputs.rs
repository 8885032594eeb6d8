//! Outputs: the files of an artifact's `dist/` folder. Hosts write there too, directly.

use std::io;

use super::blobs;
use crate::disk::distrust::{Distrusted, Kind};
use crate::disk::fs::{self, Fs};
use crate::model::document::output::OutputPath;
use crate::model::{Digest, Name, limits};
use crate::storage::OutputFile;

/// Levels of folders that are read.
const DEPTH_MAX: usize = 8;

/// Returns the files of a folder and of those below it after a path, in the order of their paths.
pub(super) fn list(
    fs: &dyn Fs,
    folder: &str,
    after: Option<&OutputPath>,
    limit: usize,
) -> io::Result<Vec<OutputFile>> {
    let mut found = Found::default();
    visit(fs, folder, "", 0, &mut found)?;
    let mut files = found.files;
    files.retain(|file| after.is_none_or(|after| file.path > *after));
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.truncate(limit);
    Ok(files)
}

/// Returns what else is in a folder and in those below it, in order.
pub(super) fn strays(fs: &dyn Fs, folder: &str) -> io::Result<Vec<String>> {
    let mut found = Found::default();
    visit(fs, folder, "", 0, &mut found)?;
    found.strays.sort();
    Ok(found.strays)
}

/// What is in a folder of outputs.
#[derive(Default)]
struct Found {
    files: Vec<OutputFile>,
    strays: Vec<String>,
}

fn visit(
    fs: &dyn Fs,
    folder: &str,
    below: &str,
    depth: usize,
    found: &mut Found,
) -> io::Result<()> {
    let names = match fs.list(&format!("{folder}{below}")) {
        Err(error) if fs::is_absent(&error) => return Ok(()),
        result => result?,
    };
    for name in names {
        let path = format!("{below}/{name}");
        let kind = fs.stat(&format!("{folder}{path}")).map(|stat| (stat.kind, stat.bytes));
        match kind {
            Ok((Kind::Folder, _)) if depth < DEPTH_MAX => {
                visit(fs, folder, &path, depth + 1, found)?;
            }
            Ok((Kind::File, bytes)) => match OutputPath::parse(&path[1..]) {
                Ok(path) => found.files.push(OutputFile { path, bytes }),
                Err(_) => found.strays.push(path[1..].to_owned()),
            },
            Err(error) if fs::is_absent(&error) && !name.contains(char::REPLACEMENT_CHARACTER) => {}
            Ok(_) | Err(_) => found.strays.push(path[1..].to_owned()),
        }
    }
    Ok(())
}

/// Reads a file, unless it is too large.
pub(super) fn read(fs: &dyn Fs, path: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(fs, path, limits::OUTPUT_BYTES_MAX as u64) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
        read => read,
    }
}

/// Returns whether a file is absent or has one of these contents.
pub(super) fn is_one_of(fs: &dyn Fs, path: &str, digests: &[Digest]) -> io::Result<bool> {
    Ok(read(fs, path)?.is_none_or(|there| digests.contains(&Digest::of(&there))))
}

/// Fails when a path is occupied by anything but a file, or when a parent is not a folder.
pub(super) fn check_place(fs: &dyn Fs, folder: &str, path: &OutputPath) -> io::Result<()> {
    let ends = path.as_str().match_indices('/').map(|(end, _)| end);
    for end in ends.chain([path.as_str().len()]) {
        let expected = if end < path.as_str().len() { Kind::Folder } else { Kind::File };
        let place = format!("{folder}/{}", &path.as_str()[..end]);
        match fs.stat(&place) {
            Err(error) if fs::is_absent(&error) => return Ok(()),
            Ok(found) if found.kind != expected => {
                return Err(Distrusted::kind(&place, found.kind, expected));
            }
            looked => drop(looked?),
        }
    }
    Ok(())
}

/// Writes a blob to a path below a folder, unless the file has that content already. Fails with
/// `NotFound` when there is no such blob.
pub(super) fn place(
    fs: &dyn Fs,
    name: &Name,
    folder: &str,
    path: &OutputPath,
    digest: Digest,
) -> io::Result<()> {
    let target = format!("{folder}/{path}");
    if read(fs, &target).ok().flatten().is_some_and(|there| Digest::of(&there) == digest) {
        return Ok(());
    }
    let Some(content) = blobs::load(fs, name, digest)? else {
        let message = format!("the content of {target} is missing");
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    };
    let inner = path.as_str().match_indices('/').map(|(end, _)| &path.as_str()[..end]);
    make_durably(fs, folder)?;
    for inner in inner {
        make_durably(fs, &format!("{folder}/{inner}"))?;
    }
    fs::write_durably(fs, &target, &content)
}

/// Creates a folder durably. It flushes the name of an existing folder too, because a process may
/// have died just after creating it.
fn make_durably(fs: &dyn Fs, folder: &str) -> io::Result<()> {
    fs.create_dir(folder)?;
    fs.flush_dir(fs::parent(folder))
}
