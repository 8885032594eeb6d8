//! What changed between two versions of a document.

use json_patch::jsonptr::{PointerBuf, Token};
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::Value;

use crate::model::document::json_bytes;
use crate::model::document::tree::Tree;
use crate::model::journal::patch::Patch;
use crate::model::journal::splice::Splice;

/// Bytes of an operation beside its path and its value, at least.
const OPERATION_BYTES: usize = 32;
/// Bytes up to which the difference of a part may be larger than the part: it names what changed.
const DETAILED_BYTES: usize = 1024;
/// Bytes of a splice beside its path and its text, at most.
const SPLICE_BYTES: usize = 96;

/// Returns the patch that turns `old` into `new`; empty when they are the same. It looks only at what
/// they do not share.
///
/// Where the difference of a part is larger than the new part, the patch replaces the part, so that a
/// patch is never much larger than what it makes.
pub fn diff(old: &Tree, new: &Tree) -> Patch {
    let mut difference = Difference::default();
    difference.trees(old, new);
    difference.patch
}

#[derive(Default)]
struct Difference {
    place: PointerBuf,
    patch: Patch,
    /// About how many bytes the patch has.
    bytes: usize,
}

impl Difference {
    fn trees(&mut self, old: &Tree, new: &Tree) {
        let before = (self.patch.operations.len(), self.patch.splices.len(), self.bytes);
        match (old, new) {
            (Tree::Small(old), Tree::Small(new)) => self.values(old, new),
            (old, new) if old == new => {}
            (Tree::Object(old), Tree::Object(new)) => {
                let (old, new) = old.apart_from(new);
                self.fields(old, new, Self::trees, Tree::to_value);
            }
            (old, new) => self.values(&old.borrow(), &new.borrow()),
        }
        let (operations, splices, bytes) = before;
        if self.bytes - bytes > DETAILED_BYTES && self.bytes - bytes > self.cost() + new.bytes() {
            self.patch.operations.truncate(operations);
            self.patch.splices.truncate(splices);
            self.bytes = bytes;
            self.replace(new.to_value());
        }
    }

    fn values(&mut self, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                self.fields(old, new, Self::values, Value::clone);
            }
            (Value::Array(old), Value::Array(new)) => self.items(old, new),
            (Value::String(old), Value::String(new)) if old != new => self.texts(old, new),
            (old, new) if is_same(old, new) => {}
            (_, new) => self.replace(new.clone()),
        }
    }

    /// Compares the fields of two objects, which come in the order of their keys.
    fn fields<'a, T: 'a>(
        &mut self,
        old: impl IntoIterator<Item = (&'a String, &'a T)>,
        new: impl IntoIterator<Item = (&'a String, &'a T)>,
        compare: fn(&mut Self, &T, &T),
        copy: fn(&T) -> Value,
    ) {
        let mut old = old.into_iter().peekable();
        for (key, new) in new {
            while let Some((gone, _)) = old.next_if(|(before, _)| *before < key) {
                self.within(gone, Self::remove);
            }
            match old.next_if(|(before, _)| *before == key) {
                Some((_, old)) => self.within(key, |this| compare(this, old, new)),
                None => self.within(key, |this| this.add(copy(new))),
            }
        }
        old.for_each(|(gone, _)| self.within(gone, Self::remove));
    }

    fn items(&mut self, old: &[Value], new: &[Value]) {
        let both = old.len().min(new.len());
        for (index, (old, new)) in old.iter().zip(new).enumerate() {
            self.within(index, |this| this.values(old, new));
        }
        (both..old.len()).rev().for_each(|index| self.within(index, Self::remove));
        for (index, new) in new.iter().enumerate().skip(both) {
            self.within(index, |this| this.add(new.clone()));
        }
    }

    fn texts(&mut self, old: &str, new: &str) {
        if new.len() > SPLICE_BYTES {
            let splice = Splice::between(self.place.clone(), old, new);
            if splice.insert.len() + SPLICE_BYTES < new.len() {
                self.bytes += self.cost() + splice.insert.len() + SPLICE_BYTES;
                self.patch.splices.push(splice);
                return;
            }
        }
        self.replace(new.into());
    }

    fn within<'a>(&mut self, key: impl Into<Token<'a>>, look: impl FnOnce(&mut Self)) {
        self.place.push_back(key);
        look(self);
        self.place.pop_back();
    }

    fn add(&mut self, value: Value) {
        let path = self.place.clone();
        self.push(json_bytes(&value), PatchOperation::Add(AddOperation { path, value }));
    }

    fn replace(&mut self, value: Value) {
        let path = self.place.clone();
        self.push(json_bytes(&value), PatchOperation::Replace(ReplaceOperation { path, value }));
    }

    fn remove(&mut self) {
        let path = self.place.clone();
        self.push(0, PatchOperation::Remove(RemoveOperation { path }));
    }

    fn push(&mut self, bytes: usize, operation: PatchOperation) {
        self.bytes += self.cost() + bytes;
        self.patch.operations.push(operation);
    }

    /// Returns about how many bytes an operation has without its value.
    fn cost(&self) -> usize {
        OPERATION_BYTES + self.place.len()
    }
}

