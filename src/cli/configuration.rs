//! The user's own configuration: `config.json` in their configuration folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::checks::{CommandPolicy, check_commands};
use crate::disk::UserFolder;

const FILE: &str = "config.json";

/// The user's settings for one project. `schemas/configuration.schema.json` describes the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    /// The commands that checks may run. If the file cannot be read, no command may run.
    pub(super) commands: Option<CommandPolicy>,
    /// The proof that a person's decision needs.
    pub(super) approvals: Approvals,
}

/// The proof that a person's decision needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Approvals {
    /// The person's answer is enough.
    #[default]
    Person,
    /// The answer and a token are needed.
    Token,
}

/// The content of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    #[serde(default)]
    commands: Vec<Vec<String>>,
    #[serde(default)]
    projects: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    command_timeout_seconds: Option<u64>,
    #[serde(default)]
    approvals: Approvals,
}

/// The file's settings for one project.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfProject {
    #[serde(default)]
    commands: Vec<Vec<String>>,
}

impl Configuration {
    /// Reads the user's settings for a project. A file that cannot be read allows no command.
    /// Decisions then need a token, because the file may have asked for one.
    pub(super) fn of(user: &UserFolder, project: &Path) -> Self {
        read(user, project).unwrap_or_else(|problem| {
            let place = user.path().join(FILE).display().to_string();
            tracing::warn!(
                place,
                "config.json cannot be used, so no command may run and decisions need a token: {problem}"
            );
            Self { commands: None, approvals: Approvals::Token }
        })
    }

    fn parse(content: &[u8], project: &Path) -> Result<Self, String> {
        // Parsed as an object first, because serde also accepts a list for a structure.
        let content = serde_json::from_slice::<Map<String, Value>>(content)
            .and_then(|fields| serde_json::from_value::<Content>(Value::Object(fields)))
            .map_err(|error| error.to_string())?;
        let projects = of_projects(content.projects)?;
        check_commands(&content.commands, "commands")?;
        if !content.commands.is_empty() {
            tracing::warn!("{}", everywhere(project));
        }
        let mut allowed = content.commands;
        let here = projects.into_iter().filter(|(path, _)| is_same(path, project));
        allowed.extend(here.flat_map(|(_, here)| here.commands));
        let timeout = content.command_timeout_seconds;
        let commands = CommandPolicy::new(allowed, timeout, project.to_owned())?;
        Ok(Self { commands: Some(commands), approvals: content.approvals })
    }
}

/// Returns the warning about commands that are allowed in every project.
fn everywhere(project: &Path) -> String {
    let project = project.canonicalize().unwrap_or_else(|_| project.to_owned());
    let example = serde_json::json!({
        "projects": { project.to_string_lossy(): { "commands": [["make", "test"]] } }
    });
    format!(
        "config.json allows its commands in every project, also in a clone of a stranger's repository: \
        allow them per project, with refiner trust at a terminal or with {example}"
    )
}

/// Reads the file's settings for each project, or returns what is wrong with them.
fn of_projects(
    projects: BTreeMap<String, Map<String, Value>>,
) -> Result<Vec<(String, OfProject)>, String> {
    let read = |(path, fields): (String, Map<String, Value>)| {
        let place = format!("projects[{path:?}]");
        if !Path::new(&path).is_absolute() {
            return Err(format!("{place} is not an absolute path"));
        }
        let here = serde_json::from_value::<OfProject>(Value::Object(fields));
        let here = here.map_err(|error| format!("{place}: {error}"))?;
        check_commands(&here.commands, &format!("{place}.commands"))?;
        Ok((path, here))
    };
    projects.into_iter().map(read).collect()
}

/// Returns whether a path leads to the project. A path that does not exist here may belong to
/// another machine that shares this file.
fn is_same(path: &str, project: &Path) -> bool {
    let (path, project) = (Path::new(path).canonicalize(), project.canonicalize());
    path.is_ok_and(|path| project.is_ok_and(|project| path == project))
}

