//! Renders targets with variables, such as `report-{{ artifact }}`, for an event.
//!
//! Templates see only the parts of the event. They have no functions, and `json` is the only
//! filter. An unknown name is an error.

use std::fmt::Write as _;
use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Output, State};
use serde_json::Value as Json;

use super::event::is_variable;
use crate::model::workflow::template::{self, Limits, Sandbox};

/// The limits of rendering one text.
const LIMITS: Limits = Limits {
    steps: 10_000,
    output_bytes: 16 << 10,
    text_bytes: 64 << 10,
    part_bytes: 64 << 10,
    filters: &["json"],
};

/// The place of a text, which decides how values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A place that accepts any text.
    Whole,
    /// A URL: values are escaped so that they stay within their part.
    Url,
}

/// Checks a template without an event.
pub(super) fn check(template: &str) -> Result<(), String> {
    let names = template::names(template, LIMITS.filters)?;
    match names.iter().find(|name| !is_variable(name)) {
        Some(name) => Err(format!("unknown variable {name}")),
        None => Ok(()),
    }
}

/// Returns whether a text is a template.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|sign| text.contains(sign))
}

/// Renders a template with the variables of an event.
pub(super) fn render(template: &str, facts: &Json, place: Place) -> Result<String, String> {
    if !is_template(template) {
        return Ok(template.to_owned());
    }
    let mut sandbox = Sandbox::new(LIMITS);
    if place == Place::Url {
        sandbox.environment_mut().set_formatter(write_percent_encoded);
    }
    let rendered = sandbox
        .render(template, &Arc::new(facts.clone()))
        .map_err(|reason| format!("{template:?} cannot be rendered: {reason}"))?;
    if rendered.len() > LIMITS.output_bytes {
        Err(format!("{template:?} is larger than 16 KiB when rendered"))
    } else {
        Ok(rendered)
    }
}

/// Renders every text of a value.
pub(super) fn render_all(template: &Json, facts: &Json) -> Result<Json, String> {
    Ok(match template {
        Json::String(text) => Json::String(render(text, facts, Place::Whole)?),
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| render_all(item, facts)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let rendered = fields.iter().map(|(name, value)| {
                render_all(value, facts).map(|rendered| (name.clone(), rendered))
            });
            Json::Object(rendered.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// Writes a value, escaped so that it stays within its part of a URL.
fn write_percent_encoded(
    output: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    if value.is_undefined() {
        return minijinja::escape_formatter(output, state, value);
    }
    for byte in value.to_string().bytes() {
        let written = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                output.write_char(char::from(byte))
            }
            _ => write!(output, "%{byte:02X}"),
        };
        written.map_err(minijinja::Error::from)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_filled_in_wherever_texts_are() {
        let facts = json!({"artifact": "a", "detail": {"status": "converged"}, "iteration": 2});
        let template =
            json!({"k": ["{{ artifact }}-{{ detail.status }}", 1, "{{ detail | json }}"]});
        let rendered = render_all(&template, &facts).unwrap();
        assert_eq!(rendered, json!({"k": ["a-converged", 1, "{\"status\":\"converged\"}"]}));
    }

    #[test]
    fn what_names_nothing_calls_something_or_runs_for_long_is_an_error() {
        let facts = json!({"artifact": "a", "detail": {}});
        for wrong in [
            "{{ detail.absent }}",
            "{{ artifact | upper }}",
            "{{ range(10) }}",
            "{% for c in artifact %}{% for d in artifact %}{{ x }}{% endfor %}{% endfor %}",
            "{% set a = artifact ~ artifact %}{{ a }}",
            "{% set a %}{{ artifact }}{{ artifact }}{% endset %}{{ a }}",
            "{{ artifact * 2000000000 }}",
        ] {
            assert!(render(wrong, &facts, Place::Whole).is_err(), "{wrong}");
        }
        assert!(check("{{ artifct }}").unwrap_err().contains("unknown variable artifct"));
        assert!(check("{{ range(3) }}").is_err());
        assert!(check("{{ artifact").is_err());
        assert_eq!(check("{{ artifact }} {{ detail.x }}"), Ok(()));
    }

    #[test]
    fn a_text_that_becomes_too_large_is_refused() {
        let facts = json!({"artifact": "a", "detail": vec!["x".repeat(1000); 10]});
        assert!(render("{{ detail }}", &facts, Place::Whole).is_ok());
        for large in ["{{ detail }}{{ detail }}", "{% for x in detail %}{{ detail }}{% endfor %}"] {
            for place in [Place::Whole, Place::Url] {
                let reason = render(large, &facts, place).unwrap_err();
                assert!(reason.contains("larger than 16 KiB"), "{reason}");
            }
        }
    }

    #[test]
    fn nothing_of_a_value_leaves_its_part_of_a_url() {
        let facts = json!({"phase": "../x?y=1&z#é"});
        let url = render("https://h/p/{{ phase }}?q", &facts, Place::Url).unwrap();
        assert_eq!(url, "https://h/p/..%2Fx%3Fy%3D1%26z%23%C3%A9?q");
        assert!(render("https://h/{{ absent }}", &facts, Place::Url).is_err());
    }
}
