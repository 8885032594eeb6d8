//! The files that a phase says it made, changed or removed: `files_modified` of its result.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;
use crate::model::refusal::Violation;

/// The field of a result.
pub const FILES_MODIFIED: &str = "files_modified";

/// A file that a phase says it made, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modified {
    /// Its path.
    pub path: OutputPath,
    /// Whether the phase removed it.
    pub deleted: bool,
}

/// The JSON of [`Modified`]: a path, or a path with `deleted`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Path(String),
    Deleted {
        path: String,
        #[serde(default)]
        deleted: bool,
    },
}

/// Returns the files that a result names, or the places that are wrong. `pointer` is the place of
/// the result.
pub fn files_modified(
    result: &Map<String, Value>,
    pointer: &str,
    place: &OutputPlace,
) -> Result<Vec<Modified>, Vec<Violation>> {
    let list = result.get(FILES_MODIFIED).and_then(Value::as_array);
    let (mut files, mut violations) = (Vec::new(), Vec::new());
    for (index, item) in list.into_iter().flatten().enumerate() {
        match modified(item, place) {
            Ok(one) => files.push(one),
            Err(message) => violations.push(Violation {
                pointer: format!("{pointer}/{FILES_MODIFIED}/{index}"),
                message,
            }),
        }
    }
    if violations.is_empty() { Ok(files) } else { Err(violations) }
}

fn modified(item: &Value, place: &OutputPlace) -> Result<Modified, String> {
    let (path, deleted) = match Written::deserialize(item) {
        Ok(Written::Path(path)) => (path, false),
        Ok(Written::Deleted { path, deleted }) => (path, deleted),
        Err(_) => return Err(r#"a path is needed, or {"path": "old.md", "deleted": true}"#.into()),
    };
    let path = place.path(&path).map_err(|refusal| refusal.to_string())?;
    Ok(Modified { path, deleted })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(list: Value) -> Result<Vec<Modified>, Vec<Violation>> {
        let result = Map::from_iter([(FILES_MODIFIED.to_owned(), list)]);
        files_modified(&result, "/result", &OutputPlace::default())
    }

    #[test]
    fn files_are_paths_or_say_that_they_are_gone() {
        let list = json!(["dist/a.md", {"path": "b.md", "deleted": true}, {"path": "c.md"}]);
        let files = read(list).unwrap();
        let named: Vec<_> = files.iter().map(|one| (one.path.as_str(), one.deleted)).collect();
        assert_eq!(named, [("a.md", false), ("b.md", true), ("c.md", false)]);
        let wrong = read(json!(["a.md", "../x", 7])).unwrap_err();
        let places: Vec<_> = wrong.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(places, ["/result/files_modified/1", "/result/files_modified/2"]);
        assert_eq!(read(json!("a.md")), Ok(Vec::new()), "its schema refuses what is no list");
    }
}
