//! The filters that templates may use, each of which counts what it makes.

use std::fmt::Write as _;
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, Value, filters, tests};

use super::Budget;
use crate::model::text::{cut, one_line};

/// Adds the filters and tests of [`super::FILTERS`] and [`super::TESTS`].
pub(super) fn add(
    environment: &mut Environment<'static>,
    budget: &Arc<Budget>,
    part_bytes_max: usize,
) {
    add_plain(environment);
    add_texts(environment, budget);
    let counter = Arc::clone(budget);
    environment.add_filter("json", move |value: Value| {
        let text = cut(&json(&value, part_bytes_max)?, part_bytes_max);
        counter.charge(text.len()).map(|()| text)
    });
    let counter = Arc::clone(budget);
    environment.add_filter("short", move |value: Value, characters: usize| {
        let text = match value.as_str() {
            Some(text) => one_line(text, characters),
            None => one_line(&json(&value, JSON_BYTES_MAX)?, characters),
        };
        counter.charge(text.len()).map(|()| text)
    });
    let counter = Arc::clone(budget);
    environment.add_filter("join", move |list: Value, between: Option<String>| {
        join(&counter, &list, between.as_deref().unwrap_or_default())
    });
}

/// Adds what makes no text.
fn add_plain(environment: &mut Environment<'static>) {
    environment.add_filter("abs", filters::abs);
    environment.add_filter("count", filters::length);
    environment.add_filter("d", filters::default);
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", filters::float);
    environment.add_filter("int", filters::int);
    environment.add_filter("items", filters::items);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("round", filters::round);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("even", tests::is_even);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("string", tests::is_string);
    environment.add_test("undefined", tests::is_undefined);
}

/// Makes one text of another.
type Change = fn(&str) -> String;

/// Adds what makes one text of another.
fn add_texts(environment: &mut Environment<'static>, budget: &Arc<Budget>) {
    let trim: Change = |text| text.trim().to_owned();
    let changes: [(&str, Change); 3] =
        [("lower", str::to_lowercase), ("trim", trim), ("upper", str::to_uppercase)];
    for (name, change) in changes {
        let counter = Arc::clone(budget);
        environment.add_filter(name, move |text: String| {
            let changed = change(&text);
            counter.charge(text.len() + changed.len()).map(|()| changed)
        });
    }
}

/// Bytes of the JSON of a value of which a short text is made.
const JSON_BYTES_MAX: usize = 256 << 10;

/// Returns the JSON of a value, or the beginning of it that is longer than so many bytes.
fn json(value: &Value, bytes_max: usize) -> Result<String, Error> {
    let mut output = super::Output { bytes: Vec::new(), bytes_max };
    let written = serde_json::to_writer(&mut output, value);
    if !output.is_full() {
        written.map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    }
    Ok(String::from_utf8_lossy(&output.bytes).into_owned())
}

/// Writes the items of a list one after the other.
fn join(budget: &Budget, list: &Value, between: &str) -> Result<String, Error> {
    let mut joined = String::new();
    for (index, item) in list.try_iter()?.checked().enumerate() {
        let item = item?;
        let before = joined.len();
        if index > 0 {
            joined.push_str(between);
        }
        match item.as_str() {
            Some(text) => joined.push_str(text),
            None => write!(joined, "{item}").map_err(Error::from)?,
        }
        budget.charge(joined.len() - before)?;
    }
    Ok(joined)
}
