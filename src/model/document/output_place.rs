//! Where the work of an artifact lies: in its own `dist/`, or in a folder of the project, where globs
//! say which files it is.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::model::document::output::{DEPTH_MAX, DIST, DIST_DEPTH_MAX, OutputPath, refused};
use crate::model::text::{NAMED_CHARACTERS_MAX, shortened};
use crate::model::{Refusal, limits};

/// How the project's own folder is written.
const PROJECT: &str = ".";

/// Characters that some file systems leave out of names, so that another name reads the same.
const INVISIBLE: [char; 17] = [
    '\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}',
    '\u{202c}', '\u{202d}', '\u{202e}', '\u{2060}', '\u{206a}', '\u{206b}', '\u{206c}', '\u{206d}',
    '\u{feff}',
];

/// A folder of the project that holds the work: `.`, or names with `/` between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OutputDir(String);

impl OutputDir {
    /// Returns the folder, or a refusal that names the rule that it breaks.
    pub fn parse(given: &str) -> Result<Self, Refusal> {
        let refused = |rule: &str| {
            let shown = shortened(given, NAMED_CHARACTERS_MAX);
            Refusal::argument(
                format!("{shown:?} cannot be the output_dir: {rule}"),
                "pass a folder below the project's, such as src or docs/guide, or . for all of the project",
            )
        };
        let path = given.strip_prefix("./").unwrap_or(given);
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
        if path == PROJECT || (path.is_empty() && given == "./") {
            return Ok(Self(PROJECT.to_owned()));
        }
        if path.starts_with('/') || path.contains(['\\', ':']) {
            return Err(refused("it must be relative to the project's folder"));
        }
        if path.split('/').any(|part| part == "..") {
            return Err(refused("it must stay inside the project"));
        }
        if let Some(part) = reserved_part(path) {
            return Err(refused(&format!("{part:?} belongs to git or to refiner")));
        }
        OutputPath::new(path).map_err(refused).map(|path| Self(path.into()))
    }

    /// Returns the folder as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OutputDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for OutputDir {
    type Error = Refusal;
    fn try_from(given: String) -> Result<Self, Refusal> {
        Self::parse(&given)
    }
}

impl From<OutputDir> for String {
    fn from(dir: OutputDir) -> Self {
        dir.0
    }
}

/// Returns the first component of a path that no work may have: `.git` or `.refiner`, as any file
/// system may spell it.
pub fn reserved_part(path: &str) -> Option<&str> {
    path.split('/').find(|part| is_reserved(part))
}

