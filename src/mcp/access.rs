//! The rights of a request's sender, and the rights that each request needs.
//!
//! Over HTTP, the authorization check adds an [`Access`] to the request's extensions, beside the
//! headers that it read. Over stdio the host started this process as the user, so every request may
//! do everything, and a person's decisions need the person's answer.

use axum::http::request::Parts;
use rmcp::RoleServer;
use rmcp::service::RequestContext;

use super::tools::TOOLS;
use crate::model::Refusal;
use crate::model::token::{Grant, Scope};
use crate::service::{Effect, lacks_approve, unproven};

/// The rights of a request's sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything: only the user can send requests this way.
    Everything,
    /// The rights of a token.
    Granted(Grant),
    /// Nothing: the request came over the network without an authorization check.
    Nothing,
}

impl Access {
    /// Returns the rights of a request's sender.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        match context.extensions.get::<Parts>() {
            None => Self::Everything,
            Some(parts) => parts.extensions.get().cloned().unwrap_or(Self::Nothing),
        }
    }

    /// Returns whether the rights include a scope.
    pub fn has(&self, scope: Scope) -> bool {
        match self {
            Self::Everything => true,
            Self::Granted(grant) => grant.has(scope),
            Self::Nothing => false,
        }
    }

    /// Returns the token's grant, if the rights come from a token.
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Granted(grant) => Some(grant),
            Self::Everything | Self::Nothing => None,
        }
    }

    /// Refuses a request whose scope the rights do not include.
    pub(super) fn require(&self, scope: Scope) -> Result<(), Refusal> {
        match (self.has(scope), scope) {
            (true, _) => Ok(()),
            (false, Scope::Approve) => Err(lacks_approve()),
            (false, scope) => Err(Refusal::Forbidden {
                message: format!("this call needs a token with the scope {scope}"),
                hint: format!(
                    "nothing was done: a person can create one with refiner token create --scope {scope}"
                ),
            }),
        }
    }

    /// Refuses a sender whose answer could not count as a person's decision. Over HTTP with tokens,
    /// the request's token needs the scope approve. If the user's configuration requires a token for
    /// every decision, stdio cannot decide, because it carries no token. `refusal` is what the call
    /// was refused with.
    pub(super) fn check_may_decide(
        &self,
        wants_a_token: bool,
        refusal: Option<&Refusal>,
    ) -> Result<(), Refusal> {
        self.require(Scope::Approve)?;
        match (wants_a_token && self.grant().is_none(), refusal) {
            (false, _) => Ok(()),
            (true, Some(Refusal::ApprovalRequired { what, command })) => {
                Err(Refusal::NotApproved {
                    message: format!(
                        "{what} needs a person's decision, and the user's configuration requires a token for it (approvals: token)"
                    ),
                    hint: format!(
                        "nothing was written: ask your user to run this at a terminal and to type a token with the scope approve there: {command}"
                    ),
                })
            }
            (true, _) => Err(unproven("a person's answer also needs a token")),
        }
    }
}

/// Returns the scope that a tool with this effect needs.
pub(super) fn needed_for(effect: Effect) -> Scope {
    match effect {
        Effect::Reads => Scope::Read,
        Effect::WritesOnce | Effect::Writes | Effect::Destroys => Scope::Write,
    }
}

/// Returns the scope that a request needs, by its method and tool.
///
/// A decision of a person also needs [`Scope::Approve`], which the call itself reveals.
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
