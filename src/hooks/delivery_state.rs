//! What the delivery of events remembers: in the workspace, for every process. Where the entries end
//! with the process, so does this, and no later process takes it for its own.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use parking_lot::Mutex;

use super::progress::Progress;
use crate::model::Name;
use crate::workspace::{DeliveryLock, Trust, Trusted, Undelivered, Workspace};

/// What delivery remembers.
#[derive(Debug)]
pub(super) enum DeliveryState {
    /// In the workspace and in the user's own folder.
    Kept { workspace: Workspace, trust: Trust },
    /// In this process.
    Volatile(Mutex<Volatile>),
}

/// What delivery remembers as long as the process lives.
#[derive(Debug, Default)]
pub(super) struct Volatile {
    delivering: bool,
    progress: BTreeMap<Name, Progress>,
}

/// The right to deliver. A process shares it with none where the state is its own.
#[derive(Debug)]
pub(super) struct DeliveryRight {
    _lock: Option<DeliveryLock>,
}

impl DeliveryState {
    /// Returns whether events are delivered, and so each has to be.
    pub(super) fn is_delivering(&self) -> io::Result<bool> {
        match self {
            Self::Kept { trust, .. } => Ok(trust.read()?.delivering),
            Self::Volatile(state) => Ok(state.lock().delivering),
        }
    }

    /// Records whether events are delivered.
    pub(super) fn set_delivering(&self, delivering: bool) -> io::Result<()> {
        match self {
            Self::Kept { trust, .. } => {
                trust.change(|project: &mut Trusted| project.delivering = delivering)
            }
            Self::Volatile(state) => {
                state.lock().delivering = delivering;
                Ok(())
            }
        }
    }

    /// Returns the progress of an artifact's events.
    pub(super) fn progress(&self, name: &Name) -> io::Result<Progress> {
        match self {
            Self::Kept { workspace, .. } => Progress::read(workspace, name),
            Self::Volatile(state) => {
                Ok(state.lock().progress.get(name).cloned().unwrap_or_default())
            }
        }
    }

    /// Records the progress of an artifact's events.
    pub(super) fn keep(&self, name: &Name, progress: &Progress) -> io::Result<()> {
        match self {
            Self::Kept { workspace, .. } => progress.keep(workspace, name),
            Self::Volatile(state) => {
                state.lock().progress.insert(name.clone(), progress.clone());
                Ok(())
            }
        }
    }

    /// Takes the right to deliver, or returns `None` while another process has it.
    pub(super) fn take_right(&self, timeout: Duration) -> io::Result<Option<DeliveryRight>> {
        match self {
            Self::Kept { workspace, .. } => {
                let lock = workspace.take_delivery(timeout)?;
                Ok(lock.map(|lock| DeliveryRight { _lock: Some(lock) }))
            }
            Self::Volatile(_) => Ok(Some(DeliveryRight { _lock: None })),
        }
    }

    /// Leaves a note for the process that delivers.
    pub(super) fn leave(&self, note: &Undelivered) -> io::Result<()> {
        match self {
            Self::Kept { workspace, .. } => workspace.leave_undelivered(note),
            Self::Volatile(_) => Ok(()),
        }
    }

    /// Returns the notes of other processes, and removes them if `remove` is set.
    pub(super) fn notes(&self, remove: bool) -> io::Result<Undelivered> {
        match self {
            Self::Kept { workspace, .. } => workspace.undelivered(remove),
            Self::Volatile(_) => Ok(Undelivered::default()),
        }
    }

    /// Adds a line to the log of deliveries, which is in the workspace or nowhere.
    pub(super) fn log(&self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Kept { workspace, .. } => workspace.log_delivery(line),
            Self::Volatile(_) => Ok(()),
        }
    }
}
