//! A check: parses the validation of a constraint and measures it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value, json};

use super::finding::{Measurement, Outcome, listed};
use super::method::{Found, Measure, Method, Reading};
use super::params::{Params, below};
use super::target::Target;
use super::work::{Stop, Work};
use super::{Context, Files, methods};
use crate::model::refusal::Violation;
use crate::model::text::{named, plain};
use crate::model::{Digest, limits};

/// A way to measure one constraint.
#[derive(Debug)]
pub struct Check {
    method: &'static Method,
    measure: Box<dyn Measure>,
    target: Option<Target>,
}

impl Check {
    /// Parses the `validation` and the `target_metric` of a constraint, or returns the violations.
    /// `pointer` is the place of the constraint.
    pub fn parse(
        validation: &Map<String, Value>,
        target_metric: Option<&Map<String, Value>>,
        pointer: &str,
    ) -> Result<Self, Vec<Violation>> {
        let target = target_metric.map(|given| Target::parse(given, pointer)).transpose();
        let place = format!("{pointer}/validation");
        let has_target = target_metric.is_some();
        let mut wrong = unknown_fields(validation, &place);
        let parsed = parse_method(validation, &place, has_target);
        match (parsed, target) {
            (Ok((method, measure)), Ok(target)) if wrong.is_empty() => {
                metric_is_measured(method, target.as_ref(), pointer)?;
                Ok(Self { method, measure, target })
            }
            (parsed, target) => {
                wrong.extend(parsed.err().into_iter().flatten());
                wrong.extend(target.err().into_iter().flatten());
                Err(wrong)
            }
        }
    }

    /// Returns the method.
    pub fn method(&self) -> &'static Method {
        self.method
    }

    /// Returns what keeps the server from measuring it, such as a command that the user does not allow.
    pub fn hindrance(&self, context: &Context<'_>) -> Option<String> {
        self.measure.hindrance(context)
    }

    /// Measures the constraint.
    ///
    /// Blocks while it reads, and while a command runs. A panic of a parser is reported like an
    /// unreadable file, so one hostile file does not stop the measurement of others.
    pub fn run(&self, files: &dyn Files, context: &Context<'_>) -> Measurement {
        let mut work = match Work::begin(files, context) {
            Ok(work) => work,
            Err(stop) => return finding(Err(stop), None, BTreeMap::new()),
        };
        let measured = catch_unwind(AssertUnwindSafe(|| self.measure.measure(&mut work)));
        let readings = measured.unwrap_or_else(|_| {
            Err(Stop::Unmeasured(format!("{} failed: this is a bug", self.method.name)))
        });
        finding(readings, self.target.as_ref(), work.evidence)
    }
}

fn unknown_fields(validation: &Map<String, Value>, place: &str) -> Vec<Violation> {
    let unknown = validation.keys().filter(|name| !["method", "params"].contains(&name.as_str()));
    let message = "is not known: validation has method and params";
    unknown
        .map(|name| Violation { pointer: below(place, name), message: message.to_owned() })
        .collect()
}