fn is_reserved(part: &str) -> bool {
    let visible: String = part.chars().filter(|one| !INVISIBLE.contains(one)).collect();
    let name = visible.trim_end_matches(['.', ' ']).to_lowercase();
    let is_short_name = |of: &str| {
        let number = name.strip_prefix(of).and_then(|rest| rest.strip_prefix('~'));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    // Windows knows a folder by a short name too.
    [".git", ".refiner"].contains(&name.as_str()) || is_short_name("git") || is_short_name("refine")
}

/// Where the work of an artifact lies, and which files there are the work.
#[derive(Clone, Debug, Default)]
pub struct OutputPlace {
    /// The folder of the project, empty for the project's own; `None` for `dist/`.
    folder: Option<String>,
    globs: Vec<WorkGlob>,
}

/// Returns whether git ignores a path; the second argument says whether it is a folder. The folders
/// above it do not count.
pub type IsIgnored<'a> = &'a dyn Fn(&str, bool) -> bool;

impl OutputPlace {
    /// Returns the place that a caller names, or a refusal that says what is wrong.
    pub fn parse(output_dir: Option<&str>, files: &[String]) -> Result<Self, Refusal> {
        let dir = output_dir.map(OutputDir::parse).transpose()?;
        if dir.is_none() && !files.is_empty() {
            return Err(Refusal::argument(
                "files says which files of output_dir are the work, and there is no output_dir",
                "pass output_dir, such as \".\", or leave files out",
            ));
        }
        if files.len() > limits::WORK_GLOBS_MAX {
            return Err(Refusal::TooLarge {
                what: "the list of files".into(),
                actual: files.len(),
                limit: limits::WORK_GLOBS_MAX,
                unit: "globs",
            });
        }
        files.iter().try_for_each(|glob| WorkGlob::parse(glob).map(drop).map_err(wrong_glob))?;
        Ok(Self::of(dir.as_ref(), files))
    }

    /// Returns the place that a document names. A glob that is none matches nothing.
    pub fn of(output_dir: Option<&OutputDir>, files: &[String]) -> Self {
        let folder = output_dir.map(|dir| match dir.as_str() {
            PROJECT => String::new(),
            folder => folder.to_owned(),
        });
        let globs = files
            .iter()
            .map(|glob| WorkGlob::parse(glob).unwrap_or_else(|_| WorkGlob::nothing(glob)));
        Self { folder, globs: globs.collect() }
    }

    /// Returns whether the work lies in the artifact's own `dist/`.
    pub fn is_dist(&self) -> bool {
        self.folder.is_none()
    }

    /// Returns the folder of the project, empty for the project's own; `None` for `dist/`.
    pub fn folder(&self) -> Option<&str> {
        self.folder.as_deref()
    }

    /// Returns the folder as messages name it: with a slash at its end.
    pub fn shown(&self) -> String {
        match self.folder.as_deref() {
            None => DIST.to_owned(),
            Some("") => "./".to_owned(),
            Some(folder) => format!("{folder}/"),
        }
    }

    /// Returns how many folders may be above a file, itself included.
    pub fn depth_max(&self) -> usize {
        if self.is_dist() { DIST_DEPTH_MAX } else { DEPTH_MAX }
    }

    /// Returns how many files are listed and measured.
    pub fn files_max(&self) -> usize {
        if self.is_dist() { limits::OUTPUTS_MAX } else { limits::WORK_FILES_MAX }
    }

    /// Returns a sentence about the place, unless it is `dist/`.
    pub fn note(&self) -> Option<String> {
        const GLOBS_CHARACTERS_MAX: usize = 400;
        let folder = match self.folder.as_deref()? {
            "" => "the project's own folder".to_owned(),
            folder => format!("{folder}/"),
        };
        let globs: Vec<&str> = self.globs.iter().map(|glob| glob.text.as_str()).collect();
        let globs = shortened(&globs.join(", "), GLOBS_CHARACTERS_MAX);
        let files = match globs.as_str() {
            "" => "every file that git does not ignore".to_owned(),
            globs => format!("the files {globs}"),
        };
        Some(format!("In place of dist/, the work is in {folder}: {files}."))
    }

    /// Returns a path that a caller names, or a refusal that says why it is no part of the work.
    pub fn path(&self, given: &str) -> Result<OutputPath, Refusal> {
        if self.is_dist() {
            return OutputPath::parse(given);
        }
        let hint = format!("pass a path below {}, such as README.md", self.shown());
        let path = OutputPath::new(given).map_err(|rule| refused(given, rule, hint))?;
        if let Some(part) = reserved_part(given) {
            return Err(Refusal::Forbidden {
                message: format!(
                    "{path} is no part of the work: {part:?} belongs to git or to refiner"
                ),
                hint: "name another path; nothing was written".into(),
            });
        }
        if !self.globs.is_empty() && !self.globs.iter().any(|glob| glob.matches(path.as_str())) {
            let globs: Vec<&str> = self.globs.iter().map(|glob| glob.text.as_str()).collect();
            return Err(Refusal::Forbidden {
                message: format!("{path} is no part of the work: no glob of files matches it"),
                hint: shortened(&format!("files has {}", globs.join(", ")), 400),
            });
        }
        Ok(path)
    }

    /// Returns whether a file is part of the work.
    ///
    /// What git ignores is not, unless a glob names it or a folder above it without a wildcard.
    pub fn holds(&self, path: &str, is_ignored: IsIgnored<'_>) -> bool {
        self.is_dist()
            || (reserved_part(path).is_none()
                && self.counts(path, &|glob| glob.matches(path), &|from| {
                    ignored_below(path, from, false, is_ignored)
                }))
    }

    /// Returns whether a folder may have files of the work.
    pub fn may_be_in(&self, folder: &str, is_ignored: IsIgnored<'_>) -> bool {
        self.is_dist()
            || (reserved_part(folder).is_none()
                && self.counts(folder, &|glob| glob.may_match_below(folder), &|from| {
                    ignored_below(folder, from, true, is_ignored)
                }))
    }

    /// Returns whether a path counts by a glob, or without globs; `is_ignored_from` gets the length
    /// of the beginning that does not matter.
    fn counts(
        &self,
        path: &str,
        is_matched: &dyn Fn(&WorkGlob) -> bool,
        is_ignored_from: &dyn Fn(usize) -> bool,
    ) -> bool {
        if self.globs.is_empty() {
            return !is_ignored_from(0);
        }
        let matching = self.globs.iter().filter(|glob| is_matched(glob));
        matching.into_iter().any(|glob| !is_ignored_from(glob.named_of(path)))
    }
}

/// Returns whether git ignores a path or a folder above it, from a length of the path on.
fn ignored_below(path: &str, from: usize, is_folder: bool, is_ignored: IsIgnored<'_>) -> bool {
    let ends = path.match_indices('/').map(|(end, _)| (end, true));
    let ends = ends.chain([(path.len(), is_folder)]).filter(|(end, _)| *end > from);
    ends.into_iter().any(|(end, is_folder)| is_ignored(&path[..end], is_folder))
}

/// A glob of files, or a path: then it matches that file, and all files of such a folder.
#[derive(Clone, Debug)]
struct WorkGlob {
    text: String,
    /// The folders that it begins with and that have no wildcard; of a path, all of it.
    base: String,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Path,
    Glob(GlobMatcher),
    Nothing,
}

impl WorkGlob {
    /// Returns the glob, or the problem with it.
    fn parse(given: &str) -> Result<Self, String> {
        let text = given.strip_prefix("./").unwrap_or(given);
        let text = text.strip_suffix('/').unwrap_or(text);
        let shown = shortened(given, NAMED_CHARACTERS_MAX);
        let problem = match text {
            "" => Some("is empty"),
            _ if text.chars().count() > limits::WORK_GLOB_CHARACTERS_MAX => Some("is too long"),
            _ if text.starts_with('/') => Some("begins with /"),
            _ if text.contains('\\') => Some("has a \\: write / between folders"),
            _ if text.split('/').any(|part| part == "..") => Some("leads out of output_dir"),
            _ if reserved_part(text).is_some() => Some("names what belongs to git or to refiner"),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(format!("the glob {shown:?} {problem}"));
        }
        let wildcard = text.find(['*', '?', '[', '{']);
        let Some(wildcard) = wildcard else {
            return Ok(Self { text: text.into(), base: text.into(), matcher: Matcher::Path });
        };
        let base = text[..wildcard].rsplit_once('/').map_or("", |(base, _)| base).to_owned();
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|error| format!("{shown:?} is no glob: {}", error.kind()))?;
        Ok(Self { text: text.into(), base, matcher: Matcher::Glob(glob.compile_matcher()) })
    }

    fn nothing(text: &str) -> Self {
        Self { text: text.to_owned(), base: String::new(), matcher: Matcher::Nothing }
    }

    fn matches(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Path => is_or_is_below(path, &self.text),
            Matcher::Glob(glob) => self.text == path || glob.is_match(path),
            Matcher::Nothing => false,
        }
    }

    /// Returns whether a file below a folder may match.
    fn may_match_below(&self, folder: &str) -> bool {
        !matches!(self.matcher, Matcher::Nothing)
            && (is_or_is_below(folder, &self.base) || is_or_is_below(&self.base, folder))
    }

    /// Returns how much of a path the glob names without a wildcard.
    fn named_of(&self, path: &str) -> usize {
        self.base.len().min(path.len())
    }
}

