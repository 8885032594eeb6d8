//! Guards: conditions in CEL on which transitions depend.
//!
//! CEL always ends but has no step budget, and its parser and interpreter recurse. So a part of a
//! guard is limited in text, in tokens, in nesting and in how deep its macros nest, and the lists
//! that it sees are limited in length. Measured: an unlimited nested `all` of 27 million steps ran
//! 11.8 s, and nesting 90 deep overflowed a stack of 512 KB.

use std::collections::BTreeSet;

use cel::common::ast::{EntryExpr, Expr};
use cel::{Context, IdedExpr, Program, Value as CelValue};
use serde_json::Value;

use super::refusal::Unmet;
use super::text::shortened;

const TEXT_BYTES_MAX: usize = 4096;
const TOKENS_MAX: usize = 160;
const NESTING_MAX: usize = 32;
const MACRO_NESTING_MAX: usize = 2;
/// Items of a list that a guard may see.
const LIST_ITEMS_MAX: usize = 1000;

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

/// A condition: every part has to hold. Parts are kept apart so that a refusal can name the one
/// that does not.
#[derive(Debug)]
pub struct Guard {
    name: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    text: String,
    program: Program,
    variables: BTreeSet<String>,
}

/// What a guard sees: the value of a name that it uses.
pub type Facts<'a> = &'a dyn Fn(&str) -> Option<Value>;

impl Guard {
    /// Compiles a guard, or says which part is wrong and why. `known` are the names it may use.
    pub fn compile(
        name: &str,
        parts: &[String],
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, (usize, String)> {
        let compile = |(index, text): (usize, &String)| {
            Part::compile(text, known).map_err(|reason| (index, reason))
        };
        let parts = parts.iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), parts })
    }

    /// Returns the parts that do not hold. A part that fails to evaluate does not hold.
    pub fn unmet(&self, facts: Facts<'_>) -> Vec<Unmet> {
        self.parts.iter().filter_map(|part| part.unmet(&self.name, facts)).collect()
    }
}

impl Part {
    fn compile(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Self, String> {
        check_text(text)?;
        let program = Program::compile(text).map_err(|errors| first_line(&errors.to_string()))?;
        let mut seen = Seen::default();
        seen.visit(program.expression(), 0);
        if seen.macro_nesting > MACRO_NESTING_MAX {
            return Err(format!(
                "macros nest {} deep, and {MACRO_NESTING_MAX} is the limit",
                seen.macro_nesting
            ));
        }
        if let Some(function) = seen.functions.iter().find(|f| !is_known_function(f)) {
            return Err(format!("unknown function {function}; known: {}", FUNCTIONS.join(", ")));
        }
        if let Some(variable) = seen.variables.iter().find(|variable| !known(variable)) {
            return Err(format!("undeclared variable {variable}"));
        }
        Ok(Self { text: text.to_owned(), program, variables: seen.variables })
    }

    fn unmet(&self, guard: &str, facts: Facts<'_>) -> Option<Unmet> {
        let holds = self.evaluate(facts);
        let note = match holds {
            Ok(true) => return None,
            Ok(false) => None,
            Err(reason) => Some(("error".to_owned(), Value::String(reason))),
        };
        let saw = self
            .variables
            .iter()
            .filter_map(|name| facts(name).map(|value| (name.clone(), abridged(value))));
        Some(Unmet {
            guard: guard.to_owned(),
            needs: self.text.clone(),
            saw: saw.chain(note).collect(),
        })
    }

    fn evaluate(&self, facts: Facts<'_>) -> Result<bool, String> {
        let mut context = Context::default();
        for variable in &self.variables {
            if let Some(value) = facts(variable) {
                check_lists(&value)
                    .map_err(|items| format!("{variable} has a list of {items} items"))?;
                context.add_variable_from_value(variable.as_str(), to_cel(&value));
            }
        }
        match self.program.execute(&context) {
            Ok(CelValue::Bool(holds)) => Ok(holds),
            Ok(_) => Err("the result is not true or false".into()),
            Err(error) => Err(first_line(&error.to_string())),
        }
    }
}

/// The names and the nesting of an expression.
#[derive(Default)]
struct Seen {
    variables: BTreeSet<String>,
    functions: BTreeSet<String>,
    locals: Vec<String>,
    macro_nesting: usize,
}

impl Seen {
    fn visit(&mut self, node: &IdedExpr, macros: usize) {
        match &node.expr {
            Expr::Ident(name) if !self.locals.contains(name) => {
                self.variables.insert(name.clone());
            }
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
            Expr::Select(select) => self.visit(&select.operand, macros),
            Expr::Map(map) => {
                map.entries.iter().for_each(|entry| self.visit_entry(&entry.expr, macros));
            }
            Expr::Struct(fields) => {
                fields.entries.iter().for_each(|entry| self.visit_entry(&entry.expr, macros));
            }
            Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
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

fn is_known_function(name: &str) -> bool {
    let is_operator = name.starts_with(['_', '@', '!', '-']);
    is_operator || FUNCTIONS.contains(&name)
}

/// Refuses a text that could exhaust the stack of the parser or of the interpreter.
fn check_text(text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{} bytes long, and {TEXT_BYTES_MAX} is the limit", text.len()));
    }
    let (tokens, nesting) = tokens_and_nesting(text);
    if nesting > NESTING_MAX {
        return Err(format!("nested {nesting} deep, and {NESTING_MAX} is the limit"));
    }
    match tokens > TOKENS_MAX {
        true => Err(format!("{tokens} tokens long, and {TOKENS_MAX} is the limit")),
        false => Ok(()),
    }
}

/// Counts words, texts and signs, and how deep brackets nest.
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

fn check_lists(value: &Value) -> Result<(), usize> {
    match value {
        Value::Array(items) if items.len() > LIST_ITEMS_MAX => Err(items.len()),
        Value::Array(items) => items.iter().try_for_each(check_lists),
        Value::Object(fields) if fields.len() > LIST_ITEMS_MAX => Err(fields.len()),
        Value::Object(fields) => fields.values().try_for_each(check_lists),
        _ => Ok(()),
    }
}

fn to_cel(value: &Value) -> CelValue {
    cel::to_value(value).unwrap_or(CelValue::Null)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn any_name(_: &str) -> bool {
        true
    }

    /// What does not hold of a guard that sees the fields of an object.
    fn unmet(guard: &Guard, facts: &Value) -> Vec<Unmet> {
        guard.unmet(&|name| facts.get(name).cloned())
    }

    fn compile(text: &str) -> Result<Guard, (usize, String)> {
        Guard::compile("g", &[text.to_owned()], &any_name)
    }

    #[test]
    fn the_part_that_does_not_hold_is_named_with_the_values_it_saw() {
        let parts = ["size(violated) == 0".to_owned(), "last || !strict".to_owned()];
        let guard = Guard::compile("converged", &parts, &any_name).unwrap();
        let unmet = unmet(&guard, &json!({"violated": ["a"], "last": true, "strict": true}));
        assert_eq!(unmet.len(), 1);
        assert_eq!(unmet[0].guard, "converged");
        assert_eq!(unmet[0].needs, "size(violated) == 0");
        assert_eq!(json!(unmet[0].saw), json!({"violated": ["a"]}));
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
                .contains("nest 3 deep")
        );
        let long_list = json!({"l": vec![1; LIST_ITEMS_MAX + 1]});
        assert!(
            unmet(&compile(all).unwrap(), &long_list)[0].saw["error"]
                .as_str()
                .unwrap()
                .contains("1001 items")
        );
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
        let compile = |text: &str| Guard::compile("g", &[text.to_owned()], &known);
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
