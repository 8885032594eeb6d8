//! Names of artifacts, workflows and collections.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Refusal;
use crate::model::text::{NAMED_CHARACTERS_MAX, shortened};

const LENGTH_MAX: usize = 64;
/// Device names that Windows reserves in every folder, with or without an extension.
const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
const RESERVED_NUMBERED: [&str; 2] = ["com", "lpt"];

/// A name that is safe as a file name on every system: `[a-z0-9][a-z0-9._-]{0,63}`, with no
/// trailing dot, and no device name that Windows reserves.
///
/// Parsed once at the border and trusted from there on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Returns the name, or `invalid_name` with the rule that it breaks.
    pub fn parse(given: &str) -> Result<Self, Refusal> {
        match broken_rule(given) {
            None => Ok(Self(given.to_owned())),
            Some(rule) => Err(Refusal::InvalidName {
                given: shortened(given, NAMED_CHARACTERS_MAX),
                rule: rule.into(),
            }),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the first rule that a name breaks, or `None` for a good name.
fn broken_rule(name: &str) -> Option<&'static str> {
    let Some(first) = name.chars().next() else {
        return Some("it is empty");
    };
    if name.chars().count() > LENGTH_MAX {
        return Some("it is longer than 64 characters");
    }
    if !(first.is_ascii_lowercase() || first.is_ascii_digit()) {
        return Some("it must begin with a lower-case letter or a digit");
    }
    if !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')) {
        return Some("only lower-case letters, digits, '.', '_' and '-' are allowed");
    }
    if name.ends_with('.') {
        return Some("it must not end with a dot");
    }
    is_reserved(name).then_some("Windows reserves it for a device")
}

pub(super) fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    let numbered = |prefix: &&str| {
        stem.strip_prefix(*prefix).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']))
    };
    RESERVED.contains(&stem) || RESERVED_NUMBERED.iter().any(numbered)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = Refusal;
    fn try_from(given: String) -> Result<Self, Refusal> {
        Self::parse(&given)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl schemars::JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }
    fn inline_schema() -> bool {
        true
    }
    // What a name may be is checked by `Name::parse`, whose refusal says more than a pattern does.
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_accepted_when_it_is_safe_as_a_file_name_everywhere() {
        for good in ["a", "logo", "0", "my-logo_v1.2", "console", "com", "com10", &"a".repeat(64)] {
            assert_eq!(Name::parse(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn a_name_is_refused_when_it_could_leave_its_folder_or_collide() {
        let too_long = "a".repeat(65);
        let bad = [
            "", "../x", "a/b", "a\\b", "..", ".hidden", "-a", "_a", "Logo", "CON", "con",
            "nul.txt", "com1", "lpt9.log", "a.", "a b", "é", "🚀", "a\0", "a\n", &too_long,
        ];
        for name in bad {
            let refusal = Name::parse(name).expect_err(name);
            assert!(matches!(refusal, Refusal::InvalidName { .. }), "{name:?}: {refusal:?}");
        }
    }

    #[test]
    fn a_refused_name_is_repeated_only_in_part() {
        let Err(Refusal::InvalidName { given, .. }) = Name::parse(&"🚀".repeat(10_000)) else {
            panic!("accepted");
        };
        assert!(given.chars().count() <= 81);
    }
}
