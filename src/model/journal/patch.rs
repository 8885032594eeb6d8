//! Patches of the journal: what turns a document into the next one.

use json_patch::jsonptr::Pointer;
use json_patch::{
    AddOperation, CopyOperation, MoveOperation, PatchOperation, RemoveOperation, ReplaceOperation,
    TestOperation,
};
use serde::de::Error as _;
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::model::document::{depth, json_bytes};
use crate::model::journal::splice::{self, Splice};
use crate::model::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX};

/// Bytes that a value has at most while a patch is applied: a document before it, and everything that
/// the patch brings. A patch that this program wrote is no larger than the document that it makes.
const PATCHED_BYTES_MAX: usize = 2 * DOCUMENT_BYTES_MAX;
/// Operations of one patch. The shortest takes more bytes than that of a document.
const OPERATIONS_MAX: usize = DOCUMENT_BYTES_MAX / 24;
/// Places by which the operations of one patch may shift items of lists. Taking 90,000 items out of a
/// list at once is less.
const SHIFTS_MAX: usize = 1 << 32;

/// What turns one value into another: splices of texts, and then operations of RFC 6902. It is written
/// as one list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// The changes inside long texts.
    pub splices: Vec<Splice>,
    /// All other changes.
    pub operations: Vec<PatchOperation>,
}

impl Patch {
    /// Returns whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty() && self.operations.is_empty()
    }

    /// Returns the patch in RFC 6902 form. `after` is the value that it makes.
    ///
    /// A text that is not in that value was taken out by a later operation, and needs no change.
    #[must_use]
    pub fn expanded(self, after: &Value) -> Self {
        let replaced = self.splices.into_iter().filter_map(|Splice { path, .. }| {
            let value = after.pointer(path.as_str()).cloned()?;
            Some(PatchOperation::Replace(ReplaceOperation { path, value }))
        });
        Self { operations: replaced.chain(self.operations).collect(), splices: Vec::new() }
    }

    /// Returns the JSON Pointer of its first change.
    pub fn first_place(&self) -> Option<String> {
        self.paths().next().map(|path| path.as_str().to_owned())
    }

    fn paths(&self) -> impl Iterator<Item = &Pointer> {
        let spliced = self.splices.iter().map(|one| &*one.path);
        spliced.chain(self.operations.iter().map(PatchOperation::path))
    }
}

/// The stored form of one change.
#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Change<S = Splice> {
    Splice(S),
    Add(AddOperation),
    Remove(RemoveOperation),
    Replace(ReplaceOperation),
    Move(MoveOperation),
    Copy(CopyOperation),
    Test(TestOperation),
}

impl Serialize for Patch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let changes = self.splices.len() + self.operations.len();
        let mut list = serializer.serialize_seq(Some(changes))?;
        self.splices.iter().try_for_each(|one| list.serialize_element(&Change::Splice(one)))?;
        self.operations.iter().try_for_each(|one| list.serialize_element(one))?;
        list.end()
    }
}

impl<'de> Deserialize<'de> for Patch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut patch = Self::default();
        for change in Vec::<Change>::deserialize(deserializer)? {
            let operation = match change {
                Change::Splice(splice) if patch.operations.is_empty() => {
                    patch.splices.push(splice);
                    continue;
                }
                Change::Splice(_) => return Err(D::Error::custom("a splice after an operation")),
                Change::Add(one) => PatchOperation::Add(one),
                Change::Remove(one) => PatchOperation::Remove(one),
                Change::Replace(one) => PatchOperation::Replace(one),
                Change::Move(one) => PatchOperation::Move(one),
                Change::Copy(one) => PatchOperation::Copy(one),
                Change::Test(one) => PatchOperation::Test(one),
            };
            patch.operations.push(operation);
        }
        Ok(patch)
    }
}

/// How large a value is at most, known without measuring it after every patch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bound {
    /// `None` when the value was never measured.
    bytes: Option<usize>,
}

