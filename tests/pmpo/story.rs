//! What a scripted host makes: a story tells it iteration by iteration, defects included.

use serde_json::Value;

/// A loop from its beginning to its end.
#[derive(Debug)]
pub(super) struct Story {
    /// The artifact's name.
    pub(super) name: &'static str,
    /// The arguments of `init_state` beside the name.
    pub(super) opening: Value,
    /// The result of the phase specify.
    pub(super) specification: Value,
    /// How `refinement_log.md` names the evaluation.
    pub(super) evaluation: &'static str,
    /// What each iteration makes. The last draft is good, and made again in any later iteration.
    pub(super) drafts: Vec<Draft>,
    /// A file in place of a good one, and the blocking constraint that it breaks.
    pub(super) spoilt: (File, &'static str),
    /// A manifest that breaks a rule of its schema, and where.
    pub(super) broken_manifest: (Value, &'static str),
}

/// What one iteration makes.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The files that it writes.
    pub(super) files: Vec<File>,
    /// The whole manifest.
    pub(super) manifest: Value,
    /// What the host finds of the constraints that nothing measures: `{id: status}`.
    pub(super) asserted: Value,
    /// The constraints that are violated when the iteration is closed, in their order.
    pub(super) violated: &'static [&'static str],
}

/// A file below `dist/`.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) content: Vec<u8>,
    pub(super) way: Way,
}

/// How a file gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Written by the host itself, which reaches the folder.
    Disk,
    /// `write_output` with text.
    Text,
    /// `write_output` with base64.
    Bytes,
}

pub(super) fn on_disk(path: &'static str, content: impl Into<Vec<u8>>) -> File {
    File { path, content: content.into(), way: Way::Disk }
}

pub(super) fn by_tool(path: &'static str, text: &str) -> File {
    File { path, content: text.into(), way: Way::Text }
}

pub(super) fn by_tool_as_bytes(path: &'static str, content: Vec<u8>) -> File {
    File { path, content, way: Way::Bytes }
}

impl Story {
    /// Returns the draft of an iteration.
    pub(super) fn draft(&self, iteration: u64) -> &Draft {
        &self.drafts[self.index(iteration)]
    }

    fn index(&self, iteration: u64) -> usize {
        usize::try_from(iteration - 1).unwrap().min(self.drafts.len() - 1)
    }

    /// Returns every file as it is to be in an iteration, whichever wrote it first.
    pub(super) fn files(&self, iteration: u64) -> Vec<&File> {
        let mut files: Vec<&File> = Vec::new();
        for file in self.drafts[..=self.index(iteration)].iter().flat_map(|draft| &draft.files) {
            files.retain(|earlier| earlier.path != file.path);
            files.push(file);
        }
        files
    }

    /// Returns the first iteration whose draft is good.
    pub(super) fn good(&self) -> u64 {
        self.drafts.len() as u64
    }

    /// Returns the definitions of the constraints.
    pub(super) fn constraints(&self) -> &[Value] {
        self.specification["constraints"].as_array().unwrap()
    }

    /// Returns the main file of the good manifest.
    pub(super) fn main_file(&self) -> &str {
        let variant = &self.draft(self.good()).manifest["variants"][0];
        variant["file"].as_str().or_else(|| variant["files"][0].as_str()).unwrap()
    }
}
