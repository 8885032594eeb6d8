//! Checks each incoming JSON-RPC message before the SDK sees it.
//!
//! The SDK drops messages that it cannot parse, and the client waits for ever. This module answers
//! every such message that can be answered: with the id if it is readable, and for a tool call with
//! a result that tells the model what was wrong (MCP specification, *Tools, Error handling*).

use std::cell::RefCell;
use std::fmt;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestMethod, CallToolRequestParams, ConstString as _, ErrorCode,
    JsonRpcMessage, RequestId, RequestMetaObject,
};
use rmcp::service::RxJsonRpcMessage;
use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use super::tool_result::AddsStructured;
use crate::model::text::{NAMED_CHARACTERS_MAX, shortened};
use crate::model::{Refusal, limits};

/// Limit on nesting levels. The SDK's parser stops at 128, and a document may have 64 levels.
const DEPTH_MAX: usize = 100;

/// The head of a message, for a transport that needs it before the SDK.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    /// The id. Only numbers and texts are valid.
    pub(crate) id: Option<Value>,
    /// The method.
    pub(crate) method: Option<String>,
}

impl Envelope {
    /// Returns whether the sender waits for an answer.
    pub(crate) fn is_request(&self) -> bool {
        self.id.is_some() && self.method.is_some()
    }

    /// Returns whether the message is a notification, which needs no answer.
    pub(crate) fn is_notification(&self) -> bool {
        self.id.is_none() && self.method.is_some()
    }
}

/// Checks that a message is acceptable JSON, and returns its head, or the error answer. The SDK may
/// still not know the message.
pub(crate) fn examine(message: &[u8]) -> Result<Envelope, Value> {
    let (head, _) = Head::read(message, Keeping::Head);
    match head.fault.take() {
        Some(fault) => Err(head.answer(&fault)),
        None => Ok(Envelope { id: head.id.take(), method: head.method.take() }),
    }
}

/// The result of reading a line.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message for the SDK.
    Message(Box<RxJsonRpcMessage<RoleServer>>),
    /// An invalid line, with the answer to it.
    Answered(Value),
    /// A line that needs no answer.
    Ignored,
}

/// Reads a line.
pub(super) fn read(line: &[u8]) -> Incoming {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Incoming::Ignored;
    }
    let (head, mut message) = Head::read(line, Keeping::All);
    if let Some(fault) = head.fault.take() {
        return Incoming::Answered(head.answer(&fault));
    }
    if let Some(call) = tool_call(&mut message) {
        return Incoming::Message(Box::new(call));
    }
    match serde_json::from_value::<RxJsonRpcMessage<RoleServer>>(message) {
        Ok(message) => Incoming::Message(Box::new(message)),
        // The SDK does not know this notification. A host may send its own, so it is ignored.
        Err(_) if head.id.borrow().is_none() && head.method.borrow().is_some() => Incoming::Ignored,
        Err(_) => Incoming::Answered(head.error(
            ErrorCode::INVALID_REQUEST,
            "the message is not a JSON-RPC request that this server supports",
        )),
    }
}

/// Takes the parts of a plain tool call. The SDK would try one method after another, which takes
/// longer than a load.
fn tool_call(message: &mut Value) -> Option<RxJsonRpcMessage<RoleServer>> {
    let fields = message.as_object_mut()?;
    let is_call = fields.len() == 4
        && fields.get("jsonrpc")? == "2.0"
        && fields.get("method")? == CallToolRequestMethod::VALUE;
    let id = RequestId::deserialize(fields.get("id")?).ok().filter(|_| is_call)?;
    let params = fields.get_mut("params")?.as_object_mut()?;
    let is_plain = params.iter().all(|(name, value)| match name.as_str() {
        "name" => value.is_string(),
        "arguments" | "_meta" => value.is_object(),
        _ => false,
    });
    let Value::String(name) = params.get_mut("name").filter(|_| is_plain)?.take() else {
        return None;
    };
    let mut call = CallToolRequest::new(CallToolRequestParams::new(name));
    call.extensions.insert(AddsStructured);
    for (name, value) in params {
        match (name.as_str(), value.take()) {
            ("arguments", Value::Object(arguments)) => call.params.arguments = Some(arguments),
            ("_meta", Value::Object(meta)) => {
                call.extensions.insert(RequestMetaObject::from(meta));
            }
            _ => {}
        }
    }
    Some(JsonRpcMessage::request(call.into(), id))
}

