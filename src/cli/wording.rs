//! What is said to a caller of tools, as it is said to somebody at a terminal.

/// What is called otherwise here, the longer ones first. Other tools have the names of their
/// subcommands.
const WORDS: [(&str, &str); 12] = [
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
    ("expected_version", "--expected-version"),
    ("idempotency_key", "--idempotency-key"),
];

/// Returns a hint or a warning with the commands of this program in place of tools.
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
    fn every_tool_whose_name_is_no_subcommand_is_called_by_that_of_one() {
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
    }
}
