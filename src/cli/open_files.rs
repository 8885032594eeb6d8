//! The process's limit on open files.

/// Raises the soft limit on open files to the hard limit. Each open artifact takes two files and
/// each connection one. The usual soft limit of 1,024, or 256 on macOS, exists for programs that
/// use `select`.
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

/// Returns the largest soft limit that the system accepts. macOS reports no hard limit but accepts
/// at most `OPEN_MAX`.
#[cfg(unix)]
fn most(maximum: Option<u64>) -> u64 {
    const OPEN_MAX: u64 = 10_240;
    match maximum {
        Some(maximum) if cfg!(target_os = "macos") => maximum.min(OPEN_MAX),
        Some(maximum) => maximum,
        None => OPEN_MAX,
    }
}

/// Does nothing, because other systems have no such limit.
#[cfg(not(unix))]
pub(super) fn raise_limit() {}
