//! Layer 2: where entries are kept, so that an acknowledged one cannot be lost.
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
use crate::model::entry::{Entry, LogFile};
use crate::model::journal::{Damage, Snapshot, Transaction};
use crate::model::output::OutputPath;
use crate::model::removal::Removed;
use crate::model::{Digest, Name, Version};

/// A place where the journals of artifacts are kept.
///
/// # Contract
///
/// The minimum that a store of journals has to do. Every sentence below has a check in
/// `storage/conformance.rs` that runs on every provider. Conveniences are functions over
/// `&dyn Provider` and not default methods, so that no provider gets one wrong by silence.
///
/// - Entries of one artifact are numbered from 1 without gaps, whoever writes them and from however
///   many processes.
/// - What a call returned is durable, unless the provider is [volatile](Provider::volatile): no
///   answer, and no refusal that was decided in a transaction, depends on an entry that could still be
///   lost.
/// - Artifacts do not affect each other.
/// - A deleted artifact does not exist: it has no state, no outputs, and is not listed. Its versions
///   are kept, and whoever makes one of its name goes on counting where it ended. A purged one has no
///   versions either, and nothing of it is left but the count.
/// - After a reset there are no outputs of before it.
///
/// Providers are shared by all tasks of a process.
#[async_trait]
pub trait Provider: Debug + Display + Send + Sync + 'static {
    /// Lets `decide` draft entries on top of the newest state, and appends what it drafted.
    ///
    /// This is the compare-and-append: between the state that `decide` sees and its entries nobody
    /// else's come. The entries become durable before this returns, all of them or, after an
    /// error, possibly none; after [`Error::Unavailable`] which of the two is unknown. `decide` may
    /// be called more than once; only its last call counts. When it drafts nothing, nothing is
    /// written, and an artifact that does not exist is not made. Outputs that an entry names are
    /// put into place after it is stored; what cannot be put there yet is a warning, and is put
    /// there with the next entry. Where something else than a file is, it stays, with a warning.
    ///
    /// Returns the newest state, or `None` when the artifact does not exist.
    async fn append(&self, name: &Name, decide: Decide) -> Result<Option<Newest>, Error>;

    /// Returns the newest state, or `None` when the artifact does not exist.
    ///
    /// It holds everything that any process was told to be stored before this was called.
    async fn newest(&self, name: &Name) -> Result<Option<Newest>, Error>;

    /// Returns what is known of an artifact that was deleted, or `None` when it exists or never did.
    async fn tombstone(&self, name: &Name) -> Result<Option<Tombstone>, Error>;

    /// Returns the entries after a version, oldest first, at most `limit`, and fewer where they are
    /// large. Their patches are whole. Empty at the end, and for an artifact that never existed.
    async fn read(&self, name: &Name, after: Version, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Returns the state at a version, or `None` when there is no such version.
    async fn at(&self, name: &Name, version: Version) -> Result<Option<Snapshot>, Error>;

    /// Returns a blob that an entry of the artifact brought, or `None`.
    async fn blob(&self, name: &Name, digest: Digest) -> Result<Option<Vec<u8>>, Error>;

    /// Returns the outputs of an artifact after a path, at most `limit`: the files of its `dist/`
    /// folder, whoever put them there, in the order of their paths. Files whose names are no
    /// [`OutputPath`] are left out.
    async fn outputs(
        &self,
        name: &Name,
        after: Option<&OutputPath>,
        limit: usize,
    ) -> Result<Vec<OutputFile>, Error>;

    /// Returns what is in the `dist/` folder and is no output, as paths below it: links, pipes, names that
    /// no [`OutputPath`] has, and folders too far below each other to be looked into.
    async fn strays(&self, name: &Name) -> Result<Vec<String>, Error>;

    /// Fails with [`Error::Distrusted`] when an output cannot be put at a path: something that is no file
    /// is there, or something that is no folder is on the way.
    async fn check_place(&self, name: &Name, path: &OutputPath) -> Result<(), Error>;

    /// Returns the content of an output, or `None` when there is no such file.
    async fn output(&self, name: &Name, path: &OutputPath) -> Result<Option<Vec<u8>>, Error>;

    /// Returns a readable log: what the entries of the present cycle added to it. Empty when they
    /// added nothing, and for an artifact that does not exist.
    async fn log(&self, name: &Name, log: LogFile) -> Result<String, Error>;

    /// Returns the names of existing artifacts after a name, in order, at most `limit`.
    async fn list(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Name>, Error>;

    /// Returns the names of deleted artifacts after a name, in order, at most `limit`.
    async fn deleted(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Name>, Error>;

    /// Returns the folder, from the project's, with the files that a version took away; `None` when
    /// none are kept. Removals that were stored together share one.
    async fn kept_in(&self, name: &Name, removal: Version) -> Result<Option<String>, Error>;

    /// Looks at everything that is stored of an artifact, and returns what is wrong with it.
    async fn examine(&self, name: &Name) -> Result<Vec<Finding>, Error>;

    /// Begins to watch for changes, whoever makes them.
    async fn watch(&self) -> Result<Box<dyn Watch>, Error>;

    /// Completes what was put off, such as a listing for people.
    async fn settle(&self);

    /// Returns whether everything is gone when the process ends.
    fn volatile(&self) -> bool;
}

/// Drafts entries on top of a state. See [`Provider::append`].
pub type Decide = Box<dyn FnMut(&mut Transaction<'_>) + Send>;

/// The newest state of an artifact.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The state.
    pub snapshot: Arc<Snapshot>,
    /// What callers should know about how it is stored.
    pub warnings: Vec<String>,
    /// Where the time went until it was known.
    pub timings: Timings,
}

impl Newest {
    /// Makes one that nothing had to be waited for.
    pub(crate) fn at_hand(snapshot: Arc<Snapshot>, warnings: Vec<String>) -> Self {
        Self { snapshot, warnings, timings: Timings::default() }
    }
}

/// What is known of an artifact that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The entry that deleted it.
    pub removed: Removed,
    /// What callers should know about how it is stored, such as files that could not be taken away.
    pub warnings: Vec<String>,
}

/// A file of an artifact's `dist/` folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// Where it is.
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

/// Why a provider did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The storage failed. An append may or may not have happened.
    #[error("{doing}")]
    Unavailable {
        /// What was being done.
        doing: String,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// What is stored there is not opened, since it may harm. Nothing was written.
    #[error("{reason}")]
    Distrusted {
        /// What is not opened, and why.
        reason: String,
        /// What a person can do.
        hint: &'static str,
    },
    /// The storage can be read but not written. Nothing was written.
    #[error("{reason}")]
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// The journal is damaged where entries were acknowledged. Nothing was written.
    #[error("{damage}")]
    Corrupt {
        /// Where, and in what way.
        damage: String,
    },
    /// The journal was written by a newer program. Nothing was written.
    #[error("{0}")]
    NewerFormat(Damage),
    /// The task that did the work panicked or was stopped.
    #[error("a storage task ended early")]
    Stopped,
}
