//! All exit codes.

use super::Failure;
use crate::model::Refusal;

/// How a subcommand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ExitCode {
    /// Done.
    Done = 0,
    /// Refused, or not found.
    Refused = 1,
    /// Invalid arguments. `clap` uses the same code.
    Usage = 2,
    /// A conflict: another writer was faster.
    Conflict = 3,
    /// The storage failed, is damaged or is read-only.
    Storage = 4,
    /// Stopped by Ctrl-C after a complete step: 128 plus the number of SIGINT, as in shells.
    Interrupted = 130,
    /// A bug in refiner: `EX_SOFTWARE` of sysexits.h.
    Bug = 70,
}

/// Returns the exit code of a failure.
pub(super) fn of(failure: &Failure) -> ExitCode {
    match failure {
        Failure::BrokenPipe => ExitCode::Done,
        Failure::Usage(_) => ExitCode::Usage,
        Failure::BadNews | Failure::Other(_) => ExitCode::Refused,
        Failure::Refused(refusal) => match refusal {
            Refusal::Conflict { .. } => ExitCode::Conflict,
            Refusal::StorageUnavailable { .. }
            | Refusal::StorageCorrupt { .. }
            | Refusal::ReadOnly { .. } => ExitCode::Storage,
            Refusal::Internal(_) => ExitCode::Bug,
            Refusal::Cancelled { .. } => ExitCode::Interrupted,
            _ => ExitCode::Refused,
        },
    }
}
