//! `refiner trust --owner`: a workspace that belongs to another user.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::consent::asked;
use super::super::output::{BOLD, GOOD, WARN};
use super::super::{Context, Failure, consent};
use super::unusable;
use crate::disk::WORKSPACE;
use crate::model::Refusal;
use crate::workspace::{OWNER_VARIABLE, Trust, owner};

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    /// The workspace's folder.
    workspace: PathBuf,
    /// The user id of its owner.
    owner: u32,
}

/// Asks whether to trust the owner of a project's workspace. Looks only at the folder itself.
pub(super) fn trust(trust: &Trust, project: &Path, context: &Context) -> Result<(), Failure> {
    let workspace = trust.project().map_err(unusable)?.join(WORKSPACE);
    let Some(owner) = owner(project).map_err(unusable)? else {
        return Err(Failure::Refused(Refusal::NotFound {
            what: format!("folder {}", workspace.display()),
            hint: "name a project that has a workspace with --dir".into(),
        }));
    };
    if trust.read().map_err(unusable)?.owner != Some(owner) {
        let whose = whose(owner);
        let output = &context.output;
        output.complain(format_args!("{BOLD}{workspace:?}{BOLD:#} belongs to {whose}"));
        output.complain(format_args!(
            "{WARN}note{WARN:#}: the owner can change everything in it at any time; its hooks, \
            workflows and commands still need refiner trust"
        ));
        if !asked(&"Use this workspace anyway?") {
            return Err(Failure::Refused(Refusal::ApprovalRequired {
                what: format!("to trust {whose} with {}", workspace.display()),
                command: format!(
                    "refiner trust --owner, or set {OWNER_VARIABLE} to the project's path"
                ),
            }));
        }
        context.service.check_proven(consent::proof(context)?.as_ref())?;
        trust.change(|trusted| trusted.owner = Some(owner)).map_err(unusable)?;
    }
    context.output.answer(&Answer { workspace, owner }, |page, answer| {
        writeln!(page, "{GOOD}trusted{GOOD:#}: {} with {:?}", whose(answer.owner), answer.workspace)
    })
}

/// Names a user by id, and by name if the system's list has one.
fn whose(uid: u32) -> String {
    let list = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    match name_in(&list, uid) {
        Some(name) => format!("{name:?} (user id {uid})"),
        None => format!("user id {uid}"),
    }
}

fn name_in(list: &str, uid: u32) -> Option<&str> {
    let fields = |line| str::split(line, ':').collect::<Vec<&str>>();
    let is_it = |fields: &Vec<&str>| fields.get(2).is_some_and(|id| id.parse() == Ok(uid));
    list.lines().map(fields).find(is_it).map(|fields| fields[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_as_the_systems_list_has_them() {
        let list = "root:x:0:0:root:/r:/bin/sh\nbroken\nann:x:1000:1000::/h:/bin/sh\n";
        assert_eq!(name_in(list, 1000), Some("ann"));
        assert_eq!(name_in(list, 0), Some("root"));
        assert_eq!(name_in(list, 100), None);
    }
}
