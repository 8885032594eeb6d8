//! Protection: files that a check relies on, such as tests, fixtures and schemas, are pinned when the
//! specification ends. While one is not as it was, the constraint does not hold.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::constraint::Constraint;
use super::output_place::OutputPlace;
use super::pins::{OWN, Pinned, Protected, check_globs, without_own};
use crate::model::refusal::Violation;
use crate::model::text::shortened;
use crate::model::{Refusal, limits};

/// Characters of paths in a sentence.
const LISTED_CHARACTERS_MAX: usize = 200;

/// Returns the lists of globs that constraints protect.
pub fn lists_of(constraints: &[Constraint]) -> BTreeSet<Vec<String>> {
    let lists = constraints.iter().map(|one| one.protects.clone());
    lists.filter(|list| !list.is_empty()).collect()
}

/// Returns the lists of globs in constraints as a caller gives them. A malformed one is refused when
/// the constraints are parsed.
pub fn lists_in(fields: Option<&Map<String, Value>>) -> BTreeSet<Vec<String>> {
    let constraints = fields.and_then(|fields| fields.get("constraints")).and_then(Value::as_array);
    let list =
        |one: &Value| serde_json::from_value::<Vec<String>>(one.get("protects")?.clone()).ok();
    let lists = constraints.into_iter().flatten().filter_map(list);
    lists.filter(|list| !list.is_empty() && check_globs(list).is_ok()).collect()
}

/// Pins the files of constraints that are new or protect other files than before. A pinned file stays
/// so. Refuses globs that match nothing, or too much.
pub fn pin(
    before: &[Constraint],
    after: &mut [Constraint],
    present: &Protected,
) -> Result<(), Refusal> {
    let mut violations = Vec::new();
    for (index, one) in after.iter_mut().enumerate() {
        let mut older = before.iter().filter(|old| old.id == one.id);
        let is_new = one.pinned.is_empty() || older.any(|old| old.protects != one.protects);
        let Some(files) = present.get(&one.protects).filter(|_| is_new) else { continue };
        for (path, digest) in files {
            one.pinned.entry(path.clone()).or_insert(*digest);
        }
        violations.extend(wrong_number(one).map(|message| Violation {
            pointer: format!("/constraints/{index}/protects"),
            message,
        }));
    }
    Refusal::unless_valid("constraints", violations)
}

/// Refuses a check whose schema is a file of the work that nothing protects. Constraints that are
/// measured like an earlier one are not checked again.
pub fn check_schemas(
    known: &[Constraint],
    constraints: &[Constraint],
    place: &OutputPlace,
) -> Result<(), Refusal> {
    let is_new =
        |one: &Constraint| !known.iter().any(|old| old.id == one.id && old.is_measured_like(one));
    let open =
        constraints.iter().enumerate().filter(|(_, one)| is_new(one)).filter_map(|(index, one)| {
            let message = schema_in_work(one, place)?;
            Some(Violation {
                pointer: format!("/constraints/{index}/validation/params/schema"),
                message,
            })
        });
    Refusal::unless_valid("constraints", open.collect())
}

/// Accepts the protected files of all constraints as they are now.
pub fn accept(constraints: &mut [Constraint], present: &Protected) {
    for one in constraints {
        if let Some(files) = present.get(&one.protects) {
            one.pinned.clone_from(files);
        }
    }
}

/// Returns the protected files of a constraint that are not as they were pinned, in one text.
pub fn changed(one: &Constraint, present: &Protected) -> Option<String> {
    let now = present.get(&one.protects)?;
    let gone = one.pinned.iter().filter(|(path, digest)| now.get(*path) != Some(digest));
    let new = now.keys().filter(|path| !one.pinned.contains_key(*path));
    let paths: BTreeSet<&str> = gone.map(|(path, _)| path).chain(new).map(String::as_str).collect();
    let paths = paths.into_iter().collect::<Vec<_>>().join(", ");
    let is_pinned = !one.pinned.is_empty() && !paths.is_empty();
    is_pinned.then(|| shortened(&paths, LISTED_CHARACTERS_MAX))
}

/// Returns the lists of globs whose files are not as a constraint has them pinned.
pub fn differing<'a>(
    constraints: &[Constraint],
    present: impl Iterator<Item = (&'a Vec<String>, &'a Pinned)>,
) -> Vec<(Vec<String>, Pinned)> {
    let is_pinned = |globs: &Vec<String>, files: &Pinned| {
        let mut same = constraints.iter().filter(|one| one.protects == *globs).peekable();
        same.peek().is_some() && same.all(|one| one.pinned == *files)
    };
    let differs = present.filter(|(globs, files)| !is_pinned(globs, files));
    let differing: Protected =
        differs.map(|(globs, files)| (globs.clone(), files.clone())).collect();
    differing.into_iter().collect()
}

/// Returns the protected files again, of which [`differing`] kept a part.
pub fn from_differing(constraints: &[Constraint], kept: &[(Vec<String>, Pinned)]) -> Protected {
    let pinned = constraints.iter().filter(|one| !one.protects.is_empty());
    let pinned = pinned.map(|one| (one.protects.clone(), one.pinned.clone()));
    pinned.chain(kept.iter().cloned()).collect()
}

fn wrong_number(one: &Constraint) -> Option<String> {
    match one.pinned.len() {
        0 => Some("no file of the project matches: name files that are there, relative to the project; dist/ names the artifact's own".to_owned()),
        files if files > limits::PROTECTED_FILES_MAX => {
            Some(format!("{files} files match, {} at most", limits::PROTECTED_FILES_MAX))
        }
        _ => None,
    }
}

/// Says that the schema of a check lies where the work is and nothing protects it.
fn schema_in_work(one: &Constraint, place: &OutputPlace) -> Option<String> {
    let validation = one.validation.as_ref()?;
    let is_schema_check = validation.get("method").and_then(Value::as_str) == Some("json_schema");
    let given = validation.get("params")?.get("schema")?.as_str().filter(|_| is_schema_check)?;
    let path = match place.folder() {
        None => format!("{OWN}{}", without_own(given)),
        Some("") => given.to_owned(),
        Some(folder) => format!("{folder}/{given}"),
    };
    (!one.pinned.contains_key(&path)).then(|| {
        format!("the schema {path} is a file of the work, which could be changed to fit: give the schema itself, or write the file first and protect it with \"protects\": [{path:?}]")
    })
}
