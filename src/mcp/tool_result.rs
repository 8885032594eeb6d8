//! The result of a tool: its answer in JSON, as text and as structured content.
//!
//! The SDK holds structured content as a tree of values, which takes longer to make, to write and to
//! drop than the answer took to find. So a transport of ours writes the text of an answer twice, and
//! marks the calls whose answers it writes this way.

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, ContentBlock, JsonRpcMessage, ServerResult};
use rmcp::service::TxJsonRpcMessage;

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

/// How a message with a tool's answer ends.
const END: &[u8] = br#","isError":false}}"#;

/// Returns a message in JSON. Adds the structured content of a tool's answer that has none: the
/// answer's text, unread, since a tool made it.
pub(super) fn encoded(message: &TxJsonRpcMessage<RoleServer>) -> serde_json::Result<Vec<u8>> {
    let Some(text) = answer_without_structured(message) else { return serde_json::to_vec(message) };
    // The text is there twice, once with its quotes escaped, and a line ends.
    let mut line = Vec::with_capacity(3 * text.len());
    serde_json::to_writer(&mut line, message)?;
    if line.ends_with(END) {
        line.truncate(line.len() - END.len());
        line.extend_from_slice(br#","structuredContent":"#);
        line.extend_from_slice(text.as_bytes());
        line.extend_from_slice(END);
    }
    Ok(line)
}

fn answer_without_structured(message: &TxJsonRpcMessage<RoleServer>) -> Option<&str> {
    let JsonRpcMessage::Response(response) = message else { return None };
    let ServerResult::CallToolResult(result) = &response.result else { return None };
    let lacks = result.is_error == Some(false) && result.structured_content.is_none();
    let text = result.content.first().and_then(ContentBlock::as_text);
    text.filter(|_| lacks).map(|text| text.text.as_str())
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResponse, RequestId, ResultType};

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