/// Returns the answer to a too long line, of which only the beginning was kept.
pub(super) fn too_long(beginning: &[u8], bytes: usize) -> Value {
    let (head, _) = Head::read(beginning, Keeping::Head);
    let limit = limits::MESSAGE_BYTES_MAX;
    head.answer(&Fault::TooLarge(Refusal::TooLarge {
        what: "the message".into(),
        actual: bytes,
        limit,
        unit: "bytes",
    }))
}

/// Returns the id of the client's request that a message answers. A request of the server has an
/// independent id, which may equal the id of a client's request.
pub(crate) fn answered_id<A, B, C>(message: &JsonRpcMessage<A, B, C>) -> Option<&RequestId> {
    match message {
        JsonRpcMessage::Response(response) => Some(&response.id),
        JsonRpcMessage::Error(error) => error.id.as_ref(),
        JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
    }
}

/// The fault of a line.
#[derive(Debug)]
enum Fault {
    /// The line is not JSON.
    Syntax(String),
    /// The line exceeds a limit.
    TooLarge(Refusal),
    /// An object has the same key twice, and a parser would drop one.
    DuplicateKey(String),
    /// The line is a batch, which only revision 2025-03-26 has.
    Batch,
    /// The id is invalid, so no answer could name it.
    Id(&'static str),
}

/// How much of a message its reader keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    All,
    /// The id and the method. The keys of an object are kept while it is read: one may come twice.
    Head,
}

/// The readable parts of a message's head, and its first fault.
#[derive(Debug, Default)]
struct Head {
    id: RefCell<Option<Value>>,
    /// The invalid value in place of an id.
    no_id: RefCell<Option<Value>>,
    method: RefCell<Option<String>>,
    fault: RefCell<Option<Fault>>,
}

impl Head {
    /// Reads a line, and returns its value unless there is a fault. The value is whole if all is kept.
    fn read(line: &[u8], keeping: Keeping) -> (Self, Value) {
        let head = Self::default();
        let valid = std::str::from_utf8(line).map_or_else(|error| error.valid_up_to(), str::len);
        let value = if valid < line.len() {
            // The head may still contain the id.
            head.walk(&line[..valid], Keeping::Head);
            head.fault.replace(Some(Fault::Syntax("the message is not UTF-8".into())));
            Value::Null
        } else if line.starts_with(b"[") {
            head.found(Fault::Batch);
            Value::Null
        } else {
            head.walk(line, keeping)
        };
        (head, value)
    }

    fn walk(&self, line: &[u8], keeping: Keeping) -> Value {
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        let walk = Walk { head: self, keeping, place: None, depth: 0 };
        let walked = walk.deserialize(&mut deserializer).and_then(|value| {
            deserializer.end()?;
            Ok(value)
        });
        let value = walked.unwrap_or_else(|error| {
            self.found(Fault::Syntax(error.to_string()));
            Value::Null
        });
        if let Some(id) = self.unusable_id() {
            self.found(Fault::Id(id));
        }
        value
    }

