//! What no reviewer should have to look for: layers, sizes, names that lead nowhere.
//!
//! Each check is a function of the files that it looks at, and returns what is wrong with them. So
//! each is shown to find what it is there for, on files that are wrong on purpose.

mod circles;
mod names;
mod subjects;
mod words;
mod wrong;

use std::collections::BTreeSet;
use std::path::Path;

/// Lines of code that a file may have.
const CODE_LINES_MAX: usize = 400;

/// The layers, lowest first, and how high each is.
const LAYERS: [(&str, u32); 10] = [
    ("model", 1),
    ("disk", 2),
    ("workspace", 3),
    ("storage", 4),
    ("checks", 4),
    ("hooks", 5),
    ("service", 6),
    ("mcp", 7),
    ("http", 8),
    ("cli", 9),
];

/// What the model must not name: files, the network, clocks, chance, the environment, tasks.
const IMPURE: [&str; 14] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "tokio",
    "io::stderr",
    "io::stdin",
    "io::stdout",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Uuid::",
    "rand::",
];

/// What is left behind when somebody has not finished.
const UNFINISHED: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("db", "g!("),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("HA", "CK"),
];

/// Folders of one machine. What is named below them is nowhere else.
const MACHINE_FOLDERS: [&str; 4] =
    [concat!("/wo", "rk"), concat!("/tm", "p"), concat!("/ro", "ot"), concat!("/ho", "me")];

/// The documents that say where things are.
const DOCUMENTS: [&str; 4] = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md"];

/// A file of the project.
#[derive(Clone, Debug)]
struct File {
    /// From the project's folder, with slashes.
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Returns its lines of code, without those of unit tests that lie in it.
    fn code(&self) -> Vec<&str> {
        let mut lines = Vec::new();
        let mut all = self.text.lines().peekable();
        while let Some(line) = all.next() {
            let begins_tests = |next: &&str| next.ends_with("mod tests {");
            if line == "#[cfg(test)]" && all.peek().is_some_and(begins_tests) {
                all.by_ref().find(|line| *line == "}");
            } else if !line.trim().is_empty() && !line.trim_start().starts_with("//") {
                lines.push(line);
            }
        }
        lines
    }

    fn is_code(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Returns the layer that it belongs to.
    fn layer(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|(layer, _)| layer)
    }
}

/// Returns every text of the project. What tests keep as it once was is not looked into.
fn project() -> Vec<File> {
    const FOLDERS: [&str; 12] = [
        ".cargo", ".ci", ".github", "benches", "docs", "examples", "npm", "prompts", "schemas",
        "scripts", "src", "tests",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let is_ours = FOLDERS.iter().any(|folder| entry.file_name() == *folder);
        // In a work tree of its own, .git is a file that names a folder of this machine.
        let is_file = entry.file_type().unwrap().is_file() && entry.file_name() != ".git";
        if is_ours || is_file {
            read(root, &entry.path(), &mut files);
        }
    }
    assert!(files.len() > 100, "{} files in {}", files.len(), root.display());
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

fn read(root: &Path, path: &Path, files: &mut Vec<File>) {
    let name = path.strip_prefix(root).unwrap().to_str().unwrap();
    if path.is_dir() {
        std::fs::read_dir(path)
            .unwrap()
            .for_each(|entry| read(root, &entry.unwrap().path(), files));
    } else if name.starts_with("tests/data/") {
        files.push(File::new(name, ""));
    } else if let Ok(text) = std::fs::read_to_string(path) {
        files.push(File::new(name, &text));
    }
}

/// Fails with everything that a check found in the project.
fn check(check: impl Fn(&[File]) -> Vec<String>) {
    let found = check(&project());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Returns what a check of single files finds in all of them.
fn each(files: &[File], check: impl Fn(&File) -> Vec<String>) -> Vec<String> {
    files.iter().flat_map(check).collect()
}

/// Returns the words of a text that a character ends which no path in code has.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || "_./<>-".contains(c)))
        .map(|word| word.trim_end_matches(['.', '>', '-']))
}

fn height(layer: &str) -> Option<u32> {
    LAYERS.iter().find(|(name, _)| *name == layer).map(|(_, height)| *height)
}

/// Finds files that name a layer above their own, or beside it.
fn layers_named_upwards(file: &File) -> Vec<String> {
    let Some((own, height_of_own)) = file.layer().and_then(|own| Some((own, height(own)?))) else {
        return Vec::new();
    };
    let is_upwards =
        |named: &str| named != own && height(named).is_some_and(|height| height >= height_of_own);
    let code = file.code().join(" ");
    let named = layers_named(&code).into_iter().filter(|name| is_upwards(name));
    named.map(|name| format!("{}: the layer {own} names {name}", file.path)).collect()
}

/// Returns what code names right below the crate: `crate::name`, `crate::{name, …}`, and
/// `super::super::name` however many there are.
fn layers_named(code: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for root in ["crate::", "super::"] {
        for (start, _) in code.match_indices(root) {
            let rest = &code[start + root.len()..];
            let list = rest.strip_prefix('{').map(|list| list.split('}').next().unwrap_or(list));
            let names = list.map_or_else(|| vec![rest], |list| list.split(',').collect());
            let first =
                |name: &'_ str| name.trim().find(|c: char| !(c.is_alphanumeric() || c == '_'));
            named.extend(names.into_iter().map(|name| {
                let name = name.trim();
                &name[..first(name).unwrap_or(name.len())]
            }));
        }
    }
    named
}

/// Finds what the model does beside computing.
fn impure_model(file: &File) -> Vec<String> {
    if file.layer() != Some("model") {
        return Vec::new();
    }
    let found = |line: &str| IMPURE.iter().find(|word| line.contains(**word)).copied();
    let found = file.code().into_iter().filter_map(found);
    found.map(|word| format!("{}: the model names {word}", file.path)).collect()
}

fn too_long(file: &File) -> Vec<String> {
    match file.code().len() {
        lines if file.is_code() && lines > CODE_LINES_MAX => {
            vec![format!("{}: {lines} lines of code", file.path)]
        }
        _ => Vec::new(),
    }
}

/// Finds test files that nobody runs.
fn undeclared_tests(files: &[File]) -> Vec<String> {
    let main = files.iter().find(|file| file.path == "tests/main.rs");
    let declared: BTreeSet<&str> = main
        .into_iter()
        .flat_map(|main| main.text.lines())
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let module = |file: &File| {
        let name = file.path.strip_prefix("tests/")?.strip_suffix(".rs")?;
        Some(name.strip_suffix("/mod").unwrap_or(name).to_owned())
    };
    let modules = files.iter().filter_map(module).filter(|name| !name.contains('/'));
    let undeclared = modules.filter(|name| name != "main" && !declared.contains(name.as_str()));
    undeclared.map(|name| format!("tests/main.rs does not declare {name}")).collect()
}

fn document<'a>(files: &'a [File], path: &str) -> &'a str {
    files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str())
}

