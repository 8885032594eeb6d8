//! Authorization with the user's tokens.
//!
//! It follows RFC 6750, sections 2.1 and 3, and the MCP specifications of 2025-11-25 and
//! 2026-07-28, *Authorization*. Every request carries its token in the header `Authorization`,
//! never in the URL. A request with no token or an invalid one gets 401. A request whose token
//! lacks a scope gets 403 with the required scopes. OAuth would go into [`admitted`], as another
//! way from a header to a [`Grant`](crate::model::token::Grant). The challenges have no
//! `resource_metadata`, because the server has no such document yet.

use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::denial::json_answer;
use super::options::{Admitted, Authorize, Client};
use crate::mcp::access::{Access, needed};
use crate::model::Refusal;
use crate::model::token::Scope;
use crate::service::Tokens;

/// The code of errors outside of JSON-RPC's own protocol errors.
const RPC_CODE: i32 = -32000;

/// Admits every request, with all rights.
pub fn anybody() -> Authorize {
    Arc::new(|_| Ok(admit(None, Access::Everything)))
}

/// Admits requests with a token of the workspace. If no token is required, requests without one are
/// admitted with all rights, like the user who started this server on a loopback address. A token
/// that is present must be valid in any case.
pub fn bearers(tokens: Tokens, required: bool) -> Authorize {
    Arc::new(move |parts| {
        admitted(&tokens, required, parts).map_err(|turned| Box::new(turned.answer()))
    })
}

/// Why a request is not authorized.
#[derive(Debug)]
enum TurnedAway {
    /// The request has no token in its `Authorization` header.
    NoToken,
    /// The request has several `Authorization` headers.
    Ambiguous,
    /// The token is unknown, expired or belongs to another workspace.
    Invalid(Refusal),
    /// The token lacks the scope that the request needs.
    Insufficient(Scope),
    /// The tokens cannot be read.
    Unknowable(Refusal),
}

fn admitted(tokens: &Tokens, required: bool, parts: &Parts) -> Result<Admitted, TurnedAway> {
    let Some(presented) = presented(&parts.headers)? else {
        return if required {
            Err(TurnedAway::NoToken)
        } else {
            Ok(admit(None, Access::Everything))
        };
    };
    let grant = tokens.check(presented).map_err(|refusal| match refusal {
        Refusal::Forbidden { .. } => TurnedAway::Invalid(refusal),
        refusal => TurnedAway::Unknowable(refusal),
    })?;
    let scope = needed(header(parts, "mcp-method"), Some(header(parts, "mcp-name")));
    // Every answer reveals content, so every request needs the scope read.
    match [Scope::Read, scope].into_iter().find(|scope| !grant.has(*scope)) {
        Some(_) => Err(TurnedAway::Insufficient(scope)),
        None => Ok(admit(Some(Client::new(grant.id())), Access::Granted(grant))),
    }
}

fn admit(client: Option<Client>, access: Access) -> Admitted {
    let mut extensions = Extensions::new();
    extensions.insert(access);
    Admitted { client, extensions }
}

