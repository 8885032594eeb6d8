//! The files of a project that a command is known to run or read, from its words.

use std::path::{Component, Path};

/// The files that well-known programs read in their working folder.
const READ_BY: [(&str, &[&str]); 23] = [
    ("ant", &["build.xml"]),
    ("bun", &["bunfig.toml", "package.json"]),
    ("cargo", &[".cargo/config.toml", "Cargo.toml", "build.rs"]),
    ("cmake", &["CMakeLists.txt"]),
    ("composer", &["composer.json"]),
    ("deno", &["deno.json", "deno.jsonc"]),
    ("docker", &["Dockerfile", "compose.yaml", "docker-compose.yml"]),
    ("go", &["go.mod"]),
    ("gradle", &["build.gradle", "build.gradle.kts", "settings.gradle"]),
    ("just", &[".justfile", "Justfile", "justfile"]),
    ("make", &["GNUmakefile", "Makefile", "makefile"]),
    ("mvn", &["pom.xml"]),
    ("ninja", &["build.ninja"]),
    ("npm", &[".npmrc", "package.json"]),
    ("npx", &[".npmrc", "package.json"]),
    ("pnpm", &[".npmrc", "package.json"]),
    ("poetry", &["pyproject.toml"]),
    ("pytest", &["conftest.py", "pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini"]),
    ("rake", &["Rakefile"]),
    ("task", &["Taskfile.yml"]),
    ("tox", &["pyproject.toml", "setup.cfg", "tox.ini"]),
    ("uv", &["pyproject.toml"]),
    ("yarn", &[".yarnrc.yml", "package.json"]),
];

/// The limit of files of one command.
const FILES_MAX: usize = 20;

/// Returns the files in a project that a command would run or read, in the order of its words:
/// files that a word names, and files that a well-known program reads by itself. Files that these
/// refer to are not included.
pub fn files_of(command: &[String], project: &Path) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for word in command.iter().flat_map(|argument| words(argument)) {
        let named = read_by(word).iter().copied().chain([word]);
        for file in named.filter_map(|file| in_project(file, project)) {
            if files.len() < FILES_MAX && !files.contains(&file) {
                files.push(file);
            }
        }
    }
    files
}

/// Returns an argument and its words, split as in a shell or an option.
fn words(argument: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || "\"'`;|&()<>=:,".contains(c);
    [argument].into_iter().chain(argument.split(ends)).filter(|word| !word.is_empty())
}

fn read_by(word: &str) -> &'static [&'static str] {
    let program = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let program = program.strip_suffix(".exe").unwrap_or(program);
    READ_BY.iter().find(|(name, _)| *name == program).map_or(&[], |(_, files)| files)
}

/// Returns the path of an existing file relative to the project.
fn in_project(word: &str, project: &Path) -> Option<String> {
    let path = Path::new(word);
    let path = if path.is_absolute() { path.strip_prefix(project).ok()? } else { path };
    let mut below = path.components().filter(|part| *part != Component::CurDir).peekable();
    below.peek()?;
    let path: std::path::PathBuf = below
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect::<Option<_>>()?;
    project.join(&path).is_file().then(|| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_command_are_told_from_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path();
        std::fs::create_dir(project.join("scripts")).unwrap();
        for file in ["Makefile", "package.json", "scripts/check", "a b"] {
            std::fs::File::create(project.join(file)).unwrap();
        }
        let absolute = project.join("scripts/check").display().to_string();
        for (command, expected) in [
            (&["make", "test"][..], &["Makefile"][..]),
            (&["/usr/bin/make"], &["Makefile"]),
            (
                &["sh", "-c", "npm test && ./scripts/check;make"],
                &["package.json", "scripts/check", "Makefile"],
            ),
            (&["./scripts/check"], &["scripts/check"]),
            (&[&absolute], &["scripts/check"]),
            (&["node", "--require=scripts/check", "a b"], &["scripts/check", "a b"]),
            (
                &["cat", "scripts", ".", "..", "/", "../Makefile", "scripts/../Makefile", "none"],
                &[],
            ),
            (&["cargo", "test"], &[]),
        ] {
            let command: Vec<String> = command.iter().map(ToString::to_string).collect();
            assert_eq!(files_of(&command, project), expected, "{command:?}");
        }
    }
}
