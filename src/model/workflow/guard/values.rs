//! The values that a guard sees, as CEL has them: only the parts that it names.

use std::collections::{BTreeMap, HashMap};

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde_json::Value;

use super::meter::{Cost, Meter};

/// Items of a list that a guard may see.
pub(super) const LIST_ITEMS_MAX: usize = 1000;

/// The parts of a variable that a guard names.
#[derive(Debug, Default)]
pub(super) struct Parts {
    whole: bool,
    fields: BTreeMap<String, Self>,
}

impl Parts {
    /// Adds a part: the fields that lead to it, from the outermost.
    pub(super) fn add(&mut self, path: &[String]) {
        match path {
            [] => self.whole = true,
            [field, rest @ ..] => self.fields.entry(field.clone()).or_default().add(rest),
        }
    }

    /// Returns the named parts of a value, whose texts stay where they are.
    pub(super) fn of<'v>(
        &self,
        value: &'v Value,
        meter: &Meter,
    ) -> Result<Box<dyn Val + 'v>, String> {
        match value {
            Value::Object(fields) if !self.whole => {
                let named = self.fields.iter().filter_map(|(name, parts)| {
                    fields.get_key_value(name).map(|(name, value)| (name, value, parts))
                });
                map(named, meter)
            }
            value => whole(value, meter),
        }
    }
}

fn whole<'v>(value: &'v Value, meter: &Meter) -> Result<Box<dyn Val + 'v>, String> {
    static WHOLE: Parts = Parts { whole: true, fields: BTreeMap::new() };
    meter.charge(Cost::of_value(value.as_str().map_or(0, str::len)))?;
    Ok(match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(flag) => Box::new(CelBool::from(*flag)),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Box::new(CelUInt::from(number)),
            (None, Some(number)) => Box::new(CelInt::from(number)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => {
            check_length(items.len())?;
            let items: Result<Vec<_>, _> = items.iter().map(|item| whole(item, meter)).collect();
            Box::new(CelList::from(items?))
        }
        Value::Object(fields) => {
            return map(fields.iter().map(|(name, value)| (name, value, &WHOLE)), meter);
        }
    })
}

fn map<'v, 'p>(
    fields: impl Iterator<Item = (&'v String, &'v Value, &'p Parts)>,
    meter: &Meter,
) -> Result<Box<dyn Val + 'v>, String> {
    let mut entries = HashMap::new();
    for (name, value, parts) in fields {
        check_length(entries.len() + 1)?;
        meter.charge(Cost::of_entry(name.len()))?;
        entries.insert(CelMapKey::from(name.as_str()), parts.of(value, meter)?);
    }
    Ok(Box::new(CelMap::from(entries)))
}

fn check_length(items: usize) -> Result<(), String> {
    if items > LIST_ITEMS_MAX {
        return Err(format!("has a list of {items} items; the limit is {LIST_ITEMS_MAX}"));
    }
    Ok(())
}
