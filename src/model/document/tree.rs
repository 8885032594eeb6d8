//! A JSON value whose versions share what is the same in them.
//!
//! A large object is cut into runs of fields. A change copies the runs on its way and shares all
//! others, and each run knows its size and its digest: so a copy, a comparison and a digest cost what
//! the change costs. `docs/format.md` defines the digest.

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::model::Digest;
use crate::model::document::{depth, fits, json_bytes};

/// Bytes of the canonical form up to which a value is not divided, and stands for itself in a digest.
const SMALL_BYTES_MAX: usize = 1024;

/// A run begins at each key whose CRC-32 has zeros in these bits: at one key of 128. Other keys have no
/// influence, so equal objects have equal runs.
const RUN_BITS: u32 = 127;

/// A JSON value that shares its parts with its other versions.
#[derive(Clone, Debug)]
pub enum Tree {
    /// A value of 1 KiB at most.
    Small(Value),
    /// A longer text or list.
    Long(Arc<Long>),
    /// A larger object.
    Object(Arc<Object>),
}

/// A text or a list of more than 1 KiB.
#[derive(Debug)]
pub struct Long {
    value: Value,
    measure: Measure,
}

/// An object of more than 1 KiB, its fields in order.
#[derive(Debug)]
pub struct Object {
    runs: Vec<Arc<Run>>,
    measure: Measure,
}

/// Neighbouring fields of an object.
#[derive(Clone, Debug)]
struct Run {
    fields: Vec<Field>,
    measure: Measure,
}

/// A field of an object.
type Field = (String, Tree);

/// A field of an object, borrowed.
pub type FieldRef<'a> = (&'a String, &'a Tree);

/// The size of a part in its canonical form, its depth and its digest.
#[derive(Clone, Copy, Debug)]
struct Measure {
    bytes: usize,
    depth: usize,
    digest: Digest,
}

impl Default for Tree {
    fn default() -> Self {
        Self::Small(Value::Object(Map::new()))
    }
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            value if is_small(&value) => Self::Small(value),
            Value::Object(fields) => Self::from(fields),
            value => {
                let text = serde_json::to_vec(&value).expect("JSON can be written to memory");
                let (bytes, digest) = (text.len(), Digest::of(&text));
                let measure = Measure { bytes, depth: depth(&value), digest };
                Self::Long(Arc::new(Long { value, measure }))
            }
        }
    }
}

impl From<Map<String, Value>> for Tree {
    fn from(fields: Map<String, Value>) -> Self {
        fields.into_iter().map(|(key, value)| (key, value.into())).collect()
    }
}

/// Makes an object of fields that come in the order of their keys.
impl FromIterator<(String, Self)> for Tree {
    fn from_iter<I: IntoIterator<Item = (String, Self)>>(fields: I) -> Self {
        let mut runs = Runs::default();
        fields.into_iter().for_each(|field| runs.add(field));
        runs.finish()
    }
}

