//! Decisions at the terminal.

use std::path::Path;

use serde_json::json;

use super::{Place, to_the_gate};
use crate::common::{Era, accepts, command, on_terminal, refiner, refiner_with_input};

#[tokio::test]
async fn the_command_line_asks_a_person_at_a_terminal_and_nobody_else() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Sessions, accepts(json!({}))).await;
    let project = place.project.path();
    let before = place.stored();
    for arguments in [
        &["approve", "logo"][..],
        &["reject", "logo", "--reason", "x"],
        &["transition", "logo", "approve"],
        &["save", "logo", "--patch", r#"{"constraints":[]}"#],
    ] {
        let finished = refiner(project, arguments);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains("needs a person's decision"), "{finished:?}");
        let piped = refiner_with_input(project, arguments, "yes\n");
        assert_eq!(piped.code, Some(1), "{piped:?}");
        let (code, screen) = typed(project, arguments, "y\n");
        assert_eq!(code, Some(1), "{screen}");
        assert!(screen.contains("Type yes to continue"), "{screen}");
    }
    assert_eq!(place.stored(), before);

    let arguments = ["--json", "reject", "logo", "--reason", "too dark"];
    let (code, screen) = typed(project, &arguments, "yes\n");
    assert_eq!(code, Some(0), "{screen}");
    for part in [
        "Reflection: nearly there",
        "links (blocking): satisfied",
        "colors (high): VIOLATED",
        "\"to\": \"plan\"",
    ] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    assert!(place.decisions().contains("reject by a person"));
    assert!(place.decisions().contains("**Reason**: too dark"));
    to_the_gate(&host, "logo").await;
    let (code, screen) = typed(project, &["approve", "logo"], "yes\n");
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("approval → persist"), "{screen}");
    assert_eq!(typed(project, &["approve", "logo"], "yes\n").0, Some(1));
}

/// Runs a subcommand at a terminal at which somebody types.
pub(super) fn typed(project: &Path, arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let mut command = command(project);
    command.args(arguments);
    on_terminal(command, typed)
}
