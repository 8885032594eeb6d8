//! Tokens: the rights of a bearer in a workspace, with an optional expiry.
//!
//! A token is 256 random bits, known only to its bearer. The list of tokens stores its digest, so
//! reading the list reveals no token. The bits are random, so the digest needs no salt and no
//! slowness.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, Name, Time};

/// The prefix of every token, which makes a leaked token recognizable.
const PREFIX: &str = "refiner_";
/// Characters of a token: the prefix, and 32 bytes in base64.
const CHARACTERS: usize = PREFIX.len() + 43;
/// Separates these digests from other digests of the same bytes.
const CONTEXT: &str = "refiner 1 bearer token";

/// What a token lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read.
    Read,
    /// Change it, as an agent does.
    Write,
    /// Make decisions that only a person may make.
    Approve,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Approve];

    /// Returns its name, as `WWW-Authenticate` and the command line have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Approve => "approve",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == name);
        known.ok_or_else(|| "a scope is one of read, write and approve".to_owned())
    }
}

/// A stored token. It does not reveal the [`Secret`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The id for revoking it; not a secret.
    pub id: String,
    /// The name of its holder, given by its maker.
    pub name: Name,
    /// What it lets its bearer do.
    pub scopes: BTreeSet<Scope>,
    /// The one workspace that it is good for.
    pub workspace: String,
    /// When it was made.
    pub created: Time,
    /// When it is over; `None` for never.
    pub expires: Option<Time>,
    /// The digest of its secret.
    pub digest: Digest,
}

/// The secret of a token's bearer.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Makes one of random bytes.
    pub fn of(random: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", BASE64.encode(random)))
    }

    /// Takes a text that has the form of a token.
    pub fn parse(text: &str) -> Option<Self> {
        let is_form = |rest: &str| {
            text.len() == CHARACTERS
                && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        text.strip_prefix(PREFIX).is_some_and(is_form).then(|| Self(text.to_owned()))
    }

    /// Returns the digest that is kept of it.
    pub fn digest(&self) -> Digest {
        Digest::keyed(CONTEXT, self.0.as_bytes())
    }

    /// Returns its text, to be shown to its bearer once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}…")
    }
}

/// The right that a valid token gave. Only [`find`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    id: String,
    name: Name,
    scopes: BTreeSet<Scope>,
}

impl Grant {
    /// Returns the token's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns whose it is.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns whether it includes a scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Why a token gives no right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is not in the list: invented, mistyped or revoked.
    #[error("the token is unknown: it was never made, or it was revoked")]
    Unknown,
    /// It is over.
    #[error("the token has expired")]
    Expired,
    /// It belongs to another workspace.
    #[error("the token belongs to another workspace")]
    Elsewhere,
}

impl Token {
    /// Returns whether it has expired.
    pub fn has_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Returns the right that it gives in a workspace now.
    pub fn grant(&self, workspace: &str, now: Time) -> Result<Grant, Invalid> {
        match (self.workspace == workspace, self.has_expired(now)) {
            (false, _) => Err(Invalid::Elsewhere),
            (true, true) => Err(Invalid::Expired),
            (true, false) => Ok(Grant {
                id: self.id.clone(),
                name: self.name.clone(),
                scopes: self.scopes.clone(),
            }),
        }
    }
}

/// Finds the presented token.
///
/// It compares all of them, each in constant time, so the duration reveals nothing about any.
pub fn find<'a>(tokens: &'a [Token], presented: &str) -> Result<&'a Token, Invalid> {
    let digest = Secret::parse(presented).ok_or(Invalid::Unknown)?.digest();
    let found = tokens.iter().fold(None, |found, token| {
        if token.digest.is_same_secret(&digest) { Some(token) } else { found }
    });
    found.ok_or(Invalid::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str, secret: &Secret) -> Token {
        Token {
            id: id.into(),
            name: Name::parse("laptop").unwrap(),
            scopes: [Scope::Read, Scope::Write].into(),
            workspace: "folder:/a".into(),
            created: Time::from_millis(0),
            expires: Some(Time::from_millis(1000)),
            digest: secret.digest(),
        }
    }

    fn granted(
        tokens: &[Token],
        presented: &str,
        workspace: &str,
        now: i64,
    ) -> Result<String, Invalid> {
        let token = find(tokens, presented)?;
        token.grant(workspace, Time::from_millis(now)).map(|grant| grant.id().to_owned())
    }

    #[test]
    fn a_token_is_good_in_its_workspace_until_it_expires() {
        let secrets = [Secret::of([1; 32]), Secret::of([2; 32])];
        let forever = Token { expires: None, ..token("two", &secrets[1]) };
        let tokens = [token("one", &secrets[0]), forever];
        let [one, two] = [secrets[0].reveal(), secrets[1].reveal()];
        for (presented, workspace, now, expected) in [
            (one, "folder:/a", 999, Ok("one")),
            (one, "folder:/a", 1000, Err(Invalid::Expired)),
            (one, "folder:/a/", 0, Err(Invalid::Elsewhere)),
            (one, "folder:/b", 1000, Err(Invalid::Elsewhere)),
            (two, "folder:/a", i64::MAX, Ok("two")),
        ] {
            let got = granted(&tokens, presented, workspace, now);
            assert_eq!(got, expected.map(str::to_owned), "{presented} in {workspace} at {now}");
        }
        assert_eq!(find(&[], one), Err(Invalid::Unknown), "a revoked one is not in the list");
    }

    #[test]
    fn nothing_that_is_nearly_a_token_is_one() {
        let secret = Secret::of([7; 32]);
        let tokens = [token("one", &secret)];
        let text = secret.reveal();
        assert_eq!((text.len(), &text[..8]), (51, "refiner_"));
        for at in 0..text.len() {
            for other in ["A", "z", "-", "_", " ", "é"] {
                if &text[at..=at] != other {
                    let near = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                    assert_eq!(find(&tokens, &near), Err(Invalid::Unknown), "{near}");
                }
            }
        }
        let digest = secret.digest().to_hex();
        let spaced = format!(" {text}");
        for nonsense in [
            "",
            "refiner_",
            &text[8..],
            &text[..50],
            &format!("{text}A"),
            &spaced,
            &digest,
            &text.to_uppercase(),
            &"x".repeat(1 << 20),
        ] {
            assert_eq!(find(&tokens, nonsense), Err(Invalid::Unknown), "{nonsense:.60}");
        }
        assert!(find(&tokens, text).is_ok());
    }

    #[test]
    fn neither_a_secret_nor_a_kept_token_shows_what_it_is() {
        let secret = Secret::of([7; 32]);
        let kept = token("one", &secret);
        for shown in
            [format!("{secret:?}"), format!("{kept:?}"), serde_json::to_string(&kept).unwrap()]
        {
            assert!(!shown.contains(&secret.reveal()[8..20]), "{shown}");
        }
        assert_ne!(kept.digest, Digest::of(secret.reveal().as_bytes()), "its digest is its own");
    }
}
