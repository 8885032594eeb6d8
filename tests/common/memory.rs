//! The memory of a process.

/// Returns what a process has for itself in memory, in KiB.
pub(crate) fn memory_kib(process: u32) -> u64 {
    status_kib(process, "RssAnon:")
}

/// Returns the most that a process ever had in memory, in KiB.
pub(crate) fn peak_kib(process: u32) -> u64 {
    status_kib(process, "VmHWM:")
}

fn status_kib(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
