//! Rewrites hints and warnings for the command line: subcommands and options instead of tools and
//! their arguments.

/// Texts for callers of tools, and their replacements on the command line. Longer texts come first.
const WORDS: [(&str, &str); 29] = [
    ("load_state with select [\"/constraints\"]", "refiner show --select /constraints"),
    ("load_state with detail full", "refiner show --full"),
    ("detail brief shows", "refiner show prints"),
    ("with with_prompt", "--prompt"),
    ("read_output without a path", "refiner output list"),
    ("read_output", "refiner output read"),
    ("write_output", "refiner output write"),
    ("list_artifacts", "refiner list"),
    ("init_state", "refiner init"),
    ("load_state", "refiner show"),
    ("save_state", "refiner save"),
    ("reset_artifact", "refiner reset"),
    ("delete_artifact", "refiner delete"),
    ("call finalize", "run refiner finalize"),
    ("transition, event complete, result", "refiner transition NAME complete --result"),
    ("the next_cursor of the page before, unchanged", "--cursor with the previous page's value"),
    ("expected_version", "--expected-version"),
    ("idempotency_key", "--idempotency-key"),
    ("time_seconds", "--time-seconds"),
    ("dry_run", "--dry-run"),
    ("pass components: ", "pass --component for each of "),
    ("leave components out, or content_type", "leave --component out, or --content-type"),
    ("pass select", "pass --select"),
    ("pass result", "pass --result"),
    ("pass patch", "pass --patch"),
    ("state to replace", "--state to replace"),
    ("as confirm", "as --confirm"),
    ("leave status out", "leave --status out"),
    ("part of unmet", "unmet condition"),
];

/// Returns a hint or a warning that names subcommands and options.
pub(super) fn in_commands(text: &str) -> String {
    let text =
        WORDS.iter().fold(text.to_owned(), |text, (tool, command)| text.replace(tool, command));
    text.replace("call refiner", "run refiner").replace("call again", "run it again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::ToolSet;

    #[test]
    fn a_hint_names_subcommands_and_options() {
        let tools = ToolSet::default();
        let names = tools.definitions().into_iter().map(|tool| tool.name.into_owned());
        let named: Vec<String> = names.filter(|name| name.contains('_')).collect();
        assert_eq!(named.len(), 8);
        for name in named {
            let said = in_commands(&format!("call {name} first"));
            assert!(said.starts_with("run refiner ") && !said.contains('_'), "{said}");
        }
        assert_eq!(in_commands("call finalize first"), "run refiner finalize first");
        assert_eq!(
            in_commands("call again with expected_version 7"),
            "run it again with --expected-version 7"
        );
        let hint = "pass result: what the phase produced; dry_run shows what would happen";
        let here = "pass --result: what the phase produced; --dry-run shows what would happen";
        assert_eq!(in_commands(hint), here);
    }
}
