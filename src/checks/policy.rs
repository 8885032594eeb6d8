//! Which commands a check may run.

use std::path::PathBuf;
use std::time::Duration;

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
    /// Returns whether a command is allowed, word for word.
    pub fn allows(&self, command: &[String]) -> bool {
        self.allowed.iter().any(|one| one == command)
    }
}
