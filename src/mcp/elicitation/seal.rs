//! The sealed state that travels to the client with a question and returns with the answer.
//!
//! The state is not secret, but only the key can create or change one. It binds the answer to this
//! server's workspace, to one request with its arguments and to a time limit, and carries the
//! asker's data. It does not prevent a second use: the human gate does, because it binds an answer
//! to a gate that opens once, or to a version that is the newest only once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Unasked;
use super::key::{self, KEY, Key};
use crate::model::{Digest, Time};

/// Separates this use of the key from any other use (domain separation).
const CONTEXT: &str = "refiner 2 requestState of a question";
/// Limit on the bytes of a sealed state. Real states are far smaller.
const BYTES_MAX: usize = 16 << 10;
/// How long a sealed state is valid.
const LIVES_MILLIS: i64 = 15 * 60 * 1000;

/// The request that a state belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The digest of the workspace's location.
    place: Digest,
    /// The tool or prompt.
    name: String,
    /// The digest of the arguments.
    arguments: Digest,
}

impl Binding {
    /// Creates the binding to a request with a name and arguments, in a workspace.
    pub fn new(place: &str, name: &str, arguments: &JsonObject) -> Self {
        Self {
            place: Digest::of(place.as_bytes()),
            name: name.to_owned(),
            arguments: Digest::of_json(&json!(arguments)),
        }
    }

    /// Seals the asker's data for 15 minutes.
    pub fn sealed<T: Serialize>(&self, remembered: &T, now: Time) -> String {
        self.sealed_with(&KEY, remembered, now)
    }

    /// Verifies a sealed state and returns the asker's data.
    ///
    /// # Errors
    ///
    /// If a server of this user did not issue the state, or if it belongs to another request or has
    /// expired.
    pub fn opened<T: DeserializeOwned>(&self, sealed: &str, now: Time) -> Result<T, Unasked> {
        self.opened_with(&KEY, sealed, now)
    }

    fn sealed_with<T: Serialize>(&self, key: &Key, remembered: &T, now: Time) -> String {
        let state = State {
            binding: self.clone(),
            remembered,
            expires: Time::from_millis(now.as_millis() + LIVES_MILLIS),
            nonce: key::nonce(),
        };
        let payload = serde_json::to_vec(&state).expect("a state is made of what JSON can hold");
        format!("{}.{}", BASE64.encode(&payload), mac(&payload, key).to_hex())
    }

    fn opened_with<T: DeserializeOwned>(
        &self,
        key: &Key,
        sealed: &str,
        now: Time,
    ) -> Result<T, Unasked> {
        let state: State<T> = unsealed(sealed, key).ok_or(Unasked::Forged)?;
        if state.binding != *self {
            return Err(Unasked::OtherRequest);
        }
        if now < state.expires { Ok(state.remembered) } else { Err(Unasked::Expired) }
    }
}

/// The content of a sealed state.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State<T> {
    binding: Binding,
    remembered: T,
    expires: Time,
    /// Makes every state unique.
    nonce: String,
}

fn unsealed<T: DeserializeOwned>(sealed: &str, key: &Key) -> Option<T> {
    let (payload, seal) =
        Some(sealed).filter(|sealed| sealed.len() <= BYTES_MAX)?.split_once('.')?;
    let payload = BASE64.decode(payload).ok()?;
    // The comparison of two hashes takes constant time, so it reveals no prefix.
    let genuine = mac(&payload, key) == blake3::Hash::from_hex(seal).ok()?;
    genuine.then(|| serde_json::from_slice(&payload).ok()).flatten()
}

fn mac(payload: &[u8], key: &Key) -> blake3::Hash {
    blake3::keyed_hash(&blake3::derive_key(CONTEXT, key), payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 32];
    const NOW_MILLIS: i64 = 1_000_000;

    fn after(millis: i64) -> Time {
        Time::from_millis(NOW_MILLIS + millis)
    }

    fn binding(place: &str, name: &str, x: i64) -> Binding {
        Binding::new(place, name, json!({ "x": x }).as_object().unwrap())
    }

    fn sealed() -> String {
        binding("/a", "transition", 1).sealed_with(&KEY, &"approve", after(0))
    }

    fn open(sealed: &str, key: &Key, binding: &Binding, now: Time) -> Result<String, Unasked> {
        binding.opened_with(key, sealed, now)
    }

    #[test]
    fn a_state_opens_for_its_request_until_it_expires() {
        let (sealed, bound) = (sealed(), binding("/a", "transition", 1));
        let last = open(&sealed, &KEY, &bound, after(LIVES_MILLIS - 1));
        assert_eq!(last, Ok("approve".to_owned()));
        assert_eq!(open(&sealed, &KEY, &bound, after(LIVES_MILLIS)), Err(Unasked::Expired));
        for other in [
            binding("/a", "transition", 2),
            binding("/b", "transition", 1),
            binding("/a", "save_state", 1),
        ] {
            assert_eq!(open(&sealed, &KEY, &other, after(0)), Err(Unasked::OtherRequest));
        }
        assert_eq!(open(&sealed, &[8; 32], &bound, after(0)), Err(Unasked::Forged));
        assert_ne!(sealed, self::sealed(), "each state is unique");
    }

    #[test]
    fn no_flipped_or_missing_byte_of_a_sealed_state_goes_unnoticed() {
        let (sealed, bound) = (sealed().into_bytes(), binding("/a", "transition", 1));
        for at in 0..sealed.len() {
            for bit in 0..7 {
                let mut altered = sealed.clone();
                altered[at] ^= 1 << bit;
                let altered = String::from_utf8(altered).unwrap();
                // Upper-case hexadecimal digits have the same value.
                if !altered.eq_ignore_ascii_case(std::str::from_utf8(&sealed).unwrap()) {
                    assert_eq!(open(&altered, &KEY, &bound, after(0)), Err(Unasked::Forged));
                }
            }
            let cut = std::str::from_utf8(&sealed[..at]).unwrap();
            assert_eq!(open(cut, &KEY, &bound, after(0)), Err(Unasked::Forged));
        }
    }

    #[test]
    fn what_is_no_sealed_state_at_all_is_refused_without_harm() {
        let bound = binding("/a", "transition", 1);
        for nonsense in ["", ".", "a.b", "{}", &"x".repeat(1 << 20), "bnVsbA.00"] {
            assert_eq!(open(nonsense, &KEY, &bound, after(0)), Err(Unasked::Forged));
        }
    }
}
