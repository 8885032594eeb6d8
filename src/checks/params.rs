//! The params of a method: their kinds, and reading the values of a constraint.

use std::fmt;

use serde_json::{Map, Value};

use super::colour::Colour;
use super::pattern::PathPattern;
use super::search;
use crate::model::refusal::Violation;

/// A parameter of a method.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its allowed values.
    pub kind: Kind,
    /// Whether it is required.
    pub required: bool,
    /// Its meaning.
    pub description: &'static str,
}

/// The kind of a param.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A path within `dist/`, or a glob.
    Path,
    /// A text that is not empty.
    Text,
    /// A list of texts, at least one.
    Texts,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A whole number from 0 on.
    Whole,
    /// A number above 0.
    Number,
    /// True or false.
    Flag,
    /// A regular expression.
    Pattern,
    /// A colour as `#rgb` or `#rrggbb`.
    Colour,
    /// A JSON Schema, or the path of a file that is one.
    Schema,
}

impl Param {
    /// Makes a required param.
    pub(super) const fn required(
        name: &'static str,
        kind: Kind,
        description: &'static str,
    ) -> Self {
        Self { name, kind, required: true, description }
    }

    /// Makes an optional param.
    pub(super) const fn optional(
        name: &'static str,
        kind: Kind,
        description: &'static str,
    ) -> Self {
        Self { name, kind, required: false, description }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "a path or glob within dist/",
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Choice(words) => return write!(f, "one of {}", words.join(", ")),
            Self::Whole => "a whole number",
            Self::Number => "a number above 0",
            Self::Flag => "true or false",
            Self::Pattern => "a regular expression",
            Self::Colour => "a colour, #rgb or #rrggbb",
            Self::Schema => "a JSON Schema, or the path of one within dist/",
        })
    }
}

impl Kind {
    /// Returns the fault of a value, or `None`.
    fn fault(self, value: &Value) -> Option<String> {
        let text = || value.as_str().filter(|text| !text.is_empty());
        let fits = match self {
            Self::Path => return reading(text(), |text| PathPattern::parse(text).err(), self),
            Self::Pattern => {
                return reading(text(), |text| search::compile(text, false).err(), self);
            }
            Self::Colour => text().is_some_and(|text| Colour::parse(text).is_some()),
            Self::Text => text().is_some(),
            Self::Texts => value.as_array().is_some_and(|list| is_list_of_texts(list)),
            Self::Choice(words) => text().is_some_and(|text| words.contains(&text)),
            Self::Whole => value.is_u64(),
            Self::Number => value.as_f64().is_some_and(|number| number > 0.0),
            Self::Flag => value.is_boolean(),
            Self::Schema => {
                value.is_object() || text().is_some_and(|text| PathPattern::parse(text).is_ok())
            }
        };
        (!fits).then(|| format!("{self} is needed"))
    }
}

fn reading(
    text: Option<&str>,
    fault: impl Fn(&str) -> Option<String>,
    kind: Kind,
) -> Option<String> {
    match text {
        Some(text) => fault(text),
        None => Some(format!("{kind} is needed")),
    }
}

fn is_list_of_texts(list: &[Value]) -> bool {
    const TEXTS_MAX: usize = 100;
    let is_text = |one: &Value| one.as_str().is_some_and(|text| !text.trim().is_empty());
    (1..=TEXTS_MAX).contains(&list.len()) && list.iter().all(is_text)
}

/// Params with checked names and kinds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Params<'a> {
    given: &'a Map<String, Value>,
    pointer: &'a str,
    /// Whether there is a target, so that bounds are optional.
    pub(super) has_target: bool,
}

impl<'a> Params<'a> {
    /// Checks every param, or returns a violation for each missing, unknown or invalid one.
    pub(super) fn check(
        known: &[Param],
        given: &'a Map<String, Value>,
        pointer: &'a str,
        has_target: bool,
    ) -> Result<Self, Vec<Violation>> {
        let violation =
            |name: &str, message: String| Violation { pointer: below(pointer, name), message };
        let missing = known.iter().filter(|one| one.required && !given.contains_key(one.name));
        let mut wrong: Vec<Violation> =
            missing.map(|one| violation(one.name, format!("is missing: {}", one.kind))).collect();
        let names = || known.iter().map(|one| one.name).collect::<Vec<_>>().join(", ");
        for (name, value) in given {
            let fault = match known.iter().find(|one| one.name == name) {
                Some(param) => param.kind.fault(value),
                None if known.is_empty() => Some("is not known: there are no params".to_owned()),
                None => Some(format!("is not known: the params are {}", names())),
            };
            wrong.extend(fault.map(|message| violation(name, message)));
        }
        if wrong.is_empty() { Ok(Self { given, pointer, has_target }) } else { Err(wrong) }
    }

    /// Returns a violation of one param.
    pub(super) fn wrong(&self, name: &str, message: impl Into<String>) -> Vec<Violation> {
        vec![Violation { pointer: below(self.pointer, name), message: message.into() }]
    }

    /// Returns a required path or glob.
    pub(super) fn path(&self, name: &str) -> Result<PathPattern, Vec<Violation>> {
        PathPattern::parse(self.text(name).unwrap_or_default())
            .map_err(|message| self.wrong(name, message))
    }

    /// Returns a text, a word or a path.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.given.get(name).and_then(Value::as_str)
    }

    /// Returns a list of texts.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.given.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Returns a whole number.
    pub(super) fn whole(&self, name: &str) -> Option<u64> {
        self.given.get(name).and_then(Value::as_u64)
    }

    /// Returns a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.given.get(name).and_then(Value::as_f64)
    }

    /// Returns a flag.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.given.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Returns a value of any kind.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.given.get(name)
    }

    /// Returns the bounds of two params, a least and a greatest number.
    pub(super) fn bounds(&self, least: &str, greatest: &str) -> Result<Bounds, Vec<Violation>> {
        let bounds = Bounds { least: self.whole(least), greatest: self.whole(greatest) };
        match (bounds.least, bounds.greatest) {
            (Some(min), Some(max)) if min > max => {
                Err(self.wrong(greatest, format!("is below {least}, which is {min}")))
            }
            _ => Ok(bounds),
        }
    }

    /// Returns the bounds `min` and `max`. One of them is required unless there is a target.
    pub(super) fn needed_bounds(&self) -> Result<Bounds, Vec<Violation>> {
        let bounds = self.bounds("min", "max")?;
        if bounds.least.is_none() && bounds.greatest.is_none() && !self.has_target {
            Err(self.wrong("max", "min, max or both are needed"))
        } else {
            Ok(bounds)
        }
    }
}

/// A least and a greatest number, each optional.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) least: Option<u64>,
    pub(super) greatest: Option<u64>,
}

impl Bounds {
    /// Returns the broken bound of a number, in words.
    pub(super) fn broken_by(&self, number: u64) -> Option<String> {
        let low =
            self.least.filter(|least| number < *least).map(|least| format!("{least} at least"));
        low.or_else(|| {
            let high = self.greatest.filter(|greatest| number > *greatest);
            high.map(|greatest| format!("{greatest} at most"))
        })
    }
}

/// Returns the JSON Pointer of a field below another place.
pub(super) fn below(pointer: &str, field: &str) -> String {
    format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1"))
}
