//! Guards: conditions of transitions, in CEL.
//!
//! CEL always terminates but has no budget, and its parser and interpreter recurse. So the text,
//! the tokens, the nesting and the macro nesting of a guard's part are limited, and so are the
//! lists that it reads, and the steps and bytes of its evaluation (see `meter`). A guard that
//! exceeds a limit does not hold. Measured: an unlimited nested `all` of 27 million steps ran 11.8
//! s, and 90 levels of nesting overflowed a stack of 512 KB.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr};
use cel::common::types::CelBool;
use cel::{Context, Env, IdedExpr, Program, Value as CelValue};
use serde::Deserialize;
use serde_json::Value;

use self::meter::{Meter, metered};
use self::sentence::Sentence;
use self::values::Parts;

use crate::model::refusal::Unmet;
use crate::model::text::shortened;

mod meter;
mod sentence;
mod values;

const TEXT_BYTES_MAX: usize = 4096;
const TOKENS_MAX: usize = 160;
const NESTING_MAX: usize = 32;
const MACRO_NESTING_MAX: usize = 2;
/// Bytes of an error of CEL, which may contain a whole value.
const ERROR_BYTES_MAX: usize = 1000;

/// The functions that a guard may call. Operators have names of their own and are always allowed.
const FUNCTIONS: [&str; 13] = [
    "bool",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "int",
    "max",
    "min",
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
];

/// The operators and functions of CEL. Making them takes longer than evaluating a guard.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A condition. Every part must hold; a refusal names the parts that do not.
#[derive(Debug)]
pub struct Guard {
    name: String,
    parts: Vec<Part>,
}

/// A part of a guard in `workflow.json`: a condition with an optional sentence.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum WrittenPart {
    /// The condition, in CEL.
    Condition(String),
    /// The condition, and what a person reads when it does not hold.
    WithSentence {
        /// The condition, in CEL.
        #[serde(rename = "if")]
        condition: String,
        /// A template over the facts.
        says: String,
    },
}

#[derive(Debug)]
struct Part {
    text: String,
    sentence: Option<Sentence>,
    /// The metered condition.
    expression: IdedExpr,
    variables: BTreeMap<String, Parts>,
}

/// Returns the value of a name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Value>;

impl Guard {
    /// Compiles a guard, or returns the index and the problem of a part. `known` are the allowed
    /// names.
    pub fn compile(
        name: &str,
        parts: &[WrittenPart],
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, (usize, String)> {
        let compile = |(index, part): (usize, &WrittenPart)| {
            Part::compile(part, known).map_err(|reason| (index, reason))
        };
        let parts = parts.iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), parts })
    }

    /// Returns whether every part holds.
    pub fn holds(&self, facts: Lookup<'_>) -> bool {
        self.parts.iter().all(|part| part.evaluate(&part.values(facts)) == Ok(true))
    }

    /// Returns the parts that do not hold. A part that fails to evaluate does not hold.
    pub fn unmet(&self, facts: Lookup<'_>) -> Vec<Unmet> {
        self.parts.iter().filter_map(|part| part.unmet(&self.name, facts)).collect()
    }
}

impl Part {
    fn compile(part: &WrittenPart, known: &dyn Fn(&str) -> bool) -> Result<Self, String> {
        let (text, says) = match part {
            WrittenPart::Condition(condition) => (condition, None),
            WrittenPart::WithSentence { condition, says } => (condition, Some(says)),
        };
        let sentence = says.map(|says| Sentence::compile(says, known));
        let sentence = sentence.transpose().map_err(|reason| format!("says: {reason}"))?;
        check_text(text)?;
        let program = Program::compile(text).map_err(|errors| first_line(&errors.to_string()))?;
        let mut seen = Seen::default();
        seen.visit(program.expression(), 0);
        if seen.macro_nesting > MACRO_NESTING_MAX {
            return Err(format!(
                "macros nest {} levels deep; the limit is {MACRO_NESTING_MAX}",
                seen.macro_nesting
            ));
        }
        if let Some(function) = seen.functions.iter().find(|f| !is_known_function(f)) {
            return Err(format!("unknown function {function}; known: {}", FUNCTIONS.join(", ")));
        }
        if let Some(variable) = seen.variables.keys().find(|variable| !known(variable)) {
            return Err(format!("undeclared variable {variable}"));
        }
        let expression = metered(program.expression());
        Ok(Self { text: text.clone(), sentence, expression, variables: seen.variables })
    }

