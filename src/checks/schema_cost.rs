//! The upper bound of the cost of validating with a JSON Schema.
//!
//! A schema can refer to itself: `{"$ref": "#"}` would overflow the stack, and a few references
//! that each lead to two others take exponential time. The size does not show this, so the visits
//! are counted before the schema is used.

use std::collections::BTreeMap;

use serde_json::Value;

use super::params::below;
use crate::model::text::named;

/// Schemas within a schema.
const PARTS_MAX: usize = 5000;
/// References within a schema.
const REFERENCES_MAX: usize = 500;
/// Visits of a part of the schema with a part of the value.
const VISITS_MAX: u64 = 1 << 30;

/// Words whose schema looks at the same value.
const IN_PLACE: [&str; 9] =
    ["not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies"];
/// Words whose schema looks at a part of the value.
const WITHIN: [&str; 11] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];

/// The parts of a schema, and which lead to which.
#[derive(Debug)]
pub(super) struct Parts {
    parts: Vec<Part>,
    /// The parts, those that others lead to in place before them.
    order: Vec<usize>,
}

#[derive(Debug, Default)]
struct Part {
    in_place: Vec<usize>,
    within: Vec<usize>,
    /// The visits of parts in place: an `unevaluated…` word evaluates them once more.
    times: u64,
}

impl Parts {
    /// Reads a schema, or returns why it cannot be used.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let mut reader = Reader {
            schema,
            pointers: vec![String::new()],
            places: BTreeMap::new(),
            references: 0,
        };
        reader.places.insert(String::new(), 0);
        let mut parts = Vec::new();
        while let Some(pointer) = reader.pointers.get(parts.len()).cloned() {
            parts.push(reader.read(&pointer)?);
        }
        let order = order(&parts).ok_or("refers to itself without descending into the value")?;
        let parts = Self { parts, order };
        if parts.visits(1) > VISITS_MAX {
            Err("takes too long to validate: it has too many references".to_owned())
        } else {
            Ok(parts)
        }
    }

    /// Returns whether validating a value with so many parts and levels stays within the limit.
    pub(super) fn can_validate(&self, parts: u64, depth: usize) -> bool {
        self.visits(depth).saturating_mul(parts) <= VISITS_MAX
    }

    /// Returns the number of visits of the schema's parts on the way into a value.
    fn visits(&self, depth: usize) -> u64 {
        let mut deeper = vec![0_u64; self.parts.len()];
        for _ in 0..=depth {
            let mut visits = vec![0_u64; self.parts.len()];
            for at in &self.order {
                let part = &self.parts[*at];
                let sum = |of: &[u64], list: &[usize]| {
                    list.iter().fold(0_u64, |sum, one| sum.saturating_add(of[*one]))
                };
                let in_place = sum(&visits, &part.in_place).saturating_mul(part.times);
                visits[*at] =
                    1_u64.saturating_add(in_place).saturating_add(sum(&deeper, &part.within));
            }
            deeper = visits;
        }
        deeper[0]
    }
}

/// Returns the parts in dependency order, or `None` for a circle.
fn order(parts: &[Part]) -> Option<Vec<usize>> {
    let mut leading_here = vec![Vec::new(); parts.len()];
    let mut missing: Vec<usize> = parts.iter().map(|part| part.in_place.len()).collect();
    for (at, part) in parts.iter().enumerate() {
        part.in_place.iter().for_each(|to| leading_here[*to].push(at));
    }
    let mut order: Vec<usize> = (0..parts.len()).filter(|at| missing[*at] == 0).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for from in &leading_here[at] {
            missing[*from] -= 1;
            if missing[*from] == 0 {
                order.push(*from);
            }
        }
    }
    (order.len() == parts.len()).then_some(order)
}

struct Reader<'a> {
    schema: &'a Value,
    /// The places of parts, in the order in which they were found.
    pointers: Vec<String>,
    places: BTreeMap<String, usize>,
    references: usize,
}

