//! Which commands a check may run.

use std::path::PathBuf;
use std::time::Duration;

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

impl CommandPolicy {
    /// Makes one of what the user's configuration lists, or says what is wrong with it: what is
    /// understood in part allows nothing.
    pub fn new(
        allowed: Vec<Vec<String>>,
        timeout_seconds: Option<u64>,
        directory: PathBuf,
    ) -> Result<Self, String> {
        let has_program =
            |command: &Vec<String>| command.first().is_some_and(|program| !program.is_empty());
        if let Some(index) = allowed.iter().position(|command| !has_program(command)) {
            return Err(format!("commands[{index}] names no program"));
        }
        let seconds = timeout_seconds.unwrap_or(SECONDS_DEFAULT);
        if !(1..=SECONDS_MAX).contains(&seconds) {
            return Err(format!(
                "command_timeout_seconds is {seconds}, and 1 to {SECONDS_MAX} is possible"
            ));
        }
        Ok(Self { allowed, directory, timeout: Duration::from_secs(seconds) })
    }

    /// Returns whether a command is allowed, word for word.
    pub fn allows(&self, command: &[String]) -> bool {
        self.allowed.iter().any(|one| one == command)
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
        assert_eq!(limited.timeout, Duration::from_secs(5));
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
