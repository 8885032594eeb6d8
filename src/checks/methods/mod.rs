//! The methods: each is a file, and a line in the list below. Schemas, manual and prompt follow the list
//! (`published.rs`).

mod command;
mod contrast;
mod file_exists;
mod file_size;
mod headings_in_order;
mod image;
mod json_schema;
mod links_resolve;
mod manifest_complete;
mod not_empty;
mod parses;
mod sections_present;
mod text_absent;
mod text_matches;
mod word_count;

use serde_json::{Map, Value};

use super::method::{Built, Found, Measure, MeasureFile, Method, Reading, each_file};
use super::params::{Bounds, Kind, Param, Params};
use super::work::{Stop, Work};

/// Every method, in the order of their names.
static METHODS: &[&Method] = &[
    &command::METHOD,
    &contrast::METHOD,
    &file_exists::METHOD,
    &file_size::METHOD,
    &headings_in_order::METHOD,
    &image::METHOD,
    &json_schema::METHOD,
    &links_resolve::METHOD,
    &manifest_complete::METHOD,
    &not_empty::METHOD,
    &parses::METHOD,
    &sections_present::METHOD,
    &text_absent::METHOD,
    &text_matches::METHOD,
    &word_count::METHOD,
];

/// Returns every method there is, in the order of their names.
pub fn methods() -> &'static [&'static Method] {
    METHODS
}

/// Returns the command that a constraint with this `validation` is measured by, if it is by one.
pub fn wanted_command(validation: &Map<String, Value>) -> Option<Vec<String>> {
    command::wanted(validation)
}

pub(super) use self::command::run_command;

const PATH: Param = Param::required("path", Kind::Path, "the file, or a glob for several");

/// Returns the one reading of a method that looks at the work as a whole.
fn whole(found: Found) -> Vec<Reading> {
    vec![Reading { path: None, found: Ok(found) }]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_a_method_is_listed_under_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/checks/methods");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap().replace(".rs", ""))
            .filter(|name| name != "mod")
            .collect();
        let listed: Vec<String> = methods().iter().map(|method| method.name.to_owned()).collect();
        assert_eq!(listed, files.into_iter().collect::<Vec<_>>(), "in the order of their names");
    }

    #[test]
    fn every_method_and_param_says_what_it_is_in_one_line() {
        for method in methods() {
            let params = method.params.iter().map(|param| param.description);
            for description in std::iter::once(method.description).chain(params) {
                assert!((5..=120).contains(&description.len()), "{}: {description}", method.name);
                assert!(
                    !description.ends_with('.') && !description.contains('\n'),
                    "{description}"
                );
            }
        }
    }
}
