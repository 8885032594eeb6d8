//! Which commands a check may run.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

/// How long a command may take when the configuration does not say.
const SECONDS_DEFAULT: u64 = 60;
/// The most that it may say.
const SECONDS_MAX: u64 = 3600;

/// What the user's own configuration allows. It is made of nothing else: not of what a tool call
/// carries, and not of what a project brings along before its user trusted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPolicy {
    /// The commands, each a program and its arguments, that may run exactly as they are written.
    pub allowed: Vec<Vec<String>>,
    /// The folder that they run in.
    pub directory: PathBuf,
    /// How long one may take, whatever its check says.
    pub timeout: Duration,
}

/// The user's own configuration, as far as it is about commands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    #[serde(default)]
    commands: Vec<Vec<String>>,
    #[serde(default)]
    command_timeout_seconds: Option<u64>,
}

impl CommandPolicy {
    /// Reads what the user's configuration allows in a folder, or says what is wrong with it: what
    /// is understood in part allows nothing.
    pub fn parse(configuration: &[u8], directory: PathBuf) -> Result<Self, String> {
        // By way of an object, since serde takes a list for a structure too.
        let read = serde_json::from_slice::<Map<String, Value>>(configuration)
            .and_then(|fields| serde_json::from_value::<Configuration>(Value::Object(fields)))
            .map_err(|error| error.to_string())?;
        let has_program =
            |command: &Vec<String>| command.first().is_some_and(|program| !program.is_empty());
        if let Some(index) = read.commands.iter().position(|command| !has_program(command)) {
            return Err(format!("commands[{index}] names no program"));
        }
        let seconds = read.command_timeout_seconds.unwrap_or(SECONDS_DEFAULT);
        if !(1..=SECONDS_MAX).contains(&seconds) {
            return Err(format!(
                "command_timeout_seconds is {seconds}, and 1 to {SECONDS_MAX} is possible"
            ));
        }
        Ok(Self { allowed: read.commands, directory, timeout: Duration::from_secs(seconds) })
    }

    /// Returns whether a command is allowed, word for word.
    pub fn allows(&self, command: &[String]) -> bool {
        self.allowed.iter().any(|one| one == command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(configuration: &str) -> Result<CommandPolicy, String> {
        CommandPolicy::parse(configuration.as_bytes(), PathBuf::from("."))
    }

    #[test]
    fn a_configuration_allows_what_it_lists_word_for_word() {
        let policy =
            parse(r#"{"commands": [["npm", "test"]], "command_timeout_seconds": 5}"#).unwrap();
        let texts = |command: &[&str]| command.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(policy.allows(&texts(&["npm", "test"])));
        for other in [&["npm"][..], &["npm", "test", "x"], &["npm test"], &[]] {
            assert!(!policy.allows(&texts(other)), "{other:?}");
        }
        assert_eq!(policy.timeout, Duration::from_secs(5));
        assert_eq!(parse("{}").unwrap().timeout, Duration::from_secs(60));
    }

    #[test]
    fn a_broken_configuration_says_what_is_wrong_with_it() {
        for (broken, said) in [
            ("", "EOF"),
            ("[]", "invalid type"),
            (r#"{"commands": ["npm test"]}"#, "invalid type"),
            (r#"{"commands": [["a"], []]}"#, "commands[1]"),
            (r#"{"commands": [[""]]}"#, "commands[0]"),
            (r#"{"command": [["a"]]}"#, "unknown field"),
            (r#"{"command_timeout_seconds": 0}"#, "command_timeout_seconds is 0"),
            (r#"{"command_timeout_seconds": 1e9}"#, "invalid type"),
        ] {
            let error = parse(broken).unwrap_err();
            assert!(error.contains(said), "{broken}: {error}");
        }
    }
}
