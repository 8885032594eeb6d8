//! Reading the header of an image.

use imagesize::{Compression, ImageType};
use roxmltree::Node;

use super::pixels::has_pixels;
use super::{text, xml};

/// The known formats.
pub(super) const FORMATS: &[&str] = &["png", "jpeg", "gif", "webp", "avif", "heic", "svg"];

/// An image as its header describes it. Pixels are there, and are not decoded.
#[derive(Debug, PartialEq)]
pub(super) struct Image {
    pub(super) format: &'static str,
    /// `None` for an SVG without a size of its own.
    pub(super) size: Option<(u64, u64)>,
}

/// Reads the header of an image, or returns why the file is not an image.
pub(super) fn read(bytes: &[u8]) -> Result<Image, String> {
    match imagesize::image_type(bytes) {
        Ok(kind) => {
            let size =
                imagesize::blob_size(bytes).map_err(|_| "its header is damaged".to_owned())?;
            let format = format(kind).ok_or("has an unknown format")?;
            if !has_pixels(format, bytes) {
                return Err("has no pixels after its header, or is cut off".to_owned());
            }
            Ok(Image { format, size: Some((size.width as u64, size.height as u64)) })
        }
        Err(_) if bytes.len() as u64 > xml::BYTES_MAX => Err("is not an image".to_owned()),
        Err(_) => text::decode(bytes).ok().filter(|text| text.contains("<svg")).map_or_else(
            || Err(format!("is not an image: the known formats are {}", FORMATS.join(", "))),
            read_svg,
        ),
    }
}

fn format(kind: ImageType) -> Option<&'static str> {
    match kind {
        ImageType::Png => Some("png"),
        ImageType::Jpeg => Some("jpeg"),
        ImageType::Gif => Some("gif"),
        ImageType::Webp => Some("webp"),
        ImageType::Heif(Compression::Av1) => Some("avif"),
        ImageType::Heif(_) => Some("heic"),
        _ => None,
    }
}

/// The size of an SVG is its width and height in pixels, else that of its view box.
fn read_svg(text: &str) -> Result<Image, String> {
    let document = xml::parse(text)?;
    let root = xml::svg_root(&document)?;
    if !draws(root) {
        return Err("draws nothing".to_owned());
    }
    let stated = |name| root.attribute(name).and_then(pixels);
    let size = stated("width").zip(stated("height"));
    Ok(Image { format: "svg", size: size.or_else(|| view_box(root.attribute("viewBox")?)) })
}

/// Returns whether an SVG draws something. What is only defined is not drawn.
fn draws(root: Node<'_, '_>) -> bool {
    const DRAWING: [&str; 11] = [
        "circle",
        "ellipse",
        "foreignObject",
        "image",
        "line",
        "path",
        "polygon",
        "polyline",
        "rect",
        "text",
        "use",
    ];
    const DEFINING: [&str; 6] = ["clipPath", "defs", "marker", "mask", "pattern", "symbol"];
    let mut elements = vec![root];
    while let Some(element) = elements.pop() {
        let name = element.tag_name().name();
        if DRAWING.contains(&name) {
            return true;
        }
        if !DEFINING.contains(&name) {
            elements.extend(element.children());
        }
    }
    false
}

fn pixels(length: &str) -> Option<u64> {
    whole(length.trim().trim_end_matches("px"))
}

fn view_box(text: &str) -> Option<(u64, u64)> {
    let numbers: Vec<&str> =
        text.split([' ', ',', '\t', '\n', '\r']).filter(|n| !n.is_empty()).collect();
    match numbers[..] {
        [_, _, width, height] => whole(width).zip(whole(height)),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded by the line before"
)]
fn whole(number: &str) -> Option<u64> {
    let number: f64 = number.parse().ok()?;
    (0.0..=1e9).contains(&number).then(|| number.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(attributes: &str) -> Result<Image, String> {
        read(
            format!("<svg xmlns=\"http://www.w3.org/2000/svg\" {attributes}><path/></svg>")
                .as_bytes(),
        )
    }

    #[test]
    fn the_size_of_an_svg_is_stated_or_that_of_its_view_box() {
        for (attributes, size) in [
            ("width='20' height='10px'", Some((20, 10))),
            ("width='100%' height='100%' viewBox='0 0 32, 16.4'", Some((32, 16))),
            ("viewBox='0 0 -1 5'", None),
            ("width='20'", None),
            ("width='NaN' height='1e99'", None),
            ("viewBox=''", None),
        ] {
            assert_eq!(svg(attributes), Ok(Image { format: "svg", size }), "{attributes}");
        }
        let defined = b"<svg xmlns='http://www.w3.org/2000/svg'><defs><path/></defs></svg>";
        assert_eq!(read(defined), Err("draws nothing".to_owned()));
        assert!(read(b"<svg/>").unwrap_err().contains("xmlns"));
        assert!(read(b"<svg").unwrap_err().contains("not XML"));
    }

    /// Goal: no cut or changed header makes the reader panic.
    #[test]
    fn a_damaged_header_is_an_answer() {
        for whole in super::super::testing::IMAGES {
            for end in 0..whole.len() {
                drop(read(&whole[..end]));
                for byte in [0, 1, 0x7f, 0xff] {
                    let mut changed = whole.to_vec();
                    changed[end] = byte;
                    drop(read(&changed));
                }
            }
        }
    }
}
