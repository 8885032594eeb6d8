//! Names of tests: a sentence that is read at a glance.

use regex::Regex;

use super::*;

/// Words that the name of a test may have.
const WORDS_MAX: usize = 10;

/// The tests that were named before there was a limit, a name on each line. A line may only go.
const EARLIER: &str = "tests/tidy/long-names.txt";

/// Returns the names of a file's tests that have too many words.
fn long_names(file: &File) -> Vec<String> {
    let test = r"#\[(?:tokio::)?test\b[^\]]*\]\s*(?:#\[.*\n\s*)*(?:pub )?(?:async )?fn (\w+)";
    let tests = Regex::new(test).unwrap();
    let names = tests.captures_iter(&file.text).map(|found| found[1].to_owned());
    names.filter(|name| name.split('_').count() > WORDS_MAX).collect()
}

/// Finds new tests whose names are too long, and earlier ones that are no longer there.
pub(super) fn names_too_long(files: &[File]) -> Vec<String> {
    let code = files.iter().filter(|file| file.is_code());
    let long: BTreeSet<String> = code.flat_map(long_names).collect();
    let earlier: BTreeSet<&str> = document(files, EARLIER).lines().collect();
    let new = long.iter().filter(|name| !earlier.contains(name.as_str()));
    let gone = earlier.iter().filter(|name| !long.contains(**name));
    new.map(|name| format!("more than {WORDS_MAX} words: {name}"))
        .chain(gone.map(|name| format!("take this line from {EARLIER}: {name}")))
        .collect()
}

#[test]
fn names_of_new_tests_have_ten_words_at_most() {
    check(names_too_long);
}