    /// Describes an invalid id. MCP allows texts and whole numbers. A message with a method and any
    /// id is a request, not a notification.
    fn unusable_id(&self) -> Option<&'static str> {
        self.method.borrow().as_ref()?;
        let is_whole = |id: &Value| id.is_string() || id.is_i64();
        match &*self.no_id.borrow() {
            None if self.id.borrow().as_ref().is_none_or(is_whole) => None,
            None => Some("a number with a fraction, or too large"),
            Some(Value::Null) => Some("null"),
            Some(Value::Array(_)) => Some("a list"),
            Some(Value::Object(_)) => Some("an object"),
            Some(_) => Some("true or false"),
        }
    }

    /// Records the first fault.
    fn found(&self, fault: Fault) {
        let first = self.fault.take();
        self.fault.replace(first.or(Some(fault)));
    }

    /// Records the id or the method.
    fn note(&self, key: &str, value: &Value) {
        match key {
            "id" if value.is_number() || value.is_string() => {
                self.id.replace(Some(value.clone()));
            }
            "id" => drop(self.no_id.replace(Some(value.clone()))),
            "method" => drop(self.method.replace(value.as_str().map(str::to_owned))),
            _ => {}
        }
    }

    /// Answers a fault: a tool call with a refusal, any other message with a protocol error.
    fn answer(&self, fault: &Fault) -> Value {
        let refusal = match fault {
            Fault::Syntax(reason) => {
                return self.error(
                    ErrorCode::PARSE_ERROR,
                    &format!("the message is not valid JSON: {reason}"),
                );
            }
            Fault::Batch => {
                return self.error(
                    ErrorCode::INVALID_REQUEST,
                    "send one message at a time: batches are not supported",
                );
            }
            Fault::Id(id) => {
                return self.error(
                    ErrorCode::INVALID_REQUEST,
                    &format!(
                        "the id is {id}: send a text or a whole number as the id of a request"
                    ),
                );
            }
            Fault::TooLarge(refusal) => refusal.clone(),
            Fault::DuplicateKey(place) => Refusal::argument(
                format!("the key {place} occurs twice"),
                "send each key of an object once; nothing was written",
            ),
        };
        let is_call = self.method.borrow().as_deref() == Some("tools/call");
        match (is_call, &*self.id.borrow()) {
            (true, Some(id)) => json!({
                "jsonrpc": "2.0",
                "id": id,
                "result": {
                    "resultType": "complete",
                    "content": [{ "type": "text", "text": refusal.to_json().to_string() }],
                    "isError": true,
                }
            }),
            _ => self.error(ErrorCode::INVALID_REQUEST, &refusal.to_string()),
        }
    }

    fn error(&self, code: ErrorCode, message: &str) -> Value {
        json!({ "jsonrpc": "2.0", "id": *self.id.borrow(), "error": { "code": code.0, "message": message } })
    }
}

/// Reads a value and looks for faults on the way. Continues after a fault, since the id may come
/// later.
#[derive(Clone, Copy)]
struct Walk<'a> {
    head: &'a Head,
    keeping: Keeping,
    place: Option<&'a Place<'a>>,
    depth: usize,
}

/// The place of a value: its key and the place of the object around it.
struct Place<'a> {
    key: &'a str,
    around: Option<&'a Self>,
}

