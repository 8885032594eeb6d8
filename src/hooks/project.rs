//! The project's own triggers, for a person's decision whether to trust them.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::Hooks;
use super::trigger::{self, Target, Trigger};
use crate::model::Digest;

/// The project's triggers, read once, so that a person trusts exactly what was shown.
#[derive(Debug, Serialize)]
pub struct ProjectTriggers {
    /// The digest of the file.
    pub digest: Digest,
    /// Whether the current content is trusted.
    pub trusted: bool,
    /// A description of each trigger: its event and its target. Control characters are escaped.
    pub would_do: Vec<String>,
}

impl Hooks {
    /// Returns the project's triggers, or `None` if it has none.
    ///
    /// Fails with [`io::ErrorKind::InvalidData`] if the file is invalid.
    pub fn project_triggers(&self) -> io::Result<Option<ProjectTriggers>> {
        let Some(content) = self.inner.workspace.project_triggers()? else { return Ok(None) };
        let triggers = trigger::parse(&content)
            .map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?;
        Ok(Some(ProjectTriggers {
            digest: Digest::of(&content),
            trusted: self.inner.sources.are_trusted()?,
            would_do: triggers.iter().map(described).collect(),
        }))
    }

    /// Returns the project's folder, which trust is bound to.
    pub fn project(&self) -> &Path {
        &self.inner.project
    }
}

/// Describes a trigger, with control characters escaped.
fn described(trigger: &Trigger) -> String {
    let on = serde_json::json!(trigger.on);
    let condition = trigger.condition.as_ref().map(|condition| format!(" if {condition:?}"));
    let does = match &trigger.target {
        Target::Command(items) => format!("runs {items:?}"),
        Target::Webhook { url, headers } => {
            let headers: Vec<&String> = headers.keys().collect();
            format!("posts to {url:?} with the headers {headers:?}")
        }
        Target::McpTool { tool, arguments } => {
            let arguments = serde_json::json!(arguments).to_string();
            format!("asks the model to call {tool:?} with {arguments:?}")
        }
        Target::Workflow(file) => format!("asks the model to follow {file:?}"),
    };
    let on = on.as_str().unwrap_or_default();
    format!("{}: {on}{}\n  {does}", trigger.name, condition.unwrap_or_default())
}