/// Returns whether two values have the same canonical form. That of zero has its sign.
fn is_same(old: &Value, new: &Value) -> bool {
    let bits = |value: &Value| value.as_f64().map(f64::to_bits);
    old == new && bits(old) == bits(new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::document::tree;
    use crate::model::journal::patch::tests::any_json;
    use crate::model::journal::patch::{Bound, changed_places};

    fn between(old: &Value, new: &Value) -> Patch {
        diff(&old.clone().into(), &new.clone().into())
    }

    /// A document of a hundred parts, so that most are in other runs.
    fn any_document() -> impl Strategy<Value = Value> {
        let part = prop_oneof![any_json(), "[ab]{0,3000}".prop_map(Value::from)];
        prop::collection::btree_map("[a-c]{0,4}", part, 0..100)
            .prop_map(|fields| fields.into_iter().collect())
    }

    fn check(old: &Value, new: &Value) -> Result<(), TestCaseError> {
        let patch = between(old, new);
        prop_assert_eq!(patch.is_empty(), tree::digest(old) == tree::digest(new));
        let text = json!(patch).to_string();
        prop_assert!(
            text.len() <= new.to_string().len() + 2 * DETAILED_BYTES,
            "{} bytes",
            text.len()
        );
        let read: Patch = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &patch);
        let mut value = old.clone();
        prop_assert_eq!(Bound::default().apply(&mut value, &read), Ok(()));
        prop_assert_eq!(tree::digest(&value), tree::digest(new));
        let standard = json!(patch.expanded(new)).to_string();
        prop_assert!(!standard.contains("\"op\":\"splice\""));
        let mut value = old.clone();
        json_patch::patch(
            &mut value,
            &serde_json::from_str::<json_patch::Patch>(&standard).unwrap(),
        )
        .unwrap();
        prop_assert_eq!(&value, new);
        Ok(())
    }

    proptest! {
        #[test]
        fn a_diff_applied_to_the_old_value_gives_the_new_one(old in any_json(), new in any_json()) {
            check(&old, &new)?;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_large_document_is_compared_as_a_small_one(
            old in any_document(),
            changes in any_document(),
            gone in "[a-c]{0,2}",
        ) {
            let mut new = old.clone();
            let fields = new.as_object_mut().unwrap();
            fields.extend(changes.as_object().cloned().unwrap());
            fields.remove(&gone);
            check(&old, &new)?;
        }

        /// Goal: sharing changes nothing about the result.
        #[test]
        fn shared_parts_are_compared_as_copied_ones(old in any_document(), change in any_document()) {
            let tree = Tree::from(old.clone());
            let new = tree.merged(&change);
            prop_assert_eq!(diff(&tree, &new), between(&old, &new.to_value()));
        }
    }

    #[test]
    fn a_word_in_a_long_text_is_a_splice() {
        let text = "word ".repeat(20_000);
        let old = json!({"data": {"text": text}});
        let new = json!({"data": {"text": text.replacen("word", "other", 1)}});
        let patch = between(&old, &new);
        assert!(json!(patch).to_string().len() < 100, "{patch:?}");
        assert_eq!(changed_places(&patch), ["/data/text"]);
    }

    #[test]
    fn a_patch_is_never_much_larger_than_what_it_makes() {
        let old = json!((0..500).collect::<Vec<_>>());
        let new = json!((1..501).collect::<Vec<_>>());
        assert!(json_bytes(&json!(between(&old, &new))) < json_bytes(&new) + 64);
    }

    #[test]
    fn a_zero_that_lost_its_sign_is_a_change() {
        let old = json!({"zero": 0.0, "other": "x".repeat(100)});
        let new = json!({"zero": -0.0, "other": "x".repeat(100)});
        assert_eq!(changed_places(&between(&old, &new)), ["/zero"]);
    }

    #[test]
    fn changed_places_are_named_two_levels_deep_and_once() {
        let text = "long enough to be worth a patch ".repeat(10);
        let old = json!({"data": {"a": {"x": 1, "y": 1}}, "phase": "plan", "text": text});
        let new = json!({"data": {"a": {"x": 2, "y": 2}}, "text": text});
        assert_eq!(changed_places(&between(&old, &new)), ["/data/a", "/phase"]);
    }
}
