//! Splices: changes inside a long text, stored as what changed. Format 3 has them beside the operations
//! of RFC 6902; what leaves the program has none.

use json_patch::jsonptr::PointerBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes that are compared at once.
const BLOCK_BYTES: usize = 64;

/// Bytes of a text that a splice moves as fast as one byte of a line is read.
const MOVED_PER_READ: u64 = 16;

/// A change inside a text. Places are bytes of its UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Splice {
    /// Where the text is.
    pub path: PointerBuf,
    /// The length of the text before.
    pub length: usize,
    /// The place of the change.
    pub at: usize,
    /// How much is taken out there.
    pub remove: usize,
    /// What is put there.
    pub insert: String,
}

impl Splice {
    /// Returns the splice that turns one text into another.
    pub fn between(path: PointerBuf, old: &str, new: &str) -> Self {
        let (at, end) = common_ends(old, new);
        let insert = new[at..new.len() - end].to_owned();
        Self { path, length: old.len(), at, remove: old.len() - end - at, insert }
    }

    /// Applies it, and returns the splice that takes it back. A refused splice changes nothing.
    fn apply(&self, value: &mut Value) -> Result<Self, String> {
        let Some(Value::String(text)) = value.pointer_mut(self.path.as_str()) else {
            return Err("a splice leads to no text".into());
        };
        let end = self.at.checked_add(self.remove);
        let removed = end.and_then(|end| text.get(self.at..end)).map(str::to_owned);
        let Some(removed) = removed.filter(|_| text.len() == self.length) else {
            return Err("a splice does not fit its text".into());
        };
        text.replace_range(self.at..self.at + self.remove, &self.insert);
        let (path, length) = (self.path.clone(), text.len());
        Ok(Self { path, length, at: self.at, remove: self.insert.len(), insert: removed })
    }
}

/// Applies splices in order, and returns those that take them back. Refused splices change nothing.
pub fn apply(value: &mut Value, splices: &[Splice]) -> Result<Vec<Splice>, String> {
    let mut applied = Vec::new();
    for splice in splices {
        match splice.apply(value) {
            Ok(back) => applied.push(back),
            Err(reason) => {
                take_back(value, &applied);
                return Err(reason);
            }
        }
    }
    Ok(applied)
}

/// Takes applied splices back.
pub fn take_back(value: &mut Value, applied: &[Splice]) {
    for back in applied.iter().rev() {
        back.apply(value).expect("what a splice did can be undone");
    }
}

/// Returns how many bytes of texts splices move at most.
pub fn moved(splices: &[Splice]) -> usize {
    splices.iter().fold(0, |moved, one| moved.saturating_add(one.length))
}

/// Returns how many bytes of a line take as long to read as the splices to apply.
pub fn replay_bytes(splices: &[Splice]) -> u64 {
    moved(splices) as u64 / MOVED_PER_READ
}

/// Returns how many bytes two texts have in common at their beginning and at their end, whole characters
/// only.
fn common_ends(old: &str, new: &str) -> (usize, usize) {
    let (a, b) = (old.as_bytes(), new.as_bytes());
    let blocks = a.chunks(BLOCK_BYTES).zip(b.chunks(BLOCK_BYTES));
    let mut start = blocks.take_while(|(a, b)| a == b).map(|(a, _)| a.len()).sum::<usize>();
    start += a[start..].iter().zip(&b[start..]).take_while(|(a, b)| a == b).count();
    while !(old.is_char_boundary(start) && new.is_char_boundary(start)) {
        start -= 1;
    }
    let (a, b) = (&a[start..], &b[start..]);
    let blocks = a.rchunks(BLOCK_BYTES).zip(b.rchunks(BLOCK_BYTES));
    let mut end = blocks.take_while(|(a, b)| a == b).map(|(a, _)| a.len()).sum::<usize>();
    let rest = |bytes: &[u8]| bytes.len() - end;
    let (a, b) = (&a[..rest(a)], &b[..rest(b)]);
    end += a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    while !(old.is_char_boundary(old.len() - end) && new.is_char_boundary(new.len() - end)) {
        end -= 1;
    }
    (start, end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[aé🚀è]{0,8}", "[ab]{60,140}", "(aé🚀){20,60}[ab]{0,3}(é🚀a){20,60}"]
    }

    fn splice(length: usize, at: usize, remove: usize) -> Splice {
        let path = PointerBuf::parse("/t").unwrap();
        Splice { path, length, at, remove, insert: "x".into() }
    }

    proptest! {
        #[test]
        fn a_splice_between_two_texts_makes_the_second(old in any_text(), new in any_text()) {
            let mut value = json!({"t": old});
            let splice = Splice::between(PointerBuf::parse("/t").unwrap(), &old, &new);
            let back = apply(&mut value, &[splice]).unwrap();
            prop_assert_eq!(&value, &json!({"t": new}));
            take_back(&mut value, &back);
            prop_assert_eq!(value, json!({"t": old}));
        }

        #[test]
        fn a_splice_from_a_stranger_is_no_panic(at in 0..12_usize, remove in 0..12_usize) {
            let text = "aé🚀b";
            let mut value = json!({"t": text});
            let fits = text.get(at..at + remove).is_some();
            let applied = apply(&mut value, &[splice(text.len(), at, remove)]);
            prop_assert_eq!(applied.is_ok(), fits);
            prop_assert!(fits || value["t"] == text);
        }
    }

    #[test]
    fn a_refused_splice_takes_those_before_it_back() {
        for bad in [splice(4, usize::MAX, 1), splice(9, 0, 1), splice(3, 0, 1)] {
            let mut value = json!({"t": "abc"});
            let refused = apply(&mut value, &[splice(3, 1, 1), splice(3, 0, 0), bad]).unwrap_err();
            assert_eq!(
                (refused.as_str(), &value["t"]),
                ("a splice does not fit its text", &json!("abc"))
            );
        }
        let mut number = json!({"t": 1});
        assert_eq!(
            apply(&mut number, &[splice(1, 0, 0)]).unwrap_err(),
            "a splice leads to no text"
        );
    }
}
