//! The guess which of the allowed words a caller means.

/// Words that models write, with the allowed word that they mean.
const MEANT: [(&str, &str); 34] = [
    ("pass", "satisfied"),
    ("passed", "satisfied"),
    ("passes", "satisfied"),
    ("ok", "satisfied"),
    ("done", "satisfied"),
    ("met", "satisfied"),
    ("holds", "satisfied"),
    ("true", "satisfied"),
    ("success", "satisfied"),
    ("fulfilled", "satisfied"),
    ("fail", "violated"),
    ("failed", "violated"),
    ("fails", "violated"),
    ("false", "violated"),
    ("unmet", "violated"),
    ("unsatisfied", "violated"),
    ("not_satisfied", "violated"),
    ("not_met", "violated"),
    ("partial", "partially_satisfied"),
    ("partly", "partially_satisfied"),
    ("unknown", "unchecked"),
    ("pending", "unchecked"),
    ("critical", "blocking"),
    ("blocker", "blocking"),
    ("must", "blocking"),
    ("required", "blocking"),
    ("major", "high"),
    ("important", "high"),
    ("should", "high"),
    ("moderate", "medium"),
    ("normal", "medium"),
    ("minor", "low"),
    ("optional", "low"),
    ("nice_to_have", "low"),
];

/// Likeness from which a word counts as misspelled, between 0 and 1 (Jaro and Winkler).
const LIKE_MIN: f64 = 0.85;

/// Returns the allowed word that a caller most likely means, if one comes into question.
pub fn meant<'a>(given: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.trim().to_lowercase().replace(['-', ' '], "_");
    let given = plain(given);
    let synonym = MEANT.iter().find(|(written, _)| *written == given).map(|(_, word)| *word);
    let like = |word: &&str| {
        let same = plain(word) == given || synonym == Some(*word);
        if same { 1.0 } else { strsim::jaro_winkler(&plain(word), &given) }
    };
    let best = allowed.into_iter().max_by(|one, other| like(one).total_cmp(&like(other)))?;
    (like(&best) >= LIKE_MIN).then_some(best)
}

/// Returns the question that ends a message, such as `; did you mean satisfied?`.
pub fn question<'a>(given: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    meant(given, allowed).map_or_else(String::new, |word| format!("; did you mean {word}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synonym_and_a_slip_are_guessed_and_nothing_else() {
        let statuses = ["satisfied", "violated", "partially_satisfied", "unchecked"];
        for (given, word) in [
            ("pass", Some("satisfied")),
            ("Satisfied", Some("satisfied")),
            ("satisfed", Some("satisfied")),
            ("partially satisfied", Some("partially_satisfied")),
            ("FAILED", Some("violated")),
            ("blue", None),
            ("", None),
        ] {
            assert_eq!(meant(given, statuses), word, "{given}");
        }
        assert_eq!(question("pach", ["patch", "name"]), "; did you mean patch?");
        assert_eq!(question("critical", statuses), "");
    }
}
