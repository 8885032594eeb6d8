//! Which commands checks may run: what the user's own configuration says, and nothing else.

use std::path::Path;

use super::project;
use crate::checks::CommandPolicy;
use crate::storage::filesystem::UserFolder;

/// The user's own configuration, in their folder.
const CONFIGURATION_FILE: &str = "config.json";

/// Returns what the user allows in a project. A file that cannot be read allows nothing.
pub(super) fn allowed(project: &Path) -> Option<CommandPolicy> {
    let user = project::user_folder()?;
    read(&user, project).unwrap_or_else(|problem| {
        let place = user.path().join(CONFIGURATION_FILE).display().to_string();
        tracing::warn!(place, "the configuration cannot be used, and allows no command: {problem}");
        None
    })
}

fn read(user: &UserFolder, project: &Path) -> Result<Option<CommandPolicy>, String> {
    let content = user.read(CONFIGURATION_FILE).map_err(|error| error.to_string())?;
    content.map(|content| CommandPolicy::parse(&content, project.to_owned())).transpose()
}
