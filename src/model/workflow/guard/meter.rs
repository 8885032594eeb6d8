//! What evaluating a guard costs, measured while it is evaluated.
//!
//! CEL counts neither steps nor bytes. So every place of an expression where a loop goes on, where a
//! value is read whole, or where one comes into being, becomes a call of a function that counts and
//! that fails once the budget is used up. Its name begins with `@`, so that no guard can call it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, operators,
};
use cel::common::types::{CelInt, CelList, CelMap, CelOptional, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Context, ExecutionError, FunctionContext, IdedExpr};

/// Bytes that the values of one evaluation may have: those that it sees and all that it makes.
pub(super) const BYTES_MAX: u64 = 64 << 20;
/// Steps of one evaluation. Two nested loops over a thousand items each take about five million.
pub(super) const STEPS_MAX: u64 = 10_000_000;

/// Bytes of a value that has no text: a pointer to it, and the allocation.
const VALUE_BYTES: u64 = 64;
/// Bytes that an entry of a map takes beside its value.
const ENTRY_BYTES: u64 = 112;
/// Bytes of a text that are read in one step.
const STEP_BYTES: u64 = 64;

const LOOPED: &str = "@looped";
const READ: &str = "@read";
const COPIED: &str = "@copied";
const MADE: &str = "@made";

/// What one evaluation has used up.
#[derive(Debug, Default)]
pub(super) struct Meter {
    steps: AtomicU64,
    bytes: AtomicU64,
}

/// What a value costs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    steps: u64,
    bytes: u64,
}

impl Meter {
    /// Counts a cost. Fails once the budget is used up, and from then on always.
    pub(super) fn charge(&self, cost: Cost) -> Result<(), String> {
        self.steps.fetch_add(cost.steps, Ordering::Relaxed);
        self.bytes.fetch_add(cost.bytes, Ordering::Relaxed);
        self.check()
    }

    /// Fails when the budget is used up.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.bytes.load(Ordering::Relaxed) > BYTES_MAX {
            return Err(format!("the guard needs more than {} MiB", BYTES_MAX >> 20));
        }
        if self.steps.load(Ordering::Relaxed) > STEPS_MAX {
            return Err(format!("the guard takes more than {STEPS_MAX} steps"));
        }
        Ok(())
    }

    /// Adds the functions that count.
    pub(super) fn install(self: &Arc<Self>, context: &mut Context<'_, '_>) {
        self.add(context, LOOPED, |_, steps| Cost { steps, bytes: 0 });
        self.add(context, READ, |value, _| Cost { bytes: 0, ..cost(value.as_ref()) });
        self.add(context, COPIED, |value, _| cost(value.as_ref()));
        // What stays is copied, and counts again: a sum in a loop is nothing but its text.
        self.add(context, MADE, |value, _| {
            let Cost { steps, bytes } = cost(value.as_ref());
            let owned = if value.is_owned() { bytes.saturating_sub(VALUE_BYTES) } else { 0 };
            Cost { steps, bytes: owned }
        });
    }

    fn add(
        self: &Arc<Self>,
        context: &mut Context<'_, '_>,
        name: &str,
        cost: fn(&CowVal<'_, '_>, u64) -> Cost,
    ) {
        let meter = Arc::clone(self);
        let count: Box<Count> = Box::new(move |call| {
            let steps = call.args.get(1).and_then(|steps| steps.downcast_ref::<CelInt>());
            let steps = steps.map_or(0, |steps| steps.inner().unsigned_abs());
            call.args.truncate(1);
            let value = call.args.pop().ok_or_else(ExecutionError::missing_argument_or_target)?;
            let charged = meter.charge(cost(&value, steps));
            charged
                .map(|()| value)
                .map_err(|reason| ExecutionError::function_error("guard", reason))
        });
        context.add_function(name, count).expect("no function of CEL begins with @");
    }
}

