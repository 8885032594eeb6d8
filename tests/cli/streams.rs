//! Where things are printed, and what that does to them.

use crate::common::{Project, command, finish, on_terminal, refiner};

use super::{begun, steady};

#[test]
fn quiet_prints_data_and_errors_only() {
    let project = begun();
    for arguments in [
        &["history", "notes", "--limit", "1"][..],
        &["save", "notes", "--patch", "{}"],
        &["diff", "notes", "2", "2"],
    ] {
        let loud = refiner(project.path(), arguments);
        let quiet = refiner(project.path(), [arguments, &["--quiet"]].concat());
        assert!(!loud.stderr.is_empty() && quiet.stderr.is_empty(), "{loud:?} {quiet:?}");
        assert_eq!((quiet.code, quiet.stdout), (loud.code, loud.stdout));
    }
    assert!(!refiner(project.path(), ["show", "nobody", "-q"]).stderr.is_empty());
}

/// Who is asked for colours, and how.
type Wish<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

/// Returns a subcommand that prints data, and one that prints an error.
fn coloured_commands(
    project: &Project,
    (variables, options): Wish<'_>,
) -> [std::process::Command; 2] {
    ["notes", "nobody"].map(|name| {
        let mut command = command(project.path());
        command.args(["show", name]).args(options).envs(variables.iter().copied());
        command
    })
}

#[test]
fn a_pipe_gets_no_colours_unless_they_are_asked_for() {
    let project = begun();
    let cases: [(Wish<'_>, bool); 6] = [
        ((&[], &[]), false),
        ((&[("TERM", "xterm")], &[]), false),
        ((&[("CLICOLOR_FORCE", "1")], &[]), true),
        ((&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]), false),
        ((&[("CLICOLOR_FORCE", "1")], &["--color", "never"]), false),
        ((&[("NO_COLOR", "1")], &["--color", "always"]), true),
    ];
    for (wish, coloured) in cases {
        for mut command in coloured_commands(&project, wish) {
            let finished = finish(&mut command, "");
            let text = finished.stdout + &finished.stderr;
            assert_eq!(text.contains('\u{1b}'), coloured, "{wish:?}: {text}");
        }
    }
}

#[test]
fn a_terminal_gets_colours_unless_they_are_declined() {
    let project = begun();
    let cases: [(Wish<'_>, bool); 5] = [
        ((&[("TERM", "xterm")], &[]), true),
        ((&[("TERM", "xterm"), ("NO_COLOR", "1")], &[]), false),
        ((&[("TERM", "xterm"), ("NO_COLOR", "")], &[]), true),
        ((&[("TERM", "dumb")], &[]), false),
        ((&[("TERM", "xterm")], &["--color", "never"]), false),
    ];
    for (wish, coloured) in cases {
        for command in coloured_commands(&project, wish) {
            let (_, screen) = on_terminal(command, "");
            assert!(screen.contains("named nobody") || screen.contains("version 3"), "{screen}");
            assert_eq!(screen.contains('\u{1b}'), coloured, "{wish:?}: {screen}");
        }
    }
}

#[test]
fn only_a_person_who_types_yes_stops_a_loop() {
    let project = begun();
    for (typed, code, status) in [
        ("no\n", 1, "running"),
        ("y\n", 1, "running"),
        ("\n", 1, "running"),
        ("yes\n", 0, "user_terminated"),
    ] {
        let mut command = command(project.path());
        command.args(["transition", "logo", "stop", "--reason", "enough"]);
        let (ended, screen) = on_terminal(command, typed);
        assert_eq!(ended, Some(code), "{typed:?}: {screen}");
        assert!(
            screen.contains("logo needs your decision: the event stop."),
            "{typed:?}: {screen}"
        );
        assert_eq!(project.state("logo")["convergence_status"], status, "{typed:?}: {screen}");
    }
}

#[test]
fn a_pipe_that_says_yes_is_no_person() {
    let project = begun();
    let mut command = command(project.path());
    let finished = finish(command.args(["transition", "logo", "stop"]), "yes\nyes\n");
    insta::assert_snapshot!(steady(&project, &finished.stderr), @r"
    error: the event stop needs a person's decision
    hint: ask your user; a person can run: refiner transition logo stop
    ");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""));
    assert_eq!(project.state("logo")["convergence_status"], "running");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let project = begun();
    for arguments in [&["history", "notes"][..], &["list"], &["show", "logo", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(project.path());
        let output = command.args(arguments).stdout(writer).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_an_error() {
    let project = begun();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = command(project.path());
    let output = command.args(["show", "notes"]).stdout(full).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("the command is done") && errors.contains("No space left"), "{errors}");
}
