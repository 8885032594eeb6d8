//! Refusals as errors of the protocol, for methods that have no other form of refusal.

use rmcp::ErrorData;

use crate::model::Refusal;

/// Returns a refusal as a protocol error.
pub(super) fn protocol_error(refusal: &Refusal) -> ErrorData {
    let details = refusal.to_json();
    match refusal {
        Refusal::Internal(_)
        | Refusal::StorageUnavailable { .. }
        | Refusal::StorageCorrupt { .. } => {
            ErrorData::internal_error(refusal.to_string(), Some(details))
        }
        _ => ErrorData::invalid_params(refusal.to_string(), Some(details)),
    }
}