/// A function that returns its argument once that was counted.
type Count = dyn for<'c, 'v> Fn(&mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError>
    + Send
    + Sync;

impl Cost {
    /// Returns what a value costs whose text is somewhere else.
    pub(super) fn of_value(text_bytes: usize) -> Self {
        Self { steps: 1 + text_bytes as u64 / STEP_BYTES, bytes: VALUE_BYTES }
    }

    /// Returns what an entry of a map costs beside its value.
    pub(super) fn of_entry(key_bytes: usize) -> Self {
        Self { steps: 1 + key_bytes as u64 / STEP_BYTES, bytes: ENTRY_BYTES }
    }

    fn and(self, other: Self) -> Self {
        Self { steps: self.steps + other.steps, bytes: self.bytes + other.bytes }
    }
}

/// Returns what it costs to read a value to its end, and to have another of it.
fn cost(value: &(dyn Val + '_)) -> Cost {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        let own = if text.as_borrowed().is_some() { 0 } else { text.len() as u64 };
        return Cost::of_value(text.len()).and(Cost { steps: 0, bytes: own });
    }
    let own = Cost::of_value(0);
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list.iter().map(|item| cost(item.as_ref())).fold(own, Cost::and);
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let entries = map
            .iter()
            .map(|(key, value)| cost(key.inner()).and(Cost::of_entry(0)).and(cost(value.as_ref())));
        return entries.fold(own, Cost::and);
    }
    let inner = value.downcast_ref::<CelOptional<'_>>().and_then(CelOptional::option);
    inner.map_or(own, |inner| own.and(cost(inner)))
}

