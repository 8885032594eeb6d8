//! Circles: files of one folder that name each other.
//!
//! The files of a folder are compared, each with the folder below it as one. A folder's `mod.rs` is not
//! one of them: it holds what its files share, so it names them and they name it. Tests look at
//! everything, so they do not count.

use std::collections::BTreeMap;

use regex::Regex;

use super::*;

/// The path of a module below the crate.
type Module = Vec<String>;

/// Which files of each folder name which.
type Names = BTreeMap<Module, BTreeMap<String, BTreeSet<String>>>;

/// The modules of the program with their code.
struct Modules {
    code: BTreeMap<Module, String>,
    /// What a module re-exports from another one.
    exported: BTreeMap<(Module, String), Module>,
}

impl Modules {
    fn of(files: &[File]) -> Self {
        let tests: Vec<Module> = files.iter().flat_map(test_modules).collect();
        let is_test = |module: &Module| tests.iter().any(|test| module.starts_with(test));
        let modules = files.iter().filter_map(|file| Some((module(file)?, file)));
        let code = modules.filter(|(module, _)| !is_test(module));
        let code = code.map(|(module, file)| (module, file.code().join(" "))).collect();
        let mut this = Self { code, exported: BTreeMap::new() };
        for (module, code) in &this.code {
            let exports = uses(code).into_iter().filter(|(public, _)| *public);
            for (_, path) in exports {
                let name = path.rsplit("::").next().unwrap_or_default().to_owned();
                if let Some(target) = this.find(module, &path).filter(|target| target != module) {
                    this.exported.insert((module.clone(), name), target);
                }
            }
        }
        this
    }

    /// Returns the module that a path leads to, or that has what the path leads to.
    fn find(&self, from: &Module, path: &str) -> Option<Module> {
        let mut at = from.clone();
        for (index, name) in path.split("::").enumerate() {
            let below = [at.as_slice(), &[name.to_owned()]].concat();
            match name {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                _ if self.code.contains_key(&below) => at = below,
                _ if index == 0 => return None,
                _ => {
                    return Some(
                        self.exported.get(&(at.clone(), name.to_owned())).cloned().unwrap_or(at),
                    );
                }
            }
        }
        Some(at)
    }

    /// Returns which files of each folder name which other ones.
    fn names(&self) -> Names {
        let mut names = Names::new();
        for (from, code) in &self.code {
            for to in paths(code).iter().filter_map(|path| self.find(from, path)) {
                let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
                if let (1.., Some(one), Some(other)) = (shared, from.get(shared), to.get(shared)) {
                    let folder = names.entry(from[..shared].to_vec()).or_default();
                    folder.entry(one.clone()).or_default().insert(other.clone());
                }
            }
        }
        names
    }
}

fn module(file: &File) -> Option<Module> {
    let path = file.path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(path.split('/').map(str::to_owned).collect())
}

/// Returns the modules that a file declares for tests alone.
fn test_modules(file: &File) -> Vec<Module> {
    let Some(parent) = module(file) else { return Vec::new() };
    let declared = Regex::new(r"#\[cfg\(test\)\]\n(?:#\[.*\n)*(?:pub.* )?mod (\w+);").unwrap();
    let declared = declared.captures_iter(&file.text);
    declared.map(|found| [parent.as_slice(), &[found[1].to_owned()]].concat()).collect()
}

/// Returns the paths of a module's `use` lines, and whether each is public.
fn uses(code: &str) -> Vec<(bool, String)> {
    let lines = Regex::new(r"(pub(?:\([^)]*\))? )?\buse ([^;]*);").unwrap();
    let lines = lines.captures_iter(code);
    let spread = lines.flat_map(|line| {
        let public = line.get(1).is_some();
        spread(&line[2].replace(' ', "")).into_iter().map(move |path| (public, path))
    });
    spread.collect()
}

/// Returns each path that a list in braces stands for.
fn spread(tree: &str) -> Vec<String> {
    let Some((before, list)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let (mut paths, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                paths.extend(spread(&list[begin..at]));
                begin = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    let paths = paths.into_iter().filter(|path| !path.is_empty());
    paths.map(|path| format!("{before}{path}")).collect()
}

/// Returns every path that code names: in `use` lines, and from `crate` or `super` on elsewhere.
fn paths(code: &str) -> Vec<String> {
    let full = Regex::new(r"\b(?:crate|super)(?:::\w+)+").unwrap();
    let full = full.find_iter(code).map(|path| path.as_str().to_owned());
    uses(code).into_iter().map(|(_, path)| path).chain(full).collect()
}

/// Returns what a file leads to, over any number of others.
fn reached(names: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(one) = open.pop() {
        let next = names.get(one).into_iter().flatten();
        open.extend(next.filter(|next| reached.insert((*next).clone())).map(String::as_str));
    }
    reached
}

/// Finds files of a folder that name each other, over any number of others.
pub(super) fn circles(files: &[File]) -> Vec<String> {
    let mut circles = BTreeSet::new();
    for (folder, names) in Modules::of(files).names() {
        for one in names.keys() {
            let back = |other: &String| reached(&names, other).contains(one);
            let circle: Vec<String> = reached(&names, one).into_iter().filter(back).collect();
            if !circle.is_empty() {
                circles.insert(format!("src/{}: {}", folder.join("/"), circle.join(", ")));
            }
        }
    }
    circles.into_iter().collect()
}

#[test]
fn no_files_of_a_folder_name_each_other() {
    let found = circles(&project());
    assert!(found.is_empty(), "{found:#?}");
}
