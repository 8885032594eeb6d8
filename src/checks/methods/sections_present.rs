//! No section is missing.

use super::{Built, Found, Kind, MeasureFile, Method, PATH, Param, Params, Stop, Work, each_file};
use crate::checks::finding::listed;
use crate::checks::outline::{self, Section};
use crate::model::text::named;

pub(super) static METHOD: Method = Method {
    name: "sections_present",
    description: "each section has a heading, of any level and in any order, and something below it",
    params: &[PATH, Param::required("sections", Kind::Texts, "the headings, as they are written")],
    metrics: &["missing"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    each_file(params, SectionsPresent { sections: params.texts("sections") })
}

#[derive(Debug)]
struct SectionsPresent {
    sections: Vec<String>,
}

impl MeasureFile for SectionsPresent {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        let outline = outline::read(path, work)?;
        let missing = self.sections.iter().filter_map(|section| match outline.section(section) {
            Section::Missing => Some(named(section)),
            Section::Empty => Some(format!("{} (has only its heading)", named(section))),
            Section::Filled => None,
        });
        let missing: Vec<String> = missing.collect();
        let found = if missing.is_empty() {
            Found::satisfied(format!("all {} are there", self.sections.len()))
        } else {
            Found::violated(format!("missing: {}", listed(&missing, ", ")))
        };
        Ok(found.with("missing", missing.len()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, refused, table};

    #[test]
    fn a_missing_section_is_named() {
        let dist = Dist::of(&[
            ("r.md", "# r\r\n\r\n## Summary\r\n\r\nx\r\n\r\n## *Root* `cause`\r\n\r\nTimeline\r\n"),
            ("r.html", "<h2>Über  uns</h2><canvas></canvas>"),
            ("bare.md", "# Summary\n\n<!-- later -->\n\n# Root cause\n\n![](plot.png)\n"),
            ("empty.md", ""),
        ]);
        let all = json!(["Summary", "Root cause"]);
        table(
            &dist,
            "sections_present",
            &[
                (json!({"path": "r.md", "sections": all}), "+ all 2 are there"),
                (
                    json!({"path": "r.md", "sections": ["Summary", "Timeline", "Follow-up actions"]}),
                    "- missing: Timeline, Follow-up actions",
                ),
                (json!({"path": "r.html", "sections": ["Über uns"]}), "+ all 1 are there"),
                (json!({"path": "empty.md", "sections": all}), "- missing: Summary, Root cause"),
                (
                    json!({"path": "bare.md", "sections": all}),
                    "- missing: Summary (has only its heading)",
                ),
            ],
        );
    }

    #[test]
    fn the_list_has_texts() {
        for wrong in [json!([]), json!("Summary"), json!([1]), json!([" "])] {
            let params = json!({"path": "r.md", "sections": wrong});
            assert_eq!(refused("sections_present", &params), ["sections"]);
        }
        assert_eq!(refused("sections_present", &json!({"path": "r.md"})), ["sections"]);
    }
}
