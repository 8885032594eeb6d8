//! Styles of a page: those of its elements, and its style sheets.

use html5gum::Token;

use super::{Style, css};
use crate::checks::html::tokens;
use crate::checks::text::Lines;

/// Adds the colours of a page.
pub(super) fn add(style: &mut Style, text: &str, path: &str) {
    let mut lines = Lines::of(text);
    let mut sheet: Option<(String, usize)> = None;
    for token in tokens(text) {
        match token {
            Token::StartTag(tag) => {
                let line = lines.line_at(tag.span.start);
                if let Some(declarations) = tag.attributes.get(&b"style"[..]) {
                    let declarations = String::from_utf8_lossy(&declarations.value);
                    css::add_attribute(style, &declarations, path, line);
                }
                if **tag.name == *b"style" {
                    sheet = Some((String::new(), lines.line_at(tag.span.end)));
                }
            }
            Token::String(text) => {
                if let Some((sheet, _)) = &mut sheet {
                    sheet.push_str(&String::from_utf8_lossy(&text.value));
                }
            }
            Token::EndTag(tag) if **tag.name == *b"style" => finish(style, &mut sheet, path),
            _ => {}
        }
    }
    finish(style, &mut sheet, path);
}

fn finish(style: &mut Style, sheet: &mut Option<(String, usize)>, path: &str) {
    if let Some((sheet, line)) = sheet.take() {
        css::add(style, &sheet, path, line);
    }
}
