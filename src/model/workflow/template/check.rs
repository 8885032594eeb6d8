//! What a template may say, looked at before it runs.
//!
//! What is refused here has no bound in the engine: joining and repeating texts, capturing what a block
//! renders, lists that hold themselves over and over, and templates on which its parser, which
//! recurses, would overflow the stack.

use minijinja::machinery::ast::{
    BinOp, BinOpKind, CallArg, Expr, Filter, ForLoop, Stmt, Test, UnaryOpKind,
};
use minijinja::machinery::{Span, Token, parse, tokenize};

/// The filters that a template may use.
pub const FILTERS: [&str; 17] = [
    "abs", "count", "d", "default", "first", "float", "int", "items", "join", "json", "last",
    "length", "lower", "round", "short", "trim", "upper",
];

/// The tests that a template may use.
pub const TESTS: [&str; 9] =
    ["defined", "even", "mapping", "none", "number", "odd", "sequence", "string", "undefined"];

/// Bytes of a template.
const TEMPLATE_BYTES_MAX: usize = 256 << 10;
/// Words and signs between `{{` and `}}`, or between `{%` and `%}`.
const TAG_TOKENS_MAX: usize = 256;
/// Blocks in blocks, and branches of an `if`.
const NESTING_MAX: usize = 32;
/// Names that a template gives to values with `set` and `with`.
const NAMES_MAX: usize = 32;
/// Parts of texts and lists that a template takes with `[…:…]`.
const SLICES_MAX: usize = 64;

/// The words that begin a block, and those that end one.
const BLOCKS: [&str; 5] = ["autoescape", "filter", "for", "if", "with"];
const ENDS: [&str; 5] = ["endautoescape", "endfilter", "endfor", "endif", "endwith"];

/// Says what is wrong with a template that may use these filters, or nothing.
pub fn check(template: &str, filters: &'static [&'static str]) -> Result<(), String> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(format!("{} bytes long; the limit is {TEMPLATE_BYTES_MAX}", template.len()));
    }
    check_tags(template)?;
    let parsed = parse(template, "template", minijinja::syntax::SyntaxConfig::default())
        .map_err(|error| format!("{error:#}"))?;
    Checked { filters, names: 0, slices: 0 }.statement(&parsed)
}

/// Refuses what is too long or nests too deep for the parser.
fn check_tags(template: &str) -> Result<(), String> {
    let (mut tokens, mut nesting, mut starts) = (0, 0_usize, false);
    let mut branches = vec![0_usize];
    for token in tokenize(template, false, minijinja::syntax::SyntaxConfig::default()) {
        // The parser says what is wrong with a sign.
        let Ok((token, span)) = token else { break };
        tokens = if matches!(token, Token::TemplateData(_)) { 0 } else { tokens + 1 };
        if tokens > TAG_TOKENS_MAX + 2 {
            return Err(at(span, format!("more than {TAG_TOKENS_MAX} words and signs in one tag")));
        }
        match token {
            Token::VariableStart => tokens = 1,
            Token::BlockStart => {
                tokens = 1;
                starts = true;
                continue;
            }
            Token::Ident(word) if starts => {
                if ENDS.contains(&word) {
                    nesting = nesting.saturating_sub(1);
                    branches.truncate(nesting + 1);
                } else if word == "elif" {
                    *branches.last_mut().unwrap_or(&mut 0) += 1;
                } else if BLOCKS.contains(&word) {
                    nesting += 1;
                    branches.push(0);
                }
            }
            _ => {}
        }
        starts = false;
        if nesting + branches.iter().sum::<usize>() > NESTING_MAX {
            return Err(at(span, format!("blocks nest more than {NESTING_MAX} deep")));
        }
    }
    Ok(())
}

fn at(span: Span, reason: impl std::fmt::Display) -> String {
    format!("line {}: {reason}", span.start_line)
}

/// What was counted of a template.
#[derive(Debug)]
struct Checked {
    filters: &'static [&'static str],
    names: usize,
    slices: usize,
}