/// Returns an expression that counts what it does.
pub(super) fn metered(node: &IdedExpr) -> IdedExpr {
    let expr = match &node.expr {
        Expr::Call(call) => return metered_call(node, call),
        Expr::Comprehension(comprehension) => {
            Expr::Comprehension(Box::new(metered_loop(comprehension)))
        }
        Expr::List(list) => {
            let mut list = list.clone();
            list.elements.iter_mut().for_each(|item| *item = counted(COPIED, metered(item)));
            Expr::List(list)
        }
        Expr::Map(map) => {
            let mut map = map.clone();
            map.entries.iter_mut().for_each(meter_entry);
            Expr::Map(map)
        }
        Expr::Struct(fields) => {
            let mut fields = fields.clone();
            fields.entries.iter_mut().for_each(meter_entry);
            Expr::Struct(fields)
        }
        Expr::Select(select) => {
            let mut select = select.clone();
            *select.operand = metered(&select.operand);
            Expr::Select(select)
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => node.expr.clone(),
    };
    IdedExpr { id: node.id, expr }
}

fn meter_entry(entry: &mut IdedEntryExpr) {
    match &mut entry.expr {
        EntryExpr::StructField(field) => field.value = counted(COPIED, metered(&field.value)),
        EntryExpr::MapEntry(entry) => {
            entry.key = counted(COPIED, metered(&entry.key));
            entry.value = counted(COPIED, metered(&entry.value));
        }
    }
}

fn metered_call(node: &IdedExpr, call: &CallExpr) -> IdedExpr {
    let is_operator = call.func_name.starts_with(['_', '@', '!', '-']);
    let reads = !is_operator || READING.contains(&call.func_name.as_str());
    let makes = !is_operator || call.func_name == operators::ADD;
    let argument = |argument: &IdedExpr| {
        let metered = metered(argument);
        if reads && !is_small(argument) { counted(READ, metered) } else { metered }
    };
    let metered = CallExpr {
        func_name: call.func_name.clone(),
        // The target of the call may be the first part of a function's name; it then stays a name.
        target: call.target.as_ref().map(|target| Box::new(argument(target))),
        args: call.args.iter().map(argument).collect(),
    };
    let metered = IdedExpr { id: node.id, expr: Expr::Call(metered) };
    if makes { counted(MADE, metered) } else { metered }
}

/// Operators that look at the whole of what they are given.
const READING: [&str; 7] = [
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
];

/// Returns whether a value is written in the guard, and so no longer than that.
fn is_small(node: &IdedExpr) -> bool {
    matches!(node.expr, Expr::Literal(_))
}

/// Every item of a loop is copied, and its body runs once for each.
///
/// CEL knows loops by their shape, and runs them faster: the shape stays as it is.
fn metered_loop(comprehension: &ComprehensionExpr) -> ComprehensionExpr {
    ComprehensionExpr {
        iter_range: counted(READ, metered(&comprehension.iter_range)),
        loop_step: metered_body(&comprehension.loop_step, &comprehension.accu_var),
        ..comprehension.clone()
    }
}

fn metered_body(body: &IdedExpr, result: &str) -> IdedExpr {
    let is_result = |one: &IdedExpr| matches!(&one.expr, Expr::Ident(name) if name == result);
    let Expr::Call(call) = &body.expr else { return looped(body) };
    let mut step = call.clone();
    match (call.func_name.as_str(), call.args.as_slice()) {
        // `all` and `exists`: the result so far, and the condition.
        (operators::LOGICAL_AND | operators::LOGICAL_OR, [so_far, condition])
            if is_result(so_far) =>
        {
            step.args[1] = looped(condition);
        }
        // `map`: a list of one item is added.
        (operators::ADD, [so_far, added]) if is_result(so_far) => {
            if let Expr::List(list) = &added.expr {
                let mut list = list.clone();
                list.elements.iter_mut().for_each(|item| *item = counted(COPIED, looped(item)));
                step.args[1] = IdedExpr { id: added.id, expr: Expr::List(list) };
            }
        }
        // `filter`, `exists_one` and `map` with a condition.
        (operators::CONDITIONAL, [condition, then, otherwise]) if is_result(otherwise) => {
            step.args[0] = looped(condition);
            step.args[1] = metered_body(then, result);
        }
        _ => return looped(body),
    }
    IdedExpr { id: body.id, expr: Expr::Call(step) }
}

/// Returns the body of a loop, which counts its nodes each time.
fn looped(body: &IdedExpr) -> IdedExpr {
    let mut call = call_of(LOOPED, metered(body));
    let nodes = i64::try_from(nodes(body)).unwrap_or(i64::MAX);
    let steps = Expr::Literal(LiteralValue::Int(nodes.into()));
    call.args.push(IdedExpr { id: body.id, expr: steps });
    IdedExpr { id: body.id, expr: Expr::Call(call) }
}

fn counted(by: &str, node: IdedExpr) -> IdedExpr {
    let id = node.id;
    IdedExpr { id, expr: Expr::Call(call_of(by, node)) }
}

fn call_of(function: &str, argument: IdedExpr) -> CallExpr {
    CallExpr { func_name: function.to_owned(), target: None, args: vec![argument] }
}

/// Returns how many parts an expression has.
fn nodes(node: &IdedExpr) -> usize {
    let parts = match &node.expr {
        Expr::Call(call) => {
            call.target.iter().map(|target| nodes(target)).chain(call.args.iter().map(nodes)).sum()
        }
        Expr::Comprehension(inner) => nodes(&inner.iter_range),
        Expr::List(list) => list.elements.iter().map(nodes).sum(),
        Expr::Select(select) => nodes(&select.operand),
        Expr::Map(map) => map.entries.iter().map(nodes_of_entry).sum(),
        Expr::Struct(fields) => fields.entries.iter().map(nodes_of_entry).sum(),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => 0,
    };
    1 + parts
}

fn nodes_of_entry(entry: &IdedEntryExpr) -> usize {
    match &entry.expr {
        EntryExpr::StructField(field) => nodes(&field.value),
        EntryExpr::MapEntry(entry) => nodes(&entry.key) + nodes(&entry.value),
    }
}