impl Bound {
    /// Applies a patch of a journal. A refused patch leaves the value unchanged.
    ///
    /// The value never becomes larger than two documents or deeper than one. What the patch brings is
    /// measured; the value itself is only measured when it might have become too large, which costs
    /// no more than what came since it was measured last.
    pub fn apply(&mut self, value: &mut Value, patch: &Patch) -> Result<(), String> {
        let Patch { splices, operations } = patch;
        let (count, moved) = (splices.len() + operations.len(), splice::moved(splices));
        if count > OPERATIONS_MAX {
            return Err(format!("{count} operations; the limit is {OPERATIONS_MAX}"));
        }
        if moved > PATCHED_BYTES_MAX {
            return Err(format!("splices of texts with {moved} bytes"));
        }
        let room = self.room_for(value, inserted(splices) + brought(operations)?);
        let bytes =
            if takes_from_the_value(operations) || self.shifts_at_most(operations) > SHIFTS_MAX {
                // This program writes hardly any. A copy of the value takes its operations one by one, since
                // `json_patch` cannot take every move back, and panics then.
                let mut changed = value.clone();
                splice::apply(&mut changed, splices)?;
                let bytes = apply_each(&mut changed, operations, SHIFTS_MAX)?;
                *value = changed;
                bytes
            } else {
                let room = room?;
                let spliced = splice::apply(value, splices)?;
                if let Err(error) = json_patch::patch(value, operations) {
                    splice::take_back(value, &spliced);
                    return Err(error.to_string());
                }
                room
            };
        self.bytes = Some(bytes);
        Ok(())
    }

    /// Returns how large a value is at most once so many bytes were added.
    fn room_for(self, value: &Value, brought: usize) -> Result<usize, String> {
        let within =
            |bytes: usize| bytes.checked_add(brought).filter(|all| *all <= PATCHED_BYTES_MAX);
        let unmeasured = self.bytes.and_then(within);
        unmeasured.or_else(|| within(json_bytes(value))).ok_or_else(too_large)
    }

    /// Returns by how much a patch shifts items of lists at most: each operation all items of one.
    fn shifts_at_most(self, patch: &[PatchOperation]) -> usize {
        let on_lists = patch.iter().filter(|one| is_on_a_list(one)).count();
        on_lists.saturating_mul(self.bytes.unwrap_or(DOCUMENT_BYTES_MAX) / 2)
    }
}

fn too_large() -> String {
    format!("the document would become larger than {PATCHED_BYTES_MAX} bytes")
}

/// Returns whether a patch copies or moves present values.
fn takes_from_the_value(patch: &[PatchOperation]) -> bool {
    patch.iter().any(|one| matches!(one, PatchOperation::Copy(_) | PatchOperation::Move(_)))
}

/// Returns whether an operation may shift the items of a list.
fn is_on_a_list(one: &PatchOperation) -> bool {
    let shifts = !matches!(one, PatchOperation::Replace(_) | PatchOperation::Test(_));
    let last = one.path().last().map(|token| token.decoded().into_owned());
    shifts && last.is_some_and(|last| last.parse::<usize>().is_ok())
}

/// Returns how many bytes splices put into texts.
fn inserted(splices: &[Splice]) -> usize {
    splices.iter().map(|one| json_bytes(&json!(one.insert))).sum()
}

/// Returns how many bytes the values of a patch have, keys and commas included.
fn brought(patch: &[PatchOperation]) -> Result<usize, String> {
    let mut bytes = 0;
    for one in patch {
        if let PatchOperation::Add(AddOperation { value, .. })
        | PatchOperation::Replace(ReplaceOperation { value, .. }) = one
        {
            bytes += carried(one.path(), value)?;
        }
    }
    Ok(bytes)
}

/// Returns how many bytes a value adds where it is put.
fn carried(place: &Pointer, value: &Value) -> Result<usize, String> {
    if place.count() + depth(value) > DOCUMENT_DEPTH_MAX {
        return Err(format!("the document would nest deeper than {DOCUMENT_DEPTH_MAX} levels"));
    }
    let key = place.last().map_or(0, |token| json_bytes(&json!(token.decoded())));
    Ok(json_bytes(value) + key + 2)
}

/// Applies one operation after the other, each only when there is room for what it brings. Returns how
/// large the value is at most.
///
/// What is copied or moved counts as often as it is, and what is taken away never counts less: so the
/// work is bounded as well.
fn apply_each(
    value: &mut Value,
    patch: &[PatchOperation],
    shifts_max: usize,
) -> Result<usize, String> {
    let mut bytes = json_bytes(value);
    let mut shifts = 0_usize;
    for (index, one) in patch.iter().enumerate() {
        let source = |from: &Pointer| value.pointer(from.as_str());
        let brought = match one {
            PatchOperation::Add(AddOperation { value, .. })
            | PatchOperation::Replace(ReplaceOperation { value, .. }) => Some(value),
            PatchOperation::Copy(copy) => source(&copy.from),
            PatchOperation::Move(moved) => source(&moved.from),
            PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
        };
        bytes += brought.map_or(Ok(0), |brought| carried(one.path(), brought))?;
        shifts += shifts_of(value, one);
        if bytes > PATCHED_BYTES_MAX {
            return Err(format!("operation {index}: {}", too_large()));
        }
        if shifts > shifts_max {
            return Err(format!(
                "operation {index}: list items would be moved more than {shifts_max} times"
            ));
        }
        json_patch::patch_unsafe(value, std::slice::from_ref(one)).map_err(|e| e.to_string())?;
    }
    Ok(bytes)
}

