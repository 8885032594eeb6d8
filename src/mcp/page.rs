//! Pagination of lists.
//!
//! A cursor is opaque to clients. It names its list, so the cursor of another list is an error, as
//! is a cursor that this server did not issue (MCP specification, *Pagination*).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rmcp::ErrorData;
use rmcp::model::PaginatedRequestParams;
use serde_json::json;

/// Items per page. All tools and prompts fit on the first page, since some hosts read no other.
const ITEMS_MAX: usize = 100;

/// Returns the cursor for the items after a place in a list.
pub(super) fn cursor(list: &str, place: &str) -> String {
    BASE64.encode(format!("{list} {place}"))
}

/// Returns the place in a request's cursor, or `None` without a cursor.
pub(super) fn place<T: std::str::FromStr>(
    list: &str,
    request: Option<&PaginatedRequestParams>,
) -> Result<Option<T>, ErrorData> {
    let Some(cursor) = request.and_then(|request| request.cursor.as_deref()) else {
        return Ok(None);
    };
    let decoded = BASE64.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = decoded.as_deref().and_then(|text| text.strip_prefix(list)?.strip_prefix(' '));
    place.and_then(|place| place.parse().ok()).map(Some).ok_or_else(|| no_cursor(list))
}

/// Returns the requested page of a list, and the cursor of the next page.
pub(super) fn page<T>(
    list: &str,
    items: Vec<T>,
    request: Option<&PaginatedRequestParams>,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    page_of(ITEMS_MAX, list, items, request)
}

fn page_of<T>(
    items_max: usize,
    list: &str,
    items: Vec<T>,
    request: Option<&PaginatedRequestParams>,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let total = items.len();
    let start = place(list, request)?.unwrap_or(0);
    if start > 0 && start >= total {
        return Err(no_cursor(list));
    }
    let next = start + items_max;
    let items = items.into_iter().skip(start).take(items_max).collect();
    Ok((items, (next < total).then(|| cursor(list, &next.to_string()))))
}

fn no_cursor(list: &str) -> ErrorData {
    ErrorData::invalid_params(
        format!("this server did not issue this cursor for {list}"),
        Some(json!({ "hint": "pass the previous page's nextCursor unchanged, or no cursor" })),
    )
}

#[cfg(test)]
mod tests {
    use rmcp::model::ErrorCode;

    use super::*;

    fn request(cursor: &str) -> PaginatedRequestParams {
        PaginatedRequestParams::default().with_cursor(Some(cursor.to_owned()))
    }

    #[test]
    fn pages_have_every_item_once_and_in_order() {
        for total in [0, 1, 9, 10, 11, 30] {
            let all: Vec<usize> = (0..total).collect();
            let (mut seen, mut next) = (Vec::new(), None::<String>);
            loop {
                let request = next.as_deref().map(request);
                let (items, more) = page_of(10, "tools", all.clone(), request.as_ref()).unwrap();
                assert!(!items.is_empty() || total == 0);
                seen.extend(items);
                next = more;
                if next.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all);
        }
    }

    #[test]
    fn a_cursor_that_was_not_made_for_the_list_is_an_invalid_parameter() {
        let of_prompts = cursor("prompts", "10");
        let bad =
            ["", "10", "!", "dG9vbHM", &of_prompts, &cursor("tools", "99"), &cursor("tools", "-1")];
        for bad in bad {
            let error = page_of(10, "tools", vec![0; 30], Some(&request(bad))).unwrap_err();
            assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{bad}");
        }
        assert_eq!(place::<usize>("prompts", Some(&request(&of_prompts))).unwrap(), Some(10));
    }
}
