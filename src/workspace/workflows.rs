//! The user's own workflows, in `.refiner/workflows/<name>/`.

use std::collections::BTreeMap;
use std::io;

use super::{Workspace, layout};
use crate::disk::fs::{self, Fs};
use crate::model::Name;
use crate::model::workflow::Bundle;

/// Bytes of one file of a workflow.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Prompts of one workflow.
const PROMPTS_MAX: usize = 20;

impl Workspace {
    /// Returns the names of the user's own workflows, in order.
    pub fn workflow_names(&self) -> io::Result<Vec<Name>> {
        let names = match self.fs.list(layout::WORKFLOWS) {
            Err(error) if fs::is_absent(&error) => Vec::new(),
            result => result?,
        };
        let mut names: Vec<Name> = names.iter().filter_map(|name| Name::parse(name).ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Reads one of the user's own workflows, or returns `None` when there is none by that name.
    ///
    /// Fails with [`io::ErrorKind::InvalidData`] when `workflow.json` is not JSON or a file is too
    /// large. Whether the workflow is sound is for [`crate::model::Workflow::compile`] to say.
    pub fn read_workflow(&self, name: &Name) -> io::Result<Option<Bundle>> {
        let fs = self.fs.as_ref();
        let folder = format!("{}/{name}", layout::WORKFLOWS);
        let Some(definition) = read_text(fs, &format!("{folder}/workflow.json"))? else {
            return Ok(None);
        };
        let workflow = serde_json::from_str(&definition)
            .map_err(|error| invalid(&folder, &error.to_string()))?;
        let mut prompts = BTreeMap::new();
        let files = fs.list(&folder)?;
        let names = files.iter().filter_map(|file| file.strip_suffix(".md")).take(PROMPTS_MAX + 1);
        for prompt in names {
            let text = read_text(fs, &format!("{folder}/{prompt}.md"))?.unwrap_or_default();
            prompts.insert(prompt.to_owned(), text);
        }
        if prompts.len() > PROMPTS_MAX {
            Err(invalid(&folder, "more than 20 prompts"))
        } else {
            Ok(Some(Bundle { workflow, prompts }))
        }
    }
}

fn read_text(fs: &dyn Fs, path: &str) -> io::Result<Option<String>> {
    let Some(bytes) = fs::read(fs, path, FILE_BYTES_MAX)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| invalid(path, "not UTF-8"))
}

fn invalid(path: &str, reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{path}: {reason}"))
}
