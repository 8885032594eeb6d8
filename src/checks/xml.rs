//! XML, and SVG as a kind of it.

use roxmltree::{Document, Node, ParsingOptions};

/// Bytes of an XML file that is parsed.
pub(super) const BYTES_MAX: u64 = 4 << 20;
const NODES_MAX: u32 = 500_000;
const SVG_NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Parses a text as XML, or says where it is none.
///
/// A document type is allowed, since drawing programs write one; nothing outside the file is read.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    let options =
        ParsingOptions { allow_dtd: true, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| format!("is not XML: {error}"))
}

/// Returns the root of an SVG, or says why it is none.
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
