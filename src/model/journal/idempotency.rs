//! Idempotency keys, which identify repeated calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Refusal, Version, limits};

/// A caller's key with the digest of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The key, as the caller gave it.
    pub key: String,
    /// The digest of the tool's name and arguments, without the key itself.
    pub call: Digest,
    /// The number of the cycle that the call belonged to, or made. Entries of earlier programs do not
    /// say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<u64>,
}

impl IdempotencyKey {
    /// Returns the key, or refuses it.
    pub fn new(key: String, call: Digest) -> Result<Self, Refusal> {
        match key.chars().count() {
            1..=limits::IDEMPOTENCY_KEY_CHARACTERS_MAX => Ok(Self { key, call, cycle: None }),
            length => Err(Refusal::argument(
                format!("idempotency_key has {length} characters"),
                format!("use 1 to {} characters", limits::IDEMPOTENCY_KEY_CHARACTERS_MAX),
            )),
        }
    }

    /// Returns the key of a call in a cycle, or before the first one.
    #[must_use]
    pub fn in_cycle(self, cycle: Option<u64>) -> Self {
        Self { cycle, ..self }
    }

    /// Returns the version of a remembered call that a later one repeats. In another cycle the same
    /// arguments mean something else.
    fn check_cycle(&self, later: &Self, version: Version) -> Result<Option<Version>, Refusal> {
        match (self.cycle, later.cycle) {
            (Some(cycle), Some(present)) if cycle != present => Err(Refusal::argument(
                format!(
                    "idempotency_key {:?} belongs to a call of cycle {cycle}, which created version {version}",
                    self.key
                ),
                format!("use a new key for a call of cycle {present}"),
            )),
            _ => Ok(Some(version)),
        }
    }
}

/// The keys of an artifact's last operations.
///
/// The table has the keys of the last 1,024 versions, so it does not grow with the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RememberedKeys(BTreeMap<Version, IdempotencyKey>);

impl RememberedKeys {
    /// Adds the key of a version, and drops keys that are too old.
    pub fn remember(&mut self, version: Version, key: IdempotencyKey) {
        self.0.insert(version, key);
    }

    /// Drops the keys that are too old for the given newest version.
    pub fn forget_before(&mut self, newest: Version) {
        let oldest = newest.saturating_sub(limits::IDEMPOTENCY_KEYS_REMEMBERED - 1);
        if self.0.first_key_value().is_some_and(|(version, _)| *version < oldest) {
            self.0 = self.0.split_off(&oldest);
        }
    }

    /// Returns the version that a call with this key created, `None` for a new key, or a refusal
    /// when the key belongs to another call, or to a call of another cycle.
    pub fn find(&self, key: &IdempotencyKey) -> Result<Option<Version>, Refusal> {
        let known = self.0.iter().rev().find(|(_, known)| known.key == key.key);
        match known {
            None => Ok(None),
            Some((version, known)) if known.call == key.call => known.check_cycle(key, *version),
            Some((version, _)) => Err(Refusal::argument(
                format!(
                    "idempotency_key {:?} belongs to another call, which created version {version}",
                    key.key
                ),
                "use a new key for a new call; repeat a call with exactly the same arguments",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str, call: &str) -> IdempotencyKey {
        IdempotencyKey::new(key.into(), Digest::of(call.as_bytes())).unwrap()
    }

    #[test]
    fn a_key_leads_to_its_version_and_refuses_another_call() {
        let mut keys = RememberedKeys::default();
        keys.remember(7, key("k", "save 1"));
        assert_eq!(keys.find(&key("k", "save 1")), Ok(Some(7)));
        assert_eq!(keys.find(&key("other", "save 1")), Ok(None));
        assert_eq!(keys.find(&key("k", "save 2")).unwrap_err().code(), "invalid_argument");
    }

    #[test]
    fn a_key_of_another_cycle_is_refused() {
        let mut keys = RememberedKeys::default();
        keys.remember(7, key("k", "save").in_cycle(Some(1)));
        assert_eq!(keys.find(&key("k", "save").in_cycle(Some(1))), Ok(Some(7)));
        assert_eq!(keys.find(&key("k", "save")), Ok(Some(7)));
        let refusal = keys.find(&key("k", "save").in_cycle(Some(2))).unwrap_err();
        assert!(refusal.to_string().contains("cycle 1"), "{refusal}");
    }

    #[test]
    fn the_last_thousand_operations_are_remembered_and_the_table_stays_bounded() {
        let mut keys = RememberedKeys::default();
        for version in 1..=5_000 {
            keys.remember(version, key(&format!("k{version}"), "save"));
            keys.forget_before(version);
        }
        assert_eq!(keys.find(&key("k4001", "save")), Ok(Some(4001)));
        assert_eq!(keys.find(&key("k3000", "save")), Ok(None));
        assert_eq!(keys.0.len() as u64, limits::IDEMPOTENCY_KEYS_REMEMBERED);
    }

    #[test]
    fn a_key_has_a_length() {
        assert!(IdempotencyKey::new(String::new(), Digest::ZERO).is_err());
        assert!(IdempotencyKey::new("k".repeat(129), Digest::ZERO).is_err());
    }
}