fn read(user: &UserFolder, project: &Path) -> Result<Configuration, String> {
    match user.read(FILE).map_err(|error| error.to_string())? {
        None => Configuration::parse(b"{}", project),
        Some(content) => Configuration::parse(&content, project),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::schema::CONFIGURATION;

    #[test]
    fn a_configuration_is_taken_as_its_schema_has_it() {
        let commands = json!([["npm", "test"]]);
        let parse =
            |content: &Value| Configuration::parse(content.to_string().as_bytes(), Path::new("."));
        for good in [
            json!({}),
            json!({ "$schema": "x", "commands": commands, "command_timeout_seconds": 5 }),
            json!({ "projects": { "/a": { "commands": commands }, "/b": {} } }),
            json!({ "approvals": "person" }),
            json!({ "approvals": "token" }),
        ] {
            assert_eq!(CONFIGURATION.violations(&good), [], "{good}");
            let expected =
                if good["approvals"] == "token" { Approvals::Token } else { Approvals::Person };
            assert_eq!(parse(&good).unwrap().approvals, expected);
        }
        for (bad, said) in [
            (json!([]), "invalid type"),
            (json!({ "commands": ["npm test"] }), "invalid type"),
            (json!({ "commands": [["a"], []] }), "commands[1]"),
            (json!({ "commands": [[""]] }), "commands[0]"),
            (json!({ "command": [["a"]] }), "unknown field"),
            (json!({ "projects": { "a": {} } }), "not an absolute path"),
            (json!({ "projects": { "/a": { "commands": [["a"], []] } } }), "\"/a\"].commands[1]"),
            (json!({ "projects": { "/a": { "command": [["a"]] } } }), "unknown field"),
            (json!({ "projects": { "/a": [[["a"]]] } }), "invalid type"),
            (json!({ "projects": ["/a"] }), "invalid type"),
            (json!({ "command_timeout_seconds": 0 }), "command_timeout_seconds is 0"),
            (json!({ "command_timeout_seconds": 1e9 }), "invalid type"),
            (json!({ "approvals": "always" }), "unknown variant"),
            (json!({ "approvals": null }), "approvals"),
        ] {
            assert_ne!(CONFIGURATION.violations(&bad), [], "{bad}");
            let error = parse(&bad).unwrap_err();
            assert!(error.contains(said) || said == "approvals", "{bad}: {error}");
        }
    }

    #[test]
    fn commands_of_a_project_are_allowed_in_that_project_only() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        [&one, &other].into_iter().for_each(|project| std::fs::create_dir(project).unwrap());
        let (through_dots, gone) = (one.join("../one"), folder.path().join("gone"));
        let of = |path: &Path, project: &Path| {
            let commands = json!({ "commands": [["make"]] });
            let content = json!({ "projects": { path.to_str().unwrap(): commands } });
            let read = Configuration::parse(content.to_string().as_bytes(), project).unwrap();
            read.commands.unwrap().allows(&["make".to_owned()])
        };
        assert!(of(&one, &one) && of(&through_dots, &one) && of(&one, &through_dots));
        assert!(!of(&one, &other) && !of(folder.path(), &one) && !of(&gone, &one));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a person spoils the file by hand")]
    fn a_configuration_that_cannot_be_read_wants_a_token_and_allows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let user = UserFolder::new(folder.path().to_owned());
        let read = || Configuration::of(&user, Path::new("."));
        let nothing = CommandPolicy::new(Vec::new(), None, Path::new(".").to_owned()).unwrap();
        assert_eq!(read().commands, Some(nothing), "there is none");
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let careful = Configuration { commands: None, approvals: Approvals::Token };
        assert_eq!(read(), careful);
        std::fs::remove_file(folder.path().join(FILE)).unwrap();
        std::fs::create_dir(folder.path().join(FILE)).unwrap();
        assert_eq!(read(), careful);
    }
}
