//! What git ignores, by the rules of the project. Rules of the user outside of it are not read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::disk::distrust::Distrusted;
use crate::disk::fs::{self, Fs};
use crate::model::limits;

const RULES_FILE: &str = ".gitignore";
/// The rules of a repository that it does not share.
const OWN_RULES_FILE: &str = ".git/info/exclude";

/// The rules below a folder of the project. Each file is read once.
pub(super) struct Ignored<'a> {
    project: &'a dyn Fs,
    /// The folder of the work, empty for the project's own.
    folder: &'a str,
    rules: RefCell<HashMap<String, Vec<Gitignore>>>,
    folders: RefCell<HashMap<String, bool>>,
    failure: RefCell<Option<io::Error>>,
}

impl<'a> Ignored<'a> {
    pub(super) fn new(project: &'a dyn Fs, folder: &'a str) -> Self {
        let (rules, folders) = (RefCell::default(), RefCell::default());
        Self { project, folder, rules, folders, failure: RefCell::default() }
    }

    /// Returns whether git ignores a path below the folder of the work. The folders above it do not
    /// count.
    pub(super) fn ignores(&self, path: &str, is_folder: bool) -> bool {
        let whole = super::joined(self.folder, path);
        if !is_folder {
            return self.is_ruled_out(&whole, false);
        }
        if let Some(known) = self.folders.borrow().get(&whole) {
            return *known;
        }
        let ignored = self.is_ruled_out(&whole, true) || self.is_repository(&whole);
        self.folders.borrow_mut().insert(whole, ignored);
        ignored
    }

    /// Fails when a rule could not be read, so that no caller takes ignored files for the work.
    pub(super) fn check(&self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Returns whether a folder is another repository. Git tracks no file in it.
    fn is_repository(&self, folder: &str) -> bool {
        fs::exists(self.project, &super::joined(folder, ".git")).unwrap_or(false)
    }

    /// The rules of the nearest folder that has one for the path decide.
    fn is_ruled_out(&self, whole: &str, is_folder: bool) -> bool {
        let ends = whole.rmatch_indices('/').map(|(end, _)| &whole[..end]);
        ends.chain([""]).find_map(|folder| self.verdict(folder, whole, is_folder)).unwrap_or(false)
    }

    fn verdict(&self, folder: &str, whole: &str, is_folder: bool) -> Option<bool> {
        if !self.rules.borrow().contains_key(folder) {
            let read = self.read_rules(folder);
            self.rules.borrow_mut().insert(folder.to_owned(), read);
        }
        let below = if folder.is_empty() { whole } else { &whole[folder.len() + 1..] };
        let rules = self.rules.borrow();
        let mut found = rules.get(folder)?.iter().map(|rules| rules.matched(below, is_folder));
        found.find(|one| !one.is_none()).map(|one| one.is_ignore())
    }

    /// Reads the rules of a folder, those that come first before others.
    fn read_rules(&self, folder: &str) -> Vec<Gitignore> {
        let is_outer = folder.is_empty() || self.folder == folder;
        let files = [RULES_FILE, OWN_RULES_FILE];
        let files = files.iter().take(if is_outer { 2 } else { 1 });
        files.filter_map(|file| self.parse(&super::joined(folder, file))).collect()
    }

    fn parse(&self, path: &str) -> Option<Gitignore> {
        let content = match fs::read(self.project, path, limits::GIT_FILE_BYTES_MAX) {
            Ok(content) => content?,
            // Git reads no rules through a link either.
            Err(error) if Distrusted::of(&error).is_some_and(|why| why.is_kind()) => return None,
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => return None,
            Err(error) => {
                self.failure.replace(Some(error));
                return None;
            }
        };
        let mut rules = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(&content).trim_start_matches('\u{feff}').lines() {
            // Git passes over a line that is no rule.
            drop(rules.add_line(None, line));
        }
        rules.build().ok()
    }
}
