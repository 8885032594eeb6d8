//! HTML: its tokens, and the mistakes in it.
//!
//! A browser accepts any text as HTML. Here a text parses when the standard's tokenizer reports no
//! error and every element that needs an end tag is closed in order. There is no tree and no
//! recursion.

use html5gum::{DefaultEmitter, Token, Tokenizer};

use super::text::Lines;
use crate::model::text::named;

/// Elements that have no end.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
/// Elements with an optional end tag.
const END_OPTIONAL: [&str; 18] = [
    "html", "head", "body", "p", "li", "dt", "dd", "rt", "rp", "optgroup", "option", "colgroup",
    "thead", "tbody", "tfoot", "tr", "td", "th",
];
/// Elements that end a paragraph by beginning.
const END_PARAGRAPH: [&str; 35] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "search",
    "section",
    "summary",
    "table",
    "ul",
];
/// The limit of open elements, as in browsers.
const DEPTH_MAX: usize = 512;
const FAULTS_MAX: usize = 100;

/// Returns the tokens of a text, with their places in bytes.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<usize>> + '_ {
    let mut emitter = DefaultEmitter::new_with_span();
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(text, emitter).map(|token| match token {
        Ok(token) => token,
        Err(never) => match never {},
    })
}

/// Returns the name of a tag as text.
pub(super) fn name(bytes: &[u8]) -> String {
    named(&String::from_utf8_lossy(bytes))
}

/// Returns the faults of a text as HTML, each with its line.
pub(super) fn faults(text: &str) -> Vec<String> {
    let mut balance = Balance { lines: Lines::of(text), open: Vec::new(), faults: Vec::new() };
    for token in tokens(text) {
        match token {
            Token::StartTag(tag) => {
                balance.start(name(&tag.name), tag.self_closing, tag.span.start);
            }
            Token::EndTag(tag) => balance.end(&name(&tag.name), tag.span.start),
            Token::Error(error) => balance.error(error.value, error.span.start),
            Token::String(_) | Token::Comment(_) | Token::Doctype(_) => {}
        }
        if balance.faults.len() >= FAULTS_MAX || balance.open.len() > DEPTH_MAX {
            break;
        }
    }
    balance.finish()
}

/// The open elements.
struct Balance<'a> {
    lines: Lines<'a>,
    open: Vec<Open>,
    faults: Vec<String>,
}

struct Open {
    name: String,
    line: usize,
}

impl Balance<'_> {
    fn start(&mut self, name: String, self_closing: bool, place: usize) {
        let line = self.lines.line_at(place);
        if self.within_drawing() || is_drawing(&name) {
            if !self_closing {
                self.open.push(Open { name, line });
            }
            return;
        }
        if self.open.last().is_some_and(|last| is_ended_by(&last.name, &name)) {
            self.open.pop();
        }
        match VOID.contains(&name.as_str()) {
            true => {}
            false if self_closing => {
                self.faults.push(format!("<{name}/> in line {line} is not closed by its slash"));
            }
            false => self.open.push(Open { name, line }),
        }
    }

    fn end(&mut self, name: &str, place: usize) {
        let line = self.lines.line_at(place);
        let Some(at) = self.open.iter().rposition(|open| open.name == name) else {
            self.faults.push(format!("</{name}> in line {line} closes nothing"));
            return;
        };
        let unclosed = self.open[at + 1..].iter().find(|open| !open.may_stay_open());
        if let Some(Open { name: inner, line: begun }) = unclosed {
            self.faults.push(format!(
                "<{inner}> of line {begun} is not closed before </{name}> in line {line}"
            ));
        }
        self.open.truncate(at);
    }

    fn error(&mut self, error: html5gum::Error, place: usize) {
        let expected = error == html5gum::Error::CdataInHtmlContent && self.within_drawing();
        if !expected {
            let line = self.lines.line_at(place);
            self.faults.push(format!("{} in line {line}", error.as_str()));
        }
    }

    fn finish(mut self) -> Vec<String> {
        if self.open.len() > DEPTH_MAX {
            self.faults.push(format!("elements nest more than {DEPTH_MAX} deep"));
            return self.faults;
        }
        let unclosed = self.open.iter().filter(|open| !open.may_stay_open());
        let unclosed =
            unclosed.map(|Open { name, line }| format!("<{name}> of line {line} is not closed"));
        self.faults.extend(unclosed);
        self.faults
    }

    fn within_drawing(&self) -> bool {
        self.open.iter().any(|open| is_drawing(&open.name))
    }
}

impl Open {
    fn may_stay_open(&self) -> bool {
        END_OPTIONAL.contains(&self.name.as_str())
    }
}

fn is_drawing(name: &str) -> bool {
    name == "svg" || name == "math"
}

/// Returns whether an element ends when another begins.
fn is_ended_by(open: &str, next: &str) -> bool {
    match open {
        "p" => END_PARAGRAPH.contains(&next),
        "li" | "option" | "tr" => open == next,
        "dt" | "dd" => matches!(next, "dt" | "dd"),
        "td" | "th" => matches!(next, "td" | "th"),
        "rt" | "rp" => matches!(next, "rt" | "rp"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standard_allows_is_no_fault() {
        for good in [
            "",
            "text",
            "<!doctype html><html><head><title>a < b</title><body><p>a<p>b<br><img src=x>",
            "<ul><li>a<li>b</ul><dl><dt>a<dd>b</dl><table><tr><td>a<td>b<tr><td>c</table>",
            "<p>a<div>b</div>",
            "<svg><path d=''/><g><![CDATA[x]]></g></svg><br/>",
            "<script>if (a < b && '</p>') {}</script><style>a > b {}</style>",
            "<!-- <b> -->&amp; &uuml; ü",
            "<A HREF='x'>y</a>",
        ] {
            assert_eq!(faults(good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn every_fault_has_its_line() {
        for (bad, fault) in [
            ("<p>\r\n<b>\r\n</p>", "<b> of line 2 is not closed before </p> in line 3"),
            ("ü\n<div>", "<div> of line 2 is not closed"),
            ("a</div>", "</div> in line 1 closes nothing"),
            ("<p>a<div></div></p>", "</p> in line 1 closes nothing"),
            ("\n\n<div/>", "<div/> in line 3 is not closed by its slash"),
            ("</br>", "</br> in line 1 closes nothing"),
            ("<svg><g></svg>", "<g> of line 1 is not closed before </svg> in line 1"),
            ("<a b=1 b=2></a>", "duplicate-attribute in line 1"),
            ("\n&nosuch;", "unknown-named-character-reference in line 2"),
            ("<!-- a", "eof-in-comment in line 1"),
            ("a <", "eof-before-tag-name in line 1"),
        ] {
            assert_eq!(faults(bad), [fault], "{bad}");
        }
    }

    #[test]
    fn hostile_nesting_ends_soon() {
        for part in ["<div>", "<li><dd>", "</b>", "<p><b></p>", "<a ", "<!--", "&x;", "<svg>"] {
            let found = faults(&part.repeat(1 << 18));
            assert!((1..=2 * DEPTH_MAX).contains(&found.len()), "{part}: {}", found.len());
        }
    }
}
