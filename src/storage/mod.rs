//! Layer 2: the storage of journal entries. An acknowledged entry is never lost.
#![warn(missing_docs)]

#[cfg(test)]
mod conformance;
pub mod filesystem;
pub mod memory;
mod timings;
mod watch;

use std::fmt::{Debug, Display};
use std::sync::Arc;

use async_trait::async_trait;

pub use self::timings::Timings;
pub use self::watch::{Change, Watch};
use crate::model::certificate::Digests;
use crate::model::document::manifest::Listing;
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::entry::{Entry, LogFile};
use crate::model::journal::removal::Removed;
use crate::model::journal::{Damage, Snapshot, Transaction};
use crate::model::{Digest, JournalId, Name, Version};

/// A store of journals.
///
/// # Contract
///
/// These are the duties of every provider. `storage/conformance.rs` checks each sentence below on
/// every provider. Convenience functions take `&dyn Provider` and are not default methods, so no
/// provider inherits a wrong one.
///
/// - The entries of one artifact are numbered from 1 without gaps, also with several writers and
///   several processes.
/// - The result of a call is durable, unless the provider is [volatile](Provider::volatile): no
///   answer, and no refusal from inside a transaction, depends on an entry that can still be lost.
/// - Artifacts do not affect each other.
/// - A deleted artifact does not exist: it has no state and no outputs, and is not listed. Its
///   versions are kept, and a new artifact of its name continues its version numbers. A purge also
///   destroys the versions; only their count remains.
/// - A reset removes all outputs before it. Neither a reset nor a deletion removes files of the
///   project.
///
/// All tasks of a process share one provider.
#[async_trait]
pub trait Provider: Debug + Display + Send + Sync + 'static {
    /// Calls `decide` to draft entries on top of the newest state, and appends them.
    ///
    /// This is the compare-and-append: no other entry comes between the state that `decide` sees
    /// and its own entries. The entries are durable when this returns. After an error either all or
    /// none of them are stored; after [`Error::Unavailable`] the caller cannot know which. The
    /// provider may call `decide` more than once; only the last call counts. Without drafts it
    /// writes nothing and creates no artifact. After storing an entry, the provider writes the
    /// outputs that the entry names; an output that fails becomes a warning, and the next entry
    /// writes it. A folder or a link at the path of an output stays, with a warning.
    ///
    /// Returns the newest state, or `None` when the artifact does not exist.
    async fn append(&self, name: &Name, decide: Decide) -> Result<Option<Newest>, Error>;

    /// Returns the newest state, or `None` when the artifact does not exist.
    ///
    /// The state contains every entry that was acknowledged to any process before this call.
    async fn newest(&self, name: &Name) -> Result<Option<Newest>, Error>;

    /// Returns the tombstone of a deleted artifact, or `None` when the artifact exists or never
    /// did.
    async fn tombstone(&self, name: &Name) -> Result<Option<Tombstone>, Error>;

    /// Returns at most `limit` entries after a version, oldest first, with whole patches. Large
    /// entries make the page shorter. Empty at the end, and for an artifact that never existed.
    async fn read(&self, name: &Name, after: Version, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Returns the state at a version, or `None` when there is no such version.
    async fn at(&self, name: &Name, version: Version) -> Result<Option<Snapshot>, Error>;

    /// Follows the chain of an artifact's lines from the first one that is kept to that of a version, and
    /// returns the link of that version, or `None` when there is no such version. Fails with
    /// [`Error::Corrupt`] when a line is damaged or does not continue the one before it.
    async fn link(&self, name: &Name, version: Version) -> Result<Option<Link>, Error>;

    /// Returns a blob that an entry of the artifact refers to, or `None`.
    async fn blob(&self, name: &Name, digest: Digest) -> Result<Option<Vec<u8>>, Error>;

    /// Returns at most `limit` outputs of an artifact after a path, in the order of their paths.
    /// Outputs are all files of the `dist/` folder, or the files of the project that the place
    /// holds, also those of other programs. A file whose name is not an [`OutputPath`] is omitted.
    ///
    /// This and the following functions fail with [`Error::Unsupported`] for a place in the
    /// project's own folder when the provider has no such folder.
    async fn outputs(
        &self,
        name: &Name,
        place: &OutputPlace,
        after: Option<&OutputPath>,
        limit: usize,
    ) -> Result<Vec<OutputFile>, Error>;

    /// Returns what is in the folder of the outputs and is no output, as paths below it: links, pipes,
    /// names that no [`OutputPath`] has, and folders too far below each other to be looked into.
    async fn strays(&self, name: &Name, place: &OutputPlace) -> Result<Vec<String>, Error>;

    /// Fails with [`Error::Distrusted`] when an output cannot be put at a path: something that is no file
    /// is there, something that is no folder is on the way, or the place does not hold the path.
    /// Without a path it looks at the folder of the outputs, which need not exist.
    async fn check_place(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: Option<&OutputPath>,
    ) -> Result<(), Error>;

    /// Returns the content of an output, or `None` when there is no such file.
    async fn output(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: &OutputPath,
    ) -> Result<Option<Vec<u8>>, Error>;

    /// Returns the lengths and digests of outputs of any size. An output that is gone is omitted.
    async fn record(
        &self,
        name: &Name,
        place: &OutputPlace,
        files: Vec<OutputFile>,
    ) -> Result<Listing, Error>;

    /// Returns the digests of an output of any size, or `None` when there is no such file.
    async fn digests(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: &OutputPath,
    ) -> Result<Option<Digests>, Error>;

    /// Returns the commit that is checked out where the work lies, or `None` outside of a repository
    /// of the project, and in `dist/`. The commit itself is `None` before the first one, and when it
    /// cannot be read.
    async fn commit(&self, place: &OutputPlace) -> Result<Option<Option<String>>, Error>;

    /// Returns the readable log of the present cycle. Empty when no entry added to it, and for an
    /// artifact that does not exist.
    async fn log(&self, name: &Name, log: LogFile) -> Result<String, Error>;

    /// Returns the names of existing artifacts after a name, in order, at most `limit`.
    async fn list(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Name>, Error>;

    /// Returns the names of deleted artifacts after a name, in order, at most `limit`.
    async fn deleted(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Name>, Error>;

    /// Returns the folder with the files that a version removed, relative to the project's folder;
    /// `None` when no files are kept. Removals of one transaction share a folder.
    async fn kept_in(&self, name: &Name, removal: Version) -> Result<Option<String>, Error>;

    /// Takes a journal as it is whose end is missing or another one than the one that answers gave. `decide`
    /// drafts the entry that says so, above every version that was given. Without a doubt it is not called.
    async fn accept(&self, name: &Name, decide: DecideDoubt) -> Result<Option<Newest>, Error>;

    /// Examines all stored data of an artifact and returns the problems.
    async fn examine(&self, name: &Name) -> Result<Vec<Finding>, Error>;

    /// Returns whether something is at the place of the archive of a cycle.
    async fn has_archive(&self, name: &Name, cycle: u64) -> Result<bool, Error>;

    /// Returns why what answers give is not witnessed outside of the workspace, where it should be.
    fn witness_fault(&self) -> Option<String>;

    /// Begins to watch for changes by this process and by others.
    async fn watch(&self) -> Result<Box<dyn Watch>, Error>;

    /// Puts the files of the newest state in place. They are older after a crash between the answer and
    /// the files, and after a person brought older ones back.
    async fn place_files(&self, name: &Name) -> Result<(), Error>;

    /// Finishes deferred writes, such as the listing for people.
    async fn settle(&self);

    /// Returns whether all data is lost when the process ends.
    fn volatile(&self) -> bool;
}

/// Drafts the entry that takes a journal as it is. See [`Provider::accept`].
pub type DecideDoubt = Box<dyn FnMut(&mut Transaction<'_>, &Doubt) + Send>;

/// How the end of a journal differs from what answers gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The newest version that is there.
    pub after: Version,
    /// The newest version that is known to have been given.
    pub given: Version,
    /// What is wrong, in words.
    pub damage: String,
}

/// Drafts entries on top of a state. See [`Provider::append`].
pub type Decide = Box<dyn FnMut(&mut Transaction<'_>) + Send>;

/// A line of a journal, to which all lines before it lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The id of the journal, if it has one.
    pub journal: Option<JournalId>,
    /// The digest of the line.
    pub digest: Digest,
}

/// The newest state of an artifact.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The state.
    pub snapshot: Arc<Snapshot>,
    /// Warnings for callers about the stored data.
    pub warnings: Vec<String>,
    /// The times that the operation took.
    pub timings: Timings,
}

impl Newest {
    /// Returns a state that was available without waiting.
    pub(crate) fn at_hand(snapshot: Arc<Snapshot>, warnings: Vec<String>) -> Self {
        Self { snapshot, warnings, timings: Timings::default() }
    }
}

/// The remains of a deleted artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The entry that deleted it.
    pub removed: Removed,
    /// Warnings for callers, such as files that could not be removed.
    pub warnings: Vec<String>,
}

