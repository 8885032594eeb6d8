//! The id of a journal, by which it is told from another one of the same artifact's name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 128 bits that no other journal has, written as 32 lower-case hexadecimal digits.
///
/// A journal gets one with its first entry, or with the first one in format 3. A copy of a journal has
/// the id of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JournalId(u128);

impl JournalId {
    /// Makes one of a number that no other call gave.
    pub fn new(number: u128) -> Self {
        Self(number)
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<JournalId> for String {
    fn from(id: JournalId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for JournalId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_hex = text.len() == 32
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or_else(|| format!("{text:?} is not the id of a journal"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_id_is_32_digits_and_nothing_else() {
        let id = JournalId::new(0xab);
        assert_eq!(json!(id), "000000000000000000000000000000ab");
        assert_eq!(serde_json::from_value::<JournalId>(json!(id)).unwrap(), id);
        let bad = |text: Value| serde_json::from_value::<JournalId>(text).is_err();
        assert!(bad(json!("ab")) && bad(json!("A".repeat(32))) && bad(json!(171)));
        assert!(bad(json!("+0000000000000000000000000000001")));
    }
}
