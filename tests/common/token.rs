//! Tokens of a user, as `refiner token` makes them.

use std::path::Path;

use serde_json::{Value, json};

use super::{Project, command, conversation};

/// What asks for a word at the terminal ends with.
pub(crate) const YES: &str = "Type yes to continue: ";

/// A token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) secret: String,
    pub(crate) id: String,
}

impl Token {
    /// Makes a token for the workspace of a project. The user is the one whose configuration lies in
    /// `user`, and sits at a terminal.
    pub(crate) fn make(user: &Project, project: &Path, scope: &str) -> Self {
        let mut create = command(project);
        create.env("XDG_CONFIG_HOME", user.path().join(".config"));
        create.args(["token", "create", "--name", "me", "--json", "--scope", scope]);
        let lines: &[_] = if scope.contains("approve") { &[(YES, "yes")] } else { &[] };
        let (code, screen) = conversation(&create, lines);
        assert_eq!(code, Some(0), "{screen}");
        let field = |name: &str| {
            let (_, rest) = screen.split_once(&format!("\"{name}\": \"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        Self { secret: field("token"), id: field("id") }
    }

    /// Lets it be over, as if its time had passed.
    pub(crate) fn expire(&self, user: &Project) {
        let file = user.path().join(".config/refiner/tokens.json");
        let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let tokens = kept["tokens"].as_array_mut().unwrap();
        let token = tokens.iter_mut().find(|token| token["id"] == self.id.as_str()).unwrap();
        token["expires"] = json!("2020-01-01T00:00:00.000Z");
        std::fs::write(&file, kept.to_string()).unwrap();
    }
}
