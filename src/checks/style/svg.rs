//! Colours of a drawing: the fill of texts and shapes, over the last rectangle that covers all of it.

use roxmltree::{Document, Node};

use super::{Declared, Style, css};
use crate::checks::xml;
use crate::model::text::named;

/// Elements whose content is drawn elsewhere, if at all.
const DEFINING: [&str; 6] = ["clipPath", "defs", "marker", "mask", "pattern", "symbol"];

/// Adds the colours of a drawing, or returns why it is not read.
pub(super) fn add(style: &mut Style, text: &str, path: &str) -> Result<(), String> {
    let document = xml::parse(text)?;
    let root = xml::svg_root(&document)?;
    let is_styled = add_sheets(style, &document, path);
    let size = Size::of(root);
    let mut ground = declared(root, "background-color").or_else(|| declared(root, "background"));
    // An element and the fill that it has without one of its own.
    let mut open = vec![(root, Fill::Attribute("#000".to_owned()))];
    while let Some((element, inherited)) = open.pop() {
        let name = element.tag_name().name();
        if !element.is_element() || DEFINING.contains(&name) {
            continue;
        }
        let fill = Fill::of(element).unwrap_or(inherited);
        if name == "rect" && size.is_covered_by(element) {
            ground = Some(fill.as_seen(is_styled));
        } else if let Some(is_text) = drawn(element) {
            let place = format!("{} <{name}>", named(path));
            let ink = Some(fill.as_seen(is_styled));
            style.declared.push(Declared { ink, ground: ground.clone(), is_text, place });
        }
        open.extend(element.children().rev().map(|inner| (inner, fill.clone())));
    }
    Ok(())
}

/// Adds the style sheets of a drawing, and returns whether one of them sets a fill.
fn add_sheets(style: &mut Style, document: &Document<'_>, path: &str) -> bool {
    let before = style.declared.len();
    let sheets = document
        .descendants()
        .filter(|one| one.has_tag_name(("http://www.w3.org/2000/svg", "style")));
    for sheet in sheets {
        let text: String = sheet.children().filter_map(|one| one.text()).collect();
        css::add(style, &text, path, 1);
    }
    style.declared.iter().skip(before).any(|one| !one.is_text)
}

/// Returns whether an element is text that is seen, or a shape; `None` if it is neither.
fn drawn(element: Node<'_, '_>) -> Option<bool> {
    const SHAPES: [&str; 8] =
        ["circle", "ellipse", "line", "path", "polygon", "polyline", "rect", "use"];
    let is_text = ["text", "tspan", "textPath"].contains(&element.tag_name().name());
    let has_text = || {
        let texts = element.children().filter(Node::is_text).filter_map(|one| one.text());
        texts.into_iter().any(|text| !text.trim().is_empty())
    };
    if is_text {
        return has_text().then_some(true);
    }
    SHAPES.contains(&element.tag_name().name()).then_some(false)
}

/// Returns a property of an element's `style`.
fn declared(element: Node<'_, '_>, property: &str) -> Option<String> {
    let declarations = element.attribute("style")?.split(';').rev();
    let mut pairs = declarations.filter_map(|one| one.split_once(':'));
    let found = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(property));
    found.map(|(_, value)| value.trim().to_ascii_lowercase())
}

/// The fill of an element. A style sheet goes before an attribute, and not before its own style.
#[derive(Clone)]
enum Fill {
    Attribute(String),
    Own(String),
}

impl Fill {
    fn of(element: Node<'_, '_>) -> Option<Self> {
        let attribute = || element.attribute("fill").map(|fill| fill.trim().to_ascii_lowercase());
        declared(element, "fill").map(Self::Own).or_else(|| attribute().map(Self::Attribute))
    }

    /// Returns the fill in the words of the file, or a word that is no colour where a style sheet may set it.
    fn as_seen(&self, is_styled: bool) -> String {
        match self {
            Self::Attribute(_) if is_styled => "fill-of-a-style-sheet".to_owned(),
            Self::Attribute(fill) | Self::Own(fill) => fill.clone(),
        }
    }
}

/// Where a drawing begins and how large it is.
struct Size {
    begin: [f64; 2],
    sides: Option<[f64; 2]>,
}

impl Size {
    fn of(root: Node<'_, '_>) -> Self {
        let view = root.attribute("viewBox").unwrap_or_default();
        let view: Vec<f64> =
            view.split([' ', ',', '\t', '\n', '\r']).filter_map(|one| one.parse().ok()).collect();
        match view[..] {
            [x, y, width, height] => Self { begin: [x, y], sides: Some([width, height]) },
            _ => {
                let side = |name| number(root.attribute(name)?);
                let sides =
                    side("width").zip(side("height")).map(|(width, height)| [width, height]);
                Self { begin: [0.0, 0.0], sides }
            }
        }
    }

    /// Returns whether a rectangle lies behind all of the drawing.
    fn is_covered_by(&self, rect: Node<'_, '_>) -> bool {
        let changed = ["opacity", "fill-opacity", "transform", "clip-path", "mask"];
        let is_plain = !changed.iter().any(|name| rect.attribute(*name).is_some());
        let covers = |side: usize, at: &str, length: &str| {
            let begins = rect.attribute(at).map_or(Some(0.0), number);
            let begins = begins.is_some_and(|begins| begins <= self.begin[side]);
            let length = rect.attribute(length).unwrap_or_default().trim();
            let needed = self.sides.map(|sides| sides[side]);
            let is_whole = length == "100%";
            begins
                && (is_whole || number(length).zip(needed).is_some_and(|(is, needs)| is >= needs))
        };
        is_plain && covers(0, "x", "width") && covers(1, "y", "height")
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().trim_end_matches("px").parse().ok()
}