impl Checked {
    fn statements(&mut self, statements: &[Stmt<'_>]) -> Result<(), String> {
        statements.iter().try_for_each(|one| self.statement(one))
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Result<(), String> {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::ForLoop(inner) => self.for_loop(inner, inner.span()),
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr)?;
                self.statements(&condition.true_body)?;
                self.statements(&condition.false_body)
            }
            Stmt::WithBlock(block) => {
                for (_, value) in &block.assignments {
                    self.name(block.span())?;
                    self.expression(value)?;
                }
                self.statements(&block.body)
            }
            Stmt::Set(set) => {
                self.name(set.span())?;
                self.expression(&set.expr)
            }
            Stmt::SetBlock(block) => Err(absent(block.span(), "a block that becomes a value")),
            Stmt::FilterBlock(block) => Err(absent(block.span(), "a filter of a block")),
            Stmt::AutoEscape(block) => Err(absent(block.span(), "autoescape")),
            Stmt::Do(call) => Err(absent(call.span(), "a call")),
        }
    }

    fn for_loop(&mut self, inner: &ForLoop<'_>, span: Span) -> Result<(), String> {
        if inner.recursive {
            return Err(absent(span, "a recursive loop"));
        }
        self.expression(&inner.iter)?;
        inner.filter_expr.iter().try_for_each(|condition| self.expression(condition))?;
        self.statements(&inner.body)?;
        self.statements(&inner.else_body)
    }

    fn name(&mut self, span: Span) -> Result<(), String> {
        self.names += 1;
        if self.names > NAMES_MAX {
            return Err(at(span, format!("more than {NAMES_MAX} values are given a name")));
        }
        Ok(())
    }

    fn expression(&mut self, expression: &Expr<'_>) -> Result<(), String> {
        let span = expression.span();
        match expression {
            Expr::Var(_) | Expr::Const(_) => Ok(()),
            Expr::Slice(slice) => {
                self.slices += 1;
                if self.slices > SLICES_MAX {
                    return Err(at(span, format!("more than {SLICES_MAX} parts with [:]")));
                }
                self.expression(&slice.expr)?;
                let places = [&slice.start, &slice.stop, &slice.step];
                places.into_iter().flatten().try_for_each(|place| self.expression(place))
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => self.operation(operation, span),
            Expr::Compare(comparison) => {
                self.expression(&comparison.expr)?;
                comparison.ops.iter().try_for_each(|other| self.expression(&other.expr))
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr)?;
                self.expression(&choice.true_expr)?;
                choice.false_expr.iter().try_for_each(|one| self.expression(one))
            }
            Expr::Filter(filter) => self.filter(filter, span),
            Expr::Test(test) => self.test(test, span),
            Expr::GetAttr(field) => self.expression(&field.expr),
            Expr::GetItem(item) => {
                self.expression(&item.expr)?;
                self.expression(&item.subscript_expr)
            }
            Expr::Call(_) => Err(absent(span, "a function or method")),
            Expr::List(list) => constants(&list.items, span),
            Expr::Tuple(tuple) => constants(&tuple.items, span),
            Expr::Map(map) => {
                constants(&map.keys, span)?;
                constants(&map.values, span)
            }
        }
    }

    fn operation(&mut self, operation: &BinOp<'_>, span: Span) -> Result<(), String> {
        let (left, right) = (&operation.left, &operation.right);
        let texts = "write texts one after the other";
        match operation.op {
            BinOpKind::Concat => return Err(absent(span, format!("the operator ~: {texts}"))),
            BinOpKind::Add if !is_number(left) && !is_number(right) => {
                let numbers =
                    "+ adds numbers, and one operand must visibly be a number, as in x | int";
                return Err(at(span, format!("{numbers}; {texts}")));
            }
            BinOpKind::Mul if !(is_number(left) && is_number(right)) => {
                let numbers = "* multiplies numbers, and both operands must visibly be numbers, as in x | int";
                return Err(at(span, numbers));
            }
            _ => {}
        }
        self.expression(left)?;
        self.expression(right)
    }

    fn filter(&mut self, filter: &Filter<'_>, span: Span) -> Result<(), String> {
        if !self.filters.contains(&filter.name) {
            let others = self.filters.join(", ");
            return Err(absent(span, format!("the filter {}; there are {others}", filter.name)));
        }
        filter.expr.iter().try_for_each(|value| self.expression(value))?;
        self.arguments(&filter.args, span)
    }

    fn test(&mut self, test: &Test<'_>, span: Span) -> Result<(), String> {
        if !TESTS.contains(&test.name) {
            let others = TESTS.join(", ");
            return Err(absent(span, format!("the test {}; there are {others}", test.name)));
        }
        self.expression(&test.expr)?;
        self.arguments(&test.args, span)
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>], span: Span) -> Result<(), String> {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value) | CallArg::Kwarg(_, value) => self.expression(value),
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                Err(absent(span, "an argument with *"))
            }
        })
    }
}

fn absent(span: Span, what: impl std::fmt::Display) -> String {
    at(span, format!("templates do not support {what}"))
}

/// Refuses a list that holds other values than written ones: it could hold itself many times over.
fn constants(items: &[Expr<'_>], span: Span) -> Result<(), String> {
    if items.iter().all(|item| matches!(item, Expr::Const(_))) {
        return Ok(());
    }
    Err(absent(span, "a list of values that are not written in it"))
}

/// Returns whether an expression is a number or an error, whatever the state is.
fn is_number(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(constant) => constant.value.is_number(),
        Expr::UnaryOp(operation) => matches!(operation.op, UnaryOpKind::Neg),
        Expr::BinOp(operation) => matches!(
            operation.op,
            BinOpKind::Add
                | BinOpKind::Sub
                | BinOpKind::Mul
                | BinOpKind::Div
                | BinOpKind::FloorDiv
                | BinOpKind::Rem
                | BinOpKind::Pow
        ),
        Expr::Filter(filter) => {
            matches!(filter.name, "abs" | "count" | "float" | "int" | "length" | "round")
        }
        _ => false,
    }
}