/// Returns what is written as code in the last column of the guarantees' table.
fn promised_tests(guarantees: &str) -> Vec<&str> {
    let (_, after) = guarantees.split_once("\n## Guarantees").unwrap_or_default();
    let section = after.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let last_cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    last_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// Finds guarantees whose test is not there.
fn guarantees_without_a_test(files: &[File]) -> Vec<String> {
    let promised = promised_tests(document(files, "docs/guarantees.md"));
    let is_there = |name: &str| {
        let function = format!("fn {name}(");
        files.iter().any(|file| file.is_code() && file.text.contains(&function))
    };
    match promised.len() {
        0..9 => vec![format!("docs/guarantees.md names {} tests of guarantees", promised.len())],
        _ => promised
            .into_iter()
            .filter(|name| !is_there(name))
            .map(|name| format!("docs/guarantees.md names the test {name}, which is not there"))
            .collect(),
    }
}

/// Finds guarantees that name no test.
fn guarantees_that_name_no_test(files: &[File]) -> Vec<String> {
    let guarantees = document(files, "docs/guarantees.md");
    let (_, after) = guarantees.split_once("\n## Guarantees").unwrap_or_default();
    let rows = after.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let bare = rows.filter(|row| promised_tests(&format!("\n## Guarantees\n{row}")).is_empty());
    bare.map(|row| format!("no test is named: {row}")).collect()
}

/// Finds source files and folders that documents name and that are not there.
fn paths_that_lead_nowhere(files: &[File]) -> Vec<String> {
    let folders: BTreeSet<String> = files.iter().flat_map(folders_of).collect();
    let is_file = |path: &str| files.iter().any(|file| format!("/{}", file.path).ends_with(path));
    let is_folder = |path: &str| folders.iter().any(|folder| folder.ends_with(path));
    let ours = ["src", "tests", "benches", "examples", "npm", "prompts", "schemas", "scripts"];
    let is_ours = |path: &str| {
        let first = path.split('/').next().unwrap_or_default();
        path.contains('/') && (ours.contains(&first) || height(first).is_some())
    };
    let leads_nowhere = |path: &&str| {
        let (file, folder) = (format!("/{path}"), format!("/{}", path.trim_end_matches('/')));
        match (path.contains(['<', '*']), path.ends_with(".rs") || is_ours(path)) {
            (true, _) | (_, false) => false,
            _ => !is_file(&file) && !is_folder(&folder),
        }
    };
    let lost = |document_path: &str| {
        let paths: BTreeSet<&str> = words(document(files, document_path)).collect();
        let lost = paths.into_iter().filter(leads_nowhere);
        lost.map(|path| format!("{document_path} names {path}")).collect::<Vec<_>>()
    };
    DOCUMENTS.iter().flat_map(|path| lost(path)).collect()
}

/// Returns the folders that a file is in, each with a slash before it.
fn folders_of(file: &File) -> Vec<String> {
    let ends = file.path.match_indices('/').map(|(end, _)| format!("/{}", &file.path[..end]));
    ends.collect()
}

/// Finds links of documents that lead to no file of the project.
fn broken_links(files: &[File]) -> Vec<String> {
    let is_there = |link: &str| {
        link.starts_with("http") || link.starts_with('#') || files.iter().any(|f| f.path == link)
    };
    let broken = |path: &str| {
        let links = document(files, path).split("](").skip(1);
        let links = links.filter_map(|rest| rest.split(')').next());
        let broken = links.filter(|link| !is_there(link));
        broken.map(|link| format!("{path} links to {link}")).collect::<Vec<_>>()
    };
    DOCUMENTS.iter().flat_map(|path| broken(path)).collect()
}

/// Finds tools that `docs/tools.md` does not mention.
fn undocumented_tools(files: &[File]) -> Vec<String> {
    let tools = files.iter().filter(|file| file.path.starts_with("src/service/operations/"));
    let names = tools.filter_map(|file| {
        let (_, rest) = file.text.split_once("const NAME: &'static str = \"")?;
        rest.split('"').next()
    });
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return vec!["src/service/operations/ names no tool".to_owned()];
    }
    let page = document(files, "docs/tools.md");
    let missing = names.into_iter().filter(|name| !page.contains(&format!("`{name}`")));
    missing.map(|name| format!("docs/tools.md does not mention the tool {name}")).collect()
}

