//! Blobs: payloads that are too large for a line, and contents of outputs.

use std::cell::RefCell;
use std::io;

use super::fault::{Fault, doing};
use super::layout;
use crate::disk::fs::{self, Fs};
use crate::model::{Digest, Name};

/// Bytes of a blob: an output, or the patch of a document that changes in all places.
const BYTES_MAX: u64 = 32 << 20;

/// Reads the blobs of an artifact while its lines are read.
///
/// A missing or damaged blob makes its line unreadable. A failed disk must not count as such: the
/// blob may be readable later. So a failure is kept until [`Blobs::check`].
#[derive(Debug)]
pub(super) struct Blobs<'a> {
    fs: &'a dyn Fs,
    name: &'a Name,
    failure: RefCell<Option<io::Error>>,
}

impl<'a> Blobs<'a> {
    pub(super) fn new(fs: &'a dyn Fs, name: &'a Name) -> Self {
        Self { fs, name, failure: RefCell::new(None) }
    }

    /// Returns a blob if it exists and matches its digest.
    pub(super) fn load(&self, digest: Digest) -> Option<Vec<u8>> {
        load(self.fs, self.name, digest).unwrap_or_else(|error| {
            self.failure.replace(Some(error));
            None
        })
    }

    /// Fails when the disk failed meanwhile, so that no caller draws conclusions from missing data.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let folder = layout::blobs(self.name);
        self.failure.take().map_or(Ok(()), |error| Err(doing("read a blob in", &folder)(error)))
    }
}

/// Reads a blob, if it exists and matches its digest.
pub(super) fn load(fs: &dyn Fs, name: &Name, digest: Digest) -> io::Result<Option<Vec<u8>>> {
    let bytes = fs::read(fs, &layout::blob(name, digest), BYTES_MAX)?;
    Ok(bytes.filter(|bytes| Digest::of(bytes) == digest))
}

/// Stores a blob durably. For an existing blob it checks the content and flushes the name again,
/// because the process that stored it may have died before its flush.
pub(super) fn store(fs: &dyn Fs, name: &Name, blob: &[u8]) -> Result<(), Fault> {
    let digest = Digest::of(blob);
    let (folder, path) = (layout::blobs(name), layout::blob(name, digest));
    let there = load(fs, name, digest).map_err(doing("read", &path))?;
    if there.is_some() {
        return fs.flush_dir(&folder).map_err(doing("flush", &folder));
    }
    fs.create_dir(&folder).map_err(doing("make", &folder))?;
    let artifact = layout::artifact(name);
    fs.flush_dir(&artifact).map_err(doing("flush", &artifact))?;
    fs::write_durably(fs, &path, blob).map_err(doing("write", &path))
}
