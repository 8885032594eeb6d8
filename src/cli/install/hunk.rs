//! The changed lines of a text, for people.

/// Context lines around a change.
const CONTEXT_LINES: usize = 2;

/// Returns the lines that differ, marked with `-` and `+`, and a few context lines. There is one
/// hunk, because one entry changes.
pub(super) fn hunk(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let before = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - before;
    let after = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(same).count();
    let (removed, added) = (&old[before..old.len() - after], &new[before..new.len() - after]);
    let leading = &old[before.saturating_sub(CONTEXT_LINES)..before];
    let trailing = old[old.len() - after..].iter().take(CONTEXT_LINES);
    let marked = |mark: &'static str| move |line: &&str| format!("{mark} {line}");
    let lines = leading.iter().map(marked(" ")).chain(removed.iter().map(marked("-")));
    lines.chain(added.iter().map(marked("+"))).chain(trailing.map(marked(" "))).collect()
}

#[cfg(test)]
mod tests {
    use super::hunk;

    #[test]
    fn what_differs_is_shown_with_what_is_around_it() {
        assert_eq!(
            hunk("1\n2\n3\n4\n5\n6", "1\n2\n3\nx\n5\n6").join("|"),
            "  2|  3|- 4|+ x|  5|  6"
        );
        assert_eq!(hunk("", "a\nb").join("|"), "+ a|+ b");
        assert_eq!(hunk("a\na\na", "a\na").join("|"), "  a|  a|- a");
        assert_eq!(hunk("a\nb", "a\nx\nb").join("|"), "  a|+ x|  b");
    }
}
