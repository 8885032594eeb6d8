//! XML, and SVG as a kind of it.

use roxmltree::{Document, Node, ParsingOptions};

/// Bytes of an XML file that is parsed.
pub(super) const BYTES_MAX: u64 = 4 << 20;
const NODES_MAX: u32 = 500_000;
/// Attributes of one element. The parser compares each with all others.
const ATTRIBUTES_MAX: usize = 1000;
/// Name space declarations of a file. The parser passes all of them on to inner elements.
const NAMESPACES_MAX: usize = 500;
const SVG_NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Parses a text as XML, or returns the fault.
///
/// A document type is allowed, because drawing programs write one, but not with declarations in the
/// file: a few entities can grow into gigabytes.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    guard(text)?;
    let options =
        ParsingOptions { allow_dtd: true, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| format!("is not XML: {error}"))
}

/// Returns the root of an SVG, or the reason why it is not an SVG.
pub(super) fn svg_root<'a, 'input>(
    document: &'a Document<'input>,
) -> Result<Node<'a, 'input>, String> {
    let root = document.root_element();
    match root.tag_name().name() {
        "svg" if root.tag_name().namespace() == Some(SVG_NAMESPACE) => Ok(root),
        "svg" => Err(format!("is not SVG: the root needs xmlns=\"{SVG_NAMESPACE}\"")),
        other => Err(format!("is not SVG: the root is <{other}>")),
    }
}

/// Refuses a text that would take the parser too long.
///
/// This walks from tag to tag as the parser does. They can differ only where the text is not
/// well-formed, and there the parser stops.
fn guard(text: &str) -> Result<(), String> {
    let mut rest = text;
    let mut namespaces = 0;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let section = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
        if let Some((begin, end)) = section.iter().find(|(begin, _)| rest.starts_with(begin)) {
            rest = rest[begin.len()..].split_once(end).map_or("", |(_, after)| after);
            continue;
        }
        let tag = Tag::of(rest);
        if tag.has_declarations && rest.starts_with("<!DOCTYPE") {
            return Err("has a document type with declarations, which is not supported".to_owned());
        }
        if tag.values > ATTRIBUTES_MAX {
            return Err(format!("has an element with more than {ATTRIBUTES_MAX} attributes"));
        }
        namespaces += rest[..tag.length].matches("xmlns").count();
        if namespaces > NAMESPACES_MAX {
            return Err(format!("declares more than {NAMESPACES_MAX} name spaces"));
        }
        rest = &rest[tag.length..];
    }
    Ok(())
}

/// The content between `<` and `>`.
struct Tag {
    length: usize,
    /// Texts in quotes.
    values: usize,
    /// Whether there is a `[` outside of them.
    has_declarations: bool,
}

impl Tag {
    fn of(text: &str) -> Self {
        let mut tag = Self { length: text.len(), values: 0, has_declarations: false };
        let mut quote = None;
        for (at, byte) in text.bytes().enumerate() {
            match (quote, byte) {
                (Some(open), byte) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => {
                    quote = Some(byte);
                    tag.values += 1;
                }
                (None, b'[') => tag.has_declarations = true,
                (None, b'>') => {
                    tag.length = at + 1;
                    break;
                }
                (None, _) => {}
            }
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drawing_programs_write_is_read() {
        let text = "\u{feff}<?xml version='1.0'?>\r\n<!-- don't -->\r\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \
                    \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">\r\n<svg a='>[\"'>it's<![CDATA[<'>]]></svg>";
        assert!(parse(text).is_ok(), "{:?}", parse(text).err());
    }

    /// Goal: neither entities nor attributes nor name spaces of a small file grow into much.
    #[test]
    fn what_the_parser_would_take_too_long_for_is_refused() {
        let attributes =
            |count: usize| (0..count).map(|i| format!(" a{i}='>'")).collect::<String>();
        let nested =
            |count: usize| (0..count).map(|i| format!("<a xmlns:a{i}='{i}'>")).collect::<String>();
        let hidden = format!(
            "<!-- <!DOCTYPE a> --><!DOCTYPE a [<!ENTITY b '{}'>]><a>&b;</a>",
            "c".repeat(99)
        );
        for (text, says) in [
            (hidden, "has a document type with declarations"),
            (format!("<a{}/>", attributes(1001)), "has an element with more than 1000"),
            (format!("<![CDATA['\"]]><a{}/>", attributes(1001)), "has an element"),
            (nested(501), "declares more than 500"),
            (nested(500), "is not XML: the root node was opened but never closed"),
            ("<a ".to_owned() + &"<".repeat(1 << 20), "is not XML"),
            ("<!--".repeat(1 << 18), "is not XML"),
            ("<a b='".repeat(1 << 18), "has an element with more than 1000"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
        assert!(parse(&format!("<a{}/>", attributes(1000))).is_ok());
    }
}
