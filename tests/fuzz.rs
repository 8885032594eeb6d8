//! Messages that are nearly right, by the thousand, over stdio and HTTP.
//!
//! Whatever comes: a request with an id gets exactly one well-formed answer, the server stays up and
//! small, and every entry of every journal was acknowledged, so that what was refused wrote nothing.
//! What a single line comes to is looked at by many more cases beside the code, in `src/mcp/wire.rs`.
//!
//! A case is its seed, which a failure names. `REFINER_FUZZ_CASES=100000 cargo test fuzz` looks
//! longer, and `REFINER_FUZZ_SEED` elsewhere.

mod http;
mod journals;
mod message;
mod stdio;

use serde_json::Value;

use self::journals::Acknowledged;
use crate::common::Random;

/// Memory that a server may take on by all of this.
const GROWTH_KIB_MAX: u64 = 48 << 10;

/// The seeds of the cases that are tried.
fn seeds() -> impl Iterator<Item = u64> {
    let variable = |name: &str| std::env::var(name).ok().map(|value| value.parse().unwrap());
    let first: u64 = variable("REFINER_FUZZ_SEED").unwrap_or(1);
    first..first + variable("REFINER_FUZZ_CASES").unwrap_or(2000)
}

/// Fails unless an answer has the form that JSON-RPC gives it.
fn check_form(answer: &Value, case: &str) {
    let object = answer.as_object().unwrap_or_else(|| panic!("{case}: {answer}"));
    assert_eq!(answer["jsonrpc"], "2.0", "{case}: {answer}");
    let (result, error) = (object.contains_key("result"), object.contains_key("error"));
    assert!(result != error, "either a result or an error; {case}: {answer}");
    if error {
        assert!(answer["error"]["code"].is_i64(), "{case}: {answer}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty(), "{case}: {answer}");
    }
}

/// Returns the id of a message that has to be answered, as it is read by somebody else's parser. Of
/// one that has several it would be anybody's guess.
fn id_to_answer(message: &[u8]) -> Option<Value> {
    if message.windows(4).filter(|bytes| bytes == b"\"id\"").count() > 1 {
        return None;
    }
    let message: Value = serde_json::from_slice(message).ok()?;
    let id = message.get("id").filter(|id| id.is_number() || id.is_string())?;
    let is_request = message["jsonrpc"] == "2.0" && message["method"].is_string();
    is_request.then(|| whole(id)).flatten()
}

/// Returns an id that may be one: a text, or a number without a fraction, however it is written.
fn whole(id: &Value) -> Option<Value> {
    let text = format!("{:.0}", id.as_f64().unwrap_or_default());
    if id.is_f64() {
        text.parse::<i64>().ok().map(Value::from).filter(|whole| whole.as_f64() == id.as_f64())
    } else {
        (id.is_i64() || id.is_string()).then(|| id.clone())
    }
}
