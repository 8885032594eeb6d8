//! Messages that are nearly right: good ones, changed at a few places by a seed.

use serde_json::{Value, json};

use super::Random;

/// Returns one of the good requests, with an id.
pub(super) fn good(id: u64, random: &mut Random) -> Value {
    let calls = calls();
    let (method, params) = calls[pick(&calls, random)].clone();
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Returns what is left of a good request after a seed's changes: to its values, to its bytes, or to
/// both. It is one line.
pub(super) fn nearly_right(good: &Value, random: &mut Random) -> Vec<u8> {
    let mut message = good.clone();
    let how = random.below(3);
    if how != 0 {
        (0..=random.below(2)).for_each(|_| change_value(&mut message, random));
    }
    let mut bytes = message.to_string().into_bytes();
    if how != 1 {
        (0..=random.below(3)).for_each(|_| change_bytes(&mut bytes, random));
    }
    bytes.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    bytes
}

fn calls() -> Vec<(&'static str, Value)> {
    let call = |name: &str, arguments: Value| {
        ("tools/call", json!({ "name": name, "arguments": arguments }))
    };
    vec![
        call("init_state", json!({ "name": "a", "workflow": "document" })),
        call("init_state", json!({ "name": "loop", "goals": ["a logo"], "max_iterations": 2 })),
        call("load_state", json!({ "name": "a", "detail": "full" })),
        call("load_state", json!({ "name": "loop", "with_prompt": true, "select": ["/goals"] })),
        call("save_state", json!({ "name": "a", "patch": { "data": { "x": [1, 2.5, null] } } })),
        call("save_state", json!({ "name": "a", "patch": { "data": {} }, "expected_version": 3 })),
        call("save_state", json!({ "name": "a", "state": { "data": {} }, "idempotency_key": "k" })),
        call(
            "transition",
            json!({ "name": "loop", "event": "complete", "phase": "specify", "result": {} }),
        ),
        call("checkpoint", json!({ "name": "a", "label": "here" })),
        call("restore", json!({ "name": "a", "to": 1 })),
        call("verify", json!({ "name": "loop" })),
        call("history", json!({ "name": "a", "limit": 3, "diff": [1, 2] })),
        call("list_artifacts", json!({ "prefix": "a", "limit": 2 })),
        call("write_output", json!({ "name": "a", "path": "dist/a.txt", "content": "text" })),
        call("read_output", json!({ "name": "a", "path": "dist/a.txt", "offset": 1 })),
        ("prompts/get", json!({ "name": "specify", "arguments": { "name": "loop" } })),
        ("prompts/list", json!({})),
        ("tools/list", json!({ "cursor": "x" })),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "refiner://schemas/constraint.schema.json" })),
        ("resources/read", json!({ "uri": "refiner://artifacts/a/state" })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "plan" }, "argument": { "name": "name", "value": "l" } }),
        ),
        ("ping", json!({})),
        ("logging/setLevel", json!({ "level": "debug" })),
    ]
}

/// What a value is replaced by.
fn odd_value(random: &mut Random) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1e300),
        json!(u64::MAX),
        json!(9_007_199_254_740_993_u64),
        json!(""),
        json!("a"),
        json!("../../outside"),
        json!("dist/../../../outside"),
        json!("con"),
        json!("a\u{0}b"),
        json!("\u{202e}\u{feff}é"),
        json!("x".repeat(5000)),
        json!("{\"x\":1}"),
        json!([]),
        json!({}),
        json!([[[]], {}]),
        json!({ "a": { "b": null } }),
        nested(70),
        nested(140),
        json!("tools/call"),
        json!("2026-07-28"),
        json!({ "_meta": { "progressToken": 1 } }),
    ];
    values[pick(&values, random)].clone()
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

/// Changes one place of a value: replaces, removes, renames or doubles what is there.
fn change_value(message: &mut Value, random: &mut Random) {
    let mut pointers = Vec::new();
    collect(message, "", &mut pointers);
    let pointer = pointers[pick(&pointers, random)].clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = message.pointer_mut(parent).unwrap();
    let odd = odd_value(random);
    match (parent, random.below(5)) {
        (Value::Object(fields), 0) => drop(fields.remove(key)),
        (Value::Object(fields), 1) => {
            let value = fields.remove(key).unwrap();
            fields.insert(format!("{key}x"), value);
        }
        (Value::Object(fields), 2) => drop(fields.insert("extra".to_owned(), odd)),
        (Value::Object(fields), _) => drop(fields.insert(key.to_owned(), odd)),
        (Value::Array(items), 0) => items.clear(),
        (Value::Array(items), 1) => items.extend(items.clone()),
        (Value::Array(items), _) => items[key.parse::<usize>().unwrap()] = odd,
        _ => {}
    }
}

/// Collects the pointers of all that can be changed. The version of JSON-RPC and the id stay, so
/// that most of what comes out is still to be answered.
fn collect(value: &Value, pointer: &str, pointers: &mut Vec<String>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (key, value) in inside {
        let pointer = format!("{pointer}/{key}");
        if !["/jsonrpc", "/id"].contains(&pointer.as_str()) {
            collect(value, &pointer, pointers);
            pointers.push(pointer);
        }
    }
}

/// Changes bytes: flips a bit, or inserts, removes or doubles some.
fn change_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = pick(bytes, random);
    let end = at + pick(&bytes[at..], random).min(40);
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes.insert(at, b"{}[]\",:\\0-e\x00\xFF"[random.below(14) as usize]),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
        4 => bytes.truncate(at),
        _ => bytes.extend_from_slice(b"}"),
    }
}

fn pick<T>(of: &[T], random: &mut Random) -> usize {
    random.below(of.len() as u64).try_into().unwrap()
}
