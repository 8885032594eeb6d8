//! The colours that CSS, HTML and SVG declare: what is drawn or written in, and what is behind it.
//!
//! A small reading and no cascade: a pair is what one rule or element declares. A colour that needs a
//! cascade, such as a custom property with several values, is named as not readable.

mod css;
mod html;
mod svg;

use std::collections::{BTreeMap, BTreeSet};

use super::colour::Colour;
use super::work::{Stop, Work};
use super::{outline, xml};
use crate::model::text::named;

/// Bytes of a style sheet that is read.
const CSS_BYTES_MAX: u64 = 4 << 20;
/// Custom properties that may stand for one another.
const REFERENCES_MAX: usize = 8;

/// The colours that one rule or element declares, in the words of the file.
#[derive(Debug)]
pub(super) struct Declared {
    /// The colour of text or of a shape.
    pub(super) ink: Option<String>,
    /// The colour behind it.
    pub(super) ground: Option<String>,
    /// Whether the ink is that of text.
    pub(super) is_text: bool,
    /// The rule or element: a file, and its line or name.
    pub(super) place: String,
}

/// The colours of some files.
#[derive(Debug, Default)]
pub(super) struct Style {
    pub(super) declared: Vec<Declared>,
    /// The values of each custom property.
    properties: BTreeMap<String, BTreeSet<String>>,
}

/// A colour, or why it is not read.
pub(super) type Paint = Result<Colour, String>;

impl Style {
    /// Adds a file, which its name says to be CSS, HTML or SVG.
    pub(super) fn add(&mut self, path: &str, work: &mut Work<'_>) -> Result<(), Stop> {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension.to_ascii_lowercase().as_str() {
            "css" => css::add(self, &work.text(path, CSS_BYTES_MAX)?, path, 1),
            "html" | "htm" | "xhtml" => {
                html::add(self, &work.text(path, outline::HTML_BYTES_MAX)?, path);
            }
            "svg" => {
                let text = work.text(path, xml::BYTES_MAX)?;
                svg::add(self, &text, path).map_err(Stop::Violated)?;
            }
            _ => {
                let why = format!("{}: colours are read of .css, .html and .svg", named(path));
                return Err(Stop::Unmeasured(why));
            }
        }
        Ok(())
    }

    /// Reads a value as a colour. `None` where it is no colour of its own, such as `inherit`.
    pub(super) fn paint(&self, value: &str) -> Option<Paint> {
        let mut value = value.to_owned();
        for _ in 0..REFERENCES_MAX {
            let Some(name) = reference(&value) else { return paint(&value) };
            let values = self.properties.get(name).map(|values| values.iter().collect::<Vec<_>>());
            match values.as_deref() {
                Some([one]) => value = (*one).clone(),
                Some(_) => return Some(Err(format!("{} has several values", named(name)))),
                None => return Some(Err(format!("{} has no value", named(name)))),
            }
        }
        Some(Err(format!("{} leads from one property to the next", named(&value))))
    }
}

/// Returns the custom property that a value stands for: `var(--a)`.
fn reference(value: &str) -> Option<&str> {
    let inner = value.strip_prefix("var(")?.strip_suffix(')')?.trim();
    (!inner.contains([',', '('])).then_some(inner)
}

/// Reads a value without references. Of the shorthand `background` it is the one part that is a colour.
fn paint(value: &str) -> Option<Paint> {
    const NO_COLOUR: [&str; 8] = [
        "transparent",
        "none",
        "inherit",
        "initial",
        "unset",
        "revert",
        "revert-layer",
        "currentcolor",
    ];
    const KEYWORDS: [&str; 18] = [
        "0",
        "auto",
        "bottom",
        "border-box",
        "center",
        "content-box",
        "contain",
        "cover",
        "fixed",
        "left",
        "local",
        "no-repeat",
        "padding-box",
        "repeat",
        "right",
        "scroll",
        "top",
        "/",
    ];
    if let Some(colour) = Colour::of_css(value) {
        return Some(Ok(colour));
    }
    let unreadable = || Some(Err(format!("{} is not read as a colour", named(value))));
    if value.contains('(') {
        return unreadable();
    }
    let parts = value.split_whitespace().filter(|part| !NO_COLOUR.contains(part));
    let parts: Vec<&str> = parts.filter(|part| !KEYWORDS.contains(part)).collect();
    match parts[..] {
        [] => None,
        [one] => Colour::of_css(one).map_or_else(unreadable, |colour| Some(Ok(colour))),
        _ => unreadable(),
    }
}

