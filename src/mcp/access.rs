//! What whoever sent a request may do, and the one place that says what each request needs.
//!
//! Over HTTP, whoever lets requests in puts an [`Access`] into the request's extensions, beside the
//! headers that it made it of. Over stdio the host started this process as the user: it may do
//! everything, and what only a person may decide is the gate's business.

use axum::http::request::Parts;
use rmcp::RoleServer;
use rmcp::service::RequestContext;

use super::tools::{Effect, TOOLS};
use crate::model::Refusal;
use crate::model::token::{Grant, Scope};
use crate::service::lacks_approve;

/// What whoever sent a request may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything: nobody but the user comes this way.
    Everything,
    /// What a token lets its bearer do.
    Granted(Grant),
    /// Nothing: it came over the network, and nobody looked at who sent it.
    Nothing,
}

impl Access {
    /// Returns what whoever sent a request may do.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        match context.extensions.get::<Parts>() {
            None => Self::Everything,
            Some(parts) => parts.extensions.get().cloned().unwrap_or(Self::Nothing),
        }
    }

    /// Returns whether it covers a scope.
    pub fn has(&self, scope: Scope) -> bool {
        match self {
            Self::Everything => true,
            Self::Granted(grant) => grant.has(scope),
            Self::Nothing => false,
        }
    }

    /// Returns the token that it comes from, if it comes from one.
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Granted(grant) => Some(grant),
            Self::Everything | Self::Nothing => None,
        }
    }

    /// Refuses what it does not cover.
    pub(super) fn require(&self, scope: Scope) -> Result<(), Refusal> {
        match (self.has(scope), scope) {
            (true, _) => Ok(()),
            (false, Scope::Approve) => Err(lacks_approve()),
            (false, scope) => Err(Refusal::Forbidden {
                message: format!("this needs a token with the scope {scope}"),
                hint: format!(
                    "nothing was done: a person can make one with refiner token create --scope {scope}"
                ),
            }),
        }
    }
}

/// Returns what a tool with this effect needs.
pub(super) fn needed_for(effect: Effect) -> Scope {
    match effect {
        Effect::Reads => Scope::Read,
        Effect::WritesOnce | Effect::Writes | Effect::Destroys => Scope::Write,
    }
}

/// Returns what a request needs, by its method and the tool that it names.
///
/// What only a person may decide needs [`Scope::Approve`] too, which shows only when it is tried.
pub fn needed(method: &str, tool: Option<&str>) -> Scope {
    let named = tool.filter(|_| method == "tools/call");
    let tool = named.and_then(|name| TOOLS.iter().find(|tool| tool.definition.name == name));
    tool.map_or(Scope::Read, |tool| needed_for(tool.effect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_that_write_need_the_scope_write_and_everything_else_read() {
        for (method, tool, scope) in [
            ("tools/call", Some("save_state"), Scope::Write),
            ("tools/call", Some("transition"), Scope::Write),
            ("tools/call", Some("load_state"), Scope::Read),
            ("tools/call", Some("no_such_tool"), Scope::Read),
            ("tools/call", None, Scope::Read),
            ("tools/list", Some("save_state"), Scope::Read),
            ("resources/read", None, Scope::Read),
        ] {
            assert_eq!(needed(method, tool), scope, "{method} {tool:?}");
        }
    }

    #[test]
    fn what_is_not_covered_is_forbidden() {
        for scope in Scope::ALL {
            assert_eq!(Access::Everything.require(scope), Ok(()));
            let refusal = Access::Nothing.require(scope).unwrap_err();
            assert_eq!(refusal.code(), "forbidden");
            assert!(refusal.hint().contains(&format!("--scope {scope}")), "{}", refusal.hint());
        }
    }
}
