//! Faults of the filesystem provider.

use std::io;

use crate::disk::distrust::Distrusted;
use crate::model::journal::Damage;
use crate::storage::Error;

/// Why an artifact could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The disk failed.
    #[error("{doing}")]
    Disk {
        doing: String,
        #[source]
        source: io::Error,
    },
    /// The journal was moved, removed or replaced while it was worked on.
    #[error("the journal in {path} was moved or removed meanwhile")]
    Exchanged {
        path: String,
        /// Whether this operation may have written to the previous journal.
        written: bool,
    },
    /// An acknowledged line is damaged.
    #[error("{0}")]
    Corrupt(String),
    /// A newer program wrote it.
    #[error("{0}")]
    NewerFormat(Damage),
    /// The workspace cannot be written to.
    #[error("{0}")]
    ReadOnly(String),
}

impl Fault {
    /// Returns whether the process or the machine has reached its limit of open files.
    pub(super) fn is_out_of_files(&self) -> bool {
        #[cfg(unix)]
        const CODES: [i32; 2] =
            [rustix::io::Errno::MFILE.raw_os_error(), rustix::io::Errno::NFILE.raw_os_error()];
        #[cfg(not(unix))]
        const CODES: [i32; 1] = [4];
        match self {
            Self::Disk { source, .. } => {
                source.raw_os_error().is_some_and(|code| CODES.contains(&code))
            }
            _ => false,
        }
    }
}

/// Adds the failed operation to an I/O error.
pub(super) fn doing<'a>(what: &'a str, path: &'a str) -> impl FnOnce(io::Error) -> Fault + 'a {
    move |source| Fault::Disk { doing: format!("{what} {path}"), source }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Disk { doing, source } => match Distrusted::of(&source) {
                Some(why) => Self::Distrusted { reason: why.to_string(), hint: why.hint() },
                None => Self::Unavailable { doing, source },
            },
            fault @ Fault::Exchanged { .. } => Self::Unavailable {
                doing: fault.to_string(),
                source: io::Error::other("call again"),
            },
            Fault::Corrupt(damage) => Self::Corrupt { damage },
            Fault::NewerFormat(damage) => Self::NewerFormat(damage),
            Fault::ReadOnly(reason) => Self::ReadOnly { reason },
        }
    }
}