/// Returns the token of a request.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, TurnedAway> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TurnedAway::Ambiguous);
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Some(token.trim()))
    } else {
        Err(TurnedAway::NoToken)
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl TurnedAway {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::Invalid(_) => StatusCode::UNAUTHORIZED,
            Self::Ambiguous => StatusCode::BAD_REQUEST,
            Self::Insufficient(_) => StatusCode::FORBIDDEN,
            Self::Unknowable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns the value of `WWW-Authenticate`. It has no error if the request had no token (RFC
    /// 6750, section 3.1). Descriptions contain neither quotes nor backslashes.
    fn challenge(&self) -> Option<String> {
        let says = |error: &str, scopes: &str, description: &dyn std::fmt::Display| {
            format!(
                "Bearer realm=\"refiner\", error=\"{error}\", error_description=\"{description}\", scope=\"{scopes}\""
            )
        };
        match self {
            Self::NoToken => Some("Bearer realm=\"refiner\", scope=\"read\"".to_owned()),
            Self::Ambiguous => Some(says("invalid_request", "read", &self.message())),
            Self::Invalid(refusal) => Some(says("invalid_token", "read", refusal)),
            Self::Insufficient(scope) => {
                let scopes =
                    if *scope == Scope::Read { "read".to_owned() } else { format!("read {scope}") };
                Some(says("insufficient_scope", &scopes, &self.message()))
            }
            Self::Unknowable(_) => None,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoToken | Self::Invalid(_) => "unauthorized",
            Self::Ambiguous => "invalid_request",
            Self::Insufficient(_) => "forbidden",
            Self::Unknowable(refusal) => refusal.code(),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NoToken => "the request has no token".into(),
            Self::Ambiguous => "the request has more than one Authorization header".into(),
            Self::Insufficient(scope) => {
                format!("this request needs a token with the scope {scope}")
            }
            Self::Invalid(refusal) | Self::Unknowable(refusal) => refusal.to_string(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NoToken | Self::Ambiguous => {
                "send one header, Authorization: Bearer refiner_…; a person can create a token with refiner token create; the server ignores a token in the URL".into()
            }
            Self::Insufficient(scope) => {
                format!("a person can create one with refiner token create --scope {scope}")
            }
            Self::Invalid(refusal) | Self::Unknowable(refusal) => refusal.hint(),
        }
    }

    fn answer(&self) -> Response {
        let data = json!({ "code": self.code(), "hint": self.hint() });
        let error = json!({ "code": RPC_CODE, "message": self.message(), "data": data });
        let body = json!({ "jsonrpc": "2.0", "id": null, "error": error });
        let mut response = json_answer(self.status(), &body);
        let challenge = self.challenge().and_then(|says| HeaderValue::try_from(says).ok());
        response.headers_mut().extend(challenge.map(|says| (WWW_AUTHENTICATE, says)));
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::disk::UserFolder;
    use crate::model::Name;
    use crate::service::{NewToken, SystemClock};

    fn tokens(folder: &tempfile::TempDir, workspace: &str) -> Tokens {
        let user = UserFolder::new(folder.path().to_owned());
        Tokens::new(user, workspace.into(), Arc::new(SystemClock))
    }

    /// Creates a token, and returns it as a header value.
    fn bearer(tokens: &Tokens, scope: Scope, lives_millis: Option<i64>) -> String {
        let name = Name::parse("test").unwrap();
        let wanted = NewToken { name, scopes: [scope].into(), lives_millis };
        format!("Bearer {}", tokens.create(wanted).unwrap().1.reveal())
    }

    /// Authorizes a request, and returns its rights, or the status and the challenge.
    fn ask(
        tokens: &Tokens,
        required: bool,
        headers: &[(&str, &str)],
    ) -> Result<Access, (u16, String)> {
        let mut request = Request::builder().uri("/mcp?access_token=refiner_x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        match bearers(tokens.clone(), required)(&parts) {
            Ok(admitted) => Ok(admitted.extensions.get::<Access>().unwrap().clone()),
            Err(response) => {
                let challenge = response.headers().get(WWW_AUTHENTICATE);
                let challenge = challenge.map_or("", |says| says.to_str().unwrap());
                Err((response.status().as_u16(), challenge.to_owned()))
            }
        }
    }

    #[test]
    fn only_a_good_token_in_the_header_is_let_in() {
        let folder = tempfile::tempdir().unwrap();
        let here = tokens(&folder, "here");
        let good = bearer(&here, Scope::Write, None);
        let (expired, foreign) = (
            bearer(&here, Scope::Read, Some(-1)),
            bearer(&tokens(&folder, "there"), Scope::Read, None),
        );
        let lower = good.replacen("Bearer", "bearer", 1);
        for header in [&good, &lower, &good.replacen(' ', "  ", 1)] {
            let access = ask(&here, true, &[("authorization", header)]).unwrap();
            assert!(access.has(Scope::Write) && !access.has(Scope::Approve), "{header}");
        }
        let bare = good.trim_start_matches("Bearer ");
        for (what, header, error) in [
            ("another scheme", "Basic cmVmaW5lcg==", ""),
            ("no scheme", bare, ""),
            ("no token", "Bearer", ""),
            ("an empty token", "Bearer ", "unknown"),
            ("two tokens", &format!("{good} {bare}"), "unknown"),
            ("a longer one", &format!("{good}x"), "unknown"),
            ("a shorter one", &good[..good.len() - 1], "unknown"),
            ("an old one", &expired, "expired"),
            ("one of another workspace", &foreign, "another workspace"),
        ] {
            for required in [true, false] {
                let (status, challenge) =
                    ask(&here, required, &[("authorization", header)]).unwrap_err();
                assert_eq!(status, 401, "{what}");
                assert!(challenge.starts_with("Bearer realm=\"refiner\", "), "{challenge}");
                assert!(challenge.contains(error), "{what}: {challenge}");
                assert_eq!(
                    challenge.contains("error=\"invalid_token\""),
                    !error.is_empty(),
                    "{what}"
                );
            }
        }
        let two = [("authorization", good.as_str()), ("authorization", &expired)];
        let (status, challenge) = ask(&here, false, &two).unwrap_err();
        assert!(status == 400 && challenge.contains("error=\"invalid_request\""), "{challenge}");
    }

    #[test]
    fn a_request_without_a_token_is_refused_if_one_is_required() {
        let folder = tempfile::tempdir().unwrap();
        let here = tokens(&folder, "here");
        let challenge = "Bearer realm=\"refiner\", scope=\"read\"".to_owned();
        assert_eq!(ask(&here, true, &[]), Err((401, challenge)));
        assert_eq!(ask(&here, false, &[]), Ok(Access::Everything));
    }

    #[test]
    fn a_token_that_does_not_reach_is_told_the_scopes_that_would() {
        let folder = tempfile::tempdir().unwrap();
        let here = tokens(&folder, "here");
        let (read, approve) =
            (bearer(&here, Scope::Read, None), bearer(&here, Scope::Approve, None));
        let calls = |tool: &'static str, token: &str| {
            let headers =
                [("authorization", token), ("mcp-method", "tools/call"), ("mcp-name", tool)];
            ask(&here, true, &headers)
        };
        assert!(calls("load_state", &read).is_ok());
        let (status, challenge) = calls("save_state", &read).unwrap_err();
        assert_eq!(status, 403);
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.ends_with("scope=\"read write\""), "{challenge}");
        let (status, challenge) = calls("load_state", &approve).unwrap_err();
        assert!(status == 403 && challenge.ends_with("scope=\"read\""), "{challenge}");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a person spoils the file by hand")]
    fn where_tokens_cannot_be_read_none_lets_in() {
        let folder = tempfile::tempdir().unwrap();
        let here = tokens(&folder, "here");
        let good = bearer(&here, Scope::Read, None);
        std::fs::write(folder.path().join("tokens.json"), "{").unwrap();
        assert_eq!(ask(&here, true, &[("authorization", &good)]), Err((503, String::new())));
        assert_eq!(ask(&here, true, &[]).unwrap_err().0, 401);
    }
}
