//! What changed between two values: RFC 6902 patches in the journal, RFC 7396 merge patches from
//! callers.

use json_patch::PatchOperation;
use serde_json::{Value, json};

use super::document::json_bytes;

/// The operations that turn one value into another, in RFC 6902 form.
pub type Patch = Vec<PatchOperation>;

/// Applies a caller's RFC 7396 merge patch: objects are merged, `null` removes, all else replaces.
pub fn merge(target: &mut Value, patch: &Value) {
    json_patch::merge(target, patch);
}

/// Returns the patch that turns `old` into `new`; empty when they are equal.
///
/// The patch is proven by applying it, since an entry that cannot be replayed would lose the
/// document. Where the difference is larger than the new value, or a proof should fail, the patch
/// replaces the value as a whole, so that a patch is never larger than what it makes.
pub fn diff(old: &Value, new: &Value) -> Patch {
    let patch = json_patch::diff(old, new).0;
    if patch.is_empty() {
        return patch;
    }
    let worthwhile = json_bytes(&json!(patch)) <= json_bytes(new);
    match worthwhile && apply(old, &patch).as_ref() == Ok(new) {
        true => patch,
        false => replace_all(new),
    }
}

fn replace_all(new: &Value) -> Patch {
    serde_json::from_value(json!([{ "op": "replace", "path": "", "value": new }]))
        .expect("replacing the root is a valid RFC 6902 operation")
}

/// Returns what a patch makes of a value, or why it does not apply.
pub fn apply(value: &Value, patch: &[PatchOperation]) -> Result<Value, String> {
    let mut changed = value.clone();
    json_patch::patch_unsafe(&mut changed, patch).map_err(|error| error.to_string())?;
    Ok(changed)
}

/// Returns the places that a patch touches, two levels deep, in order and each once.
pub fn changed_places(patch: &[PatchOperation]) -> Vec<String> {
    let mut places: Vec<String> = patch.iter().map(|one| shallow(one.path().as_str())).collect();
    places.sort();
    places.dedup();
    places
}

fn shallow(pointer: &str) -> String {
    let end = pointer.match_indices('/').nth(2).map_or(pointer.len(), |(at, _)| at);
    pointer[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no NaN", |f| f.is_finite()).prop_map(Value::from),
            "[a-z/~\"\\\\\u{0}é🚀]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c/~é]{0,2}", inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_diff_applied_to_the_old_value_gives_the_new_one(old in any_json(), new in any_json()) {
            let patch = diff(&old, &new);
            prop_assert_eq!(patch.is_empty(), old == new);
            let read: Patch = serde_json::from_str(&json!(patch).to_string()).unwrap();
            prop_assert_eq!(apply(&old, &read), Ok(new));
        }

        #[test]
        fn a_value_and_its_text_are_the_same(value in any_json()) {
            let read: Value = serde_json::from_str(&value.to_string()).unwrap();
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn a_patch_is_never_much_larger_than_what_it_makes() {
        let old = json!((0..500).collect::<Vec<_>>());
        let new = json!((1..501).collect::<Vec<_>>());
        assert!(json_bytes(&json!(diff(&old, &new))) < json_bytes(&new) + 64);
    }

    #[test]
    fn changed_places_are_named_two_levels_deep_and_once() {
        let text = "long enough to be worth a patch ".repeat(10);
        let old = json!({"data": {"a": {"x": 1, "y": 1}}, "phase": "plan", "text": text});
        let new = json!({"data": {"a": {"x": 2, "y": 2}}, "text": text});
        let patch = diff(&old, &new);
        assert_eq!(changed_places(&patch), ["/data/a", "/phase"]);
    }
}
