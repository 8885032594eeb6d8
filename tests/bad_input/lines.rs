//! Lines that are no request, or none that can be answered as it wishes.

use serde_json::{Value, json};

use super::{Ready, nested};
use crate::common::{Project, Raw};

#[tokio::test]
async fn what_is_no_json_gets_a_parse_error_with_its_id_where_that_can_be_read() {
    let mut ready = Ready::new().await;
    let call = |arguments: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{{"name":"save_state","arguments":{arguments}}}}}"#).into_bytes()
    };
    for (line, id) in [
        (call(r#"{"name":"a","patch":{"data":{"x":NaN}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":Infinity}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":1e999}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":"\ud800"}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":01}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":'1'}}}"#), json!(9)),
        (call(r#"{"name":"a",}"#), json!(9)),
        (call("{\"name\":\"a\u{1}\"}"), json!(9)),
        (call("{"), json!(9)),
        ([call(r#"{"name":"a"}"#), b"}".to_vec()].concat(), json!(9)),
        (b"nonsense".to_vec(), Value::Null),
        (b"{".to_vec(), Value::Null),
        (b"\"".to_vec(), Value::Null),
        (vec![0; 100], Value::Null),
        (vec![0xFF; 100], Value::Null),
        (b"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"\xE9t\xE9\"}".to_vec(), json!("x")),
    ] {
        ready.error(&line, -32700, id).await;
    }
}

#[tokio::test]
async fn json_that_is_no_request_gets_an_error() {
    let mut ready = Ready::new().await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (line, id) in [
        (format!("[{ping}]"), Value::Null),
        (format!("[{ping},{ping}]"), Value::Null),
        ("[]".to_owned(), Value::Null),
        ("7".to_owned(), Value::Null),
        ("null".to_owned(), Value::Null),
        ("\"ping\"".to_owned(), Value::Null),
        ("{}".to_owned(), Value::Null),
        (r#"{"jsonrpc":"2.0","id":5}"#.to_owned(), json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"params":{"name":"save_state"}}"#.to_owned(), json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"method":7}"#.to_owned(), json!(5)),
        (r#"{"jsonrpc":"1.0","id":5,"method":"ping"}"#.to_owned(), json!(5)),
        (r#"{"id":5,"method":"ping"}"#.to_owned(), json!(5)),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#.to_owned(), Value::Null),
        (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#.to_owned(), Value::Null),
        (r#"{"jsonrpc":"2.0","id":[5],"method":"ping"}"#.to_owned(), Value::Null),
        (r#"{"jsonrpc":"2.0","id":false,"method":"ping"}"#.to_owned(), Value::Null),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#.to_owned(), json!(1.5)),
        (
            format!(r#"{{"jsonrpc":"2.0","id":5,"method":"ping","params":{}}}"#, nested(200)),
            json!(5),
        ),
    ] {
        ready.error(line.as_bytes(), -32600, id).await;
    }
}

#[tokio::test]
async fn what_the_server_does_not_have_gets_the_error_that_the_protocol_has_for_it() {
    let mut ready = Ready::new().await;
    let line = |method: &str, params: Value| {
        let request = json!({ "jsonrpc": "2.0", "id": 4, "method": method, "params": params });
        request.to_string().into_bytes()
    };
    for (method, params, code) in [
        ("tools/call", json!({ "name": "no_such_tool", "arguments": {} }), -32602),
        ("tools/call", json!({ "name": "n".repeat(100_000), "arguments": {} }), -32602),
        ("tools/call", json!({ "arguments": {} }), -32602),
        ("tools/call", json!({ "name": 7 }), -32602),
        ("tools/call", json!({ "name": "save_state", "arguments": [] }), -32602),
        ("prompts/get", json!({ "name": "no_such_prompt" }), -32602),
        ("prompts/get", json!({}), -32602),
        ("completion/complete", json!({}), -32602),
        ("resources/subscribe", json!({}), -32602),
        ("subscriptions/listen", json!({ "notifications": 7 }), -32601),
        ("no/such/method", json!({}), -32601),
        ("", json!({}), -32601),
    ] {
        let error = ready.error(&line(method, params), code, json!(4)).await;
        assert!(error["message"].as_str().unwrap().len() < 500, "{error}");
    }
}

#[tokio::test]
async fn a_line_that_is_too_long_is_answered_while_the_rest_of_it_is_thrown_away() {
    let mut ready = Ready::new().await;
    let long = vec![b'x'; 40_000_000];
    let error = ready.error(&long, -32600, Value::Null).await;
    assert!(error["message"].as_str().unwrap().contains("40000001 bytes"), "{error}");
    let other =
        [br#"{"jsonrpc":"2.0","id":3,"method":"prompts/get","params":""#, &long[..], b"\"}"];
    ready.error(&other.concat(), -32600, json!(3)).await;
}

#[tokio::test]
async fn what_needs_no_answer_gets_none_and_does_no_harm() {
    let mut ready = Ready::new().await;
    for line in [
        "",
        "   ",
        "\r",
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/of/a/host/of/its/own","params":{"x":1}}"#,
        r#"{"jsonrpc":"2.0","method":"window/log","params":1}"#,
        r#"{"jsonrpc":"2.0","id":777,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":778,"error":{"code":1,"message":"m"}}"#,
    ] {
        ready.server.send_line(line.as_bytes()).await;
        // The next answer is the one to the next request.
        ready.unharmed(line).await;
    }
}

#[tokio::test]
async fn bad_input_before_the_greeting_is_answered_and_the_greeting_still_works() {
    let project = Project::new();
    let mut server = Raw::start(project.path());
    for (line, code) in
        [(&b"nonsense"[..], -32700), (b"[]", -32600), (br#"{"jsonrpc":"2.0","id":1}"#, -32600)]
    {
        assert_eq!(server.tell(line).await["error"]["code"], code);
    }
    server.send_line(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    assert_eq!(server.greet("2025-06-18").await["result"]["protocolVersion"], "2025-06-18");
    server.call("list_artifacts", json!({})).await.unwrap();
}

/// A greeting that comes after stateless calls, twice, or with nonsense in it.
#[tokio::test]
async fn a_greeting_that_cannot_be_is_answered() {
    let project = Project::new();
    for params in [json!({}), json!({ "protocolVersion": 7 }), json!([])] {
        let mut server = Raw::start(project.path());
        let answer = server.ask("initialize", params.clone()).await;
        assert!(answer["error"]["code"].is_i64(), "{params}: {answer}");
    }
    let mut server = Raw::greeted(project.path()).await;
    let again = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
    server.ask("initialize", again).await;
    server.call("list_artifacts", json!({})).await.unwrap();
}
