//! What is made from the command line's own description: completions and pages of the manual.

use crate::common::{Project, refiner};

#[test]
fn completions_name_every_subcommand_in_every_shell() {
    let project = Project::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = refiner(project.path(), ["completions", shell]);
        assert_eq!(script.code, Some(0), "{script:?}");
        for word in ["finalize", "trust", "expected-version"] {
            assert!(script.stdout.contains(word), "{shell} does not complete {word}");
        }
    }
    assert_eq!(refiner(project.path(), ["completions", "none"]).code, Some(2));
}

#[test]
fn the_manual_has_a_page_for_each_subcommand() {
    let project = Project::new();
    let whole = refiner(project.path(), ["man"]);
    assert!(whole.stdout.starts_with(".ie"), "{whole:?}");
    assert!(whole.stdout.contains("doctor"), "{whole:?}");
    let save = refiner(project.path(), ["man", "save"]);
    assert!(save.stdout.contains("patch"), "{save:?}");
    let none = refiner(project.path(), ["man", "none"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(2), ""), "{none:?}");
    assert!(!project.path().join(".refiner").exists());
}
