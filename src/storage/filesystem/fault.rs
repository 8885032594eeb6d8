//! What goes wrong below the provider's surface.

use std::io;

use crate::model::journal::Damage;

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

/// Adds to an I/O error what was being done.
pub(super) fn doing<'a>(what: &'a str, path: &'a str) -> impl FnOnce(io::Error) -> Fault + 'a {
    move |source| Fault::Disk { doing: format!("{what} {path}"), source }
}