/// A file of an artifact's outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// Its path below the folder of the outputs.
    pub path: OutputPath,
    /// Its length.
    pub bytes: u64,
}

/// Something that is wrong with what is stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Finding {
    /// How bad it is.
    pub severity: FindingSeverity,
    /// Where, as a path below the workspace's folder.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What follows from it, and what to do.
    pub advice: String,
}

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum FindingSeverity {
    /// Good to know.
    Note,
    /// Something derived is not as it should be, and can be made again.
    Warning,
    /// Something that cannot be made again is damaged.
    Error,
}

/// Why a provider did not perform an operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The storage failed. An append may or may not have happened.
    #[error("{doing}")]
    Unavailable {
        /// The failed operation.
        doing: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The provider does not open the stored data, because it may be harmful. Nothing was written.
    #[error("{reason}")]
    Distrusted {
        /// The path, and the reason.
        reason: String,
        /// What a person can do.
        hint: &'static str,
    },
    /// The storage can be read but not written. Nothing was written.
    #[error("{reason}")]
    ReadOnly {
        /// The reason.
        reason: String,
    },
    /// Acknowledged entries of the journal are damaged. Nothing was written.
    #[error("{damage}")]
    Corrupt {
        /// The place and the kind of the damage.
        damage: String,
    },
    /// A newer program wrote the journal. Nothing was written.
    #[error("{0}")]
    NewerFormat(Damage),
    /// The provider cannot do it. Nothing was written.
    #[error("{what}")]
    Unsupported {
        /// What it cannot do.
        what: &'static str,
        /// What to do instead.
        hint: &'static str,
    },
    /// The task panicked or was stopped.
    #[error("a storage task ended early")]
    Stopped,
}
