//! The state as templates see it: a value is read where it is, and counted when it is.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt as _, ObjectRepr};
use serde_json::Value as Json;

use super::Budget;
use crate::model::text::cut;

/// Bytes that count for a value, beside its text.
const VALUE_BYTES: usize = 32;

/// An object or an array somewhere in a value.
#[derive(Debug)]
pub(super) struct View {
    root: Arc<Json>,
    path: Vec<Step>,
    budget: Arc<Budget>,
    text_bytes_max: usize,
}

/// What leads from a value to one in it.
#[derive(Clone, Debug)]
enum Step {
    Field(Arc<str>),
    Item(usize),
}

impl View {
    /// Returns a value as templates see it.
    pub(super) fn whole(root: &Arc<Json>, budget: &Arc<Budget>, text_bytes_max: usize) -> Value {
        let (root, budget) = (Arc::clone(root), Arc::clone(budget));
        Value::from_object(Self { root, path: Vec::new(), budget, text_bytes_max })
    }

    fn here(&self) -> Option<&Json> {
        self.path.iter().try_fold(&*self.root, |value, step| match step {
            Step::Field(name) => value.get(&**name),
            Step::Item(index) => value.get(index),
        })
    }

    /// Returns a value that a step leads to. It is an error once the budget is used up.
    fn value(&self, value: &Json, step: impl FnOnce() -> Step) -> Value {
        let text_bytes = value.as_str().map_or(0, |text| text.len().min(self.text_bytes_max));
        if let Err(error) = self.budget.charge(VALUE_BYTES * (1 + self.path.len()) + text_bytes) {
            return error.into();
        }
        match value {
            Json::Null => Value::from(()),
            Json::Bool(flag) => Value::from(*flag),
            Json::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => Value::from(number),
                (None, Some(number)) => Value::from(number),
                (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::from(cut(text, self.text_bytes_max)),
            Json::Array(_) | Json::Object(_) => {
                let mut path = self.path.clone();
                path.push(step());
                Value::from_object(Self {
                    root: Arc::clone(&self.root),
                    path,
                    budget: Arc::clone(&self.budget),
                    text_bytes_max: self.text_bytes_max,
                })
            }
        }
    }

    fn name(&self, name: &str) -> Value {
        match self.budget.charge(VALUE_BYTES + name.len()) {
            Ok(()) => Value::from(name),
            Err(error) => error.into(),
        }
    }
}

impl Object for View {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.here() {
            Some(Json::Array(_)) => ObjectRepr::Seq,
            _ => ObjectRepr::Map,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.here()? {
            Json::Array(items) => {
                let index = key.as_usize()?;
                Some(self.value(items.get(index)?, || Step::Item(index)))
            }
            _ => self.get_value_by_str(key.as_str()?),
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let value = self.here()?.as_object()?.get(key)?;
        Some(self.value(value, || Step::Field(key.into())))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if self.budget.check().is_err() {
            return Enumerator::Empty;
        }
        match self.here() {
            Some(Json::Array(items)) => Enumerator::Seq(items.len()),
            Some(Json::Object(_)) => self.mapped_rev_enumerator(|this| match this.here() {
                Some(Json::Object(fields)) => Box::new(fields.keys().map(|name| this.name(name))),
                _ => Box::new(std::iter::empty()),
            }),
            _ => Enumerator::Empty,
        }
    }
}