impl Reader<'_> {
    fn read(&mut self, pointer: &str) -> Result<Part, String> {
        let value = self.schema.pointer(pointer);
        let value = value.ok_or_else(|| format!("has no part {:?}", named(pointer)))?;
        let mut part = Part { times: 1, ..Part::default() };
        for (word, inner) in value.as_object().into_iter().flatten() {
            let place = below(pointer, word);
            match word.as_str() {
                "$ref" => part.in_place.push(self.reference(inner)?),
                "$dynamicRef" | "$recursiveRef" => return Err(format!("uses {word}")),
                "$id" | "id" if !pointer.is_empty() && inner.is_string() => {
                    return Err(format!("has {word} in a part of it"));
                }
                word if IN_PLACE.contains(&word) => self.add(inner, &place, &mut part.in_place)?,
                word if WITHIN.contains(&word) => self.add(inner, &place, &mut part.within)?,
                _ => {}
            }
            if word.starts_with("unevaluated") {
                part.times = 3;
            }
        }
        Ok(part)
    }

    /// Adds the schema at a place, or those in the list or the map there.
    fn add(&mut self, value: &Value, place: &str, to: &mut Vec<usize>) -> Result<(), String> {
        let word = place.rsplit('/').next().unwrap_or_default();
        let is_map = matches!(
            word,
            "properties" | "patternProperties" | "dependentSchemas" | "dependencies"
        );
        match value {
            Value::Array(list) => {
                for at in 0..list.len() {
                    to.push(self.part(format!("{place}/{at}"))?);
                }
            }
            Value::Object(map) if is_map => {
                for (name, _) in map.iter().filter(|(_, inner)| !inner.is_array()) {
                    to.push(self.part(below(place, name))?);
                }
            }
            _ => to.push(self.part(place.to_owned())?),
        }
        Ok(())
    }

    fn reference(&mut self, to: &Value) -> Result<usize, String> {
        self.references += 1;
        if self.references > REFERENCES_MAX {
            return Err(format!("has more than {REFERENCES_MAX} references"));
        }
        let to = to.as_str().unwrap_or_default();
        match to.strip_prefix('#') {
            Some(pointer)
                if !to.contains('%') && (pointer.is_empty() || pointer.starts_with('/')) =>
            {
                self.part(pointer.to_owned())
            }
            _ => Err(format!("refers to {:?}: only #/… within the schema is followed", named(to))),
        }
    }

    fn part(&mut self, pointer: String) -> Result<usize, String> {
        let next = self.pointers.len();
        if let Some(at) = self.places.get(&pointer) {
            return Ok(*at);
        }
        if next >= PARTS_MAX {
            return Err(format!("has more than {PARTS_MAX} parts"));
        }
        self.places.insert(pointer.clone(), next);
        self.pointers.push(pointer);
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_goes_into_the_value_may_refer_to_itself() {
        for good in [
            json!(true),
            json!({}),
            json!({"properties": {"$ref": {"type": "string"}}}),
            json!({"properties": {"children": {"items": {"$ref": "#"}}}}),
            json!({"$id": "x", "$defs": {"a/b": {}}, "allOf": [{"$ref": "#/$defs/a~1b"}]}),
        ] {
            assert!(Parts::of(&good).unwrap().can_validate(1000, 100), "{good}");
        }
    }

    #[test]
    fn what_would_not_end_is_refused() {
        let doubling: serde_json::Map<String, Value> = (0..40)
            .map(|i| {
                let to = json!({"$ref": format!("#/$defs/{}", i + 1)});
                (i.to_string(), json!({"anyOf": [to, to]}))
            })
            .chain([("40".to_owned(), json!({}))])
            .collect();
        for bad in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"not": {"$ref": "#"}}]}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
            json!({"$ref": "#/$defs/0", "$defs": doubling}),
            json!({"$ref": "#/nowhere"}),
            json!({"$ref": "https://example.com/x"}),
            json!({"$ref": "#anchor"}),
            json!({"$dynamicRef": "#x"}),
            json!({"properties": {"a": {"$id": "b"}}}),
            json!({"allOf": vec![json!({}); PARTS_MAX + 1]}),
        ] {
            assert!(Parts::of(&bad).is_err(), "{}", named(&bad.to_string()));
        }
    }

    #[test]
    fn a_schema_that_doubles_at_every_level_takes_shallow_values() {
        let twice = json!({"items": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}});
        let parts = Parts::of(&twice).unwrap();
        assert!(parts.can_validate(100, 10));
        assert!(!parts.can_validate(100, 100));
    }
}
