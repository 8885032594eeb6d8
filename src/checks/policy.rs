//! The commands that checks may run.

use std::path::PathBuf;
use std::time::Duration;

/// The default time limit of a command.
const SECONDS_DEFAULT: u64 = 60;
/// The greatest time limit.
const SECONDS_MAX: u64 = 3600;

/// The commands that the user allows in one project, in their own configuration or at a terminal.
/// No tool call and no untrusted file of the project can add to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPolicy {
    /// The allowed commands, each a program and its exact arguments.
    pub allowed: Vec<Vec<String>>,
    /// The folder that they run in.
    pub directory: PathBuf,
    /// The time limit of a command. A check can only lower it.
    pub timeout: Duration,
}

impl CommandPolicy {
    /// Makes a policy from the user's configuration, or returns the problem. A partly invalid
    /// configuration allows nothing.
    pub fn new(
        allowed: Vec<Vec<String>>,
        timeout_seconds: Option<u64>,
        directory: PathBuf,
    ) -> Result<Self, String> {
        check_commands(&allowed, "commands")?;
        let seconds = timeout_seconds.unwrap_or(SECONDS_DEFAULT);
        if !(1..=SECONDS_MAX).contains(&seconds) {
            return Err(format!("command_timeout_seconds is {seconds}; use 1 to {SECONDS_MAX}"));
        }
        Ok(Self { allowed, directory, timeout: Duration::from_secs(seconds) })
    }

    /// Returns a policy that allows more commands.
    #[must_use]
    pub fn allowing(&self, more: &[Vec<String>]) -> Self {
        let allowed = self.allowed.iter().chain(more).cloned().collect();
        Self { allowed, ..self.clone() }
    }

    /// Returns whether a command is allowed, word for word.
    pub fn allows(&self, command: &[String]) -> bool {
        self.allowed.iter().any(|one| one == command)
    }
}

/// Refuses a list with a command without a program. `place` is the place of the list.
pub fn check_commands(commands: &[Vec<String>], place: &str) -> Result<(), String> {
    let has_program =
        |command: &Vec<String>| command.first().is_some_and(|program| !program.is_empty());
    match commands.iter().position(|command| !has_program(command)) {
        Some(index) => Err(format!("{place}[{index}] names no program")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(command: &[&str]) -> Vec<String> {
        command.iter().map(ToString::to_string).collect()
    }

    fn policy(seconds: Option<u64>) -> Result<CommandPolicy, String> {
        CommandPolicy::new(vec![texts(&["npm", "test"])], seconds, PathBuf::from("."))
    }

    #[test]
    fn a_policy_allows_what_it_lists_word_for_word() {
        let limited = policy(Some(5)).unwrap();
        assert!(limited.allows(&texts(&["npm", "test"])));
        for other in [&["npm"][..], &["npm", "test", "x"], &["npm test"], &[]] {
            assert!(!limited.allows(&texts(other)), "{other:?}");
        }
        let more = limited.allowing(&[texts(&["make"])]);
        assert!(more.allows(&texts(&["make"])) && more.allows(&texts(&["npm", "test"])));
        assert_eq!(more.timeout, Duration::from_secs(5));
        assert_eq!(policy(None).unwrap().timeout, Duration::from_secs(60));
    }

    #[test]
    fn a_broken_policy_says_what_is_wrong_with_it() {
        assert!(policy(Some(0)).unwrap_err().contains("command_timeout_seconds is 0"));
        assert!(policy(Some(3601)).is_err());
        let named = |command: Vec<String>| {
            let commands = vec![texts(&["a"]), command];
            CommandPolicy::new(commands, None, PathBuf::from("."))
        };
        assert!(named(texts(&["b"])).is_ok());
        for nothing in [texts(&[]), texts(&[""]), texts(&["", "a"])] {
            assert!(named(nothing).unwrap_err().contains("commands[1]"));
        }
    }
}
