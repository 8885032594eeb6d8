//! The walk through a folder of outputs.

use std::io;

use crate::disk::distrust::Kind;
use crate::disk::fs::{self, Fs};
use crate::model::document::output::OutputPath;
use crate::model::limits;
use crate::storage::OutputFile;

/// What is in a folder of outputs.
#[derive(Default)]
pub(super) struct Found {
    pub(super) files: Vec<OutputFile>,
    /// What else is there: links, pipes, names that no [`OutputPath`] has, folders too far below.
    pub(super) strays: Vec<String>,
}

/// What a walk takes in.
pub(super) struct Filter<'a> {
    /// Whether a file belongs to the outputs.
    pub(super) holds: &'a dyn Fn(&str) -> bool,
    /// Whether a folder may have such a file.
    pub(super) may_be_in: &'a dyn Fn(&str) -> bool,
    /// Folders above a file, itself included.
    pub(super) depth_max: usize,
}

/// A walk that goes on.
struct Walk<'a> {
    filter: &'a Filter<'a>,
    found: Found,
}

/// Looks into a folder and those below it, and stops after one file more than a work may have.
pub(super) fn walk(folder: &dyn Fs, filter: &Filter<'_>) -> io::Result<Found> {
    let mut walk = Walk { filter, found: Found::default() };
    walk.visit(folder, "", 1)?;
    Ok(walk.found)
}

impl Walk<'_> {
    fn visit(&mut self, folder: &dyn Fs, below: &str, depth: usize) -> io::Result<()> {
        let Filter { holds, may_be_in, depth_max } = self.filter;
        for name in folder.list("")? {
            if self.found.files.len() > limits::WORK_FILES_MAX {
                return Ok(());
            }
            let path = super::joined(below, &name);
            match folder.stat(&name).map(|stat| (stat.kind, stat.bytes)) {
                Ok((Kind::Folder, _)) if !may_be_in(&path) => {}
                Ok((Kind::Folder, _)) if depth <= *depth_max => {
                    self.enter(folder, &name, &path, depth)?;
                }
                Ok((kind, _)) if kind != Kind::Folder && !holds(&path) => {}
                Ok((Kind::File, bytes)) if depth <= *depth_max => match OutputPath::new(&path) {
                    Ok(path) => self.found.files.push(OutputFile { path, bytes }),
                    Err(_) => self.found.strays.push(path),
                },
                Err(error)
                    if fs::is_absent(&error) && !name.contains(char::REPLACEMENT_CHARACTER) => {}
                Ok(_) | Err(_) => self.found.strays.push(path),
            }
        }
        Ok(())
    }

    fn enter(&mut self, folder: &dyn Fs, name: &str, path: &str, depth: usize) -> io::Result<()> {
        match folder.folder(name) {
            // Another program removed it meanwhile.
            Err(error) if fs::is_absent(&error) => Ok(()),
            opened => self.visit(&*opened?, path, depth + 1),
        }
    }
}
