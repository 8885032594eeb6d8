//! The paths of journals, projections and removed files. [`crate::workspace::layout`] has the other
//! paths, and a picture of all of them.

use crate::model::{Digest, Name, Time, Version};
pub(super) use crate::workspace::layout::{
    ARTIFACTS, HISTORY, LOCKS, archive, artifact, dist, in_artifact, outputs,
};

pub(super) const TRASH: &str = ".refiner/trash";
pub(super) const REGISTRY: &str = ".refiner/registry.json";
/// Not a name of an artifact, since names have no `@`.
pub(super) const REGISTRY_LOCK: &str = ".refiner/locks/@registry";
pub(super) fn journal(name: &Name) -> String {
    in_artifact(name, "journal")
}

/// The segment whose first entry has that version.
pub(super) fn segment(name: &Name, first: Version) -> String {
    format!("{}/{}", journal(name), segment_file(first))
}

/// The file name of the segment whose first entry has that version.
pub(super) fn segment_file(first: Version) -> String {
    format!("{first:012}.jsonl")
}

/// The version that the name of a segment says, or of one that was never finished.
pub(super) fn unfinished_version(file_name: &str) -> Option<Version> {
    let end = file_name.find(".jsonl")? + ".jsonl".len();
    segment_version(&file_name[..end])
}

/// The version that a segment's file name says. Another spelling of its number names no segment.
pub(super) fn segment_version(file_name: &str) -> Option<Version> {
    let version = file_name.strip_suffix(".jsonl")?.parse().ok()?;
    (segment_file(version) == file_name).then_some(version)
}

pub(super) fn blobs(name: &Name) -> String {
    in_artifact(name, "blobs")
}

pub(super) fn blob(name: &Name, digest: Digest) -> String {
    in_artifact(name, &format!("blobs/{digest}"))
}

/// The mark of the last finished removal. It is beside the journal, so a copy or an ignore rule
/// covers both.
pub(super) fn removed(name: &Name) -> String {
    in_artifact(name, "journal/removed")
}

/// The folder of the files that a reset or a deletion removed, relative to the workspace's parent.
pub(super) fn trash(name: &Name, at: Time, version: Version) -> String {
    let time: String = at.to_string().chars().filter(|c| !"-:.".contains(*c)).collect();
    format!("{TRASH}/{name}-{time}-{version}")
}

/// The file with the lines that were cut off a journal after a version.
pub(super) fn cut(name: &Name, after: Version, tail: &[u8]) -> String {
    format!("{TRASH}/{name}-after-{after}-{:08x}", crc32fast::hash(tail))
}

/// Returns whether a path in the trash belongs to an artifact. Names have no capital letters, so no
/// name is mistaken for the prefix of another.
pub(super) fn is_trash_of(name: &Name, file: &str) -> bool {
    let is_cut = |text: &str| text.strip_prefix("after-").is_some_and(digits);
    let cut = |(before, last): (&str, &str)| is_cut(before) && last.len() == 8;
    trash_version(name, file).is_some() || trash_parts(name, file).is_some_and(cut)
}

/// Returns the version that removed a path in the trash, if it belongs to this artifact.
pub(super) fn trash_version(name: &Name, file: &str) -> Option<Version> {
    let (time, version) = trash_parts(name, file)?;
    let (day, time) = time.split_once('T')?;
    let is_time = digits(day) && time.strip_suffix('Z').is_some_and(digits);
    if is_time && digits(version) { version.parse().ok() } else { None }
}

fn trash_parts<'a>(name: &Name, file: &'a str) -> Option<(&'a str, &'a str)> {
    file.strip_prefix(name.as_str())?.strip_prefix('-')?.rsplit_once('-')
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn kept(name: &Name) -> String {
    in_artifact(name, "kept")
}

/// The lock on an artifact's journal in formats 1 and 2. Since then it is on the newest segment.
pub(super) fn older_lock(name: &Name) -> String {
    format!("{LOCKS}/{name}")
}

pub(super) fn projections_lock(name: &Name) -> String {
    format!("{LOCKS}/{name}@projections")
}

pub(super) fn history(name: &Name) -> String {
    format!("{HISTORY}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_trash_belongs_to_one_artifact() {
        let name = |name: &str| Name::parse(name).unwrap();
        let at = Time::from_millis(1_795_601_532_123);
        let of = |owner: &str| trash(&name(owner), at, 13).split_off(TRASH.len() + 1);
        assert_eq!(of("a"), "a-20261125T101212123Z-13");
        for (owner, file) in [
            ("a", of("a")),
            ("a-b", of("a-b")),
            ("a-20261125", of("a-20261125")),
            ("a-after-3", of("a-after-3")),
            ("a", cut(&name("a"), 3, b"x").split_off(TRASH.len() + 1)),
            ("a-after-3", cut(&name("a-after-3"), 5, b"x").split_off(TRASH.len() + 1)),
        ] {
            for other in ["a", "a-b", "a-20261125", "a-after-3", "b"] {
                assert_eq!(is_trash_of(&name(other), &file), other == owner, "{other}: {file}");
            }
        }
    }
}
