//! A file is what its format says.

use super::{Built, Found, Kind, MeasureFile, Method, PATH, Param, Params, Stop, Work, each_file};
use crate::checks::finding::listed;
use crate::checks::text::shows_nothing;
use crate::checks::{html, outline, xml};
use crate::model::limits;
use crate::model::text::named;

pub(super) static METHOD: Method = Method {
    name: "parses",
    description: "the file is well-formed JSON, XML, SVG, HTML (each element closed) or Markdown",
    params: &[PATH, Param::required("format", Kind::Choice(FORMATS), "what the file must be")],
    metrics: &["faults"],
    build,
};

const FORMATS: &[&str] = &["json", "xml", "svg", "html", "markdown"];

fn build(params: &Params<'_>) -> Built {
    let format = match params.text("format") {
        Some("json") => Format::Json,
        Some("xml") => Format::Xml,
        Some("svg") => Format::Svg,
        Some("html") => Format::Html,
        _ => Format::Markdown,
    };
    each_file(params, Parses { format })
}

#[derive(Debug)]
struct Parses {
    format: Format,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Json,
    Xml,
    Svg,
    Html,
    Markdown,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Xml => "XML",
            Self::Svg => "SVG",
            Self::Html => "HTML",
            Self::Markdown => "Markdown",
        }
    }

    fn bytes_max(self) -> u64 {
        match self {
            Self::Json => limits::CHECKED_FILE_BYTES_MAX,
            Self::Xml | Self::Svg => xml::BYTES_MAX,
            Self::Html => outline::HTML_BYTES_MAX,
            Self::Markdown => outline::MARKDOWN_BYTES_MAX,
        }
    }

    fn faults(self, text: &str) -> Vec<String> {
        let fault = match self {
            Self::Json => serde_json::from_str::<serde::de::IgnoredAny>(text)
                .err()
                .map(|error| format!("is not JSON: {error}")),
            Self::Xml => xml::parse(text).err(),
            Self::Svg => {
                xml::parse(text).and_then(|document| xml::svg_root(&document).map(drop)).err()
            }
            Self::Html => return html::faults(text),
            Self::Markdown => return outline::faults(text),
        };
        fault.into_iter().collect()
    }
}

impl MeasureFile for Parses {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        let text = work.text(path, self.format.bytes_max())?;
        let mut faults = if shows_nothing(path, text.as_bytes()) {
            vec!["is empty".to_owned()]
        } else {
            self.format.faults(&text)
        };
        // A parser's message may repeat what it read.
        let shortened = |fault: &String| fault.split(' ').map(named).collect::<Vec<_>>().join(" ");
        faults = faults.iter().map(shortened).collect();
        let found = if faults.is_empty() {
            Found::satisfied(format!("is {}", self.format.name()))
        } else {
            Found::violated(listed(&faults, ", "))
        };
        Ok(found.with("faults", faults.len()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, check_one, table};

    #[test]
    fn each_format_is_told_from_what_it_is_not() {
        let svg = "<?xml version='1.0'?><!DOCTYPE svg PUBLIC 'a' 'b'>\r\n<svg xmlns='http://www.w3.org/2000/svg'/>";
        for (format, content, says) in [
            ("json", "{\"a\": [1, \"ü\"]}\r\n", "+ is JSON"),
            ("json", "{\"a\": 1,}", "- is not JSON: key must be a string at line 1 column 9"),
            ("json", "1 2", "- is not JSON: trailing characters at line 1 column 3"),
            ("json", " \n", "- is empty"),
            ("xml", "<a><b/>ü</a>", "+ is XML"),
            ("xml", "<a>\n<b></a>", "- is not XML: expected 'b' tag, not 'a' at 2:4"),
            ("xml", "<a/><b/>", "- is not XML: unknown token at 1:5"),
            ("svg", svg, "+ is SVG"),
            ("svg", "<html/>", "- is not SVG: the root is <html>"),
            ("html", "<!doctype html><p>ü<br>", "+ is HTML"),
            (
                "html",
                "<div><p>\r\n<b>x</p></div>",
                "- <b> of line 2 is not closed before </p> in line 2",
            ),
            ("markdown", "# a\r\n\r\nb", "+ is Markdown"),
            ("markdown", "# a\n```\nb", "- the code block of line 2 is not closed"),
        ] {
            let found =
                check_one("parses", json!({"path": "f", "format": format}), content.as_bytes());
            assert!(found.starts_with(says), "{content}: {found}");
        }
    }

    #[test]
    fn what_is_no_text_is_nothing() {
        for format in super::FORMATS {
            let found =
                check_one("parses", json!({"path": "f", "format": format}), b"{}\n\xff\xfe");
            assert_eq!(found, "- is not UTF-8, in line 2", "{format}");
        }
        let dist = Dist::default().with_length("f", 17 << 20);
        table(
            &dist,
            "parses",
            &[(
                json!({"path": "f", "format": "json"}),
                "? has 17 MiB; the limit for this check is 16 MiB",
            )],
        );
    }

    /// Goal: however deep a file nests, it is an answer and not the end of the stack.
    #[test]
    fn hostile_depth_is_an_answer() {
        let deep = 200_000;
        for (format, open, close) in [
            ("json", "[", "]"),
            ("json", "{\"a\":", "}"),
            ("xml", "<a>", "</a>"),
            ("svg", "<g>", "</g>"),
            ("html", "<div>", "</div>"),
            ("html", "<svg>", "</svg>"),
            ("markdown", "> ", ""),
            ("markdown", "[", "]"),
        ] {
            let text = format!("{}{}", open.repeat(deep), close.repeat(deep));
            let found =
                check_one("parses", json!({"path": "f", "format": format}), text.as_bytes());
            assert!(found.chars().count() < 700, "{format}: {found}");
        }
    }
}
