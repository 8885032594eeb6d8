//! The state that goes to a client with a question and comes back with the answer.
//!
//! It is no secret, and nobody can make or change one without the key. It says what the answer is
//! good for: this workspace, this tool with these arguments (the artifact's name among them), what the
//! person saw, and until when. That it is good once is not its business: what the person saw is a
//! gate that is open once, or a version that is the newest once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::model::gate::Sight;
use crate::model::{Digest, Refusal, Time};

/// Keeps the key's use here apart from any other use of the same key.
const CONTEXT: &str = "refiner 1 requestState of the human gate";
/// Bytes of a sealed state. No state of ours comes near it.
const BYTES_MAX: usize = 16 << 10;

/// What a client brings back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// The call that it belongs to.
    pub(super) binding: Binding,
    /// What was asked, in a few words.
    pub(super) what: String,
    /// The events that the person could choose from.
    pub(super) events: Vec<String>,
    /// What the person was shown.
    pub(super) sight: Sight,
    /// When it is over.
    pub(super) expires: Time,
    /// Makes every state another one.
    pub(super) nonce: String,
}

/// Which call a state belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Binding {
    /// The digest of where the workspace is.
    pub(super) workspace: Digest,
    /// The tool.
    pub(super) tool: String,
    /// The digest of its arguments.
    pub(super) arguments: Digest,
}

/// Seals a state: its JSON and a keyed BLAKE3 digest of that.
pub(super) fn sealed(state: &State, key: &Key) -> String {
    let payload = serde_json::to_vec(state).expect("a state is made of what JSON can hold");
    format!("{}.{}", BASE64.encode(&payload), mac(&payload, key).to_hex())
}

/// Opens a sealed state for a call, or refuses it.
pub(super) fn opened(
    sealed: &str,
    key: &Key,
    binding: &Binding,
    now: Time,
) -> Result<State, Refusal> {
    let state = unsealed(sealed, key)
        .ok_or_else(|| forbidden("the requestState is none that this server made"))?;
    if state.binding != *binding {
        return Err(forbidden("the requestState belongs to another call"));
    }
    match now < state.expires {
        true => Ok(state),
        false => Err(super::unasked("the question has expired")),
    }
}

fn unsealed(sealed: &str, key: &Key) -> Option<State> {
    let (payload, seal) =
        Some(sealed).filter(|sealed| sealed.len() <= BYTES_MAX)?.split_once('.')?;
    let payload = BASE64.decode(payload).ok()?;
    // The comparison of two hashes takes the same time wherever they differ.
    let genuine = mac(&payload, key) == blake3::Hash::from_hex(seal).ok()?;
    genuine.then(|| serde_json::from_slice(&payload).ok()).flatten()
}

fn mac(payload: &[u8], key: &Key) -> blake3::Hash {
    blake3::keyed_hash(&blake3::derive_key(CONTEXT, key), payload)
}

fn forbidden(message: &str) -> Refusal {
    Refusal::Forbidden {
        message: format!("{message}; nothing was written"),
        hint: "send the call as a new one, without requestState and inputResponses: then the person is asked".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 32];
    const NOW: i64 = 1_000_000;

    fn binding(arguments: &[u8]) -> Binding {
        Binding {
            workspace: Digest::of(b"/a"),
            tool: "transition".into(),
            arguments: Digest::of(arguments),
        }
    }

    fn state() -> State {
        State {
            binding: binding(b"1"),
            what: "the event approve".into(),
            events: vec!["approve".into()],
            sight: Sight::Version { cycle: "c".into(), version: 3 },
            expires: Time::from_millis(NOW + 1),
            nonce: "n".into(),
        }
    }

    fn open(sealed: &str, key: &Key, binding: &Binding, now: i64) -> Result<State, &'static str> {
        opened(sealed, key, binding, Time::from_millis(now)).map_err(|refusal| refusal.code())
    }

    #[test]
    fn a_state_opens_for_its_call_until_it_expires() {
        let sealed = sealed(&state(), &KEY);
        assert_eq!(open(&sealed, &KEY, &binding(b"1"), NOW), Ok(state()));
        assert_eq!(open(&sealed, &KEY, &binding(b"1"), NOW + 1), Err("approval_required"));
        assert_eq!(open(&sealed, &KEY, &binding(b"2"), NOW), Err("forbidden"));
        let elsewhere = Binding { workspace: Digest::of(b"/b"), ..binding(b"1") };
        assert_eq!(open(&sealed, &KEY, &elsewhere, NOW), Err("forbidden"));
        let other_tool = Binding { tool: "save_state".into(), ..binding(b"1") };
        assert_eq!(open(&sealed, &KEY, &other_tool, NOW), Err("forbidden"));
        assert_eq!(open(&sealed, &[8; 32], &binding(b"1"), NOW), Err("forbidden"));
    }

    #[test]
    fn no_flipped_or_missing_byte_of_a_sealed_state_goes_unnoticed() {
        let sealed = sealed(&state(), &KEY).into_bytes();
        for at in 0..sealed.len() {
            for bit in 0..7 {
                let mut altered = sealed.clone();
                altered[at] ^= 1 << bit;
                let altered = String::from_utf8(altered).unwrap();
                // Hexadecimal digits are the same in upper case.
                if !altered.eq_ignore_ascii_case(std::str::from_utf8(&sealed).unwrap()) {
                    assert_eq!(open(&altered, &KEY, &binding(b"1"), NOW), Err("forbidden"));
                }
            }
            let cut = std::str::from_utf8(&sealed[..at]).unwrap();
            assert_eq!(open(cut, &KEY, &binding(b"1"), NOW), Err("forbidden"));
        }
    }

    #[test]
    fn what_is_no_sealed_state_at_all_is_refused_without_harm() {
        for nonsense in ["", ".", "a.b", "{}", &"x".repeat(1 << 20), "bnVsbA.00"] {
            assert_eq!(open(nonsense, &KEY, &binding(b"1"), NOW), Err("forbidden"));
        }
    }
}
