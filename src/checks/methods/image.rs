//! An image has a format and a size.

use super::{
    Bounds, Built, Found, Kind, MeasureFile, Method, PATH, Param, Params, Stop, Work, each_file,
};
use crate::checks::image;
use crate::model::limits;

pub(super) static METHOD: Method = Method {
    name: "image",
    description: "the file is an image with pixels, or a drawing, of this format and size",
    params: &[
        PATH,
        Param::optional("format", Kind::Choice(image::FORMATS), "the required format"),
        Param::optional("width", Kind::Whole, "its exact width in pixels"),
        Param::optional("height", Kind::Whole, "its exact height in pixels"),
        Param::optional("min_width", Kind::Whole, "its least width in pixels"),
        Param::optional("max_width", Kind::Whole, "its greatest width in pixels"),
        Param::optional("min_height", Kind::Whole, "its least height in pixels"),
        Param::optional("max_height", Kind::Whole, "its greatest height in pixels"),
    ],
    metrics: &["width", "height"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    let width = side(params, "width", "min_width", "max_width")?;
    let height = side(params, "height", "min_height", "max_height")?;
    let format = params.text("format").map(str::to_owned);
    each_file(params, Image { format, width, height })
}

fn side(
    params: &Params<'_>,
    exact: &str,
    least: &str,
    greatest: &str,
) -> Result<Bounds, Vec<crate::model::refusal::Violation>> {
    let bounds = params.bounds(least, greatest)?;
    match params.whole(exact) {
        Some(_) if bounds.least.or(bounds.greatest).is_some() => {
            Err(params.wrong(exact, format!("cannot be combined with {least} or {greatest}")))
        }
        Some(exact) => Ok(Bounds { least: Some(exact), greatest: Some(exact) }),
        None => Ok(bounds),
    }
}

#[derive(Debug)]
struct Image {
    format: Option<String>,
    width: Bounds,
    height: Bounds,
}

impl MeasureFile for Image {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        let content = work.bytes(path, limits::CHECKED_FILE_BYTES_MAX)?;
        let image = image::read(&content).map_err(Stop::Violated)?;
        let mut wrong = Vec::new();
        if let Some(format) = self.format.as_ref().filter(|format| **format != image.format) {
            wrong.push(format!("the format is {}, not {format}", image.format));
        }
        let is_bounded = |bounds: &Bounds| bounds.least.or(bounds.greatest).is_some();
        let Some((width, height)) = image.size else {
            if is_bounded(&self.width) || is_bounded(&self.height) {
                wrong.push("has no size: it needs width and height, or a viewBox".to_owned());
            }
            return Ok(found(&wrong, image.format.to_owned()));
        };
        let sides = [("wide", width, self.width), ("high", height, self.height)];
        wrong.extend(sides.into_iter().filter_map(|(side, pixels, bounds)| {
            Some(format!("{pixels} pixels {side}, {}", bounds.broken_by(pixels)?))
        }));
        let found = found(&wrong, format!("{}, {width} x {height}", image.format));
        Ok(found.with_bytes("width", width).with_bytes("height", height))
    }
}

fn found(wrong: &[String], image: String) -> Found {
    if wrong.is_empty() { Found::satisfied(image) } else { Found::violated(wrong.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{GIF, HEADERS, JPEG, PNG, WEBP, check_one, refused};

    #[test]
    fn formats_and_sizes_are_read_from_headers() {
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 16'><path/></svg>";
        let sizeless = b"<svg xmlns='http://www.w3.org/2000/svg'><path/></svg>";
        for (params, content, says) in [
            (json!({}), PNG, "+ png, 3 x 2"),
            (json!({"format": "gif"}), GIF, "+ gif, 3 x 2"),
            (json!({}), JPEG, "+ jpeg, 3 x 2"),
            (json!({}), WEBP, "+ webp, 3 x 2"),
            (json!({"format": "svg", "width": 32}), svg, "+ svg, 32 x 16"),
            (json!({"format": "jpeg"}), PNG, "- the format is png, not jpeg"),
            (
                json!({"min_width": 4, "max_height": 1}),
                PNG,
                "- 3 pixels wide, 4 at least, 2 pixels high, 1 at most",
            ),
            (json!({"height": 2, "width": 3}), PNG, "+ png, 3 x 2"),
            (json!({}), &PNG[..20], "- its header is damaged"),
            (
                json!({}),
                b"",
                "- is not an image: the known formats are png, jpeg, gif, webp, avif, heic, svg",
            ),
            (json!({}), b"<svg>", "- is not XML: the root node was opened but never closed"),
            (json!({}), sizeless, "+ svg"),
            (json!({}), HEADERS[0], "- has no pixels after its header, or is cut off"),
            (
                json!({"width": 1}),
                sizeless,
                "- has no size: it needs width and height, or a viewBox",
            ),
        ] {
            let mut params = params;
            params["path"] = "f".into();
            assert_eq!(check_one("image", params, content), says);
        }
    }

    #[test]
    fn a_side_has_one_kind_of_bound() {
        let params = json!({"path": "f", "width": 1, "min_width": 1, "format": "bmp"});
        assert_eq!(refused("image", &params), ["format"]);
        assert_eq!(refused("image", &json!({"path": "f", "width": 1, "min_width": 1})), ["width"]);
        assert_eq!(
            refused("image", &json!({"path": "f", "min_height": 2, "max_height": 1})),
            ["max_height"]
        );
    }
}
