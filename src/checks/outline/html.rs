//! The outline of HTML, a whole page or a part of Markdown.

use html5gum::{StartTag, Token};

use super::{Link, Outline};
use crate::checks::html::{name, tokens};
use crate::checks::text::Lines;

/// Elements whose text no reader sees as a part of the page.
const UNSEEN: [&str; 8] =
    ["script", "style", "title", "template", "noscript", "textarea", "iframe", "select"];
/// Elements that a reader sees without a word in them.
const DRAWN: [&str; 14] = [
    "audio", "canvas", "embed", "form", "hr", "iframe", "img", "input", "math", "object",
    "picture", "svg", "textarea", "video",
];
/// Elements that may stand within a word.
const WITHIN_WORDS: [&str; 22] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark",
    "q", "s", "small", "span", "strong", "sub", "sup", "u",
];

/// Adds a text to an outline; its first line has the number given.
pub(super) fn add(outline: &mut Outline, text: &str, first_line: usize) {
    let mut lines = Lines::of(text);
    let mut unseen: Option<String> = None;
    for token in tokens(text) {
        match token {
            Token::StartTag(tag) => {
                let line = first_line + lines.line_at(tag.span.start) - 1;
                let name = name(&tag.name);
                match unseen {
                    None => begin(outline, &name, &tag, line),
                    Some(_) => begin_links(outline, &name, &tag, line),
                }
                if unseen.is_none() && UNSEEN.contains(&name.as_str()) && !tag.self_closing {
                    unseen = Some(name);
                }
            }
            Token::EndTag(tag) => {
                let name = name(&tag.name);
                let was_seen = unseen.is_none();
                unseen.take_if(|open| *open == name);
                if was_seen {
                    end(outline, &name);
                }
            }
            Token::String(text) if unseen.is_none() => {
                outline.add(&String::from_utf8_lossy(&text.value));
            }
            Token::String(_) | Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
}

fn begin(outline: &mut Outline, name: &str, tag: &StartTag<usize>, line: usize) {
    match heading_level(name) {
        Some(level) => outline.begin_heading(level, line),
        None if WITHIN_WORDS.contains(&name) => {}
        None => outline.gap(),
    }
    outline.drawn += usize::from(DRAWN.contains(&name));
    outline.scripted |= name == "script";
    begin_links(outline, name, tag, line);
}

/// Adds the links and anchors of an element, seen or not.
fn begin_links(outline: &mut Outline, name: &str, tag: &StartTag<usize>, line: usize) {
    let attribute = |key: &str| {
        tag.attributes
            .get(key.as_bytes())
            .map(|value| String::from_utf8_lossy(&value.value).into_owned())
    };
    outline.anchors.extend(attribute("id"));
    if name == "a" {
        outline.anchors.extend(attribute("name"));
    }
    let sources = linking_attributes(name).iter().filter_map(|key| attribute(key));
    outline.links.extend(sources.map(|target| Link { target, line }));
    if matches!(name, "img" | "source") {
        let candidates = attribute("srcset").unwrap_or_default();
        outline.links.extend(of_srcset(&candidates).map(|target| Link { target, line }));
    }
}

fn end(outline: &mut Outline, name: &str) {
    match heading_level(name) {
        Some(_) => outline.end_heading(),
        None if WITHIN_WORDS.contains(&name) => {}
        None => outline.gap(),
    }
}

fn heading_level(name: &str) -> Option<usize> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(usize::from(level - b'0')),
        _ => None,
    }
}

fn linking_attributes(name: &str) -> &'static [&'static str] {
    match name {
        "a" | "area" | "link" => &["href"],
        "use" | "image" => &["href", "xlink:href"],
        "audio" | "embed" | "iframe" | "img" | "input" | "script" | "source" | "track" => &["src"],
        "video" => &["src", "poster"],
        "object" => &["data"],
        _ => &[],
    }
}

/// A set of sources is `a.png 1x, b.png 2x`. A URL may hold a comma, but not end with one.
fn of_srcset(candidates: &str) -> impl Iterator<Item = String> + '_ {
    let urls = candidates.split(", ").filter_map(|one| one.split_whitespace().next());
    urls.map(|url| url.trim_end_matches(',').to_owned())
}