fn unfinished(file: &File) -> Vec<String> {
    // The digests in a lock file spell anything.
    if file.path.ends_with("-lock.json") {
        return Vec::new();
    }
    // The second loop of the tutorial is about one that is left in a source.
    let is_shown = |word: &str| word == UNFINISHED[0] && file.path == "docs/tutorial.md";
    let is_found = |line: &str, word: &str| line.contains(word) && !is_shown(word);
    let found = |line: &str| UNFINISHED.iter().find(|word| is_found(line, word)).copied();
    let found = file.text.lines().filter_map(found);
    found.map(|word| format!("{}: {word}", file.path)).collect()
}

/// Finds absolute paths into the folders of one machine.
fn paths_of_a_machine(file: &File) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let names = |line: &str, folder: &str| {
        line.match_indices(folder).any(|(start, _)| {
            let before = line[..start].chars().next_back();
            let after = line[start + folder.len()..].chars().next();
            !before.is_some_and(is_name) && !after.is_some_and(is_name)
        })
    };
    let found = file
        .text
        .lines()
        .flat_map(|line| MACHINE_FOLDERS.iter().filter(move |folder| names(line, folder)));
    found.map(|folder| format!("{}: {folder}", file.path)).collect()
}

fn bad_ends(file: &File) -> Vec<String> {
    let ends_well = file.text.ends_with('\n') && !file.text.ends_with("\n\n");
    if ends_well || file.text.is_empty() {
        Vec::new()
    } else {
        vec![format!("{} does not end with one newline", file.path)]
    }
}

#[test]
fn no_layer_names_one_above_it() {
    check(|files| each(files, layers_named_upwards));
}

#[test]
fn the_model_does_no_io_and_has_no_clock() {
    check(|files| each(files, impure_model));
}

#[test]
fn no_file_has_more_than_400_lines_of_code() {
    check(|files| each(files, too_long));
}

#[test]
fn every_test_file_is_run() {
    check(undeclared_tests);
}

#[test]
fn every_guarantee_names_its_tests_and_they_are_there() {
    check(guarantees_that_name_no_test);
    check(guarantees_without_a_test);
}

#[test]
fn every_path_and_link_of_the_documents_leads_somewhere() {
    check(paths_that_lead_nowhere);
    check(broken_links);
}

#[test]
fn every_tool_is_on_the_page_of_tools() {
    check(undocumented_tools);
}

#[test]
fn nothing_is_unfinished_and_nothing_names_a_folder_of_one_machine() {
    check(|files| each(files, unfinished));
    check(|files| each(files, paths_of_a_machine));
}

#[test]
fn every_text_ends_with_one_newline() {
    check(|files| each(files, bad_ends));
}
