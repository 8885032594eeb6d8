//! How many files the process may have open.

/// Raises the soft limit of open files to the hard one. Each artifact that is open takes two files, each
/// connection one, and the usual soft limit of 1,024, or 256 on macOS, is there for programs that use
/// `select`.
#[cfg(unix)]
pub(super) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = most(maximum);
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::warn!(%error, "the limit on open files cannot be raised to {wanted}");
    }
}

/// Returns what the system takes as the soft limit. macOS says that there is no hard limit, and takes
/// `OPEN_MAX` at most.
#[cfg(unix)]
fn most(maximum: Option<u64>) -> u64 {
    const OPEN_MAX: u64 = 10_240;
    match maximum {
        Some(maximum) if cfg!(target_os = "macos") => maximum.min(OPEN_MAX),
        Some(maximum) => maximum,
        None => OPEN_MAX,
    }
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(super) fn raise_limit() {}
