//! Two colours have enough contrast.

use super::{Built, Found, Kind, Measure, Method, Param, Params, Reading, Stop, Work, whole};
use crate::checks::colour::Colour;
use crate::checks::finding::listed;
use crate::checks::pattern::PathPattern;
use crate::model::limits;

pub(super) static METHOD: Method = Method {
    name: "contrast",
    description: "two colours have a contrast ratio of at least `min`, 4.5 by default, by WCAG 2",
    params: &[
        Param::required("foreground", Kind::Colour, "the colour of the text"),
        Param::required("background", Kind::Colour, "the colour behind it"),
        Param::optional("min", Kind::Number, "the lowest ratio allowed; 4.5 by default"),
        Param::optional(
            "path",
            Kind::Path,
            "the files to search: each colour must occur in one of them",
        ),
    ],
    metrics: &["ratio"],
    build,
};

/// The ratio that WCAG requires for text of normal size, level AA.
const RATIO_DEFAULT: f64 = 4.5;

fn build(params: &Params<'_>) -> Built {
    let colour = |name: &str| {
        let text = params.text(name).unwrap_or_default();
        let colour = Colour::parse(text).ok_or_else(|| params.wrong(name, "is not a colour"))?;
        Ok::<_, Vec<_>>((text.to_owned(), colour))
    };
    Ok(Box::new(Contrast {
        foreground: colour("foreground")?,
        background: colour("background")?,
        least: params.number("min").unwrap_or(RATIO_DEFAULT),
        files: params.text("path").map(|_| params.path("path")).transpose()?,
    }))
}

#[derive(Debug)]
struct Contrast {
    foreground: (String, Colour),
    background: (String, Colour),
    least: f64,
    files: Option<PathPattern>,
}

impl Measure for Contrast {
    fn measure(&self, work: &mut Work<'_>) -> Result<Vec<Reading>, Stop> {
        let unused = match &self.files {
            Some(files) => self.unused(files, work)?,
            None => Vec::new(),
        };
        let ratio = self.foreground.1.contrast(self.background.1);
        // Cut and not rounded, so a ratio that is just too low does not look high enough.
        let shown = (ratio * 100.0).floor() / 100.0;
        let found = match (ratio < self.least, unused.is_empty()) {
            (true, _) => Found::violated(format!("the ratio is {shown}, {} at least", self.least)),
            (false, false) => Found::violated(format!("does not occur: {}", listed(&unused, ", "))),
            (false, true) => Found::satisfied(format!("the ratio is {shown}")),
        };
        Ok(whole(found.with_number("ratio", ratio)))
    }
}

impl Contrast {
    /// Returns the colours that occur in none of the files.
    fn unused(&self, files: &PathPattern, work: &mut Work<'_>) -> Result<Vec<String>, Stop> {
        let mut unused = vec![&self.foreground, &self.background];
        for path in work.matching(files)? {
            let text = work.text(&path, limits::CHECKED_FILE_BYTES_MAX)?;
            unused.retain(|(_, colour)| !colour.occurs_in(&text));
        }
        Ok(unused.into_iter().map(|(text, _)| text.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, refused, table};

    #[test]
    fn a_ratio_is_measured_and_never_rounded_up() {
        let dist = Dist::of(&[
            ("a.css", "p { color: #767676;\r\n background: #FFFFFF }"),
            ("empty.css", ""),
        ]);
        let colours = |foreground: &str| json!({"foreground": foreground, "background": "#fff"});
        let with = |foreground: &str, name: &str, value: serde_json::Value| {
            let mut params = colours(foreground);
            params[name] = value;
            params
        };
        table(
            &dist,
            "contrast",
            &[
                (colours("#000"), "+ the ratio is 21"),
                (colours("#777777"), "- the ratio is 4.47, 4.5 at least"),
                (colours("#767676"), "+ the ratio is 4.54"),
                (with("#767676", "min", json!(7)), "- the ratio is 4.54, 7 at least"),
                (with("#767676", "path", json!("*.css")), "+ the ratio is 4.54"),
                (with("#000", "path", json!("a.css")), "- does not occur: #000"),
                (with("#000", "path", json!("empty.css")), "- does not occur: #000, #fff"),
                (with("#000", "path", json!("gone.css")), "- there is no file gone.css in dist/"),
            ],
        );
    }

    #[test]
    fn what_is_no_colour_is_refused() {
        let params = json!({"foreground": "red", "background": "#12345", "min": 0});
        assert_eq!(refused("contrast", &params), ["background", "foreground", "min"]);
        assert_eq!(refused("contrast", &json!({"foreground": "#000"})), ["background"]);
    }
}
