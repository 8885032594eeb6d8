//! The server's icon, for hosts that show one beside its name.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmcp::model::{Icon, IconTheme};

/// A loop around what it refines, in a colour that is put in place of `COLOR`.
const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\" fill=\"none\" \
    stroke=\"COLOR\" stroke-width=\"2.5\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\
    <path d=\"M20 12a8 8 0 1 1-3-6.2M17 2v4h-4\"/>\
    <path d=\"m12 9.5 2.5 2.5-2.5 2.5L9.5 12z\" fill=\"COLOR\" stroke=\"none\"/></svg>";

/// Returns the icon for light and for dark surroundings.
///
/// The drawing is part of the answer, since the MCP specification lets clients refuse icons from
/// another origin than the server's, and a program that speaks over pipes has none.
pub(super) fn icons() -> Vec<Icon> {
    [(IconTheme::Light, "#1d5c86"), (IconTheme::Dark, "#8ccaf3")].map(icon).into()
}

fn icon((theme, color): (IconTheme, &str)) -> Icon {
    let drawing = BASE64_STANDARD.encode(DRAWING.replace("COLOR", color));
    Icon::new(format!("data:image/svg+xml;base64,{drawing}"))
        .with_mime_type("image/svg+xml")
        .with_sizes(vec!["any".to_owned()])
        .with_theme(theme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_icon_is_a_small_drawing_without_scripts() {
        let icons = icons();
        assert_eq!(icons.len(), 2);
        for icon in icons {
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