impl Walk<'_> {
    /// Returns the depth of the next level, or records that the nesting is too deep.
    fn deeper(self) -> Option<usize> {
        let depth = self.depth + 1;
        if depth <= DEPTH_MAX {
            return Some(depth);
        }
        self.head.found(Fault::TooLarge(Refusal::TooLarge {
            what: "the message's nesting".to_owned(),
            actual: depth,
            limit: DEPTH_MAX,
            unit: "levels or more",
        }));
        None
    }

    /// Returns how much is kept of the value at a key.
    fn keeping_of(self, key: &str) -> Keeping {
        let is_of_head = self.depth == 0 && matches!(key, "id" | "method");
        if is_of_head { Keeping::All } else { self.keeping }
    }

    /// Records a duplicate key.
    fn twice(self, key: &str) {
        let around = std::iter::successors(self.place, |place| place.around);
        let mut path: Vec<&str> = around.map(|place| place.key).collect();
        path.reverse();
        let key = shortened(key, NAMED_CHARACTERS_MAX);
        self.head.found(Fault::DuplicateKey(format!("{}/{key}", path.join("/"))));
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inside = self.deeper();
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let Some(depth) = inside.filter(|_| !fields.contains_key(&key)) else {
                if inside.is_some() {
                    self.twice(&key);
                }
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let place = Some(&Place { key: &key, around: self.place });
            let keeping = self.keeping_of(&key);
            let value = map.next_value_seed(Walk { keeping, place, depth, ..self })?;
            if self.depth == 0 {
                self.head.note(&key, &value);
            }
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        match self.deeper() {
            Some(depth) => {
                while let Some(item) = list.next_element_seed(Self { depth, ..self })? {
                    if self.keeping == Keeping::All {
                        items.push(item);
                    }
                }
            }
            None => while list.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(Value::Array(items))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }
    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(if self.keeping == Keeping::All { text.into() } else { Value::Null })
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection;
    use proptest::prelude::*;

    use super::*;

    fn answer(line: &str) -> Value {
        match read(line.as_bytes()) {
            Incoming::Answered(answer) => answer,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn call(arguments: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"save_state","arguments":{arguments}}}}}"#
        )
    }

    fn refusal(answer: &Value) -> Value {
        assert_eq!(
            (&answer["id"], &answer["result"]["isError"]),
            (&json!(7), &json!(true)),
            "{answer}"
        );
        serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap()
    }

    #[test]
    fn a_good_message_goes_to_the_sdk() {
        assert!(matches!(read(call("{}").as_bytes()), Incoming::Message(_)));
        assert!(matches!(
            read(b"\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r"),
            Incoming::Message(_)
        ));
        assert!(matches!(read(b"  "), Incoming::Ignored));
        assert!(matches!(
            read(br#"{"jsonrpc":"2.0","method":"window/logMessage","params":1}"#),
            Incoming::Ignored | Incoming::Message(_)
        ));
    }

    #[test]
    fn what_is_no_json_gets_a_parse_error_with_the_id_if_it_could_be_read() {
        assert_eq!(answer("{nonsense")["error"]["code"], -32700);
        assert_eq!(answer("{nonsense")["id"], Value::Null);
        let nan = answer(&call(r#"{"patch":{"data":{"x":NaN}}}"#));
        assert_eq!((&nan["id"], &nan["error"]["code"]), (&json!(7), &json!(-32700)));
        let cut = answer(r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"#);
        assert_eq!((&cut["id"], &cut["error"]["code"]), (&json!("a"), &json!(-32700)));
        let Incoming::Answered(latin) = read(b"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"\xE9\"}")
        else {
            panic!()
        };
        assert_eq!((&latin["id"], &latin["error"]["code"]), (&json!(3), &json!(-32700)));
    }

    #[test]
    fn what_is_no_request_gets_an_error_and_not_silence() {
        for line in [
            "[]",
            "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
            "7",
            "\"text\"",
            "{}",
            r#"{"id":5}"#,
        ] {
            assert_eq!(answer(line)["error"]["code"], -32600, "{line}");
        }
        assert_eq!(answer(r#"{"id":5}"#)["id"], 5);
    }

    #[test]
    fn a_request_whose_id_is_none_is_answered_and_not_taken_for_a_notification() {
        for method in ["ping", "tools/call", "notifications/initialized", "unknown"] {
            for (id, answered) in [
                ("{}", Value::Null),
                (r#"{"a":[1]}"#, Value::Null),
                ("[]", Value::Null),
                ("[7]", Value::Null),
                ("true", Value::Null),
                ("1.5", json!(1.5)),
                ("1e300", json!(1e300)),
                ("18446744073709551615", json!(u64::MAX)),
                ("null", Value::Null),
            ] {
                for line in [
                    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#),
                    format!(
                        r#"{{"method":"{method}","params":{{"name":"x"}},"id":{id},"jsonrpc":"2.0"}}"#
                    ),
                ] {
                    let said = answer(&line);
                    assert_eq!(said["error"]["code"], -32600, "{line}: {said}");
                    assert_eq!(said["id"], answered, "{line}: {said}");
                    assert_eq!(examine(line.as_bytes()).unwrap_err(), said, "{line}");
                }
            }
        }
        let failed = br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#;
        assert!(matches!(read(failed), Incoming::Message(_)), "an error is never answered");
    }

    #[test]
    fn a_message_that_is_too_deep_is_refused_as_the_tools_answer() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let refused = refusal(&answer(&call(&format!(r#"{{"patch":{{"data":{{"x":{deep}}}}}}}"#))));
        assert_eq!(refused["code"], "too_large");
        let absurd = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(refusal(&answer(&call(&absurd)))["code"], "too_large");
        for deep in [deep, absurd] {
            let after = format!(r#"{{"params":{{"x":{deep}}},"id":7,"method":"tools/call"}}"#);
            assert_eq!(refusal(&answer(&after))["code"], "too_large", "the id comes after it");
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused_and_named() {
        let refused =
            refusal(&answer(&call(r#"{"name":"a","patch":{"data":{"x":1,"y":{"z":1,"z":2}}}}"#)));
        assert_eq!(refused["code"], "invalid_argument");
        assert!(
            refused["message"].as_str().unwrap().contains("params/arguments/patch/data/y/z"),
            "{refused}"
        );
        let before = answer(r#"{"x":1,"x":2,"id":7,"method":"tools/call"}"#);
        assert_eq!(refusal(&before)["code"], "invalid_argument", "the id comes after it");
        let twice = answer(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#);
        assert_eq!(twice["error"]["code"], -32600);
    }

    /// Typical lines, which the test mutates.
    const GOOD: [&str; 6] = [
        r#"{"jsonrpc":"2.0","id":null,"method":"tools/list","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"load_state","arguments":{"name":"a","select":["/x"]}}}"#,
        r#"{"jsonrpc":"2.0","id":"seven","method":"ping","params":{"_meta":{"progressToken":1}}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","result":{},"error":{"code":1,"message":"m"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"\u00e9"}]}}"#,
    ];

    /// Changes bytes at places given as fractions (of 65,536) of the line.
    fn changed(line: &str, changes: &[(u16, u8, u8)]) -> Vec<u8> {
        let mut line = line.as_bytes().to_vec();
        for (part, how, byte) in changes {
            let at = usize::from(*part) * line.len() / 65_536;
            match how % 5 {
                _ if line.is_empty() => line.push(*byte),
                0 => line[at] = *byte,
                1 => line.insert(at, b"{}[]\",:0"[usize::from(*byte) % 8]),
                2 => drop(line.remove(at)),
                3 => drop(line.splice(at..at, line.clone())),
                _ => line.truncate(at),
            }
        }
        line
    }

    /// Returns the id of a request, as another parser reads it.
    fn id_to_answer(line: &[u8]) -> Option<Value> {
        let message: Value = serde_json::from_slice(line).ok()?;
        let id = message.get("id").filter(|id| id.is_i64() || id.is_string())?;
        (message["jsonrpc"] == "2.0" && message["method"].is_string()).then(|| id.clone())
    }

    /// Returns whether a message has a method and any id, so that its sender waits.
    fn is_waited_for(line: &[u8]) -> bool {
        let Ok(message) = serde_json::from_slice::<Value>(line) else { return false };
        message.get("id").is_some() && message["method"].is_string()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8192))]

        #[test]
        fn a_line_with_an_id_reaches_the_sdk_as_a_request_or_is_answered_with_that_id(
            which in 0..GOOD.len(),
            changes in collection::vec(any::<(u16, u8, u8)>(), 0..6),
        ) {
            let line = changed(GOOD[which], &changes);
            let id = id_to_answer(&line);
            if is_waited_for(&line) {
                let silent = match read(&line) {
                    Incoming::Ignored => true,
                    Incoming::Message(message) => {
                        matches!(*message, JsonRpcMessage::Notification(_))
                    }
                    Incoming::Answered(_) => false,
                };
                prop_assert!(!silent, "{}", String::from_utf8_lossy(&line));
            }
            match read(&line) {
                Incoming::Message(message) => match (*message, id) {
                    (JsonRpcMessage::Request(request), Some(id)) => {
                        prop_assert_eq!(json!(request.id), id);
                    }
                    (_, None) => {}
                    (other, Some(_)) => prop_assert!(false, "not answered: {other:?}"),
                },
                Incoming::Answered(answer) => {
                    prop_assert_eq!(&answer["jsonrpc"], "2.0");
                    prop_assert!(answer["error"].is_object() != answer["result"].is_object());
                    prop_assert!(id.is_none_or(|id| answer["id"] == id), "{answer}");
                }
                Incoming::Ignored => prop_assert_eq!(id, None),
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_with_the_id_of_its_beginning() {
        let line = call(&format!(r#"{{"name":"a","patch":{{"data":{{"x":"{}"#, "x".repeat(1000)));
        let refused = refusal(&too_long(&line.as_bytes()[..500], 50_000_000));
        assert_eq!(
            (&refused["code"], &refused["actual"]),
            (&json!("too_large"), &json!(50_000_000))
        );
        assert_eq!(too_long(b"xxxx", 50_000_000)["id"], Value::Null);
    }
}
