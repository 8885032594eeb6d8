//! The fields of a foreign JSON object, which the importer takes out one by one.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::notes::Notes;

/// The fields of an object, and its place. The fields that remain at the end are unknown.
#[derive(Debug)]
pub(super) struct Fields {
    place: String,
    fields: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(place: impl Into<String>, fields: Map<String, Value>) -> Self {
        Self { place: place.into(), fields }
    }

    /// Returns the place of a field.
    pub(super) fn place(&self, field: &str) -> String {
        format!("{}/{field}", self.place)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// Takes a field out. `null` counts as absent.
    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field).filter(|value| !value.is_null())
    }

    /// Takes out a field with a valid value. Other values stay.
    pub(super) fn take_if<T>(
        &mut self,
        field: &str,
        is: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let found = is(self.fields.get(field)?)?;
        self.fields.remove(field);
        Some(found)
    }

    /// Takes out a field of a type. Values of another type stay.
    pub(super) fn take_as<T: DeserializeOwned>(&mut self, field: &str) -> Option<T> {
        self.take_if(field, |value| serde_json::from_value(value.clone()).ok())
    }

    /// Takes out the first of some fields that is of a type.
    pub(super) fn take_any<T: DeserializeOwned>(&mut self, fields: &[&str]) -> Option<T> {
        fields.iter().find_map(|field| self.take_as(field))
    }

    /// Drops fields without a meaning here.
    pub(super) fn forget(&mut self, fields: &[&str]) {
        for field in fields {
            self.fields.remove(*field);
        }
    }

    /// Keeps the remaining fields under a name.
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
