//! What the floor lacks, in words.

use serde_json::Map;

use crate::model::refusal::Unmet;
use crate::model::text::shortened;

/// The name of the floor among the guards of a workflow.
const NAME: &str = "floor";

/// Characters of a list in one sentence.
const LISTED_CHARACTERS_MAX: usize = 120;

/// Joins names for a sentence, or returns `None` if there are none.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| shortened(&names.join(", "), LISTED_CHARACTERS_MAX))
}

/// Returns a part of the floor that does not hold, in words.
pub(super) fn part(needs: &str, says: &str) -> Unmet {
    Unmet {
        guard: NAME.to_owned(),
        says: Some(says.to_owned()),
        needs: needs.to_owned(),
        saw: Map::new(),
    }
}