impl Tree {
    /// Returns the value, copied.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Small(value) => value.clone(),
            Self::Long(long) => long.value.clone(),
            Self::Object(object) => {
                let fields = object.fields();
                fields.map(|(key, tree)| (key.clone(), tree.to_value())).collect()
            }
        }
    }

    /// Returns the value, unless it is a large object.
    pub fn as_value(&self) -> Option<&Value> {
        match self {
            Self::Small(value) => Some(value),
            Self::Long(long) => Some(&long.value),
            Self::Object(_) => None,
        }
    }

    /// Returns the value, copied only where it is divided.
    pub fn borrow(&self) -> Cow<'_, Value> {
        self.as_value().map_or_else(|| Cow::Owned(self.to_value()), Cow::Borrowed)
    }

    /// Returns a field of an object.
    pub fn get(&self, key: &str) -> Option<Self> {
        match self {
            Self::Small(value) => value.get(key).cloned().map(Self::Small),
            Self::Long(_) => None,
            Self::Object(object) => object.get(key).cloned(),
        }
    }

    /// Returns the part at a row of keys.
    pub fn at(&self, keys: &[&str]) -> Option<Value> {
        let part = keys.iter().try_fold(self.clone(), |tree, key| tree.get(key));
        part.map(|part| part.to_value())
    }

    /// Returns the fields of an object, in order.
    pub fn fields(&self) -> Box<dyn Iterator<Item = (&str, Self)> + '_> {
        match self {
            Self::Object(object) => {
                Box::new(object.fields().map(|(key, tree)| (key.as_str(), tree.clone())))
            }
            Self::Small(Value::Object(fields)) => Box::new(
                fields.iter().map(|(key, value)| (key.as_str(), Self::Small(value.clone()))),
            ),
            Self::Small(_) | Self::Long(_) => Box::new(std::iter::empty()),
        }
    }

    /// Sets a field of an object, or removes it.
    pub fn set(&mut self, key: &str, value: Option<Value>) {
        *self = match self {
            Self::Object(object) => object.with(vec![(key.to_owned(), value.map(Self::from))]),
            Self::Small(_) | Self::Long(_) => {
                let Value::Object(mut fields) = self.to_value() else { return };
                match value {
                    Some(value) => fields.insert(key.to_owned(), value),
                    None => fields.remove(key),
                };
                fields.into()
            }
        }
    }

    /// Returns the value after a caller's RFC 7396 merge patch: objects are merged, `null` removes, all
    /// else replaces.
    pub fn merged(&self, patch: &Value) -> Self {
        let (Self::Object(object), Value::Object(fields)) = (self, patch) else {
            let mut value = self.as_value().filter(|value| value.is_object()).cloned();
            let value = value.get_or_insert_default();
            json_patch::merge(value, patch);
            return std::mem::take(value).into();
        };
        let changed = |(key, value): (&String, &Value)| {
            let before = || object.get(key).unwrap_or(&Self::Small(Value::Null));
            (key.clone(), (!value.is_null()).then(|| before().merged(value)))
        };
        object.with(fields.iter().map(changed).collect())
    }

    /// Returns how many bytes the canonical form has.
    pub fn bytes(&self) -> usize {
        self.measured(json_bytes, |measure| measure.bytes)
    }

    /// Returns how many objects and lists are around the innermost part.
    pub fn depth(&self) -> usize {
        self.measured(depth, |measure| measure.depth)
    }

    /// Returns the digest of a document of format 3.
    pub fn digest(&self) -> Digest {
        self.measured(Digest::of_json, |measure| measure.digest)
    }

    fn measured<T>(&self, whole: fn(&Value) -> T, part: fn(&Measure) -> T) -> T {
        match self {
            Self::Small(value) => whole(value),
            Self::Long(long) => part(&long.measure),
            Self::Object(object) => part(&object.measure),
        }
    }
}

/// Returns the digest of a document of format 3: that of [`Tree::digest`], without making a tree.
pub fn digest(document: &Value) -> Digest {
    if is_small(document) { Digest::of_json(document) } else { digest_of_large(document) }
}

/// Returns whether a document has a digest, in the sense of format 3 or of the formats before.
pub fn has_digest(document: &Value, expected: Digest) -> bool {
    digest(document) == expected || Digest::of_json(document) == expected
}

fn digest_of_large(value: &Value) -> Digest {
    let Value::Object(fields) = value else { return Digest::of_json(value) };
    let (mut runs, mut run) = (Vec::new(), Vec::new());
    for (key, value) in fields {
        if begins_run(key) && !run.is_empty() {
            runs.push(Digest::of(&std::mem::take(&mut run)));
        }
        write_key(&mut run, key);
        if is_small(value) {
            write_small(&mut run, value);
        } else {
            write_part(&mut run, digest_of_large(value));
        }
    }
    runs.push(Digest::of(&run));
    Digest::of_digests(runs)
}

fn is_small(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) if text.len() > SMALL_BYTES_MAX => false,
        value => fits(value, SMALL_BYTES_MAX),
    }
}

fn begins_run(key: &str) -> bool {
    crc32fast::hash(key.as_bytes()) & RUN_BITS == 0
}

fn write_key(form: &mut Vec<u8>, key: &str) {
    serde_json::to_writer(&mut *form, key).expect("a key can be written to memory");
    form.push(b':');
}

fn write_small(form: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(&mut *form, value).expect("a value can be written to memory");
    form.push(b',');
}

/// Writes what stands for a larger value. It is no JSON, so no value can pass for it.
fn write_part(form: &mut Vec<u8>, digest: Digest) {
    form.push(b'#');
    form.extend(digest.to_hex().as_bytes());
    form.push(b',');
}

