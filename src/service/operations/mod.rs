//! The operations on artifacts, which hosts call as tools. To add one, add a file here and a line
//! in [`visit`].

mod checkpoint;
mod delete_artifact;
mod finalize;
pub(super) mod history;
mod init_state;
mod list_artifacts;
pub(super) mod load_state;
mod read_output;
mod reset_artifact;
mod restore;
mod save_state;
mod transition;
mod verify;
mod write_output;

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::checkpoint::{Checkpoint, Checkpointed};
pub use self::delete_artifact::{Delete, Deleted};
pub use self::finalize::{FinalStatus, Finalize, Finalized};
pub use self::history::{History, HistoryEntry, Recorded};
pub use self::init_state::{Init, Initialized, Opened};
pub use self::list_artifacts::{List, Listed, Summary};
pub use self::load_state::{Detail, Load, Loaded};
pub use self::read_output::{OutputContent, ReadOutput};
pub use self::reset_artifact::{Reset, WasReset};
pub use self::restore::{Restore, Restored};
pub use self::save_state::{Save, Saved};
pub use self::transition::{Transition, Transitioned};
pub use self::verify::{ConstraintStanding, Verified, Verify};
pub use self::write_output::{WriteOutput, WrittenOutput};
use super::{Caller, Service};
use crate::model::Refusal;

/// An operation: its arguments, what hosts show of it, and what it does.
pub trait Operation: DeserializeOwned + JsonSchema + Send {
    /// The name of its tool, and of its entries in the journal.
    const NAME: &'static str;
    /// A short title for people.
    const TITLE: &'static str;
    /// When to use the tool, for models. Leaves out how it works.
    const DESCRIPTION: &'static str;
    /// The effect on the workspace.
    const EFFECT: Effect;
    /// The answer of an accepted call.
    type Answer: Serialize + JsonSchema;

    /// Runs the operation.
    fn run(
        self,
        service: &Service,
        caller: &Caller,
    ) -> impl Future<Output = Result<Self::Answer, Refusal>> + Send;
}

/// An operation's effect on the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// Adds a version; a repetition adds none.
    WritesOnce,
    /// Adds a version each time.
    Writes,
    /// Removes content. Only a person decides it.
    Destroys,
}

/// Something that is done with each operation.
pub trait Visitor {
    /// Does it with one.
    fn operation<O: Operation + 'static>(&mut self);
}

/// Visits all operations, in the order in which hosts list them: first what every workflow needs.
pub fn visit(visitor: &mut impl Visitor) {
    visitor.operation::<Init>();
    visitor.operation::<Load>();
    visitor.operation::<Save>();
    visitor.operation::<Transition>();
    visitor.operation::<Checkpoint>();
    visitor.operation::<Restore>();
    visitor.operation::<Finalize>();
    visitor.operation::<History>();
    visitor.operation::<List>();
    visitor.operation::<Verify>();
    visitor.operation::<WriteOutput>();
    visitor.operation::<ReadOutput>();
    visitor.operation::<Reset>();
    visitor.operation::<Delete>();
}

impl Service {
    /// Runs an operation for a caller.
    pub async fn run<O: Operation>(
        &self,
        operation: O,
        caller: &Caller,
    ) -> Result<O::Answer, Refusal> {
        operation.run(self, caller).await
    }
}