/// Returns whether a path is another one, or below it.
fn is_or_is_below(path: &str, other: &str) -> bool {
    other.is_empty()
        || path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn wrong_glob(problem: String) -> Refusal {
    Refusal::argument(
        problem,
        "files has globs relative to output_dir, such as src/** or *.md; * stays in a folder, ** does not",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[&str]) -> OutputPlace {
        let files: Vec<String> = files.iter().map(ToString::to_string).collect();
        OutputPlace::parse(Some("."), &files).unwrap()
    }

    #[test]
    fn an_output_dir_is_a_folder_of_the_project() {
        for (given, folder) in [
            (".", ""),
            ("./", ""),
            ("src", "src"),
            ("./src/", "src"),
            ("docs/guide", "docs/guide"),
            (".github", ".github"),
        ] {
            let place = OutputPlace::parse(Some(given), &[]).unwrap();
            assert_eq!(place.folder(), Some(folder), "{given}");
        }
        for bad in [
            "",
            "/",
            "/etc",
            "..",
            "../x",
            "a/../..",
            "a//b",
            "C:/x",
            "a\\b",
            ".refiner",
            ".refiner/artifacts/a/dist",
            "src/.Refiner",
            ".git",
            ".GIT/hooks",
            ".git.",
            ".git ",
            ".refiner. .",
            "GIT~1",
            "a/REFINE~1",
            ".g\u{200c}it",
            "con",
            "a\nb",
        ] {
            let refusal = OutputPlace::parse(Some(bad), &[]).unwrap_err();
            assert_eq!(refusal.code(), "invalid_argument", "{bad}");
            assert!(!refusal.hint().is_empty());
        }
    }

    #[test]
    fn globs_that_lead_away_are_refused_and_need_a_folder() {
        let globs = |glob: &str| OutputPlace::parse(Some("."), &[glob.to_owned()]);
        for bad in ["", "/x", "../x", "a/../../x", "a\\b", "{a", ".git/**", "x/.REFINER/**"] {
            assert_eq!(globs(bad).unwrap_err().code(), "invalid_argument", "{bad}");
        }
        assert!(globs(&"x".repeat(limits::WORK_GLOB_CHARACTERS_MAX + 1)).is_err());
        assert!(OutputPlace::parse(None, &["src/**".into()]).is_err());
        let many = vec!["a".to_owned(); limits::WORK_GLOBS_MAX + 1];
        assert_eq!(OutputPlace::parse(Some("."), &many).unwrap_err().code(), "too_large");
    }

    #[test]
    fn a_path_that_no_glob_matches_is_refused() {
        let some = place(&["src/**", "README.md", "docs"]);
        for good in ["src/a/b.rs", "README.md", "docs/a.md"] {
            assert!(some.path(good).is_ok(), "{good}");
        }
        for bad in ["Cargo.toml", "a/README.md", "src", "docsx"] {
            assert_eq!(some.path(bad).unwrap_err().code(), "forbidden", "{bad}");
        }
        let all = place(&[]);
        for bad in [".git/config", "a/.GIT/x", ".refiner/registry.json", "x/.Refiner/y", "git~1/x"]
        {
            assert_eq!(all.path(bad).unwrap_err().code(), "forbidden", "{bad}");
        }
        for bad in ["../x", "/etc/passwd", ".git./config", "a/.git /x", "a\\b", ".git:x"] {
            assert_eq!(all.path(bad).unwrap_err().code(), "invalid_argument", "{bad}");
        }
        assert_eq!(all.path("dist/a").unwrap().as_str(), "dist/a");
        assert_eq!(OutputPlace::default().path("dist/a").unwrap().as_str(), "a");
    }

    #[test]
    fn what_git_ignores_counts_only_if_it_is_named() {
        let is_ignored =
            |path: &str, is_folder: bool| (path == "target" && is_folder) || path.ends_with(".log");
        for (files, path, holds) in [
            (&[][..], "src/a.rs", true),
            (&[], "target/a.rs", false),
            (&[], "a.log", false),
            (&[], ".git/config", false),
            (&[], "x/.REFINER/y", false),
            (&["**/*.rs"], "src/a.rs", true),
            (&["**/*.rs"], "target/a.rs", false),
            (&["target/**"], "target/a.rs", true),
            (&["target/**"], "target/a.log", false),
            (&["target/a.log"], "target/a.log", true),
            (&["target"], "target/a.rs", true),
            (&["*.md"], "src/a.rs", false),
            (&["**"], ".git/config", false),
        ] {
            assert_eq!(place(files).holds(path, &is_ignored), holds, "{files:?} {path}");
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if holds && !folder.is_empty() {
                assert!(place(files).may_be_in(folder, &is_ignored), "{files:?} {folder}");
            }
        }
        assert!(!place(&["src/**"]).may_be_in("docs", &is_ignored));
        assert!(!place(&[]).may_be_in("target", &is_ignored));
    }
}
