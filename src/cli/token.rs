use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use super::consent::asked;
use super::input::name;
use super::output::{BOLD, GOOD, table};
use super::{Context, Failure};
use crate::model::token::{Scope, Token};
use crate::model::{Refusal, Time, limits};
use crate::service::{Clock as _, NewToken, SystemClock, Tokens};

#[derive(Debug, clap::Args)]
pub(super) struct TokenCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a token for this workspace and print it once
    Create(Create),
    /// List your tokens of all workspaces
    List,
    /// Revoke a token
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// A name for the token, such as laptop
    #[arg(long)]
    name: String,
    /// What the token allows: read, write (includes read), approve
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "read,write")]
    scope: Vec<Scope>,
    /// The token's lifetime: 12h, 30d, 8w, or never
    #[arg(long, value_name = "TIME", default_value = "90d")]
    expires: Lifetime,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The token's id, from `refiner token list`
    id: String,
}

/// A token's lifetime in milliseconds. `None` means that it does not expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lifetime(Option<i64>);

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let day = 24 * 60 * 60 * 1000;
        let units = [("m", 60 * 1000), ("h", 60 * 60 * 1000), ("d", day), ("w", 7 * day)];
        let amount = units.iter().find_map(|(unit, millis)| {
            let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(*millis)
        });
        match amount {
            Some(millis) if (1..=limits::TOKEN_DAYS_MAX * day).contains(&millis) => {
                Ok(Self(Some(millis)))
            }
            _ => Err(format!(
                "expected a lifetime such as 12h, 30d or 8w, at most {} days, or never",
                limits::TOKEN_DAYS_MAX
            )),
        }
    }
}

/// A token as shown: without its secret or the secret's digest.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    scopes: &'a BTreeSet<Scope>,
    workspace: &'a str,
    created: Time,
    expires: Option<Time>,
    expired: bool,
}

impl<'a> Shown<'a> {
    fn of(token: &'a Token) -> Self {
        Self {
            id: &token.id,
            name: token.name.as_str(),
            scopes: &token.scopes,
            workspace: &token.workspace,
            created: token.created,
            expires: token.expires,
            expired: token.has_expired(SystemClock.now()),
        }
    }

    fn scopes(&self) -> String {
        self.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",")
    }

    fn end(&self) -> String {
        match self.expires {
            None => "never".to_owned(),
            Some(at) if self.expired => format!("{at} (expired)"),
            Some(at) => at.to_string(),
        }
    }
}

/// A new token.
#[derive(Debug, Serialize)]
struct Created<'a> {
    #[serde(flatten)]
    shown: Shown<'a>,
    token: &'a str,
}

impl TokenCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let tokens = context.tokens.as_ref().ok_or_else(no_folder)?;
        match self.command {
            Command::Create(create) => create.run(tokens, context),
            Command::List => list(tokens, context),
            Command::Revoke(revoke) => revoke.run(tokens, context),
        }
    }
}

impl Create {
    fn run(self, tokens: &Tokens, context: &Context) -> Result<(), Failure> {
        let wanted = NewToken {
            name: name(&self.name)?,
            scopes: self.scope.into_iter().collect(),
            lives_millis: self.expires.0,
        };
        if wanted.scopes.contains(&Scope::Approve) {
            agreed()?;
        }
        let (token, secret) = tokens.create(wanted)?;
        let created = Created { shown: Shown::of(&token), token: secret.reveal() };
        context.output.answer(&created, |page, created| writeln!(page, "{}", created.token))?;
        let Shown { id, workspace, .. } = &created.shown;
        context.output.say(format_args!(
            "{GOOD}{}{GOOD:#} for {workspace}; expires: {}\n\
             Copy it now: it is not stored and not shown again. Revoke it with: {BOLD}refiner token revoke {id}{BOLD:#}",
            created.shown.scopes(),
            created.shown.end()
        ));
        Ok(())
    }
}

/// Asks the person for consent, because a program with such a token decides in the person's place.
fn agreed() -> Result<(), Failure> {
    let question =
        "A program with this token can approve in your place. Keep it where no agent can read it.";
    if asked(&question) {
        Ok(())
    } else {
        Err(Failure::Refused(Refusal::ApprovalRequired {
            what: "to make a token with the scope approve".into(),
            command: "refiner token create".into(),
        }))
    }
}

impl Revoke {
    fn run(self, tokens: &Tokens, context: &Context) -> Result<(), Failure> {
        let token = tokens.revoke(&self.id)?;
        context.output.answer(&Shown::of(&token), |page, shown| {
            writeln!(page, "revoked: {} ({})", shown.id, shown.name)
        })
    }
}

fn list(tokens: &Tokens, context: &Context) -> Result<(), Failure> {
    let tokens = tokens.list()?;
    if tokens.is_empty() {
        context.output.say("No tokens. Create one with `refiner token create --name NAME`.");
    }
    let shown: Vec<Shown<'_>> = tokens.iter().map(Shown::of).collect();
    context.output.answer(&serde_json::json!({ "tokens": shown }), |page, _| {
        let row = |one: &Shown<'_>| {
            let text = |text: &str| text.to_owned();
            vec![text(one.id), text(one.name), one.scopes(), one.end(), text(one.workspace)]
        };
        let rows: Vec<_> = shown.iter().map(row).collect();
        if rows.is_empty() {
            Ok(())
        } else {
            table(page, &["id", "name", "scopes", "expires", "workspace"], &rows)
        }
    })
}

/// Returns the failure that no folder for tokens is known.
pub(super) fn no_folder() -> Failure {
    Failure::Usage("no folder for tokens: set XDG_CONFIG_HOME or HOME".into())
}

/// Returns the workspace id in tokens: the project's folder, as its canonical path. The namespace
/// of a database will have another prefix.
pub(super) fn workspace(project: &Path) -> String {
    match project.to_str() {
        Some(path) => format!("folder:{path}"),
        // The quoted form cannot equal the path of another folder.
        None => format!("folder:{project:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_has_a_number_a_unit_and_an_end() {
        let day = 24 * 60 * 60 * 1000;
        for (text, millis) in [
            ("1m", Some(60_000)),
            ("12h", Some(day / 2)),
            ("30d", Some(30 * day)),
            ("8w", Some(56 * day)),
            ("3650d", Some(3650 * day)),
            ("never", None),
        ] {
            assert_eq!(text.parse(), Ok(Lifetime(millis)), "{text}");
        }
        for nonsense in
            ["", "d", "0d", "-1d", "1.5h", "30", "3651d", "30 d", "9223372036854775807w", "forever"]
        {
            assert!(nonsense.parse::<Lifetime>().is_err(), "{nonsense}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn no_two_folders_are_the_same_workspace() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let of = |bytes: &[u8]| workspace(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(of(b"/a/b"), "folder:/a/b");
        let all: BTreeSet<String> =
            [&b"/a"[..], b"/a\xff", b"/a\xfe", b"/a\\xFF", "/a\u{fffd}".as_bytes()].map(of).into();
        assert_eq!(all.len(), 5, "{all:?}");
    }
}
