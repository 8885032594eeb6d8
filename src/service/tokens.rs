//! The tokens of a user, in one file of the user's folder, outside of every workspace.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Clock;
use crate::disk::UserFolder;
use crate::model::token::{self, Grant, Invalid, Scope, Secret, Token};
use crate::model::{Name, Refusal, Time, limits};

/// The file, in the user's folder.
const FILE: &str = "tokens.json";
/// The format of the file. A newer format may restrict a token in a way that this program ignores.
const FORMAT: u32 = 1;

/// The user's tokens for one workspace.
///
/// Every check reads the file, so a change by another process counts at once. The file's times are
/// not enough: they miss two changes within one tick of the disk's clock. A check takes 15 µs of
/// processor time with up to 100 tokens. The file is parsed only when its bytes changed.
#[derive(Clone, Debug)]
pub struct Tokens {
    folder: UserFolder,
    workspace: String,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Known>>,
}

/// The last content of the file, parsed.
#[derive(Debug)]
struct Known {
    content: Option<Vec<u8>>,
    tokens: Arc<[Token]>,
}

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: u32,
    tokens: Vec<Token>,
}

/// The properties of a new token.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The name of its holder.
    pub name: Name,
    /// The rights of its bearer.
    pub scopes: BTreeSet<Scope>,
    /// Its lifetime; `None` for no limit.
    pub lives_millis: Option<i64>,
}

impl Tokens {
    /// Reads the tokens of one workspace from a user's folder.
    pub fn new(folder: UserFolder, workspace: String, clock: Arc<dyn Clock>) -> Self {
        let known = Known { content: None, tokens: Arc::new([]) };
        Self { folder, workspace, clock, known: Arc::new(Mutex::new(known)) }
    }

    /// Creates a token for the workspace. Its secret is not stored.
    pub fn create(&self, wanted: NewToken) -> Result<(Token, Secret), Refusal> {
        let mut scopes = wanted.scopes;
        if scopes.contains(&Scope::Write) {
            // The answer of a write includes the state, so writing implies reading.
            scopes.insert(Scope::Read);
        }
        let (secret, created) = (Secret::of(random()), self.clock.now());
        let until = |millis| Time::from_millis(created.as_millis().saturating_add(millis));
        let digest = secret.digest();
        let token = Token {
            id: digest.to_hex()[..12].to_owned(),
            name: wanted.name,
            scopes,
            workspace: self.workspace.clone(),
            created,
            expires: wanted.lives_millis.map(until),
            digest,
        };
        let made = token.clone();
        self.change(|tokens| {
            check_room(tokens)?;
            tokens.push(made);
            Ok(())
        })?;
        Ok((token, secret))
    }

    /// Revokes a token. Every later call with it is refused.
    pub fn revoke(&self, id: &str) -> Result<Token, Refusal> {
        self.change(|tokens| {
            let position = tokens.iter().position(|token| token.id == id);
            let position = position.ok_or_else(|| Refusal::NotFound {
                what: "token with that id".into(),
                hint: "refiner token list shows the existing ids".into(),
            })?;
            Ok(tokens.remove(position))
        })
    }

    /// Returns the user's tokens of all workspaces, oldest first.
    pub fn list(&self) -> Result<Arc<[Token]>, Refusal> {
        let content = self.folder.read(FILE).map_err(|error| self.unreadable(&error))?;
        let mut known = self.known.lock();
        if known.content != content {
            known.tokens = self.parsed(content.as_deref())?.into();
            known.content = content;
        }
        Ok(Arc::clone(&known.tokens))
    }

    /// Returns the grant of a presented token in this workspace now.
    pub fn check(&self, presented: &str) -> Result<Grant, Refusal> {
        let tokens = self.list()?;
        let granted = token::find(&tokens, presented)
            .and_then(|token| token.grant(&self.workspace, self.clock.now()));
        granted.map_err(invalid)
    }

    /// Returns the present grant of an earlier token, which may have been revoked or have expired
    /// since.
    pub fn recheck(&self, grant: &Grant) -> Result<Grant, Refusal> {
        let tokens = self.list()?;
        let token = tokens.iter().find(|token| token.id == grant.id());
        let granted = token
            .ok_or(Invalid::Unknown)
            .and_then(|token| token.grant(&self.workspace, self.clock.now()));
        granted.map_err(invalid)
    }

    /// Changes the list under the lock of all processes of the user.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Token>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut outcome = None;
        let stored = self.folder.change(FILE, |content| {
            let changed = self.parsed(content.as_deref()).and_then(|mut tokens| {
                let answer = change(&mut tokens)?;
                Ok((answer, Kept { format: FORMAT, tokens }))
            });
            let (answer, kept) = match changed {
                Ok((answer, kept)) => (Ok(answer), Some(kept)),
                Err(refusal) => (Err(refusal), None),
            };
            outcome = Some(answer);
            kept.map(|kept| serde_json::to_vec_pretty(&kept)).transpose().map_err(io::Error::from)
        });
        match (stored, outcome) {
            (Ok(()), Some(answer)) => answer,
            (Err(error), _) => Err(self.unreadable(&error)),
            (Ok(()), None) => Err(Refusal::Internal("the list of tokens was not changed".into())),
        }
    }

    fn parsed(&self, content: Option<&[u8]>) -> Result<Vec<Token>, Refusal> {
        let Some(content) = content else { return Ok(Vec::new()) };
        let kept: Kept =
            serde_json::from_slice(content).map_err(|error| self.unreadable(&error))?;
        match kept.format {
            FORMAT => Ok(kept.tokens),
            newer => Err(self.unreadable(&format!(
                "its format is {newer}, and this program knows format {FORMAT}"
            ))),
        }
    }

    fn unreadable(&self, problem: &dyn std::fmt::Display) -> Refusal {
        Refusal::Unsupported {
            what: format!("the list of tokens cannot be used: {problem}"),
            hint: format!(
                "a person must repair or remove {}; until then no token is valid",
                self.folder.path().join(FILE).display()
            ),
        }
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

fn check_room(tokens: &[Token]) -> Result<(), Refusal> {
    match tokens.len() {
        0..limits::TOKENS_MAX => Ok(()),
        actual => Err(Refusal::TooLarge {
            what: "the list of tokens (revoke the unused ones)".into(),
            actual: actual + 1,
            limit: limits::TOKENS_MAX,
            unit: "tokens",
        }),
    }
}

fn invalid(why: Invalid) -> Refusal {
    Refusal::Forbidden {
        message: why.to_string(),
        hint: "nothing was done: a person can create a token for this workspace with refiner token create".into(),
    }
}

#[cfg(test)]
mod tests;