type Parsed = (&'static Method, Box<dyn Measure>);

fn parse_method(
    validation: &Map<String, Value>,
    place: &str,
    has_target: bool,
) -> Result<Parsed, Vec<Violation>> {
    let wrong =
        |field: &str, message: String| vec![Violation { pointer: below(place, field), message }];
    let Some(name) = validation.get("method").and_then(Value::as_str) else {
        return Err(wrong("method", format!("a method is needed: {}", names())));
    };
    let Some(method) = methods().iter().find(|method| method.name == name) else {
        let message = format!(
            "there is no method {:?}: use one of {}, or omit validation where only a \
             reader can judge",
            named(name),
            names()
        );
        return Err(wrong("method", message));
    };
    let none = Map::new();
    let given = match validation.get("params") {
        None => &none,
        Some(Value::Object(given)) => given,
        Some(_) => return Err(wrong("params", "an object is needed".to_owned())),
    };
    let place = below(place, "params");
    let params = Params::check(method.params, given, &place, has_target)?;
    Ok((method, (method.build)(&params)?))
}

fn names() -> String {
    methods().iter().map(|method| method.name).collect::<Vec<_>>().join(", ")
}

fn metric_is_measured(
    method: &Method,
    target: Option<&Target>,
    pointer: &str,
) -> Result<(), Vec<Violation>> {
    match target {
        Some(target) if !method.metrics.contains(&target.metric.as_str()) => {
            let metrics = method.metrics.join(", ");
            let message = match method.metrics {
                [] => format!("{} measures no number", method.name),
                _ => format!("{} measures {metrics}", method.name),
            };
            Err(vec![Violation { pointer: format!("{pointer}/target_metric/metric"), message }])
        }
        _ => Ok(()),
    }
}

fn finding(
    readings: Result<Vec<Reading>, Stop>,
    target: Option<&Target>,
    files: BTreeMap<String, Digest>,
) -> Measurement {
    let readings = readings.unwrap_or_else(|stop| vec![Reading { path: None, found: Err(stop) }]);
    let judged: Vec<(Outcome, String)> =
        readings.iter().map(|reading| judge(reading, target)).collect();
    let (outcome, details) = summary(&judged);
    Measurement {
        outcome,
        details: plain(&details, limits::FINDING_CHARACTERS_MAX - 1),
        measured: measured(&readings),
        files,
    }
}

fn judge(reading: &Reading, target: Option<&Target>) -> (Outcome, String) {
    let (outcome, details) = match &reading.found {
        Err(Stop::Violated(why)) => (Outcome::Violated, why.clone()),
        Err(Stop::Unmeasured(why)) => (Outcome::Unmeasured, why.clone()),
        Ok(found) => match missed(found, target) {
            None if found.holds => (Outcome::Satisfied, found.details.clone()),
            None => (Outcome::Violated, found.details.clone()),
            Some(missed) => (Outcome::Violated, format!("{}; {missed}", found.details)),
        },
    };
    match &reading.path {
        Some(path) => (outcome, format!("{}: {details}", named(path))),
        None => (outcome, details),
    }
}

/// Returns how a number misses the target, if it does.
fn missed(found: &Found, target: Option<&Target>) -> Option<String> {
    let target = target?;
    match found.numbers.iter().find(|(name, _)| *name == target.metric) {
        Some((_, number)) if target.holds(*number) => None,
        Some((name, number)) => {
            Some(format!("{name} is {}, and the target is {}", short(*number), target.in_words()))
        }
        None => Some(format!("{} was not measured", target.metric)),
    }
}

/// One violation makes the whole violated; otherwise one unmeasured part makes it unmeasured.
fn summary(judged: &[(Outcome, String)]) -> (Outcome, String) {
    let of = |outcome: Outcome| -> Vec<String> {
        judged
            .iter()
            .filter(|(one, _)| *one == outcome)
            .map(|(_, details)| details.clone())
            .collect()
    };
    let found = [Outcome::Violated, Outcome::Unmeasured, Outcome::Satisfied];
    let worst = found.into_iter().find(|outcome| !of(*outcome).is_empty());
    let outcome = worst.unwrap_or(Outcome::Unmeasured);
    match of(outcome) {
        details if outcome == Outcome::Satisfied && details.len() > 1 => {
            (outcome, format!("{} files: {}", details.len(), listed(&details, "; ")))
        }
        details => (outcome, listed(&details, "; ")),
    }
}

fn measured(readings: &[Reading]) -> Value {
    let mut ranges: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let found = readings.iter().filter_map(|reading| reading.found.as_ref().ok());
    for (name, number) in found.flat_map(|found| &found.numbers) {
        let range = ranges.entry(name).or_insert((*number, *number));
        *range = (range.0.min(*number), range.1.max(*number));
    }
    let one = |(least, greatest): (f64, f64)| match readings.len() {
        0 | 1 => short(least),
        _ => json!({"min": short(least), "max": short(greatest)}),
    };
    let mut numbers: Map<String, Value> =
        ranges.into_iter().map(|(name, range)| (name.to_owned(), one(range))).collect();
    if readings.len() > 1 {
        numbers.insert("files".to_owned(), readings.len().into());
    }
    Value::Object(numbers)
}

/// Formats a number: whole if it is, else cut to hundredths. It is not rounded, so a ratio that is
/// just too low does not look high enough.
#[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^53")]
fn short(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        json!(number as i64)
    } else {
        json!((number * 100.0).floor() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::checks::testing::{Dist, check, parsed};

    fn places(wrong: Vec<Violation>) -> Vec<String> {
        wrong.into_iter().map(|one| one.pointer).collect()
    }

    fn parse(validation: &Value, target: Option<&Value>) -> Result<Check, Vec<Violation>> {
        let target = target.map(|target| target.as_object().unwrap());
        Check::parse(validation.as_object().unwrap(), target, "/constraints/3")
    }

    #[test]
    fn what_is_wrong_is_named_when_the_constraint_is_written() {
        for (validation, place) in [
            (json!({}), "/method"),
            (json!({"method": 1}), "/method"),
            (json!({"method": "looks_good"}), "/method"),
            (json!({"method": "file_exists"}), "/params/path"),
            (json!({"method": "file_exists", "params": "a.md"}), "/params"),
            (json!({"method": "file_exists", "params": {"path": 1}}), "/params/path"),
            (json!({"method": "file_exists", "params": {"path": "a", "x/y": 1}}), "/params/x~1y"),
            (json!({"method": "not_empty", "params": {"path": "a"}, "path": "a"}), "/path"),
            (json!({"method": "word_count", "params": {"path": "a", "max": "80"}}), "/params/max"),
            (
                json!({"method": "parses", "params": {"path": "a", "format": "yaml"}}),
                "/params/format",
            ),
        ] {
            let wrong = places(parse(&validation, None).unwrap_err());
            assert_eq!(wrong, [format!("/constraints/3/validation{place}")], "{validation}");
        }
    }

    #[test]
    fn an_unknown_method_is_told_which_there_are() {
        let wrong = parse(&json!({"method": "looks_good"}), None).unwrap_err();
        for method in methods() {
            assert!(wrong[0].message.contains(method.name), "{}", wrong[0].message);
        }
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let validation = json!({"method": "parses", "params": {"pth": "a"}, "x": 1});
        let target = json!({"metric": "faults"});
        let wrong = places(parse(&validation, Some(&target)).unwrap_err());
        assert_eq!(wrong.len(), 6, "{wrong:?}");
    }

    #[test]
    fn a_target_is_about_something_that_the_method_measures() {
        let target = json!({"metric": "beauty", "operator": ">=", "value": 9});
        let wrong = parsed("word_count", &json!({"path": "a"}), Some(&target)).unwrap_err();
        assert_eq!(wrong[0].pointer, "/constraints/0/target_metric/metric");
        assert_eq!(wrong[0].message, "word_count measures words");
    }

    #[test]
    fn a_target_adds_to_what_the_method_asks_for() {
        let dist = Dist::of(&[("a.md", "one two three")]);
        let target =
            |value: u64| json!({"metric": "words", "operator": "at_least", "value": value});
        let run = |max: u64, least: u64| {
            check("word_count", &json!({"path": "a.md", "max": max}), Some(&target(least)), &dist)
        };
        assert_eq!(run(3, 3).outcome, Outcome::Satisfied);
        assert_eq!(run(2, 3).outcome, Outcome::Violated);
        let missed = run(3, 4);
        assert_eq!(missed.outcome, Outcome::Violated);
        assert_eq!(missed.details, "3 words; words is 3, and the target is words at least 4");
        assert_eq!(missed.measured, json!({"words": 3}));
    }

    #[test]
    fn a_finding_is_about_the_content_that_was_looked_at() {
        let dist = Dist::of(&[("a.md", "one"), ("b.txt", "x")]);
        let check = parsed("not_empty", &json!({"path": "*.md"}), None).unwrap();
        let found = check.run(&dist, &Context::default()).files;
        assert_eq!(found, BTreeMap::from([("a.md".to_owned(), Digest::of(b"one"))]));
    }

    #[test]
    fn a_file_too_large_to_be_read_is_reported() {
        let dist =
            Dist::of(&[("a.md", "x")]).with_length("b.md", limits::CHECKED_FILE_BYTES_MAX + 1);
        let finding = check("text_matches", &json!({"path": "*.md", "pattern": "x"}), None, &dist);
        assert_eq!(finding.outcome, Outcome::Unmeasured);
        assert!(finding.details.starts_with("b.md: has 17 MiB"), "{}", finding.details);
        let exists = parsed("file_exists", &json!({"path": "b.md"}), None).unwrap();
        let found = exists.run(&dist, &Context::default());
        assert_eq!(found.outcome, Outcome::Satisfied);
        assert!(found.files.contains_key("b.md"), "its length is evidence");
    }

    #[test]
    fn too_many_files_are_reported() {
        let mut dist = Dist::default();
        for i in 0..=limits::CHECKED_FILES_MAX {
            dist.put(&format!("{i}.md"), b"x");
        }
        let finding = check("not_empty", &json!({"path": "*.md"}), None, &dist);
        assert_eq!(finding.outcome, Outcome::Unmeasured);
        assert!(finding.details.contains("1001 files"), "{}", finding.details);
    }

    #[test]
    fn what_a_file_says_stays_one_short_line() {
        let links = "[a](<x\\\ny>) [b](".to_owned() + &"long".repeat(500) + ")";
        let dist = Dist::of(&[("a.md", &links.repeat(50))]);
        let details = check("links_resolve", &json!({"path": "a.md"}), None, &dist).details;
        assert!(details.chars().count() <= limits::FINDING_CHARACTERS_MAX, "{details}");
        assert!(!details.contains('\n'));
    }

    #[derive(Debug)]
    struct Unreadable;

    impl Files for Unreadable {
        fn list(&self) -> io::Result<Vec<crate::checks::FileInfo>> {
            Ok(vec![crate::checks::FileInfo { path: "a".into(), bytes: 1 }])
        }
        fn read(&self, _path: &str) -> io::Result<Option<Vec<u8>>> {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "not yours"))
        }
    }

    #[test]
    fn a_disk_that_fails_leaves_it_unmeasured() {
        let check = parsed("not_empty", &json!({"path": "a"}), None).unwrap();
        let finding = check.run(&Unreadable, &Context::default());
        assert_eq!(finding.outcome, Outcome::Unmeasured);
        assert_eq!(finding.details, "a cannot be read: permission denied");
    }
}
