//! A journal's lines, taken from the file by somebody who knows the format, not by our own code.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Project;

/// The first segment of an artifact's journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    /// Its lines, each with its newline. The first is the base.
    pub(crate) lines: Vec<Vec<u8>>,
}

impl Journal {
    pub(crate) fn read(project: &Project, artifact: &str) -> Self {
        let path = project.of(artifact, "journal/000000000001.jsonl");
        let bytes = std::fs::read(&path).unwrap();
        Self {
            path,
            lines: bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
        }
    }

    pub(crate) fn write(&self) {
        std::fs::write(&self.path, self.lines.concat()).unwrap();
    }

    /// Returns the entries, oldest first, without the base. What is torn at the end is left out.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let whole = self.lines.iter().skip(1).filter(|line| line.ends_with(b"\n"));
        whole.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

/// Returns the entries of all segments of a journal, oldest first.
pub(crate) fn entries(journal: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).collect();
    segments.sort();
    let text: String = segments.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // The first line of a segment is no entry.
    lines.filter(|line| line["operation"].is_string()).collect()
}

/// Frames the fields of a line again after they were changed: `crc` and `len` as the format says.
pub(crate) fn framed(line: &[u8]) -> Vec<u8> {
    const HEAD_BYTES: usize = 33;
    const CRC_END: usize = 18;
    let fields = std::str::from_utf8(&line[HEAD_BYTES..]).unwrap();
    let rest = format!("\"len\":{:8},{fields}", HEAD_BYTES + fields.len());
    let line = format!("{{\"crc\":\"{:08x}\",{rest}", crc32fast::hash(rest.as_bytes()));
    assert!(line.len() - rest.len() == CRC_END && line.ends_with('\n'), "{line}");
    line.into_bytes()
}