/// Returns how many items an operation shifts.
fn shifts_of(value: &Value, one: &PatchOperation) -> usize {
    let behind = |place: &Pointer| {
        let list = place.parent().and_then(|parent| value.pointer(parent.as_str()));
        let length = list.and_then(Value::as_array).map_or(0, Vec::len);
        let index = place.last().and_then(|token| token.decoded().parse().ok());
        length.saturating_sub(index.unwrap_or(length))
    };
    match one {
        PatchOperation::Replace(_) | PatchOperation::Test(_) => 0,
        PatchOperation::Move(moved) => behind(&moved.from) + behind(&moved.path),
        _ => behind(one.path()),
    }
}

/// Returns the places that a patch touches, two levels deep, in order and each once.
pub fn changed_places(patch: &Patch) -> Vec<String> {
    let mut places: Vec<String> = patch.paths().map(|path| shallow(path.as_str())).collect();
    places.sort();
    places.dedup();
    places
}

fn shallow(pointer: &str) -> String {
    let end = pointer.match_indices('/').nth(2).map_or(pointer.len(), |(at, _)| at);
    pointer[..end].to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::journal::difference::diff;

    /// Any JSON value.
    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
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
        /// Goal: the budget changes nothing about a patch that stays within it.
        #[test]
        fn a_patch_within_its_budget_does_what_the_standard_says(
            value in any_json(),
            operations in prop::collection::vec(any_operation(), 0..8),
        ) {
            let (mut bounded, mut bound) = (value.clone(), Bound::default());
            let mut expected = value.clone();
            let expected = json_patch::patch_unsafe(&mut expected, &operations).map(|()| expected);
            let applied = bound.apply(&mut bounded, &Patch { splices: Vec::new(), operations });
            prop_assert_eq!(applied.is_ok(), expected.is_ok(), "{:?} {:?}", applied, expected);
            prop_assert_eq!(&bounded, &expected.unwrap_or(value), "refused: the value as it was");
            if applied.is_ok() {
                prop_assert!(bound.bytes >= Some(json_bytes(&bounded)), "{bound:?}");
            }
        }

        #[test]
        fn a_value_and_its_text_are_the_same(value in any_json()) {
            let read: Value = serde_json::from_str(&value.to_string()).unwrap();
            prop_assert_eq!(read, value);
        }
    }

    fn any_operation() -> impl Strategy<Value = PatchOperation> {
        let place = || "(/([a-c]|[0-3]|-)?){0,3}";
        let operation =
            prop::sample::select(vec!["add", "copy", "move", "remove", "replace", "test"]);
        (operation, place(), place(), any_json()).prop_map(|(op, from, path, value)| {
            serde_json::from_value(json!({"op": op, "from": from, "path": path, "value": value}))
                .unwrap()
        })
    }

    fn between(old: &Value, new: &Value) -> Patch {
        diff(&old.clone().into(), &new.clone().into())
    }

    fn patch_of(operations: Value) -> Patch {
        serde_json::from_value(operations).unwrap()
    }

    /// Returns why a patch is refused, and whether the value stayed as it was.
    fn refusal(value: &Value, operations: Value) -> String {
        let mut changed = value.clone();
        let refused = Bound::default().apply(&mut changed, &patch_of(operations)).unwrap_err();
        assert!(changed == *value, "a refused patch leaves the value as it is");
        refused
    }

    #[test]
    fn a_patch_that_doubles_a_value_stops_before_two_documents() {
        let value = json!({"data": {"text": "x".repeat(1000), "list": [1]}});
        let into_itself: Vec<Value> = (0..30)
            .map(|i| json!({"op": "copy", "from": "/data", "path": format!("/data/{i}")}))
            .collect();
        assert!(refusal(&value, json!(into_itself)).contains("larger than 8388608 bytes"));
        let into_a_list = vec![json!({"op": "copy", "from": "/data", "path": "/data/list/0"}); 30];
        assert!(refusal(&value, json!(into_a_list)).contains("larger than"));
        // What is replaced counts: else the work would have no end.
        let over_itself = vec![json!({"op": "copy", "from": "/data", "path": "/other"}); 100_000];
        assert!(refusal(&value, json!(over_itself)).contains("larger than"));
        let to_and_fro: Vec<Value> = [("/data", "/other"), ("/other", "/data")]
            .repeat(50_000)
            .iter()
            .map(|(from, path)| json!({"op": "move", "from": from, "path": path}))
            .collect();
        assert!(refusal(&value, json!(to_and_fro)).contains("larger than"));
    }

    #[test]
    fn a_move_that_cannot_be_taken_back_is_no_panic() {
        let value = json!({"": {"a": 1}});
        let patch = json!([
            {"op": "move", "from": "/", "path": ""},
            {"op": "test", "path": "/b", "value": 1},
        ]);
        assert!(refusal(&value, patch).contains("path is invalid"));
    }

    #[test]
    fn a_patch_that_brings_too_much_is_refused() {
        let text = "x".repeat(DOCUMENT_BYTES_MAX);
        let added: Vec<Value> =
            (0..3).map(|i| json!({"op": "add", "path": format!("/{i}"), "value": text})).collect();
        assert!(refusal(&json!({}), json!(added)).contains("larger than 8388608 bytes"));
        let many = vec![json!({"op": "test", "path": "", "value": {}}); OPERATIONS_MAX + 1];
        assert!(refusal(&json!({}), json!(many)).contains("174763 operations"));
        let far = json!([{"op": "add", "path": "/l/99999999999", "value": 1}]);
        assert!(refusal(&json!({"l": []}), far).contains("path is invalid"));
    }

    #[test]
    fn a_patch_nests_no_deeper_than_a_document_may() {
        let down = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let value = json!({"a": down(30), "b": down(40)});
        let place = |levels: usize| format!("/b{}", "/0".repeat(levels));
        let copied = json!([{"op": "copy", "from": "/a", "path": place(39)}]);
        assert!(refusal(&value, copied).contains("deeper than 64 levels"));
        let moved = json!([{"op": "move", "from": "/a", "path": place(39)}]);
        assert!(refusal(&value, moved).contains("deeper than 64 levels"));
        let added = json!([{"op": "add", "path": "/c", "value": down(64)}]);
        assert!(refusal(&value, added).contains("deeper than 64 levels"));
        let deepest = json!([{"op": "add", "path": "/c", "value": down(63)}]);
        assert_eq!(Bound::default().apply(&mut value.clone(), &patch_of(deepest)), Ok(()));
    }

    #[test]
    fn a_patch_that_shifts_long_lists_forever_is_refused() {
        let value = json!({"l": vec![0; 1000]});
        let shifted = |place: &str, times: usize| {
            let patch =
                patch_of(json!(vec![json!({"op": "add", "path": place, "value": 0}); times]));
            apply_each(&mut value.clone(), &patch.operations, 100_000)
        };
        let refused = shifted("/l/0", 100).unwrap_err();
        assert_eq!(refused, "operation 95: list items would be moved more than 100000 times");
        assert!(shifted("/l/0", 90).is_ok() && shifted("/l/-", 1000).is_ok());
    }

    #[test]
    fn many_items_are_taken_out_of_a_list_at_once() {
        let item = |i: usize| json!({"id": i, "text": "long enough to be worth a patch"});
        let (mut value, new) = (
            json!({"l": (0..6000).map(item).collect::<Vec<_>>()}),
            json!({"l": (0..4000).map(item).collect::<Vec<_>>()}),
        );
        let patch = between(&value, &new);
        let operations = &patch.operations;
        assert!(operations.len() == 2000);
        assert!(Bound::default().shifts_at_most(operations) < SHIFTS_MAX);
        assert!(apply_each(&mut value.clone(), operations, 2_001_000).is_ok());
        Bound::default().apply(&mut value, &patch).unwrap();
        assert_eq!(value, new);
    }

    #[test]
    fn saves_without_end_are_measured_only_now_and_then() {
        let text = |i: usize| json!({"data": format!("{i:0>1000}")});
        let (mut value, mut bound) = (text(0), Bound::default());
        for i in 1..20_000 {
            let patch = between(&value, &text(i));
            bound.apply(&mut value, &patch).unwrap();
        }
        assert_eq!(value, text(19_999));
        assert!(bound.bytes <= Some(PATCHED_BYTES_MAX));
    }

    #[test]
    fn the_largest_document_is_exchanged_for_another() {
        let text = |letter: &str| json!({"data": letter.repeat(DOCUMENT_BYTES_MAX - 16)});
        let (mut value, mut bound) = (text("a"), Bound::default());
        for letter in ["b", "c", "d"] {
            let patch = between(&value, &text(letter));
            bound.apply(&mut value, &patch).unwrap();
        }
        assert_eq!(value, text("d"));
    }
}