impl Object {
    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.runs.iter().flat_map(|run| &run.fields)
    }

    fn get(&self, key: &str) -> Option<&Tree> {
        let after = self.runs.partition_point(|run| run.first() <= key);
        let fields = &self.runs.get(after.checked_sub(1)?)?.fields;
        let at = fields.binary_search_by(|(there, _)| there.as_str().cmp(key)).ok()?;
        Some(&fields[at].1)
    }

    /// Returns the object after fields, in the order of their keys, were set or removed.
    fn with(&self, changes: Vec<(String, Option<Tree>)>) -> Tree {
        let closed = Vec::with_capacity(self.runs.len());
        let mut runs = Runs { closed, ..Runs::default() };
        let (mut changes, mut rest) = (changes.into_iter().peekable(), &self.runs[..]);
        while let Some((key, _)) = changes.peek() {
            let place = rest.partition_point(|run| run.first() <= key.as_str()).max(1) - 1;
            runs.share(&rest[..place]);
            let end = rest.get(place + 1).map(|next| next.first());
            let mut here = Vec::new();
            let is_here = |key: &str| end.is_none_or(|end| key < end);
            while let Some(change) = changes.next_if(|(key, _)| is_here(key)) {
                here.push(change);
            }
            changed(&rest[place].fields, here, |field| runs.add(field));
            rest = &rest[place + 1..];
        }
        runs.share(rest);
        runs.finish()
    }

    /// Returns the fields of each object that are in runs which the other one does not have.
    pub fn apart_from<'a>(&'a self, other: &'a Self) -> (Vec<FieldRef<'a>>, Vec<FieldRef<'a>>) {
        let fields = |run: &'a Run| run.fields.iter().map(|(key, tree)| (key, tree));
        let (mut mine, mut others) = (self.runs.iter().peekable(), other.runs.iter().peekable());
        let (mut only_mine, mut only_others) = (Vec::new(), Vec::new());
        loop {
            match (mine.peek(), others.peek()) {
                (Some(one), Some(two)) if Arc::ptr_eq(one, two) => {
                    mine.next();
                    others.next();
                }
                (Some(one), Some(two)) if one.first() == two.first() => {
                    if one.measure.digest != two.measure.digest {
                        only_mine.extend(fields(one));
                        only_others.extend(fields(two));
                    }
                    mine.next();
                    others.next();
                }
                (Some(one), two) if two.is_none_or(|two| one.first() < two.first()) => {
                    only_mine.extend(fields(one));
                    mine.next();
                }
                (_, Some(two)) => {
                    only_others.extend(fields(two));
                    others.next();
                }
                (_, None) => return (only_mine, only_others),
            }
        }
    }
}

/// Gives each field of a run after some were set or removed, in order.
fn changed(fields: &[Field], changes: Vec<(String, Option<Tree>)>, mut give: impl FnMut(Field)) {
    let mut fields = fields.iter().peekable();
    for (key, tree) in changes {
        while let Some(before) = fields.next_if(|(there, _)| *there < key) {
            give(before.clone());
        }
        fields.next_if(|(there, _)| *there == key);
        tree.into_iter().for_each(|tree| give((key.clone(), tree)));
    }
    fields.cloned().for_each(give);
}

impl Run {
    fn of(fields: Vec<Field>) -> Self {
        let (mut form, mut bytes, mut deepest) = (Vec::new(), 0, 0);
        for (key, tree) in &fields {
            write_key(&mut form, key);
            if let Tree::Small(value) = tree {
                write_small(&mut form, value);
            } else {
                let start = form.len();
                write_part(&mut form, tree.digest());
                // The part is in the document, and its digest in the form.
                bytes += tree.bytes() + start + 1;
                bytes -= form.len();
            }
            deepest = deepest.max(tree.depth());
        }
        let measure =
            Measure { bytes: bytes + form.len(), depth: deepest, digest: Digest::of(&form) };
        Self { fields, measure }
    }

    fn first(&self) -> &str {
        self.fields.first().map_or("", |(key, _)| key)
    }
}

/// Cuts fields into runs.
#[derive(Default)]
struct Runs {
    closed: Vec<Arc<Run>>,
    open: Vec<Field>,
}

impl Runs {
    fn add(&mut self, field: Field) {
        if begins_run(&field.0) {
            self.close();
        } else if self.open.is_empty() {
            // The field that began its run is gone: it belongs to the run before.
            self.open = self.closed.pop().map(|run| run.fields.clone()).unwrap_or_default();
        }
        self.open.push(field);
    }

    /// Adds runs that did not change.
    fn share(&mut self, runs: &[Arc<Run>]) {
        if !runs.is_empty() {
            self.close();
            self.closed.extend_from_slice(runs);
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.closed.push(Arc::new(Run::of(std::mem::take(&mut self.open))));
        }
    }

    fn finish(mut self) -> Tree {
        self.close();
        let fields = || self.closed.iter().flat_map(|run| &run.fields);
        // A brace, and a comma or a brace after each field.
        let bytes = 1 + self.closed.iter().map(|run| run.measure.bytes).sum::<usize>();
        if bytes <= SMALL_BYTES_MAX {
            let fields = fields().map(|(key, tree)| (key.clone(), tree.to_value()));
            return Tree::Small(fields.collect());
        }
        let depth = 1 + self.closed.iter().map(|run| run.measure.depth).max().unwrap_or_default();
        let digest = Digest::of_digests(self.closed.iter().map(|run| run.measure.digest));
        let measure = Measure { bytes, depth, digest };
        Tree::Object(Arc::new(Object { runs: self.closed, measure }))
    }
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Small(one), Self::Small(other)) => one == other,
            (Self::Small(_), _) | (_, Self::Small(_)) => false,
            (one, other) => one.digest() == other.digest(),
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Small(value) => value.serialize(serializer),
            Self::Long(long) => long.value.serialize(serializer),
            Self::Object(object) => {
                let mut map = serializer.serialize_map(None)?;
                object.fields().try_for_each(|(key, tree)| map.serialize_entry(key, tree))?;
                map.end()
            }
        }
    }
}

