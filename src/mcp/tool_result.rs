//! The result of a tool: its answer in JSON, as text and as structured content.
//!
//! The SDK holds structured content as a tree of values, which takes longer to make, to write and to
//! drop than the answer took to find. So a transport of ours writes the text of an answer twice, and
//! marks the calls whose answers it writes this way.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, ContentBlock, JsonRpcMessage, JsonRpcResponse, JsonRpcVersion2_0, RequestId,
    ResultType, ServerResult,
};
use rmcp::service::TxJsonRpcMessage;
use serde::Serialize;
use serde_json::value::RawValue;

/// A mark on a call whose transport writes the answer with [`encoded`].
#[derive(Clone, Copy, Debug)]
pub(super) struct AddsStructured;

/// Returns an answer as a tool's result, without structured content if the transport adds it.
pub(super) fn of(answer: String, adds_structured: bool) -> CallToolResult {
    let structured = if adds_structured { None } else { serde_json::from_str(&answer).ok() };
    let mut result = CallToolResult::success(vec![ContentBlock::text(answer)]);
    result.structured_content = structured;
    result
}

#[derive(Serialize)]
struct Response<'a> {
    jsonrpc: &'a JsonRpcVersion2_0,
    id: &'a RequestId,
    result: Answered<'a>,
}

/// What [`CallToolResult`] is in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: &'a Option<ResultType>,
    content: &'a [ContentBlock],
    structured_content: &'a RawValue,
    is_error: bool,
}

/// Returns a message in JSON. Adds the structured content of a tool's answer that has none.
pub(super) fn encoded(message: &TxJsonRpcMessage<RoleServer>) -> serde_json::Result<Vec<u8>> {
    let JsonRpcMessage::Response(JsonRpcResponse { jsonrpc, id, result }) = message else {
        return serde_json::to_vec(message);
    };
    let ServerResult::CallToolResult(result) = result else { return serde_json::to_vec(message) };
    let text = result.content.first().and_then(ContentBlock::as_text);
    let lacking =
        text.filter(|_| result.is_error == Some(false) && result.structured_content.is_none());
    let Some(structured_content) =
        lacking.and_then(|text| serde_json::from_str::<&RawValue>(&text.text).ok())
    else {
        return serde_json::to_vec(message);
    };
    let CallToolResult { result_type, content, .. } = result;
    let result = Answered { result_type, content, structured_content, is_error: false };
    // The text is there twice, once with its quotes escaped, and a line ends.
    let mut line = Vec::with_capacity(3 * structured_content.get().len());
    serde_json::to_writer(&mut line, &Response { jsonrpc, id, result })?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use rmcp::model::CallToolResponse;

    use super::*;

    #[test]
    fn an_answer_is_written_as_the_sdk_writes_it() {
        let line = |result: CallToolResult| {
            let result = ServerResult::from(CallToolResponse::from(result));
            let message = JsonRpcMessage::response(result, RequestId::Number(7));
            String::from_utf8(encoded(&message).unwrap()).unwrap()
        };
        let answer = r#"{"a":"\"\n","b":[1.5,{}]}"#.to_owned();
        for result_type in [None, Some(ResultType::COMPLETE)] {
            let written = |adds| {
                let mut result = of(answer.clone(), adds);
                result.result_type.clone_from(&result_type);
                line(result)
            };
            assert_eq!(written(true), written(false));
        }
        let failed = CallToolResult::error(vec![ContentBlock::text("{}")]);
        assert!(!line(failed).contains("structuredContent"));
    }
}
