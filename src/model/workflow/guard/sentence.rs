//! What a person reads when a part of a guard does not hold: a template over the facts.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Lookup;
use crate::model::text::plain;
use crate::model::workflow::template::{FILTERS, Limits, Sandbox, names};

/// Characters of a sentence. An answer that has two of them stays within 2 KB.
const CHARACTERS_MAX: usize = 160;

const LIMITS: Limits = Limits {
    steps: 10_000,
    output_bytes: 4 * CHARACTERS_MAX,
    text_bytes: CHARACTERS_MAX,
    part_bytes: CHARACTERS_MAX,
    filters: &FILTERS,
};

/// A template and the facts that it names.
#[derive(Debug)]
pub(super) struct Sentence {
    template: String,
    names: Vec<String>,
}

impl Sentence {
    pub(super) fn compile(template: &str, known: &dyn Fn(&str) -> bool) -> Result<Self, String> {
        let names = names(template, LIMITS.filters)?;
        match names.iter().find(|name| !known(name)) {
            Some(name) => Err(format!("undeclared variable {name}")),
            None => Ok(Self { template: template.to_owned(), names }),
        }
    }

    /// Returns the sentence on one line, or `None` if the facts do not allow one.
    pub(super) fn said(&self, facts: Lookup<'_>) -> Option<String> {
        let facts: Map<String, Value> =
            self.names.iter().filter_map(|name| Some((name.clone(), facts(name)?))).collect();
        let said = Sandbox::new(LIMITS).render(&self.template, &Arc::new(Value::Object(facts)));
        said.ok().map(|said| plain(&said, CHARACTERS_MAX)).filter(|said| !said.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COUNTED: &str = "{% set n = open | length %}{{ n }} rule{{ ' does' if n == 1 else 's do' }} not hold: {{ open | join(', ') }}";

    fn said(template: &str, facts: &Value) -> Option<String> {
        let sentence = Sentence::compile(template, &|name| facts.get(name).is_some()).unwrap();
        sentence.said(&|name| facts.get(name).cloned())
    }

    #[test]
    fn a_sentence_reads_well_of_one_and_of_many() {
        for (open, expected) in [
            (json!(["words"]), "1 rule does not hold: words"),
            (json!(["a", "b"]), "2 rules do not hold: a, b"),
        ] {
            assert_eq!(said(COUNTED, &json!({ "open": open })).as_deref(), Some(expected));
        }
        assert_eq!(said("no name", &json!({})).as_deref(), Some("no name"));
    }

    #[test]
    fn a_sentence_is_one_short_line_whatever_the_facts_are() {
        let hostile = json!({ "open": ["a\n## forged", "\u{1b}[2Kb\u{202e}"] });
        assert_eq!(
            said(COUNTED, &hostile).as_deref(),
            Some("2 rules do not hold: a ## forged, [2Kb")
        );
        for open in [json!(vec!["x".repeat(100); 1000]), json!(["x".repeat(1 << 20)])] {
            let said = said(COUNTED, &json!({ "open": open })).unwrap();
            assert!(said.chars().count() <= CHARACTERS_MAX + 1 && said.ends_with('…'), "{said}");
        }
    }

    #[test]
    fn a_template_that_cannot_be_rendered_says_nothing() {
        let many =
            "{% for x in l %}{% for y in l %}{% if x == y %}{% endif %}{% endfor %}{% endfor %}";
        for (template, facts) in [
            ("{{ open.first.name }}", json!({ "open": 1 })),
            ("  ", json!({})),
            (many, json!({ "l": vec![1; 1000] })),
        ] {
            assert_eq!(said(template, &facts), None, "{template}");
        }
    }

    #[test]
    fn a_template_is_checked_before_it_is_used() {
        let wrong = |template: &str| {
            Sentence::compile(template, &|name| name == "open").map(drop).unwrap_err()
        };
        assert_eq!(wrong("{{ opne | length }} rules"), "undeclared variable opne");
        assert!(wrong("{{ open | length").contains("syntax error"));
        assert!(wrong("{{ open | shout }}").contains("the filter shout"));
        assert!(wrong("{{ range(3) }}").contains("do not support a function"));
    }
}