/// Reads an object, and nothing else.
impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// An object of many fields, some of them large.
    fn any_object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::from),
            "[a-z\"é]{0,12}".prop_map(Value::from),
            (0..3000_usize).prop_map(|length| json!("x".repeat(length))),
            prop::collection::vec(any::<u8>(), 0..500).prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 400, 200, |inner| {
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..200)
                .prop_map(|fields| fields.into_iter().collect())
        })
    }

    /// Merge patches that also remove fields.
    fn any_change() -> impl Strategy<Value = Value> {
        (any_object(), prop::collection::vec("[a-z]{1,2}", 0..100)).prop_map(|(mut value, gone)| {
            if let Some(fields) = value.as_object_mut() {
                fields.extend(gone.into_iter().map(|key| (key, Value::Null)));
            }
            value
        })
    }

    fn check(tree: &Tree, value: &Value) -> Result<(), TestCaseError> {
        prop_assert_eq!(&tree.to_value(), value);
        prop_assert_eq!(tree.bytes(), json_bytes(value));
        prop_assert_eq!(tree.depth(), depth(value));
        prop_assert_eq!(tree.digest(), digest(value));
        prop_assert_eq!(&json!(tree), value);
        prop_assert!(has_digest(value, tree.digest()) && has_digest(value, Digest::of_json(value)));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_tree_after_many_changes_is_as_one_made_anew(
            value in any_object(),
            changes in prop::collection::vec(any_change(), 0..4),
        ) {
            let (mut value, mut tree) = (value.clone(), Tree::from(value));
            check(&tree, &value)?;
            for change in changes {
                json_patch::merge(&mut value, &change);
                tree = tree.merged(&change);
                check(&tree, &value)?;
                prop_assert!(tree == Tree::from(value.clone()));
            }
        }

        #[test]
        fn fields_are_set_and_removed_as_in_a_map(
            mut model in prop::collection::btree_map("[a-d]{1,4}", any::<u32>(), 0..300),
            changes in prop::collection::vec(("[a-d]{1,4}", any::<Option<u32>>()), 0..50),
        ) {
            let value = |model: &BTreeMap<String, u32>| json!(model);
            let mut tree = Tree::from(value(&model));
            for (key, change) in changes {
                tree.set(&key, change.map(Value::from));
                match change {
                    Some(number) => drop(model.insert(key.clone(), number)),
                    None => drop(model.remove(&key)),
                }
                prop_assert_eq!(tree.get(&key).map(|tree| tree.to_value()), change.map(Value::from));
            }
            check(&tree, &value(&model))?;
            let fields: BTreeMap<_, _> = tree.fields().map(|(key, tree)| (key.to_owned(), tree.to_value())).collect();
            prop_assert_eq!(json!(fields), json!(model));
        }
    }

    #[test]
    fn a_change_shares_all_runs_but_its_own() {
        let wide: Map<String, Value> =
            (0..10_000).map(|i| (format!("key{i:05}"), json!(i))).collect();
        let tree = Tree::from(json!({"data": wide, "other": "x".repeat(2000)}));
        let changed = tree.merged(&json!({"data": {"key04711": "changed"}}));
        let runs = |tree: &Tree| match tree.get("data") {
            Some(Tree::Object(object)) => object.runs.clone(),
            other => panic!("{other:?}"),
        };
        let (before, after) = (runs(&tree), runs(&changed));
        let shared = before.iter().zip(&after).filter(|(one, other)| Arc::ptr_eq(one, other));
        assert_eq!((before.len(), shared.count()), (after.len(), after.len() - 1));
        assert!((50..130).contains(&before.len()), "{}", before.len());
    }

    #[test]
    fn a_document_has_the_digest_that_the_manual_defines() {
        let small = json!({"a": 1});
        assert_eq!(digest(&small), Digest::of(br#"{"a":1}"#));
        let text = "x".repeat(1023);
        let large = json!({"a": 1, "text": text});
        let part = Digest::of(format!("\"{text}\"").as_bytes()).to_hex();
        let run = Digest::of(format!("\"a\":1,\"text\":#{part},").as_bytes());
        assert_eq!(digest(&large), Digest::of_digests([run]));
    }
}
