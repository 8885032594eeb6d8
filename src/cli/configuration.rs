//! The user's own configuration: `config.json` in their folder, and nothing else.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::checks::CommandPolicy;
use crate::storage::filesystem::UserFolder;

const FILE: &str = "config.json";

/// What the user wants, in every project. Its form is `schemas/configuration.schema.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    /// The commands that checks may run.
    pub(super) commands: Option<CommandPolicy>,
    /// What proves that a person decides.
    pub(super) approvals: Approvals,
}

/// What proves that a person decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Approvals {
    /// Their answer.
    #[default]
    Person,
    /// A token beside it.
    Token,
}

/// The file, word for word.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    #[serde(default)]
    commands: Vec<Vec<String>>,
    #[serde(default)]
    command_timeout_seconds: Option<u64>,
    #[serde(default)]
    approvals: Approvals,
}

impl Configuration {
    /// Reads what the user wants in a project. A file that cannot be read allows no command, and may
    /// have wanted a token for decisions: so they need one until it is mended.
    pub(super) fn of(user: &UserFolder, project: &Path) -> Self {
        read(user, project).unwrap_or_else(|problem| {
            let place = user.path().join(FILE).display().to_string();
            tracing::warn!(
                place,
                "the configuration cannot be used: it allows no command, and decisions need a token: {problem}"
            );
            Self { commands: None, approvals: Approvals::Token }
        })
    }

    fn parse(content: &[u8], project: &Path) -> Result<Self, String> {
        // By way of an object, since serde takes a list for a structure too.
        let content = serde_json::from_slice::<Map<String, Value>>(content)
            .and_then(|fields| serde_json::from_value::<Content>(Value::Object(fields)))
            .map_err(|error| error.to_string())?;
        let timeout = content.command_timeout_seconds;
        let commands = CommandPolicy::new(content.commands, timeout, project.to_owned())?;
        Ok(Self { commands: Some(commands), approvals: content.approvals })
    }
}

fn read(user: &UserFolder, project: &Path) -> Result<Configuration, String> {
    match user.read(FILE).map_err(|error| error.to_string())? {
        None => Ok(Configuration::default()),
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
            json!({ "approvals": "person" }),
            json!({ "approvals": "token" }),
        ] {
            assert_eq!(CONFIGURATION.violations(&good), [], "{good}");
            let expected = match good["approvals"] == "token" {
                true => Approvals::Token,
                false => Approvals::Person,
            };
            assert_eq!(parse(&good).unwrap().approvals, expected);
        }
        for (bad, said) in [
            (json!([]), "invalid type"),
            (json!({ "commands": ["npm test"] }), "invalid type"),
            (json!({ "commands": [["a"], []] }), "commands[1]"),
            (json!({ "commands": [[""]] }), "commands[0]"),
            (json!({ "command": [["a"]] }), "unknown field"),
            (json!({ "command_timeout_seconds": 0 }), "command_timeout_seconds is 0"),
            (json!({ "command_timeout_seconds": 1e9 }), "invalid type"),
            (json!({ "approvals": "nobody" }), "unknown variant"),
            (json!({ "approvals": null }), "approvals"),
        ] {
            assert_ne!(CONFIGURATION.violations(&bad), [], "{bad}");
            let error = parse(&bad).unwrap_err();
            assert!(error.contains(said) || said == "approvals", "{bad}: {error}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a person spoils the file by hand")]
    fn a_configuration_that_cannot_be_read_wants_a_token_and_allows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let user = UserFolder::new(folder.path().to_owned());
        let read = || Configuration::of(&user, Path::new("."));
        assert_eq!(read(), Configuration::default(), "there is none");
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let careful = Configuration { commands: None, approvals: Approvals::Token };
        assert_eq!(read(), careful);
        std::fs::remove_file(folder.path().join(FILE)).unwrap();
        std::fs::create_dir(folder.path().join(FILE)).unwrap();
        assert_eq!(read(), careful);
    }
}
