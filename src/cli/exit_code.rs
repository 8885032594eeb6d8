//! Exit codes, all of them.

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
    /// The arguments make no sense. Also what `clap` ends with.
    Usage = 2,
    /// Somebody else wrote first.
    Conflict = 3,
    /// The storage failed, is damaged or read-only.
    Storage = 4,
    /// Stopped by Ctrl-C with nothing half done: 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
    /// A bug of ours; `EX_SOFTWARE` of sysexits.h.
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