    fn unmet(&self, guard: &str, facts: Lookup<'_>) -> Option<Unmet> {
        let values = self.values(facts);
        let note = match self.evaluate(&values) {
            Ok(true) => return None,
            Ok(false) => None,
            Err(reason) => Some(("error".to_owned(), Value::String(reason))),
        };
        let saw = values.into_iter().map(|(name, value)| (name.clone(), abridged(value)));
        Some(Unmet {
            guard: guard.to_owned(),
            says: self.sentence.as_ref().and_then(|sentence| sentence.said(facts)),
            needs: self.text.clone(),
            saw: saw.chain(note).collect(),
        })
    }

    fn values(&self, facts: Lookup<'_>) -> Vec<(&String, Value)> {
        self.variables.keys().filter_map(|name| Some((name, facts(name)?))).collect()
    }

    fn evaluate(&self, values: &[(&String, Value)]) -> Result<bool, String> {
        let meter = Arc::new(Meter::default());
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        meter.install(&mut context);
        for (name, value) in values {
            let parts = &self.variables[*name];
            let seen = parts.of(value, &meter).map_err(|reason| format!("{name}: {reason}"))?;
            context.add_variable_as_val(name.as_str(), seen);
        }
        let result = CelValue::resolve_val(&self.expression, &context);
        // CEL may ignore an error, such as one beside a true part of an `||`.
        meter.check()?;
        let result = result.map_err(|error| brief(&error))?;
        let holds = result.downcast_ref::<CelBool>().map(|holds| *holds.inner());
        holds.ok_or_else(|| "the result is not true or false".into())
    }
}

/// The names and the nesting of an expression.
#[derive(Default)]
struct Seen {
    variables: BTreeMap<String, Parts>,
    functions: BTreeSet<String>,
    locals: Vec<String>,
    macro_nesting: usize,
}

impl Seen {
    fn visit(&mut self, node: &IdedExpr, macros: usize) {
        match &node.expr {
            Expr::Ident(name) => self.see(name, &[]),
            Expr::Call(call) => {
                self.functions.insert(call.func_name.clone());
                call.target.iter().for_each(|target| self.visit(target, macros));
                call.args.iter().for_each(|argument| self.visit(argument, macros));
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range, macros);
                self.macro_nesting = self.macro_nesting.max(macros + 1);
                let outer = self.locals.len();
                self.locals.push(comprehension.iter_var.clone());
                self.locals.push(comprehension.accu_var.clone());
                self.locals.extend(comprehension.iter_var2.clone());
                for inner in [
                    &comprehension.accu_init,
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ] {
                    self.visit(inner, macros + 1);
                }
                self.locals.truncate(outer);
            }
            Expr::List(list) => list.elements.iter().for_each(|item| self.visit(item, macros)),
            Expr::Select(select) => match fields_of(node) {
                Some((name, path)) => self.see(name, &path),
                None => self.visit(&select.operand, macros),
            },
            Expr::Map(map) => {
                map.entries.iter().for_each(|entry| self.visit_entry(&entry.expr, macros));
            }
            Expr::Struct(fields) => {
                fields.entries.iter().for_each(|entry| self.visit_entry(&entry.expr, macros));
            }
            Expr::Unspecified | Expr::Literal(_) => {}
        }
    }

    /// Records a part of a variable.
    fn see(&mut self, name: &str, path: &[String]) {
        if !self.locals.iter().any(|local| local == name) {
            self.variables.entry(name.to_owned()).or_default().add(path);
        }
    }

    fn visit_entry(&mut self, entry: &EntryExpr, macros: usize) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, macros),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, macros);
                self.visit(&entry.value, macros);
            }
        }
    }
}

/// Returns the variable and the fields that an expression such as `data.a.b` names.
fn fields_of(node: &IdedExpr) -> Option<(&str, Vec<String>)> {
    match &node.expr {
        Expr::Ident(name) => Some((name, Vec::new())),
        Expr::Select(select) => {
            let (name, mut path) = fields_of(&select.operand)?;
            path.push(select.field.clone());
            Some((name, path))
        }
        _ => None,
    }
}

fn is_known_function(name: &str) -> bool {
    let is_operator = name.starts_with(['_', '@', '!', '-']);
    is_operator || FUNCTIONS.contains(&name)
}

/// Refuses a text that could exhaust the stack of the parser or of the interpreter.
fn check_text(text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{} bytes long; the limit is {TEXT_BYTES_MAX}", text.len()));
    }
    let (tokens, nesting) = tokens_and_nesting(text);
    if nesting > NESTING_MAX {
        return Err(format!("nested {nesting} levels deep; the limit is {NESTING_MAX}"));
    }
    if tokens > TOKENS_MAX {
        Err(format!("{tokens} tokens long; the limit is {TOKENS_MAX}"))
    } else {
        Ok(())
    }
}

