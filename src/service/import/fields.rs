//! The fields of something that others wrote, taken out one by one.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::notes::Notes;

/// Fields, and where they are. What is left at the end was not understood.
#[derive(Debug)]
pub(super) struct Fields {
    place: String,
    fields: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(place: impl Into<String>, fields: Map<String, Value>) -> Self {
        Self { place: place.into(), fields }
    }

    /// Returns where a field is.
    pub(super) fn place(&self, field: &str) -> String {
        format!("{}/{field}", self.place)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// Takes a field out. `null` says nothing.
    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field).filter(|value| !value.is_null())
    }

    /// Takes out a field that has to be something. What is something else stays.
    pub(super) fn take_if<T>(
        &mut self,
        field: &str,
        is: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let found = is(self.fields.get(field)?)?;
        self.fields.remove(field);
        Some(found)
    }

    /// Takes out a field that has to be of a type. What is of another stays.
    pub(super) fn take_as<T: DeserializeOwned>(&mut self, field: &str) -> Option<T> {
        self.take_if(field, |value| serde_json::from_value(value.clone()).ok())
    }

    /// Takes out the first of some fields that is of a type.
    pub(super) fn take_any<T: DeserializeOwned>(&mut self, fields: &[&str]) -> Option<T> {
        fields.iter().find_map(|field| self.take_as(field))
    }

    /// Forgets fields that say nothing here.
    pub(super) fn forget(&mut self, fields: &[&str]) {
        for field in fields {
            self.fields.remove(*field);
        }
    }

    /// Keeps what is left, under a name.
    pub(super) fn keep_rest(mut self, field: &str, notes: &mut Notes) {
        self.fields.retain(|_, value| !value.is_null());
        if self.fields.is_empty() {
            return;
        }
        let names: Vec<String> =
            self.fields.keys().take(10).map(|name| format!("{name:?}")).collect();
        let why = format!("not understood: {}", names.join(", "));
        notes.keep_raw(&self.place, field, Value::Object(self.fields), &why);
    }
}
