//! The icons of the server and its tools, for hosts that show icons.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmcp::model::{Icon, IconTheme};

use super::effect::Effect;

/// The frame of a drawing. `LINES` and `COLOR` are replaced.
const PAPER: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\" fill=\"none\" \
    stroke=\"COLOR\" stroke-width=\"2.5\" stroke-linecap=\"round\" stroke-linejoin=\"round\">LINES</svg>";

/// A loop around what it refines.
const LOOP: &str = "<path d=\"M20 12a8 8 0 1 1-3-6.2M17 2v4h-4\"/>\
    <path d=\"m12 9.5 2.5 2.5-2.5 2.5L9.5 12z\" fill=\"COLOR\" stroke=\"none\"/>";
const EYE: &str =
    "<path d=\"M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12z\"/><path d=\"M12 12h0\"/>";
const PEN: &str = "<path d=\"M4 20l1-5L16 4l4 4L9 19z\"/><path d=\"M13 7l4 4\"/>";
const BIN: &str = "<path d=\"M4 7h16M9 7V4h6v3\"/><path d=\"M6 7l1 13h10l1-13\"/>";

/// A colour that is visible on light and dark backgrounds.
const EITHER: &str = "#4b93c4";

/// Returns the icons for light and dark backgrounds.
///
/// The drawing is a data URI, because the MCP specification lets clients refuse icons from another
/// origin, and a server on pipes has no origin.
pub(super) fn icons() -> Vec<Icon> {
    let themes = [(IconTheme::Light, "#1d5c86"), (IconTheme::Dark, "#8ccaf3")];
    themes.map(|(theme, color)| icon(LOOP, color).with_theme(theme)).into()
}

/// Returns the icon of a tool with this effect: an eye, a pen or a bin. There is one for all
/// backgrounds, to keep the list of tools short, which hosts read with every conversation.
pub(super) fn of_tool(effect: Effect) -> Vec<Icon> {
    let lines = match effect {
        Effect::Reads => EYE,
        Effect::WritesOnce | Effect::Writes => PEN,
        Effect::Destroys => BIN,
    };
    vec![icon(lines, EITHER)]
}

fn icon(lines: &str, color: &str) -> Icon {
    let drawing = PAPER.replace("LINES", lines).replace("COLOR", color);
    let drawing = BASE64_STANDARD.encode(drawing);
    Icon::new(format!("data:image/svg+xml;base64,{drawing}"))
        .with_mime_type("image/svg+xml")
        .with_sizes(vec!["any".to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_icon_is_a_small_drawing_without_scripts() {
        let effects = [Effect::Reads, Effect::WritesOnce, Effect::Writes, Effect::Destroys];
        let all = icons().into_iter().chain(effects.into_iter().flat_map(of_tool));
        let all: Vec<Icon> = all.collect();
        assert_eq!(all.len(), 6);
        for icon in all {
            assert!(icon.src.len() < 700, "{} bytes", icon.src.len());
            let (_, drawing) = icon.src.split_once("base64,").unwrap();
            let drawing = String::from_utf8(BASE64_STANDARD.decode(drawing).unwrap()).unwrap();
            let document = roxmltree::Document::parse(&drawing).unwrap();
            let names = document.descendants().filter(roxmltree::Node::is_element);
            let names: Vec<&str> = names.map(|node| node.tag_name().name()).collect();
            assert_eq!(names, ["svg", "path", "path"]);
        }
    }
}