/// Counts words, texts and signs, and the nesting of brackets.
fn tokens_and_nesting(text: &str) -> (usize, usize) {
    let (mut tokens, mut nesting, mut deepest) = (0, 0_usize, 0);
    let mut quote: Option<char> = None;
    let mut in_word = false;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if let Some(end) = quote {
            match c {
                '\\' => drop(characters.next()),
                c if c == end => quote = None,
                _ => {}
            }
            continue;
        }
        let word = c.is_alphanumeric() || c == '_';
        tokens += usize::from(!(c.is_whitespace() || (word && in_word)));
        in_word = word;
        match c {
            '\'' | '"' => quote = Some(c),
            '(' | '[' | '{' => nesting += 1,
            ')' | ']' | '}' => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(nesting);
    }
    (tokens, deepest)
}

/// Returns a value short enough for a refusal.
fn abridged(value: Value) -> Value {
    const CHARACTERS_MAX: usize = 120;
    let text = value.to_string();
    match shortened(&text, CHARACTERS_MAX) {
        short if short == text => value,
        short => Value::String(short),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Returns the beginning of an error's first line.
fn brief(error: &dyn std::fmt::Display) -> String {
    struct Beginning(String);
    impl std::fmt::Write for Beginning {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.push_str(text);
            if self.0.len() > ERROR_BYTES_MAX { Err(std::fmt::Error) } else { Ok(()) }
        }
    }
    let mut beginning = Beginning(String::new());
    // The write fails at the limit, which is intended.
    _ = write!(beginning, "{error}");
    shortened(&first_line(&beginning.0), ERROR_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::values::LIST_ITEMS_MAX;
    use super::*;

    fn condition(text: &str) -> WrittenPart {
        WrittenPart::Condition(text.to_owned())
    }

    fn any_name(_: &str) -> bool {
        true
    }

    /// Returns the unmet parts of a guard over the fields of an object.
    fn unmet(guard: &Guard, facts: &Value) -> Vec<Unmet> {
        guard.unmet(&|name| facts.get(name).cloned())
    }

    fn compile(text: &str) -> Result<Guard, (usize, String)> {
        Guard::compile("g", &[condition(text)], &any_name)
    }

    #[test]
    fn the_part_that_does_not_hold_is_named_with_the_values_it_saw() {
        let parts = [condition("size(violated) == 0"), condition("last || !strict")];
        let guard = Guard::compile("converged", &parts, &any_name).unwrap();
        let unmet = unmet(&guard, &json!({"violated": ["a"], "last": true, "strict": true}));
        assert_eq!(unmet.len(), 1);
        assert_eq!(unmet[0].guard, "converged");
        assert_eq!(unmet[0].needs, "size(violated) == 0");
        assert_eq!(json!(unmet[0].saw), json!({"violated": ["a"]}));
    }

    #[test]
    fn a_part_may_have_a_sentence_for_people() {
        let parts = json!([
            "!strict",
            {"if": "size(violated) == 0", "says": "{{ violated | length }} do not hold"},
        ]);
        let parts: Vec<WrittenPart> = serde_json::from_value(parts).unwrap();
        let guard = Guard::compile("converged", &parts, &any_name).unwrap();
        let unmet = unmet(&guard, &json!({"violated": ["a", "b"], "strict": true}));
        let said: Vec<_> = unmet.iter().map(Unmet::told).collect();
        assert_eq!(said, ["!strict", "2 do not hold"]);
        assert_eq!(unmet[1].needs, "size(violated) == 0");
    }

    #[test]
    fn a_part_that_cannot_be_evaluated_does_not_hold() {
        let guard = compile("result.score > 3").unwrap();
        assert_eq!(unmet(&guard, &json!({"result": {"score": 4}})), []);
        for result in [json!({}), json!({"score": "high"}), json!(null)] {
            let unmet = unmet(&guard, &json!({"result": result}));
            assert!(unmet[0].saw.contains_key("error"), "{unmet:?}");
        }
        assert_eq!(unmet(&compile("1").unwrap(), &json!({})).len(), 1, "not a truth value");
    }

    #[test]
    fn what_could_run_for_long_or_recurse_deeply_does_not_compile() {
        let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        assert!(compile(&nested(NESTING_MAX)).is_ok());
        assert!(compile(&nested(NESTING_MAX + 1)).is_err());
        assert!(compile(&format!("x == '{}'", "y".repeat(5000))).is_err());
        let all = "l.all(a, l.all(b, a == b))";
        assert!(compile(all).is_ok());
        assert!(
            compile("l.all(a, l.all(b, l.all(c, a == b && b == c)))")
                .unwrap_err()
                .1
                .contains("nest 3 levels deep")
        );
        let long_list = json!({"l": vec![1; LIST_ITEMS_MAX + 1]});
        assert!(
            unmet(&compile(all).unwrap(), &long_list)[0].saw["error"]
                .as_str()
                .unwrap()
                .contains("1001 items")
        );
    }

    /// Returns why a guard could not be evaluated.
    fn error(text: &str, facts: &Value) -> String {
        let guard = compile(text).unwrap_or_else(|(_, reason)| panic!("{text}: {reason}"));
        let unmet = unmet(&guard, facts);
        let error = unmet.first().and_then(|unmet| unmet.saw.get("error")?.as_str());
        error.unwrap_or_else(|| panic!("{text} is evaluated: {unmet:?}")).to_owned()
    }

    #[test]
    fn a_guard_that_needs_too_much_memory_does_not_hold() {
        let facts = json!({"data": {"l": vec![1; 1000], "s": "x".repeat(100_000)}});
        let twice = |times: usize| format!("({})", vec!["data.s + data.s"; times].join(" + "));
        for guard in [
            "data.l.map(x, data.l.map(y, data.s + data.s)) == []".to_owned(),
            "data.l.map(x, data.s + 'y').size() == 0".to_owned(),
            "data.l.map(x, x == 1, [data.s + 'y', 'z']) == []".to_owned(),
            "data.l.map(x, data.l.filter(y, y == 1)).map(x, x).size() == 0".to_owned(),
            "data.l.map(x, {'k': data.l, 'm': data.l}).size() == 0".to_owned(),
            "data.l.map(x, [data, data]).size() == 0".to_owned(),
            "data.l.map(x, data.l.exists(y, y == 1) ? data.s + 'a' : 'b') == []".to_owned(),
            "data.l.all(x, data.l.map(y, [data.l, data.l]).size() == 1000)".to_owned(),
            // CEL ignores an error beside a true part, but the budget still counts.
            "data.l.map(x, data.l.map(y, data.s + data.s)) == [] || true".to_owned(),
            "data.l.exists(x, data.l.map(y, data.s + 'y') == []) || true".to_owned(),
            "data.l.map(x, [data.l]).map(x, [x, x]) == []".to_owned(),
            format!("data.l.map(x, {0} + {0}).size() == 0", twice(8)),
        ] {
            assert_eq!(error(&guard, &facts), "the guard needs more than 64 MiB", "{guard}");
        }
    }

    #[test]
    fn a_guard_that_takes_too_long_does_not_hold() {
        let list: Vec<Value> =
            (0..1000).map(|i| json!({"id": i, "text": "x".repeat(1000)})).collect();
        let facts = json!({"data": {"l": list, "m": list, "s": "x".repeat(1_000_000)}});
        for guard in [
            "data.l.all(x, data.l == data.m)",
            "data.l.all(x, data.m.all(y, y in data.l))",
            "data.l.all(x, data.l.all(y, data.s == data.s))",
            "data.l.all(x, data.s.contains('y') || data.s.size() == 1000000)",
            "data.l.exists(x, data.l.exists_one(y, x.text < y.text)) || true",
            "data.l.all(x, data.l.filter(y, y.text == x.text).size() >= 0)",
        ] {
            assert_eq!(error(guard, &facts), "the guard takes more than 10000000 steps", "{guard}");
        }
    }

    #[test]
    fn the_largest_lists_are_compared_with_each_other() {
        let names: Vec<String> = (0..1000).map(|i| format!("constraint-{i}")).collect();
        let long = json!({"id": "c", "description": "x".repeat(4096), "status": "satisfied"});
        let facts = json!({"l": names, "n": (0..1000).collect::<Vec<_>>(),
            "constraints": vec![long; 200], "data": {"use": 1, "rest": "x".repeat(4 << 20)}});
        for guard in [
            "l.all(a, l.exists_one(b, a == b))",
            "n.all(a, n.all(b, a + b >= a))",
            "l.map(a, a + '!').size() == 1000",
            "l.filter(a, a in l).map(a, a.size()).all(s, s > 1)",
            "constraints.all(c, c.status == 'satisfied' && c.description.size() == 4096)",
            "constraints.filter(c, c.status != 'satisfied').size() == 0",
            "data.use == 1",
        ] {
            assert_eq!(unmet(&compile(guard).unwrap(), &facts), [], "{guard}");
        }
    }

    /// Goal: no guard becomes another one by being measured.
    #[test]
    fn a_guard_means_what_it_means_in_plain_cel() {
        let facts = json!({"a": {"b": {"c": 1}, "l": [1, 2, 3], "none": null}, "s": "text", "f": 1.5,
            "l": [{"n": "x", "v": 1}, {"n": "y", "v": -2}], "t": true});
        for guard in [
            "a.b.c == 1 && has(a.b.c) && !has(a.b.d)",
            "a.l.exists_one(x, x == 2u) && a.l.exists(x, x > 2) && a.l.all(x, x < 4)",
            "l.filter(x, x.v > 0).map(x, x.n) == ['x'] && l.map(x, x.v > 0, x.n)[0] == 'x'",
            "l.map(x, l.map(y, x.v * -1 == y.v)).size() == 2",
            "s + '!' == 'text!' && (s + s).startsWith('textt') && s.size() == 4 && size(s) == 4",
            "{'k': a.l}.k == a.l && 'k' in {'k': 1} && !('z' in a)",
            "a.l + [4u] == [1, 2, 3, 4] && [a.b, a.b][1].c == 1",
            "a.l.all(a, a > 0) && l[0].n == 'x' && a['b']['c'] == 1",
            "t ? f > 1 : false",
            "type(s) == string && string(f) == '1.5' && int('3') == 3",
            "a.none == null && (a.missing == 1 || t)",
            "l.exists(x, x.missing == 1 || x.v == 1)",
            "a.missing == 1",
            "s > 1",
            "s + 1 == 's'",
            "size(a.b.c) == 1",
            "a",
            "l.all(x, x.v > 0)",
            "a.l[7] == 1",
            "a.b.c.d == 1",
            "l.exists_one(x, x.v == 1 / 0)",
        ] {
            let plain = Program::compile(guard).unwrap();
            let mut context = Context::default();
            for (name, value) in facts.as_object().unwrap() {
                context.add_variable_from_value(name.as_str(), cel::to_value(value).unwrap());
            }
            let expected = plain.execute(&context);
            let unmet = unmet(&compile(guard).unwrap(), &facts);
            let error = unmet.first().and_then(|unmet| unmet.saw.get("error"));
            let (holds, reason) = match expected {
                Ok(CelValue::Bool(holds)) => (holds, None),
                Ok(_) => (false, Some("the result is not true or false".to_owned())),
                Err(reason) => (false, Some(first_line(&reason.to_string()))),
            };
            let reason = reason.map(Value::String);
            assert_eq!((unmet.is_empty(), error), (holds, reason.as_ref()), "{guard}");
        }
    }

    /// Goal: no text within the limits overflows the stack, whatever its shape.
    #[test]
    fn the_longest_texts_of_every_shape_fit_on_the_stack() {
        let times = |part: &str, n: usize| part.repeat(n);
        let shapes = [
            format!("{}true", times("!", TOKENS_MAX - 1)),
            format!("{}1 == 1", times("-", TOKENS_MAX - 4)),
            format!("a{} == 1", times(".a", TOKENS_MAX / 2 - 2)),
            format!("1{} == 1", times("+1", TOKENS_MAX / 2 - 2)),
            format!("true{}", times("||true", TOKENS_MAX / 3 - 1)),
            format!("{}true", times("a?b:", TOKENS_MAX / 4 - 1)),
            format!("{}1{} == 1", times("[", NESTING_MAX), times("]", NESTING_MAX)),
            format!("{}1{} == 1", times("size(", NESTING_MAX), times(")", NESTING_MAX)),
        ];
        for shape in shapes {
            match compile(&shape) {
                Ok(guard) => drop(unmet(&guard, &json!({"a": true, "b": true}))),
                Err((_, reason)) => assert!(!reason.contains("limit"), "{shape}: {reason}"),
            }
        }
    }

    #[test]
    fn names_and_functions_must_be_known_and_a_macros_own_names_are() {
        let known = |name: &str| name == "constraints";
        let compile = |text: &str| Guard::compile("g", &[condition(text)], &known);
        assert!(compile("constraints.all(c, c.status == 'satisfied')").is_ok());
        assert_eq!(
            compile("constrains.all(c, true)").unwrap_err().1,
            "undeclared variable constrains"
        );
        assert_eq!(compile("size(c) == 0").unwrap_err().1, "undeclared variable c");
        assert!(compile("now() == 1").unwrap_err().1.contains("unknown function now"));
        assert!(compile("size(constraints) ==").is_err());
    }

    #[test]
    fn what_a_refusal_shows_of_a_value_is_short() {
        let guard = compile("size(l) == 0").unwrap();
        let unmet = unmet(&guard, &json!({"l": vec!["x".repeat(100); 50]}));
        assert!(unmet[0].saw["l"].as_str().unwrap().chars().count() <= 121);
    }
}