/// Returns where something is, for a finding.
fn place(path: &str, line: usize) -> String {
    format!("{} line {line}", named(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pairs of a text as `ink on ground`, with `!` where a colour is not read.
    fn pairs(path: &str, text: &str) -> Vec<String> {
        let mut style = Style::default();
        match path {
            "a.css" => css::add(&mut style, text, path, 1),
            "a.html" => html::add(&mut style, text, path),
            _ => svg::add(&mut style, text, path).unwrap(),
        }
        let shown = |value: &Option<String>| match style.paint(value.as_deref()?)? {
            Ok(colour) => Some(colour.to_string()),
            Err(_) => Some("!".to_owned()),
        };
        let pair = |one: &Declared| {
            let (ink, ground) = (shown(&one.ink)?, shown(&one.ground)?);
            one.is_text.then(|| format!("{ink} on {ground}, {}", one.place))
        };
        style.declared.iter().filter_map(pair).collect()
    }

    #[test]
    fn a_pair_is_what_one_rule_declares() {
        for (text, expected) in [
            ("p { color: #000; background: #FFF }", &["#000000 on #ffffff, a.css line 1"][..]),
            ("a{color:red}\n\nb{background-color:#fff}", &[]),
            ("/* p{color:#000;background:#fff} */ b{color:'}'}", &[]),
            (
                "@media print {\n p { color: #111; background: #eee no-repeat center }\n}",
                &["#111111 on #eeeeee, a.css line 2"],
            ),
            (
                "p{color:#000!important;color:#eee;background:#fff}",
                &["#000000 on #ffffff, a.css line 1"],
            ),
            (
                ":root{--ink:#222;--on:var(--paper);--paper:#fff}\np{color:var(--ink);background:var(--on)}",
                &["#222222 on #ffffff, a.css line 2"],
            ),
            (
                ":root{--a:#222} .dark{--a:#ddd} p{color:var(--a);background:#fff}",
                &["! on #ffffff, a.css line 1"],
            ),
            (
                "p{color:rgb(0, 0, 0);background:url(data:image/png;base64,x)}",
                &["#000000 on !, a.css line 1"],
            ),
            ("p{color:#000;background:transparent}", &[]),
            (
                "p { color: #000; a { background: #fff } background: #eee }",
                &["#000000 on #eeeeee, a.css line 1"],
            ),
            ("p{color:#0008;background:#fff", &["! on #ffffff, a.css line 1"]),
        ] {
            assert_eq!(pairs("a.css", text), expected, "{text}");
        }
    }

    #[test]
    fn a_page_has_style_sheets_and_styles_of_elements() {
        let page = "<!-- <p style='color:#000;background:#fff'> -->\n<style>\np{color:#111;background:#eee}</style>\
                    <b style=\"background:#fff;color:#767676\">";
        let expected = ["#111111 on #eeeeee, a.html line 3", "#767676 on #ffffff, a.html line 3"];
        assert_eq!(pairs("a.html", page), expected);
    }

    #[test]
    fn a_drawing_has_text_over_what_covers_it() {
        let drawing = |inner: &str| {
            format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'>{inner}</svg>")
        };
        let covers = "<rect width='100%' height='9' fill='#fff'/>";
        for (inner, expected) in [
            (
                format!("{covers}<text fill='#123'>a</text>"),
                &["#112233 on #ffffff, a.svg <text>"][..],
            ),
            (
                format!("{covers}<g style='fill:#456'><text>a</text></g>"),
                &["#445566 on #ffffff, a.svg <text>"],
            ),
            (format!("{covers}<text>a</text>"), &["#000000 on #ffffff, a.svg <text>"]),
            (format!("<text fill='#123'>a</text>{covers}"), &[]),
            (format!("<defs>{covers}</defs><text>a</text>"), &[]),
            ("<rect width='8' height='9' fill='#fff'/><text>a</text>".to_owned(), &[]),
            (
                format!("{covers}<style>text{{fill:#eee}}</style><text>a</text>"),
                &["! on !, a.svg <text>"],
            ),
            (format!("{covers}<!-- <text>a</text> --><text> </text>"), &[]),
        ] {
            assert_eq!(pairs("a.svg", &drawing(&inner)), expected, "{inner}");
        }
    }

    /// Goal: no repeated text makes reading long.
    #[test]
    fn hostile_styles_end_soon() {
        for part in
            ["a{", "}", "/*", "'", "a{color:#000;background:var(--a)}", "(", ";", ":", "--a:"]
        {
            let _read = pairs("a.css", &part.repeat(1 << 17));
            let _read = pairs("a.html", &format!("<style>{}", part.repeat(1 << 17)));
        }
        let deep = format!("{}{}", "<g>".repeat(100_000), "</g>".repeat(100_000));
        assert_eq!(
            pairs("a.svg", &format!("<svg xmlns='http://www.w3.org/2000/svg'>{deep}</svg>")),
            [""; 0]
        );
    }
}
